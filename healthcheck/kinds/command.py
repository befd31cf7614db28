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
import subprocess
import threading
from collections.abc import AsyncIterator
from typing import IO, Annotated, ClassVar

from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure, NoObservation
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import option, read_list, read_scalar, wrong
from healthcheck.tools import Tools

ADDRESS = "SIGHTLINE_ADDRESS"
MAX_OUTPUT = 4096  # octets kept of each stream; the rest is read and dropped
MAX_READ = 65536  # octets at once
PATIENCE = 0.5  # seconds until SIGKILL has had its effect
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

    async def probe(self, address: str, tools: Tools) -> str:
        """Run it; its first line is shown. Raises NoObservation when it cannot be run."""
        program, *arguments = self.argv
        words = (program, *(word.replace("{address}", address) for word in arguments))
        async with _running(words, address) as run:
            await run.ended.wait()
            run.read_rest()
        if run.status == 0:
            return run.first_line(STDOUT)
        if run.status is None:
            raise NoObservation(f"{program}: its end was not seen (is SIGCHLD ignored?)")
        said = run.first_line(STDERR)
        ending = _ending(run.status)
        raise Failed(Failure.EXIT, f"{ending}: {said}" if said else ending)


class _Run:
    """A running program. It is started in one step, so that no cancellation can come between.

    A thread waits for its end: in loops of any thread, and whoever holds its output open. As
    long as a process is not reaped, its number and that of its group are nobody else's.
    """

    def __init__(self, words: tuple[str, ...], address: str) -> None:
        self.ended = asyncio.Event()
        self.status: int | None = None  # negative: the signal that ended it
        self._loop = asyncio.get_running_loop()
        self._reaping = threading.Lock()
        self._kept = {STDOUT: bytearray(), STDERR: bytearray()}
        self._process = subprocess.Popen(
            words,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), ADDRESS: address},
            start_new_session=True,  # and with it a process group
        )
        for number, pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)
            self._loop.add_reader(pipe.fileno(), self._read, number, pipe)
        threading.Thread(target=self._wait, name="command", daemon=True).start()

    def _pipes(self) -> list[tuple[int, IO[bytes]]]:
        pipes = ((STDOUT, self._process.stdout), (STDERR, self._process.stderr))
        return [(number, pipe) for number, pipe in pipes if pipe is not None]

    def _wait(self) -> None:
        """In the thread: wait until it ends, and let nothing that it started outlive it."""
        status = None
        try:
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self.kill()
            with self._reaping:
                status = self._process.wait()
        except ChildProcessError:  # the system reaps by itself
            self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(self._end, status)

    def _end(self, status: int | None) -> None:
        self.status = status
        self.ended.set()

    def kill(self) -> None:
        """Kill its group, unless it was reaped."""
        with self._reaping, contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self, number: int, pipe: IO[bytes]) -> bool:
        """Read what is there; whether there may be more."""
        try:
            data = pipe.read(MAX_READ)
        except OSError:
            data = b""
        if data == b"":
            self._loop.remove_reader(pipe.fileno())
        kept = self._kept[number]
        kept += (data or b"")[: MAX_OUTPUT - len(kept)]
        return bool(data) and len(kept) < MAX_OUTPUT

    def read_rest(self) -> None:
        """Read what it left in its pipes as it ended."""
        for number, pipe in self._pipes():
            while self._read(number, pipe):
                pass

    def first_line(self, number: int) -> str:
        """The first line of stdout or stderr that is not blank."""
        lines = self._kept[number].decode(errors="replace").split("\n")
        return next((found for line in lines if (found := line.strip())), "")

    def close(self) -> None:
        """Stop reading."""
        for _, pipe in self._pipes():
            self._loop.remove_reader(pipe.fileno())
            pipe.close()


@contextlib.asynccontextmanager
async def _running(words: tuple[str, ...], address: str) -> AsyncIterator[_Run]:
    """Start a program; at the end of the block nothing of it runs."""
    try:
        run = _Run(words, address)
    except OSError as error:
        raise NoObservation(f"{words[0]}: {error.strerror}") from None
    try:
        yield run
    finally:
        run.kill()
        try:
            # What hangs in the kernel cannot be killed yet; the thread goes on waiting for it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await run.ended.wait()
        finally:
            run.close()


def _ending(status: int) -> str:
    if status > 0:
        return f"exit {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:  # real-time signals have no names
        return f"killed by signal {-status}"
