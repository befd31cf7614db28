"""Names that are asked of nobody."""

from __future__ import annotations

from collections.abc import Callable

import dns.rcode
import pytest

from resolver import names
from resolver.generation import Generation
from resolver.outcome import Forward
from resolver.query import handle
from resolver.zones.reverse import LOCAL_REVERSE_ZONES
from resolver.zones.special import LOCAL_ZONES, LOCALHOST, SPECIAL_ZONES
from tests.support import DEV_CLIENT, FILES, UDP, addresses, ask, question

Compile = Callable[..., Generation]


def test_each_zone_once() -> None:
    """As keys; the reverse zones are among them, and localhost among the special ones."""
    assert len(set(LOCAL_ZONES)) == len(LOCAL_ZONES) == len(LOCAL_REVERSE_ZONES) + 9
    assert all(names.key(zone) == zone for zone in LOCAL_ZONES)
    assert {*LOCAL_REVERSE_ZONES, *SPECIAL_ZONES} == set(LOCAL_ZONES)
    assert LOCALHOST in SPECIAL_ZONES


def test_none_is_below_another() -> None:
    """Each is a zone of its own."""
    for zone in LOCAL_ZONES:
        assert not any(names.is_below(zone, other) for other in LOCAL_ZONES)


# The company of the tests is below a special name itself; this one is not, and asks upstreams.
ELSEWHERE = (
    FILES["environments.yaml"]
    .replace("corp.test", "corp.example")
    .replace("forward: none", "forward: {upstreams: 127.0.0.1}")
)


@pytest.mark.parametrize(
    "suffix",
    [
        *("invalid.", "test.", "local.", "onion.", "alt.", "home.arpa.", "resolver.arpa."),
        "service.arpa.",
    ],
)
def test_special_names_do_not_exist_and_are_not_asked_for(generation: Compile, suffix: str) -> None:
    """RFC 6761 6: NXDOMAIN with an SOA, though the environment has upstreams."""
    compiled = generation({**FILES, "environments.yaml": ELSEWHERE})
    wire = question("printer.example.")
    assert isinstance(handle(wire, DEV_CLIENT, UDP, compiled), Forward)
    message = ask(compiled, f"printer.{suffix}")
    assert message.rcode() == dns.rcode.NXDOMAIN
    assert [str(rrset.name) for rrset in message.authority] == [suffix]
    assert ask(compiled, suffix).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("name", ["localhost.", "app.localhost.", "a.b.LocalHost."])
def test_localhost_is_the_loopback(generation: Compile, name: str) -> None:
    """RFC 6761 6.3: and so is what is below it."""
    compiled = generation()
    assert addresses(ask(compiled, name)) == ["127.0.0.1"]
    assert addresses(ask(compiled, name, "AAAA")) == ["::1"]
    assert ask(compiled, name, "MX").rcode() == dns.rcode.NOERROR
