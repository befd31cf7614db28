"""The checker's thread is looked after: it may end, die or hang, and checking goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from healthcheck.check import CheckedBy, Timing
from healthcheck.health import DeclaredState, HealthTable, State, Target
from healthcheck.kinds.http import HttpCheck
from healthcheck.use import Use
from resolver import checking as subject
from resolver.checking import Checking
from resolver.config import load_config
from tests.healthcheck.made import use
from tests.network.backends import Backend, backends, until
from tests.support import PATIENCE

ONE, TWO = "127.0.26.1", "127.0.26.2"
TIMING = Timing(interval=0.2, fast_interval=0.1, timeout=0.1, fall=2, rise=2)
Log = pytest.LogCaptureFixture


class Heard:
    """What a checker said, in the loop that it was started from."""

    def __init__(self) -> None:
        self.table = HealthTable()
        self.changed: list[frozenset[Target]] = []
        self.threads: set[int] = set()

    def receive(self, table: HealthTable, changed: frozenset[Target]) -> None:
        """Take what was published."""
        self.table = table
        self.changed.append(changed)
        self.threads.add(threading.get_ident())

    def state(self, meant: Use) -> State:
        """The state of a target."""
        return self.table.of(meant.target, is_checked=True).state


def uses_of(made: list[Backend]) -> list[Use]:
    """One use of each backend."""
    check = CheckedBy(HttpCheck(port=made[0].port), TIMING)
    return [use(f"web.dev.east/{b.host}", b.host, check) for b in made]


@contextlib.asynccontextmanager
async def checking(
    uses: list[Use], said: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Checking, Heard]]:
    """A checker in its thread, after its first round."""
    heard = Heard()
    config = load_config(None, {}, said or {})
    made = Checking(config, heard.receive)
    await made.start(uses)
    try:
        await made.first_round()
        yield made, heard
    finally:
        await made.stop()


@pytest.fixture
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that tests take no seconds."""
    monkeypatch.setattr(subject, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(subject, "HUNG", 1.0)
    monkeypatch.setattr(subject, "HANDOVER", 0.1)


async def test_the_first_round_has_arrived_when_it_is_over() -> None:
    """In the loop of who asked; every observation of it."""
    async with backends(ONE, TWO) as made:
        made[1].mode = "500"
        first, second = uses_of(made)
        async with checking([first, second]) as (_, heard):
            assert (heard.state(first), heard.state(second)) == (State.UP, State.DOWN)
            assert heard.threads == {threading.get_ident()}


async def test_a_first_round_that_hangs_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Longer than is bearable at a start."""
    monkeypatch.setattr(subject, "FIRST_ROUND", 0.2)
    async with backends(ONE) as made:
        made[0].mode = "hang"
        check = CheckedBy(HttpCheck(port=made[0].port), Timing(interval=60.0, timeout=50.0))
        (one,) = [use("web.dev.east/one", ONE, check)]
        async with checking([one]) as (_, heard):
            assert heard.state(one) is State.UNKNOWN


async def test_states_are_saved_at_the_end(tmp_path: Path) -> None:
    """And known at once to who starts next, with the overrides."""
    async with backends(ONE, TWO) as made:
        made[1].mode = "500"
        first, second = uses_of(made)
        said = {"state_dir": str(tmp_path)}
        async with checking([first, second], said) as (one, _):
            reason = ("disk", "ann", None)
            await one.call(one.checker.set_override, [first.endpoint], DeclaredState.DRAIN, *reason)
        heard = Heard()
        again = Checking(load_config(None, {}, said), heard.receive)
        await again.start([first, second])
        assert heard.state(second) is State.DOWN
        assert heard.table.of(first.target).override is DeclaredState.DRAIN
        await again.stop()


async def test_without_probing_everything_is_up(caplog: Log) -> None:
    """Nothing is sent, and the log says so."""
    async with backends(ONE) as made:
        made[0].mode = "500"
        (one,) = uses_of(made)
        async with checking([one], {"checks.probe": "false"}) as (_, heard):
            assert heard.state(one) is State.UP
        assert made[0].connections == 0
    assert "probe: false" in caplog.text


@pytest.mark.usefixtures("look_often")
async def test_a_checker_that_ends_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    """States stay, and what happened meanwhile is seen."""
    async with backends(ONE, TWO) as made:
        made[1].mode = "500"
        first, second = uses_of(made)
        async with checking([first, second]) as (found, heard):
            sweep = found.checker.sweep

            async def fail() -> None:
                monkeypatch.setattr(found.checker, "_sweep_on", sweep_on)
                raise LookupError("so it is")

            sweep_on = found.checker._sweep_on
            monkeypatch.setattr(found.checker, "_sweep_on", fail)
            # The sweep under way ends in a way that no sweep survives.
            monkeypatch.setattr(found.checker, "sweep", _cancel_once(sweep, found, monkeypatch))
            await until(lambda: "it is started again" in caplog.text)
            assert (heard.state(first), heard.state(second)) == (State.UP, State.DOWN)
            made[0].mode, made[1].mode = "500", "ok"
            await until(lambda: heard.state(first) is State.DOWN)
            await until(lambda: heard.state(second) is State.UP)
    assert "LookupError: so it is" in caplog.text


def _cancel_once(
    sweep: Callable[[], None], found: Checking, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """A sweep that cancels the task in which it runs, once."""

    def cancel() -> None:
        monkeypatch.setattr(found.checker, "sweep", sweep)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    return cancel


def die() -> None:
    """End the thread's loop as nothing else does."""
    raise SystemExit(3)


@pytest.mark.usefixtures("look_often")
async def test_a_thread_that_dies_is_replaced(caplog: Log) -> None:
    """With the targets of a reload that came while there was none."""
    caplog.set_level(logging.WARNING)
    async with backends(ONE, TWO) as made:
        first, second = uses_of(made)
        async with checking([first]) as (found, heard):
            died = found._thread
            died.post(die)
            await until(lambda: not died.is_alive)
            assert heard.state(first) is State.UP
            await found.use([first, second])
            await until(lambda: heard.state(second) is State.UP)
            made[0].kill()
            await until(lambda: heard.state(first) is State.DOWN)
            assert found._thread is not died
    assert "another is started" in caplog.text


@pytest.mark.usefixtures("look_often")
async def test_a_thread_that_hangs_is_told_of(caplog: Log) -> None:
    """What it left is served on, reloads go on, and it catches up when it moves again."""
    async with backends(ONE, TWO) as made:
        first, second = uses_of(made)
        async with checking([first]) as (found, heard):
            goes_on = threading.Event()
            found._thread.post(goes_on.wait, PATIENCE)
            try:
                await until(lambda: found.trouble is not None)
                assert "no sign of life" in (found.trouble or "")
                async with asyncio.timeout(1.0):
                    await found.use([first, second])
                assert heard.state(first) is State.UP
                assert heard.state(second) is State.UNKNOWN
            finally:
                goes_on.set()
            await until(lambda: found.trouble is None)
            await until(lambda: heard.state(second) is State.UP)
    assert "health checks go on" in caplog.text


async def test_what_a_checker_refuses_is_raised() -> None:
    """An endpoint that it does not know."""
    async with backends(ONE) as made, checking(uses_of(made)) as (found, _):
        with pytest.raises(KeyError, match=r"web\.dev\.east/none"):
            await found.call(found.checker.resume, ["web.dev.east/none"])
