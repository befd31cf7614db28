"""`explain` and the answer on the wire agree on every question of every scenario."""

from __future__ import annotations

from pathlib import Path

import dns.message
import dns.name
import dns.rcode
import pytest

from resolver import names
from resolver.explain import explain
from resolver.generation import Generation
from resolver.outcome import Forward
from resolver.query import handle
from resolver.views import Door
from resolver.zones import records
from tests.scenarios.runner import compile_files, judged, load_scenario
from tests.scenarios.test_scenarios import SCENARIOS
from tests.support import reply_of

TCP = Door("tcp", 65535)


def agree(generation: Generation, name: str, rdtype: str, source: str) -> None:
    """Ask both; explain's question is one with RD over TCP."""
    query = dns.message.make_query(name, rdtype)
    outcome = handle(query.to_wire(), source, TCP, generation)
    reply = dns.message.from_wire(reply_of(outcome).wire)
    facts = explain(generation, name, records.type_number(rdtype), source)
    if isinstance(outcome, Forward):
        asked = facts["elsewhere"][0]
        assert facts["rcode"] is None
        assert asked["name"] == names.to_text(outcome.name)
        servers = [item["upstream"] for item in asked["upstreams"]]
        assert servers == [str(upstream) for upstream in outcome.route.upstreams]
        return
    assert facts["rcode"] == dns.rcode.to_text(reply.rcode())
    chain = facts.get("chain", [])
    if reply.rcode() != dns.rcode.NOERROR or not reply.answer:
        return
    shown = {(step["owner"].lower(), step["type"]) for step in chain}
    answered = {
        (rrset.name.to_text().lower(), records.type_text(rrset.rdtype)) for rrset in reply.answer
    }
    assert shown == answered
    total = sum(len(rrset) for rrset in reply.answer)
    # What an answer holds is among what was explained: `max_answers` may leave some out.
    assert total <= sum(len(step["values"]) for step in chain)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_explain_agrees_with_the_answer(path: Path, tmp_path: Path) -> None:
    """The same rcode, and the same record sets in the chain."""
    scenario = load_scenario(path)
    if scenario.door:
        return  # a pinned listener decides by itself: explain has a client only
    generation = judged(compile_files(scenario.zones, tmp_path), scenario.health)
    for step in scenario.steps:
        generation = judged(generation, step.get("health", {}))
        words = step.get("ask", "").split()
        if len(words) != 2:
            continue
        name = dns.name.from_text(words[0], scenario.origin)
        try:
            records.type_number(words[1])
        except records.BadRdata:
            continue
        agree(generation, name.to_text(), words[1], step["from"])
