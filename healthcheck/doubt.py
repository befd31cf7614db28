"""The checker in doubt of itself: when most of what was up fails at once, it is likely our side.

States then freeze for a while. Pure: time is given. A key stands for one probe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

LONGEST_WINDOW = 30.0  # seconds
LONGEST_FREEZE = 60.0  # seconds
FEWEST_FAILING = 10
FEWEST_SERVICES = 2


@dataclass(frozen=True, slots=True)
class Doubtful:
    """How it looked when the freeze began."""

    failing: int
    up: int  # that were up before, the failing included
    services: int
    window: float  # seconds


@dataclass(frozen=True, slots=True)
class _Failing:
    at: float
    window: float
    services: frozenset[str]


class Doubt:
    """Counts what passes and what began to fail; `frozen_since` tells the rest.

    A key counts as failing from the failure that ended its being well until the window has
    passed, whether it is called down by then or not: the first to fail would otherwise drop out
    before the last one has been asked. After a freeze, what failed counts again only once it has
    been well.
    """

    def __init__(self) -> None:
        self.frozen_since: float | None = None
        self._well: set[Hashable] = set()
        self._failing: dict[Hashable, _Failing] = {}
        self._services: Counter[str] = Counter()

    @property
    def is_frozen(self) -> bool:
        """Whether states are to stay as they are."""
        return self.frozen_since is not None

    def succeed(self, key: Hashable, now: float) -> bool:
        """It passed and is up; gives whether that thawed the states."""
        self._drop(key)
        self._well.add(key)
        return self.thaw(now)

    def fail(
        self, key: Hashable, services: frozenset[str], window: float, now: float
    ) -> Doubtful | None:
        """It failed; gives what it looks like if that froze the states. `window` in seconds."""
        if key not in self._well:
            return None
        self._well.remove(key)
        self._failing[key] = _Failing(now, min(window, LONGEST_WINDOW), services)
        self._services.update(services)
        if self.is_frozen or not self._is_doubtful():
            return None
        found = self._freeze(now)
        self.frozen_since = now if found else None
        return found

    @property
    def failing(self) -> list[Hashable]:
        """What began to fail within the window; some of it may be called down already."""
        return list(self._failing)

    def forget(self, keys: Iterable[Hashable]) -> None:
        """Drop what is probed no more."""
        for key in keys:
            self._well.discard(key)
            self._drop(key)

    def thaw(self, now: float) -> bool:
        """End the freeze if it is time; gives whether it ended. Else drop what failed long ago."""
        since = self.frozen_since
        if since is None:
            return False
        if now - since < LONGEST_FREEZE and len(self._failing) > len(self._well):
            return False
        self.frozen_since = None
        self._failing.clear()
        self._services.clear()
        return True

    def expire(self, now: float) -> None:
        """Drop what began to fail before the window; while frozen all of it stays."""
        if self.is_frozen or not self._failing:
            return
        window = self._window()
        for key in [k for k, failing in self._failing.items() if now - failing.at > window]:
            self._drop(key)

    def _freeze(self, now: float) -> Doubtful | None:
        self.expire(now)
        if not self._is_doubtful():
            return None
        failing = len(self._failing)
        services = len(self._services)
        return Doubtful(failing, failing + len(self._well), services, self._window())

    def _is_doubtful(self) -> bool:
        return (
            len(self._failing) >= FEWEST_FAILING
            and len(self._failing) > len(self._well)
            and len(self._services) >= FEWEST_SERVICES
        )

    def _window(self) -> float:
        """The longest of those that fail: what is probed seldom is heard of late."""
        return max(failing.window for failing in self._failing.values())

    def _drop(self, key: Hashable) -> None:
        found = self._failing.pop(key, None)
        if found is None:
            return
        self._services.subtract(found.services)
        for service in found.services:
            if not self._services[service]:
                del self._services[service]
