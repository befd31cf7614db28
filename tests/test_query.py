"""The journey: who asks, what for, and what becomes of it."""

import struct
from collections.abc import Callable
from ipaddress import ip_network

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolver.generation import Generation
from resolver.outcome import NOT_A_QUERY, Forward, Reason, Reply
from resolver.query import handle
from resolver.views import Door, NetworkTable
from tests.support import (
    DEV_CLIENT,
    FILES,
    PLAN,
    PROD_CLIENT,
    STRANGER,
    UDP,
    addresses,
    ask,
    question,
    reply_of,
)

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."
CUT = """\
zone: dev.east
records:
  sub: {NS: ns.sub}
  ns.sub: {A: 10.80.7.1}
"""


def codes(reply: dns.message.Message) -> list[int]:
    """The extended errors."""
    return [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)]


def decide(generation: Generation, query: dns.message.Message, source: str = DEV_CLIENT) -> Reply:
    """The reply to a message of dnspython's."""
    outcome = handle(query.to_wire(), source, UDP, generation)
    assert isinstance(outcome, Reply)
    return outcome


def test_an_answer_is_authoritative(generation: Compile) -> None:
    """QR, AA, RD and RA; RA in every reply to a client of an environment."""
    reply = ask(generation(), WEB)
    assert dns.flags.to_text(reply.flags) == "QR AA RD RA"
    assert (reply.rcode(), len(addresses(reply))) == (0, 3)


def test_counters_are_told_what_happened(generation: Compile) -> None:
    """An outcome names environment, type, rcode and source."""
    outcome = handle(question(WEB), DEV_CLIENT, UDP, generation())
    assert isinstance(outcome, Reply)
    assert outcome[1:] == ("dev", 1, 0, "zone", Reason.ANSWERED)


def test_who_asks_decides_what_exists(generation: Compile) -> None:
    """What is seen elsewhere gets what nothing gets."""
    made = generation()
    assert addresses(ask(made, "web.prod.east.corp.test.", source=PROD_CLIENT)) == ["10.64.1.1"]
    hidden = ask(made, "web.prod.east.corp.test.", source=DEV_CLIENT)
    absent = ask(made, "web.prox.east.corp.test.", source=DEV_CLIENT)
    assert hidden.rcode() == absent.rcode() == dns.rcode.NXDOMAIN
    assert hidden.authority == absent.authority


def test_a_stranger_is_refused(generation: Compile) -> None:
    """REFUSED with extended error 18 and without RA."""
    reply = ask(generation(), WEB, source=STRANGER)
    assert (reply.rcode(), codes(reply)) == (dns.rcode.REFUSED, [18])
    assert not reply.flags & (dns.flags.RA | dns.flags.AA)
    assert codes(ask(generation(), WEB, source=STRANGER, edns=None)) == []


@pytest.mark.parametrize(
    ("name", "rdtype", "code"),
    [("example.com.", "A", 20), (WEB, "AXFR", 18), ("example.com.", "AXFR", 18), (".", "NS", 20)],
)
def test_what_is_refused_says_why(generation: Compile, name: str, rdtype: str, code: int) -> None:
    """External names and transfers."""
    reply = ask(generation(), name, rdtype)
    assert (reply.rcode(), codes(reply)) == (dns.rcode.REFUSED, [code])


def test_ixfr_is_refused(generation: Compile) -> None:
    """RFC 1995 3: the query carries a SOA in authority; it is a transfer like AXFR."""
    query = dns.message.make_query("corp.test.", "IXFR", use_edns=0)
    query.authority.append(
        dns.rrset.from_text("corp.test.", 0, "IN", "SOA", "ns1.corp.test. h.corp.test. 1 1 1 1 1")
    )
    assert decide(generation(), query).rcode == dns.rcode.REFUSED


@pytest.mark.parametrize("qclass", ["CH", "HS", "ANY", "NONE"])
def test_other_classes_are_refused(generation: Compile, qclass: str) -> None:
    """We have data of class IN."""
    query = dns.message.make_query(WEB, "A", qclass, use_edns=0)
    assert decide(generation(), query).reason is Reason.UNKNOWN_CLASS


def test_faults_come_before_refusals(generation: Compile) -> None:
    """A stranger's malformed query is malformed; so is one of ours."""
    made = generation()
    malformed = question(WEB) + b"\0"
    for source in (DEV_CLIENT, STRANGER):
        outcome = handle(malformed, source, UDP, made)
        assert isinstance(outcome, Reply)
        assert outcome.reason is Reason.MALFORMED


def test_an_unknown_opcode_and_version(generation: Compile) -> None:
    """NOTIMP, BADVERS."""
    made = generation()
    update = dns.message.make_query(WEB, "A")
    update.set_opcode(dns.opcode.NOTIFY)
    assert decide(made, update).rcode == dns.rcode.NOTIMP
    later = dns.message.make_query(WEB, "A", use_edns=1)
    outcome = decide(made, later)
    assert outcome.reason is Reason.UNKNOWN_VERSION
    parsed = dns.message.from_wire(outcome.wire)
    assert (parsed.rcode(), parsed.edns, parsed.answer) == (dns.rcode.BADVERS, 0, [])


def test_cd_and_rd_are_copied(generation: Compile) -> None:
    """AD is not: nothing was validated."""
    query = dns.message.make_query(WEB, "A")
    query.flags = dns.flags.CD | dns.flags.AD
    reply = dns.message.from_wire(decide(generation(), query).wire)
    assert dns.flags.to_text(reply.flags) == "QR AA RA CD"


def test_do_is_echoed(generation: Compile) -> None:
    """RFC 3225 3."""
    for want in (False, True):
        query = dns.message.make_query(WEB, "A", use_edns=0, want_dnssec=want)
        reply = dns.message.from_wire(decide(generation(), query).wire)
        assert bool(reply.ednsflags & dns.flags.DO) is want


def test_no_edns_in_no_edns_out(generation: Compile) -> None:
    """RFC 6891 7."""
    assert ask(generation(), WEB, edns=None).edns == -1
    assert ask(generation(), WEB, edns=1232).edns == 0


@pytest.mark.parametrize("name", ["sub", "x.sub", "ns.sub"])
def test_below_a_cut(generation: Compile, name: str) -> None:
    """RD clear: a referral with glue and without AA; RD set: its servers are asked."""
    made = generation({**FILES, "dev.yaml": CUT})
    query = dns.message.make_query(f"{name}.dev.east.corp.test.", "A", use_edns=0)
    outcome = handle(query.to_wire(), DEV_CLIENT, UDP, made)
    assert isinstance(outcome, Forward)
    assert [str(upstream) for upstream in outcome.route.upstreams] == ["10.80.7.1"]
    refused = dns.message.from_wire(reply_of(outcome).wire)
    assert (refused.rcode(), codes(refused)) == (dns.rcode.REFUSED, [20])
    query.flags = 0
    referral = dns.message.from_wire(decide(made, query).wire)
    assert dns.flags.to_text(referral.flags) == "QR RA"
    assert [str(r) for r in referral.authority] == [
        "sub.dev.east.corp.test. 30 IN NS ns.sub.dev.east.corp.test."
    ]
    assert [str(r) for r in referral.additional] == ["ns.sub.dev.east.corp.test. 30 IN A 10.80.7.1"]


def test_nothing_healthy_is_servfail_with_a_reason(generation: Compile) -> None:
    """`fail: closed`, everything in maintenance: SERVFAIL, extended error 0."""
    zone = """\
zone: dev.east
services:
  c: {endpoints: [{address: 10.80.1.1, state: maintenance}], fail: closed}
  e: {endpoints: [{address: 10.80.1.2, state: maintenance}], fail: empty}
"""
    made = generation({**FILES, "dev.yaml": zone})
    closed = ask(made, "c.dev.east.corp.test.")
    assert (closed.rcode(), codes(closed)) == (dns.rcode.SERVFAIL, [0])
    empty = ask(made, "e.dev.east.corp.test.")
    assert (empty.rcode(), empty.answer, len(empty.authority)) == (0, [], 1)


def test_a_pinned_door_decides_by_itself(generation: Compile) -> None:
    """The source matters only to `allow`."""
    made = generation()
    door = Door("udp", 1232, "prod", "east", NetworkTable([(ip_network("10.80.0.0/16"), True)]))
    assert addresses(ask(made, "web.prod.east.corp.test.", source=DEV_CLIENT, door=door))
    assert ask(made, "web.prod.east.corp.test.", source=PROD_CLIENT, door=door).rcode() == 5
    assert ask(made, WEB, source=DEV_CLIENT, door=door).rcode() == dns.rcode.NXDOMAIN
    gone = Door("udp", 1232, "nowhere", "east")
    assert ask(made, WEB, door=gone).rcode() == dns.rcode.REFUSED


def subnet(text: str | None) -> list[dns.edns.Option]:
    """A client subnet option, or none."""
    if text is None:
        return []
    network = ip_network(text)
    return [dns.edns.ECSOption(str(network.network_address), network.prefixlen)]


@pytest.mark.parametrize(
    ("network", "rcode"),
    [
        ("10.64.3.0/24", 0),
        ("10.64.3.7/32", 0),
        ("10.80.3.0/24", 3),
        ("10.64.0.0/15", 5),
        ("0.0.0.0/0", 5),
        ("192.0.2.0/24", 5),
        ("::ffff:10.64.0.0/106", 5),
        (None, 5),
    ],
)
def test_a_trusted_forwarders_subnet_chooses_the_view(
    generation: Compile, network: str | None, rcode: int
) -> None:
    """And only wholly inside one view; the reply's SCOPE equals SOURCE."""
    plan = PLAN + "trusted_forwarders: [10.80.0.53/32]\n"
    made = generation({**FILES, "environments.yaml": plan})
    query = dns.message.make_query(
        "web.prod.east.corp.test.", "A", use_edns=0, options=subnet(network)
    )
    reply = dns.message.from_wire(decide(made, query, "10.80.0.53").wire)
    assert reply.rcode() == rcode
    if rcode != 5:
        (option,) = (o for o in reply.options if isinstance(o, dns.edns.ECSOption))
        assert option.scopelen == option.srclen == ip_network(network or "").prefixlen


def test_everyone_elses_subnet_is_ignored(generation: Compile) -> None:
    """A client cannot say that it is another."""
    made = generation()
    query = dns.message.make_query(
        "web.prod.east.corp.test.", "A", use_edns=0, options=subnet("10.64.0.0/24")
    )
    reply = dns.message.from_wire(decide(made, query).wire)
    assert (reply.rcode(), list(reply.options)) == (dns.rcode.NXDOMAIN, [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.binary(max_size=80), counts=st.tuples(*[st.integers(0, 2)] * 4))
def test_any_octets_have_an_outcome(
    generation: Compile, octets: bytes, counts: tuple[int, int, int, int]
) -> None:
    """Never an exception, never a reply to a reply."""
    made = _once(generation)
    for wire in (octets, b"\0\1\1\0" + struct.pack("!4H", *counts) + octets):
        outcome = handle(wire, DEV_CLIENT, UDP, made)
        if len(wire) < 12 or wire[2] & 0x80:
            assert outcome is NOT_A_QUERY
        else:
            assert isinstance(outcome, Reply)
            assert outcome.wire[:2] == wire[:2]
            assert outcome.wire[2] & 0x80


_made: list[Generation] = []


def _once(generation: Compile) -> Generation:
    """Compiled once for all examples."""
    if not _made:
        _made.append(generation())
    return _made[0]
