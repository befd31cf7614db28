"""Lines for a descriptor, written by a thread: whoever has them never waits for whoever reads them.

What is not written yet is bounded; beyond that, lines are lost and counted.
"""

from __future__ import annotations

import asyncio
import os
import queue
import select
import threading
from collections.abc import Callable, Iterator

MOST_OCTETS = 4 * 1024 * 1024  # that wait to be written
TOGETHER = 0.02  # seconds: what comes within them is handed over at once
WHOLE = 4096  # octets that a pipe takes as one (PIPE_BUF), so that lines of processes do not mix
STUCK = 0.5  # seconds that the end waits for a reader


class LineWriter:
    """Of one event loop, where it is used."""

    def __init__(self, descriptor: int, lost: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._lost = lost  # told how many lines
        self._lines: list[bytes] = []
        self._batches: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._taken = 0  # octets, since the start
        self._thread: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told = 0
        # Of the thread:
        self._written = 0  # octets, or given up
        self._failed = 0  # lines

    def put(self, line: str) -> None:
        """Write a line, given with its end."""
        octets = line.encode("utf-8", "backslashreplace")
        if self._taken + len(octets) - self._written > MOST_OCTETS:
            self._lost(1)
            return
        self._taken += len(octets)
        self._lines.append(octets)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TOGETHER, self._hand_over)

    def close(self) -> None:
        """Write what is there, but wait for nobody for long."""
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is None and not self._lines:
            return
        self._hand_over()
        self._batches.put(None)
        assert self._thread is not None
        self._thread.join(STUCK)
        self._count_failed()

    def _hand_over(self) -> None:
        self._timer = None
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="lines", daemon=True)
            self._thread.start()
        lines, self._lines = self._lines, []
        self._batches.put(lines)
        self._count_failed()

    def _count_failed(self) -> None:
        failed = self._failed
        if failed != self._told:
            self._lost(failed - self._told)
            self._told = failed

    def _write(self) -> None:
        """The thread."""
        while (lines := self._batches.get()) is not None:
            for piece in _pieces(lines):
                try:
                    self._write_all(piece)
                except OSError:  # nobody is there any more
                    self._failed += piece.count(b"\n")
                self._written += len(piece)

    def _write_all(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody has made it so
                select.select([], [self._descriptor], [])


def _pieces(lines: list[bytes]) -> Iterator[bytes]:
    """Whole lines, as many as a pipe takes as one."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > WHOLE and piece:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield b"".join(piece)
