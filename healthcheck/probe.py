"""One probe: run a check within its deadline and say what came of it.

What the target did becomes an Observation; trouble of our own side is raised, as nothing was
learnt of the target; anything unknown is a bug in a kind and is raised as it came.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import time
from collections.abc import Callable

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError, TransferEncodingError

from healthcheck.check import Check, Failed, Failure, NoObservation, NotYet, Observation
from healthcheck.tools import Tools

MAX_DETAIL = 200  # characters

OWN_FAULTS = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),  # out of something
        *(errno.EPERM, errno.EACCES),  # a local firewall or sandbox
        *(errno.EADDRNOTAVAIL, errno.EADDRINUSE),  # out of ports
        *(errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT),  # no route of that family
    }
)
FAILURES = {
    errno.ECONNREFUSED: Failure.REFUSED,
    errno.ECONNRESET: Failure.RESET,
    errno.ECONNABORTED: Failure.RESET,
    errno.EPIPE: Failure.RESET,
    errno.ESHUTDOWN: Failure.RESET,
    errno.ENOTCONN: Failure.RESET,  # reset between two calls of ours
    errno.ETIMEDOUT: Failure.TIMEOUT,
    errno.EHOSTUNREACH: Failure.UNREACHABLE,
    errno.EHOSTDOWN: Failure.UNREACHABLE,
    errno.ENOPROTOOPT: Failure.UNREACHABLE,  # ICMP: protocol unreachable
    errno.EPROTO: Failure.PROTOCOL,
}
"""What the errors of sockets say of the target."""


BEHIND = 0.25  # seconds, or that part of the timeout: then our own side was too busy


async def probe(
    check: Check,
    address: str,
    timeout: float,  # noqa: ASYNC109  # applied here, once, for every kind
    tools: Tools,
    clock: Callable[[], float] = time.monotonic,
) -> Observation:
    """Run one probe; `timeout` in seconds.

    Raises NoObservation (our own side failed), NotYet, and whatever a bug in a kind raises.
    """
    begin = clock()
    failure = None
    scope = asyncio.timeout(timeout)
    try:
        async with scope:
            detail = await check.probe(address, tools)
    except Exception as error:
        found = translated(error)
        if found is None:
            raise
        if not isinstance(found, Failed):
            raise found from None
        failure, detail = found.failure, found.detail
        if scope.expired() and failure is Failure.TIMEOUT:
            late = clock() - begin - timeout
            if late > max(BEHIND, timeout * BEHIND):  # what came in time was not looked at in time
                raise NoObservation(f"behind: a deadline rang {late:.1f} s late") from None
            detail = f"no answer within {timeout:g} s"
    end = clock()
    return Observation(end, end - begin, failure, one_line(detail))


def one_line(text: str) -> str:
    """What can be shown anywhere: control characters escaped, 200 characters at most."""
    text = text[: MAX_DETAIL + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= MAX_DETAIL else f"{text[: MAX_DETAIL - 1]}…"


def translated(error: Exception) -> Failed | NoObservation | NotYet | None:
    """What the exception of a probe comes to; None: it is a bug in the kind."""
    if isinstance(error, Failed | NoObservation | NotYet):
        return error
    error = _unwrapped(error)
    # SSLError is an OSError whose number is not an errno.
    if isinstance(error, ssl.SSLError):
        return _of_tls(error)
    if isinstance(error, TimeoutError):
        return Failed(Failure.TIMEOUT, "no answer in time")
    if isinstance(error, aiohttp.ServerDisconnectedError | asyncio.IncompleteReadError):
        return Failed(Failure.RESET, "closed before it had answered")
    if isinstance(error, aiohttp.ClientPayloadError):
        return _of_payload(error)
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return Failed(Failure.PROTOCOL, _first_line(error.message) or "a bad answer")
    if isinstance(error, asyncio.LimitOverrunError):
        return Failed(Failure.PROTOCOL, "too long an answer")
    return _of_system(error) if isinstance(error, OSError) else None


def _unwrapped(error: Exception) -> Exception:
    """What is within the exceptions of aiohttp."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    cause = error.__cause__
    # Its arguments were copied, so that the number looks like an errno.
    if isinstance(error, aiohttp.ClientOSError) and isinstance(cause, ssl.SSLError):
        return cause
    return error


def _of_tls(error: ssl.SSLError) -> Failed:
    # What Python raises itself lacks the attributes that OpenSSL's errors have.
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failed(Failure.CERTIFICATE, getattr(error, "verify_message", "") or "not trusted")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Failed(Failure.RESET, "closed during TLS")
    reason = (getattr(error, "reason", "") or "").replace("_", " ").lower()
    return Failed(Failure.TLS, reason or error.strerror or "TLS failed")


def _of_payload(error: aiohttp.ClientPayloadError) -> Failed:
    # These two are what a body that ends early comes to.
    if isinstance(error.__cause__, ContentLengthError | TransferEncodingError | None):
        return Failed(Failure.RESET, "closed within the body")
    return Failed(Failure.PROTOCOL, "a bad body")


def _first_line(text: str) -> str:
    # After it comes an excerpt with a marker below.
    return text.strip().partition("\n")[0].rstrip(":")


def _of_system(error: OSError) -> Failed | NoObservation | None:
    number = error.errno
    text = os.strerror(number) if number is not None and number > 0 else str(error)
    if number in OWN_FAULTS:
        return NoObservation(text)
    if number in FAILURES:
        return Failed(FAILURES[number], text)
    if isinstance(error, ConnectionError):  # without a number: made by asyncio
        return Failed(Failure.RESET, text or "connection lost")
    return None
