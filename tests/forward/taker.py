"""Who hears what becomes of attempts, in place of the forwarder."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from resolver.forward.exchange import Attempt
from resolver.forward.question import make_query
from resolver.forward.standing import Standing
from resolver.names import from_text
from resolver.zones.upstream import Upstream
from tests.support import PATIENCE

TYPE_A = b"\0\1\0\1"


@dataclass
class Heard:
    """Notes every word."""

    delivered: list[tuple[Attempt, bytes]] = field(default_factory=list)
    failed: list[tuple[Attempt, str, bool]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def deliver(self, attempt: Attempt, wire: bytes) -> None:
        self.delivered.append((attempt, wire))
        self._news.set()

    def fail(self, attempt: Attempt, reason: str, *, is_ours: bool = False) -> None:
        self.failed.append((attempt, reason, is_ours))
        self._news.set()

    def fault(self, attempt: Attempt, fault: Exception) -> None:
        raise fault

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.failed]

    async def until(self, count: int) -> None:
        """Wait for so many words in all."""
        async with asyncio.timeout(PATIENCE):
            while len(self.delivered) + len(self.failed) < count:
                self._news.clear()
                await self._news.wait()


def attempt(upstream: Upstream, name: str = "www.example.", ident: int = 1) -> Attempt:
    """An attempt to ask an upstream for an address."""
    question, octets = from_text(name) + TYPE_A, ident.to_bytes(2, "big")
    wire = make_query(octets, question, 0, with_edns=True)
    standing = Standing(upstream)
    return Attempt(standing, upstream.transport, octets, question, wire, 0.0, True, None)
