"""`explain` and the answer on the wire agree on every question of every scenario, now and later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dns.message
import dns.name
import dns.rcode
import pytest

from resolver import names
from resolver.compile import compile_generation
from resolver.explain import AtDoor, explain
from resolver.generation import Generation
from resolver.history import History
from resolver.outcome import Forward, Outcome
from resolver.query import handle
from resolver.views import Door
from resolver.zones import records
from tests.scenarios.runner import (
    NOW,
    Scenario,
    compile_files,
    judged,
    load_scenario,
    make_doors,
)
from tests.scenarios.test_scenarios import SCENARIOS
from tests.support import addresses, reply_of

Facts = dict[str, Any]
MOST_TURNS = 300  # of one answer that are asked for
ADDRESSES = ("A", "AAAA")


class Question(NamedTuple):
    """One step of a scenario that `explain` can be asked."""

    number: int
    name: str
    rdtype: str
    source: str


class Asking:
    """Asks both, of one generation; explain's question is one with RD over TCP."""

    def __init__(self, scenario: Scenario, generation: Generation) -> None:
        self.door: Door = make_doors(scenario)["tcp"]
        self.generation = generation

    def explain(self, question: Question) -> Facts:
        pin = None
        if self.door.environment is not None:
            pin = (self.door.environment, self.door.region or "")
        client = AtDoor(question.source, pin)
        qtype = records.type_number(question.rdtype)
        return explain(self.generation, question.name, qtype, client)

    def ask(self, question: Question) -> Outcome:
        query = dns.message.make_query(question.name, question.rdtype)
        return handle(query.to_wire(), question.source, self.door, self.generation)

    def agree(self, question: Question) -> Facts:
        """Hold one to the other; what was explained."""
        outcome, facts = self.ask(question), self.explain(question)
        if isinstance(outcome, Forward):
            asked = facts["elsewhere"][0]
            assert facts["rcode"] is None
            assert asked["name"] == names.to_text(outcome.name)
            servers = [item["upstream"] for item in asked["upstreams"]]
            assert servers == [str(upstream) for upstream in outcome.route.upstreams]
            return facts
        reply = reply_of(outcome)
        message = dns.message.from_wire(reply.wire)
        assert facts["rcode"] == dns.rcode.to_text(message.rcode())
        assert (facts["source"], facts["reason"]) == (reply.source, reply.reason.word)
        if message.rcode() == dns.rcode.NOERROR and message.answer:
            self._agree_on_records(question, facts, message)
        return facts

    def _agree_on_records(
        self, question: Question, facts: Facts, message: dns.message.Message
    ) -> None:
        steps = {(step["owner"].lower(), step["type"]): step for step in facts.get("chain", [])}
        answered = {
            (rrset.name.to_text().lower(), records.type_text(rrset.rdtype))
            for rrset in message.answer
        }
        assert steps.keys() == answered
        turns = list(self._turns(question, steps.values())) or [message]
        for key, step in steps.items():
            lowest = min(
                rrset.ttl
                for turn in turns
                for rrset in turn.answer
                if (rrset.name.to_text().lower(), records.type_text(rrset.rdtype)) == key
            )
            assert step["ttl"] == lowest
        last = facts["chain"][-1]
        if last["type"] in ADDRESSES:
            given = {address for turn in turns for address in addresses(turn)}
            assert given == set(last["values"])
            if "selection" in last:
                self._agree_on_shares(last, turns)

    def _turns(self, question: Question, steps: Any) -> Iterator[dns.message.Message]:
        """The turns of the answer, once each, where they take turns."""
        if not any(step["type"] in ADDRESSES for step in steps):
            return
        view = self.generation.view_of(question.source)
        if self.door.environment is not None:
            view = self.generation.pinned(self.door.environment, self.door.region or "")
        assert view is not None
        query = dns.message.make_query(question.name, question.rdtype).to_wire()
        answer = view.answers.find(query[12:-4].lower() + query[-4:])
        assert answer is not None
        assert len(answer.turns) <= MOST_TURNS
        for _ in answer.turns:
            yield dns.message.from_wire(reply_of(self.ask(question)).wire)

    def _agree_on_shares(self, step: Facts, turns: list[dns.message.Message]) -> None:
        """An endpoint's share is that of the answers in which it stands first."""
        (selection,) = step["selection"]
        shares: Counter[str] = Counter()
        for item in selection["endpoints"]:
            shares[item["address"]] += item["share"]
        first = Counter(addresses(turn)[0] for turn in turns)
        for address, share in shares.items():
            part = 100 * first[address] / len(turns)
            assert part == pytest.approx(share, abs=100 / len(turns) + 0.1), address
        served = {item["address"] for item in selection["endpoints"] if item["in"]}
        assert set(step["values"]) <= served


def questions(scenario: Scenario) -> Iterator[Question]:
    """The steps that ask for a name and a type that `explain` knows."""
    for number, step in enumerate(scenario.steps):
        words = step.get("ask", "").split()
        if len(words) != 2:
            continue
        try:
            records.type_number(words[1])
        except records.BadRdata:
            continue
        name = dns.name.from_text(words[0], scenario.origin)
        yield Question(number, name.to_text(), words[1], step["from"])


def explainable(scenario: Scenario, question: Question) -> bool:
    """A pinned listener that refuses some of its clients is asked as one that refuses none."""
    allow = make_doors(scenario)["tcp"].allow
    return allow is None or bool(allow.find(question.source))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_explain_agrees_with_the_answer(path: Path, tmp_path: Path) -> None:
    """The same rcode, source, record sets, TTLs, addresses and shares; so it does later on of the
    time before, when the zones and health are others."""
    scenario = load_scenario(path)
    asked = [q for q in questions(scenario) if explainable(scenario, q)]
    present = judged(compile_files(scenario.zones, tmp_path), scenario.health)
    history, told = History(present, -1.0), {}
    for number, step in enumerate(scenario.steps):
        before = present
        present = judged(before, step.get("health", {}))
        changed = present.health.known.keys() if step.get("health") else ()
        history.flipped(float(number), present.number, before.health, list(changed))
        for question in (q for q in asked if q.number == number):
            told[question] = Asking(scenario, present).agree(question)
    after = compile_generation(present.zones, NOW, 0, present)
    history.reloaded(1000.0, present, after)
    for question, facts in told.items():
        past = history.at(question.number + 0.5, after)
        asking = Asking(scenario, past.generation)
        assert asking.explain(question) == facts
        assert asking.agree(question) == facts
