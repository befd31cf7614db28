"""What a running server knows of upstreams and of what they said, as `explain` asks for it.

`explain` is a function that does not wait, and who knows may be another process. So it is tried
with what is known so far; what it finds missing is fetched, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from time import monotonic
from typing import NamedTuple, TypeVar

from resolver.cache import Entry, Key
from resolver.forward.forwarder import Forwarder
from resolver.forward.standing import Standing
from resolver.generation import Generation
from resolver.outcome import Reason
from resolver.routes import Route

MOST = 100  # things that one explanation may want to know


class Cached(NamedTuple):
    """Wanted: what the cache of an environment has for a question."""

    environment: str
    key: Key


class Order(NamedTuple):
    """Wanted: the upstreams of a route in the order in which they would be asked now."""

    environment: str
    route: Route


Want = Cached | Order


class Remembered(NamedTuple):
    """What a cache has; an entry whose routes are those of now has the token `True`."""

    entry: Entry | None = None
    failure: Reason | None = None


Known = Remembered | tuple[Standing, ...]


def find(forwarder: Forwarder, want: Want) -> Known:
    """What the process knows that asks upstreams; reads only, on the loop that answers."""
    if isinstance(want, Order):
        order = forwarder.choose(want.environment, want.route)
        return tuple(standing.copy() for standing in order)
    partition, now = forwarder.cache.partitions.get(want.environment), monotonic()
    if partition is None:
        return Remembered()
    entry = partition.peek(want.key, now)
    if entry is not None:
        views = forwarder.published.generation.views.values()
        is_current = any(view.forwarding is entry.token for view in views)
        entry = copy(entry)
        entry.token = is_current  # type: ignore[assignment]  # a mark that can be sent
    return Remembered(entry, partition.find_failure(want.key, now))


def best(found: Sequence[Known]) -> Known:
    """Of what several know, what helps most: the entry that lasts longest."""
    entries = [known for known in found if isinstance(known, Remembered)]
    if not entries:
        return found[0] if found else ()
    with_entry = [known for known in entries if known.entry is not None]
    if with_entry:
        return max(with_entry, key=lambda known: known.entry.expires)  # type: ignore[union-attr]  # each has one
    return next((known for known in entries if known.failure is not None), entries[0])


class _Missing(Exception):
    def __init__(self, want: Want) -> None:
        super().__init__(want)
        self.want = want


class Partition(NamedTuple):
    """What is known of the cache of an environment."""

    knowledge: Knowing
    environment: str

    def peek(self, key: Key, now: float) -> Entry | None:
        """The entry of a question."""
        return self._remembered(key).entry

    def find_failure(self, key: Key, now: float) -> Reason | None:
        """Why a question cannot be answered at present."""
        return self._remembered(key).failure

    def _remembered(self, key: Key) -> Remembered:
        found = self.knowledge.look(Cached(self.environment, key))
        assert isinstance(found, Remembered)
        return found


class Knowing:
    """What is known so far; raises what is missing."""

    def __init__(self, generation: Generation, policy: str, known: Mapping[Want, Known]) -> None:
        self.now = monotonic()  # the clock of all processes of a machine
        self.policy = policy  # how one of several upstreams is chosen
        self._known = known
        self._tokens = {v.forwarding.place: v.forwarding for v in generation.views.values()}

    def partition(self, environment: str) -> Partition:
        """That of an environment."""
        return Partition(self, environment)

    def choose(self, environment: str, route: Route) -> Sequence[Standing]:
        """The upstreams of a route in the order in which they would be asked now."""
        found = self.look(Order(environment, route))
        assert not isinstance(found, Remembered)
        return found

    def look(self, want: Want) -> Known:
        """What is known of something."""
        found = self._known.get(want)
        if found is None:
            raise _Missing(want)
        if isinstance(want, Cached) and isinstance(found, Remembered) and found.entry is not None:
            entry = copy(found.entry)
            entry.token = self._tokens.get(want.key[2]) if found.entry.token else None  # type: ignore[assignment, truthy-bool]  # None: an earlier one
            return found._replace(entry=entry)
        return found


Result = TypeVar("Result")


async def explaining(
    work: Callable[[Knowing], Result],
    generation: Generation,
    policy: str,
    ask: Callable[[Want], Awaitable[Known]],
) -> Result:
    """Do `work` with all that it wants to know."""
    known: dict[Want, Known] = {}
    while True:
        try:
            return work(Knowing(generation, policy, known))
        except _Missing as missing:
            if len(known) >= MOST:
                raise RuntimeError("an explanation that wants to know too much") from None
            known[missing.want] = await ask(missing.want)
