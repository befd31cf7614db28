"""What is known of one upstream, by one environment: how fast, and whether it answers. Pure.

Three failures in a row make an upstream suspect: others are preferred, and it is probed. Only
probes of our own call it down: names that hang somewhere behind it cannot (CVE-2023-26437).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy

from healthcheck.histogram import Histogram
from resolver.forward.private import is_private
from resolver.zones.upstream import Upstream

FAILURES_TO_SUSPECT = 3  # in a row
PROBES_TO_CALL_DOWN = 3  # in a row
PROBE_INTERVAL = 0.5  # seconds
PART_OF_NEW = 0.25  # weight of a new latency in the moving average
UNKNOWN_PATIENCE = 0.4  # seconds until another is asked, where no latency is known
LEAST_PATIENCE = 0.2
MARGIN = 4.0  # times the average latency
EXPLORED = 0.05  # part of the questions that another upstream is asked too, to know its latency


class Standing:
    """The present standing of one upstream."""

    __slots__ = (
        *("durations", "echoes_case", "environment", "failed_probes", "failures", "family"),
        *("is_delegated", "is_private", "is_probed", "latency", "name", "peer", "probed", "rcodes"),
        *("reasons", "upstream", "wanted", "was_called_down"),
    )

    def __init__(self, upstream: Upstream, environment: str = "") -> None:
        self.upstream = upstream
        self.environment = environment
        self.name = str(upstream)
        self.family = upstream.address.version  # 4 or 6
        self.is_private = is_private(upstream.address.packed)
        self.peer = (str(upstream.address), upstream.port)
        self.is_delegated = False  # known by a delegation of our zones, and not by a route
        self.was_called_down = False  # and that was said
        self.latency: float | None = None  # seconds, a moving average
        self.failures = 0  # in a row: no reply in time, or the network refused
        self.failed_probes = 0  # in a row
        self.is_probed = False
        self.echoes_case: bool | None = None  # the spelling of questions; None: not known
        self.probed = float("-inf")  # when it was last
        self.wanted = 0.0  # when a question was last to be asked of it
        self.reasons: Counter[str] = Counter()  # of failures and ignored replies
        self.rcodes: Counter[int] = Counter()  # of replies
        self.durations = Histogram()

    @property
    def is_suspect(self) -> bool:
        return self.failures >= FAILURES_TO_SUSPECT

    @property
    def is_down(self) -> bool:
        """Known to answer nothing, not even our own probes."""
        return self.is_suspect and self.failed_probes >= PROBES_TO_CALL_DOWN

    def answered(self, seconds: float) -> None:
        """It answered something."""
        old = self.latency
        self.latency = seconds if old is None else old + PART_OF_NEW * (seconds - old)
        self.failures = self.failed_probes = 0

    def was_late(self, seconds: float) -> None:
        """Another was asked since it took this long: it is preferred no more."""
        self.latency = max(seconds, 2 * (self.latency or 0.0))
        self.failures += 1

    def failed(self, reason: str, *, is_new: bool = True) -> None:
        """The network refused, or nothing came; `is_new`: it has not been called late before."""
        self.reasons[reason] += 1
        if is_new:
            self.failures += 1

    def patience(self, timeout: float) -> float:
        """Seconds until another upstream is asked as well."""
        if self.latency is None or self.failures:  # what is late now has no usual latency
            return min(UNKNOWN_PATIENCE, timeout)
        return min(max(LEAST_PATIENCE, MARGIN * self.latency), timeout)

    def copy(self) -> Standing:
        """One with the same present and the same numbers, which then goes its own way."""
        made = copy(self)
        made.reasons, made.rcodes = Counter(self.reasons), Counter(self.rcodes)
        made.durations = Histogram()
        made.durations.add(self.durations)
        return made

    def count_in(self, other: Standing) -> None:
        """Add the numbers of another process."""
        self.reasons.update(other.reasons)
        self.rcodes.update(other.rcodes)
        self.durations.add(other.durations)

    def merged(self, other: Standing) -> Standing:
        """The numbers of both, with the present of the process that hears most of it."""
        best, rest = sorted((self, other), key=_heard, reverse=True)
        made = best.copy()
        made.count_in(rest)
        return made


def _heard(standing: Standing) -> tuple[bool, bool, int]:
    return not standing.is_down, not standing.is_suspect, sum(standing.rcodes.values())


Pick = Callable[[int], int]
"""A whole number below another one, by chance."""


def _rank(standing: Standing) -> tuple[bool, bool]:
    return standing.is_down, standing.is_suspect


def fastest(standings: Sequence[Standing], turn: int) -> list[Standing]:
    """Those that answer, by latency; who was never asked is asked first."""
    return sorted(standings, key=lambda s: (*_rank(s), s.latency or 0.0))


def sequential(standings: Sequence[Standing], turn: int) -> list[Standing]:
    """As written, but those that do not answer last."""
    return sorted(standings, key=_rank)


def round_robin(standings: Sequence[Standing], turn: int) -> list[Standing]:
    """Each in its turn, but those that do not answer last."""
    start = turn % len(standings)
    return sorted([*standings[start:], *standings[:start]], key=_rank)


Policy = Callable[[Sequence[Standing], int], list[Standing]]

POLICIES: dict[str, Policy] = {
    policy.__name__: policy for policy in (fastest, sequential, round_robin)
}
