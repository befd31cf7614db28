"""One question to upstreams, without clock or socket."""

from __future__ import annotations

import random
import struct
from collections import Counter
from itertools import pairwise
from typing import Any

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver import names
from resolver.forward.exchange import (
    MAX_ATTEMPTS,
    MAX_OPEN,
    Attempt,
    Exchange,
    Learned,
    Timing,
    Unanswered,
    find_strange,
)
from resolver.forward.question import CHECKING_DISABLED, DNSSEC_OK
from resolver.forward.standing import LEAST_PATIENCE, UNKNOWN_PATIENCE, Standing
from resolver.outcome import Reason
from resolver.zones.upstream import read_upstream
from tests.properties.profile import PROFILE

QNAME = names.from_text("www.some-longer-name.example.")
KEY = QNAME + b"\0\1\0\1"
TIMING = Timing(timeout=2.0, deadline=4.0)
RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x09\x09\x09\x09"
REFERRAL = b"\xc0\x0c\0\2\0\1\0\0\0\x3c\0\2\xc0\x10"
TC = 2


def standings(*texts: str) -> list[Standing]:
    """Upstreams of which nothing is known yet."""
    return [Standing(read_upstream(text)) for text in texts]


def exchange(
    asked: list[Standing], flags: int = 0, timing: Timing = TIMING, most: int = MAX_ATTEMPTS
) -> Exchange:
    """An exchange that begins at 0.0."""
    return Exchange(KEY, flags, asked, timing, random.Random(1).randbytes, 0.0, most)


def only(attempts: list[Attempt]) -> Attempt:
    """The one attempt that was given."""
    (attempt,) = attempts
    return attempt


def reply_to(
    attempt: Attempt,
    rcode: int = 0,
    bits: int = 0,
    body: bytes = RECORD,
    ident: bytes | None = None,
    question: bytes | None = None,
    counts: tuple[int, int, int, int] | None = None,
) -> bytes:
    """What an upstream might say; it answers by default."""
    fourth = 0x80 | rcode & 15
    answers = counts or (1, int(body == RECORD), int(body == REFERRAL), 0)
    head = (attempt.ident if ident is None else ident) + bytes((0x81 | bits, fourth))
    return head + struct.pack("!4H", *answers) + (question or attempt.question) + body


def reason_of(made: Exchange) -> Reason | None:
    """Why nobody answered."""
    return made.result.reason if isinstance(made.result, Unanswered) else None


# ---------------------------------------------------------------- asking


@pytest.mark.parametrize("flags", range(4))
def test_an_attempt_is_a_query_of_its_own(flags: int) -> None:
    """With an ID and a spelling that no other has, and the flags of the key."""
    made = exchange(standings("127.0.0.1", "127.0.0.2"), flags)
    first, second = only(made.wake(0.0)), only(made.wake(UNKNOWN_PATIENCE))
    for attempt in (first, second):
        message = dns.message.from_wire(attempt.wire)
        assert message.id == int.from_bytes(attempt.ident, "big")
        assert message.question[0].name.to_wire() == attempt.question[:-4]
        assert attempt.question.lower() == KEY
        assert bool(message.ednsflags & 0x8000) == bool(flags & DNSSEC_OK)
        assert bool(message.flags & 0x10) == bool(flags & CHECKING_DISABLED)
        assert attempt.exchange is made
    assert first.ident != second.ident
    assert first.question != second.question


def test_the_next_one_is_asked_when_patience_ends() -> None:
    """In order, and again from the first."""
    one, two = standings("127.0.0.1", "127.0.0.2")
    made = exchange([one, two])
    asked: list[tuple[Standing, float]] = []
    while made.result is None:
        now = made.due
        asked += [(attempt.standing, round(now, 3)) for attempt in made.wake(now)]
    assert asked[:3] == [(one, 0.0), (two, 0.4), (one, 0.8)]
    assert reason_of(made) is Reason.NO_UPSTREAM


@pytest.mark.parametrize(
    ("count", "latency", "times"),
    [
        (1, None, [0.0, 0.4, 1.2, 2.8]),
        (1, 0.001, [0.0, 0.4, 1.2, 2.8]),
        (2, None, [0.0, 0.4, 0.8, 1.6, 2.4]),
        (2, 0.001, [0.0, 0.2, 0.4, 1.2, 2.0, 3.6]),
    ],
)
def test_the_same_one_is_given_twice_as_long_each_time(
    count: int, latency: float | None, times: list[float]
) -> None:
    """Twice as long as before, and not as its lateness since would have it."""
    asked = standings(*(f"127.0.0.{n}" for n in range(1, count + 1)))
    for each in asked:
        each.latency = latency
    made = exchange(asked)
    while made.result is None:
        made.wake(made.due)
    seen = [round(attempt.sent, 3) for attempt in (*made.dropped, *made.attempts)]
    assert seen == times


def test_nothing_is_sent_before_it_is_due() -> None:
    """An early look changes nothing."""
    made = exchange(standings("127.0.0.1", "127.0.0.2"))
    made.wake(0.0)
    due = made.due
    for now in (0.0, 0.1, 0.3):
        assert made.wake(now) == []
        assert made.due == due


def test_a_known_upstream_is_waited_for_in_proportion() -> None:
    """To its latency, where others could be asked; who is asked alone has more time."""
    quick, other = standings("127.0.0.1", "127.0.0.2")
    quick.latency = 0.001
    made = exchange([quick, other])
    made.wake(0.0)
    assert made.due == pytest.approx(LEAST_PATIENCE)
    alone = exchange([quick])
    alone.wake(0.0)
    assert alone.due == pytest.approx(UNKNOWN_PATIENCE)


def test_a_late_one_may_still_answer() -> None:
    """It is a failure once, though another was asked; its reply ends the exchange."""
    one, two = standings("127.0.0.1", "127.0.0.2")
    made = exchange([one, two])
    first = only(made.wake(0.0))
    second = only(made.wake(0.4))
    assert (one.failures, first.is_late, second.is_late) == (1, True, False)
    assert made.take(first, reply_to(first), 0.5) == []
    assert isinstance(made.result, Learned)
    assert made.result.attempt is first
    assert (one.failures, two.failures) == (0, 0)
    assert made.dropped == [first]
    assert made.attempts == [second]


def test_a_timeout_is_counted_once() -> None:
    """Who was called late has failed already."""
    (one,) = standings("127.0.0.1")
    made = exchange([one], most=1)
    first = only(made.wake(0.0))
    made.wake(0.5)
    assert (one.failures, dict(one.reasons)) == (1, {})
    assert made.due == pytest.approx(2.0)
    made.wake(2.0)
    assert (one.failures, dict(one.reasons)) == (1, {"timeout": 1})
    assert made.dropped == [first]
    assert reason_of(made) is Reason.NO_UPSTREAM


def test_the_deadline_ends_it() -> None:
    """Whatever is under way; nothing is sent any more."""
    made = exchange(standings("127.0.0.1", "127.0.0.2"))
    made.wake(0.0)
    assert made.wake(4.0) == []
    assert reason_of(made) is Reason.NO_UPSTREAM
    late = exchange(standings("127.0.0.1"))
    attempt = only(late.wake(3.9))
    assert late.due == 4.0
    late.wake(4.0)
    assert reason_of(late) is Reason.NO_UPSTREAM
    assert late.attempts == [attempt]  # whoever drives may hear it out
    assert late.take(attempt, reply_to(attempt), 4.1) == []
    assert reason_of(late) is Reason.NO_UPSTREAM


@pytest.mark.parametrize("most", [1, 3, 20])
def test_no_more_than_so_many_are_asked(most: int) -> None:
    """An exchange has eight attempts, or fewer where it is told so."""
    made = exchange(standings(*(f"127.0.0.{n}" for n in range(1, 20))), most=most)
    for _ in range(100):
        made.wake(made.due)
        if made.result is not None:
            break
    assert made.made == min(most, MAX_ATTEMPTS)
    assert reason_of(made) is Reason.NO_UPSTREAM


def test_nobody_to_ask_is_an_end() -> None:
    """At once."""
    made = exchange([])
    assert made.wake(0.0) == []
    assert reason_of(made) is Reason.NO_UPSTREAM


def test_exploring_changes_no_due_time() -> None:
    """Another upstream is asked too; either may answer."""
    one, two = standings("127.0.0.1", "127.0.0.2")
    made = exchange([one, two])
    first = only(made.wake(0.0))
    due = made.due
    second = made.explore(two, 0.0)
    assert (made.due, made.attempts) == (due, [first, second])
    made.take(second, reply_to(second), 0.01)
    assert isinstance(made.result, Learned)
    assert made.result.attempt is second


# ---------------------------------------------------------------- the network


def test_a_refusal_of_the_network_asks_the_next_at_once() -> None:
    """And ends it when nobody is left; the reason tells."""
    one, two = standings("127.0.0.1", "127.0.0.2")
    made = exchange([one, two], most=2)
    first = only(made.wake(0.0))
    second = only(made.failed(first, "refused", 0.01))
    assert second.standing is two
    assert made.failed(second, "unreachable", 0.02) == []
    assert reason_of(made) is Reason.NETWORK_ERROR
    assert (one.failures, two.failures) == (1, 1)
    assert made.dropped == [first, second]


def test_what_fails_at_once_is_not_asked_in_circles() -> None:
    """A tenth of a second apart, and no more than eight times."""
    made = exchange(standings("127.0.0.1"))
    times = []
    for _ in range(50):
        now = made.due
        for attempt in made.wake(now):
            times.append(now)
            assert made.failed(attempt, "refused", now) == []
        if made.result is not None:
            break
    assert reason_of(made) is Reason.NETWORK_ERROR
    assert 2 <= len(times) <= MAX_ATTEMPTS
    assert all(b - a >= 0.099 for a, b in pairwise(times))


def test_trouble_of_our_own_is_no_failure_of_theirs() -> None:
    """No descriptor is left, say."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    made.failed(only(made.wake(0.0)), "no-socket", 0.0, is_ours=True)
    assert (one.failures, one.reasons["no-socket"]) == (0, 1)


def test_what_is_over_is_heard_no_more() -> None:
    """Neither a second failure nor a second reply."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    made.failed(first, "refused", 0.01)
    assert made.failed(first, "refused", 0.02) == []
    assert made.take(first, reply_to(first), 0.03) == []
    assert (one.failures, made.result, made.dropped) == (1, None, [first])


@pytest.mark.parametrize("how", ["failed", "refused", "servfail"])
def test_who_falls_out_does_not_delay_the_next(how: str) -> None:
    """While another is waited for, the next one is asked as soon as it would have been."""
    asked = standings("127.0.0.1", "127.0.0.2", "127.0.0.3")
    made = exchange(asked)
    first = only(made.wake(0.0))
    second = only(made.wake(0.4))
    due = made.due
    if how == "failed":
        sent = made.failed(first, "refused", 0.5)
    else:
        sent = made.take(first, reply_to(first, {"refused": 5, "servfail": 2}[how], body=b""), 0.5)
    if not sent:
        assert made.due == due == pytest.approx(0.8)
        sent = made.wake(due)
    assert only(sent).standing is asked[2]
    assert made.attempts[0] is second


# ---------------------------------------------------------------- replies


def test_a_reply_is_learned() -> None:
    """What is known of the upstream is too."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    assert made.take(first, reply_to(first), 0.03) == []
    assert isinstance(made.result, Learned)
    assert made.result.reply.qname == QNAME
    assert len(made.result.reply.answer) == 1
    assert (one.latency, one.rcodes, one.durations.snapshot().total) == (0.03, {0: 1}, 0.03)
    assert (made.attempts, made.dropped) == ([], [first])


def test_a_cut_reply_is_asked_for_again_over_tcp() -> None:
    """RFC 2181 9: nothing of it is used."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    second = only(made.take(first, reply_to(first, bits=TC), 0.01))
    assert (second.transport, second.is_stream, second.standing) == ("tcp", True, one)
    assert made.result is None
    assert made.dropped == [first]
    made.take(second, reply_to(second), 0.02)
    assert isinstance(made.result, Learned)


def other_case(question: bytes) -> bytes:
    """The same name with every letter spelled the other way."""
    return question[:-4].swapcase() + question[-4:]


def test_a_wrong_id_is_asked_for_again_over_tcp() -> None:
    """Somebody may be guessing."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    wrong = bytes((first.ident[0] ^ 1, first.ident[1]))
    second = only(made.take(first, reply_to(first, ident=wrong), 0.01))
    assert (second.transport, one.reasons["wrong-id"], made.dropped) == ("tcp", 1, [first])
    assert second.ident != first.ident


def test_another_spelling_is_asked_for_again_over_tcp_and_accepted_there() -> None:
    """A server that does not repeat the spelling is known from then on."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    second = only(made.take(first, reply_to(first, question=other_case(first.question)), 0.01))
    assert (second.transport, one.reasons["wrong-case"]) == ("tcp", 1)
    seen = [one.echoes_case]
    made.take(second, reply_to(second, question=other_case(second.question)), 0.02)
    assert isinstance(made.result, Learned)
    assert [*seen, one.echoes_case] == [None, False]
    later = exchange([one])
    third = only(later.wake(0.0))
    assert third.question == KEY
    later.take(third, reply_to(third, question=other_case(KEY)), 0.01)
    assert isinstance(later.result, Learned)


def test_a_server_that_repeats_the_spelling_is_known_by_tcp_only() -> None:
    """Over UDP anybody could have said so."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    made.take(first, reply_to(first), 0.01)
    assert one.echoes_case is None
    (stream,) = standings("tcp://127.0.0.1")
    made = exchange([stream])
    first = only(made.wake(0.0))
    made.take(first, reply_to(first), 0.01)
    assert stream.echoes_case is True


STRANGE = {
    "short": b"\0" * 11,
    "not-a-reply": b"\0\0\1\0",
    "other name": names.from_text("x.example.") + b"\0\1\0\1",
    "other type": QNAME + b"\0\x21\0\1",
    "letter type": QNAME + b"\0\x41\0\1",
    "other class": QNAME + b"\0\1\0\3",
}


@pytest.mark.parametrize("name", ["other name", "other type", "letter type", "other class"])
def test_a_reply_to_another_question_is_ignored(name: str) -> None:
    """The wait goes on, until the right one comes."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    due = made.due
    assert made.take(first, reply_to(first, question=STRANGE[name]), 0.01) == []
    assert (made.result, made.due, made.dropped) == (None, due, [])
    assert one.reasons == {"wrong-question": 1}
    made.take(first, reply_to(first), 0.02)
    assert isinstance(made.result, Learned)


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"", "short"),
        (bytes(11), "short"),
        (bytes(12), "not-a-reply"),
        (b"\0\0\x88\x80" + bytes(8), "not-a-reply"),
    ],
)
def test_what_is_no_reply_is_ignored(wire: bytes, reason: str) -> None:
    """Queries, other opcodes and scraps."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    assert made.take(only(made.wake(0.0)), wire, 0.01) == []
    assert (made.result, one.reasons) == (None, {reason: 1})


@pytest.mark.parametrize("counts", [(0, 1, 0, 0), (2, 1, 0, 0), (1, 2, 0, 0), (1, 1, 1, 9)])
def test_a_malformed_reply_is_ignored_over_udp_and_the_last_over_a_stream(
    counts: tuple[int, int, int, int],
) -> None:
    """A stream has nothing better to come: the next upstream is asked."""
    one, two = standings("127.0.0.1", "tcp://127.0.0.2")
    made = exchange([one, two])
    first = only(made.wake(0.0))
    assert made.take(first, reply_to(first, counts=counts), 0.01) == []
    assert made.attempts == [first]
    second = only(made.wake(0.4))
    assert second.transport == "tcp"
    assert made.take(second, reply_to(second, counts=counts), 0.41) == []
    assert made.dropped == [second]
    assert made.refused == {two}
    assert only(made.wake(made.due)).standing is one


@pytest.mark.parametrize("rcode", [1, 4])
@pytest.mark.parametrize("is_bare", [False, True])
def test_a_server_from_before_edns_is_asked_without(rcode: int, is_bare: bool) -> None:
    """RFC 6891 7: FORMERR or NOTIMP, whether it repeats the question or not."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    assert first.has_edns
    wire = reply_to(first, rcode, body=b"")
    if is_bare:
        wire = wire[:4] + bytes(8)
    second = only(made.take(first, wire, 0.01))
    assert not second.has_edns
    assert (second.standing, second.transport) == (one, "udp")
    assert dns.message.from_wire(second.wire).edns == -1
    assert made.dropped == [first]
    made.take(second, reply_to(second), 0.02)
    assert isinstance(made.result, Learned)


def test_badvers_is_asked_without_edns_too() -> None:
    """RFC 6891 6.1.3: its upper bits are in the OPT."""
    (one,) = standings("127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    opt = b"\0\0\x29\x04\xd0\1\0\0\0\0\0"
    wire = reply_to(first, counts=(1, 0, 0, 1), body=opt)
    assert not only(made.take(first, wire, 0.01)).has_edns
    assert made.result is None


@pytest.mark.parametrize(("rcode", "body"), [(2, b""), (5, b""), (9, b""), (0, REFERRAL)])
def test_who_cannot_answer_is_asked_no_more(rcode: int, body: bytes) -> None:
    """SERVFAIL, REFUSED, anything else that is no answer, and lame referrals: the next one is."""
    one, two = standings("127.0.0.1", "127.0.0.2")
    made = exchange([one, two])
    first = only(made.wake(0.0))
    second = only(made.take(first, reply_to(first, rcode, body=body), 0.01))
    assert second.standing is two
    assert one.rcodes == {rcode: 1}
    assert one.reasons == ({"lame": 1} if body else {})
    assert one.failures == 0
    assert made.take(second, reply_to(second, rcode, body=body), 0.02) == []
    assert reason_of(made) is Reason.NO_UPSTREAM
    assert made.dropped == [first, second]


@pytest.mark.parametrize("rcode", [0, 3, 6])
def test_a_denial_is_an_answer(rcode: int) -> None:
    """NODATA, NXDOMAIN and YXDOMAIN: nobody else is asked."""
    made = exchange(standings("127.0.0.1", "127.0.0.2"))
    first = only(made.wake(0.0))
    assert made.take(first, reply_to(first, rcode, body=b""), 0.01) == []
    assert isinstance(made.result, Learned)
    assert made.result.reply.rcode == rcode
    assert made.made == 1


def test_a_rejected_reply_asks_the_next() -> None:
    """Who drives it found nothing of use in it."""
    one, two = standings("127.0.0.1", "127.0.0.2")
    made = exchange([one, two])
    first = only(made.wake(0.0))
    made.take(first, reply_to(first), 0.01)
    second = only(made.reject(first, "off-topic", 0.01))
    assert (second.standing, one.reasons, made.result) == (two, {"off-topic": 1}, None)
    made.take(second, reply_to(second), 0.02)
    assert made.reject(second, "off-topic", 0.02) == []
    assert reason_of(made) is Reason.NO_UPSTREAM


def test_https_has_neither_id_nor_spelling() -> None:
    """RFC 8484 4.1: equal questions are equal to HTTP caches."""
    (one,) = standings("https://dns.example/q#127.0.0.1")
    made = exchange([one])
    first = only(made.wake(0.0))
    assert (first.ident, first.question, first.is_stream) == (b"\0\0", KEY, True)
    made.take(first, reply_to(first), 0.01)
    assert isinstance(made.result, Learned)
    assert one.echoes_case is None


@pytest.mark.parametrize("text", ["tcp://127.0.0.1", "tls://127.0.0.1#dns.example"])
def test_a_stream_is_never_left(text: str) -> None:
    """Whatever its replies are like, nothing is asked in the clear because of it."""
    changes: tuple[dict[str, Any], ...]
    changes = ({"bits": TC}, {"ident": b"\0\0"}, {"rcode": 1, "body": b""})
    for change in changes:
        made = exchange(standings(text))
        first = only(made.wake(0.0))
        later = made.take(first, reply_to(first, **change), 0.01)
        assert {attempt.transport for attempt in later} <= {first.transport}


@given(st.binary(max_size=60))
def test_any_octets_are_strange_or_not(wire: bytes) -> None:
    """And never an exception; what is not repeats ID and question."""
    made = exchange(standings("127.0.0.1"))
    attempt = only(made.wake(0.0))
    for octets in (wire, attempt.ident + wire, reply_to(attempt)[: 12 + len(KEY)] + wire):
        if find_strange(attempt, octets) is None and octets[4:6] != b"\0\0":
            assert octets[:2] == attempt.ident
            assert octets[12 : 12 + len(KEY)] == attempt.question


# ---------------------------------------------------------------- any sequence of events

REPLIES: tuple[dict[str, Any], ...] = (
    *({"rcode": rcode, "body": b""} for rcode in (0, 1, 2, 3, 4, 5)),
    *({}, {"bits": TC}, {"ident": b"\0\0"}, {"question": STRANGE["other name"]}),
    *({"question": KEY}, {"body": REFERRAL}, {"counts": (1, 9, 0, 0)}, {"counts": (0, 0, 0, 0)}),
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("take", "take", "fail", "ours", "wake", "reject", "explore")),
        st.integers(0, 50),
        st.sampled_from(REPLIES),
        st.sampled_from((0.0, 0.0, 0.01, 0.2, 0.5, 1.9)),
    ),
    max_size=25,
)
UPSTREAMS = st.lists(
    st.sampled_from(("127.0.0.1", "127.0.0.2", "tcp://127.0.0.3", "tls://127.0.0.4#dns.example")),
    min_size=1,
    max_size=4,
    unique=True,
)


class Drive:
    """Whoever drives an exchange; notes all that it was given."""

    def __init__(self, made: Exchange) -> None:
        self.made = made
        self.now = 0.0
        self.sent: list[Attempt] = []
        self.over: list[Attempt] = []

    def note(self, attempts: list[Attempt]) -> None:
        """What is to be sent, and what is over."""
        self.sent += attempts
        self.over += self.made.dropped
        self.made.dropped.clear()
        assert self.made.due <= self.made.deadline + 0.01
        assert len(set(self.over)) == len(self.over)
        assert {a for a in self.sent if a.is_over} == set(self.over)
        assert [a for a in self.sent if not a.is_over] == self.made.attempts
        assert len(self.sent) == self.made.made

    def play(self, what: str, number: int, change: dict[str, Any]) -> None:
        """One event."""
        made = self.made
        if what == "reject":
            if isinstance(made.result, Learned):
                self.note(made.reject(made.result.attempt, "off-topic", self.now))
        elif made.result is not None:
            return
        elif what == "explore":
            if made.made:
                self.note([made.explore(made.standings[number % len(made.standings)], self.now)])
        elif what == "wake" or not self.sent:
            self.note(made.wake(self.now))
        else:
            attempt = self.sent[number % len(self.sent)]
            if what == "take":
                wire = reply_to(attempt, **change)
                self.note(made.take(attempt, wire, self.now))
            else:
                self.note(made.failed(attempt, "refused", self.now, is_ours=what == "ours"))

    def end(self) -> None:
        """Let time pass until it ends."""
        for _ in range(1000):
            if self.made.result is not None:
                return
            self.now = max(self.now, self.made.due)
            self.note(self.made.wake(self.now))
        raise AssertionError("it does not end")


@settings(PROFILE, max_examples=400)
@given(UPSTREAMS, EVENTS, st.integers(1, 9))
def test_any_sequence_of_events_ends_by_the_deadline(
    texts: list[str],
    events: list[tuple[str, int, dict[str, Any], float]],
    most: int,
) -> None:
    """With a result; every attempt is under way or was dropped, once, and failed once at most."""
    asked = standings(*texts)
    failures: Counter[Standing] = Counter()
    drive = Drive(exchange(asked, most=most))
    drive.note(drive.made.wake(0.0))
    for what, number, change, seconds in events:
        drive.now = min(drive.now + seconds, 4.0)
        drive.play(what, number, change)
    explored = sum(what == "explore" for what, *_ in events)
    drive.end()
    assert drive.now <= drive.made.deadline + 0.011
    assert isinstance(drive.made.result, Learned | Unanswered)
    # Each that is chosen may be followed by one over TCP, and by one without EDNS.
    assert drive.made.made <= 3 * (min(most, MAX_ATTEMPTS) + explored)
    for attempt in drive.sent:
        failures[attempt.standing] += 1
    assert all(standing.failures <= failures[standing] for standing in asked)


def test_a_reply_cut_off_on_a_stream_is_no_answer() -> None:
    """TC means nothing good there: the next upstream is asked."""
    made = exchange(standings("tcp://127.0.0.1", "tcp://127.0.0.2"))
    first = only(made.wake(0.0))
    second = only(made.take(first, reply_to(first, bits=TC), 0.01))
    assert second.standing is not first.standing
    assert first.standing.reasons["truncated"] == 1


def test_a_bare_formerr_ends_the_hope_in_an_upstream() -> None:
    """With EDNS it is asked without; then there is nothing to wait for."""
    made = exchange(standings("127.0.0.1"))
    first = only(made.wake(0.0))
    bare = first.ident + b"\x81\x81" + bytes(8)
    second = only(made.take(first, bare, 0.01))
    assert not second.has_edns
    assert made.take(second, second.ident + bare[2:], 0.02) == []
    assert reason_of(made) is Reason.NO_UPSTREAM


def test_no_way_leads_past_the_most_attempts() -> None:
    """Neither TCP instead of UDP nor plain DNS instead of EDNS."""
    made = exchange(standings("127.0.0.1", "127.0.0.2", "127.0.0.3"), most=3)
    under_way, total = made.wake(0.0), 0
    while under_way:
        total += 1
        attempt = under_way.pop()
        bits = 0 if attempt.is_stream else TC
        rcode = 1 if attempt.is_stream and attempt.has_edns else 2 * attempt.is_stream
        under_way += made.take(attempt, reply_to(attempt, rcode=rcode, bits=bits), 0.01)
    assert (total, made.made) == (3, 3)
    assert reason_of(made) is Reason.NO_UPSTREAM


def test_who_is_refused_twice_is_not_asked_a_third_time() -> None:
    """Nobody listens there: SERVFAIL now, not at the deadline."""
    made = exchange(standings("127.0.0.1"))
    first = only(made.wake(0.0))
    assert made.failed(first, "refused", 0.001) == []
    second = only(made.wake(made.due))
    assert made.failed(second, "refused", made.due) == []
    assert reason_of(made) is Reason.NETWORK_ERROR
    assert made.made == 2


def test_no_more_than_three_are_waited_for_at_a_time() -> None:
    """Each has a socket: the oldest has had its time (R-2)."""
    made = exchange(standings("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"))
    sent: list[Attempt] = []
    while len(sent) < 5:
        sent += made.wake(made.due)
        assert len(made.attempts) <= MAX_OPEN
    assert sent[0].is_over
    assert sent[0] in made.dropped
