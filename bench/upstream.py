"""An upstream that counts, waits, and is silent where it is told so: a process of its own.

    python -m bench.upstream     # commands on stdin, one line each; one line of reply to each

`listen HOST PORT TTL DELAY` replies with the port; the delay is in seconds. `hang` and `revive`
take hosts: one that hangs answers nothing. `close` ends what listens on a host. `count NAME`
replies with how often a name was asked for, `total HOST` with how many questions came there.
A name whose first label begins with `never` is never answered, any other one has an address.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

Address = tuple[str, int]
A, NS, SOA = 1, 2, 6
POINTER = b"\xc0\x0c"
MOST_NAMES = 1_000_000  # that are counted
RDATA = {
    A: b"\xc0\0\2\1",
    NS: b"\1a\x0croot-servers\3net\0",
    SOA: b"\1a\0\1b\0" + b"\0\0\0\1" * 5,
}


class Play:
    """What all listeners of the process share."""

    def __init__(self) -> None:
        self.hung: set[str] = set()
        self.names: Counter[bytes] = Counter()
        self.totals: Counter[str] = Counter()
        self.open: dict[str, asyncio.DatagramTransport] = {}

    async def listen(self, host: str, port: str, ttl: str, delay: str) -> str:
        """Open a socket; gives its port."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Listener(self, host, int(ttl), float(delay)), local_addr=(host, int(port))
        )
        self.open[host] = transport
        return str(transport.get_extra_info("sockname")[1])

    async def hang(self, *hosts: str) -> None:
        self.hung.update(hosts)

    async def revive(self, *hosts: str) -> None:
        self.hung.difference_update(hosts)

    async def close(self, host: str) -> None:
        self.open.pop(host).close()

    async def count(self, name: str) -> str:
        labels = b"".join(bytes((len(word),)) + word.encode() for word in name.lower().split("."))
        return str(self.names[labels + b"\0"])

    async def total(self, host: str) -> str:
        return str(self.totals[host])


class Listener(asyncio.DatagramProtocol):
    """One address."""

    def __init__(self, play: Play, host: str, ttl: int, delay: float) -> None:
        self.play = play
        self.host = host
        self.ttl = ttl.to_bytes(4, "big")
        self.delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        end = data.index(0, 12) + 1  # no label of these questions has an octet 0
        name, play = data[12:end].lower(), self.play
        play.totals[self.host] += 1
        if len(play.names) < MOST_NAMES:
            play.names[name] += 1
        if self.host in play.hung or name[1:6] == b"never":
            return
        reply = self.reply(data, end)
        if self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.transport.sendto, reply, addr)
        else:
            self.transport.sendto(reply, addr)

    def reply(self, query: bytes, end: int) -> bytes:
        """One record, or none; the question as it was spelled."""
        rdata = RDATA.get(int.from_bytes(query[end : end + 2], "big"))
        head = query[:2] + b"\x85\x80\0\1" + (b"\0\1" if rdata else b"\0\0") + bytes(4)
        question = query[12 : end + 4]
        if rdata is None:
            return head + question
        size = len(rdata).to_bytes(2, "big")
        return head + question + POINTER + question[-4:] + self.ttl + size + rdata


async def obey() -> None:
    """Do what is said until stdin ends."""
    play = Play()
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    commands: dict[str, Callable[..., Awaitable[str | None]]] = {
        "listen": play.listen,
        "hang": play.hang,
        "revive": play.revive,
        "close": play.close,
        "count": play.count,
        "total": play.total,
    }
    while line := await reader.readline():
        word, *rest = line.decode().split()
        print(await commands[word](*rest) or "done", flush=True)


if __name__ == "__main__":
    asyncio.run(obey())
