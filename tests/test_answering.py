"""The part of a server that answers: what it is given, and what it is asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from healthcheck.health import Target
from resolver.answering import Answering
from resolver.config import SocketAddress, load_config
from resolver.generation import Generation, Published
from resolver.knowing import Order
from resolver.listen.sockets import Bound, bind
from tests.properties import flipping
from tests.support import FILES, PATIENCE, PLAN, TCP, addresses, datagrams, question

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."


@contextlib.asynccontextmanager
async def answering(
    generation: Generation, workers: int = 1, **environ: str
) -> AsyncIterator[tuple[Answering, Bound]]:
    """One on a free port of this process."""
    config = load_config(None, environ, {})
    bound = bind(SocketAddress("127.0.0.1", 0))
    made = Answering(config, Published(generation), [(config.listen[0], bound)], workers)
    await made.start()
    async with asyncio.timeout(PATIENCE):
        yield made, bound
        await made.stop()
    bound.close()


async def test_it_answers_from_what_it_is_given(generation: Compile) -> None:
    """From the moment that it is; what was served is counted."""
    first = generation()
    async with answering(first) as (made, bound), datagrams(*bound.address) as client:
        assert len(addresses(await client.ask(question(WEB)))) == 3
        dev = FILES["dev.yaml"].replace(", 10.80.1.3]", "]")
        second = generation({**FILES, "dev.yaml": dev}, previous=first)
        made.publish(second, retiring=first)
        assert len(addresses(await client.ask(question(WEB)))) == 2
        figures = await made.figures()
        assert sum(figures.totals.replies.values()) == 2
        assert figures.partitions.keys() <= {"dev"}


async def test_limits_are_divided_among_workers(generation: Compile) -> None:
    """Rounded up: the whole server has no less than was said."""
    environ = {"SIGHTLINE_LIMITS__TCP_CONNECTIONS": "10", "SIGHTLINE_LIMITS__IN_FLIGHT": "7"}
    async with answering(generation(), 3, **environ) as (made, _):
        assert made._streams[0].max_connections == 4
        assert made.forwarder.places.most == 3


async def test_hand_outs_are_told_of_those_that_somebody_holds(generation: Compile) -> None:
    """On the server's clock."""
    made = generation()
    async with answering(made) as (found, bound), datagrams(*bound.address) as client:
        targets: list[Target] = flipping.targets(made)
        assert await found.held_until(targets) == {}
        await client.ask(question(WEB))
        held = await found.held_until(targets)
        assert {target[1][0] for target in held} == {10}
        assert all(b"\3dev" in target[0] for target in held)
        loop = asyncio.get_running_loop()
        assert all(0 < until - loop.time() <= 20 for until in held.values())


async def test_it_forgets_and_knows(generation: Compile) -> None:
    """What its cache has and how upstreams stand."""
    plan = PLAN.replace("forward: none", "forward: {upstreams: [127.0.0.8]}")
    made = generation({**FILES, "environments.yaml": plan})
    async with answering(made) as (found, _):
        route = made.views["dev", "east"].forwarding.find(b"\0")
        assert route is not None
        (standing,) = await found.know(Order("dev", route))  # type: ignore[misc]  # of an order
        assert standing.name == "127.0.0.8"
        found.cache.partition("dev")
        assert await found.forget(frozenset({"dev", "prod"}), None, None) == {"dev": 0}


async def test_what_never_began_ends(generation: Compile, tmp_path: Path) -> None:
    """A server that is ended while it starts."""
    config = load_config(None, {}, {})
    bound = bind(SocketAddress("127.0.0.1", 0))
    made = Answering(config, Published(generation()), [(config.listen[0], bound)])
    await made.stop()
    bound.close()
    assert TCP.transport == "tcp"
