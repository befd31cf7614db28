"""Record sets: written, and selected."""

import struct
from collections.abc import Callable

import pytest

from healthcheck.health import ALL_UP, Health, HealthTable, State
from resolver import names
from resolver.generation import Generation
from resolver.rrsets import (
    MAX_ROTATED,
    SRV,
    A,
    AliasSet,
    Pick,
    PoolSet,
    PortSet,
    Scope,
    StaticSet,
    find_port,
    ttl_for,
)
from resolver.select import Choice, Mode, Why
from resolver.zones.places import Place
from resolver.zones.zone import Policy
from tests.support import FILES
from tests.test_select import endpoint

TXT = 16

NOWHERE = Place("")
SCOPE = Scope("dev", "east", ALL_UP)
Compile = Callable[..., Generation]


def static(rtype: int, count: int, ttl: int = 30) -> StaticSet:
    """A set of numbered rdata."""
    return StaticSet(rtype, ttl, tuple(struct.pack("!I", n) for n in range(count)), NOWHERE)


def test_written_addresses_take_turns() -> None:
    """Every one stands first once."""
    turns = static(A, 3).draw(SCOPE).turns
    assert [turn.rdatas[0] for turn in turns] == list(static(A, 3).rdatas)
    assert all(sorted(turn.rdatas) == sorted(turns[0].rdatas) for turn in turns)


def test_other_types_keep_their_order() -> None:
    """As written."""
    assert static(TXT, 3).draw(SCOPE).turns == (Pick(static(TXT, 3).rdatas, 30),)


@pytest.mark.parametrize("count", [1, 64, 65, 500, 4000, 5000])
def test_rotations_are_bounded(count: int) -> None:
    """Big sets turn in bigger steps."""
    drawn = static(A, count).draw(SCOPE)
    assert 1 <= len(drawn.turns) <= count
    assert len(drawn.turns) == 1 or len(drawn.turns) * count * 16 <= MAX_ROTATED
    assert all(len(set(turn.rdatas)) == count for turn in drawn.turns)


def test_an_alias_has_the_data_of_its_target_and_its_own_ttl() -> None:
    """Or the lower one of its target."""
    alias = AliasSet(static(A, 2), 7, NOWHERE)
    assert (alias.rtype, alias.ttl, alias.draw(SCOPE)) == (A, 7, static(A, 2, 7).draw(SCOPE))
    assert AliasSet(static(A, 2, 5), 7, NOWHERE).draw(SCOPE) == static(A, 2, 5).draw(SCOPE)


def test_a_pool_draws_what_select_says(generation: Compile) -> None:
    """The turns are the addresses of the cycle."""
    space = generation().namespaces["dev"]
    rrset = space.nodes[names.from_text("web.dev.east.corp.test.")].sets[A]
    assert isinstance(rrset, PoolSet)
    selection, drawn = rrset.selection(SCOPE), rrset.draw(SCOPE)
    assert drawn.mode is Mode.NORMAL
    assert drawn.turns == tuple(
        Pick(tuple(selection.choices[i].address for i in turn), 20) for turn in selection.cycle
    )


def test_ports_are_found_by_name_and_protocol(generation: Compile) -> None:
    """One name may stand for two protocols."""
    zone = FILES["dev.yaml"].replace("{http: 8080}", "{http: 8080}")
    (service,) = (
        found
        for zone_ in generation({**FILES, "dev.yaml": zone}).zones.zones
        for found in zone_.services.values()
        if found.environment == "dev"
    )
    port = find_port(service, "http", "tcp")
    assert port is not None
    assert port.number == 8080
    assert find_port(service, "http", "udp") is None


UNSETTLED = {
    "changing": Health(State.UP, "", changing=True),
    "unknown": Health(State.UNKNOWN, ""),
    "slow": Health(State.UP, "", tenths=9),
    "damped": Health(State.UP, "", damped=True),
}


def choice(found: Health) -> Choice:
    """An endpoint that is in, of this health."""
    return Choice(endpoint(0, 0), b"", None, 0, found, 1, Why.SERVING, 100.0)


@pytest.mark.parametrize("word", UNSETTLED)
@pytest.mark.parametrize(("ttl", "short"), [(0, 0), (3, 3), (5, 5), (6, 5), (3600, 5)])
def test_an_unsettled_endpoint_shortens_the_ttl(word: str, ttl: int, short: int) -> None:
    """To five seconds or what is configured, of whatever holds it; unless the service says no."""
    settled = choice(Health(State.UP, ""))
    mixed = [settled, choice(UNSETTLED[word])]
    assert ttl_for(ttl, Policy(), mixed) == short
    assert ttl_for(ttl, Policy(), [settled]) == ttl
    assert ttl_for(ttl, Policy(ttl_from_health=False), mixed) == ttl
    down = choice(Health(State.DOWN, ""))
    assert ttl_for(ttl, Policy(), [down]) == ttl


def test_srv_shows_tier_and_share(generation: Compile) -> None:
    """As priority and weight; who is out is not in it, nor who has no such port."""
    zone = """\
zones:
  dev.east:
    services:
      s:
        endpoints: [{address: 10.80.1.1, name: a}, {address: 10.80.1.2, name: b, weight: 2}]
        spillover: 1
        failover: [west]
        ports: {http: 80, only: 81}
  dev.west: {services: {s: {endpoints: [{address: 10.81.1.1, name: w}], ports: {http: 8080}}}}
"""
    space = generation({**FILES, "dev.yaml": zone}).namespaces["dev"]
    down = HealthTable(
        {
            (names.from_text("b.s.dev.east.corp.test."), bytes([10, 80, 1, 2])): Health(
                State.DOWN, ""
            )
        }
    )
    shown = []
    for port in ("_http", "_only"):
        rrset = space.nodes[names.from_text(f"{port}._tcp.s.dev.east.corp.test.")].sets[SRV]
        (pick,) = rrset.draw(SCOPE._replace(health=down)).turns
        shown.append([struct.unpack("!HHH", rdata[:6]) for rdata in pick.rdatas])
    assert shown == [[(0, 3333, 80), (1, 6667, 8080)], [(0, 3333, 81)]]


def test_srv_lives_shortly_while_either_address_is_unsettled(generation: Compile) -> None:
    """It leads to both."""
    zone = FILES["dev.yaml"].replace("10.80.1.1,", '{addresses: [10.80.1.1, "fd00::1"]},', 1)
    space = generation({**FILES, "dev.yaml": zone}).namespaces["dev"]
    rrset = space.nodes[names.from_text("_http._tcp.web.dev.east.corp.test.")].sets[SRV]
    assert isinstance(rrset, PortSet)
    endpoint = rrset.tiers.pool(SCOPE).named.endpoints[0]
    assert endpoint.v6 is not None
    calm = rrset.draw(SCOPE)
    starting = HealthTable({(endpoint.key, endpoint.v6): Health(State.UP, "up", changing=True)})
    unsettled = rrset.draw(SCOPE._replace(health=starting))
    assert [pick.ttl for pick in (*calm.turns, *unsettled.turns)] == [20, 5]
    assert unsettled.turns[0].rdatas == calm.turns[0].rdatas
