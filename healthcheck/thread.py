"""A thread with an event loop of its own, so that probing never stands in the way of answers.

What other threads want of it crosses over by `call`, `run` and `post`. It shows that it lives by
`beat`; whoever waits for it when it dies is told.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

BEAT_EVERY = 0.5  # seconds
GRACE = 1.0  # seconds for the loop's tasks to end when it is stopped

log = logging.getLogger("sightline")

Result = TypeVar("Result")
Answer = concurrent.futures.Future[Any]
"""What one call comes to, on its way back; Any, as the loop carries every type at once."""


class NotRunning(Exception):
    """The thread was not started, or has ended."""


class CheckerThread:
    """An event loop in a daemon thread: nobody waits for it when the process is to end."""

    def __init__(self, name: str = "checker") -> None:
        self.beat = time.monotonic()
        """The last sign of life of the loop, on the monotonic clock."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._lock = threading.Lock()  # of `_loop` and `_waited`
        self._waited: set[Answer] = set()

    @property
    def is_alive(self) -> bool:
        """Whether it runs; one that hangs does: see `beat`."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start it, once; what is called from now on is run."""
        self._loop = asyncio.new_event_loop()
        self.beat = time.monotonic()
        self._loop.call_soon(self._show_life, self._loop)
        self._thread.start()

    async def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function in the checker's loop, and give what it gives or raises.

        Raises NotRunning, also when the thread ends meanwhile.
        """

        def answer_now(answer: Answer) -> None:
            if answer.done() or not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(function(*arguments))
            except Exception as error:  # noqa: BLE001  # given to who waits
                _settle(answer, error)

        result: Result = await self._cross(answer_now)
        return result

    async def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the checker's loop, and give what it gives or raises.

        It is cancelled with its caller. Raises NotRunning, also when the thread ends meanwhile.
        """

        def begin(answer: Answer) -> None:
            if answer.done():
                coroutine.close()
                return
            loop = asyncio.get_running_loop()
            task = loop.create_task(coroutine)
            task.add_done_callback(lambda ended: _pass_on(ended, answer))
            answer.add_done_callback(lambda answer: _cancel_with(answer, task, loop))

        try:
            result: Result = await self._cross(begin)
        except NotRunning:
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
            raise
        return result

    def post(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a function in the checker's loop, without waiting; dropped if it is not running."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self, timeout: float) -> bool:
        """End it; wait `timeout` seconds at most. Gives whether it has ended."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.is_alive

    # ------------------------------------------------------------ crossing over

    async def _cross(self, begin: Callable[[Answer], None]) -> Any:
        answer: Answer = concurrent.futures.Future()
        with self._lock:
            if self._loop is None:
                raise NotRunning("the checker is not running")
            self._waited.add(answer)
            self._loop.call_soon_threadsafe(begin, answer)
        try:
            return await asyncio.wrap_future(answer)
        finally:
            self._waited.discard(answer)

    # ------------------------------------------------------------ in the thread

    def _run(self) -> None:
        loop = self._loop
        assert loop is not None  # `start` made it
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        except BaseException:
            log.critical("the checker's thread died", exc_info=True)
        finally:
            self._close(loop)

    def _show_life(self, loop: asyncio.AbstractEventLoop) -> None:
        self.beat = time.monotonic()
        loop.call_later(BEAT_EVERY, self._show_life, loop)

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._loop = None
            waited = self._waited.copy()
        # Before the tasks are cancelled: to be cancelled is not what their callers asked for.
        for answer in waited:
            _settle(answer, NotRunning("the checker has ended"))
        try:
            _cancel_all(loop)
        except BaseException:
            log.critical("the checker's thread ended badly", exc_info=True)
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE))
    loop.run_until_complete(loop.shutdown_asyncgens())


def _settle(answer: Answer, error: BaseException) -> None:
    with contextlib.suppress(concurrent.futures.InvalidStateError):  # whoever waited has left
        answer.set_exception(error)


def _cancel_with(answer: Answer, task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Cancel a task whose caller was; in the caller's thread."""
    if answer.cancelled():
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(task.cancel)


def _pass_on(task: asyncio.Task[Any], answer: Answer) -> None:
    """Give back what a task came to."""
    if task.cancelled():
        _settle(answer, NotRunning("cancelled in the checker"))
    elif (error := task.exception()) is not None:
        _settle(answer, error)
    else:
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # whoever waited has left
            answer.set_result(task.result())
