"""Packing: records on the wire, names as pointers, and the counts of each form of a reply."""

from __future__ import annotations

import struct

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver import names
from resolver.packing import Answer, Packer, make_turn, targets_of
from resolver.rrsets import CNAME, HTTPS, MX, SRV, SVCB, A
from tests.properties.profile import PROFILE

QNAME = names.from_text("web.dev.test.")
QUESTION = QNAME + b"\0\1\0\1"


def read(packer: Packer) -> dns.message.Message:
    """What a client reads."""
    head = struct.pack("!6H", 1, 0x8400, 1, packer.count, 0, 0)
    wire = head + QUESTION + b"".join(packer.parts)
    return dns.message.from_wire(wire, one_rr_per_rrset=True)


def test_a_turn_counts_its_sections() -> None:
    """In full and lean, with an OPT and without; glue is never left out."""
    turn = make_turn(1, 2, 3, b"lean", b"more", glue=1)
    counts = (turn.counts, turn.counts_opt, turn.lean_counts, turn.lean_counts_opt)
    assert [struct.unpack("!4H", c) for c in counts] == [
        (1, 1, 2, 4),
        (1, 1, 2, 5),
        (1, 1, 2, 1),
        (1, 1, 2, 2),
    ]
    assert (turn.body, turn.body[: turn.lean]) == (b"leanmore", b"lean")


def test_a_fresh_answer_was_given_to_nobody() -> None:
    """It has a place in the turns of its own, and one moment for each."""
    made = Answer((make_turn(0, 0, 0, b"", b""),) * 3, 0)
    assert list(made.handed) == [0.0, 0.0, 0.0]
    assert (made.targets, made.longest, made.names_endpoints) == ((), 0, False)


def test_a_guard_reads_one_until_the_answer_is_retired() -> None:
    """Whoever watches has the same one; an answer that nobody watches has none."""
    made, unwatched = (Answer((make_turn(0, 0, 0, b"", b""),), 0) for _ in range(2))
    guard = made.watch()
    assert made.watch() is guard
    assert list(guard) == [1]
    made.retire()
    made.retire()
    assert list(guard) == [0]
    assert list(made.watch()) == [0], "who comes too late is told so"
    unwatched.retire()
    assert unwatched.guard is None


def test_an_owner_that_was_seen_is_a_pointer() -> None:
    """To a whole name of before, or to the end of the question's."""
    packer = Packer(QNAME, is_shared=False)
    target = names.from_text("far.other.test.")
    packer.add(QNAME, CNAME, 30, target)
    packer.add(target, A, 30, bytes(4))
    packer.add(names.from_text("x.other.test."), A, 30, bytes(4))
    assert [str(r.name) for r in read(packer).answer] == [
        "web.dev.test.",
        "far.other.test.",
        "x.other.test.",
    ]
    assert [part[:2] == b"\xc0\x0c" for part in packer.parts[::2]] == [True, False, False]
    assert [len(part) for part in packer.parts[::2]] == [12, 12, 20]


def test_a_shared_answer_points_at_the_question_alone() -> None:
    """The length of the names it serves is not known."""
    packer = Packer(QNAME, is_shared=True)
    packer.add(QNAME, CNAME, 30, names.from_text("far.dev.test."))
    packer.add(names.from_text("far.dev.test."), A, 30, bytes(4))
    assert packer.parts[2].startswith(names.from_text("far.dev.test."))


def test_the_longest_ttl_is_that_of_types_that_hand_out() -> None:
    """A chain of CNAMEs tells of no address."""
    packer = Packer(QNAME, is_shared=False)
    packer.add(QNAME, CNAME, 900, QNAME)
    assert packer.longest == 0
    packer.add(QNAME, A, 30, bytes(4))
    packer.add(QNAME, SRV, 60, bytes(6) + QNAME)
    packer.add(QNAME, A, 5, bytes(4))
    assert packer.longest == 60


LABELS = st.lists(st.sampled_from(["a", "B", "web", "dev", "test", "x" * 63]), max_size=4)


@settings(PROFILE, max_examples=200)
@given(st.lists(st.tuples(LABELS, st.sampled_from([A, CNAME, MX, SRV]), LABELS), max_size=30))
def test_any_records_are_read_as_they_were_packed(
    drawn: list[tuple[list[str], int, list[str]]],
) -> None:
    """Owners and the names in rdata, however often they come again."""
    packer, wanted = Packer(QNAME, is_shared=False), []
    for owner_labels, rtype, target_labels in drawn:
        owner = names.from_labels([label.encode() for label in owner_labels])
        target = names.from_labels([label.encode() for label in target_labels])
        rdata = {A: bytes(4), MX: bytes(2) + target, SRV: bytes(6) + target}.get(rtype, target)
        packer.add(owner, rtype, 30, rdata)
        wanted.append((names.to_text(owner).lower(), rtype, rdata.lower()))
    found = [
        (str(r.name).lower(), int(r.rdtype), r[0].to_wire().lower()) for r in read(packer).answer
    ]
    assert found == wanted


@pytest.mark.parametrize(
    ("rtype", "rdata", "wanted"),
    [
        (MX, b"\0\0\0", []),  # RFC 7505
        (SRV, bytes(7), []),  # RFC 2782
        (HTTPS, b"\0\1\0", ["web.dev.test."]),  # RFC 9460 2.5.2
        (SVCB, b"\0\0\0", []),  # RFC 9460 2.5.1
        (MX, b"\0\0" + names.from_text("m.test."), ["m.test."]),
    ],
)
def test_targets_are_names_that_somebody_has(rtype: int, rdata: bytes, wanted: list[str]) -> None:
    """The root is nobody, but in ServiceMode the owner."""
    assert [names.to_text(name) for name in targets_of(QNAME, rtype, rdata)] == wanted
