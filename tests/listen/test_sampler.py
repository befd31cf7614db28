"""Questions that are looked at on their way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network

import pytest

from resolver.generation import Generation
from resolver.listen import sampler as sampler_module
from resolver.listen.pumps import Kind
from resolver.listen.sampler import Sampler
from resolver.offenders import Often
from resolver.samples import Sampled, Samples
from resolver.views import Door, NetworkTable
from tests.support import FILES, PLAN, DatagramClient, Listening, datagrams, listening, question

WEB = "web.dev.east.corp.test."
KEY = b"\3web\3dev\4east\4corp\4test\0"


@pytest.fixture(params=["python", "auto"])
async def listener(
    request: pytest.FixtureRequest, generation: Callable[..., Generation]
) -> AsyncIterator[Listening]:
    async with listening(generation(), pump=request.param) as found:
        yield found


def sampling(listener: Listening, samples: Samples) -> Sampler:
    """A sampler that has begun."""
    sampler = Sampler(listener.udp, samples)
    sampler.start(asyncio.get_running_loop())
    return sampler


def told(samples: Samples) -> dict[str, Sampled]:
    return samples.told(asyncio.get_running_loop().time())


async def ask(client: DatagramClient, name: str = WEB) -> None:
    await client.ask(question(name))


async def test_the_first_question_is_looked_at_and_answered(listener: Listening) -> None:
    """The next only after a while; names are told in lower case."""
    samples = Samples()
    sampler = sampling(listener, samples)
    async with datagrams("127.0.0.1", listener.port) as client:
        await ask(client, WEB.upper())
        await ask(client)
    sampler.stop()
    assert told(samples) == {
        "dev": Sampled(1, (Often(KEY, 1, 1),), (Often("127.0.0.1", 1, 1),)),
    }


async def test_it_goes_on(listener: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of what a memo answers; and ends when it is told to."""
    monkeypatch.setattr(sampler_module, "PAUSE", 0.0)
    samples = Samples()
    sampler = sampling(listener, samples)
    async with datagrams("127.0.0.1", listener.port) as client:
        for _ in range(20):
            await ask(client)
        seen = told(samples)["dev"].total
        assert seen >= 10
        sampler.stop()
        await ask(client)
        await ask(client)
    assert told(samples)["dev"].total == seen


async def test_noise_is_no_question(listener: Listening) -> None:
    """Nor is one that cannot be read, or that is no client's."""
    samples = Samples()
    for wire in (b"noise", question(WEB)[:-2]):
        sampler = sampling(listener, samples)
        async with datagrams("127.0.0.1", listener.port) as client:
            client.send(wire)
            await ask(client)
        sampler.stop()
    sampler = sampling(listener, samples)
    async with datagrams("127.0.0.1", listener.port, "127.200.0.1") as client:
        await ask(client)
    sampler.stop()
    assert told(samples) == {}


async def test_clients_of_trusted_forwarders_are_not_told(
    generation: Callable[..., Generation],
) -> None:
    """Their address is not the client's."""
    plan = PLAN + "trusted_forwarders: [127.0.0.0/24]\n"
    samples = Samples()
    async with listening(generation({**FILES, "environments.yaml": plan})) as found:
        sampler = sampling(found, samples)
        async with datagrams("127.0.0.1", found.port) as client:
            await ask(client)
        sampler.stop()
    assert told(samples) == {}


@pytest.mark.parametrize(("allowed", "seen"), [("127.0.0.0/8", {"prod"}), ("10.0.0.0/8", set())])
async def test_a_pinned_listener_says_whose_they_are(
    generation: Callable[..., Generation], allowed: str, seen: set[str]
) -> None:
    """Of those that it lets in."""
    samples = Samples()
    kind: Kind = "auto"
    async with listening(generation(), pump=kind) as found:
        table = NetworkTable([(ip_network(allowed), True)])
        found.udp.door = Door("udp", 1232, "prod", "east", table)
        sampler = Sampler(found.udp, samples)
        assert sampler._environment_of("127.0.0.1") == next(iter(seen), None)
