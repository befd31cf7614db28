"""Lines that are written by a thread."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from resolver import linewriter
from resolver.linewriter import LineWriter, _pieces


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Its reading and its writing end."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


async def read_lines(end: int, count: int) -> list[bytes]:
    """So many lines of a pipe."""
    found = b""
    while found.count(b"\n") < count:
        found += await asyncio.to_thread(os.read, end, 65536)
    return found.splitlines()


async def test_lines_are_written_in_order(pipe: tuple[int, int]) -> None:
    """A moment later, and what is left at the end."""
    lost: list[int] = []
    writer = LineWriter(pipe[1], lost.append)
    for number in range(1000):
        writer.put(f"line {number}\n")
    async with asyncio.timeout(10):
        assert await read_lines(pipe[0], 1000) == [b"line %d" % n for n in range(1000)]
    writer.put("last \udcff\n")
    writer.close()
    assert os.read(pipe[0], 100) == b"last \\udcff\n"
    assert lost == []


async def test_a_reader_that_does_not_read_holds_up_nobody(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond the bound is lost and counted."""
    monkeypatch.setattr(linewriter, "MOST_OCTETS", 200_000)
    monkeypatch.setattr(linewriter, "STUCK", 0.01)
    lost: list[int] = []
    writer = LineWriter(pipe[1], lost.append)
    line = "x" * 99 + "\n"
    for _ in range(3000):
        writer.put(line)
    writer.close()
    assert sum(lost) == 1000
    async with asyncio.timeout(10):
        assert len(await read_lines(pipe[0], 2000)) == 2000


async def test_a_reader_that_is_gone_is_survived(pipe: tuple[int, int]) -> None:
    """Its lines are lost."""
    os.close(pipe[0])
    lost: list[int] = []
    writer = LineWriter(pipe[1], lost.append)
    writer.put("one\n")
    writer.put("two\n")
    writer.close()
    assert sum(lost) == 2


def test_what_wrote_nothing_ends_without_a_thread() -> None:
    """Nor needs an event loop."""
    writer = LineWriter(2, lambda _: None)
    writer.close()
    assert writer._thread is None


def test_pieces_are_whole_lines_that_a_pipe_takes_as_one() -> None:
    """So that lines of several processes do not mix."""
    lines = [b"%d " % n + b"x" * (n * 37 % 1500) + b"\n" for n in range(100)]
    pieces = list(_pieces(lines))
    assert b"".join(pieces) == b"".join(lines)
    assert all(piece.endswith(b"\n") and len(piece) <= 4096 for piece in pieces)
    assert list(_pieces([])) == []
