"""Crossing to the checker's thread and back."""

import asyncio
import contextlib
import gc
import logging
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from healthcheck.thread import BEAT_EVERY, CheckerThread, NotRunning
from tests.support import PATIENCE


@contextlib.contextmanager
def running() -> Iterator[CheckerThread]:
    """A thread, which ends with the test."""
    thread = CheckerThread()
    thread.start()
    try:
        yield thread
    finally:
        assert thread.stop(PATIENCE)


def die() -> None:
    raise SystemExit(3)


async def test_a_call_comes_back_from_another_thread() -> None:
    """With what the function gave."""
    with running() as thread:
        async with asyncio.timeout(PATIENCE):
            name = await thread.call(lambda: threading.current_thread().name)
            assert name == "checker"
            assert await thread.call(divmod, 7, 2) == (3, 1)
            assert threading.current_thread().name != "checker"


async def test_what_a_call_raises_is_raised_to_its_caller() -> None:
    """And the thread goes on."""
    with running() as thread:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ZeroDivisionError):
                await thread.call(divmod, 1, 0)
            assert await thread.call(abs, -1) == 1


async def test_a_coroutine_runs_in_the_loop_of_the_thread() -> None:
    """And the caller's loop goes on meanwhile."""

    async def look(fails: bool) -> int:
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is not here
        if fails:
            raise LookupError("so it is")
        return threading.get_ident()

    here = asyncio.get_running_loop()
    with running() as thread:
        async with asyncio.timeout(PATIENCE):
            assert await thread.run(look(False)) != threading.get_ident()
            with pytest.raises(LookupError, match="so it is"):
                await thread.run(look(True))


async def test_a_coroutine_is_cancelled_with_its_caller() -> None:
    """So that nothing is left behind in the thread."""
    began, ended = threading.Event(), threading.Event()

    async def hang() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with running() as thread:
        waiting = asyncio.create_task(thread.run(hang()))
        await asyncio.to_thread(began.wait, PATIENCE)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.to_thread(ended.wait, PATIENCE)


async def test_what_cancels_itself_in_the_thread_does_not_cancel_its_caller() -> None:
    """To be cancelled is a word of the caller's own loop."""

    async def give_up() -> None:
        raise asyncio.CancelledError

    with running() as thread:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(NotRunning):
                await thread.run(give_up())


async def test_posts_are_done_in_turn() -> None:
    """Nobody waits for them."""
    done: list[int] = []
    with running() as thread:
        for number in range(100):
            thread.post(done.append, number)
        assert await thread.call(done.copy) == [*range(100)]


async def test_a_post_that_raises_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; the thread goes on."""
    with running() as thread:
        thread.post(divmod, 1, 0)
        assert await thread.call(abs, -1) == 1
    assert "ZeroDivisionError" in caplog.text


async def test_subprocesses_run_in_the_thread() -> None:
    """Commands are one kind of check."""

    async def command() -> bytes:
        words = (sys.executable, "-c", "print('hello')")
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        assert process.returncode == 0
        return printed

    with running() as thread:
        async with asyncio.timeout(PATIENCE):
            assert await thread.run(command()) == b"hello\n"


async def test_it_beats_while_it_lives_and_not_while_it_hangs() -> None:
    """So that others see it from outside."""
    with running() as thread:
        first = thread.beat
        hung, go_on = threading.Event(), threading.Event()

        def hang() -> None:
            hung.set()
            go_on.wait(PATIENCE)

        beats: asyncio.Queue[float] = asyncio.Queue()
        watch_beats(thread, beats)
        async with asyncio.timeout(PATIENCE):
            while await beats.get() == first:
                pass
        assert time.monotonic() - thread.beat < 3 * BEAT_EVERY
        thread.post(hang)
        assert await asyncio.to_thread(hung.wait, PATIENCE)
        before = thread.beat
        async with asyncio.timeout(PATIENCE):
            until = time.monotonic() + 1.2 * BEAT_EVERY
            while time.monotonic() < until:
                await beats.get()
        assert thread.is_alive
        assert thread.beat == before
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            while await beats.get() == before:
                pass


def watch_beats(thread: CheckerThread, beats: asyncio.Queue[float]) -> None:
    """Put what `beat` is into a queue, 50 times a second, as long as it lives."""
    beats.put_nowait(thread.beat)
    if thread.is_alive:
        asyncio.get_running_loop().call_later(0.02, watch_beats, thread, beats)


async def test_who_waits_when_it_is_stopped_is_told() -> None:
    """And what it waited for is cancelled."""
    began, ended = threading.Event(), threading.Event()

    async def hang() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with running() as thread:
        waiting = asyncio.create_task(thread.run(hang()))
        await asyncio.to_thread(began.wait, PATIENCE)
    assert ended.is_set()
    assert not thread.is_alive
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(NotRunning):
            await waiting


async def test_what_is_not_running_says_so() -> None:
    """Before its start and after its end; posts are dropped, no coroutine is forgotten."""

    async def nothing() -> None:
        raise AssertionError("this was run")

    never, ended = CheckerThread(), CheckerThread()
    ended.start()
    assert ended.stop(PATIENCE)
    for thread in (never, ended):
        assert not thread.is_alive
        with pytest.raises(NotRunning):
            await thread.call(abs, 1)
        with pytest.raises(NotRunning):
            await thread.run(nothing())
        thread.post(die)
        assert thread.stop(0)
    gc.collect()  # "was never awaited" would be an error


@pytest.mark.parametrize("way", ["post", "call", "run"])
async def test_a_death_is_told_to_the_log_and_to_who_waits(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as SystemExit in a callback: with the traceback."""

    async def die_later() -> None:
        die()

    with caplog.at_level(logging.CRITICAL), running() as thread:
        waiting = asyncio.create_task(thread.run(asyncio.Event().wait()))
        await thread.call(abs, 1)
        async with asyncio.timeout(PATIENCE):
            if way == "post":
                thread.post(die)
            else:
                with pytest.raises(NotRunning):
                    await (thread.call(die) if way == "call" else thread.run(die_later()))
            with pytest.raises(NotRunning):
                await waiting
        assert await asyncio.to_thread(thread.stop, PATIENCE)
    assert "the checker's thread died" in caplog.text
    assert "in die" in caplog.text


async def test_what_was_asked_behind_a_death_is_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    """Its caller is told all the same."""
    began: list[str] = []

    async def look() -> None:
        began.append("look")

    hung, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hung.set()
        go_on.wait(PATIENCE)
        die()

    with running() as thread:
        thread.post(hang)
        assert await asyncio.to_thread(hung.wait, PATIENCE)
        waiting = [thread.run(look()), thread.call(began.append, "call")]
        tasks = [asyncio.create_task(each) for each in waiting]
        await asyncio.sleep(0)
        go_on.set()
        async with asyncio.timeout(PATIENCE):
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, NotRunning)
    assert began == []
    gc.collect()  # "was never awaited" would be an error
    assert "destroyed" not in caplog.text


def test_it_runs_without_a_loop_in_the_main_thread() -> None:
    """Tools of the command line have none; a call by `asyncio.run` is enough."""
    with running() as thread:
        assert asyncio.run(thread.call(abs, -3)) == 3
