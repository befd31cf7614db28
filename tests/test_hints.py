"""Hints that follow the selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from healthcheck.health import ALL_UP
from resolver import names
from resolver.generation import Generation
from resolver.hints import HintedSet, written
from resolver.rrsets import AAAA, HTTPS, A, Pick, Scope, StaticSet
from resolver.zones import records, svcb
from resolver.zones.places import Place
from resolver.zones.zone import RecordSet
from tests.support import FILES, NOW, ask

Compile = Callable[..., Generation]
SCOPE = Scope("dev", "east", ALL_UP)
OWNER = names.from_text("svc.dev.east.corp.test.")
PARAMETERS = {
    "both": "1 web ipv4hint=auto ipv6hint=auto",
    "four": "1 web ipv4hint=auto",
    "none": "1 web",
}


def hinted(generation: Compile, value: str) -> StaticSet | HintedSet:
    """The set of `svc`, as a node of the namespace holds it."""
    files = {**FILES, "dev.yaml": FILES["dev.yaml"] + f"  svc: {{HTTPS: {value}}}\n"}
    found = generation(files).namespaces["dev"].nodes[OWNER].sets[HTTPS]
    assert isinstance(found, StaticSet | HintedSet)
    return found


def turns(family: int, count: int, ttl: int = 30) -> tuple[Pick, ...]:
    """As many turns as addresses, each with one."""
    size = 4 if family == A else 16
    return tuple(Pick((bytes([*bytes(size - 1), n + 1]),), ttl) for n in range(count))


def filled(
    found: StaticSet | HintedSet, four: tuple[Pick, ...], six: tuple[Pick, ...]
) -> list[Pick]:
    """The turns with hints of these."""
    assert isinstance(found, HintedSet)
    made = found.filled(OWNER, lambda _, rtype: {A: four, AAAA: six}[rtype])
    return list(made.draw(SCOPE).turns)


def test_only_automatic_hints_are_looked_up() -> None:
    """Whatever else is written stays as it is."""
    web = names.from_text("web.test.")
    for value, kind in ((b"\0\1" + web, StaticSet), (b"\0\1" + web + b"\0\4\0\0", HintedSet)):
        place = Place("")
        item = RecordSet(OWNER, HTTPS, 30, (value,), frozenset(), None, place, (place,))
        assert type(written(item)) is kind


def test_without_addresses_there_is_no_hint(generation: Compile) -> None:
    """Neither by itself nor when its target has none."""
    found = hinted(generation, PARAMETERS["both"])
    for pick in (*found.draw(SCOPE).turns, *filled(found, (), ())):
        assert not svcb.has_auto_hints(pick.rdatas[0])
        assert "hint" not in records.to_text(HTTPS, pick.rdatas[0])


def test_the_lowest_ttl_rules(generation: Compile) -> None:
    """Of the record's own and those of the addresses in the turn."""
    found = hinted(generation, PARAMETERS["both"])
    assert [p.ttl for p in filled(found, turns(A, 1, 5), turns(AAAA, 1))] == [5]
    assert [p.ttl for p in filled(found, turns(A, 1, 900), turns(AAAA, 1, 900))] == [found.ttl]


@pytest.mark.parametrize(("four", "six"), [(2, 3), (4, 6), (7, 1), (250, 3), (255, 254)])
def test_every_cycle_goes_round_whole(generation: Compile, four: int, six: int) -> None:
    """Each address stands first in its share, whatever the other family has; to two points."""
    made = filled(hinted(generation, PARAMETERS["both"]), turns(A, four), turns(AAAA, six))
    assert len(made) <= 256
    shown = [records.to_text(HTTPS, pick.rdatas[0]).split() for pick in made]
    for position, count in ((-2, four), (-1, six)):
        seen = Counter(words[position] for words in shown)
        shares = [100 * n / len(made) for n in seen.values()]
        assert shares == pytest.approx([100 / count] * len(seen), abs=2)


def test_hints_on_the_wire_are_those_of_the_target(generation: Compile) -> None:
    """Whatever a question for the target would be answered with."""
    zone = FILES["dev.yaml"] + "  svc: {HTTPS: 1 web ipv4hint=auto}\n"
    made = generation({**FILES, "dev.yaml": zone}, now=NOW)
    seen = set()
    for _ in range(3):
        (rrset,) = ask(made, "svc.dev.east.corp.test.", "HTTPS").answer
        assert rrset.ttl == 20
        hints = rrset[0].params[4].addresses
        assert set(hints) == {"10.80.1.1", "10.80.1.2", "10.80.1.3"}
        seen.add(hints[0])
    assert len(seen) == 3
