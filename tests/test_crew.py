"""Workers together, with processes of their own; how they fail is `network/test_processes.py`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from healthcheck.health import Health, State
from resolver.admin.operated import NotAnswering
from resolver.config import SocketAddress, load_config
from resolver.crew import Crew
from resolver.generation import Generation
from resolver.knowing import Cached, Order, Remembered
from resolver.listen.sockets import bind_often
from tests.properties import flipping
from tests.support import FILES, PATIENCE, PLAN, addresses, datagrams, question

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."
FORWARDING = PLAN.replace("forward: none", "forward: {upstreams: [127.0.0.8]}")


@contextlib.asynccontextmanager
async def crew(generation: Generation, workers: int = 2) -> AsyncIterator[tuple[Crew, int]]:
    """Workers that answer, and the port on which they do."""
    config = load_config(None, {}, {})
    bounds = bind_often(SocketAddress("127.0.0.1", 0), workers)
    made = Crew(config, generation, [(config.listen[0], bounds)])
    async with asyncio.timeout(3 * PATIENCE):
        try:
            await made.start()
            yield made, bounds[0].address.port
        finally:
            await made.stop()
    for bound in bounds:
        bound.close()


async def counts(port: int, clients: int = 12) -> set[int]:
    """How many addresses the service has, for clients of every worker."""
    found = set()
    for _ in range(clients):
        async with datagrams("127.0.0.1", port) as client:
            found.add(len(addresses(await client.ask(question(WEB)))))
    return found


async def test_all_of_them_serve_what_they_are_told(generation: Compile) -> None:
    """Flips, what was read from files, and flips between the two steps of that."""
    first = generation()
    target = next(t for t in flipping.targets(first) if b"\3dev" in t[0])
    async with crew(first) as (made, port):
        assert await counts(port) == {3}
        flipped = flipping.flipped(first, {target: Health(State.DOWN, "")})
        made.flip(flipped, [target])
        await made.caught_up(flipped.number)
        assert await counts(port) == {2}
        dev = FILES["dev.yaml"].replace("10.80.1.3]", "10.80.1.3, 10.80.1.4]")
        read = generation({**FILES, "dev.yaml": dev}, previous=first)
        await made.stage(read)
        assert await counts(port) == {2}
        up = flipping.flipped(flipped, {target: Health(State.UP, "")})
        made.flip(up, [target])
        await made.caught_up(up.number)
        assert await counts(port) == {3}
        last = read.judged_anew(up.number + 1, up.health, [target])
        made.commit(last)
        await made.caught_up(last.number)
        assert await counts(port) == {4}
        assert made.states() == [(1, True, 0), (2, True, 0)]


async def test_who_was_replaced_between_two_steps_is_brought_up(generation: Compile) -> None:
    """It was told of what is served, and not of what was staged."""
    first = generation()
    dev = FILES["dev.yaml"].replace(", 10.80.1.3]", "]")
    second = generation({**FILES, "dev.yaml": dev}, previous=first)
    async with crew(first) as (made, port):
        await made.stage(second)
        for member in made.members:
            assert member.process is not None
            os.kill(member.process.pid, signal.SIGKILL)
        while any(member.serving for member in made.members):
            await made.members[0].has_changed.wait()
            made.members[0].has_changed.clear()
            await asyncio.sleep(0)
        made.commit(second)
        assert await counts(port) == {2}
        assert [restarts for _, _, restarts in made.states()] == [1, 1]


async def test_what_they_counted_is_added_up_and_never_falls(generation: Compile) -> None:
    """Also when one of them is replaced after it was asked."""
    async with crew(generation()) as (made, port):
        await counts(port)
        assert sum((await made.figures()).totals.replies.values()) == 12
        process = made.members[0].process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        await counts(port)
        assert sum((await made.figures()).totals.replies.values()) == 24


async def test_hand_outs_are_the_latest_of_all(generation: Compile) -> None:
    """Of one that is no more, whatever it may have given."""
    first = generation()
    targets = flipping.targets(first)
    async with crew(first) as (made, port):
        assert await made.held_until(targets) == {}
        await counts(port)
        now = asyncio.get_running_loop().time()
        held = await made.held_until(targets)
        assert {target[1][0] for target in held} == {10}
        assert all(b"\3dev" in target[0] for target in held)
        for member in made.members:
            assert member.process is not None
            os.kill(member.process.pid, signal.SIGKILL)
        assert await counts(port, 1) == {3}
        after = await made.held_until(targets)
        assert set(held) <= set(after) == {t for t in targets if b"\3web" in t[0]}
        assert all(until > now + 19 for until in after.values())


async def test_they_are_asked_of_caches_and_upstreams(generation: Compile) -> None:
    """Each of them forgets; who knows best tells."""
    first = generation({**FILES, "environments.yaml": FORWARDING})
    async with crew(first) as (made, _):
        route = first.views["dev", "east"].forwarding.find(b"\0")
        assert route is not None
        order = await made.know(Order("dev", route))
        assert [standing.name for standing in order] == ["127.0.0.8"]  # type: ignore[union-attr]  # of an order
        cached = Cached("dev", (b"\1x\0\0\1\0\1", 0, "dev"))
        assert await made.know(cached) == Remembered()
        environments = frozenset({"dev", "prod"})
        assert await made.forget(environments, None, None) == {"dev": 0, "prod": 0}


async def test_who_does_not_answer_is_told_of(
    generation: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it: a page says so, a change is refused as not done everywhere."""
    monkeypatch.setattr("resolver.crew.CATCHING_UP", 0.05)
    first = generation()
    async with crew(first) as (made, _):
        process = made.members[0].process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        await made.figures()
        assert made.troubles == ["worker 1 does not answer"]
        assert made.states()[0] == (1, False, 0)
        with pytest.raises(NotAnswering):
            await made.forget(frozenset({"dev"}), None, None)
        made.flip(first.judged_anew(9, first.health, ()), [])
        with pytest.raises(NotAnswering):
            await made.caught_up(9)
        os.kill(process.pid, signal.SIGCONT)
        await made.figures()
        monkeypatch.setattr("resolver.crew.CATCHING_UP", PATIENCE)
        await made.caught_up(9)
        assert made.troubles == []
