"""Preparation: what a question comes to, packed, and what it rests on."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest

from healthcheck.health import Health, HealthTable, NotingTable, State, Target
from resolver import names
from resolver.generation import Generation
from resolver.outcome import Rcode, Reason
from resolver.packing import Answer
from resolver.prepare import Preparation
from resolver.zones import records
from tests.support import FILES

Compile = Callable[..., Generation]
ZONE = (
    FILES["dev.yaml"].replace("ttl: 20\n", "ttl: 20\n    fail: closed\n")
    + """\
  via: {CNAME: web}
  away: {CNAME: www.example.net.}
  mail: {MX: 0 web}
  sub: {NS: [web, ns.sub]}
  ns.sub: {A: 10.80.9.9}
"""
)


def target(number: int) -> Target:
    """An endpoint of `web`."""
    owner = names.from_text(f"10-80-1-{number}.web.dev.east.corp.test.")
    return owner, bytes([10, 80, 1, number])


DOWN = HealthTable({target(n): Health(State.DOWN, "") for n in (1, 2, 3)})


def prepared(
    generation: Generation, name: str, rdtype: str = "A", health: HealthTable | None = None
) -> tuple[Answer | None, set[Target], array[int]]:
    """The answer, what it rests on, and the place on its wheel."""
    view = generation.views["dev", "east"].answers
    noting = NotingTable(health if health is not None else generation.health)
    place = array("Q", (7, 0))
    made = Preparation(view.space, view.scope._replace(health=noting), lambda _: place)
    qname = names.from_text(f"{name}.dev.east.corp.test.")
    answer = made.prepare(qname, records.type_number(rdtype), b"", is_shared=False)
    return answer, set(noting.asked), place


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [("web", "A"), ("via", "A"), ("_http._tcp.web", "SRV"), ("mail", "MX"), ("x.sub", "A")],
)
def test_an_answer_rests_on_the_whole_pool(generation: Compile, name: str, rdtype: str) -> None:
    """Behind a CNAME, in additional data and in a referral's addresses too."""
    made = generation({**FILES, "dev.yaml": ZONE}, is_judged=False)
    answer, asked, _ = prepared(made, name, rdtype)
    assert answer is not None
    assert asked == {target(1), target(2), target(3)}
    assert answer.longest >= 20


@pytest.mark.parametrize(
    ("name", "rdtype"), [("text", "TXT"), ("10-80-1-1.web", "A"), ("via", "CNAME"), ("no", "A")]
)
def test_other_answers_rest_on_nothing(generation: Compile, name: str, rdtype: str) -> None:
    """Endpoint names do not follow health."""
    answer, asked, _ = prepared(
        generation({**FILES, "dev.yaml": ZONE}, is_judged=False), name, rdtype
    )
    assert answer is not None
    assert asked == set()


def test_nothing_up_is_a_failure_that_rests_on_the_pool(generation: Compile) -> None:
    """So that it ends as soon as one of them is up."""
    answer, asked, _ = prepared(
        generation({**FILES, "dev.yaml": ZONE}, is_judged=False), "via", health=DOWN
    )
    assert answer is not None
    assert (answer.rcode, answer.reason) == (Rcode.SERVFAIL, Reason.NO_HEALTHY_ENDPOINT)
    assert asked == {target(1), target(2), target(3)}


def test_the_wheel_goes_on_with_the_same_turns_and_jumps_with_others(generation: Compile) -> None:
    """Else flips in step with questions would skip the same turns each time."""
    made = generation()
    view = made.views["dev", "east"].answers
    place, qname = array("Q", (7, 0)), names.from_text("web.dev.east.corp.test.")
    positions = []
    for down in ((), (), (1,), (1,), ()):
        table = HealthTable({target(n): Health(State.DOWN, "") for n in down})
        scope = view.scope._replace(health=table)
        answer = Preparation(view.space, scope, lambda _: place).prepare(
            qname, 1, b"", is_shared=False
        )
        assert answer is not None
        assert answer.position is place
        positions.append(place[0])
    assert positions[:2] == [7, 7]
    assert positions[2] == positions[3] != 7
    assert positions[4] not in positions[:4]


def test_outside_of_all_zones_nothing_is_prepared(generation: Compile) -> None:
    """Unless a chain led there: then the chain is the answer."""
    made = generation({**FILES, "dev.yaml": ZONE}, is_judged=False)
    view = made.views["dev", "east"].answers
    preparation = Preparation(view.space, view.scope, lambda _: array("Q", (0, 0)))
    assert preparation.prepare(names.from_text("example.net."), 1, b"", is_shared=False) is None
    answer, _, _ = prepared(made, "away")
    assert answer is not None
    assert answer.rcode == Rcode.NOERROR
