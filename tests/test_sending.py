"""What is sent of a generation: what changed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from healthcheck.health import Health, HealthTable, State
from resolver import sending
from resolver.generation import Generation
from resolver.messages import Begin, Piece, Staged
from resolver.parcel import Parcel, pack
from tests.properties import flipping
from tests.support import FILES, PLAN

Compile = Callable[..., Generation]
WEST = "zone: dev.west\nrecords: {a: {A: 10.81.0.1}}\n"


def parcels(generation: Generation) -> dict[str, Parcel]:
    return {name: pack(space) for name, space in generation.namespaces.items()}


def staged(before: sending.Parcels, after: sending.Parcels) -> tuple[Begin, list[Piece]]:
    """The first message, and the pieces; the last says that this was all."""
    first, *pieces, last = sending.stage(before, after)
    assert isinstance(first, Begin)
    assert isinstance(last, Staged)
    return first, [piece for piece in pieces if isinstance(piece, Piece)]


def test_a_beginning_is_sent_as_a_whole(generation: Compile) -> None:
    """Every table of every namespace, but places and checks."""
    sent = parcels(generation())
    first, pieces = staged({}, sent)
    assert first == Begin(frozenset(), frozenset(), frozenset({"dev", "prod"}))
    for name, parcel in sent.items():
        for table in ("zones", "nodes", "glue", "shared"):
            found: dict[bytes, bytes] = {}
            for piece in pieces:
                if (piece.environment, piece.table) == (name, table):
                    found |= piece.put
            assert found == getattr(parcel, table)
    assert {piece.table for piece in pieces} <= {"zones", "nodes", "glue", "shared"}


def test_what_is_equal_is_kept(generation: Compile) -> None:
    """Whoever made it, from whichever lines."""
    first = parcels(generation())
    files = {name: f"# moved\n{text}" for name, text in FILES.items()}
    begin, pieces = staged(first, parcels(generation(files)))
    assert begin == Begin(frozenset({"dev", "prod"}), frozenset(), frozenset())
    assert pieces == []


def test_a_small_change_sends_its_names(generation: Compile) -> None:
    """Those that are gone as well; of the environment that sees it."""
    files = {**FILES, "west.yaml": WEST}
    first = parcels(generation(files))
    files["west.yaml"] = WEST.replace("a:", "b:")
    begin, pieces = staged(first, parcels(generation(files)))
    assert begin == Begin(frozenset({"prod"}), frozenset({"dev"}), frozenset())
    put = {key for piece in pieces if piece.table == "nodes" for key in piece.put}
    gone = {key for piece in pieces if piece.table == "nodes" for key in piece.gone}
    suffix = b"\3dev\4west\4corp\4test\0"
    assert {key for key in put if key.endswith(suffix)} == {b"\1b" + suffix}
    assert b"\1a" + suffix in gone
    assert {piece.environment for piece in pieces} == {"dev"}


def test_a_large_change_is_sent_as_a_whole(generation: Compile) -> None:
    """When most names are others."""
    many = "".join(f"  n{n}: {{A: 10.81.1.{n}}}\n" for n in range(200))
    first = parcels(generation())
    files = {**FILES, "west.yaml": f"zone: dev.west\nrecords:\n{many}"}
    begin, _ = staged(first, parcels(generation(files)))
    assert begin.fresh == {"dev"}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pieces_are_small(generation: Compile, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """So that none of them keeps a query waiting."""
    monkeypatch.setattr(sending, "ENTRIES", 10)
    monkeypatch.setattr(sending, "TARGETS", 2)
    made = generation()
    _, pieces = staged({}, parcels(made))
    assert max(len(piece.put) for piece in pieces) == 10
    known = dict.fromkeys(flipping.targets(made)[:count], Health(State.DOWN, ""))
    told = list(sending.health_of(made.judged_anew(2, HealthTable(known), known)))
    assert [len(piece.known) for piece in told] == [[], [1], [], [2, 1]][count]


def test_networks_are_equal_octets_when_they_are_the_same(generation: Compile) -> None:
    """What a server remembers of addresses is not sent."""
    first, second = generation(), generation()
    first.view_of("10.80.0.1")
    assert sending.networks_of(first) == sending.networks_of(second)
    plan = PLAN.replace("10.81.0.0/16", "10.82.0.0/16")
    other = generation({**FILES, "environments.yaml": plan})
    assert sending.networks_of(first) != sending.networks_of(other)


def test_environments_that_are_no_more_are_sent_no_more(generation: Compile) -> None:
    """They are neither kept nor altered."""
    sent = parcels(generation())
    begin, pieces = staged(sent, {"dev": sent["dev"]})
    assert begin == Begin(frozenset({"dev"}), frozenset(), frozenset())
    assert pieces == []
