"""The compiled answers against the reference look-up."""

from __future__ import annotations

import random

import dns.name
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.asking import ask, verdict_of
from tests.properties.profile import PROFILE
from tests.properties.worlds import APEXES, CLIENTS, LABELS, World, worlds
from tests.reference import Zone, existing_names, look_up

TYPES = ("A", "TXT", "MX", "CNAME", "NS", "SOA", "DNAME", "DS", "SRV", "ANY", "AAAA", "PTR")
QUESTIONS = 30


def questions(zones: list[Zone], choose: random.Random) -> list[tuple[dns.name.Name, str]]:
    """Names that exist, their parents, names below them, and others; each with some type."""
    known = sorted({record.owner for zone in zones for record in zone.records})
    asked = []
    for _ in range(QUESTIONS):
        if choose.random() < 0.7:
            name = choose.choice(known)
        else:
            name = dns.name.from_text(choose.choice(APEXES))
        for _ in range(choose.choice((0, 0, 0, 1, 2))):
            if choose.random() < 0.5 and len(name) > 2:
                name = name.parent()
            else:
                name = dns.name.Name((choose.choice(LABELS).encode(), *name.labels))
        asked.append((name, choose.choice(TYPES)))
    return asked


@settings(PROFILE, max_examples=100)
@given(world=worlds(), choose=st.randoms(use_true_random=False))
def test_compiled_answers_and_the_reference_agree(world: World, choose: random.Random) -> None:
    """rcode, AA, the answer and the kind of authority are those of the slow look-up."""
    generation = world.compile()
    for environment, client in CLIENTS.items():
        zones = world.seen_by(environment)
        existing = existing_names(zones)
        for qname, qtype in questions(zones, choose):
            expected = look_up(zones, existing, qname, qtype)
            wire = ask(generation, client, qname, qtype)
            assert verdict_of(wire) == expected, f"{environment}: {qname} {qtype}"
