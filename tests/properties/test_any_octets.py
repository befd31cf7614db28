"""Any octets at all: an outcome, never an exception, never a reply to a reply."""

from __future__ import annotations

import json

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.elsewhere import answer_without_asking
from resolver.generation import Generation
from resolver.message import read
from resolver.outcome import Drop, Forward, Reply
from resolver.query import handle
from resolver.views import Door
from tests.properties.profile import PROFILE
from tests.scenarios.runner import compile_files

ZONES = {
    "all.yaml": json.dumps(
        {
            "zones": {
                "infra": {
                    "visible_to": ["prod"],
                    "records": {
                        "many": {"A": [f"10.0.0.{n}" for n in range(1, 100)]},
                        "*.w": {"CNAME": ["many"]},
                        "old": {"DNAME": ["w"]},
                        "cut": {"NS": ["ns.cut"]},
                        "ns.cut": {"A": ["10.0.1.1"]},
                        "mail": {"MX": ["10 many"]},
                        "top": {"ALIAS": ["many"]},
                    },
                }
            }
        }
    ),
    "environments.yaml": json.dumps(
        {
            "domain": "corp.internal",
            "regions": ["east"],
            "environments": {"prod": {"clients": {"east": ["127.64.0.0/16"]}}},
            "trusted_forwarders": ["127.99.0.0/16"],
        }
    ),
}
OWNERS = ("many", "x.w", "x.old", "x.cut", "cut", "mail", "top", "nope", "x.here", "@")
EXAMPLES = settings(PROFILE, max_examples=700)
DOORS = st.sampled_from(
    [Door("udp", 1232), Door("tcp", 65535), Door("udp", 1232, "prod", "east"), Door("udp", 512)]
)
SOURCES = st.sampled_from(["127.64.0.1", "127.0.0.1", "127.99.0.1", "::1", "::ffff:127.64.0.1"])


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    return compile_files(ZONES, tmp_path_factory.mktemp("zones"))


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """Well-formed queries, of every kind."""
    owner = draw(st.sampled_from(OWNERS))
    name = "infra.corp.internal." if owner == "@" else f"{owner}.infra.corp.internal."
    rtype = draw(st.sampled_from(["A", "AAAA", "MX", "NS", "ANY", "SOA", "DS", "AXFR", "OPT"]))
    query = dns.message.make_query(name, rtype)
    if draw(st.booleans()):
        octets = draw(st.binary(max_size=12))
        option = dns.edns.GenericOption(
            dns.edns.OptionType.make(draw(st.sampled_from([8, 10, 12, 65001]))), octets
        )
        size = draw(st.sampled_from([0, 511, 512, 600, 1232, 65535]))
        query.use_edns(draw(st.sampled_from([0, 0, 1])), payload=size, options=[option])
    return query.to_wire()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A query with some octets changed, cut off or added."""
    wire = bytearray(draw(queries()))
    for _ in range(draw(st.integers(0, 4))):
        wire[draw(st.integers(0, len(wire) - 1))] = draw(st.integers(0, 255))
    end = draw(st.integers(0, len(wire)) | st.just(len(wire)))
    return bytes(wire[:end]) + draw(st.just(b"") | st.binary(max_size=8))


def judge(wire: bytes, source: str, door: Door, generation: Generation) -> None:
    """What holds for every outcome."""
    outcome = handle(wire, source, door, generation)
    if isinstance(outcome, Forward):  # below a zone cut, with RD
        outcome = answer_without_asking(outcome)
    if len(wire) < 12 or wire[2] & 0x80:
        assert isinstance(outcome, Drop)
        return
    assert isinstance(outcome, Reply), "a question deserves a reply"
    reply = outcome.wire
    assert reply[:2] == wire[:2]
    assert reply[2] & 0x80
    assert reply[2] & 0x79 == wire[2] & 0x79, "opcode and RD"
    assert len(reply) <= allowed(wire, door), f"{len(reply)} octets"
    dns.message.from_wire(reply, question_only=bool(wire[2] & 0x78))


def allowed(wire: bytes, door: Door) -> int:
    """The largest reply for a query as we read it."""
    if door.transport == "tcp":
        return 65535
    query = read(wire)
    size = query.edns.size if query is not None and query.edns is not None else 512
    return max(512, min(size, door.payload))


@EXAMPLES
@given(wire=st.binary(max_size=600), source=SOURCES, door=DOORS)
def test_any_octets_have_an_outcome(
    generation: Generation, wire: bytes, source: str, door: Door
) -> None:
    """Nothing raises; no reply answers a reply or exceeds what the client may get."""
    judge(wire, source, door, generation)


@EXAMPLES
@given(tail=st.binary(max_size=300), source=SOURCES, door=DOORS)
def test_any_octets_after_a_header_have_an_outcome(
    generation: Generation, tail: bytes, source: str, door: Door
) -> None:
    """The same where the header promises one question and one more record."""
    judge(bytes.fromhex("471101000001000000000001") + tail, source, door, generation)


@EXAMPLES
@given(wire=mutated(), source=SOURCES, door=DOORS)
def test_damaged_queries_have_an_outcome(
    generation: Generation, wire: bytes, source: str, door: Door
) -> None:
    """The same for queries that were good before a few octets of them changed."""
    judge(wire, source, door, generation)
