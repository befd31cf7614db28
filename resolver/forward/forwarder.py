"""The forwarder: questions in flight, who waits for them, and what becomes of the replies.

Equal questions of one environment share an exchange; a waiter that leaves ends nothing. When an
exchange ends, every waiter's question is answered again, from the generation that is served then.
Decisions are those of `exchange` and `elsewhere`; here is only what waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from time import monotonic

from resolver.cache import RECHECK, Cache, Entry
from resolver.faultlog import report_fault
from resolver.findings import Finding, give, is_asked_by, stale_finding
from resolver.forward.exchange import Attempt, Exchange, Learned, Timing, Unanswered
from resolver.forward.question import DNSSEC_OK
from resolver.forward.scrub import Limits, scrub, scrub_simple
from resolver.forward.standing import EXPLORED, POLICIES, Standing
from resolver.forward.upstreams import Entropy, Upstreams, root_questions
from resolver.forward.waiting import Places, Respond, Running, Waiter
from resolver.forward.wire import Malformed
from resolver.generation import Published, View
from resolver.outcome import Forward, Outcome, Rcode, Reason, Reply, Source
from resolver.query import handle
from resolver.render import refuse
from resolver.routes import Route

TICK = 0.02  # seconds between two looks at what is due
STALE_TIMER = 1.8  # seconds until a stale answer is good enough (RFC 8767 5)

log = logging.getLogger("sightline.forward")


class Forwarder:
    """Asks upstreams on behalf of clients; one for a process."""

    def __init__(
        self,
        published: Published,
        cache: Cache,
        upstreams: Upstreams,
        *,
        policy: str = "fastest",
        timing: Timing | None = None,
        limits: Limits | None = None,
        in_flight: int = 5000,
    ) -> None:
        self.published = published
        self.cache = cache
        self.upstreams = upstreams
        self.places = Places(in_flight)
        self.coalesced: Counter[str] = Counter()  # by environment
        self.policy = policy
        self._order = POLICIES[policy]
        self._explores = policy == "fastest"
        self._timing = timing or Timing()
        self._limits = limits or Limits()
        self._octets = Entropy()
        self._turn = 0
        self._by_key: dict[object, Running] = {}
        self._running: dict[Exchange, Running] = {}
        self._primed: set[str] = set()  # places that have asked for anything
        self._timer: asyncio.TimerHandle | None = None
        self._stopping: asyncio.Event | None = None
        self._has_ended = False
        upstreams.taker = self

    # ---------------------------------------------------------------- coming in

    def begin(self, forward: Forward, respond: Respond) -> None:
        """Ask for `forward`, and tell `respond` the outcome, once; perhaps before returning."""
        now = monotonic()
        if forward.reply is not None:
            respond(forward.reply)
            self._refresh(forward, now)
            return
        environment = forward.asked.view.environment
        reason = None
        if self._stopping is not None:
            reason = Reason.STOPPING
        elif not self._has_room(environment):
            self.places.refused[environment] += 1
            reason = Reason.TOO_MANY
        elif self.upstreams.is_own(forward.asked.source):
            respond(_refuse(forward, Rcode.REFUSED, Reason.OWN_ADDRESS))
            return
        if reason is not None:
            if forward.stale is not None:
                self._resume(Waiter(forward, respond, now), stale_finding(forward.stale))
            else:
                respond(_refuse(forward, Rcode.SERVFAIL, reason))
            return
        self.places.take(environment)
        self._join(forward, Waiter(forward, respond, now), now)

    def _refresh(self, forward: Forward, now: float) -> None:
        """Ask in the background, where there is room and nobody asks already."""
        environment = forward.asked.view.environment
        if forward.key not in self._by_key and self._has_room(environment):
            self.places.take(environment)
            self._join(forward, Waiter(forward, _tell_nobody, now), now)

    def _has_room(self, environment: str) -> bool:
        return self.places.has_room(environment, len(self.published.generation.namespaces))

    def _join(self, forward: Forward, waiter: Waiter, now: float) -> None:
        """Wait for the exchange that asks the same, or begin one."""
        running = self._by_key.get(forward.key)
        if running is not None and running.route == forward.route:
            self.coalesced[forward.asked.view.environment] += 1
            self._wait(running, waiter)
            return
        standings = self.upstreams.of(forward.asked.view.environment, forward.route, now)
        # Most often the first is up; `all` would cost as much as the rest of this function.
        if not standings or (standings[0].is_down and all(s.is_down for s in standings)):
            self._end_waiter(waiter, self._failure(forward.stale, Reason.NO_UPSTREAM))
            return
        if len(standings) > 1:
            self._turn += 1
            standings = self._order(standings, self._turn)
        key, flags, _ = forward.key
        exchange = Exchange(key, flags, standings, self._timing, self._octets, now, waiter.left)
        running = Running(forward, exchange)
        self._by_key[forward.key] = running
        self._running[exchange] = running
        self._wait(running, waiter)
        self._send(running, exchange.begin(now), now)
        if self._explores and len(standings) > 1 and exchange.result is None:
            self._explore(exchange, standings, now)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        if forward.key[2] not in self._primed:
            self._prime(forward.asked.view)

    def _explore(self, exchange: Exchange, standings: list[Standing], now: float) -> None:
        first, second = self._octets(2)
        others = [standing for standing in standings[1:] if not standing.is_suspect]
        if others and first < EXPLORED * 256:
            attempt = exchange.explore(others[second % len(others)], now)
            self.upstreams.send(attempt)

    def _wait(self, running: Running, waiter: Waiter) -> None:
        running.waiters.append(waiter)
        if waiter.forward.stale is not None:
            running.stale_due = min(running.stale_due, waiter.began + STALE_TIMER)

    def choose(self, environment: str, route: Route) -> list[Standing]:
        """The upstreams of a route in the order in which they would be asked now."""
        standings = self.upstreams.known(environment, route)
        return self._order(standings, self._turn + 1) if standings else []

    # ---------------------------------------------------------------- under way

    def deliver(self, attempt: Attempt, wire: bytes) -> None:
        """Take what came back for an attempt."""
        running = self._running.get(attempt.exchange) if attempt.exchange is not None else None
        now = monotonic()
        if running is None:
            self.upstreams.deliver_late(attempt, wire, now)
            return
        self._send(running, running.exchange.take(attempt, wire, now), now)

    def fail(self, attempt: Attempt, reason: str, *, is_ours: bool = False) -> None:
        """Take that the network refused an attempt."""
        running = self._running.get(attempt.exchange) if attempt.exchange is not None else None
        now = monotonic()
        if running is None:
            self.upstreams.fail_late(attempt, reason)
            return
        exchange = running.exchange
        self._send(running, exchange.failed(attempt, reason, now, is_ours=is_ours), now)
        self.upstreams.probes.look_after(exchange.standings, now)

    def fault(self, attempt: Attempt, fault: Exception) -> None:
        """A bug showed while a reply was judged: who waits gets SERVFAIL."""
        report_fault(log, "judging what an upstream said", fault)
        running = self._running.get(attempt.exchange) if attempt.exchange is not None else None
        if running is not None:
            self._end(running, Finding(None, Source.FORWARD, Reason.FAULT))

    def _send(self, running: Running, attempts: list[Attempt], now: float) -> None:
        exchange = running.exchange
        for attempt in attempts:
            self.upstreams.send(attempt)
        if exchange.dropped:
            self.upstreams.end(exchange.dropped)
            exchange.dropped.clear()
        result = exchange.result
        if isinstance(result, Learned):
            self._learn(running, result, now)
        elif result is not None:
            self._give_up(running, result, now)

    def _tick(self) -> None:
        """Look at what is due."""
        now = monotonic()
        is_busy = True
        for running in list(self._running.values()):
            try:
                self._look_at(running, now)
            except Exception as fault:  # noqa: BLE001  # the one net of this entry point
                report_fault(log, "waiting for upstreams", fault)
                if running.exchange in self._running:
                    self._end(running, Finding(None, Source.FORWARD, Reason.FAULT))
        try:
            is_busy = self.upstreams.tick(now)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            report_fault(log, "looking after upstreams", fault)
        again = bool(self._running) or is_busy
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick) if again else None

    def _look_at(self, running: Running, now: float) -> None:
        if now >= running.stale_due:
            self._serve_stale(running, now)
        exchange = running.exchange
        if now >= exchange.due and exchange in self._running:
            self._send(running, exchange.wake(now), now)
            self.upstreams.probes.look_after(exchange.standings, now)

    def _serve_stale(self, running: Running, now: float) -> None:
        """Who has waited long enough gets what was true; the exchange goes on."""
        waiting, running.waiters = running.waiters, []
        running.stale_due = float("inf")
        for waiter in waiting:
            stale = waiter.forward.stale
            if stale is not None and now >= waiter.began + STALE_TIMER:
                stale.recheck_at = now + RECHECK  # nobody else need wait for it
                self._end_waiter(waiter, stale_finding(stale))
            else:
                self._wait(running, waiter)

    # ---------------------------------------------------------------- the end

    def _learn(self, running: Running, result: Learned, now: float) -> None:
        attempt, reply = result.attempt, result.reply
        view, route, key = running.view, running.route, running.key
        standing = attempt.standing
        is_near = standing.is_private or route.is_delegation
        guarded = running.forwarding.guard.applies(reply.qname, is_near)
        dnssec_ok = key[1] & DNSSEC_OK
        scrubbed = None if guarded or dnssec_ok else scrub_simple(reply, self._limits)
        if scrubbed is None:
            try:
                scrubbed = scrub(
                    reply,
                    self._limits,
                    lambda name: is_asked_by(view, route, name, reply.qtype),
                    dnssec_ok=bool(dnssec_ok),
                    guarded=guarded,
                )
            except Malformed:
                attempts = running.exchange.reject(attempt, "off-topic", now)
                self._send(running, attempts, now)
                return
        entry = Entry(
            scrubbed,
            len(reply.qname),
            now,
            route,
            running.forwarding,
            # RFC 4035 3.2.3: of what was changed here, nobody has verified anything.
            reply.is_authentic
            and not scrubbed.is_changed
            and self.upstreams.trusts(standing.upstream),
            standing.name,
        )
        # Where routes have changed meanwhile, the entry's token tells.
        partition = self.cache.partition(view.environment)
        if not scrubbed.lifetime:
            partition.drop(key)  # what was said before is not true any more
        elif view.environment in self.published.generation.namespaces:
            partition.put(key, entry, scrubbed.denies)
        self._end(running, Finding(entry, Source.FORWARD, entry.reason))

    def _give_up(self, running: Running, result: Unanswered, now: float) -> None:
        partition = self.cache.partition(running.view.environment)
        partition.fail(running.key, result.reason, now)
        entry = partition.find(running.key)
        if entry is not None:
            entry.recheck_at = now + RECHECK
            entry.refresh_at = now + 5.0
        if running.stale is not None:
            running.stale.recheck_at = now + RECHECK
        self._end(running, Finding(None, Source.FORWARD, result.reason))

    def _end(self, running: Running, finding: Finding) -> None:
        exchange = running.exchange
        del self._running[exchange]
        if self._by_key.get(running.key) is running:
            del self._by_key[running.key]
        self.upstreams.leave(exchange.attempts)
        exchange.end()
        for waiter in running.waiters:
            waiter.left -= exchange.made
            stale = waiter.forward.stale
            if finding.entry is None and stale is not None:
                self._end_waiter(waiter, stale_finding(stale))
            else:
                self._end_waiter(waiter, finding)

    def _failure(self, stale: Entry | None, reason: Reason) -> Finding:
        return Finding(None, Source.FORWARD, reason) if stale is None else stale_finding(stale)

    def _end_waiter(self, waiter: Waiter, finding: Finding) -> None:
        environment = waiter.forward.asked.view.environment
        self.places.give_back(environment)
        try:
            self._resume(waiter, finding)
        except Exception as fault:  # noqa: BLE001  # one client's question must not end the others'
            report_fault(log, "answering what upstreams were asked for", fault)
            waiter.respond(_refuse(waiter.forward, Rcode.SERVFAIL, Reason.FAULT))
        if self._stopping is not None and not self.places.taken:
            self._stopping.set()

    def _resume(self, waiter: Waiter, finding: Finding) -> None:
        """Answer a client's question with what is known now; perhaps more must be asked."""
        if waiter.respond is _tell_nobody:
            return
        forward = waiter.forward
        asked = forward.asked
        generation = self.published.generation
        entry = finding.entry
        if (
            entry is not None
            and entry.tail is None
            and forward.key[0] == asked.query.key
            and generation.views.get((asked.view.environment, asked.view.region)) is asked.view
        ):  # what most come to
            turn = entry.turn(finding.age)
            waiter.respond(give(asked, entry, turn, finding.source, finding.reason))
            return
        waiter.fresh[forward.key] = finding
        outcome = handle(
            *(asked.wire, asked.source, asked.door, generation, monotonic()),
            *(self.cache, waiter.fresh),
        )
        if not isinstance(outcome, Forward) or outcome.reply is not None:
            waiter.respond(outcome.reply if isinstance(outcome, Forward) else outcome)  # type: ignore[arg-type]  # not None
            return
        if waiter.left <= 0:
            waiter.respond(_refuse(outcome, Rcode.SERVFAIL, Reason.CHAIN_TOO_LONG))
            return
        waiter.forward = outcome
        environment = outcome.asked.view.environment
        self.places.take(environment)
        self._join(outcome, waiter, monotonic())

    async def stop(self, grace: float) -> None:
        """Take nothing new; let what is in flight end for `grace` seconds, then SERVFAIL."""
        self._stopping = asyncio.Event()
        stopped = Finding(None, Source.FORWARD, Reason.STOPPING)
        for running in list(self._running.values()):
            if all(waiter.respond is _tell_nobody for waiter in running.waiters):
                self._end(running, stopped)
        if self.places.taken:
            try:
                await asyncio.wait_for(self._stopping.wait(), grace)
            except TimeoutError:
                self._has_ended = True
                for running in list(self._running.values()):
                    self._end(running, stopped)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.upstreams.close()

    # ---------------------------------------------------------------- the root

    def prime(self) -> None:
        """Fetch `. NS` and `. SOA` anew where they are asked of others than before, or were not
        there; only for places that have asked for anything, so that a server at rest is silent."""
        for partition in self.cache.partitions.values():
            partition.forget_failures()  # others may know better
        self.upstreams.retain(self.published.generation.upstreams(), monotonic())
        places, self._primed = self._primed, set()
        views = {view.forwarding.place: view for view in self.published.generation.views.values()}
        for place in places & views.keys():
            self._prime(views[place])

    def _prime(self, view: View) -> None:
        self._primed.add(view.forwarding.place)
        partition = self.cache.partition(view.environment)
        for forward in root_questions(view):
            entry = partition.pinned.get(forward.key)
            if entry is None or entry.route != forward.route:
                partition.pinned.pop(forward.key, None)
                self._refresh(forward, monotonic())


def _tell_nobody(outcome: Outcome) -> None:
    """What was refreshed is in the cache."""


def _refuse(forward: Forward, rcode: Rcode, reason: Reason) -> Reply:
    asked = forward.asked
    environment = asked.view.environment
    return refuse(asked.wire, asked.query, environment, rcode, reason, Source.FORWARD)
