"""What one probe comes to: failures, our own faults, bugs, and the deadline."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import ClassVar, Self

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import BadStatusLine, TransferEncodingError
from hypothesis import given
from hypothesis import strategies as st

from healthcheck.check import Failed, Failure, NoObservation, NotYet, Observation
from healthcheck.heartbeats import Heartbeats
from healthcheck.probe import MAX_DETAIL, one_line, probe, translated
from healthcheck.tools import Tools, open_tools
from tests.support import PATIENCE, ROOT

KEY = ConnectionKey("127.0.0.1", 80, False, True, None, None, None)


class Stub:
    """A kind that does what the test says."""

    kind: ClassVar[str] = "stub"

    def __init__(self, act: Callable[[], Awaitable[str]]) -> None:
        self.act = act

    async def probe(self, address: str, tools: Tools) -> str:
        assert (address, type(tools)) == ("192.0.2.1", Tools)
        return await self.act()

    def bound(self, endpoint: str) -> Self:
        assert endpoint
        return self


def raising(error: BaseException) -> Stub:
    """A kind that raises."""

    async def act() -> str:
        raise error

    return Stub(act)


async def observed(stub: Stub, timeout: float = PATIENCE) -> Observation:  # noqa: ASYNC109  # passed on
    """What a probe comes to; the clock ticks once a reading."""
    ticks = iter(range(100, 200))
    async with open_tools(Heartbeats()) as tools:
        return await probe(stub, "192.0.2.1", timeout, tools, lambda: float(next(ticks)))


async def test_a_probe_that_returns_has_passed() -> None:
    """With what is worth showing, when it ended, and how long it took."""

    async def act() -> str:
        return "200 in 2 octets"

    assert await observed(Stub(act)) == Observation(101.0, 1.0, None, "200 in 2 octets")


async def test_a_probe_that_failed_says_why() -> None:
    """In its own words."""
    found = await observed(raising(Failed(Failure.STATUS, "status 500")))
    assert found == Observation(101.0, 1.0, Failure.STATUS, "status 500")


async def test_the_deadline_is_a_timeout() -> None:
    """The kind is cancelled, and has cleaned up when the observation is made."""
    is_clean = False

    async def act() -> str:
        nonlocal is_clean
        try:
            await asyncio.Event().wait()
        finally:
            is_clean = True
        return ""

    async with open_tools(Heartbeats()) as tools:
        found = await probe(Stub(act), "192.0.2.1", 0.02, tools, lambda: 1.0)
    assert (found.failure, found.detail) == (Failure.TIMEOUT, "no answer within 0.02 s")
    assert is_clean


async def test_cancellation_is_passed_on() -> None:
    """It is no failure of the target."""
    started = asyncio.Event()

    async def act() -> str:
        started.set()
        await asyncio.Event().wait()
        return ""

    task = asyncio.create_task(observed(Stub(act)))
    async with asyncio.timeout(PATIENCE):
        await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError(errno.EBADF, "x")])
async def test_a_bug_in_a_kind_comes_out(error: Exception) -> None:
    """As it is, for the runner to count."""
    assert translated(error) is None
    with pytest.raises(type(error)) as caught:
        await observed(raising(error))
    assert caught.value is error


@pytest.mark.parametrize("error", [NotYet("no heartbeat yet"), NoObservation("no CA file")])
async def test_nothing_learnt_comes_out(error: Exception) -> None:
    """As it is."""
    with pytest.raises(type(error), match=str(error)):
        await observed(raising(error))


def connector(error: OSError) -> Exception:
    """As aiohttp wraps what happens while it connects."""
    return aiohttp.ClientConnectorError(KEY, error)


def certificate_error() -> ssl.SSLCertVerificationError:
    """As OpenSSL raises it."""
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.verify_message = "certificate has expired"
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    """An error with its cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "failure", "detail"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused", "Connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset", "Connection reset by peer"),
        (ConnectionResetError("Connection lost"), "reset", "Connection lost"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset", "Broken pipe"),
        (ConnectionAbortedError("SSL handshake is taking long"), "reset", "SSL handshake is"),
        (asyncio.IncompleteReadError(b"", 4), "reset", "closed before it had answered"),
        (asyncio.LimitOverrunError("x", 1), "protocol", "too long an answer"),
        (TimeoutError(), "timeout", "no answer in time"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "timeout", "no answer in time"),
        (OSError(errno.EHOSTUNREACH, "x"), "unreachable", "No route to host"),
        (certificate_error(), "certificate", "certificate has expired"),
        (ssl.SSLError(1, "[SSL] unknown"), "tls", "[SSL] unknown"),
        (ssl.SSLEOFError(8, "EOF"), "reset", "closed during TLS"),
        (connector(ConnectionRefusedError(errno.ECONNREFUSED, "x")), "refused", "Connection ref"),
        (connector(certificate_error()), "certificate", "certificate has expired"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, certificate_error()),
            *("certificate", "certificate has expired"),
        ),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "bad")), "tls", "bad"),
        (caused(aiohttp.ClientOSError(1, "x"), ssl.SSLError(1, "alert")), "tls", "alert"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "reset", "Connection reset by peer"),
        (aiohttp.ServerDisconnectedError(), "reset", "closed before it had answered"),
        (aiohttp.ClientConnectionResetError("closing"), "reset", "closing"),
        (
            caused(aiohttp.ClientPayloadError(), TransferEncodingError("x")),
            "reset",
            "closed within",
        ),
        (caused(aiohttp.ClientPayloadError(), BadStatusLine("x")), "protocol", "a bad body"),
        (aiohttp.ConnectionTimeoutError(), "timeout", "no answer in time"),
        (BadStatusLine("220 mail"), "protocol", "Bad status line"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_what_the_target_did_is_a_failure(
    error: Exception, failure: str, detail: str
) -> None:
    """Whichever library says so."""
    found = await observed(raising(error))
    assert found.failure is Failure(failure)
    assert found.detail.startswith(detail)


@pytest.mark.parametrize(
    "name",
    [
        *("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EACCES"),
        *("EADDRNOTAVAIL", "EADDRINUSE", "ENETUNREACH", "ENETDOWN", "EAFNOSUPPORT"),
    ],
)
async def test_trouble_of_our_own_side_observes_nothing(name: str) -> None:
    """By itself, and as aiohttp wraps it."""
    number = getattr(errno, name)
    wrapped = connector(OSError(number, "x"))
    for error in (OSError(number, "x"), aiohttp.ClientOSError(number, "x"), wrapped):
        with pytest.raises(NoObservation, match=os.strerror(number)):
            await observed(raising(error))


OUT_OF_FILES = """
import asyncio, resource
from healthcheck.check import NoObservation
from healthcheck.heartbeats import Heartbeats
from healthcheck.kinds.http import HttpCheck
from healthcheck.kinds.tcp import TcpCheck
from healthcheck.kinds.tls import TlsCheck
from healthcheck.probe import probe
from healthcheck.tools import open_tools

async def main():
    async with open_tools(Heartbeats()) as tools:
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        files = []
        try:
            while True:
                files.append(open("/dev/null"))
        except OSError:
            pass
        for check in (HttpCheck(port=1), TcpCheck(port=1), TlsCheck(port=1, verify=False)):
            try:
                print(await probe(check, "127.0.0.1", 5, tools))
            except NoObservation as error:
                print(check.kind, error)
        for file in files:
            file.close()
        print((await probe(TcpCheck(port=1), "127.0.0.1", 5, tools)).failure.value)

asyncio.run(main())
"""


def test_a_process_out_of_files_observes_nothing() -> None:
    """And goes on when there are some."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", OUT_OF_FILES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        *(f"{kind} Too many open files" for kind in ("http", "tcp", "tls")),
        "refused",
    ]


def test_details_are_one_line() -> None:
    """Of at most 200 characters."""
    assert one_line("a\r\n\tb\0\x1b[31m") == r"a\r\n\tb\x00\x1b[31m"
    assert one_line("\N{LINE SEPARATOR}\udc80café") == r"\u2028\udc80café"
    assert one_line("x" * 200) == "x" * 200
    assert one_line("x" * 201) == "x" * 199 + "…"


@given(st.text(max_size=400) | st.text("\r\n\x1b", max_size=400))
def test_any_detail_can_be_shown(text: str) -> None:
    """Whatever a target said."""
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= MAX_DETAIL


async def test_a_deadline_that_rang_late_is_our_own_fault() -> None:
    """A loop that is too busy may not have looked at an answer that was there."""

    async def hang() -> str:
        await asyncio.Event().wait()
        return ""

    ticks = iter((0.0, 5.0))
    async with open_tools(Heartbeats()) as tools:
        with pytest.raises(NoObservation, match=r"rang 5\.0 s late"):
            await probe(Stub(hang), "192.0.2.1", 0.01, tools, lambda: next(ticks))
