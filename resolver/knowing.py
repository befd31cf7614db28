"""What a running server knows of upstreams and of what they said, as `explain` asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from resolver.cache import Partition
from resolver.forward.forwarder import Forwarder
from resolver.forward.standing import Standing
from resolver.routes import Route


class Knowing:
    """Reads only, on the loop that answers."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder

    @property
    def now(self) -> float:
        """On the server's clock."""
        return monotonic()

    @property
    def policy(self) -> str:
        """How one of several upstreams is chosen."""
        return self._forwarder.policy

    def partition(self, environment: str) -> Partition | None:
        """That of an environment, if anybody there has asked for anything."""
        return self._forwarder.cache.partitions.get(environment)

    def choose(self, environment: str, route: Route) -> Sequence[Standing]:
        """The upstreams of a route in the order in which they would be asked now."""
        return self._forwarder.choose(environment, route)
