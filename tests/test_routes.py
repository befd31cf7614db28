"""Whom an environment asks."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.forward.private import is_private
from resolver.routes import (
    NO_DEFAULTS,
    Forwarding,
    Guard,
    Route,
    ServerDefaults,
    delegation_route,
    make_forwardings,
)
from resolver.zones.load import ZonesDirectory
from resolver.zones.upstream import Upstream, read_upstream

Zones = Callable[..., Path]
Make = Callable[..., dict[str, Forwarding]]

ONE, TWO, THREE = (read_upstream(f"127.0.0.{n}") for n in (1, 2, 3))
DEFAULTS = ServerDefaults(upstreams=(ONE,))
SYSTEM = ServerDefaults(system=(TWO,))


def key(text: str) -> bytes:
    """A name as a key."""
    return names.key(names.from_text(text))


@pytest.fixture
def make(zones_dir: Zones) -> Make:
    """The forwardings of `dev`, of what its `forward` says and of the server's defaults."""

    def run(
        forward: str | None = None,
        defaults: ServerDefaults = NO_DEFAULTS,
        *,
        is_alone: bool = False,
    ) -> dict[str, Forwarding]:
        said = "" if forward is None else f", forward: {forward}"
        plan = (
            "domain: corp.test\nnameservers: {ns1: [10.255.0.53]}\nregions: [east, west]\n"
            f"environments:\n  dev: {{clients: {{east: [10.80.0.0/16]}}{said}}}\n"
        )
        if not is_alone:
            plan += "  prod: {clients: {east: [10.64.0.0/16]}, forward: none}\n"
        zones, problems = ZonesDirectory(zones_dir({"environments.yaml": plan})).load()
        assert zones is not None, problems
        return make_forwardings(zones.plan, zones.plan.environments["dev"], defaults)

    return run


def asked(found: Forwarding, name: str) -> tuple[str, ...]:
    """The upstreams of a name, with the kind of their route in front."""
    route = found.find(key(name))
    return () if route is None else (route.kind, *(str(each) for each in route.upstreams))


# ---------------------------------------------------------------- the longest suffix

ROUTES = {
    "example.": "127.0.0.1",
    "a.example.": "127.0.0.2",
    "b.a.example.": "127.0.0.3",
    "ample.": "127.0.0.4",
}


@pytest.mark.parametrize("order", list(permutations(ROUTES)))
def test_the_longest_suffix_wins(make: Make, order: tuple[str, ...]) -> None:
    """In whatever order routes are declared."""
    written = ", ".join(f"{suffix}: {ROUTES[suffix]}" for suffix in order)
    found = make(f"{{upstreams: 127.0.0.9, routes: {{{written}}}}}")["east"]
    for name, server in (
        ("example.", 1),
        ("x.example.", 1),
        ("xa.example.", 1),
        ("a.example.", 2),
        ("x.y.a.example.", 2),
        ("b.a.example.", 3),
        ("x.b.a.example.", 3),
        ("x.ample.", 4),
        ("ple.", 9),
        (".", 9),
    ):
        assert asked(found, name)[1:] == (f"127.0.0.{server}",), name


LABELS = st.lists(st.sampled_from([b"a", b"b", b"ab"]), max_size=4)


@given(st.lists(LABELS, max_size=6), LABELS)
def test_agrees_with_a_scan_of_all_routes(suffixes: list[list[bytes]], labels: list[bytes]) -> None:
    """The obvious way: of all suffixes that the name is at or below, the longest."""
    name = names.from_labels(labels)
    routes = {s: Route(s, "route", (ONE,)) for s in map(names.from_labels, suffixes)}
    holding = [suffix for suffix in routes if names.is_at_or_below(name, suffix)]
    wanted = max(holding, key=len, default=None)
    found = Forwarding("dev", "dev", routes, Guard()).find(name)
    assert (None if found is None else found.suffix) == wanted


def test_suffixes_are_compared_without_case(make: Make) -> None:
    """RFC 4343."""
    found = make("{routes: {Example.COM: 127.0.0.1}}")["east"]
    assert asked(found, "www.example.com.") == ("route", "127.0.0.1")
    assert asked(found, "com.") == ()


def test_a_route_may_be_for_everything(make: Make) -> None:
    """It stands for the usual upstreams."""
    found = make("{upstreams: 127.0.0.9, routes: {'.': 127.0.0.1}}", DEFAULTS)["east"]
    assert asked(found, "www.example.") == ("route", "127.0.0.1")


# ---------------------------------------------------------------- the usual upstreams


@pytest.mark.parametrize(
    ("forward", "defaults", "is_alone", "wanted"),
    [
        ("none", DEFAULTS, False, ()),
        ("none", SYSTEM, True, ()),
        (None, NO_DEFAULTS, False, ()),
        (None, DEFAULTS, False, ("default", "127.0.0.1")),
        (None, DEFAULTS, True, ("default", "127.0.0.1")),
        (None, SYSTEM, False, ()),
        (None, SYSTEM, True, ("system", "127.0.0.2")),
        (None, NO_DEFAULTS, True, ()),
        (None, ServerDefaults(uses_system=True, system=(TWO,)), False, ("system", "127.0.0.2")),
        (None, ServerDefaults(uses_system=True), False, ()),
        ("{upstreams: 127.0.0.3}", DEFAULTS, False, ("upstreams", "127.0.0.3")),
        ("{upstreams: system}", SYSTEM, False, ("system", "127.0.0.2")),
        ("{upstreams: system}", DEFAULTS, False, ()),
        ("{routes: {corp.: 127.0.0.3}}", DEFAULTS, False, ("default", "127.0.0.1")),
        ("{routes: {corp.: 127.0.0.3}}", SYSTEM, True, ("system", "127.0.0.2")),
        (
            "{upstreams: [127.0.0.3, tcp://127.0.0.3, 127.0.0.3]}",
            NO_DEFAULTS,
            False,
            ("upstreams", "127.0.0.3", "tcp://127.0.0.3"),
        ),
    ],
)
def test_the_nearest_that_says_something_is_asked(
    make: Make,
    forward: str | None,
    defaults: ServerDefaults,
    is_alone: bool,
    wanted: tuple[str, ...],
) -> None:
    """Environment, then server; the machine's own resolver unasked for one environment only."""
    found = make(forward, defaults, is_alone=is_alone)
    assert asked(found["east"], "www.example.") == wanted
    assert found["east"] is found["west"]
    assert (found["east"].environment, found["east"].place) == ("dev", "dev")


def test_regions_that_ask_others_have_places_of_their_own(make: Make) -> None:
    """What one was told is not the other's; routes are common to them."""
    found = make(
        "{upstreams: {east: 127.0.0.1, '*': 127.0.0.2}, routes: {corp.: 127.0.0.3}}", DEFAULTS
    )
    assert {region: each.place for region, each in found.items()} == {
        "east": "dev.east",
        "west": "dev.west",
    }
    assert asked(found["east"], "www.example.") == ("upstreams", "127.0.0.1")
    assert asked(found["west"], "www.example.") == ("upstreams", "127.0.0.2")
    assert asked(found["east"], "x.corp.") == asked(found["west"], "x.corp.")


def test_regions_that_ask_alike_share(make: Make) -> None:
    """However it is written."""
    found = make("{upstreams: {east: 127.0.0.1, '*': 127.0.0.1}}")
    assert found["east"] is found["west"]
    assert found["east"].place == "dev"


def test_a_region_without_upstreams_asks_nobody(make: Make) -> None:
    """Where others have some, the server's are not theirs unasked."""
    found = make("{upstreams: {east: 127.0.0.1}}", DEFAULTS)
    assert asked(found["east"], "www.example.") == ("upstreams", "127.0.0.1")
    assert asked(found["west"], "www.example.") == ()


def test_a_route_knows_where_it_is_written(make: Make) -> None:
    """For people; it is the same route wherever that is."""
    found = make("{upstreams: 127.0.0.1, routes: {corp.: 127.0.0.3}}")["east"]
    for name in ("x.corp.", "www.example."):
        route = found.find(key(name))
        assert route is not None
        assert route.place is not None
        assert route.place.file.endswith("environments.yaml")
        assert route == Route(route.suffix, route.kind, route.upstreams)


def test_forwardings_are_the_same_when_they_ask_the_same(make: Make) -> None:
    """Cached replies stay good then."""
    written = "{upstreams: 127.0.0.1, routes: {corp.: 127.0.0.3}}"
    first, second = make(written)["east"], make(written)["east"]
    assert first is not second
    assert first.is_same(second)
    assert not first.is_same(make("{upstreams: 127.0.0.1}")["east"])
    guarded = make(written, ServerDefaults(guard=Guard("deny")))["east"]
    assert not first.is_same(guarded)


def test_a_delegation_is_a_route_to_its_servers() -> None:
    """Port 53 over UDP."""
    route = delegation_route(key("cut.test."), (bytes((127, 0, 0, 1)), bytes(15) + b"\1"))
    assert route.is_delegation
    assert route.suffix == key("cut.test.")
    assert route.upstreams == (
        Upstream("udp", ip_address("127.0.0.1"), 53),
        Upstream("udp", ip_address("::1"), 53),
    )
    assert not Route(names.ROOT, "system", (ONE,)).is_delegation


# ---------------------------------------------------------------- the rebinding guard

PUBLIC = read_upstream("9.9.9.9")


@pytest.mark.parametrize(
    ("policy", "upstream", "name", "applies"),
    [
        ("default", PUBLIC, "www.example.", True),
        ("default", ONE, "www.example.", False),
        ("default", PUBLIC, "x.corp.", False),
        ("default", PUBLIC, "corp.", False),
        ("default", PUBLIC, "notcorp.", True),
        ("deny", ONE, "www.example.", True),
        ("deny", PUBLIC, "x.corp.", False),
        ("allow", PUBLIC, "www.example.", False),
    ],
)
def test_the_guard_holds_public_upstreams_to_public_addresses(
    policy: str, upstream: Upstream, name: str, applies: bool
) -> None:
    """Unless a suffix may have private ones, or the configuration says otherwise."""
    is_near = is_private(upstream.address.packed)
    assert Guard(policy, (key("corp."),)).applies(key(name), is_near=is_near) is applies


def test_defaults_say_whether_there_is_anybody_to_ask() -> None:
    """What resolv.conf says counts only where it is asked for."""
    assert DEFAULTS.has_upstreams
    assert ServerDefaults(uses_system=True).has_upstreams
    assert not SYSTEM.has_upstreams
    assert not NO_DEFAULTS.has_upstreams
