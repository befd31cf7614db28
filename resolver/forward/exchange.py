"""One question to upstreams: whom to ask next, when, and what a reply is worth. Pure.

A state machine without clock or socket. Whoever drives it sends the attempts that it gives, hands
it what comes back, and wakes it when its `due` has come; it ends with something scrubbed or a
reason. Every attempt has an ID and a spelling of its own; nothing is believed that does not
repeat both (RFC 5452 9.1), and what does not is ignored while the wait goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resolver.forward.question import Octets, make_query, spell
from resolver.forward.scrub import ACCEPTED, Reply, read_reply
from resolver.forward.standing import LEAST_PATIENCE, UNKNOWN_PATIENCE, Standing
from resolver.forward.wire import Malformed
from resolver.outcome import Rcode, Reason

NOBODY: frozenset[Standing] = frozenset()
MAX_OPEN = 3  # attempts of one exchange that are waited for at a time; each has a socket
MAX_ATTEMPTS = 8  # of one exchange
NO_QUESTION = b"\0\0"
TC, QR, OPCODE_MASK = 0x02, 0x80, 0x78  # of octet 2
NO_EDNS_HERE = frozenset({Rcode.FORMERR, Rcode.NOTIMP, Rcode.BADVERS})  # RFC 6891 6.2.2, 7
STREAM_OF = {"udp": "tcp", "tcp": "tcp", "tls": "tls", "https": "https"}


@dataclass(slots=True, eq=False)
class Attempt:
    """One message to one upstream."""

    standing: Standing
    transport: str  # udp | tcp | tls | https
    ident: bytes
    question: bytes  # as spelled in it
    wire: bytes
    sent: float
    has_edns: bool
    exchange: Exchange | None  # None: a probe
    is_late: bool = False
    is_over: bool = False
    was_resent: bool = False  # on another connection
    handle: int = -1  # the descriptor of its socket

    @property
    def is_stream(self) -> bool:
        return self.transport != "udp"


class Learned(NamedTuple):
    """A reply that answers the question, and who gave it."""

    reply: Reply
    attempt: Attempt


class Unanswered(NamedTuple):
    """Nobody did."""

    reason: Reason


Result = Learned | Unanswered
ENDED = Unanswered(Reason.ANSWERED)  # what was learned has been taken


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for one attempt, and for all of them."""

    timeout: float = 2.0
    deadline: float = 4.0


class Exchange:
    """Asks `standings` in their order; `key` is the question with its name in lower case."""

    __slots__ = (
        *(
            "_asked",
            "_failed",
            "_next",
            "_octets",
            "attempts",
            "deadline",
            "dropped",
            "due",
            "flags",
            "key",
        ),
        *("made", "most", "problem", "refused", "result", "standings", "timing"),
    )

    def __init__(
        self,
        key: bytes,
        flags: int,
        standings: Sequence[Standing],
        timing: Timing,
        octets: Octets,
        now: float,
        most: int = MAX_ATTEMPTS,
    ) -> None:
        self.key = key
        self.flags = flags
        self.standings = standings
        self.timing = timing
        self.deadline = now + timing.deadline
        self.due = now
        self.attempts: list[Attempt] = []  # under way
        self.dropped: list[Attempt] = []  # to be waited for no more; emptied by who drives
        self.made = 0
        self.most = min(most, MAX_ATTEMPTS)
        self.refused: frozenset[Standing] = NOBODY  # who said that they cannot answer this one
        self.problem = Reason.NO_UPSTREAM
        self.result: Result | None = None
        self._asked: dict[Standing, float] = {}  # and how long each is waited for the next time
        self._failed: frozenset[Standing] = NOBODY  # whom the network refused
        self._next = 0
        self._octets = octets

    # ---------------------------------------------------------------- asking

    def begin(self, now: float) -> list[Attempt]:
        """The first attempt."""
        first = self.standings[0]
        self._next = 1 % len(self.standings)
        return [self._attempt(first, first.upstream.transport, now)]

    def end(self) -> None:
        """Let go of the attempts, which hold the exchange in turn: no ring is left to collect."""
        self.attempts = []
        self.result = ENDED

    def wake(self, now: float) -> list[Attempt]:
        """What is to be sent now; sets `due` or `result`."""
        for attempt in [a for a in self.attempts if now - a.sent >= self.timing.timeout]:
            self._drop(attempt)
            attempt.standing.failed("timeout", is_new=not attempt.is_late)
        for attempt in self.attempts:
            if not attempt.is_late and now >= self.due and now - attempt.sent >= LEAST_PATIENCE:
                attempt.is_late = True
                attempt.standing.was_late(now - attempt.sent)
        if now >= self.deadline:
            self._give_up()
            return []
        chosen = self._choose() if now >= self.due else None
        if chosen is None:
            self._wait(now)
            return []
        return [self._attempt(chosen, chosen.upstream.transport, now)]

    def explore(self, standing: Standing, now: float) -> Attempt:
        """Ask another upstream too, to know how fast it is."""
        due = self.due
        attempt = self._attempt(standing, standing.upstream.transport, now)
        self.due = due
        return attempt

    def _choose(self) -> Standing | None:
        """The next upstream in turn that may know; None when nobody is left to ask."""
        if self.made >= self.most:
            return None
        count = len(self.standings)
        for step in range(count):
            standing = self.standings[(self._next + step) % count]
            if standing not in self.refused:
                self._next = (self._next + step + 1) % count
                return standing
        return None

    def _attempt(
        self, standing: Standing, transport: str, now: float, *, with_edns: bool = True
    ) -> Attempt:
        ident, question = self._octets(2), self.key
        if transport == "https":
            ident = b"\0\0"  # RFC 8484 4.1: so that HTTP caches see equal questions as equal
        elif standing.echoes_case is not False:
            question = spell(self.key[:-4], self._octets) + self.key[-4:]
        wire = make_query(ident, question, self.flags, with_edns=with_edns)
        attempt = Attempt(standing, transport, ident, question, wire, now, with_edns, self)
        if len(self.attempts) >= MAX_OPEN:  # the oldest has had its time
            self._drop(self.attempts[0])
        self.attempts.append(attempt)
        self.made += 1
        # The same one again is given twice as long each time, however late it was called since.
        patience = self._asked.get(standing) or standing.patience(self.timing.timeout)
        self._asked[standing] = 2 * max(patience, UNKNOWN_PATIENCE)
        if len(self.standings) == 1:
            patience = max(patience, UNKNOWN_PATIENCE)
        self.due = min(now + patience, self.deadline)
        return attempt

    def _wait(self, now: float) -> None:
        """Nobody is to be asked now: wait for those who were, or end."""
        if not self.attempts:
            if self.made >= self.most or len(self.refused) >= len(self.standings):
                self._give_up()
            return
        if now < self.due:
            return  # the next one has its time
        oldest = min(attempt.sent for attempt in self.attempts)
        self.due = max(now + 0.01, min(oldest + self.timing.timeout, self.deadline))

    def _give_up(self) -> None:
        self.result = Unanswered(self.problem)

    def _drop(self, attempt: Attempt) -> None:
        attempt.is_over = True
        self.dropped.append(attempt)
        if attempt in self.attempts:
            self.attempts.remove(attempt)

    # ---------------------------------------------------------------- what comes back

    def failed(
        self, attempt: Attempt, reason: str, now: float, *, is_ours: bool = False
    ) -> list[Attempt]:
        """The network refused an attempt, or this machine (`is_ours`): the next one at once."""
        if attempt.is_over or self.result is not None:
            return []
        self._drop(attempt)
        attempt.standing.failed(reason, is_new=not (attempt.is_late or is_ours))
        if attempt.standing in self._failed:  # twice: it will not do
            self.refused |= {attempt.standing}
        self._failed |= {attempt.standing}
        self.problem = Reason.NETWORK_ERROR
        return self._go_on(now)

    def _go_on(self, now: float) -> list[Attempt]:
        """Ask the next one now, unless somebody else is being waited for in good time."""
        unasked = [s for s in self.standings if s not in self._asked and s not in self.refused]
        if unasked or not self.attempts:
            usable = len(self.standings) - len(self.refused)
            # Those that failed at once are not asked in circles.
            if unasked or usable == 0 or self.made >= self.most:
                self.due = now
            else:
                self.due = min(max(self.due, now + 0.1), self.deadline)
        return self.wake(now)

    def take(self, attempt: Attempt, wire: bytes, now: float) -> list[Attempt]:
        """Judge what came back for an attempt; what is to be sent because of it."""
        if attempt.is_over or self.result is not None:
            return []
        standing = attempt.standing
        strange = find_strange(attempt, wire)
        if strange in ("wrong-id", "wrong-case") and not attempt.is_stream:
            # Somebody may be guessing: ask where nobody can (RFC 5452 9.2 has no such rule; BIND
            # and PowerDNS do so at the first one).
            standing.reasons[strange] += 1
            return self._instead(attempt, "tcp", now)
        if strange is not None:
            return self._ignore(attempt, strange, now)
        if wire[2] & TC:
            if attempt.is_stream:
                return self._ignore(attempt, "truncated", now)
            standing.answered(now - attempt.sent)
            return self._instead(attempt, "tcp", now)
        if attempt.has_edns and wire[3] & 15 in NO_EDNS_HERE:
            return self._instead(attempt, attempt.transport, now, with_edns=False)
        if wire[4:6] == NO_QUESTION:
            return self._refuse(attempt, now)
        size = 12 + len(self.key)
        try:
            # Names that end in the question's are not to show the spelling that we made up.
            reply = read_reply(wire[:12] + self.key + wire[size:], len(self.key), self.key)
        except Malformed:
            return self._ignore(attempt, "malformed", now)
        return self._judge(attempt, reply, wire[12:size] == attempt.question, now)

    def _judge(
        self, attempt: Attempt, reply: Reply, is_as_spelled: bool, now: float
    ) -> list[Attempt]:
        standing = attempt.standing
        if attempt.is_stream and attempt.transport != "https" and standing.echoes_case is not False:
            # Learned where nobody can forge it.
            standing.echoes_case = is_as_spelled
        standing.answered(now - attempt.sent)
        standing.rcodes[reply.rcode] += 1
        standing.durations.observe(now - attempt.sent)
        if attempt.has_edns and reply.rcode == Rcode.BADVERS:
            return self._instead(attempt, attempt.transport, now, with_edns=False)
        if reply.rcode not in ACCEPTED or reply.is_lame:
            if reply.is_lame:
                standing.reasons["lame"] += 1
            return self._refuse(attempt, now)
        self._drop(attempt)
        self.result = Learned(reply, attempt)
        return []

    def reject(self, attempt: Attempt, reason: str, now: float) -> list[Attempt]:
        """A reply that was well-formed says nothing that can be used: the next one is asked."""
        self.result = None
        attempt.standing.reasons[reason] += 1
        self.refused |= {attempt.standing}
        self.due = now
        return self.wake(now)

    def _ignore(self, attempt: Attempt, reason: str, now: float) -> list[Attempt]:
        """Over UDP the wait goes on; a stream or a fresh connection has nothing better to come."""
        attempt.standing.reasons[reason] += 1
        return self._refuse(attempt, now) if attempt.is_stream else []

    def _instead(
        self, attempt: Attempt, transport: str, now: float, *, with_edns: bool = True
    ) -> list[Attempt]:
        """Ask the same upstream in another way, as long as there are attempts left."""
        if self.made >= self.most:
            return self._refuse(attempt, now)
        self._drop(attempt)
        return [self._attempt(attempt.standing, transport, now, with_edns=with_edns)]

    def _refuse(self, attempt: Attempt, now: float) -> list[Attempt]:
        """An upstream cannot answer this one: the next is asked, unless one is waited for."""
        self._drop(attempt)
        self.refused |= {attempt.standing}
        if not self.attempts:
            self.due = now
        return self.wake(now)


def find_strange(attempt: Attempt, wire: bytes) -> str | None:
    """Why a message is not the reply to an attempt; None: it is."""
    question = attempt.question
    size = 12 + len(question)
    if len(wire) < 12:
        return "short"
    if not wire[2] & QR or wire[2] & OPCODE_MASK:
        return "not-a-reply"
    if wire[:2] != attempt.ident:
        return "wrong-id"
    if wire[4:6] == NO_QUESTION and wire[3] & 15 in NO_EDNS_HERE:
        return None  # servers from before EDNS may repeat nothing (RFC 6891 7)
    if wire[4:6] != b"\0\1":
        return "wrong-question"
    seen = wire[12:size]
    if seen == question:
        return None
    # Types and classes must not be lowered: HTTPS is the octet of `A`.
    if seen[:-4].lower() + seen[-4:] == question[:-4].lower() + question[-4:]:
        return None if attempt.is_stream or attempt.standing.echoes_case is False else "wrong-case"
    return "wrong-question"
