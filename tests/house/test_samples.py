"""The sample zones: clean, and the first questions of a newcomer."""

from collections.abc import Callable

import dns.rcode
import dns.reversename
import pytest

from resolver.generation import Generation
from tests.support import NOW, ROOT, addresses, ask, compiled

NEWCOMER, PROD, STAGING = "127.0.0.1", "127.64.0.1", "127.72.0.1"
Sightline = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def samples() -> Generation:
    """The sample zones, compiled."""
    return compiled(ROOT / "zones", now=NOW)


def test_they_check_clean(sightline: Sightline) -> None:
    """Warnings count."""
    assert sightline("check", "--strict", "--zones", ROOT / "zones") == (0, "", "")


def test_their_size(samples: Generation) -> None:
    """Three environments, three regions, some 25 services."""
    plan = samples.zones.plan
    services = [s for zone in samples.zones.zones for s in zone.services.values()]
    assert set(plan.environments) == {"prod", "staging", "dev"}
    assert len(plan.regions) == 3
    assert len(services) >= 25
    assert any(service.grants for service in services)
    assert any(service.failover for service in services)
    assert any(zone.overrides for zone in samples.zones.zones)


@pytest.mark.parametrize(
    ("source", "name", "found"),
    [
        (NEWCOMER, "payments.dev.us-east-1", True),
        (NEWCOMER, "payments.here", True),
        (NEWCOMER, "payments.dev", True),
        (NEWCOMER, "payments.prod.us-east-1", False),
        (NEWCOMER, "payments.staging.us-east-1", False),
        (PROD, "payments.prod.us-east-1", True),
        (PROD, "payments.here", True),
        (PROD, "payments.dev.us-east-1", False),
        (STAGING, "payments.staging.us-east-1", True),
        (STAGING, "payments.prod.us-east-1", False),
        ("10.64.0.1", "payments.prod.us-east-1", True),
        ("172.17.0.1", "payments.dev.us-east-1", True),
    ],
)
def test_who_sees_what(samples: Generation, source: str, name: str, found: bool) -> None:
    """NOERROR with endpoints, or NXDOMAIN."""
    reply = ask(samples, f"{name}.corp.internal.", source=source)
    assert bool(addresses(reply)) is found
    assert reply.rcode() == (dns.rcode.NOERROR if found else dns.rcode.NXDOMAIN)


def test_an_endpoint_has_a_name_and_a_pointer(samples: Generation) -> None:
    """`dig -x 10.80.16.10`."""
    name = str(dns.reversename.from_address("10.80.16.10"))
    reply = ask(samples, name, "PTR", NEWCOMER)
    assert str(reply.answer[0][0]) == "10-80-16-10.payments.dev.us-east-1.corp.internal."
    assert ask(samples, name, "PTR", PROD).rcode() == dns.rcode.NXDOMAIN


def test_ports_are_srv(samples: Generation) -> None:
    """With the addresses of each endpoint."""
    reply = ask(samples, "_https._tcp.payments.dev.us-east-1.corp.internal.", "SRV", NEWCOMER)
    assert {record.port for record in reply.answer[0]} == {8443}
    assert len(reply.additional) >= len(reply.answer[0])


def test_a_stranger_is_refused(samples: Generation) -> None:
    """The contractors' network is carved out."""
    for source in ("192.0.2.1", "10.65.200.1"):
        reply = ask(samples, "payments.prod.us-east-1.corp.internal.", source=source)
        assert reply.rcode() == dns.rcode.REFUSED
