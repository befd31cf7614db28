"""A process that answers, told by a test what to be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from resolver import sending
from resolver.channel import Channel, Closed
from resolver.config import SocketAddress, load_config
from resolver.generation import Generation
from resolver.listen.sockets import bind
from resolver.messages import Alive, Ask, Door, Flip, Serving, Settings, Staged, Stop, Told
from resolver.parcel import pack
from tests.support import PATIENCE, ROOT, addresses, datagrams, question

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."


class Driven:
    """A worker, its port, and what it says."""

    def __init__(self, channel: Channel, process: asyncio.subprocess.Process, port: int) -> None:
        self.channel, self.process, self.port = channel, process, port

    async def hear(self, kind: type) -> Any:
        """The next message of a kind."""
        while not isinstance(said := await self.channel.receive(), kind):
            pass
        return said

    async def serve(self, generation: Generation) -> None:
        parcels = {name: pack(space) for name, space in generation.namespaces.items()}
        for message in sending.stage({}, parcels):
            self.channel.send(message)
        await self.hear(Staged)
        self.channel.send(sending.commit(generation, sending.networks_of(generation)))
        assert (await self.hear(Serving)).number == generation.number


@contextlib.asynccontextmanager
async def worker() -> AsyncIterator[Driven]:
    ours, theirs = socket.socketpair()
    bound, config = bind(SocketAddress("127.0.0.1", 0)), load_config(None, {}, {})
    numbers = (theirs.fileno(), bound.udp.fileno(), bound.tcp.fileno())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "resolver.worker", str(numbers[0])), pass_fds=numbers, cwd=ROOT
    )
    theirs.close()
    channel = await Channel.over(ours)
    door = Door(0, "127.0.0.1", bound.address.port, *numbers[1:])
    channel.send(Settings(3, 1, config, (door,)))
    try:
        async with asyncio.timeout(2 * PATIENCE):
            yield Driven(channel, process, bound.address.port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        channel.close()
        bound.close()


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(PATIENCE):
        return await process.wait()


async def test_it_answers_what_it_is_told(generation: Compile) -> None:
    """Not before; what came before that waits."""
    first = generation()
    async with worker() as told:
        await told.hear(Alive)
        async with datagrams("127.0.0.1", told.port) as client:
            client.send(question(WEB))
            told.channel.send(Ask(1, "figures", ()))
            assert (await told.hear(Told)).fault == "it does not answer yet"
            await told.serve(first)
            assert len(await client.receive()) > 12
            told.channel.send(Flip(8, {}, first.health.unobserved))
            assert (await told.hear(Serving)).number == 8
            told.channel.send(Ask(2, "figures", ()))
            found = await told.hear(Told)
            assert (found.ident, sum(found.value.totals.replies.values())) == (2, 1)
            await told.serve(first.judged_anew(9, first.health, ()))
            assert len(addresses(await client.ask(question(WEB)))) == 3


async def test_a_fault_of_a_question_is_told(generation: Compile) -> None:
    """And the worker goes on."""
    async with worker() as told:
        await told.serve(generation())
        told.channel.send(Ask(1, "forget", ("too few",)))
        assert "argument" in (await told.hear(Told)).fault
        await told.hear(Alive)


async def test_it_ends_when_it_is_told(generation: Compile) -> None:
    """What has come by then is answered."""
    async with worker() as told, datagrams("127.0.0.1", told.port) as client:
        await told.serve(generation())
        os.kill(told.process.pid, signal.SIGSTOP)
        client.send(question(WEB))
        told.channel.send(Stop())
        os.kill(told.process.pid, signal.SIGCONT)
        assert len(await client.receive()) > 12
        assert await ended(told.process) == 0


async def test_it_ends_with_the_supervisor(generation: Compile) -> None:
    """When nobody tells it anything any more."""
    async with worker() as told:
        await told.serve(generation())
        told.channel.close()
        assert await ended(told.process) == 0


async def test_signals_of_a_terminal_are_none_of_its_business(generation: Compile) -> None:
    """Those that ask for an end are obeyed."""
    async with worker() as told:
        await told.serve(generation())
        for number in (signal.SIGINT, signal.SIGHUP):
            os.kill(told.process.pid, number)
        await told.hear(Alive)
        await told.hear(Alive)
        os.kill(told.process.pid, signal.SIGTERM)
        assert await ended(told.process) == 0


async def test_a_fault_in_what_it_is_told_ends_it(generation: Compile) -> None:
    """Another one takes its place, which is told everything anew."""
    async with worker() as told:
        await told.serve(generation())
        told.channel.send(sending.commit(generation(), b"no networks"))
        with contextlib.suppress(Closed):
            await told.hear(Told)
        assert await ended(told.process) == 1
