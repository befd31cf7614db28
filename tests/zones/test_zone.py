"""Zones as values."""

from healthcheck.health import DeclaredState
from resolver.zones.places import Place
from resolver.zones.zone import Endpoint, Zone

NOWHERE = Place("")


def test_who_sees_what() -> None:
    """The zone's own environments, and those that a grant names."""
    zone = Zone(b"\0", "dev", "east", frozenset({"dev"}), NOWHERE)
    assert zone.sees("dev", frozenset())
    assert not zone.sees("prod", frozenset())
    assert zone.sees("prod", frozenset({"prod"}))


def test_addresses_of_an_endpoint() -> None:
    """One of each family at most, IPv4 first."""

    def addresses(v4: bytes | None, v6: bytes | None) -> tuple[bytes, ...]:
        state = DeclaredState.NORMAL
        return Endpoint("x", b"\0", v4, v6, 1, False, state, None, NOWHERE, b"\0").addresses

    assert addresses(b"four", b"six") == (b"four", b"six")
    assert addresses(None, b"six") == (b"six",)
