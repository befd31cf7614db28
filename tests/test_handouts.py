"""Hand-outs: until when a client may hold an address."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthcheck.health import DeclaredState, Health, State, Target
from resolver import answers
from resolver.background import at_once
from resolver.generation import Generation, Published, release, settle
from resolver.handouts import Handouts, held_by
from resolver.outcome import Reply
from resolver.packing import Answer, make_turn
from resolver.query import handle
from resolver.views import Door
from tests.properties import flipping
from tests.properties.profile import PROFILE
from tests.support import DEV_CLIENT, FILES, PROD_CLIENT, TCP, UDP, compiled, question, reply_of

Compile = Callable[..., Generation]
A_ADDRESS, B_ADDRESS = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
A_TARGET, B_TARGET = (b"\1a\0", A_ADDRESS), (b"\1b\0", B_ADDRESS)
DOWN, UP = Health(State.DOWN, ""), Health(State.UP, "")
DRAINED = Health(State.UP, "", override=DeclaredState.DRAIN)


def answer_of(*bodies: bytes, ttl: int = 30) -> Answer:
    """An answer with these turns, that rests on both targets."""
    made = Answer(tuple(make_turn(1, 0, 0, body, b"") for body in bodies), 0)
    made.longest = ttl
    made.targets = (A_TARGET, B_TARGET)
    return made


def ask(
    generation: Generation,
    name: str,
    rdtype: str = "A",
    now: float = 0.0,
    source: str = DEV_CLIENT,
    door: Door = UDP,
) -> bytes:
    """The octets of a reply at a moment."""
    outcome = handle(question(name, rdtype, edns=1232), source, door, generation, now)
    return reply_of(outcome).wire


def target(generation: Generation, *octets: int) -> Target:
    """The only target with an address."""
    (found,) = (t for t in flipping.targets(generation) if t[1] == bytes(octets))
    return found


# ---------------------------------------------------------------- one answer


def test_only_given_turns_hand_out() -> None:
    """The last moment at which a turn with the address was given, and the TTL."""
    made = answer_of(A_ADDRESS, B_ADDRESS, A_ADDRESS + B_ADDRESS)
    assert held_by(made, A_TARGET) == 0.0
    made.handed[0] = 100.0
    assert (held_by(made, A_TARGET), held_by(made, B_TARGET)) == (130.0, 0.0)
    made.handed[2] = 110.0
    assert (held_by(made, A_TARGET), held_by(made, B_TARGET)) == (140.0, 140.0)


def test_a_name_hands_out_where_clients_follow_it() -> None:
    """SRV whose additional data has no room for the address still names the endpoint."""
    made = answer_of(b"\0\0\0\1\0\x50\1A\0")
    made.handed[0] = 100.0
    assert held_by(made, A_TARGET) == 0.0
    made.names_endpoints = True
    assert (held_by(made, A_TARGET), held_by(made, B_TARGET)) == (130.0, 0.0)


def test_notes_only_grow() -> None:
    """What an answer gave earlier takes nothing back; what nobody holds is pruned."""
    noted = Handouts()
    late, early = answer_of(A_ADDRESS), answer_of(A_ADDRESS)
    late.handed[0], early.handed[0] = 200.0, 100.0
    noted.note(late)
    noted.note(early)
    assert (noted.until(A_TARGET, ()), noted.until(B_TARGET, ())) == (230.0, 0.0)
    noted.prune(230.0)
    assert noted.until(A_TARGET, ()) == 230.0
    noted.prune(230.1)
    assert noted.until(A_TARGET, ()) == 0.0
    assert noted.until(A_TARGET, (early,)) == 130.0


# ---------------------------------------------------------------- in a generation

WEB = "web.dev.east.corp.test."


def test_nobody_holds_what_was_never_given(generation: Compile) -> None:
    """Prepared is not given; nor is what `explain` asks."""
    made = generation()
    ask(made, WEB)
    assert made.held_until(target(made, 10, 80, 1, 1)) == 0.0
    ask(made, WEB, now=100.0)
    assert made.held_until(target(made, 10, 80, 1, 1)) == 120.0


def test_a_drained_endpoint_is_held_for_its_ttl(generation: Compile) -> None:
    """After the flip nothing prolongs it, also when the others are asked for."""
    made = generation()
    one = target(made, 10, 80, 1, 1)
    ask(made, WEB, now=100.0)
    after = flipping.flipped(made, {one: DRAINED})
    for now in (105.0, 110.0, 140.0):
        ask(after, WEB, now=now)
        ask(after, "_http._tcp.web.dev.east.corp.test.", "SRV", now=now)
    assert after.held_until(one) == 120.0
    assert after.held_until(target(made, 10, 80, 1, 2)) == 160.0


def test_a_referral_hands_out_its_name_servers(generation: Compile) -> None:
    """Glue and addresses of servers elsewhere are held like any other."""
    zone = FILES["dev.yaml"] + "  sub: {NS: [web]}\n"
    made = generation({**FILES, "dev.yaml": zone}, is_judged=False)
    wire = bytearray(question("x.sub.dev.east.corp.test.", edns=1232))
    wire[2] &= 0xFE  # without RD a referral is given
    outcome = handle(bytes(wire), DEV_CLIENT, UDP, made, 100.0)
    assert isinstance(outcome, Reply)
    assert target(made, 10, 80, 1, 1)[1] in outcome.wire
    assert made.held_until(target(made, 10, 80, 1, 1)) == 120.0


def test_srv_hands_out_more_endpoints_than_have_addresses_in_it(generation: Compile) -> None:
    """Addresses are added for a bounded number of names; clients look the others up."""
    ends = ", ".join(f"10.80.1.{n}" for n in range(1, 31))
    zone = f"zone: dev.east\nservices: {{web: {{endpoints: [{ends}], ports: {{http: 80}}}}}}\n"
    made = generation({**FILES, "dev.yaml": zone})
    ask(made, "_http._tcp.web.dev.east.corp.test.", "SRV", 100.0, door=TCP)
    assert {made.held_until(t) for t in flipping.targets(made) if t[1][1] == 80} == {130.0}


def test_a_reload_forgets_no_hand_out(zones_dir: Callable[..., Path]) -> None:
    """While the old answers are settled, and after they are gone."""
    directory = zones_dir()
    first = compiled(directory)
    one = target(first, 10, 80, 1, 1)
    ask(first, WEB, now=100.0)
    zones_dir({"dev.yaml": FILES["dev.yaml"].replace("hello", "goodbye")})
    second = compiled(directory, first)
    published = Published(first)
    published.replace(second, retiring=first)
    assert second.held_until(one) == 0.0
    assert published.held_until(one) == 120.0
    at_once(settle(first, second))
    published.retired()
    at_once(release(first, second))
    assert published.held_until(one) == second.held_until(one) == 120.0


# ---------------------------------------------------------------- a model

ASKED = [
    *(
        (name, rdtype)
        for name in ("web", "odd", "flat", "via2", "alias")
        for rdtype in ("A", "AAAA")
    ),
    *(("svc", "HTTPS"), ("svc2", "HTTPS"), ("mail", "MX"), ("closed", "A"), ("cut", "A")),
    *(("ab.mild", "A"), ("a.wild", "A"), ("_http._tcp.web", "SRV"), ("nothing", "A")),
]


def given_by(wire: bytes) -> dict[bytes, int]:
    """Each address of a reply with the TTL for which a client may hold it."""
    found: dict[bytes, int] = {}
    message = dns.message.from_wire(wire)
    for rrset in (*message.answer, *message.additional):
        texts = [str(rdata) for rdata in rrset]
        if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            packed = [rdata.to_wire() for rdata in rrset]
        elif rrset.rdtype == dns.rdatatype.HTTPS:
            hints = [p for rdata in rrset for k, p in rdata.params.items() if int(k) in (4, 6)]
            packed = [
                dns.rdata.from_text("IN", _type_of(a), a).to_wire()
                for h in hints
                for a in h.addresses
            ]
        else:
            assert texts
            continue
        for address in packed:
            assert address is not None
            found[address] = max(found.get(address, 0), rrset.ttl)
    return found


def _type_of(address: str) -> str:
    return "AAAA" if ":" in address else "A"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """The company with everything up."""
    return flipping.company(tmp_path_factory.mktemp("zones"))


@settings(PROFILE, max_examples=12)
@given(choose=st.randoms(use_true_random=False), most=st.sampled_from([1, 3, 65536]))
def test_nobody_holds_an_address_for_longer_than_is_told(
    base: Generation, choose: random.Random, most: int
) -> None:
    """Whatever is asked, over UDP or TCP, whatever flips, and however few answers are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "MAX_PREPARED", most)
        patch.setattr(answers, "MAX_MADE", most)
        every = flipping.targets(base)
        now_served = flipping.compile_anew(base)
        truth: dict[bytes, float] = {}
        for moment in range(1, 40):
            if choose.random() < 0.3:
                change = {choose.choice(every): choose.choice((UP, DOWN, DRAINED))}
                now_served = flipping.flipped(now_served, change)
            name, rdtype = choose.choice(ASKED)
            asked = f"{name}.prod.east.corp.test."
            door = choose.choice((UDP, TCP))
            for address, ttl in given_by(
                ask(now_served, asked, rdtype, float(moment), PROD_CLIENT, door)
            ).items():
                truth[address] = max(truth.get(address, 0.0), moment + ttl)
            for one in every:
                told = now_served.held_until(one)
                if b"\4prod" in one[0]:
                    assert told >= truth.get(one[1], 0.0), (one, asked, rdtype)
                else:
                    assert told == 0.0, one


def test_what_nobody_holds_any_more_is_forgotten() -> None:
    """Whichever thread noted it; what is still held stays."""
    turn = make_turn(1, 0, 0, A_ADDRESS, b"")
    handouts = Handouts()
    for number, note in enumerate((handouts.note, handouts.settle)):
        answer = Answer((turn,), 0)
        answer.targets, answer.longest = (A_TARGET,), 10
        answer.handed[0] = 100.0 + number
        note(answer)
    assert handouts.until(A_TARGET, ()) == 111.0
    handouts.prune(110.5)
    assert handouts.until(A_TARGET, ()) == 111.0
    handouts.prune(112.0)
    assert handouts.until(A_TARGET, ()) == 0.0


def test_what_went_is_noted_whenever_somebody_asks(generation: Compile) -> None:
    """Or in steps between answers; a flip of many targets does not wait for it."""
    made = generation()
    handle(question(WEB), DEV_CLIENT, UDP, made, 100.0)
    (one, *_) = [t for t in flipping.targets(made) if b"\3dev" in t[0]]
    flipped = flipping.flipped(made, {one: DOWN})
    assert len(list(flipped.handouts.catch_up())) == 1
    assert flipped.held_until(one) == 120.0
    handle(question(WEB), DEV_CLIENT, UDP, flipped, 200.0)
    other = next(t for t in flipping.targets(made) if b"\3dev" in t[0] and t != one)
    again = flipping.flipped(flipped, {other: DOWN})
    assert again.held_until(other) == 220.0
    assert list(again.handouts.catch_up()) == []
