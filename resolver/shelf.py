"""A shelf of prepared answers: within a bound, and known by the targets that they rest on."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from healthcheck.health import Target
from resolver.handouts import Handouts
from resolver.packing import Answer

EVICTED = 64  # answers that make room at a time: one by one would walk the dictionary each time


class Shelf:
    """Prepared answers by key; when it is full, the oldest go. What goes notes its hand-outs."""

    __slots__ = ("_naming", "_resting", "answers", "handouts", "most", "most_octets", "octets")

    def __init__(self, most: int, most_octets: int, handouts: Handouts) -> None:
        self.answers: dict[Hashable, Answer] = {}
        self.handouts = handouts
        self.most = most
        self.most_octets = most_octets
        self.octets = 0
        self._resting: dict[Target, set[Hashable]] = {}
        self._naming: dict[bytes, set[Hashable]] = {}  # by the names that they rest on

    def __len__(self) -> int:
        return len(self.answers)

    def put(
        self,
        key: Hashable,
        answer: Answer,
        asked: Iterable[Target],
        names: Collection[bytes] = (),
    ) -> None:
        """Keep an answer, and what was asked of health and of names to make it."""
        while self.answers and (
            len(self.answers) >= self.most or self.octets + answer.size > self.most_octets
        ):
            for oldest in list(islice(self.answers, EVICTED)):
                self._drop(oldest)
        answer.targets = tuple(asked)
        self.answers[key] = answer
        self.octets += answer.size
        for target in answer.targets:
            self._resting.setdefault(target, set()).add(key)
        answer.names = tuple(names)
        for name in names:
            self._naming.setdefault(name, set()).add(key)

    def resting_on(self, target: Target) -> list[Answer]:
        """The answers that were made with the health of a target; from any thread."""
        found = (self.answers.get(key) for key in tuple(self._resting.get(target, ())))
        return [answer for answer in found if answer is not None]

    def drop(self, targets: Iterable[Target]) -> None:
        """Forget the answers that rest on any of these."""
        for target in self._resting.keys() & targets:
            for key in tuple(self._resting.get(target, ())):
                self._drop(key)

    def drop_names(self, names: Iterable[bytes]) -> None:
        """Forget the answers that rest on any of these names."""
        for name in names:
            for key in tuple(self._naming.get(name, ())):
                self._drop(key)

    def _drop(self, key: Hashable) -> None:
        answer = self.answers.pop(key)
        answer.retire()
        self.octets -= answer.size
        self.handouts.note(answer)
        for target in answer.targets:
            _leave(self._resting, target, key)
        for name in answer.names:
            _leave(self._naming, name, key)

    def release(self) -> Iterator[None]:
        """Forget the answers, one at each step; nobody may ask any more."""
        while self.answers:
            self.answers.popitem()
            yield
        self._resting.clear()
        self._naming.clear()


Index = TypeVar("Index", Target, bytes)


def _leave(index: dict[Index, set[Hashable]], mark: Index, key: Hashable) -> None:
    keys = index[mark]
    keys.discard(key)
    if not keys:
        del index[mark]
