"""Operators' words on endpoints: a bounded table with expiry. Pure: time is given (epoch)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from healthcheck.health import DeclaredState
from healthcheck.report import Override

MAX_REASON = 200  # characters
MAX_BY = 100
KEPT_ABSENT = 86_400.0  # seconds that an override outlives its endpoint: it may come back


class Overrides:
    """Endpoint id → Override; it may be read from another thread."""

    def __init__(self, known: Mapping[str, Override] | None = None) -> None:
        self._table: dict[str, Override] = dict(known or {})
        self._absent: dict[str, float] = {}  # since when the zones lack it

    def set(self, endpoint: str, override: Override) -> None:
        """Put it in force in place of an earlier one; its texts are cleaned and cut.

        Raises ValueError for the normal state: that is `clear`.
        """
        if override.state is DeclaredState.NORMAL:
            raise ValueError("an override drains or takes out; to end one, resume")
        self._table[endpoint] = Override(
            override.state,
            _clean(override.reason, MAX_REASON),
            _clean(override.by, MAX_BY),
            override.since,
            override.until,
        )
        self._absent.pop(endpoint, None)

    def clear(self, endpoint: str) -> bool:
        """End it; gives whether there was one."""
        self._absent.pop(endpoint, None)
        return self._table.pop(endpoint, None) is not None

    def of(self, endpoint: str) -> Override | None:
        """The one in force."""
        return self._table.get(endpoint)

    def state_of(self, endpoint: str) -> DeclaredState:
        """What it says."""
        found = self._table.get(endpoint)
        return DeclaredState.NORMAL if found is None else found.state

    def expire(self, now: float) -> list[str]:
        """End what is over; gives the ids of endpoints whose override ended."""
        return self._end(id_ for id_, found in list(self._table.items()) if _is_over(found, now))

    def keep(self, present: Container[str], now: float) -> None:
        """Note which endpoints the zones hold; overrides of others end after a day."""
        self._absent = {
            endpoint: self._absent.get(endpoint, now)
            for endpoint in self._table
            if endpoint not in present
        }

    def expire_absent(self, now: float) -> list[str]:
        """End those of endpoints that did not come back; gives their ids."""
        return self._end(id_ for id_, at in list(self._absent.items()) if now - at > KEPT_ABSENT)

    def snapshot(self) -> dict[str, Override]:
        """All of them, for endpoints that the zones lack at present as well."""
        return dict(self._table)

    def _end(self, endpoints: Iterable[str]) -> list[str]:
        return [endpoint for endpoint in endpoints if self.clear(endpoint)]


def _is_over(override: Override, now: float) -> bool:
    return override.until is not None and override.until <= now


def _clean(text: str, longest: int) -> str:
    """One line of printable characters."""
    visible = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(visible.split())[:longest]
