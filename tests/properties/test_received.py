"""A worker answers as one process would, whatever was reloaded and whatever flipped."""

from __future__ import annotations

import pickle
import random
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import dns.name
from hypothesis import given, settings
from hypothesis import strategies as st

from healthcheck.health import Health, Target
from resolver import sending
from resolver.answers import AnswerTable
from resolver.background import at_once
from resolver.generation import Generation, release, settle
from resolver.messages import Begin, Commit, Flip, HealthPiece, Piece
from resolver.parcel import Parcel, pack
from resolver.receiving import Receiver
from tests import support
from tests.properties import flipping
from tests.properties.asking import ask, verdict_of
from tests.properties.profile import PROFILE
from tests.properties.test_oracle import TYPES
from tests.properties.worlds import CLIENTS, LABELS, World, worlds

QUESTIONS = 60


class Played:
    """A worker, and the supervisor that tells it; every message is packed as on its way."""

    def __init__(self) -> None:
        self.receiver = Receiver(1)
        self.parcels: dict[str, Parcel] = {}

    def tell(self, message: object) -> None:
        told = pickle.loads(pickle.dumps(message, 5))
        match told:
            case Begin():
                at_once(self.receiver.begin(told))
            case Piece():
                self.receiver.take(told)
            case HealthPiece():
                self.receiver.take_health(told)
            case Flip():
                self.receiver.flip(told)
            case Commit():
                old = self.receiver.generation
                new = self.receiver.commit(told)
                if old is not None:
                    at_once(settle(old, new))
                    at_once(release(old, new))
                at_once(self.receiver.release())

    def serve(self, generation: Generation) -> Generation:
        """Have it serve a generation; what it serves then."""
        parcels = {n: pack(space) for n, space in generation.namespaces.items()}
        is_first = self.receiver.generation is None
        for message in sending.stage(self.parcels, parcels):
            self.tell(message)
        for piece in sending.health_of(generation) if is_first else ():
            self.tell(piece)
        self.tell(sending.commit(generation, sending.networks_of(generation)))
        self.parcels = parcels
        assert self.receiver.generation is not None
        return self.receiver.generation


def questions(
    generations: Iterable[Generation], choose: random.Random
) -> list[tuple[dns.name.Name, str]]:
    """Names of any of them, names below those and above, each with some type."""
    spaces = [space for made in generations for space in made.namespaces.values()]
    keys = sorted({key for space in spaces for key in space.nodes})
    asked = []
    for _ in range(QUESTIONS):
        name, _ = dns.name.from_wire(choose.choice(keys), 0)
        if choose.random() < 0.3:
            name = dns.name.Name((choose.choice(LABELS).encode(), *name.labels))
        asked.append((name, choose.choice(TYPES)))
    return asked


def assert_same(
    served: Generation, made: Generation, asked: list[tuple[dns.name.Name, str]]
) -> None:
    """Of all environments, for clients of each and for strangers."""
    for client in (*CLIENTS.values(), "192.0.2.1"):
        for qname, qtype in asked:
            found, wanted = (ask(g, client, qname, qtype) for g in (served, made))
            assert verdict_of(found) == verdict_of(wanted), f"{client}: {qname} {qtype}"
            # Addresses may stand in another turn; anything else is the same octets.
            assert sorted(found) == sorted(wanted)


def thinned(world: World, choose: random.Random) -> World:
    """The world without some of its zones and owners."""
    parts = []
    for part in world.parts:
        if choose.random() < 0.8:
            kept = {owner: sets for owner, sets in part.sets.items() if choose.random() < 0.8}
            parts.append(replace(part, sets=kept))
    return World(parts)


@settings(PROFILE, max_examples=60)
@given(world=worlds(), other=worlds(), choose=st.randoms(use_true_random=False))
def test_a_worker_answers_as_one_process_does(
    world: World, other: World, choose: random.Random
) -> None:
    """What was prepared before a change and is kept is what would be prepared after it."""
    first, second, third = world.compile(), thinned(world, choose).compile(), other.compile()
    asked = questions((first, third), choose)
    worker = Played()
    for number, made in enumerate((second, first, second, third), 1):
        at_present = made.judged_anew(number * 10, made.health, ())
        assert_same(worker.serve(at_present), at_present, asked)


NOTHING = "  nothing: {A: 10.1.1.1}\n"
MOVED = "x-moved: lines\nrecords: {sub: {A: 10.9.9.9}}\n"
EDITS = (
    ("east.yaml", "  via: {CNAME: web}\n", ("", "  via: {CNAME: odd}\n")),
    ("east.yaml", "  cut: {NS: [web, ns.cut]}\n", ("", "  cut: {NS: web}\n")),
    ("east.yaml", '  "*.wild": {CNAME: web}\n', ("", '  "*.wild": {CNAME: web}\n  a.wild: {}\n')),
    (
        "east.yaml",
        "  plain: {A: [10.64.9.1, 10.64.9.2], TXT: hello}\n",
        ("  nothing: {A: 10.1.1.1}\n",),
    ),
    ("east.yaml", "  old: {DNAME: other.test.}\n", ("", "  sub.old: {A: 10.64.9.7}\n")),
    (
        "east.yaml",
        "{address: 10.64.1.3, name: w3}",
        ("{address: 10.64.1.9, name: w3}", "10.64.1.3"),
    ),
    ("east.yaml", "max_answers: 2", ("max_answers: 3\n    ttl: 7",)),
    ("east.yaml", ", share_with: [dev]", ("",)),
    ("west.yaml", "    share_with: [dev]\n", ("",)),
    ("west.yaml", "10.65.1.2", ("10.65.1.7",)),
    ("dev.yaml", "records: {via: {CNAME: web}}\n", ("", "records: {via: {A: 10.80.7.7}}\n")),
    (
        "n2.yaml",
        "records: {sub: {CNAME: web}}\n",
        ("", "x-moved: lines\nrecords: {sub: {A: 10.9.9.9}}\n"),
    ),
)


@settings(PROFILE, max_examples=8)
@given(data=st.data())
def test_after_reloads_and_flips_every_answer_is_the_same(data: st.DataObject) -> None:
    """In every view: the octets of each turn, and whose health it rests on."""
    with tempfile.TemporaryDirectory() as place:
        made = flipping.company(Path(place))
        worker = Played()
        worker.serve(made)
        for number in range(data.draw(st.integers(2, 4))):
            assert worker.receiver.generation is not None
            assert_alike(worker.receiver.generation, made)
            if data.draw(st.booleans()):
                change = data.draw(flipping.some(flipping.targets(made)))
                made = flipping.flipped(made, change)
                known: dict[Target, Health | None] = {t: made.health.known.get(t) for t in change}
                worker.tell(Flip(made.number, known, made.health.unobserved))
                continue
            files = dict(flipping.FILES)
            for file, text, others in data.draw(st.sets(st.sampled_from(EDITS), max_size=4)):
                files[file] = files[file].replace(text, data.draw(st.sampled_from(others)))
            support.write(Path(place), files)
            built = support.compiled(Path(place), made, support.NOW + number, is_judged=False)
            made = built.judged_anew(made.number + 1, made.health, ())
            worker.serve(made)
        assert_alike(worker.receiver.generation, made)


def assert_alike(served: Generation | None, made: Generation) -> None:
    """All answers that are given to anybody."""
    assert served is not None
    found = flipping.answers(served)
    scratch = {key: replace(v, answers=_bare(v.answers)) for key, v in made.views.items()}
    wanted = flipping.answers(replace(made, views=scratch))
    for asked, answer in wanted.items():
        assert flipping.shown(found[asked]) == flipping.shown(answer), asked


def _bare(table: AnswerTable) -> AnswerTable:
    """The same names and health, and nothing prepared."""
    return AnswerTable(table.space, table.scope, 1, {}, table.handouts)
