"""Looks at a question now and then, for what is asked most; the way of the others is as ever.

A few times a second, the callback that the loop calls when the socket is readable is another one,
once: it looks at the first datagram that waits, and has all of them answered as usual. So what is
not looked at costs nothing, also what a memo answers in compiled code.
"""

from __future__ import annotations

import asyncio
import random
import socket
from time import monotonic

from resolver import message
from resolver.generation import Generation
from resolver.listen.udp import DatagramListener
from resolver.samples import Samples

PAUSE = 0.05  # seconds between two looks, on average
LARGEST = 65535


class Sampler:
    """Of one UDP listener, while it is started."""

    def __init__(self, listener: DatagramListener, samples: Samples) -> None:
        self._listener = listener
        self._samples = samples
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the next question, and go on; the listener has been started."""
        self._loop = loop
        self._arm()

    def stop(self) -> None:
        """Look no more; before the listener is stopped."""
        if self._timer is not None:
            self._timer.cancel()
        if self._loop is not None:
            self._loop.add_reader(self._listener.socket.fileno(), self._listener.drain)
        self._loop = self._timer = None

    def _arm(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._listener.socket.fileno(), self._look)

    def _look(self) -> None:
        listener, loop = self._listener, self._loop
        if loop is not None:
            loop.add_reader(listener.socket.fileno(), listener.drain)
            # At no fixed rhythm: clients may have one.
            self._timer = loop.call_later(PAUSE * random.uniform(0.5, 1.5), self._arm)
        try:
            wire, peer = listener.socket.recvfrom(LARGEST, socket.MSG_PEEK)
        except OSError:
            pass
        else:
            self._note(wire, peer[0])
        listener.drain()

    def _note(self, wire: bytes, source: str) -> None:
        query = message.read(wire)
        environment = self._environment_of(source)
        if query is not None and query.fault is message.NOERROR and environment is not None:
            self._samples.note(environment, query.key[:-4], source, monotonic())

    def _environment_of(self, source: str) -> str | None:
        """Whose client it is; of a trusted forwarder's nobody is told."""
        door = self._listener.door
        if door.environment is not None:
            is_let_in = door.allow is None or door.allow.find(source)
            return door.environment if is_let_in else None
        generation: Generation = self._listener.published.generation
        if generation.trusted is not None and generation.trusted.find(source):
            return None
        view = generation.view_of(source)
        return None if view is None else view.environment
