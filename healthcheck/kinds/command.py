"""The kind `command`: a program's exit status decides.

No shell, an environment of two variables, bounded output, and a process group of its own, of
which nothing outlives the probe. Whether commands may be run at all is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure, NoObservation
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import option, read_list, read_scalar, wrong
from healthcheck.tools import Tools

ADDRESS = "SIGHTLINE_ADDRESS"
MAX_OUTPUT = 4096  # octets kept of each stream; the rest is read and dropped
PATIENCE = 0.5  # seconds for what follows of itself: after SIGKILL, or after the end
STDOUT, STDERR = 1, 2

_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")  # to be handed to a program


def _read_argv(value: object) -> tuple[str, ...]:
    words = tuple(read_scalar(word) for word in read_list(value))
    if not words[0].startswith("/"):
        raise wrong(f"{words[0]!r} is no absolute path of a program")
    if any(_IMPOSSIBLE.search(word) for word in words):
        raise wrong("an argument holds NUL or half a character")
    return words


_WORD = {"type": ["string", "number", "boolean"]}
_ARGV = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}


@dataclass(frozen=True, slots=True, config=STRICT)
class CommandCheck(Kind):
    """Passes when a program exits with 0; `{address}` in its arguments is the address."""

    kind: ClassVar[str] = "command"

    argv: Annotated[tuple[str, ...], option(_read_argv, _ARGV)]

    async def probe(self, address: str, tools: Tools) -> str:  # nothing shared
        """Run it; its first line is shown. Raises NoObservation when it cannot be run."""
        program, *arguments = self.argv
        words = (program, *(word.replace("{address}", address) for word in arguments))
        async with _running(words, address) as run:
            await run.ended.wait()
            _kill_group(run.pid)  # what it left behind, which may hold its output open
            await run.wait_for_output()
        if run.status == 0:
            return run.first_line(STDOUT)
        said = run.first_line(STDERR)
        raise Failed(
            Failure.EXIT, f"{_ending(run.status)}: {said}" if said else _ending(run.status)
        )


class _Run(asyncio.SubprocessProtocol):
    """A running program: what it writes and how it ends.

    `process_exited` tells its end. `Process.wait` may wait for its children, too, as long as
    they hold its output open.
    """

    pid: int
    status: int  # set when it has ended; negative: the signal that ended it

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._closed = asyncio.Event()
        self._kept = {STDOUT: bytearray(), STDERR: bytearray()}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self._kept[fd]
        kept += data[: MAX_OUTPUT - len(kept)]

    def process_exited(self) -> None:
        self.status = self._transport.get_returncode() or 0
        self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:  # its end says it all
        self._closed.set()

    async def wait_for_output(self) -> None:
        """Wait until the output is at its end; not long, should a daemon hold it open."""
        await _wait_briefly(self._closed)

    def first_line(self, fd: int) -> str:
        """The first line that is not blank."""
        lines = self._kept[fd].decode(errors="replace").split("\n")
        return next((found for line in lines if (found := line.strip())), "")


@contextlib.asynccontextmanager
async def _running(words: tuple[str, ...], address: str) -> AsyncIterator[_Run]:
    """Start a program; at the end of the block nothing of it is left."""
    loop = asyncio.get_running_loop()
    try:
        transport, run = await loop.subprocess_exec(
            _Run,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), ADDRESS: address},
            start_new_session=True,  # and with it a process group
        )
    except OSError as error:
        raise NoObservation(f"{words[0]}: {error.strerror}") from None
    try:
        yield run
    finally:
        if not run.ended.is_set():
            _kill_group(run.pid)
            # Closed before the end is known, asyncio would take the exit status for itself.
            await _wait_briefly(run.ended)
        transport.close()


def _kill_group(pid: int) -> None:
    # A group keeps its number from being given away while it has members.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


async def _wait_briefly(event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await event.wait()


def _ending(status: int) -> str:
    if status > 0:
        return f"exit {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # real-time signals have no names
        return f"killed by signal {-status}"
