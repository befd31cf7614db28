"""Turns what the supervisor sees into events: what is told to it, and what differs between looks.

Pure: time is given, in seconds since the epoch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from healthcheck.health import NOT_OBSERVED, Health, State, Target
from healthcheck.report import Override
from healthcheck.use import Use
from resolver.events import EventLog, Kind
from resolver.zones.places import Problem, Severity

MOST_TOLD = 100  # flips of one environment at a time that are told one by one
MOST_PROBLEMS = 20  # of a reload
SEVERAL = "-"

UpstreamName = tuple[str, str]
"""Environment, and the upstream as it is written."""


class Look(NamedTuple):
    """How things stand."""

    overrides: Mapping[str, Override]  # by endpoint
    workers: Sequence[tuple[int, bool, int]]  # number, whether it answers, how often replaced
    upstreams_down: frozenset[UpstreamName]
    is_frozen: bool  # health states, since the checker is in doubt
    trouble: str | None  # of the checker


class Noticing:
    """Writes to `log`; `find_use` tells whose a target is, `environment_of` whose an endpoint."""

    def __init__(
        self,
        log: EventLog,
        find_use: Callable[[Target], Use | None],
        environment_of: Callable[[str], str],
    ) -> None:
        self.log = log
        self._find_use = find_use
        self._environment_of = environment_of
        self._before: Look | None = None

    # ---------------------------------------------------------------- what is told

    def flipped(
        self,
        now: float,
        before: Mapping[Target, Health],
        after: Mapping[Target, Health],
        changed: Iterable[Target],
    ) -> None:
        """Health that was judged anew; what only moves a weight or a TTL is no event."""
        told: Counter[str] = Counter()
        for target in changed:
            was, now_is = before.get(target, NOT_OBSERVED), after.get(target, NOT_OBSERVED)
            if was.state is now_is.state and was.damped is now_is.damped:
                continue
            if was == NOT_OBSERVED and now_is.state is State.UP:
                continue  # the first look is no change
            use = self._find_use(target)
            if use is None:
                continue
            environment = use.labels[0]
            told[environment] += 1
            if told[environment] <= MOST_TOLD:
                self._tell_flip(now, use, was, now_is)
        for environment, count in told.items():
            if count > MOST_TOLD:
                more = count - MOST_TOLD
                text = f"{more} more addresses changed at the same time"
                self.log.add(now, Kind.HEALTH, environment, text, {"more": more})

    def _tell_flip(self, now: float, use: Use, was: Health, now_is: Health) -> None:
        before, after = _word(was), _word(now_is)
        text = f"{use.endpoint} {use.address}: {before} → {after}: {now_is.reason}"
        facts = {
            "endpoint": use.endpoint,
            "address": use.address,
            "from": before,
            "to": after,
            "reason": now_is.reason,
        }
        self.log.add(now, Kind.HEALTH, use.labels[0], text, facts)

    def reloaded(
        self, now: float, number: int, revision: str | None, seconds: float, warnings: int
    ) -> None:
        """Files were read, and are served."""
        of = f" of revision {revision[:12]}" if revision else ""
        count = f", {warnings} warning{'s' * (warnings > 1)}" if warnings else ""
        text = f"reload accepted: generation {number}{of} after {seconds:.2f} s{count}"
        facts = {"result": "accepted", "seconds": round(seconds, 3)}
        withheld = {"generation": number, "revision": revision, "warnings": warnings}
        self._tell_reload(now, text, facts, withheld)

    def refused(self, now: float, number: int, problems: Iterable[Problem]) -> None:
        """Files were read, and cannot be served."""
        errors = [p for p in problems if p.severity is Severity.ERROR]
        count = f"{len(errors)} error{'s' * (len(errors) != 1)}"
        text = f"reload refused: {count}; generation {number} serves on"
        withheld = {
            "generation": number,
            "errors": len(errors),
            "problems": [str(problem) for problem in errors[:MOST_PROBLEMS]],
        }
        self._tell_reload(now, text, {"result": "refused"}, withheld)

    def _tell_reload(
        self, now: float, text: str, facts: Mapping[str, object], withheld: Mapping[str, object]
    ) -> None:
        brief = f"reload {facts['result']}"
        self.log.add(now, Kind.RELOAD, None, text, facts, withheld=withheld, brief=brief)

    # ---------------------------------------------------------------- what is seen

    def look(self, now: float, seen: Look) -> None:
        """Note what differs from the last look; the first one finds nothing new."""
        before, self._before = self._before, seen
        if before is None:
            return
        if seen.overrides != before.overrides:
            self._compare_overrides(now, before.overrides, seen.overrides)
        if seen.workers != before.workers:
            self._compare_workers(now, before.workers, seen.workers)
        for environment, name in sorted(seen.upstreams_down - before.upstreams_down):
            self._tell_upstream(now, environment, name, "down")
        for environment, name in sorted(before.upstreams_down - seen.upstreams_down):
            self._tell_upstream(now, environment, name, "up")
        if seen.is_frozen is not before.is_frozen:
            state = "frozen" if seen.is_frozen else "thawed"
            text = (
                "health states are frozen: too many targets fail at once"
                if seen.is_frozen
                else "health states are no longer frozen"
            )
            self.log.add(now, Kind.CHECKER, None, text, {"state": state})
        if seen.trouble != before.trouble:
            state = "working" if seen.trouble is None else "hung"
            self.log.add(
                now, Kind.CHECKER, None, seen.trouble or "health checks go on", {"state": state}
            )

    def _compare_overrides(
        self, now: float, before: Mapping[str, Override], seen: Mapping[str, Override]
    ) -> None:
        for endpoint, override in seen.items():
            if before.get(endpoint) != override:
                why = f": {override.reason}" if override.reason else ""
                by = override.by or "an operator"
                text = f"{endpoint}: {override.state.value} by {by}{why}"
                facts = _facts_of(endpoint, override, override.state.value)
                self.log.add(now, Kind.OVERRIDE, self._environment_of(endpoint), text, facts)
        for endpoint, override in before.items():
            if endpoint not in seen:
                is_over = override.until is not None and override.until <= now
                how = "expired" if is_over else "resumed"
                text = f"{endpoint}: {override.state.value} ended: {how}"
                facts = {**_facts_of(endpoint, override, "normal"), "ended": how}
                self.log.add(now, Kind.OVERRIDE, self._environment_of(endpoint), text, facts)

    def _compare_workers(
        self,
        now: float,
        before: Sequence[tuple[int, bool, int]],
        seen: Sequence[tuple[int, bool, int]],
    ) -> None:
        known = {number: (is_up, restarts) for number, is_up, restarts in before}
        for number, is_up, restarts in seen:
            was_up, had = known.get(number, (is_up, restarts))
            lost = restarts - had
            if lost > 0 or (was_up and not is_up):
                again = f" ({lost} times)" if lost > 1 else ""
                self._tell_worker(now, number, "lost", f"ended or does not answer{again}")
            if is_up and (lost > 0 or not was_up):
                self._tell_worker(now, number, "answers", "answers again")

    def _tell_worker(self, now: float, number: int, state: str, words: str) -> None:
        facts = {"worker": number, "state": state}
        self.log.add(now, Kind.WORKER, None, f"worker {number} {words}", facts)

    def _tell_upstream(self, now: float, environment: str, name: str, state: str) -> None:
        text = f"upstream {name} is down" if state == "down" else f"upstream {name} answers again"
        self.log.add(now, Kind.UPSTREAM, environment, text, {"upstream": name, "state": state})


def _word(health: Health) -> str:
    return "damped" if health.damped and health.is_really_up else health.state.value


def _facts_of(endpoint: str, override: Override, state: str) -> dict[str, object]:
    return {
        "endpoint": endpoint,
        "state": state,
        "by": override.by,
        "reason": override.reason,
        "until": override.until,
    }
