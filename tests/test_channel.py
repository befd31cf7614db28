"""Messages over a socket: whole, in order, until somebody is gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from resolver.channel import LIMIT, Channel, Closed
from tests.support import PATIENCE


@contextlib.asynccontextmanager
async def channels() -> AsyncIterator[tuple[Channel, Channel]]:
    """Both ends."""
    one, two = socket.socketpair()
    ends = (await Channel.over(one), await Channel.over(two))
    try:
        async with asyncio.timeout(PATIENCE):
            yield ends
    finally:
        for end in ends:
            end.close()


async def test_messages_arrive_whole_and_in_order() -> None:
    """Also those that are larger than what is read ahead."""
    async with channels() as (one, two):
        said = [("small", 1), b"x" * (3 * LIMIT), {"last": None}]

        async def say() -> None:
            for message in said:
                one.send(message)
                await one.drained()

        saying = asyncio.create_task(say())
        assert [await two.receive() for _ in said] == said
        await saying


async def test_who_does_not_read_holds_up_who_waits_for_it() -> None:
    """So that a worker which is behind does not fill the memory of the supervisor."""
    async with channels() as (one, two):
        for _ in range(8):
            one.send(bytes(LIMIT))
        waiting = asyncio.create_task(one.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        for _ in range(8):
            await two.receive()
        await waiting


async def test_the_end_is_told() -> None:
    """Between messages and in the middle of one."""
    async with channels() as (one, two):
        one.send("last")
        one.close()
        assert await two.receive() == "last"
        with pytest.raises(Closed):
            await two.receive()
    raw, end = socket.socketpair()
    channel = await Channel.over(end)
    raw.send(b"\0\0\0\x40half")
    raw.close()
    with pytest.raises(Closed):
        await channel.receive()
    channel.close()
