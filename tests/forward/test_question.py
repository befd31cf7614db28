"""What is asked of an upstream."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.forward.question import (
    CHECKING_DISABLED,
    DNSSEC_OK,
    OFFERED,
    make_query,
    spell,
)

QUESTION = names.from_text("wWw.example-1.") + b"\0\x1c\0\1"
LABELS = st.lists(st.binary(min_size=1, max_size=20), max_size=8)


def all_ones(count: int) -> bytes:
    """Octets of a die that always shows the same."""
    return b"\xff" * count


@given(LABELS, st.binary(min_size=255, max_size=255))
def test_a_spelling_is_the_name_up_to_case(labels: list[bytes], dice: bytes) -> None:
    """Length octets and what is no letter of ASCII are never touched."""
    qname = names.from_labels(labels)
    spelled = spell(qname, lambda count: dice[:count])
    assert spelled.lower() == qname.lower()
    assert [len(label) for label in names.labels(spelled)] == [len(label) for label in labels]


def test_each_letter_is_spelled_by_chance() -> None:
    """One bit of chance for each; without chance it stays."""
    name = names.from_text("abc-9Z[.example.")
    assert spell(name, all_ones) == names.from_text("ABC-9z[.EXAMPLE.")
    assert spell(name, bytes) == name
    assert spell(b"\0", all_ones) == b"\0"


@given(st.binary(min_size=12, max_size=12))
def test_every_spelling_can_come(dice: bytes) -> None:
    """Which letters turn is what the octets say, place by place."""
    name = b"\x0aabcdefghij\0"
    spelled = spell(name, lambda count: dice[:count])
    turned = [bool(octet & 0x20) for octet in dice]
    assert [a != b for a, b in zip(name, spelled, strict=True)] == [
        is_letter and turn
        for is_letter, turn in zip([False, *[True] * 10, False], turned, strict=True)
    ]


@pytest.mark.parametrize("with_edns", [True, False])
@pytest.mark.parametrize("dnssec_ok", [0, DNSSEC_OK])
@pytest.mark.parametrize("checking_disabled", [0, CHECKING_DISABLED])
def test_the_query_is_what_dnspython_reads(
    with_edns: bool, dnssec_ok: int, checking_disabled: int
) -> None:
    """One question with RD and AD, our EDNS, and of the client's flags DO and CD only."""
    flags = dnssec_ok | checking_disabled
    wire = make_query(b"\x12\x34", QUESTION, flags, with_edns=with_edns)
    message = dns.message.from_wire(wire)
    assert message.id == 0x1234
    expected = dns.flags.RD | dns.flags.AD | (dns.flags.CD if checking_disabled else 0)
    assert message.flags == expected
    (asked,) = message.question
    assert asked.name.to_wire() == QUESTION[:-4]
    assert (asked.rdtype, asked.rdclass) == (dns.rdatatype.AAAA, dns.rdataclass.IN)
    assert not message.answer + message.authority + message.additional
    assert message.edns == (0 if with_edns else -1)
    assert message.options == ()
    if with_edns:
        assert message.payload == OFFERED
        assert message.ednsflags == (dns.flags.DO if dnssec_ok else 0)


@given(LABELS, st.integers(0, 65535), st.integers(0, 3), st.booleans())
def test_any_question_is_a_well_formed_query(
    labels: list[bytes], qtype: int, flags: int, with_edns: bool
) -> None:
    """The question stands in it as it was spelled."""
    question = names.from_labels(labels) + qtype.to_bytes(2, "big") + b"\0\1"
    wire = make_query(b"\0\1", question, flags, with_edns=with_edns)
    assert wire[12 : 12 + len(question)] == question
    assert len(wire) == 12 + len(question) + (11 if with_edns else 0)
    message = dns.message.from_wire(wire)
    assert message.question[0].name == dns.name.from_wire(question, 0)[0]
