"""Tells the service manager how the server stands: ready, reloading, stopping, alive.

The protocol is sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names. Without a manager
nothing is sent; a manager that does not listen never disturbs the server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

PATIENCE = 0.5  # seconds that a manager may take to accept a datagram

log = logging.getLogger("sightline")


class Manager:
    """Whoever started the server and waits for its word; there may be none."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = _read_address(environ.get("NOTIFY_SOCKET", ""))
        self._is_ready = False
        self.interval = _read_interval(environ, pid)
        """Seconds between two signs of life; None: the manager asks for none."""

    def ready(self, status: str) -> None:
        """All is bound and loaded."""
        self._is_ready = True
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def tell(self, status: str) -> None:
        """A line for whoever looks at the service."""
        self._send(f"STATUS={_one_line(status)}")

    @asynccontextmanager
    async def reloading(self) -> AsyncIterator[None]:
        """What is done inside is a reload, however it ends; before the server is ready, nothing."""
        is_told = self._is_ready
        if is_told:  # the time tells Type=notify-reload which reload this is
            self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            if is_told:
                self._send("READY=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._is_ready = False
        self._send("STOPPING=1")

    async def stay_alive(self) -> None:
        """Give signs of life for as long as the loop turns."""
        while self.interval is not None:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.interval)

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
                opened.settimeout(PATIENCE)
                opened.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning(
                "the service manager cannot be told %s: %s", message.partition("\n")[0], error
            )


def of_this_process() -> Manager:
    """The manager that the environment names."""
    return Manager(os.environ, os.getpid())


def _read_address(text: str) -> str | None:
    """A path, or with @ a name in the abstract namespace; other kinds of sockets are not ours."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _read_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Half of what the manager waits, as sd_watchdog_enabled(3) advises."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    if not (microseconds.isascii() and microseconds.isdigit()) or int(microseconds) == 0:
        return None
    return int(microseconds) / 2_000_000


def _one_line(text: str) -> str:
    return " ".join(text.split())
