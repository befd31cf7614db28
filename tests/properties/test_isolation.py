"""What one environment alone may see never shows in anything that another one is told."""

from __future__ import annotations

import random

import dns.message
import dns.name
import dns.rdatatype
from dns.name import Name
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.compile import compile_generation
from resolver.generation import Generation
from tests.properties.asking import ask, records
from tests.properties.profile import PROFILE
from tests.properties.worlds import CLIENTS, LABELS, World, marker, worlds
from tests.reference import existing_names, find_zone
from tests.scenarios.runner import NOW

TYPES = ("A", "AAAA", "ANY", "SRV", "PTR", "MX", "NS", "SOA", "CNAME", "TXT", "DNAME", "DS")
OTHER = {"a": "b", "b": "a"}
LATER = NOW + 1000


def all_names(world: World, choose: random.Random) -> list[Name]:
    """Every name that exists for anybody, and mutations."""
    known: set[Name] = set()
    for environment in CLIENTS:
        known |= existing_names(world.seen_by(environment))
    names = sorted(name for name in known if len(name) > 2)
    mutations = []
    for name in names:
        label = bytearray(name.labels[0])
        label[choose.randrange(len(label))] = ord(choose.choice("wxyz"))
        mutations.append(Name((bytes(label), *name.labels[1:])))
        mutations.append(Name((choose.choice(LABELS).encode(), *name.labels)))
    return [*names, *mutations]


def replies(generation: Generation, environment: str, names: list[Name]) -> dict[str, bytes]:
    """Every reply that a client of an environment gets, in one order."""
    client = CLIENTS[environment]
    return {
        f"{name} {qtype}": ask(generation, client, name, qtype)
        for number, name in enumerate(names)
        for qtype in (*TYPES[number % 3 :: 3], "ANY")
    }


def is_of(environment: str, text: str) -> bool:
    """Whether rdata is marked as an environment's own: an address or a text."""
    mark = marker(frozenset(environment))
    return text.startswith((f"10.{mark}.", f'"text-{mark}-'))


@settings(PROFILE, max_examples=12)
@given(world=worlds(), choose=st.randoms(use_true_random=False))
def test_no_reply_holds_what_only_the_other_environment_may_see(
    world: World, choose: random.Random
) -> None:
    """No address or text of b alone is in any section of any reply to a; nor the reverse."""
    generation = world.compile()
    names = all_names(world, choose)
    for environment, other in OTHER.items():
        for question, wire in replies(generation, environment, names).items():
            found = records(dns.message.from_wire(wire, one_rr_per_rrset=True))
            for section in found.values():
                for record in section:
                    assert not is_of(other, record.rdata), f"{environment}: {question}: {record}"
                    if record.owner.is_subdomain(dns.name.from_text("10.in-addr.arpa.")):
                        octets = [label.decode() for label in record.owner.labels[:4]][::-1]
                        assert not is_of(other, ".".join(octets)), f"{question}: {record}"


@settings(PROFILE, max_examples=12)
@given(world=worlds(), choose=st.randoms(use_true_random=False))
def test_what_only_the_other_environment_may_see_changes_no_octet(
    world: World, choose: random.Random
) -> None:
    """With everything of b alone taken away, a gets the same replies to the last octet.

    Serials too: the change is made later, and what a sees has not changed.
    """
    names = all_names(world, choose)
    for environment, other in OTHER.items():
        before = world.compile()
        asked = replies(before, environment, names)
        poorer = without(world, other).compile()
        later = compile_generation(poorer.zones, LATER, 0, world.compile())
        for question, wire in replies(later, environment, names).items():
            assert wire == asked[question], f"{environment}: {question}"


def without(world: World, environment: str) -> World:
    """The world without what one environment alone may see."""
    parts = []
    for part in world.parts:
        granted = {name: item for name, item in part.services.items() if item[1]}
        if part.visible != frozenset(environment):
            parts.append(part)
        elif granted:
            parts.append(type(part)(part.apex, part.visible, part.environment, {}, granted))
    return World(parts)


@settings(PROFILE, max_examples=20)
@given(world=worlds(), choose=st.randoms(use_true_random=False))
def test_exists_elsewhere_is_exists_nowhere(world: World, choose: random.Random) -> None:
    """Apart from the name, NXDOMAIN is the same for another's name and for nobody's."""
    generation = world.compile()
    for environment, other in OTHER.items():
        own_zones = world.seen_by(environment)
        own, others = existing_names(own_zones), existing_names(world.seen_by(other))
        for name in sorted(others - own):
            nowhere = Name((b"q" * len(name.labels[0]), *name.labels[1:]))
            if nowhere in own | others or find_zone(own_zones, name) is None:
                continue
            for qtype in TYPES:
                wire = ask(generation, CLIENTS[environment], name, qtype)
                plain = ask(generation, CLIENTS[environment], nowhere, qtype)
                end = 12 + len(name.to_digestable()) + 4
                assert wire[:12] == plain[:12], f"{environment}: {name} {qtype}"
                if _depends_on_the_name(wire):
                    continue
                assert wire[end:] == plain[end:], f"{environment}: {name} {qtype}"


def _depends_on_the_name(wire: bytes) -> bool:
    """DNAME is synthesized with the name asked; wildcards of several addresses take turns."""
    answer = dns.message.from_wire(wire).answer
    return any(
        rrset.rdtype == dns.rdatatype.DNAME or (len(rrset) > 1 and rrset.rdtype == dns.rdatatype.A)
        for rrset in answer
    )


def test_the_markers_are_what_they_say() -> None:
    """Addresses of b alone are recognised, those of both are not."""
    assert is_of("b", "10.2.0.1")
    assert not is_of("b", "10.3.0.1")
    assert marker(frozenset("ab")) == 3
