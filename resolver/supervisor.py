"""The process that reads, probes and looks after those that answer: ready, reload, stop.

It opens every socket and keeps the descriptors; with workers it answers no question itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import ipaddress
import logging
import secrets
import signal
import socket
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from healthcheck.health import HealthTable, Target
from resolver import logs, notify
from resolver.admin.operated import NotAnswering
from resolver.admin.server import AdminServer, open_socket
from resolver.alone import Alone, Answerers
from resolver.answering import COLLECT
from resolver.background import BRISKLY, aside, at_once, beside, humbly
from resolver.checking import Checking
from resolver.checks import Register
from resolver.config import ListenSpec, ServerConfig
from resolver.cpus import count_cpus
from resolver.crew import Crew
from resolver.events import EventLog
from resolver.events_noticed import SEVERAL, Look, Noticing
from resolver.generation import Generation, Published, release, settle
from resolver.history import History
from resolver.listen.sockets import Bound, CannotListen, NoFamily, bind_often
from resolver.operations import Memory, Operations
from resolver.reload import Builder, Built, abridge
from resolver.reloads import Reloads
from resolver.revision import read_revision
from resolver.serials import SerialFile
from resolver.watch import POLL_INTERVAL, Watcher
from resolver.zones.places import Severity

log = logging.getLogger("sightline")


class Sockets:
    """Every socket of the server; `bind` opens them all, or raises CannotListen and leaves none."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        # 0: everything in one process.
        self.workers = count_cpus() if config.workers is None else config.workers
        self.listeners: list[tuple[ListenSpec, Sequence[Bound]]] = []
        self.admin: socket.socket | None = None

    def bind(self) -> None:
        """Open the sockets of every listener: one set for each worker."""
        try:
            for item in self.config.listen:
                self._bind_one(item)
            if not self.listeners:
                raise CannotListen("cannot listen anywhere")
            self.admin = open_socket(self.config.admin.listen)
        except CannotListen:
            self.close()
            raise

    def _bind_one(self, item: ListenSpec) -> None:
        try:
            self.listeners.append((item, bind_often(item.address, max(1, self.workers))))
        except NoFamily as error:
            # [::] beside 0.0.0.0 means "wherever we are reachable": without IPv6 that is fine.
            if not ipaddress.ip_address(item.address.host).is_unspecified:
                raise
            log.warning("%s", error)

    def close(self) -> None:
        """Close them all."""
        for _, bounds in self.listeners:
            for bound in bounds:
                bound.close()
        if self.admin is not None:
            self.admin.close()


class Supervisor:
    """Serves until told to stop, on sockets that are bound."""

    def __init__(
        self,
        config: ServerConfig,
        sockets: Sockets,
        generation: Generation,
        builder: Builder,
        watcher: Watcher,
        serials: SerialFile | None = None,
        watcher_of_system: Watcher | None = None,
    ) -> None:
        self.config = config
        self.sockets = sockets
        self.builder = builder
        self.watcher = watcher
        self.watcher_of_system = watcher_of_system  # resolv.conf
        self.serials = serials  # where they survive a restart; None: they do not
        self.published = Published(generation)
        self._stop = asyncio.Event()
        self._reload_now = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._touched: set[Target] = set()  # by health, while a build is under way
        self.checking = Checking(config, self._judge_anew)
        self.events = EventLog()
        self._history = History(generation, time.time())
        checker = self.checking.checker
        self._noticing = Noticing(
            *(self.events, checker.find_use),
            lambda endpoint: checker.environment_of(endpoint) or SEVERAL,
        )
        self._register = Register()
        self.answerers: Answerers
        if sockets.workers:
            self.answerers = Crew(config, generation, sockets.listeners)
        else:
            doors = [(item, bounds[0]) for item, bounds in sockets.listeners]
            self.answerers = Alone(config, self.published, doors)
        self.reloads = Reloads(Path(config.zones), time.time())
        self.operations = Operations(
            *(self.published, self.checking, self.reload, self.answerers, self.reloads),
            config,
            memory=Memory(self.events, self._history),
        )
        revision = read_revision(Path(__file__).parents[1], climbs=False)
        self.admin = AdminServer(
            config.admin, self.operations, revision=revision, bound=sockets.admin
        )
        self._manager = notify.of_this_process()

    async def run(self) -> None:
        """Answer until SIGTERM or SIGINT; SIGHUP reloads."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_now.set)
        gc.freeze()  # what was loaded lives on: the collector need not walk it
        gc.set_threshold(*COLLECT)
        if await self._unless_stopped(self._start()):
            self._say_ready()
            alive = asyncio.create_task(self._manager.stay_alive())
            await self._save_serials(self.published.generation)
            watching = asyncio.create_task(self._watch())
            await self._stop.wait()
            watching.cancel()
            alive.cancel()
        log.info("stopping")
        self._manager.stopping()
        await self.admin.stop()
        await self.answerers.stop()
        self.sockets.close()
        await self.checking.stop()

    async def _start(self) -> None:
        """Begin to probe and to answer; wait for the first observations."""
        await self.checking.start(await aside(self._register.uses, self.published.generation.zones))
        await self.answerers.start()
        self._look()  # what is said from now on is news
        await self.admin.start()
        await self.checking.first_round()
        # What is known by now is in the answers.
        await self.answerers.caught_up(self._number)
        gc.freeze()  # nor what checking made of it

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do it, unless we are to stop before; whether it was done."""
        doing, stopping = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not doing.done():
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await doing
            return False
        doing.result()
        return not self._stop.is_set()

    async def _save_serials(self, generation: Generation) -> None:
        if self.serials is not None:
            await aside(self.serials.save, generation.serials)
        self.builder.keep()

    def _judge_anew(self, table: HealthTable, changed: frozenset[Target]) -> None:
        """Publish the generation that differs by what the checker said."""
        current = self.published.generation
        self._touched |= changed
        new = current.judged_anew(current.number + 1, table, changed)
        self.published.replace(new)
        self.answerers.flip(new, changed)
        wall = time.time()
        self._history.flipped(wall, new.number, current.health, changed)
        self._noticing.flipped(wall, current.health.known, table.known, changed)

    def _say_ready(self) -> None:
        places = ", ".join(str(bounds[0].address) for _, bounds in self.sockets.listeners)
        zones = sum(len(space.zones) for space in self.published.generation.namespaces.values())
        names = sum(len(space) for space in self.published.generation.namespaces.values())
        admin, workers = self.admin.address, self.sockets.workers
        log.info(
            "ready: listening on %s (UDP and TCP), admin on %s, %d zones, %d names, %s",
            *(places, admin, zones, names),
            f"{workers} worker{'s' if workers > 1 else ''}" if workers else "one process",
            extra=logs.fields(generation=self._number, zones=zones, names=names, workers=workers),
        )
        self._manager.ready("serving")

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
                self.answerers.look_after()
                logs.look_after()
                self._look()
            except Exception:
                log.exception("reload failed; generation %d serves on", self._number)

    def _look(self) -> None:
        """Note what has happened since the last look."""
        checker, answerers = self.checking.checker, self.answerers
        what = (checker.overrides(), answerers.states(), answerers.upstreams_down)
        seen = Look(*what, checker.is_frozen, self.checking.trouble)
        self._noticing.look(time.time(), seen)

    def _has_changed(self, now: float) -> bool:
        """Whether files are to be read again: those of the zones, or the machine's resolv.conf."""
        system = self.watcher_of_system
        has_changed = system is not None and system.poll(now)
        return self.watcher.poll(now) or has_changed

    @property
    def _number(self) -> int:
        return self.published.generation.number

    async def reload(self) -> Built:
        """Read the files again: publish the next generation, or report and change nothing."""
        try:
            built = await self._reload()
        except Exception:
            self.reloads.fail()
            raise
        if built.generation is None:
            self.reloads.fail()
        return built

    async def _reload(self) -> Built:
        async with self._reloading, self._manager.reloading():
            started = time.monotonic()
            now = int(time.time())
            self._touched = set()
            revision = await aside(self.reloads.begin)
            what = (self.builder.build, now, self.published.generation)
            built = await (beside(humbly, *what) if self.sockets.workers else beside(*what))
            report(built)
            if built.generation is None:
                which = {"generation": self._number, "revision": revision or None}
                log.error(
                    *("reload refused: generation %d serves on", self._number),
                    extra=logs.fields(**which, result="failed"),
                )
                self._manager.tell("reload refused, what was served before serves on: see the log")
                self._noticing.refused(time.time(), self._number, built.problems)
                return built
            await self.answerers.stage(built.generation)
            old = self.published.generation
            # Health may have moved on while the files were read.
            new = built.generation.judged_anew(old.number + 1, old.health, self._touched)
            self.published.replace(new, retiring=old)
            self._history.reloaded(time.time(), old, new)
            self.answerers.commit(new)
            self.reloads.succeed(time.time(), revision)
            await self._be_caught_up(new)
            seconds = time.monotonic() - started
            which = {"generation": new.number, "revision": revision or None}
            log.info(
                *("generation %d published after %.2f s", new.number, seconds),
                extra=logs.fields(**which, result="ok", seconds=round(seconds, 3)),
            )
            self._manager.tell("serving")
            warnings = sum(p.severity is Severity.WARNING for p in built.problems)
            self._noticing.reloaded(time.time(), new.number, revision or None, seconds, warnings)
            with BRISKLY:
                await self.checking.use(await aside(self._register.uses, new.zones))
            await beside(at_once, settle(old, new))
            self.published.retired()
            new.handouts.prune(time.monotonic())
            await beside(at_once, release(old, new, names=False))
            await beside(at_once, self._history.let_go())
            await self._save_serials(new)
            gc.freeze()
            return dataclasses.replace(built, generation=new)

    async def _be_caught_up(self, new: Generation) -> None:
        try:
            await self.answerers.caught_up(new.number)
        except NotAnswering as error:
            log.warning("%s", error)


def report(built: Built) -> None:
    """Problems on a line of their own: every error, and as many of the others as are read."""
    levels = {Severity.ERROR: log.error, Severity.WARNING: log.warning, Severity.HINT: log.info}
    for problem in abridge(built.problems):
        place = problem.place
        which = logs.fields(rule=problem.rule, file=place.file, line=place.line)
        levels[problem.severity]("%s", problem, extra={**logs.ABRIDGED, **which})


def new_seed() -> int:
    """Where wheels start: unlike in any other process."""
    return secrets.randbits(32)
