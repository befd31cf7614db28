"""Workers as processes: killed, stopped, hung, and what their clients see of that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import dns.message
import pytest

from resolver.config import SocketAddress, load_config
from resolver.crew import Crew
from resolver.listen.sockets import CannotListen, bind_often
from tests.support import (
    FILES,
    PATIENCE,
    DatagramClient,
    Server,
    addresses,
    compiled,
    datagrams,
    question,
)

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WEB = "web.dev.east.corp.test."
PARENT = re.compile(r"^PPid:\s+(\d+)$", re.MULTILINE)


def workers_of(pid: int) -> list[int]:
    """The processes that a server has started, the first worker first."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            parent = PARENT.search(status.read_text())
            if parent is not None and int(parent[1]) == pid:
                found.append(int(status.parent.name))
    return sorted(found)


async def end_of(pid: int) -> None:
    """Wait until a process is no more."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@contextlib.asynccontextmanager
async def clients(port: int, count: int) -> AsyncIterator[list[DatagramClient]]:
    """Clients with ports of their own, which the kernel deals out to workers."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(datagrams("127.0.0.1", port)) for _ in range(count)]


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does nothing for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_questions_wait_while_a_worker_is_replaced(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """What is in its queue when it is killed is answered by the one that takes its place."""
    server = await running_server(zones_dir(), "--workers", "1")
    (worker,) = workers_of(server.process.pid)
    async with clients(server.port, 20) as asking:
        os.kill(worker, signal.SIGSTOP)
        for number, client in enumerate(asking):
            client.send(question(WEB, ident=number))
        os.kill(worker, signal.SIGKILL)
        replies = [dns.message.from_wire(await client.receive()) for client in asking]
    assert [reply.id for reply in replies] == list(range(20))
    assert all(len(addresses(reply)) == 3 for reply in replies)
    assert "was ended by signal 9" in await server.until("another takes its place")
    assert workers_of(server.process.pid) not in ([], [worker])
    told = (await server.admin("GET", "/api/v1/status")).body
    assert told["workers"] == [{"worker": 1, "up": True, "restarts": 1}]
    assert await server.end() == 0


async def test_a_worker_that_is_replaced_serves_what_is_served_now(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Files that were read and words that were said since the server began."""
    server = await running_server(zones_dir(), "--workers", "1")
    two = FILES["dev.yaml"].replace(", 10.80.1.3]", "]")
    zones_dir({"dev.yaml": two})
    assert (await server.admin("POST", "/api/v1/reload")).status == 200
    path = "/api/v1/endpoints/web.dev.east/10-80-1-1/state"
    assert (await server.admin("PUT", path, {"state": "drain"})).status == 200
    (worker,) = workers_of(server.process.pid)
    os.kill(worker, signal.SIGKILL)
    await server.until("another takes its place")
    assert addresses(await server.ask(WEB)) == ["10.80.1.2"]


async def test_workers_end_with_the_supervisor(running_server: Run, zones_dir: ZonesDir) -> None:
    """However that one ends."""
    server = await running_server(zones_dir(), "--workers", "2")
    workers = workers_of(server.process.pid)
    assert len(workers) == 2
    server.process.kill()
    for worker in workers:
        await end_of(worker)
    await server.rest()


async def test_both_workers_answer(running_server: Run, zones_dir: ZonesDir) -> None:
    """While one of them is stopped its clients wait, and those of the other do not."""
    server = await running_server(zones_dir(), "--workers", "2")
    one, _ = workers_of(server.process.pid)
    async with clients(server.port, 40) as asking, asyncio.timeout(PATIENCE):
        with stopped(one):
            for client in asking:
                client.send(question(WEB))
            waiting = {asyncio.create_task(client.receive()) for client in asking}
            while len(waiting) > 35:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            # Whoever is the first worker's to answer has no reply yet.
            late = [task for task in waiting if not task.done()]
        await asyncio.gather(*waiting)
    assert late


async def test_a_change_is_in_every_worker_when_the_call_returns(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """A word and its end, a reload: whoever asks next, of whichever worker."""
    server = await running_server(zones_dir(), "--workers", "2")
    path = "/api/v1/endpoints/web.dev.east/10-80-1-1/state"
    async with clients(server.port, 16) as asking:

        async def counts() -> set[int]:
            replies = await asyncio.gather(*(client.ask(question(WEB)) for client in asking))
            return {len(addresses(reply)) for reply in replies}

        for _ in range(3):
            assert (await server.admin("PUT", path, {"state": "drain"})).status == 200
            assert await counts() == {2}
            assert (await server.admin("PUT", path, {"state": "normal"})).status == 200
            assert await counts() == {3}
        zones_dir({"dev.yaml": FILES["dev.yaml"].replace(", 10.80.1.3]", "]")})
        assert (await server.admin("POST", "/api/v1/reload")).status == 200
        assert await counts() == {2}


async def test_a_second_server_is_refused(running_server: Run, zones_dir: ZonesDir) -> None:
    """Also where the first one shares its port among workers."""
    server = await running_server(zones_dir(), "--workers", "2")
    for count in (1, 2):
        with pytest.raises(CannotListen, match="in use by another server"):
            bind_often(SocketAddress("127.0.0.1", server.port), count)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_terminal_ends_all_of_it(
    running_server: Run, zones_dir: ZonesDir, number: signal.Signals
) -> None:
    """Workers are sent the signal as well; what has come is answered, and the end is orderly."""
    server = await running_server(zones_dir(), "--workers", "2")
    workers = workers_of(server.process.pid)
    async with clients(server.port, 8) as asking:
        for client in asking:
            client.send(question(WEB))
        for pid in (*workers, server.process.pid) if number == signal.SIGINT else ():
            os.kill(pid, number)
        assert await server.end(number) == 0
        for client in asking:
            assert len(addresses(dns.message.from_wire(await client.receive()))) == 3
    assert not any("Traceback" in line for line in server.log)
    for worker in workers:
        await end_of(worker)


async def test_a_worker_that_hangs_is_replaced(zones_dir: ZonesDir) -> None:
    """It gives no sign of life: its questions are answered by another, and that is told."""
    generation = compiled(zones_dir())
    bounds = bind_often(SocketAddress("127.0.0.1", 0), 1)
    config = load_config(None, {}, {})
    crew = Crew(config, generation, [(config.listen[0], bounds)], hung=3.0)
    async with asyncio.timeout(6 * PATIENCE):
        await crew.start()
        (member,) = crew.members
        assert member.process is not None
        os.kill(member.process.pid, signal.SIGSTOP)
        assert (await crew.figures()).partitions == {}
        assert crew.troubles == ["worker 1 does not answer"]
        async with datagrams("127.0.0.1", bounds[0].address.port) as client:
            assert len(addresses(await client.ask(question(WEB)))) == 3
        while not member.serving:
            await member.has_changed.wait()
        assert crew.states() == [(1, True, 1)]
        assert crew.troubles == []
        await crew.stop()
    bounds[0].close()
