"""One worker from one process to the next, with a process that the test plays."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from resolver.admin.operated import NotAnswering
from resolver.channel import Channel, Closed
from resolver.config import load_config
from resolver.generation import Generation
from resolver.member import Member
from resolver.messages import Alive, Ask, Begin, Serving, Settings, Staged, Stop, Told
from resolver.parcel import pack
from tests.support import PATIENCE, ROOT

CONFIG = load_config(None, {}, {})


class Process:
    """A process that lives until it is killed."""

    def __init__(self, theirs: socket.socket) -> None:
        self.end = theirs.dup()
        self.pid = 0

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.end.shutdown(socket.SHUT_RDWR)

    def send_signal(self, number: int) -> None:
        self.kill()

    def wait(self) -> int:
        return -9


class Played:
    """A member, and the processes that are started for it."""

    def __init__(self, hung: float = PATIENCE) -> None:
        self.started: asyncio.Queue[Process] = asyncio.Queue()
        self.opened: list[Channel | socket.socket] = []
        self.brought_up = self.ended = 0
        self.member = Member(lambda d: Settings(1, 1, CONFIG, d), (), self.bring, self.note, hung)
        self.member._start = self.start  # type: ignore[assignment, method-assign]  # plays subprocess.Popen

    def start(self, theirs: socket.socket) -> Process:
        process = Process(theirs)
        self.opened.append(process.end)
        self.started.put_nowait(process)
        return process

    async def bring(self, member: Member) -> None:
        self.brought_up += 1

    def note(self, member: Member) -> None:
        self.ended += 1

    async def next(self) -> tuple[Process, Channel]:
        """The process that is started next, which has been told what it is."""
        process = await self.started.get()
        channel = await Channel.over(process.end)
        self.opened.append(channel)
        assert isinstance(await channel.receive(), Settings)
        channel.send(Alive())
        return process, channel


@contextlib.asynccontextmanager
async def keeping(**options: Any) -> AsyncIterator[Played]:
    played = Played(**options)
    keeping = asyncio.create_task(played.member.keep())
    try:
        async with asyncio.timeout(PATIENCE):
            yield played
            played.member.stop()
            played.member.kill()
            await keeping
    finally:
        keeping.cancel()
        for end in reversed(played.opened):
            end.close()


async def answer(channel: Channel, *replies: tuple[Any, str | None]) -> list[Ask]:
    """Answer what is asked next."""
    asked = []
    for value, fault in replies:
        ask = await channel.receive()
        asked.append(ask)
        channel.send(Told(ask.ident, value, fault))
    return asked


async def serving(played: Played, channel: Channel, number: int) -> None:
    channel.send(Serving(number))
    while played.member.serving != number:
        await played.member.has_changed.wait()
        played.member.has_changed.clear()


async def test_another_takes_its_place_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """And is told everything again."""
    async with keeping() as played:
        for count in (1, 2):
            process, channel = await played.next()
            await serving(played, channel, 7)
            assert played.brought_up == count
            process.kill()
            while played.member.serving:
                await played.member.has_changed.wait()
                played.member.has_changed.clear()
        await played.next()
        assert (played.member.restarts, played.ended) == (2, 2)
    assert "worker 1 was ended by signal 9: another takes its place" in caplog.text


async def test_one_that_ends_again_and_again_is_given_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer each time, within a bound; it is said."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    played = Played()
    attempts = 0

    async def live() -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 9:
            played.member.stop()
        return "ended with 1"

    monkeypatch.setattr(played.member, "_live", live)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await played.member.keep()
    assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])
    assert "worker 1 has ended 8 times in a row" in caplog.text


async def test_one_that_cannot_be_started_is_tried_again() -> None:
    """Such as when there is no memory for a process."""
    played = Played()

    def refuse(theirs: socket.socket) -> Any:
        raise OSError(12, "Cannot allocate memory")

    played.member._start = refuse  # type: ignore[method-assign]  # plays subprocess.Popen
    assert "Cannot allocate memory" in await played.member._live()


async def test_what_is_asked_is_answered() -> None:
    """Each answer to its question; what went wrong is told in words."""
    async with keeping() as played:
        with pytest.raises(NotAnswering, match="is being started"):
            await played.member.ask("figures")
        _, channel = await played.next()
        await serving(played, channel, 1)
        answering = asyncio.create_task(answer(channel, (5, None), (None, "no such thing")))
        assert await played.member.ask("figures") == 5
        with pytest.raises(NotAnswering, match="worker 1: no such thing"):
            await played.member.ask("know", 1, 2)
        assert [(ask.word, ask.arguments) for ask in await answering] == [
            ("figures", ()),
            ("know", (1, 2)),
        ]


async def test_who_asks_one_that_ends_does_not_wait() -> None:
    """Nor who asks one that says nothing; what it says later is nobody's."""
    async with keeping() as played:
        process, channel = await played.next()
        await serving(played, channel, 1)
        with pytest.raises(NotAnswering, match="does not answer"):
            await played.member.ask("figures", patience=0.01)
        late = await channel.receive()
        channel.send(Told(late.ident, 5, None))
        asking = asyncio.create_task(played.member.ask("figures"))
        await channel.receive()
        process.kill()
        with pytest.raises(NotAnswering, match="does not answer"):
            await asking


async def test_staging_waits_until_it_is_there(generation: Callable[..., Generation]) -> None:
    """And ends with the process."""
    parcels = {name: pack(space) for name, space in generation().namespaces.items()}
    async with keeping() as played:
        process, channel = await played.next()
        staging = asyncio.create_task(played.member.stage(parcels))
        assert isinstance(await channel.receive(), Begin)
        while not isinstance(await channel.receive(), Staged):
            assert not staging.done()
        channel.send(Staged())
        await staging
        assert played.member.staged is parcels
        staging = asyncio.create_task(played.member.stage(parcels))
        await channel.receive()
        process.kill()
        with pytest.raises(Closed):
            await staging


async def test_one_without_a_sign_of_life_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    """Signs of life count from the first one."""
    async with keeping(hung=0.05) as played:
        await played.next()
        _, channel = await played.next()
        channel.send(Alive())
    assert "worker 1 gave no sign of life for 0.05 s: another takes its place" in caplog.text


async def test_a_fault_while_it_is_brought_up_ends_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would answer from something else than the rest."""

    async def fail(member: Member) -> None:
        if played.started.empty() and not caplog.records:
            raise RuntimeError("odd")

    async with keeping() as played:
        monkeypatch.setattr(played.member, "_bring_up", fail)
        with caplog.at_level(logging.ERROR):
            await played.next()
            await played.next()
    assert "worker 1 cannot be brought up" in caplog.text


async def test_it_is_asked_to_end() -> None:
    """And no other is started."""
    async with keeping() as played:
        process, channel = await played.next()
        played.member.stop()
        assert isinstance(await channel.receive(), Stop)
        process.kill()
    assert played.started.empty()
    assert played.member.restarts == 0


def test_the_very_code_that_runs_here_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the working directory holds."""
    seen: dict[str, Any] = {}

    def popen(command: list[str], **options: Any) -> None:
        seen.update(options, command=command)

    monkeypatch.setattr(subprocess, "Popen", popen)
    ours, theirs = socket.socketpair()
    member = Member(lambda d: Settings(1, 1, CONFIG, d), (), Played().bring, Played().note)
    member._start(theirs)
    assert seen["command"][1:4] == ["-P", "-m", "resolver.worker"]
    assert seen["pass_fds"] == (theirs.fileno(),)
    assert seen["env"]["PYTHONPATH"].split(":")[0] == str(ROOT)
    ours.close()
    theirs.close()
