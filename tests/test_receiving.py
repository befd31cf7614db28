"""What a worker makes of messages; that it answers the same is `properties/test_received.py`."""

from __future__ import annotations

from collections.abc import Callable

from healthcheck.health import Health, State
from resolver import sending
from resolver.background import at_once
from resolver.generation import Generation
from resolver.messages import Flip, HealthPiece
from resolver.receiving import MOST_TOUCHED, Receiver
from tests.properties import flipping
from tests.properties.test_received import Played
from tests.support import FILES, PLAN, addresses, ask

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."
DOWN = Health(State.DOWN, "refused")
OTHER = {**FILES, "dev.yaml": FILES["dev.yaml"].replace("TXT: hello", "TXT: bye")}


def numbered(generation: Generation, number: int) -> Generation:
    return generation.judged_anew(number, generation.health, ())


def test_what_did_not_change_is_the_same_object(generation: Compile) -> None:
    """Its namespace, its prepared answers, its networks."""
    worker = Played()
    first = worker.serve(generation())
    second = worker.serve(numbered(generation(OTHER), 5))
    for region in ("east", "west"):
        assert second.views["prod", region] is first.views["prod", region]
    assert second.views["dev", "east"] is not first.views["dev", "east"]
    assert second.namespaces["prod"] is first.namespaces["prod"]
    assert second.number == 5


def test_routes_that_are_the_same_keep_their_identity(generation: Compile) -> None:
    """It is the token by which cached replies know that they are still right."""
    plan = PLAN.replace("forward: none", "forward: {upstreams: [127.0.0.8]}")
    files = {**OTHER, "environments.yaml": plan}
    worker = Played()
    first = worker.serve(generation({**FILES, "environments.yaml": plan}))
    second = worker.serve(numbered(generation(files), 2))
    tokens = [made.views["dev", "east"].forwarding for made in (first, second)]
    assert tokens[0] is tokens[1]
    files["environments.yaml"] = plan.replace("127.0.0.8", "127.0.0.9")
    third = worker.serve(numbered(generation(files), 3))
    assert third.views["dev", "east"].forwarding is not tokens[0]


def test_a_flip_that_overtakes_the_first_generation_wins(generation: Compile) -> None:
    """What is known of all targets was written down before it."""
    made = generation()
    target, other = [t for t in flipping.targets(made) if b"\3dev" in t[0]][:2]
    made = flipping.flipped(made, {other: DOWN})
    receiver = Receiver(1)
    assert receiver.flip(Flip(7, {target: DOWN, other: None}, made.health.unobserved)) is None
    receiver.take_health(HealthPiece(made.health.known))
    parcels = Played()
    parcels.receiver = receiver
    served = parcels.serve(made)
    assert served.number == 7
    assert receiver.heard == 7
    assert served.health.known == {target: DOWN}
    assert len(addresses(ask(served, WEB))) == 2


def test_a_flip_of_nothing_known_forgets(generation: Compile) -> None:
    """A target that is watched no more."""
    worker, made = Played(), generation()
    (target, *_) = [t for t in flipping.targets(made) if b"\3dev" in t[0]]
    worker.serve(made)
    for change, count in ((DOWN, 2), (None, 3)):
        worker.tell(Flip(worker.receiver.heard + 1, {target: change}, made.health.unobserved))
        assert worker.receiver.generation is not None
        assert len(addresses(ask(worker.receiver.generation, WEB))) == count


def test_what_is_served_is_not_touched_by_what_is_staged(generation: Compile) -> None:
    """Until it is to be served."""
    worker, first, second = Played(), generation(), generation(OTHER)
    worker.serve(first)
    parcels = dict(worker.parcels)
    played = Played()
    played.serve(second)
    for message in sending.stage(parcels, played.parcels):
        worker.tell(message)
        assert worker.receiver.generation is not None
        text = ask(worker.receiver.generation, "text.dev.east.corp.test.", "TXT")
        assert "hello" in text.to_text()


def test_when_much_changed_answers_are_prepared_again(generation: Compile) -> None:
    """Dropping one after the other would take longer than that."""
    count = MOST_TOUCHED // 2 + 100
    many = [
        "zone: dev.west\nrecords:\n"
        + "".join(f"  n{n}: {{A: 10.81.{last}.{n % 250}}}\n" for n in range(3 * count))
        for last in (1, 2)
    ]
    few = many[0].replace("n7: {A: 10.81.1.7}", "n7: {A: 10.81.1.8}")
    made = generation({**FILES, "west.yaml": many[0]})
    kept = []
    for text in (few, many[1]):
        worker = Played()
        first = worker.serve(made)
        before = first.views["dev", "east"].answers.find(flipping.key(WEB, "A"))
        changed = worker.serve(numbered(generation({**FILES, "west.yaml": text}), 2))
        kept.append(changed.views["dev", "east"].answers.find(flipping.key(WEB, "A")) is before)
    assert kept == [True, False]


def test_what_is_retired_is_taken_apart_in_steps(generation: Compile) -> None:
    """All of what was altered; nothing of what is served."""
    worker = Played()
    worker.serve(generation())
    old = worker.receiver._parcels["dev"]
    served = worker.serve(numbered(generation(OTHER), 2))
    at_once(worker.receiver.release())
    assert not old.nodes
    assert len(addresses(ask(served, WEB))) == 3
