"""Frame streams: handshake, frames, reconnection, and what is lost."""

import asyncio
import logging
from pathlib import Path

import pytest

from resolver import framestream
from resolver.dnstap import CONTENT_TYPE
from resolver.framestream import BadFrame, FrameStream, control_frame, read_control
from tests import tapped
from tests.tapped import Reader, control, reading

FRAMES = [b"one", b"two" * 1000, b"three"]


class Lost:
    """Counts what is lost."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, count: int) -> None:
        self.count += count


def stream_to(path: Path, lost: Lost | None = None) -> FrameStream:
    """One that tries again soon."""
    return FrameStream(str(path), CONTENT_TYPE, lost or Lost(), retry=0.01)


async def test_frames_arrive_between_start_and_stop(tmp_path: Path) -> None:
    """The whole of the bidirectional protocol."""
    async with reading(tmp_path / "tap") as reader:
        stream, lost = stream_to(reader.path), Lost()
        stream.start()
        for frame in FRAMES:
            stream.put(frame)
        await reader.until(frames=3)
        stream.put(b"last")
        await stream.stop(5.0)
        await reader.until(frames=4, controls=3)
    assert reader.frames == [*FRAMES, b"last"]
    said = [read_control(octets) for octets in reader.controls]
    assert said == [(tapped.READY, [CONTENT_TYPE]), (tapped.START, [CONTENT_TYPE]), (3, [])]
    assert lost.count == 0


async def test_what_comes_before_anybody_is_there_waits(tmp_path: Path) -> None:
    """A reader that is started later gets it; another one after it has gone gets the rest."""
    stream, lost = stream_to(tmp_path / "tap"), Lost()
    stream.start()
    stream.put(b"early")
    for number in range(3):
        async with reading(tmp_path / "tap") as reader:
            stream.put(b"%d" % number)
            await reader.until(frames=1 + (number == 0))
            assert reader.frames[-1] == b"%d" % number
    await stream.stop(0.1)
    assert lost.count == 0


async def test_that_nobody_is_there_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And that somebody is."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "tap"
    stream = stream_to(path)
    stream.start()
    reader = Reader(path, accepts=control(tapped.ACCEPT, b"something else"))
    await reader.listen()
    await reader.until(controls=3)  # three attempts
    reader.accepts = control(tapped.ACCEPT)  # whatever it is
    stream.put(b"frame")
    await reader.until(frames=1)
    await stream.stop(5.0)
    await reader.close()
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith(f"dnstap: nobody takes messages at {path}: ")
    assert caplog.messages[1] == f"dnstap: messages go to {path}"


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad", control(5), bytes(4) + b"\xff" * 4])
async def test_whoever_speaks_something_else_is_left(said: bytes, tmp_path: Path) -> None:
    """And asked again later."""
    async with reading(tmp_path / "tap") as reader:
        reader.accepts = said
        stream = stream_to(reader.path)
        stream.start()
        await reader.until(controls=2)
        assert reader.connections >= 2
        await stream.stop(5.0)
    assert reader.frames == []


async def test_a_reader_that_does_not_read_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond the bound is lost and counted; the rest arrives when it reads on."""
    monkeypatch.setattr(framestream, "MOST_FRAMES", 10)
    lost = Lost()
    async with reading(tmp_path / "tap") as reader:
        stream = stream_to(reader.path, lost)
        stream.start()
        await reader.until(controls=2)
        reader.is_reading.clear()
        sent = 0
        while lost.count < 100:  # the sockets' buffers are full, and then ours
            stream.put(bytes(50_000))
            sent += 1
            await asyncio.sleep(0)
            if sent % 10 == 0:
                stream._wake()
        assert stream._octets <= 10 * 50_000
        reader.is_reading.set()
        await reader.until(frames=sent - lost.count)
        await stream.stop(5.0)
    assert len(reader.frames) == sent - lost.count


async def test_memory_is_bounded_in_octets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody is there; at the end all of it is lost."""
    monkeypatch.setattr(framestream, "MOST_OCTETS", 1000)
    lost = Lost()
    stream = stream_to(tmp_path / "tap", lost)
    stream.start()
    for _ in range(100):
        stream.put(bytes(100))
    assert lost.count == 90
    await stream.stop(0.0)
    assert lost.count == 100


def test_control_frames_are_read_as_written() -> None:
    """Octet by octet as the specification has them."""
    assert control_frame(4, b"abc") == control(4, b"abc")
    assert control_frame(3) == control(3)
    assert read_control(control_frame(4, b"abc")[8:]) == (4, [b"abc"])
    assert read_control(control(1, b"a", b"b")[8:]) == (1, [b"a", b"b"])
    for broken in (
        control(1, b"abc")[8:-1],
        control(1, b"abc")[8:14],
        b"\0\0\0\1\0\0\0\2" + bytes(4),
    ):
        with pytest.raises(BadFrame):
            read_control(broken)
