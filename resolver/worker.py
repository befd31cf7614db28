"""One process that answers: its listeners, its generation, its reloads, its end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import ipaddress
import logging
import secrets
import signal
import time

from healthcheck.health import HealthTable, Target
from resolver.admin.server import AdminServer
from resolver.background import BRISKLY, aside, at_once, beside
from resolver.cache import Cache, CachePolicy
from resolver.checking import Checking
from resolver.checks import Register
from resolver.config import ListenSpec, ServerConfig
from resolver.counters import Counters
from resolver.forward.forwarder import Forwarder
from resolver.forward.settings import make_forwarder
from resolver.generation import Generation, Published, release, settle
from resolver.listen.sockets import Bound, CannotListen, NoFamily, bind
from resolver.listen.stream import StreamListener
from resolver.listen.udp import DatagramListener
from resolver.operations import Operations
from resolver.reload import Builder, Built
from resolver.serials import SerialFile
from resolver.views import Door, NetworkTable
from resolver.watch import POLL_INTERVAL, Watcher
from resolver.zones.places import Severity

GRACE = 1.5  # seconds for replies on their way when the process is to end
WHOLE_MESSAGE = 65535
# Thresholds of the garbage collector: a walk over everything takes a tenth of a second and finds
# next to nothing, so it comes seldom.
COLLECT = (20000, 10, 1000)

log = logging.getLogger("sightline")


class Worker:
    """Serves until told to stop. `run` raises CannotListen before anything is served."""

    def __init__(
        self,
        config: ServerConfig,
        generation: Generation,
        builder: Builder,
        watcher: Watcher,
        serials: SerialFile | None = None,
        watcher_of_system: Watcher | None = None,
    ) -> None:
        self.config = config
        self.builder = builder
        self.watcher = watcher
        self.watcher_of_system = watcher_of_system  # resolv.conf
        self.serials = serials  # where they survive a restart; None: they do not
        self.published = Published(generation)
        self.counters = Counters()
        cache = config.cache
        self.cache = Cache(CachePolicy(cache.entries, cache.serve_stale, cache.prefetch))
        self.forwarder: Forwarder | None = None  # while it runs
        self.listeners: list[tuple[ListenSpec, Bound]] = []
        self._stop = asyncio.Event()
        self._reload_now = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._touched: set[Target] = set()  # by health, while a build is under way
        self.checking = Checking(config, self._judge_anew)
        self._register = Register()
        self.operations = Operations(
            *(self.published, self.checking, self.reload, self.cache),
            keeps_overrides=config.state_dir is not None,
        )
        self.admin = AdminServer(config.admin, self.operations)

    def bind(self) -> None:
        """Open every socket; none stays open when one cannot be."""
        try:
            for item in self.config.listen:
                self._bind_one(item)
            if not self.listeners:
                raise CannotListen("cannot listen anywhere")
            self.admin.bind()
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
        self.forwarder = forwarder = make_forwarder(
            self.config, self.published, self.cache, [bound.address for _, bound in self.listeners]
        )
        self.operations.forwarder = forwarder
        datagrams, streams = self._listeners(forwarder)
        gc.freeze()  # what was loaded lives on: the collector need not walk it
        gc.set_threshold(*COLLECT)
        await self.checking.start(await aside(self._register.uses, self.published.generation.zones))
        for stream in streams:
            await stream.start()
        for datagram in datagrams:
            datagram.start(loop)
        await self.admin.start()
        await self._first_round()
        gc.freeze()  # nor what checking made of it
        if not self._stop.is_set():
            self._say_ready()
        await self._save_serials(self.published.generation)
        watching = asyncio.create_task(self._watch())
        await self._stop.wait()
        log.info("stopping")
        watching.cancel()
        await self.admin.stop()
        for datagram in datagrams:
            datagram.stop(loop)
        await forwarder.stop(GRACE)
        await asyncio.gather(*(stream.stop(GRACE) for stream in streams))
        for _, bound in self.listeners:
            bound.close()
        await self.checking.stop()

    async def _first_round(self) -> None:
        """Wait for the first observations, unless we are to stop before."""
        waits = [asyncio.create_task(w) for w in (self.checking.first_round(), self._stop.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _save_serials(self, generation: Generation) -> None:
        if self.serials is not None:
            await aside(self.serials.save, generation.serials)

    def _judge_anew(self, table: HealthTable, changed: frozenset[Target]) -> None:
        """Publish the generation that differs by what the checker said."""
        current = self.published.generation
        self._touched |= changed
        self.published.replace(current.judged_anew(current.number + 1, table, changed))

    def _listeners(
        self, forwarder: Forwarder
    ) -> tuple[list[DatagramListener], list[StreamListener]]:
        limits = self.config.limits
        datagrams, streams = [], []
        for item, bound in self.listeners:
            allow = None
            if item.allow is not None:
                allow = NetworkTable((network, True) for network in item.allow)
            pin = (item.environment, item.region, allow)
            door = Door("udp", limits.udp_payload, *pin)
            what = (self.published, self.counters, forwarder)
            datagrams.append(DatagramListener(bound, door, *what))
            streams.append(
                StreamListener(
                    bound,
                    Door("tcp", WHOLE_MESSAGE, *pin),
                    *what,
                    max_connections=limits.tcp_connections,
                    idle=limits.tcp_idle,
                )
            )
        return datagrams, streams

    def _say_ready(self) -> None:
        places = ", ".join(str(bound.address) for _, bound in self.listeners)
        zones = sum(len(space.zones) for space in self.published.generation.namespaces.values())
        names = sum(len(space) for space in self.published.generation.namespaces.values())
        admin = self.admin.address
        log.info(
            "ready: listening on %s (UDP and TCP), admin on %s, %d zones, %d names",
            *(places, admin, zones, names),
        )

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
                elif await aside(self._has_changed, time.monotonic()):
                    await self.reload()
                self._look_after_root()
            except Exception:
                log.exception("reload failed; generation %d serves on", self._number)

    def _has_changed(self, now: float) -> bool:
        """Whether files are to be read again: those of the zones, or the machine's resolv.conf."""
        system = self.watcher_of_system
        has_changed = system is not None and system.poll(now)
        return self.watcher.poll(now) or has_changed

    def _look_after_root(self) -> None:
        """Fetch what is known of the root where an upstream was down and answers again."""
        forwarder = self.forwarder
        if forwarder is not None and forwarder.upstreams.probes.has_recovered:
            forwarder.upstreams.probes.has_recovered = False
            forwarder.prime()

    @property
    def _number(self) -> int:
        return self.published.generation.number

    async def reload(self) -> Built:
        """Read the files again: publish the next generation, or report and change nothing."""
        async with self._reloading:
            started = time.monotonic()
            now = int(time.time())
            self._touched = set()
            built = await beside(self.builder.build, now, self.published.generation)
            report(built)
            if built.generation is None:
                log.error("reload refused: generation %d serves on", self._number)
                return built
            old = self.published.generation
            # Health may have moved on while the files were read.
            new = built.generation.judged_anew(old.number + 1, old.health, self._touched)
            self.published.replace(new, retiring=old)
            self.cache.retain(new.namespaces)
            if self.forwarder is not None:
                self.forwarder.prime()
            seconds = time.monotonic() - started
            log.info("generation %d published after %.2f s", new.number, seconds)
            with BRISKLY:
                await self.checking.use(await aside(self._register.uses, new.zones))
            await beside(at_once, settle(old, new))
            self.published.retired()
            new.handouts.prune(time.monotonic())
            await beside(at_once, release(old, new))
            await self._save_serials(new)
            gc.freeze()
            return dataclasses.replace(built, generation=new)


def report(built: Built) -> None:
    """Every problem on a line of its own."""
    levels = {Severity.ERROR: log.error, Severity.WARNING: log.warning, Severity.HINT: log.info}
    for problem in built.problems:
        levels[problem.severity]("%s", problem)


def new_seed() -> int:
    """Where wheels start: unlike in any other process."""
    return secrets.randbits(32)
