"""The part of the server that answers: its listeners, cache, forwarder and counters.

A process of its own when there are workers, else one with the rest. It is given what to serve,
and asked what came of it; it reads no files and probes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence

from healthcheck.health import Target
from resolver.background import at_once, in_turns
from resolver.cache import Cache, CachePolicy
from resolver.config import ListenSpec, ServerConfig
from resolver.counters import Counters
from resolver.explain_names import Explainer
from resolver.figures import Figures, figures_of
from resolver.forward.settings import make_forwarder
from resolver.generation import Generation, Published
from resolver.knowing import Known, Want, find
from resolver.listen.sampler import Sampler
from resolver.listen.sockets import Bound
from resolver.listen.strangers import Strangers
from resolver.listen.stream import StreamListener
from resolver.listen.udp import DatagramListener
from resolver.samples import Sampled, Samples
from resolver.views import Door, NetworkTable
from resolver.witnesses import Witnesses

GRACE = 1.5  # seconds for replies on their way when the process is to end
WHOLE_MESSAGE = 65535
# Thresholds of the garbage collector: what is new is walked over often, in little time; a walk over
# everything takes a tenth of a second and finds next to nothing, so it all but never comes.
COLLECT = (2000, 10, 100_000)

Doors = Sequence[tuple[ListenSpec, Bound]]


class Answering:
    """Answers from what is published; one of `workers` that divide the server's limits.

    `worker` is its number among them, for the log; None: there is one process.
    """

    def __init__(
        self,
        config: ServerConfig,
        published: Published,
        doors: Doors,
        workers: int = 1,
        worker: int | None = None,
    ) -> None:
        self.published = published
        self.counters = Counters()
        cache = config.cache
        self.cache = Cache(CachePolicy(cache.entries, cache.serve_stale, cache.prefetch))
        own = [bound.address for _, bound in doors]
        self.forwarder = make_forwarder(config, self.published, self.cache, own, workers)
        self._strangers = Strangers()
        self._witnesses = Witnesses(config, published, self.counters, worker)
        self.forwarder.upstreams.witness = self._witnesses.of_upstreams
        self._is_started = False
        self.samples = Samples()
        self._datagrams: list[DatagramListener] = []
        self._samplers: list[Sampler] = []
        self._streams: list[StreamListener] = []
        for item, bound in doors:
            self._open(config, item, bound, workers)
        listeners: list[DatagramListener | StreamListener] = [*self._datagrams, *self._streams]
        for listener in listeners:
            listener.strangers = self._strangers
            listener.witness = self._witnesses.of_clients

    def _open(self, config: ServerConfig, item: ListenSpec, bound: Bound, workers: int) -> None:
        limits = config.limits
        allow = None
        if item.allow is not None:
            allow = NetworkTable((network, True) for network in item.allow)
        explain_to = NetworkTable((network, True) for network in config.explain_to)
        explainer = Explainer(explain_to) if config.explain_to else None
        pin = (item.environment, item.region, allow, explainer)
        what = (self.published, self.counters, self.forwarder)
        door = Door("udp", limits.udp_payload, *pin)
        datagram = DatagramListener(bound, door, *what, pump=config.pump)
        self._datagrams.append(datagram)
        self._samplers.append(Sampler(datagram, self.samples))
        self._streams.append(
            StreamListener(
                bound,
                Door("tcp", WHOLE_MESSAGE, *pin),
                *what,
                max_connections=-(-limits.tcp_connections // workers),
                idle=limits.tcp_idle,
            )
        )

    async def start(self) -> None:
        """Answer from now on."""
        self._is_started = True
        self._witnesses.start()
        for stream in self._streams:
            await stream.start()
        for datagram in self._datagrams:
            datagram.start(asyncio.get_running_loop())
        for sampler in self._samplers:
            sampler.start(asyncio.get_running_loop())

    async def stop(self) -> None:
        """Answer what the kernel still holds, let what is in flight end for a while."""
        if not self._is_started:
            return
        for sampler in self._samplers:
            sampler.stop()
        for datagram in self._datagrams:
            datagram.stop(asyncio.get_running_loop())
        await self.forwarder.stop(GRACE)
        await asyncio.gather(*(stream.stop(GRACE) for stream in self._streams))
        await self._witnesses.stop()

    def publish(self, generation: Generation, retiring: Generation | None = None) -> None:
        """Answer from another generation. `retiring`: files were read since; `settle` follows."""
        self.published.replace(generation, retiring)
        if retiring is not None:
            self.turn_over()

    def turn_over(self) -> None:
        """Files were read: forget what is of no environment, and who is asked no more."""
        self.cache.retain(self.published.generation.namespaces)
        self.forwarder.prime()

    def look_after(self) -> None:
        """Now and then: note what was handed out; fetch what is known of the root where an upstream
        was down and answers again."""
        at_once(self.published.generation.handouts.catch_up())
        self._strangers.look_after(time.monotonic())
        probes = self.forwarder.upstreams.probes
        if probes.has_recovered:
            probes.has_recovered = False
            self.forwarder.prime()

    @property
    def upstreams_down(self) -> frozenset[tuple[str, str]]:
        """Environment and name of each upstream that is called down."""
        standings = self.forwarder.upstreams.standings()
        return frozenset((s.environment, s.name) for s in standings if s.is_down)

    # ---------------------------------------------------------------- what it is asked

    async def figures(self) -> Figures:
        """What was counted, and how upstreams stand."""
        forwarder = self.forwarder
        return Figures(
            partitions=figures_of(self.cache),
            standings=tuple(forwarder.upstreams.standings()),
            coalesced=dict(forwarder.coalesced),
            turned_away=dict(forwarder.places.refused),
            totals=self.counters.totals(),
            tcp_connections=sum(len(stream.connections) for stream in self._streams),
        )

    async def forget(
        self, environments: frozenset[str], name: bytes | None, suffix: bytes | None
    ) -> dict[str, int]:
        """Forget in the cache of some environments; how many entries in each."""
        return self.cache.forget(environments, name, suffix)

    async def held_until(self, targets: Sequence[Target]) -> dict[Target, float]:
        """Until when a client may hold each, on the server's clock; those that somebody holds."""
        found = {}

        def look() -> Iterator[None]:
            for target in targets:
                until = self.published.held_until(target)
                if until > time.monotonic():
                    found[target] = until
                yield

        await in_turns(look())
        return found

    async def know(self, want: Want) -> Known:
        """What `explain` wants to know of the cache or of upstreams."""
        return find(self.forwarder, want)

    async def asked(self) -> dict[str, Sampled]:
        """What is asked most, and by whom, of each environment's clients."""
        return self.samples.told(time.monotonic())


ANSWERS = ("figures", "forget", "held_until", "know", "asked")
"""What a worker may be asked."""
