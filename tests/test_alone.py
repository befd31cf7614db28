"""Answering in the process of the supervisor."""

from __future__ import annotations

from collections.abc import Callable

from resolver.alone import Alone, Answerers
from resolver.config import SocketAddress, load_config
from resolver.generation import Generation, Published
from resolver.listen.sockets import bind
from tests.support import FILES, addresses, datagrams, question

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."


async def test_what_is_published_is_answered_from(generation: Compile) -> None:
    """There is nobody to tell; what files no longer have is forgotten."""
    first = generation()
    published, config = Published(first), load_config(None, {}, {})
    bound = bind(SocketAddress("127.0.0.1", 0))
    found = Alone(config, published, [(config.listen[0], bound)])
    answerers: Answerers = found
    await answerers.start()
    found._answering.cache.partition("gone")
    async with datagrams(*bound.address) as client:
        assert len(addresses(await client.ask(question(WEB)))) == 3
        dev = FILES["dev.yaml"].replace(", 10.80.1.3]", "]")
        second = generation({**FILES, "dev.yaml": dev}, previous=first)
        await answerers.stage(second)
        assert len(addresses(await client.ask(question(WEB)))) == 3
        published.replace(second, retiring=first)
        answerers.commit(second)
        await answerers.caught_up(second.number)
        assert len(addresses(await client.ask(question(WEB)))) == 2
        assert "gone" not in (await answerers.figures()).partitions
        answerers.flip(second, ())
        answerers.look_after()
    assert (answerers.troubles, list(answerers.states())) == ([], [])
    await answerers.stop()
    bound.close()
