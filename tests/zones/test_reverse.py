"""The reverse zones that are always answered here."""

from collections.abc import Callable
from ipaddress import ip_address

import dns.rcode
import dns.reversename
import pytest

from resolver import names
from resolver.generation import Generation
from resolver.zones.reverse import LOCAL_REVERSE_ZONES
from tests.support import ask

Compile = Callable[..., Generation]


def test_each_zone_once() -> None:
    """RFC 6303 4 and RFC 7793 3: their number and their names."""
    assert len(set(LOCAL_REVERSE_ZONES)) == len(LOCAL_REVERSE_ZONES) == 1 + 16 + 1 + 7 + 64 + 8
    assert all(names.key(zone) == zone for zone in LOCAL_REVERSE_ZONES)


@pytest.mark.parametrize(
    ("address", "rcode"),
    [
        ("10.1.2.3", dns.rcode.NXDOMAIN),
        ("172.16.0.1", dns.rcode.NXDOMAIN),
        ("172.31.255.255", dns.rcode.NXDOMAIN),
        ("172.32.0.1", dns.rcode.REFUSED),
        ("172.15.0.1", dns.rcode.REFUSED),
        ("192.168.1.1", dns.rcode.NXDOMAIN),
        ("100.64.0.1", dns.rcode.NXDOMAIN),
        ("100.127.255.255", dns.rcode.NXDOMAIN),
        ("100.128.0.1", dns.rcode.REFUSED),
        ("127.0.0.1", dns.rcode.NXDOMAIN),
        ("169.254.1.1", dns.rcode.NXDOMAIN),
        ("255.255.255.255", dns.rcode.NOERROR),
        ("8.8.8.8", dns.rcode.REFUSED),
        ("::", dns.rcode.NOERROR),
        ("::1", dns.rcode.NOERROR),
        ("::2", dns.rcode.REFUSED),
        ("fd00::1", dns.rcode.NXDOMAIN),
        ("fe80::1", dns.rcode.NXDOMAIN),
        ("febf::1", dns.rcode.NXDOMAIN),
        ("fec0::1", dns.rcode.REFUSED),
        ("2001:db8::1", dns.rcode.NXDOMAIN),
        ("2001:db9::1", dns.rcode.REFUSED),
    ],
)
def test_what_is_never_asked_outside(generation: Compile, address: str, rcode: int) -> None:
    """Private addresses stay private; the apex of a zone exists."""
    name = str(dns.reversename.from_address(str(ip_address(address))))
    assert ask(generation(), name, "PTR").rcode() == rcode
