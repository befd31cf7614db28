"""What is known of a question, and the reply that an entry is by itself."""

from collections.abc import Callable

import dns.flags
import dns.message
import pytest

from resolver.cache import STALE_AGE, Entry
from resolver.findings import Finding, give, is_asked_by, stale_finding
from resolver.forward.scrub import Scrubbed
from resolver.generation import Generation
from resolver.names import from_text
from resolver.outcome import Asked, Forward, Rcode, Reason, Source
from resolver.query import handle
from resolver.routes import delegation_route
from tests.support import DEV, FILES, PLAN, PROD_CLIENT, UDP

Compile = Callable[..., Generation]

FORWARDING = PLAN.replace("forward: none", "forward: {upstreams: [192.0.2.1]}")
RECORD = bytes.fromhex("c00c 0001 0001 0000012c 0004 c0000250")


def forward_of(generation: Generation, **options: object) -> Forward:
    """The question for www.example., on its way out."""
    query = dns.message.make_query("www.example.", "A", **options)  # type: ignore[arg-type]  # the options differ in type
    outcome = handle(query.to_wire(), PROD_CLIENT, UDP, generation)
    assert isinstance(outcome, Forward)
    return outcome


def entry_of(forward: Forward, rcode: int = 0, *, authentic: bool = False) -> Entry:
    """One address, for 300 seconds."""
    body = b"" if rcode else RECORD
    offsets, count = ((), 0) if rcode else ((6,), 1)
    scrubbed = Scrubbed(body, offsets, count, 0, rcode, 300, None, None, Reason.ANSWERED)
    token = forward.asked.view.forwarding
    return Entry(scrubbed, len(forward.name), 0.0, forward.route, token, authentic=authentic)


def given(asked: Asked, entry: Entry, finding: Finding) -> dns.message.Message:
    turn = entry.turn(finding.age)
    return dns.message.from_wire(give(asked, entry, turn, finding.source, finding.reason).wire)


@pytest.fixture
def made(generation: Compile) -> Generation:
    return generation({**FILES, "environments.yaml": FORWARDING})


@pytest.mark.parametrize(("age", "ttl"), [(0, 300), (10, 290), (299, 1), (STALE_AGE, 30)])
def test_ttls_count_down(made: Generation, age: int, ttl: int) -> None:
    """By whole seconds; what is stale lives for thirty (RFC 8767 4)."""
    forward = forward_of(made)
    entry = entry_of(forward)
    reply = given(forward.asked, entry, Finding(entry, Source.CACHE, Reason.ANSWERED, age))
    assert (reply.answer[0].ttl, str(reply.answer[0][0])) == (ttl, "192.0.2.80")
    assert dns.flags.to_text(reply.flags) == "QR RD RA"


@pytest.mark.parametrize(("rcode", "code"), [(Rcode.NOERROR, 3), (Rcode.NXDOMAIN, 19)])
def test_a_stale_answer_says_so(made: Generation, rcode: Rcode, code: int) -> None:
    """RFC 8914 4.4 and 4.20."""
    forward = forward_of(made, use_edns=0)
    entry = entry_of(forward, rcode)
    found = stale_finding(entry)
    reply = given(forward.asked, entry, found)
    assert (found.source, int(reply.rcode())) == (Source.STALE, int(rcode))
    assert [int(option.code) for option in reply.options] == [code]


@pytest.mark.parametrize(
    ("authentic", "options", "shown"),
    [
        (True, {"want_dnssec": True}, True),
        (True, {"flags": dns.flags.RD | dns.flags.AD}, True),
        (True, {}, False),
        (False, {"want_dnssec": True}, False),
    ],
)
def test_ad_is_for_those_who_understand_it(
    made: Generation, authentic: bool, options: dict[str, object], shown: bool
) -> None:
    """RFC 6840 5.7 and 5.8: with DO or AD in the query, of an upstream that is trusted."""
    forward = forward_of(made, **options)
    entry = entry_of(forward, authentic=authentic)
    reply = given(forward.asked, entry, Finding(entry, Source.CACHE, Reason.ANSWERED))
    assert bool(reply.flags & dns.flags.AD) is shown


def test_a_route_is_responsible_for_what_is_not_ours(generation: Compile) -> None:
    """Names of our zones are nobody else's; those below a cut are its servers'."""
    zone = DEV + "  sub: {NS: ns.sub}\n  ns.sub: {A: 10.80.7.1}\n"
    made = generation({**FILES, "environments.yaml": FORWARDING, "dev.yaml": zone})
    view = made.views["dev", "east"]
    usual = view.forwarding.find(b"\0")
    assert usual is not None
    cut = delegation_route(from_text("sub.dev.east.corp.test."), (bytes(4),))
    below, own = from_text("x.sub.dev.east.corp.test."), from_text("web.dev.east.corp.test.")
    assert is_asked_by(view, usual, from_text("www.example."), 1)
    assert not is_asked_by(view, usual, own, 1)
    assert not is_asked_by(view, usual, below, 1)
    assert is_asked_by(view, cut, below, 1)
    assert not is_asked_by(view, cut, from_text("www.example."), 1)
