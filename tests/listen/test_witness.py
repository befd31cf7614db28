"""What listeners tell of each message of a client."""

import asyncio
import socket
from dataclasses import dataclass, field
from pathlib import Path

from resolver.listen.pumps import Kind
from resolver.listen.sockets import IP_PKTINFO
from resolver.listen.witness import Seen, local_address
from resolver.outcome import Drop, Outcome, Reason, Reply
from tests.support import (
    FILES,
    compiled,
    datagrams,
    framed,
    listening,
    question,
    read_framed,
    write,
)

WEB = "web.dev.east.corp.test."


@dataclass
class Noting:
    """A witness that remembers."""

    asked: list[Seen] = field(default_factory=list)
    answered: list[tuple[Seen, Outcome]] = field(default_factory=list)

    def asks(self, seen: Seen) -> None:
        self.asked.append(seen)

    def answers(self, seen: Seen, outcome: Outcome) -> None:
        self.answered.append((seen, outcome))


async def test_every_datagram_is_seen(pump: Kind, tmp_path: Path) -> None:
    """Also those whose octets have come before: there is no memo where somebody sees them."""
    generation = compiled(write(tmp_path / "zones", FILES))
    for host in ("127.0.0.1", "0.0.0.0"):  # a wildcard learns its address
        noting = Noting()
        async with listening(generation, host, pump=pump) as server:
            server.udp.witness = noting
            async with datagrams("127.0.0.1", server.port) as client:
                for _ in range(5):
                    reply = await client.ask(question(WEB, edns=1232))
                    assert len(reply.answer[0]) == 3
                await client.ask(question("none.dev.east.corp.test."))
                await client.ask(question("none.dev.east.corp.test."))
                own = client.socket.getsockname()
        assert len(noting.asked) == len(noting.answered) == 7
        seen, outcome = noting.answered[0]
        assert (seen.source, seen.port) == own
        assert seen.local == ("127.0.0.1", server.port)
        assert seen.door.transport == "udp"
        assert isinstance(outcome, Reply)
        assert outcome.wire[:2] == seen.wire[:2]
        assert {o.rcode for _, o in noting.answered if isinstance(o, Reply)} == {0, 3}


async def test_what_is_no_query_is_seen_too(tmp_path: Path) -> None:
    """And that nothing was said."""
    noting = Noting()
    async with listening(compiled(write(tmp_path / "zones", FILES))) as server:
        server.udp.witness = noting
        async with datagrams("127.0.0.1", server.port) as client:
            client.send(b"no query")
            await client.ask(question(WEB))
    (seen, outcome), _ = noting.answered
    assert (seen.wire, type(outcome)) == (b"no query", Drop)


async def test_every_message_of_a_connection_is_seen(tmp_path: Path) -> None:
    """With the connection's own addresses."""
    noting = Noting()
    async with listening(compiled(write(tmp_path / "zones", FILES))) as server:
        server.tcp.witness = noting
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(framed(question(WEB)) * 2)
        for _ in range(2):
            await read_framed(reader)
        own = writer.get_extra_info("sockname")
        writer.close()
        await writer.wait_closed()
    assert len(noting.asked) == len(noting.answered) == 2
    seen, _ = noting.answered[1]
    assert (seen.source, seen.port, seen.local) == (*own, ("127.0.0.1", server.port))
    assert seen.door.transport == "tcp"


async def test_strangers_are_noted_at_both_listeners(tmp_path: Path, caplog) -> None:  # type: ignore[no-untyped-def]
    """One line for an address, whatever it asks."""
    generation = compiled(write(tmp_path / "zones", FILES))
    async with listening(generation) as server:
        server.tcp.strangers = server.udp.strangers
        async with datagrams("127.0.0.1", server.port, "127.99.0.1") as client:
            for _ in range(3):
                assert (await client.ask(question(WEB))).rcode() == 5
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, local_addr=("127.98.0.1", 0)
        )
        writer.write(framed(question(WEB)))
        await read_framed(reader)
        writer.close()
        await writer.wait_closed()
    assert [record.__dict__["fields"] for record in caplog.records] == [
        {"client": "127.99.0.1", "transport": "udp", "reason": Reason.UNKNOWN_CLIENT.word},
        {"client": "127.98.0.1", "transport": "tcp", "reason": Reason.UNKNOWN_CLIENT.word},
    ]


def test_the_local_address_is_that_of_the_control_data() -> None:
    """Where there is none, that of the listener."""
    four = (socket.IPPROTO_IP, IP_PKTINFO, bytes(4) + bytes((127, 0, 0, 5)) + bytes(4))
    six = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(15) + b"\1" + bytes(4))
    other = (socket.SOL_SOCKET, 1, b"")
    assert local_address([other, four], "-") == "127.0.0.5"
    assert local_address([six], "-") == "::1"
    assert local_address([other], "10.0.0.1") == local_address(None, "10.0.0.1") == "10.0.0.1"
