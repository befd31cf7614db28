"""The pump of a UDP socket: reads datagrams, gives what memos know, asks for the rest.

There are two with one behaviour: compiled, where a compiler was at hand when the project was
installed, and in Python.
"""

from __future__ import annotations

import errno
import socket
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Literal, Protocol, cast

from resolver.counters import LATENCY_BOUNDS
from resolver.listen.sockets import reply_control
from resolver.memo import MOST, MOST_OCTETS, Memo, PythonMemo

try:
    from resolver.listen import _pump
except ImportError:  # there was no compiler
    _pump = None  # type: ignore[assignment]  # the stub tells of the compiled one

BATCH = 64  # datagrams between two looks at the clock
ROUNDS = 4  # batches of one wake-up; more would starve TCP and timers
LARGEST = 65535
CONTROL_SIZE = socket.CMSG_SPACE(20)  # in6_pktinfo

Peer = tuple[str, int]  # IPv6 has more: flow and scope
Control = list[tuple[int, int, bytes]]

FindMemo = Callable[[str], Memo | None]
Answer = Callable[[bytes, Peer, Control | None, Memo | None], bytes | None]
"""(octets, peer, control data, memo if the reply is worth keeping) → the reply to send now."""
Failed = Callable[[int], None]
"""Told the errno of a datagram that could not be read or sent."""

Kind = Literal["auto", "compiled", "python"]


class NoCompiledPump(Exception):
    """The compiled pump was asked for and is not there."""


class Pump(Protocol):
    """Drains one UDP socket."""

    def drain(self) -> bool:
        """Answer what is here, up to a bound; whether more may be here."""

    def forget_sources(self) -> None:
        """Ask anew for the memo of each client."""


def choose(kind: Kind) -> Kind:
    """The pump that will serve: `compiled` or `python`. Raises NoCompiledPump."""
    if kind == "python" or (kind == "auto" and _pump is None):
        return "python"
    if _pump is None:
        raise NoCompiledPump("pump: compiled: there was no C compiler when this was installed")
    return "compiled"


def make_memo(kind: Kind) -> Memo:
    """An empty memo for a chosen kind of pump."""
    if kind == "compiled":
        return _pump.Memo(MOST, MOST_OCTETS)
    return PythonMemo()


def make_pump(
    kind: Kind,
    opened: socket.socket,
    is_wildcard: bool,
    find_memo: FindMemo,
    answer: Answer,
    failed: Failed,
) -> Pump:
    """A pump of a chosen kind. On a wildcard socket replies leave from the address asked."""
    if kind == "compiled":
        what = (find_memo, answer, failed, LATENCY_BOUNDS)
        return _pump.Pump(opened.fileno(), is_wildcard, *what)
    return PythonPump(opened, is_wildcard, find_memo, answer, failed)


class PythonPump:
    """Without compiled code."""

    MOST_SOURCES = 65536

    def __init__(
        self,
        opened: socket.socket,
        is_wildcard: bool,
        find_memo: FindMemo,
        answer: Answer,
        failed: Failed,
    ) -> None:
        self._socket = opened
        self._is_wildcard = is_wildcard
        self._find_memo = find_memo
        self._answer = answer
        self._failed = failed
        self._memos: dict[str, PythonMemo | None] = {}

    def forget_sources(self) -> None:
        self._memos.clear()

    def drain(self) -> bool:
        return all(self._drain_batch() for _ in range(ROUNDS))

    def _drain_batch(self) -> bool:
        # Both give the datagram first and the peer last.
        receive: Callable[..., tuple[Any, ...]]
        receive = self._socket.recvmsg if self._is_wildcard else self._socket.recvfrom
        sizes = (LARGEST, CONTROL_SIZE) if self._is_wildcard else (LARGEST,)
        reply_to, now = self._reply_to, monotonic()
        given: list[array[float]] = []  # where replies out of memos are counted by latency
        try:
            for _ in range(BATCH):
                reply_to(receive(*sizes), now, given)
        except BlockingIOError:
            return False
        except OSError as error:
            self._failed(error.errno or errno.EIO)
            return False
        finally:
            _count(given, monotonic() - now)
        return True

    def _reply_to(self, got: tuple[Any, ...], now: float, given: list[array[float]]) -> None:
        wire, peer = got[0], got[-1]
        control = got[1] if self._is_wildcard else None
        try:
            memo = self._memos[peer[0]]
        except KeyError:
            memo = self._learn(peer[0])
        reply: bytes | None
        if memo is None:
            reply = self._answer(wire, peer, control, None)
        else:
            octets = wire[2:]
            found = memo.give(octets, now)
            if isinstance(found, bytes):
                given.append(memo.entries[octets].latency)
                reply = wire[:2] + found
            else:
                reply = self._answer(wire, peer, control, memo if found else None)
        if reply is None:
            return
        try:
            if control is None:
                self._socket.sendto(reply, peer)
            else:
                self._socket.sendmsg((reply,), reply_control(control), 0, peer)
        except OSError as error:
            self._failed(error.errno or errno.EIO)

    def _learn(self, host: str) -> PythonMemo | None:
        if len(self._memos) >= self.MOST_SOURCES:
            self._memos.clear()
        memo = self._memos[host] = cast("PythonMemo | None", self._find_memo(host))
        return memo


def _count(given: Iterable[array[float]], seconds: float) -> None:
    """Count the replies out of memos: all of a batch took as long as the batch."""
    bucket = bisect_left(LATENCY_BOUNDS, seconds)
    for numbers in given:
        numbers[bucket] += 1.0
        numbers[-1] += seconds
