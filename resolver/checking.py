"""The checker beside the answers: its thread, and the way of its words to the server's loop.

Probing runs in a thread of its own. Its publications arrive here, in order, in the loop that
answers; somebody looks after the thread, so that checking never dies silently.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from healthcheck.checker import Checker
from healthcheck.health import HealthTable, Target
from healthcheck.slots import affordable
from healthcheck.thread import CheckerThread, NotRunning
from healthcheck.use import Use
from resolver.admin.operated import NotAnswering
from resolver.config import ServerConfig

FIRST_ROUND = 3.0  # seconds at most that `ready` waits for it
HUNG = 10.0  # seconds without a sign of life
LOOK_EVERY = 1.0
HANDOVER = 5.0  # seconds that a reload waits for the checker to take its targets
STOPPING = 1.0  # seconds for saving states at the end

Receive = Callable[[HealthTable, frozenset[Target]], None]

log = logging.getLogger("sightline.health")


class Checking:
    """A checker in its thread. `receive(table, changed)` is called in the loop that starts it."""

    def __init__(self, config: ServerConfig, receive: Receive) -> None:
        state_dir = Path(config.state_dir) if config.state_dir is not None else None
        self.checker = Checker(
            self._bring,
            state_dir,
            probe=config.checks.probe,
            in_flight=affordable(config.checks.in_flight),
        )
        self.trouble: str | None = None
        self._is_probing = config.checks.probe
        self._receive = receive
        self._thread = CheckerThread()
        self._loop: asyncio.AbstractEventLoop
        self._tasks: list[asyncio.Task[None]] = []
        self._uses: Iterable[Use] = ()

    async def start(self, uses: Iterable[Use]) -> None:
        """Begin to probe. What is known at once (saved states, overrides) has arrived after."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._uses = uses
        await self._thread.call(self.checker.use, uses)
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._look_after())]
        if not self._is_probing:
            log.warning("checks: probe: false: every endpoint is assumed up")

    async def first_round(self) -> None:
        """Wait until every target was tried once, for a few seconds at most."""
        with contextlib.suppress(TimeoutError, NotRunning):
            async with asyncio.timeout(FIRST_ROUND):
                await self._thread.run(self.checker.first_round())

    async def use(self, uses: Iterable[Use]) -> None:
        """Take the targets of a new generation; a checker that hangs takes them later."""
        self._uses = uses
        telling = asyncio.create_task(self._tell(uses))
        # Not awaited to the end: nothing else would be reloaded while the checker hangs.
        await asyncio.wait({telling}, timeout=HANDOVER)

    async def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a method of the checker where it lives; what it publishes arrives before the end.

        Raises NotAnswering when it hangs; what was asked may still be done later.
        """
        try:
            async with asyncio.timeout(HANDOVER):
                await self._thread.call(function, *arguments)
        except (TimeoutError, NotRunning):
            raise NotAnswering("health checks hang: ask again, and look at the states") from None

    async def stop(self) -> None:
        """End probing; states are saved."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.stop, STOPPING)

    def _bring(self, table: HealthTable, changed: frozenset[Target]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._receive, table, changed)

    async def _tell(self, uses: Iterable[Use]) -> None:
        try:
            await self._thread.call(self.checker.use, uses)
        except NotRunning:
            pass  # the thread that follows is told
        except Exception:
            log.exception("internal fault: the checker did not take its targets")

    async def _keep(self) -> None:
        """Keep the checker running, whatever ends it."""
        while True:
            try:
                await self._thread.run(self.checker.run())
            except NotRunning:
                log.warning("the checker's thread ended: another is started")
                await self._start_another()
            except Exception:
                log.exception("the checker ended: it is started again")
            await asyncio.sleep(LOOK_EVERY)

    async def _start_another(self) -> None:
        self._thread.stop(0)  # it may live, if its task alone was ended
        self._thread = CheckerThread()
        self._thread.start()
        await self._tell(self._uses)

    async def _look_after(self) -> None:
        """Say loudly when the thread hangs; the states that it left are served on."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            silent = time.monotonic() - self._thread.beat
            trouble = f"health checks hang: no sign of life for {HUNG:g} s"
            if silent > HUNG and self.trouble is None:
                self.trouble = trouble
                log.error("%s", trouble)
            elif silent <= HUNG and self.trouble is not None:
                self.trouble = None
                log.warning("health checks go on")
