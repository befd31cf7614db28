"""One timer for many waiters."""

import asyncio
import time

from healthcheck.alarm import GRAIN, Alarm


async def test_everyone_is_woken_when_due_and_in_order() -> None:
    """Whatever order they came in; never early by more than a tick."""
    alarm, loop = Alarm(time.monotonic), asyncio.get_running_loop()
    begin = time.monotonic()
    woken: list[tuple[int, float]] = []

    async def wait(number: int) -> None:
        waiter: asyncio.Future[None] = loop.create_future()
        alarm.wake(waiter, begin + number * 3 * GRAIN)
        await waiter
        woken.append((number, time.monotonic() - begin))

    async with asyncio.timeout(5):
        await asyncio.gather(wait(3), wait(1), wait(2))
    assert [number for number, _ in woken] == [1, 2, 3]
    assert all(at >= number * 3 * GRAIN - 0.001 for number, at in woken)


async def test_what_is_over_is_forgotten() -> None:
    """A cancelled waiter stays nobody's burden."""
    alarm, loop = Alarm(time.monotonic), asyncio.get_running_loop()
    gone: asyncio.Future[None] = loop.create_future()
    kept: asyncio.Future[None] = loop.create_future()
    alarm.wake(gone, time.monotonic() + 3600)
    gone.cancel()
    alarm.forget_done()
    assert not alarm._heap
    alarm.wake(kept, time.monotonic())
    async with asyncio.timeout(5):
        await kept
