"""What endpoints said of themselves: the last heartbeat of each.

Pure: the time is given. Heartbeats are received by one thread and looked up by another; every
step here is one operation on a dict, so neither waits for the other.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

MAX_TEXT = 500  # characters


class Word(Enum):
    """What an endpoint may call itself."""

    UP = "up"
    WARN = "warn"  # it serves, and somebody should look at it
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One message of an endpoint; `at` is on the checker's clock."""

    word: Word
    text: str
    at: float


class Heartbeats:
    """The last heartbeat of each endpoint.

    Who receives one makes sure that the endpoint exists: that bounds what is kept.
    """

    def __init__(self) -> None:
        self._last: dict[str, Heartbeat] = {}

    def receive(self, endpoint: str, word: Word, text: str, now: float) -> None:
        """Take a heartbeat; its text is cut and freed of control characters."""
        self._last[endpoint] = Heartbeat(word, _shown(text), now)

    def last(self, endpoint: str) -> Heartbeat | None:
        """The most recent one; None when there was none."""
        return self._last.get(endpoint)

    def forget(self, kept: Collection[str]) -> None:
        """Drop those of all endpoints but the kept ones: after a change of the zones."""
        for endpoint in list(self._last):
            if endpoint not in kept:
                self._last.pop(endpoint, None)


def _shown(text: str) -> str:
    """One line that is safe to print: logs, metrics and terminals show it."""
    visible = (letter if letter.isprintable() else " " for letter in text[:MAX_TEXT])
    return " ".join("".join(visible).split())
