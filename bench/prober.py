"""A steady asker: a question every so often, with the time of each reply as the kernel saw it.

Times are seconds since the epoch, as the kernel stamps datagrams on that clock. What the asker
itself waits for its turn of a core so does not count as latency of the server.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence

from bench.measure import CannotMeasure
from bench.zones import ASKER

SO_TIMESTAMPNS = 35  # of Linux; not in the module `socket`
STAMP = struct.Struct("qq")
PATIENCE = 1.0  # seconds for the last replies
A, NS = 1, 2

Note = Callable[[str, float, bytes], None]


class Prober:
    """A thread that asks `names` in turn; `note(name, arrival, reply)` sees each reply."""

    def __init__(
        self,
        port: int,
        names: Sequence[str],
        rate: float,
        note: Note | None = None,
        *,
        source: str = ASKER,
        qtype: int = A,
    ) -> None:
        self.sent = 0
        self.latencies: list[tuple[float, float]] = []  # (sent at, seconds)
        self.lost = 0
        self._names = names
        self._tails = [packed_question(name, qtype) for name in names]
        self._pause = 1 / rate
        self._note = note
        self._open: dict[int, tuple[float, str]] = {}
        self._stop = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind((source, 0))
        self._socket.connect(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the last replies; what did not come is lost."""
        self._stop.set()
        self._thread.join()
        self._socket.close()
        self.lost += len(self._open)

    def since(self, start: float, end: float = float("inf")) -> list[float]:
        """The seconds of the replies to what was asked in that time, sorted."""
        found = sorted(took for at, took in list(self.latencies) if start <= at < end)
        if not found:
            raise CannotMeasure("the server answered nothing")
        return found

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            wait = due - time.monotonic()
            if wait > 0:
                self._take(wait)
            else:
                self._ask()
                due = max(due + self._pause, time.monotonic() - 0.1)
        end = time.monotonic() + PATIENCE
        while self._open and (wait := end - time.monotonic()) > 0:
            self._take(wait)

    def _ask(self) -> None:
        number = self.sent % 65536
        turn = self.sent % len(self._names)
        self.sent += 1
        self.lost += number in self._open
        query = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + self._tails[turn]
        self._open[number] = (time.time(), self._names[turn])
        self._socket.send(query)

    def _take(self, wait: float) -> None:
        if not select.select([self._socket], [], [], wait)[0]:
            return
        reply, ancillary, _, _ = self._socket.recvmsg(4096, 64)
        seconds, nanoseconds = STAMP.unpack(ancillary[0][2][: STAMP.size])
        arrived = seconds + nanoseconds / 1e9
        asked = self._open.pop(int.from_bytes(reply[:2], "big"), None)
        if asked is None:
            return
        self.latencies.append((asked[0], arrived - asked[0]))
        if self._note is not None:
            self._note(asked[1], arrived, reply)


def packed_question(name: str, qtype: int = A) -> bytes:
    """The question for the records of a name; the root is the empty text."""
    words = name.split(".") if name else []
    labels = b"".join(bytes((len(word),)) + word.encode() for word in words)
    return labels + b"\0" + struct.pack("!2H", qtype, 1)


def percentile(found: Sequence[float], part: float) -> float:
    """Of sorted values."""
    return found[min(len(found) - 1, int(part * len(found)))]


def told(found: Sequence[float]) -> str:
    """Latencies in words: p50, p99, p99.9 and the most, in milliseconds."""
    parts = [percentile(found, part) * 1000 for part in (0.5, 0.99, 0.999, 1.0)]
    return "p50 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, max {:.1f} ms".format(*parts)
