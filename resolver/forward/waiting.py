"""Who waits for upstreams, what for, and how many may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from resolver.cache import Entry
from resolver.findings import Fresh
from resolver.forward.exchange import Exchange
from resolver.outcome import Forward, Outcome

MAX_QUERIES = 20  # to upstreams, for one client's question

Respond = Callable[[Outcome], None]


class Waiter:
    """A client's question that waits for upstreams."""

    __slots__ = ("began", "forward", "fresh", "left", "respond")

    def __init__(self, forward: Forward, respond: Respond, began: float) -> None:
        self.forward = forward  # what is asked for at present
        self.respond = respond
        self.began = began
        self.fresh: Fresh = {}  # what was learned for it
        self.left = MAX_QUERIES


class Running:
    """An exchange, what it is for, and who waits for it."""

    __slots__ = ("exchange", "forwarding", "key", "route", "stale", "stale_due", "view", "waiters")

    def __init__(self, forward: Forward, exchange: Exchange) -> None:
        self.exchange = exchange
        self.key = forward.key
        self.route = forward.route
        self.view = forward.asked.view
        self.forwarding = forward.asked.view.forwarding
        self.stale: Entry | None = forward.stale
        self.stale_due = float("inf")  # when somebody has waited long enough
        self.waiters: list[Waiter] = []


class Places:
    """Room for questions in flight: bounded, and shared fairly by environments."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self.held: Counter[str] = Counter()  # by environment
        self.refused: Counter[str] = Counter()  # questions for which there was none

    def has_room(self, environment: str, environments: int) -> bool:
        """Whether there is one: no environment takes more than half while there are others."""
        most = self.most if environments < 2 else max(1, self.most // 2)
        return self.taken < self.most and self.held[environment] < most

    def take(self, environment: str) -> None:
        self.taken += 1
        self.held[environment] += 1

    def give_back(self, environment: str) -> None:
        self.taken -= 1
        self.held[environment] -= 1
