"""A process that answers: `python -m resolver.worker DESCRIPTOR`, started by the supervisor.

It reads no files, probes nothing and serves no admin address: what it answers from comes over the
descriptor, a socket, and whatever is asked about it is answered there. It ends with the supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import secrets
import signal
import socket
import sys
import time
from typing import Any

from resolver import logs
from resolver.answering import ANSWERS, COLLECT, Answering
from resolver.background import in_turns
from resolver.channel import Channel, Closed
from resolver.config import SocketAddress
from resolver.generation import Generation, Published, release, settle
from resolver.listen.sockets import Bound
from resolver.loop import run
from resolver.messages import (
    Alive,
    Ask,
    Begin,
    Commit,
    Flip,
    HealthPiece,
    Piece,
    Serving,
    Settings,
    Staged,
    Stop,
    Told,
)
from resolver.receiving import Receiver

BEAT = 1.0  # seconds between two signs of life
PR_SET_PDEATHSIG = 1

log = logging.getLogger("sightline")


class Worker:
    """Does as it is told over a channel."""

    def __init__(self, channel: Channel, settings: Settings) -> None:
        self._channel = channel
        self._settings = settings
        self._receiver = Receiver(secrets.randbits(32))
        self._answering: Answering | None = None  # from the first generation on
        self._settling: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Answer until told to stop, or until the supervisor is gone."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        working = [asyncio.create_task(w) for w in (self._listen(), self._beat())]
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([*working, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in working:
            task.cancel()
        if self._answering is not None:
            await self._answering.stop()
        for task in working:  # a bug ends the process: another one takes its place
            if task.done() and not task.cancelled():
                task.result()

    async def _beat(self) -> None:
        """Show that the loop turns."""
        while True:
            logs.look_after()
            down = frozenset[tuple[str, str]]()
            if self._answering is not None:
                self._answering.look_after()
                down = self._answering.upstreams_down
            self._channel.send(Alive(down))
            await asyncio.sleep(BEAT)

    async def _listen(self) -> None:
        with contextlib.suppress(Closed):
            while not self._stop.is_set():
                await self._take(await self._channel.receive())
                await asyncio.sleep(0)  # what has come meanwhile is answered first

    async def _take(self, message: Any) -> None:
        receiver = self._receiver
        match message:
            case Begin():
                await in_turns(receiver.begin(message))
            case Piece():
                receiver.take(message)
            case HealthPiece():
                receiver.take_health(message)
            case Staged():
                self._channel.send(message)
            case Commit():
                await self._commit(message)
            case Flip():
                flipped = receiver.flip(message)
                if flipped is not None and self._answering is not None:
                    self._answering.publish(flipped)
                    self._channel.send(Serving(receiver.heard))
                    await in_turns(flipped.handouts.catch_up())
            case Ask():
                task = asyncio.create_task(self._tell(message))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)
            case Stop():
                self._stop.set()

    async def _commit(self, message: Commit) -> None:
        """Serve what was staged; what was served before is put away between the answers."""
        if self._settling is not None:
            await self._settling
        old = self._receiver.generation
        new = self._receiver.commit(message)
        if old is None or self._answering is None:
            await self._begin(new)
        else:
            self._answering.publish(new, retiring=old)
            self._settling = asyncio.create_task(self._settle(self._answering, old, new))
        self._channel.send(Serving(self._receiver.heard))

    async def _begin(self, generation: Generation) -> None:
        settings = self._settings
        doors = [
            (
                settings.config.listen[door.listen],
                Bound(
                    SocketAddress(door.host, door.port),
                    socket.socket(fileno=door.udp),
                    socket.socket(fileno=door.tcp),
                ),
            )
            for door in settings.doors
        ]
        what = (Published(generation), doors, settings.workers, settings.number)
        self._answering = Answering(settings.config, *what)
        gc.freeze()  # what was loaded lives on: the collector need not walk it
        gc.set_threshold(*COLLECT)
        await self._answering.start()

    async def _settle(self, answering: Answering, old: Generation, new: Generation) -> None:
        await in_turns(settle(old, new))
        answering.published.retired()
        new.handouts.prune(time.monotonic())
        await in_turns(release(old, new))
        await in_turns(self._receiver.release())
        gc.freeze()

    async def _tell(self, ask: Ask) -> None:
        assert ask.word in ANSWERS
        try:
            if self._answering is None:
                raise RuntimeError("it does not answer yet")
            value = await getattr(self._answering, ask.word)(*ask.arguments)
        except Exception as fault:
            log.exception("asked for %s", ask.word)
            self._channel.send(Told(ask.ident, None, str(fault)))
        else:
            self._channel.send(Told(ask.ident, value, None))


async def serve(end: socket.socket) -> None:
    """Be what the first message says."""
    channel = await Channel.over(end)
    try:
        settings = await channel.receive()
    except Closed:
        return
    assert isinstance(settings, Settings)
    logs.set_up(settings.config.log.format, settings.number)
    await Worker(channel, settings).run()


def main(descriptor: int) -> None:
    """The whole process; the supervisor's end is its own, however that one ends."""
    # The terminal's signals are the supervisor's to understand.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):  # Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    run(serve(socket.socket(fileno=descriptor)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
