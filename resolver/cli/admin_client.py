"""The client side of the admin address: which servers are meant, and one request to one of them.

Only the standard library speaks HTTP here: a command starts quickly, takes no proxy from the
environment and follows no redirect with a token in hand.
"""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import json
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from resolver.cli import COULD_NOT_RUN, DONE, PROBLEMS, Ended
from resolver.cli.wording import printable

TIMEOUT = 10.0  # seconds
DEFAULT_PORT = 9153

Body = dict[str, Any]
Found = TypeVar("Found")


class Reply(NamedTuple):
    """What a server answered, and what time it was there (in whole seconds, rounded down)."""

    body: Body
    now: datetime


class NoServer(Exception):
    """Nothing there answers as a server does."""

    def __init__(self, server: AdminServer, why: str) -> None:
        super().__init__(
            f"no server at {server} ({printable(why)}); is it running, and is admin.listen right?"
        )
        self.server = server


class Refused(Exception):
    """A server's no (RFC 9457)."""

    def __init__(self, server: AdminServer, status: int, body: Body) -> None:
        title, detail = body.get("title") or f"status {status}", body.get("detail")
        text = f"{title}: {detail}" if detail else str(title)
        nearest = body.get("nearest")
        if nearest and str(nearest) not in text:
            text += f"; did you mean {nearest!r}?"
        super().__init__(f"{server}: {printable(text)}")
        self.server = server
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class AdminServer:
    """One admin address: an IP address, so that `Host` is one too, whatever name led to it."""

    host: str
    port: int
    token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def ask(
        self, method: str, path: str, body: Body | None = None, timeout: float = TIMEOUT
    ) -> Reply:
        """Make one request; `timeout` in seconds. Raises NoServer and Refused."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        payload = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            octets = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoServer(self, _word(error, timeout)) from None
        finally:
            connection.close()
        try:
            found = json.loads(octets)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise NoServer(self, f"status {response.status} without JSON: something else answers")
        if response.status != 200:
            raise Refused(self, response.status, found)
        return Reply(found, _time_there(response.getheader("Date")))


def endpoint_path(endpoint: str) -> str:
    """The path of an endpoint, or of those that a glob matches."""
    # Without "?" among the safe: unescaped it would begin the query.
    return f"/api/v1/endpoints/{quote(endpoint, safe='/*.')}"


def _word(error: Exception, timeout: float) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, http.client.RemoteDisconnected):
        return "closed without an answer"
    if isinstance(error, http.client.HTTPException):
        return f"not HTTP: {type(error).__name__}"
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error) or type(error).__name__).lower()


def _time_there(date: str | None) -> datetime:
    """The server's own clock: its times mean nothing on another."""
    try:
        return parsedate_to_datetime(date or "").astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)


def add_admin_arguments(parser: argparse.ArgumentParser) -> None:
    """`--admin` (as often as there are servers), `--token-file` and `--config`."""
    parser.add_argument(
        "--admin",
        metavar="URL",
        action="append",
        help="http://HOST:PORT of a server's admin address, may repeat; "
        "a name means all its addresses (default: admin.listen of the configuration)",
    )
    parser.add_argument("--config", metavar="FILE", help="configuration (./sightline.yaml)")
    add_token_argument(parser)


def add_token_argument(parser: argparse.ArgumentParser) -> None:
    """`--token-file`."""
    parser.add_argument(
        "--token-file", metavar="FILE", help="file that holds the token (default: $SIGHTLINE_TOKEN)"
    )


def find_servers(arguments: argparse.Namespace) -> list[AdminServer]:
    """The servers that the arguments or the configuration mean, each once.

    Raises Ended, with the reason shown, for what cannot be read or does not resolve.
    """
    try:
        token = _read_token(arguments.token_file)
        given = arguments.admin or [_configured(arguments)]
        pairs = [pair for text in given for pair in _resolve(*read_url(text))]
    except ValueError as error:
        complain(arguments.command, error)
        raise Ended(COULD_NOT_RUN) from None
    return [AdminServer(host, port, token) for host, port in dict.fromkeys(pairs)]


def read_url(text: str) -> tuple[str, int]:
    """`http://HOST:PORT` or `HOST:PORT` → host and port (default 9153); raises ValueError."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if not host or not port or extra or parts.scheme != "http":
        raise ValueError(f"{text!r} is no admin address (write http://HOST:PORT)")
    return host, port


def _resolve(host: str, port: int) -> Iterator[tuple[str, int]]:
    """The addresses of a host."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{host} has no address ({why})") from None
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    # `localhost` is one machine, and few servers listen on both of its addresses.
    loopback = sorted((a for a in addresses if _is_loopback(a)), key=lambda a: ":" in a)
    yield from ((address, port) for address in loopback[:1])
    yield from ((address, port) for address in addresses if address not in loopback)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _configured(arguments: argparse.Namespace) -> str:
    """The admin address of the configuration; the loopback one where it listens on every one."""
    from resolver.cli.common import read_config, show
    from resolver.config import SocketAddress
    from resolver.zones.places import Rejected

    try:
        listen = read_config(argparse.Namespace(config=arguments.config, zones=None), {}).admin
    except Rejected as error:
        show(error.problems)
        raise Ended(COULD_NOT_RUN) from None
    host, port = listen.listen
    if not port:
        raise ValueError("admin.listen leaves the port to the system; say which with --admin")
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return str(SocketAddress(host, port))


def _read_token(file: str | None) -> str | None:
    if file is None:
        token = os.environ.get("SIGHTLINE_TOKEN", "").strip()
    else:
        try:
            token = Path(file).read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise ValueError(f"{file}: {error.strerror}") from None
    if not (token.isascii() and token.isprintable()):
        raise ValueError(f"the token of {file or 'SIGHTLINE_TOKEN'} is no line of ASCII")
    if file is not None and not token:
        raise ValueError(f"{file} holds no token")
    return token or None


def complain(command: str, error: object) -> None:
    """One line on stderr, in place of what a terminal shows of the progress."""
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{start}sightline {command}: {error}", file=sys.stderr)


def ask_each(
    command: str, servers: Iterable[AdminServer], ask: Callable[[AdminServer], Found]
) -> tuple[dict[AdminServer, Found], list[NoServer | Refused]]:
    """Ask every server; what came, and the failures, which have been shown."""
    found: dict[AdminServer, Found] = {}
    failures: list[NoServer | Refused] = []
    for server in servers:
        try:
            found[server] = ask(server)
        except (NoServer, Refused) as error:
            complain(command, error)
            failures.append(error)
        except KeyError as error:
            failures.append(NoServer(server, f"its answer has no {error}: another version"))
            complain(command, failures[-1])
    return found, failures


def exit_code(done: Sized, failures: Sequence[NoServer | Refused]) -> int:
    """0 when nothing failed, 2 when no server was even reached, else 1."""
    if not failures:
        return DONE
    is_reached = done or any(isinstance(failure, Refused) for failure in failures)
    return PROBLEMS if is_reached else COULD_NOT_RUN
