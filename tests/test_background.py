"""Work beside the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from resolver.background import BRISKLY, SWITCH_INTERVAL, aside, beside, humbly


async def test_what_it_gives_is_given() -> None:
    """With its arguments, from another thread."""
    assert await aside(lambda a, b: (a + b, threading.current_thread().daemon), 1, 2) == (3, True)


async def test_what_it_raises_is_raised() -> None:
    """For who waits, not for the thread."""
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 / 0)


async def test_long_work_lets_others_in_at_once() -> None:
    """The interpreter's switch interval is short meanwhile, and as before afterwards."""
    usual = sys.getswitchinterval()
    assert await beside(sys.getswitchinterval) == pytest.approx(SWITCH_INTERVAL)
    assert sys.getswitchinterval() == usual


async def test_long_works_may_overlap() -> None:
    """The last to end restores what was usual."""
    usual = sys.getswitchinterval()
    with BRISKLY:
        assert await beside(sys.getswitchinterval) == pytest.approx(SWITCH_INTERVAL)
        assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    assert sys.getswitchinterval() == usual


def test_the_end_does_not_wait_for_it() -> None:
    """A reload under way must not hold up SIGTERM."""
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        ended.set()

    async def leave() -> None:
        task = asyncio.create_task(aside(work))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    assert not ended.is_set()
    release.set()
    assert ended.wait(10)


async def test_humble_work_gives_way_and_nobody_else() -> None:
    """The niceness is that of the thread which does it."""
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    theirs = await aside(humbly, lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert (theirs, os.getpriority(os.PRIO_PROCESS, 0)) == (max(mine, 10), mine)
