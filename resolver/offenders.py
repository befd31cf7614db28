"""What is asked most often of what is kept inside, and by whom: counts in bounded memory. Pure.

Misra and Gries 1982: when there is no room for another one, every count is lowered by one, and
what reaches zero goes. Each lowering was paid for by earlier questions, so that one costs the
same on average however many different names come.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

CAPACITY = 256

Item = TypeVar("Item", bytes, str)


class Often(NamedTuple, Generic[Item]):
    """Something counted: at least `least` times, at most `most` times."""

    item: Item
    least: int
    most: int


class Tally(Generic[Item]):
    """Counts of what comes most often; what came in more than 1/256 of all cases is in it."""

    __slots__ = ("_counts", "_lowered")

    def __init__(self) -> None:
        self._counts: dict[Item, int] = {}
        self._lowered = 0

    def note(self, item: Item) -> None:
        """Count one."""
        counts = self._counts
        if item in counts:
            counts[item] += 1
        elif len(counts) < CAPACITY:
            counts[item] = 1
        else:
            self._counts = {known: count - 1 for known, count in counts.items() if count > 1}
            self._lowered += 1

    def top(self, most: int = 10) -> list[Often[Item]]:
        """What came most often, most first."""
        counts, lowered = self._counts, self._lowered
        order = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]
        return [Often(item, count, count + lowered) for item, count in order]


class Offenders:
    """The questions of one environment that were kept from leaving, and who asked them."""

    __slots__ = ("clients", "names", "total")

    def __init__(self) -> None:
        self.names: Tally[bytes] = Tally()
        self.clients: Tally[str] = Tally()
        self.total = 0

    def note(self, name: bytes, client: str) -> None:
        """Count one question for a name (key) by a client."""
        self.total += 1
        self.names.note(name)
        self.clients.note(client)


def add_tops(tops: list[tuple[Often[Item], ...]]) -> tuple[Often[Item], ...]:
    """What came most often in all: what one tally does not hold may have come to it unseen."""
    unseen = [min((o.most - o.least for o in top), default=0) for top in tops]
    by_item = [{often.item: often for often in top} for top in tops]
    added = []
    for item in dict.fromkeys(item for found in by_item for item in found):
        least = most = 0
        for found, missed in zip(by_item, unseen, strict=True):
            often = found.get(item)
            least += often.least if often is not None else 0
            most += often.most if often is not None else missed
        added.append(Often(item, least, most))
    return tuple(sorted(added, key=lambda often: (-often.least, often.item)))
