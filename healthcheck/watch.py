"""All that is known of all targets: observations and time go in, judgements come to the board.

It has neither clock nor loop; `checker` feeds it. It decides nothing itself: see `track`,
`judge`, `doubt` and `proof`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from healthcheck.board import Board
from healthcheck.check import Observation
from healthcheck.doubt import Doubt
from healthcheck.health import State
from healthcheck.judge import is_lost, judge
from healthcheck.ledger import Change, Ledger, Watched
from healthcheck.moves import Moves
from healthcheck.overrides import Overrides
from healthcheck.proof import Proof
from healthcheck.report import Override
from healthcheck.track import Track, is_restless, observe, pardoned, taken_back
from healthcheck.use import ProbeKey, Use

log = logging.getLogger("sightline.health")

SWEEPS = 60  # until each probe was looked at for missing observations


class Watch:
    """Targets, tracks, overrides and judgements; times are those of the checker's clock."""

    def __init__(self, overrides: Mapping[str, Override], *, is_probing: bool) -> None:
        self.is_probing = is_probing
        self.ledger = Ledger()
        self.board = Board(is_probing=is_probing)
        self.moves = Moves()
        self.doubt = Doubt()
        self.proof = Proof()
        self.overrides = Overrides(overrides)
        self.is_dirty = False  # something worth saving happened
        self._restless: set[Watched] = set()  # time alone will change what is judged of them
        self._round: list[Watched] = []
        self._position = 0

    def replace(
        self, uses: Iterable[Use], begin: Callable[[ProbeKey], Track], now: float
    ) -> Change:
        """Take the targets of a new generation; `begin` makes the track of a new probe."""
        before = self.ledger.uses
        change = self.ledger.replace(uses, begin)
        self.doubt.forget(change.gone)
        self._restless.difference_update(change.gone)
        for entry in change.new:
            if entry.track.state is State.UP:  # as it was saved
                self._believe(entry, now)
        self.board.keep(self.ledger.uses)
        if self.ledger.uses is not before:
            self._round = list(self.ledger.watched.values())
            services = self.proof.renew(self._round, now)
            for use in change.uses:
                self._judge(use, now)
            self._judge_services(services, now)
            self._restless.update(self._restless_of(change.uses, now))
        return change

    def observe(self, entry: Watched, seen: Observation) -> None:
        """Take an observation."""
        before, now = entry.track, seen.at
        entry.recent.note(seen)
        if seen.failure is not None:
            self.moves.fail(entry.labels, seen.failure)
            self._doubt(entry, now)
        track = observe(before, seen, entry.timing, is_frozen=self.doubt.is_frozen)
        entry.track = track
        if seen.has_passed and track.state is State.UP:
            self._believe(entry, now)
        if track.state is not before.state:
            entry.before = before
            self.moves.move(entry, before.state, seen)
            if is_restless(track, now, entry.slow_start):
                self._restless.add(entry)
        if track.state is not before.state or track.is_proven is not before.is_proven:
            self.is_dirty = True
            self._judge_services(self.proof.note(entry, now), now)
        for use in entry.uses:
            self._judge(use, now)

    def sweep(self, now: float, wall: float) -> None:
        """Do what time alone does; `wall` in seconds since the epoch."""
        if self.doubt.thaw(now):
            log.error("health: states are no longer frozen, what is observed counts again")
        self.doubt.expire(now)
        self._judge_restless(now)
        self._judge_lost(now)
        ended = [*self.overrides.expire(wall), *self.overrides.expire_absent(wall)]
        if ended:
            log.info("overrides ended: %s", ", ".join(ended))
            self.is_dirty = True
            self.judge_endpoints(ended, now)
        if (line := self.proof.tell(now)) is not None:
            log.warning("%s", line)
        self.moves.flush(now)

    def pardon(self, endpoint: str, now: float) -> None:
        """End the damping of an endpoint, and so of all that share its probes."""
        for use in self.ledger.by_endpoint.get(endpoint, ()):
            entry = self.ledger.by_target.get(use.target)
            if entry is None:
                continue
            entry.track = pardoned(entry.track)
            for shared in entry.uses:
                self._judge(shared, now)
        self.is_dirty = True

    def judge_endpoints(self, endpoints: Iterable[str], now: float) -> None:
        """Judge all targets of some endpoints anew."""
        for endpoint in endpoints:
            for use in self.ledger.by_endpoint.get(endpoint, ()):
                self._judge(use, now)

    def _judge(self, use: Use, now: float) -> None:
        entry = self.ledger.by_target.get(use.target) if self.is_probing else None
        health = judge(
            use,
            None if entry is None else entry.track,
            now,
            is_unproven=use.service in self.proof.unproven,
            override=self.overrides.state_of(use.endpoint),
        )
        self.board.put(use, health)

    def _judge_services(self, services: Iterable[str], now: float) -> None:
        for service in services:
            for use in self.ledger.by_service.get(service, ()):
                self._judge(use, now)

    def _restless_of(self, uses: Iterable[Use], now: float) -> list[Watched]:
        entries = filter(None, (self.ledger.by_target.get(use.target) for use in uses))
        return [entry for entry in entries if is_restless(entry.track, now, entry.slow_start)]

    def _judge_restless(self, now: float) -> None:
        for entry in list(self._restless):
            for use in entry.uses:
                self._judge(use, now)
            if not is_restless(entry.track, now, entry.slow_start):
                self._restless.discard(entry)

    def _judge_lost(self, now: float) -> None:
        """Look for missing observations, at a part of the probes each time."""
        count = len(self._round) // SWEEPS + 1
        part = self._round[self._position : self._position + count]
        self._position = self._position + count if part else 0
        for entry in part:
            if is_lost(entry.track, entry.timing, now):
                for use in entry.uses:
                    self._judge(use, now)

    def _doubt(self, entry: Watched, now: float) -> None:
        found = self.doubt.fail(entry, entry.services, entry.timing.interval, now)
        if found is not None:
            log.error(
                "health: the checker itself is in doubt: %d of %d targets that were up, of %d "
                "services, failed within %g s; states are frozen for up to a minute",
                *(found.failing, found.up, found.services, found.window),
            )
            self._take_back(now)

    def _take_back(self, now: float) -> None:
        """Undo what the first of those that fail at once came to, before the last was asked."""
        taken = []
        for entry in self.doubt.failing:
            assert isinstance(entry, Watched)
            if entry.track.state is State.DOWN and entry.before.state is State.UP:
                entry.track = taken_back(entry.track, entry.before)
                taken.append(entry)
                for use in entry.uses:
                    self._judge(use, now)
        if taken:
            log.error("health: %d that were called down within it are up again", len(taken))

    def _believe(self, entry: Watched, now: float) -> None:
        if self.doubt.succeed(entry, now):
            log.error("health: states are no longer frozen, enough of the targets pass again")
