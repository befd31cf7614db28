"""What is probed in tests: servers on loopback that behave or misbehave, and certificates."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from healthcheck.check import Check, Observation
from healthcheck.heartbeats import Heartbeats
from healthcheck.probe import probe
from healthcheck.tools import Tools, open_tools

PATIENCE = 10.0  # seconds until a test that waits has failed


@dataclass
class Server:
    """One server with what it saw."""

    port: int = 0
    host: str = "127.0.0.1"
    connections: int = 0  # accepted so far
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0  # octets, of an endless answer
    left: asyncio.Event = field(default_factory=asyncio.Event)  # a connection has ended
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def hang_up(self) -> None:
        """Close the connections that are open."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()


Talk = Callable[[Server, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with one connection; the connection is closed when it returns."""


@contextlib.asynccontextmanager
async def serving(
    talk: Talk, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """A server on a free port; leaving it closes everything."""
    server = Server(host=host)
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await talk(server, reader, writer)
        writer.close()
        server.left.set()

    # What fails in a handshake is the client's to judge.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    listener = await asyncio.start_server(accept, host, 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in server.writers:
            writer.transport.abort()
        asyncio.get_running_loop().set_exception_handler(None)


def answer(status: int = 200, body: bytes = b"ok", *headers: str) -> bytes:
    """An HTTP answer with a length."""
    lines = [f"HTTP/1.1 {status} Reason", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """An HTTP answer in chunks."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + end


def replying(*answers: bytes) -> Talk:
    """Answer requests in turn, on one connection or several; the last answer repeats.

    A connection ends when the client or the answer says so (RFC 9112 9.6).
    """

    async def talk(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        is_open = True
        while is_open:
            request = await reader.readuntil(b"\r\n\r\n")
            reply = answers[min(len(server.requests), len(answers) - 1)]
            server.requests.append(request)
            writer.write(reply)
            await writer.drain()
            is_open = b"Connection: close" not in request + reply

    return talk


def saying(octets: bytes, then_hang: bool = False) -> Talk:
    """Say something once something came, and close (or hang)."""

    async def talk(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server.requests.append(await reader.read(65536))
        writer.write(octets)
        await writer.drain()
        if then_hang:
            await reader.read()

    return talk


def greeting(octets: bytes) -> Talk:
    """Say something at once, and wait until the client goes."""

    async def talk(_: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        await reader.read()

    return talk


def endless(start: bytes, piece: bytes) -> Talk:
    """Never stop sending, until the client goes."""

    async def talk(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(start)
        while not writer.is_closing():
            writer.write(piece)
            server.sent += len(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return talk


async def hang(server: Server, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take what comes and say nothing."""
    server.requests.append(await reader.read())


async def reset(
    _server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Read something, then reset the connection."""
    await reader.read(1)
    linger = (1).to_bytes(4, "little") + bytes(4)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@contextlib.contextmanager
def refusing(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that refuses connections, and is nobody else's meanwhile."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        yield sock.getsockname()[1]


@contextlib.asynccontextmanager
async def probing() -> AsyncIterator[Callable[..., Awaitable[Observation]]]:
    """A function that probes with tools of its own: `look(check, address, timeout)`."""
    async with open_tools(Heartbeats()) as tools:

        async def look(
            check: Check,
            address: str = "127.0.0.1",
            timeout: float = PATIENCE,  # noqa: ASYNC109  # passed on
        ) -> Observation:
            return await probe(check, address, timeout, tools)

        yield look


async def seen(check: Check, address: str = "127.0.0.1", timeout: float = PATIENCE) -> Observation:  # noqa: ASYNC109  # passed on
    """What one probe with new tools comes to."""
    async with probing() as look:
        return await look(check, address, timeout)


@contextlib.asynccontextmanager
async def some_tools() -> AsyncIterator[Tools]:
    """Tools, for calling a kind itself."""
    async with open_tools(Heartbeats()) as tools:
        yield tools


# ---------------------------------------------------------------- certificates

_CONFIG = """
[ca]
default_ca = own
[own]
database = {dir}/index
serial = {dir}/serial
new_certs_dir = {dir}
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
_NAMES = "DNS:web.test,IP:127.0.0.1,IP:::1"


@dataclass(frozen=True)
class Certificates:
    """A CA and what it issued, in one directory: NAME.crt with NAME.key."""

    directory: Path

    @property
    def ca(self) -> str:
        """The CA to trust."""
        return str(self.directory / "ca.crt")

    def file(self, name: str) -> Path:
        """A certificate in PEM: valid, other, expired, future, short, distant, stranger."""
        return self.directory / f"{name}.crt"

    def der(self, name: str) -> bytes:
        """A certificate in DER."""
        return ssl.PEM_cert_to_DER_cert(self.file(name).read_text())

    def server(self, name: str = "valid", alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """The context of a server that shows this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file(name), self.directory / f"{name}.key")
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def make_certificates(directory: Path) -> Certificates:
    """Make one of every sort; takes a fraction of a second."""
    (directory / "index").touch()
    (directory / "serial").write_text("01\n")
    (directory / "openssl.cnf").write_text(_CONFIG.format(dir=directory))
    _self_sign(directory, "ca", "-addext", "keyUsage=critical,keyCertSign")
    _self_sign(directory, "stranger", "-addext", f"subjectAltName={_NAMES}")
    day = timedelta(days=1)
    _issue(directory, "valid", -day, 100.5 * day)
    _issue(directory, "other", -day, 100.5 * day, "DNS:other.test,IP:192.0.2.1")
    _issue(directory, "expired", -10 * day, -2.5 * day)
    _issue(directory, "future", 2 * day, 10 * day)
    _issue(directory, "short", -day, 3.5 * day)
    _issue(directory, "distant", -day, 365 * 30 * day)
    return Certificates(directory)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(("openssl", *words), cwd=directory, check=True, capture_output=True)


def _self_sign(directory: Path, name: str, *words: str) -> None:
    files = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
    _openssl(directory, "req", "-x509", *_NEW_KEY, *files, "-subj", f"/CN={name}", *words)


def _issue(
    directory: Path, name: str, begin: timedelta, end: timedelta, names: str = _NAMES
) -> None:
    files = ("-keyout", f"{name}.key", "-out", f"{name}.csr")
    _openssl(directory, "req", "-new", *_NEW_KEY, *files, "-subj", f"/CN={name}")
    (directory / f"{name}.ext").write_text(f"subjectAltName={names}\n")
    now = datetime.now(UTC)
    dates = [f"{now + offset:%Y%m%d%H%M%SZ}" for offset in (begin, end)]
    _openssl(
        directory,
        *("ca", "-batch", "-notext", "-config", "openssl.cnf", "-extfile", f"{name}.ext"),
        *("-in", f"{name}.csr", "-out", f"{name}.crt"),
        *("-startdate", dates[0], "-enddate", dates[1]),
    )
