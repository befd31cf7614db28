"""A part of a long list, and where the next part begins. Pure.

Lists have no order of their own: a part is of the list sorted by key. What is added or goes between
two requests moves nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """Some of `total`; `next` is the key of the last of them if more follow."""

    items: list[Item]
    total: int
    next: str | None

    def facts(self) -> dict[str, Any]:
        """What is told beside the items."""
        return {"total": self.total, "next": self.next}


def page(
    found: list[Item], key: Callable[[Item], str], limit: int | None, after: str | None
) -> Paged[Item]:
    """What follows a key, `limit` at most, but never a part of those that share a key."""
    total = len(found)
    if limit is None and after is None:
        return Paged(found, total, None)
    left = sorted((item for item in found if after is None or key(item) > after), key=key)
    size = len(left) if limit is None else min(limit, len(left))
    while 0 < size < len(left) and key(left[size]) == key(left[size - 1]):
        size += 1
    last = key(left[size - 1]) if size < len(left) else None
    return Paged(left[:size], total, last)
