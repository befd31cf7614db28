"""Hand-outs: until when a client may hold an address that an answer gave it.

Each turn of a prepared answer notes when it was last given. When an answer goes, what it gave is
written here; together they tell when a drained endpoint is safe to stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from healthcheck.health import Target
from resolver.packing import Answer, Turn


class Handouts:
    """Target → the moment until which it may be held; on the server's clock, in seconds.

    The loop that answers and the thread that settles an old generation each write a table of
    their own, so that neither undoes what the other has just noted.
    """

    __slots__ = ("_gone", "_settled", "_until")

    def __init__(self) -> None:
        self._until: dict[Target, float] = {}
        self._settled: dict[Target, float] = {}
        self._gone: list[Answer] = []  # of which it is not noted yet

    def note(self, answer: Answer) -> None:
        """Remember what an answer gave out that goes: at once, since a flip has many of them."""
        self._gone.append(answer)

    def catch_up(self) -> Iterator[None]:
        """Note what went, an answer at each step; in the loop that answers."""
        while self._gone:
            _note(self._until, self._gone.pop())
            yield

    def settle(self, answer: Answer) -> None:
        """The same, for the thread that settles."""
        _note(self._settled, answer)

    def until(self, target: Target, prepared: Iterable[Answer]) -> float:
        """Until when anybody may hold a target; `prepared`: the answers that rest on it now."""
        for _ in self.catch_up():
            pass
        noted = (self._until.get(target, 0.0), self._settled.get(target, 0.0))
        return max(*noted, *(held_by(answer, target) for answer in prepared))

    def prune(self, now: float) -> None:
        """Forget what nobody holds any more; not while something is settled."""
        for _ in self.catch_up():
            pass
        for noted in (self._until, self._settled):
            for target, until in list(noted.items()):
                if until < now:
                    del noted[target]


def _note(noted: dict[Target, float], answer: Answer) -> None:
    for target in answer.targets:
        until = held_by(answer, target)
        if until > noted.get(target, 0.0):
            noted[target] = until


def held_by(answer: Answer, target: Target) -> float:
    """Until when a client may hold the target from this answer; 0.0: nobody was given it.

    The address is looked for in the octets of each turn that was given, in SRV the name as well:
    seen where it is not, by chance, it is held a little longer than it need be, never shorter.
    """
    key, address = target
    owner = key.partition(b"\0")[0] if answer.names_endpoints else None  # it ends at the root

    def holds(turn: Turn) -> bool:
        return address in turn.body or (owner is not None and owner in turn.body.lower())

    given = [
        handed
        for turn, handed in zip(answer.turns, answer.handed, strict=True)
        if handed and turn is not None and holds(turn)
    ]
    return max(given) + answer.longest if given else 0.0
