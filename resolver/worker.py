"""One process that answers: its listeners, its generation, its reloads, its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import secrets
import signal
import time

from resolver.background import aside, beside
from resolver.config import ListenSpec, ServerConfig
from resolver.counters import Counters
from resolver.generation import Generation, Published, release
from resolver.listen.sockets import Bound, CannotListen, NoFamily, bind
from resolver.listen.stream import StreamListener
from resolver.listen.udp import DatagramListener
from resolver.reload import Builder, Built
from resolver.views import Door, NetworkTable
from resolver.watch import POLL_INTERVAL, Watcher
from resolver.zones.places import Severity

GRACE = 1.5  # seconds for replies on their way when the process is to end
WHOLE_MESSAGE = 65535

log = logging.getLogger("sightline")


class Worker:
    """Serves until told to stop. `run` raises CannotListen before anything is served."""

    def __init__(
        self, config: ServerConfig, generation: Generation, builder: Builder, watcher: Watcher
    ) -> None:
        self.config = config
        self.builder = builder
        self.watcher = watcher
        self.published = Published(generation)
        self.counters = Counters()
        self.listeners: list[tuple[ListenSpec, Bound]] = []
        self._stop = asyncio.Event()
        self._reload_now = asyncio.Event()
        self._reloading = asyncio.Lock()

    def bind(self) -> None:
        """Open every socket; none stays open when one cannot be."""
        try:
            for item in self.config.listen:
                self._bind_one(item)
            if not self.listeners:
                raise CannotListen("cannot listen anywhere")
        except CannotListen:
            for _, bound in self.listeners:
                bound.close()
            raise

    def _bind_one(self, item: ListenSpec) -> None:
        try:
            self.listeners.append((item, bind(item.address)))
        except NoFamily as error:
            # [::] beside 0.0.0.0 means "wherever we are reachable": without IPv6 that is fine.
            if not ipaddress.ip_address(item.address.host).is_unspecified:
                raise
            log.warning("%s", error)

    async def run(self) -> None:
        """Answer until SIGTERM or SIGINT; SIGHUP reloads."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_now.set)
        datagrams, streams = self._listeners()
        for stream in streams:
            await stream.start()
        for datagram in datagrams:
            datagram.start(loop)
        gc.freeze()  # what was loaded lives on: the collector need not walk it
        self._say_ready()
        watching = asyncio.create_task(self._watch())
        await self._stop.wait()
        log.info("stopping")
        watching.cancel()
        for datagram in datagrams:
            datagram.stop(loop)
        await asyncio.gather(*(stream.stop(GRACE) for stream in streams))
        for _, bound in self.listeners:
            bound.close()

    def _listeners(self) -> tuple[list[DatagramListener], list[StreamListener]]:
        limits = self.config.limits
        datagrams, streams = [], []
        for item, bound in self.listeners:
            allow = None
            if item.allow is not None:
                allow = NetworkTable((network, True) for network in item.allow)
            pin = (item.environment, item.region, allow)
            door = Door("udp", limits.udp_payload, *pin)
            datagrams.append(DatagramListener(bound, door, self.published, self.counters))
            streams.append(
                StreamListener(
                    bound,
                    Door("tcp", WHOLE_MESSAGE, *pin),
                    self.published,
                    self.counters,
                    max_connections=limits.tcp_connections,
                    idle=limits.tcp_idle,
                )
            )
        return datagrams, streams

    def _say_ready(self) -> None:
        places = ", ".join(str(bound.address) for _, bound in self.listeners)
        zones = sum(len(space.zones) for space in self.published.generation.namespaces.values())
        names = sum(len(space.nodes) for space in self.published.generation.namespaces.values())
        log.info("ready: listening on %s (UDP and TCP), %d zones, %d names", places, zones, names)

    async def _watch(self) -> None:
        """Load changes of the files, and whatever SIGHUP asks for; survives every error."""
        watcher = self.watcher
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reload_now.wait(), POLL_INTERVAL)
            try:
                if self._reload_now.is_set():
                    self._reload_now.clear()
                    await aside(watcher.take)
                    await self.reload()
                elif await aside(watcher.poll, time.monotonic()):
                    await self.reload()
            except Exception:
                log.exception("reload failed; generation %d serves on", self._number)

    @property
    def _number(self) -> int:
        return self.published.generation.number

    async def reload(self) -> Built:
        """Read the files again: publish the next generation, or report and change nothing."""
        async with self._reloading:
            started = time.monotonic()
            now = int(time.time())
            built = await beside(self.builder.build, now, self.published.generation)
            report(built)
            if built.generation is None:
                log.error("reload refused: generation %d serves on", self._number)
                return built
            old = self.published.generation
            self.published.replace(built.generation)
            await beside(release, old, built.generation)
            gc.freeze()
            seconds = time.monotonic() - started
            log.info("generation %d published after %.2f s", self._number, seconds)
            return built


def report(built: Built) -> None:
    """Every problem on a line of its own."""
    levels = {Severity.ERROR: log.error, Severity.WARNING: log.warning, Severity.HINT: log.info}
    for problem in built.problems:
        levels[problem.severity]("%s", problem)


def new_seed() -> int:
    """Where wheels start: unlike in any other process."""
    return secrets.randbits(32)
