"""Work beside the event loop: in threads that neither delay answers nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

SLICE = 0.0005  # seconds that work in the loop takes before queries have their turn
SWITCH_INTERVAL = 0.00001  # seconds, while long work shares the interpreter with answers

HUMBLE = 10  # niceness of work that must not keep workers from a core

Result = TypeVar("Result")


async def aside(work: Callable[..., Result], *arguments: object) -> Result:
    """Run `work` in a thread of its own and give what it gives or raises.

    Unlike the loop's executor, nobody waits for the thread when the process is to end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def finish(settle: Callable[..., None], value: object) -> None:
        if not future.done():  # whoever waited may have left
            settle(value)

    def run() -> None:
        settle: Callable[..., None] = future.set_result
        try:
            value: object = work(*arguments)
        except Exception as error:  # noqa: BLE001  # given to who waits
            settle, value = future.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, settle, value)

    threading.Thread(target=run, daemon=True).start()
    return await future


def at_once(steps: Iterable[object]) -> None:
    """Do work that comes in steps, in a thread or where nobody waits."""
    deque(steps, maxlen=0)


async def in_turns(steps: Iterable[object]) -> None:
    """Do work that comes in small steps in the loop that answers, between the answers."""
    until = time.monotonic() + SLICE
    for _ in steps:
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE


class _Brisk:
    """While long work shares the interpreter with answers, whoever answers gets it at once.

    May be nested and overlap: the last to leave restores what was usual.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(SWITCH_INTERVAL)
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                sys.setswitchinterval(self._usual)


BRISKLY = _Brisk()
"""The one of this interpreter: it has one switch interval."""


async def beside(work: Callable[..., Result], *arguments: object) -> Result:
    """`aside` for long work."""
    with BRISKLY:
        return await aside(work, *arguments)


def humbly(work: Callable[..., Result], *arguments: object) -> Result:
    """Run `work` in this thread, which gives way to everybody else on this machine from then on.

    For threads of a process that answers nothing: who waits for the interpreter would give way too.
    """
    with contextlib.suppress(OSError, AttributeError):  # on Linux the niceness is the thread's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HUMBLE)
    return work(*arguments)
