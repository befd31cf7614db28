"""A server that is asked by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from resolver import asking
from resolver.asking import ask_any
from resolver.config import SocketAddress
from resolver.generation import Generation
from tests.support import listening, question

SOA = question("corp.test.", "SOA")


async def test_a_listener_answers(generation: Callable[..., Generation]) -> None:
    """Also where it listens on every address."""
    async with listening(generation()) as found:
        assert await ask_any([found.bound.address], SOA) == 0
        assert await ask_any([found.bound.address], question("nowhere.corp.test.")) == 3
    async with listening(generation(), "0.0.0.0") as found:
        assert await ask_any([found.bound.address], SOA) == 0


@contextlib.asynccontextmanager
async def plays(*replies: Callable[[bytes], bytes | None]) -> AsyncIterator[SocketAddress]:
    """What answers datagrams one after the other as told."""
    left = list(replies)

    class Peer(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # of datagrams
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            reply = left.pop(0)(data) if left else None
            if reply is not None:
                self.transport.sendto(reply, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
    try:
        yield SocketAddress("127.0.0.1", transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


def says(rcode: int) -> Callable[[bytes], bytes]:
    return lambda wire: wire[:2] + bytes((0x80, rcode)) + wire[4:]


def silent(_: bytes) -> None:
    return None


async def test_whoever_hangs_is_asked_again_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another port is another worker."""
    monkeypatch.setattr(asking, "AGAIN", 0.01)
    async with plays(silent, silent, says(0)) as address:
        assert await ask_any([address], SOA) == 0


async def test_one_good_answer_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others refuse us, or nobody is there."""
    monkeypatch.setattr(asking, "PATIENCE", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        mute = SocketAddress(*nobody.getsockname())
        async with plays(says(5)) as refuses, plays(says(0)) as answers:
            assert await ask_any([mute, refuses, answers], SOA) == 0
        async with plays(says(5)) as refuses:
            assert await ask_any([mute, refuses], SOA) == 5
        assert await ask_any([mute], SOA) is None
    assert await ask_any([mute], SOA) is None  # now refused by the kernel
    assert await ask_any([], SOA) is None


async def test_only_a_reply_to_this_question_counts() -> None:
    """Noise is not listened to."""

    def noise(wire: bytes) -> bytes:
        return bytes(8)

    async with plays(noise, says(0)) as address:
        assert await ask_any([address], SOA) == 0
    async with plays(lambda wire: wire, says(0)) as address:  # an echo
        assert await ask_any([address], SOA) == 0
