"""One worker as the supervisor sees it: its process, its sockets, and what it was told.

The sockets are the supervisor's: what comes while a worker is replaced waits in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from resolver import sending
from resolver.admin.operated import NotAnswering
from resolver.background import aside
from resolver.channel import Channel, Closed
from resolver.figures import Figures
from resolver.listen.sockets import Bound
from resolver.messages import Alive, Ask, Door, Serving, Settings, Staged, Stop, Told

HUNG = 10.0  # seconds without a sign of life until a worker is ended
STARTING = 60.0  # the same for one that has just been started, on a machine with much to do
ASKING = 1.0  # seconds that a page waits for a worker
STEADY = 30.0  # seconds after which a worker that ends has not failed again
LONGEST_PAUSE = 5.0  # seconds between two attempts to start one that ends again and again

log = logging.getLogger("sightline")


class Member:
    """One worker, from one process to the next. `bring_up` gives it all that it is to serve."""

    def __init__(
        self,
        settings: Callable[[tuple[Door, ...]], Settings],
        doors: Iterable[tuple[int, Bound]],
        bring_up: Callable[[Member], Awaitable[None]],
        ended: Callable[[Member], None],
        hung: float = HUNG,
    ) -> None:
        self.parcels: sending.Parcels = {}  # that it has
        self.staged: sending.Parcels | None = None  # that it has been sent, to serve when told
        self.networks: bytes | None = None  # that it has
        self.is_up = False  # it serves the present generation, or flips of it are on their way
        self.serving = 0  # the number that it serves
        self.restarts = 0
        self.upstreams_down: frozenset[tuple[str, str]] = frozenset()
        self.last: Figures | None = None  # when it was last asked
        self.channel: Channel | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.has_changed = asyncio.Event()  # `serving`, or whether there is a process
        self._bring_up = bring_up
        self._ended = ended
        self._hung = hung
        self._heard = 0.0
        self._first_sign = asyncio.Event()
        self._is_hung = False
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._idents = count(1)
        self._staging: asyncio.Future[None] | None = None
        self._is_stopping = False
        self._doors = tuple(
            Door(place, *bound.address, bound.udp.fileno(), bound.tcp.fileno())
            for place, bound in doors
        )
        self.settings = settings(self._doors)

    @property
    def name(self) -> str:
        return f"worker {self.settings.number}"

    async def keep(self) -> None:
        """Keep a process running, whatever ends it, until `stop`."""
        failures = 0
        while not self._has_to_end():
            began = time.monotonic()
            why = await self._live()
            if self._has_to_end():
                break
            self.restarts += 1
            failures = 0 if time.monotonic() - began > STEADY else failures + 1
            pause = 0.0 if failures < 2 else min(0.1 * 2**failures, LONGEST_PAUSE)
            log.error("%s %s: another takes its place", self.name, why)
            if pause:
                log.error("%s has ended %d times in a row", self.name, failures)
                await asyncio.sleep(pause)

    async def _live(self) -> str:
        """One process from its start to its end; why it ended."""
        ours, theirs = socket.socketpair()
        try:
            self.process = process = self._start(theirs)
        except OSError as error:
            ours.close()
            return f"cannot be started: {error}"
        finally:
            theirs.close()
        self.channel = channel = await Channel.over(ours)
        channel.send(self.settings)
        self._is_hung, self._first_sign = False, asyncio.Event()
        beside = [asyncio.create_task(w) for w in (self._look_after(), self._be_brought_up())]
        try:
            await self._listen(channel)
        finally:
            for task in beside:
                task.cancel()
            self._forget()
            channel.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            code = await aside(process.wait)
        if self._is_hung:
            return f"gave no sign of life for {self._hung:g} s"
        return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"

    async def _be_brought_up(self) -> None:
        try:
            await self._bring_up(self)
        except Closed:
            pass  # another process will be
        except Exception:
            log.exception("internal fault: %s cannot be brought up", self.name)
            self.kill()

    def _start(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        descriptors = [number for door in self._doors for number in (door.udp, door.tcp)]
        # The very code that runs here, wherever the working directory is.
        code = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join(filter(None, (code, os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "resolver.worker", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), *descriptors),
            env={**os.environ, "PYTHONPATH": path},
        )

    def _forget(self) -> None:
        """Nothing is known of a process that is no more."""
        self.channel, self.process = None, None
        self.is_up, self.serving, self.upstreams_down = False, 0, frozenset()
        self.parcels, self.staged, self.networks = {}, None, None
        waiting = [*self._asked.values(), *([self._staging] if self._staging is not None else [])]
        for future in waiting:
            if not future.done():
                future.set_exception(Closed())
                future.exception()  # nobody need look
        self._asked.clear()
        self._staging = None
        self.has_changed.set()
        self._ended(self)

    async def _listen(self, channel: Channel) -> None:
        with contextlib.suppress(Closed):
            while True:
                message = await channel.receive()
                self._heard = time.monotonic()
                self._first_sign.set()
                match message:
                    case Alive():
                        self.upstreams_down = message.upstreams_down
                    case Serving():
                        self.serving = message.number
                        self.has_changed.set()
                    case Staged() if self._staging is not None and not self._staging.done():
                        self._staging.set_result(None)
                    case Told():
                        self._tell(message)

    def _tell(self, told: Told) -> None:
        future = self._asked.pop(told.ident, None)
        if future is not None and not future.done():
            if told.fault is None:
                future.set_result(told.value)
            else:
                future.set_exception(NotAnswering(f"{self.name}: {told.fault}"))

    async def _look_after(self) -> None:
        """End a process that has given no sign of life for too long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._first_sign.wait(), STARTING)
        while (silent := time.monotonic() - self._heard) < self._hung:  # noqa: ASYNC110  # signs of life set no event
            await asyncio.sleep(self._hung - silent)
        self._is_hung = True
        self.kill()

    # ---------------------------------------------------------------- what it is told

    async def stage(self, parcels: sending.Parcels) -> None:
        """Send what is to be served, and wait until it is there; raises Closed."""
        channel = self.channel
        if channel is None:
            raise Closed
        self._staging = staging = asyncio.get_running_loop().create_future()
        for message in sending.stage(self.parcels, parcels):
            channel.send(message)
            await channel.drained()
        await staging
        self.staged = parcels

    async def ask(self, word: str, *arguments: object, patience: float = ASKING) -> Any:
        """Ask something of it; raises NotAnswering."""
        if self.channel is None or not self.serving:
            raise NotAnswering(f"{self.name} is being started")
        ident = next(self._idents)  # never used again: a late reply is nobody's
        future = self._asked[ident] = asyncio.get_running_loop().create_future()
        try:
            self.channel.send(Ask(ident, word, arguments))
            async with asyncio.timeout(patience):
                return await future
        except (TimeoutError, Closed):
            raise NotAnswering(f"{self.name} does not answer") from None
        finally:
            self._asked.pop(ident, None)

    def _has_to_end(self) -> bool:
        return self._is_stopping

    def stop(self) -> None:
        """Have it end; `keep` returns then."""
        self._is_stopping = True
        if self.channel is not None:
            self.channel.send(Stop())

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
