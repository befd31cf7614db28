"""The kind `grpc`: grpc.health.v1.Health/Check, one unary call over HTTP/2.

Request and response are one field each, so their encoding is written out here. What comes is
bounded: 64 KiB for the whole connection, which is also why no flow-control window need be opened.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Iterator
from typing import Annotated, ClassVar

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import (
    Flag,
    OptionalServerName,
    OptionalText,
    Port,
    option,
    read_scalar,
    wrong,
)
from healthcheck.kinds.tls_context import client_context
from healthcheck.tools import Tools

PATH = "/grpc.health.v1.Health/Check"
STREAM = 1  # the only one of the connection
MAX_INPUT = 65536
MAX_FRAME = 16384  # RFC 9113 4.2: as long as we do not allow more
MAX_SERVICE = 255  # octets
MESSAGE_HEADER = 5  # flag of compression, length in four octets
SERVING = 1
STATUSES = {0: "UNKNOWN", SERVING: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
OK, NOT_FOUND, UNIMPLEMENTED = 0, 5, 12
CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)


def _read_service(value: object) -> str:
    text = read_scalar(value)
    if not text.isprintable() or len(text.encode(errors="replace")) > MAX_SERVICE:
        raise wrong(f"{text!r} is no name of a service")
    return text


@dataclass(frozen=True, slots=True, config=STRICT)
class GrpcCheck(Kind):
    """Passes when the health service says SERVING; the empty service is the whole server."""

    kind: ClassVar[str] = "grpc"

    port: Port
    service: Annotated[str, option(_read_service, {"type": "string"})] = ""
    tls: Flag = False
    verify: Flag = True
    ca_file: OptionalText = None
    sni: OptionalServerName = None

    async def probe(self, address: str, tools: Tools) -> str:  # one connection a probe
        """Make one call; gives SERVING."""
        reader, writer = await self._connected(address)
        try:
            host = self.sni or (f"[{address}]" if ":" in address else address)
            call = _Call(self.service, f"{host}:{self.port}", "https" if self.tls else "http")
            while not call.is_over:
                writer.write(call.to_send())
                call.receive(await reader.read(MAX_FRAME))
            writer.write(call.closing())
        finally:
            writer.transport.abort()
        return call.result()

    async def _connected(self, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.tls:
            return await asyncio.open_connection(address, self.port)
        context = client_context(self.verify, self.ca_file, ("h2",))
        reader, writer = await asyncio.open_connection(
            address, self.port, ssl=context, server_hostname=self.sni or address
        )
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            writer.transport.abort()
            raise Failed(Failure.PROTOCOL, "the server does not offer h2 (ALPN)")
        return reader, writer


class _Call:
    """One call, without its connection: octets in, octets out."""

    def __init__(self, service: str, authority: str, scheme: str) -> None:
        self.is_over = False
        self._service = service
        self._buffer = bytearray()
        self._received = 0
        self._status: int | None = None  # of HTTP
        self._headers: dict[bytes, bytes] = {}  # and trailers
        self._body = bytearray()
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._h2.local_settings = h2.settings.Settings(
            client=True, initial_values={h2.settings.SettingCodes.ENABLE_PUSH: 0}
        )
        self._h2.initiate_connection()
        self._h2.send_headers(STREAM, _request_headers(authority, scheme))
        self._h2.send_data(STREAM, _framed(_packed_service(service)), end_stream=True)

    def to_send(self) -> bytes:
        """What is to be written now."""
        return self._h2.data_to_send()

    def closing(self) -> bytes:
        """What is to be written last: that the connection ends without trouble."""
        try:
            self._h2.close_connection()
        except h2.exceptions.H2Error:  # they were first
            return b""
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> None:
        """Take what came; nothing means the end. Raises Failed for what is not of the protocol."""
        if not data:
            raise Failed(Failure.RESET, "closed before it had answered")
        self._received += len(data)
        if self._received > MAX_INPUT:
            raise Failed(Failure.PROTOCOL, f"more than {MAX_INPUT} octets came")
        self._buffer += data
        for frame in _frames(self._buffer):
            try:
                events = self._h2.receive_data(frame)
            except h2.exceptions.H2Error as error:
                raise Failed(Failure.PROTOCOL, f"not HTTP/2: {error}") from None
            for event in events:
                self._take(event)
            if self.is_over:
                return

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                self._headers |= dict(event.headers)
            case h2.events.DataReceived():
                self._body += event.data
            case h2.events.StreamEnded():
                self.is_over = True
            case h2.events.StreamReset(remote_reset=False):
                raise Failed(Failure.PROTOCOL, f"not HTTP/2: {_error_name(event.error_code)}")
            case h2.events.StreamReset():
                raise Failed(Failure.RESET, f"RST_STREAM {_error_name(event.error_code)}")
            case h2.events.ConnectionTerminated():
                raise Failed(Failure.RESET, f"GOAWAY {_error_name(event.error_code)}")

    def result(self) -> str:
        """SERVING; raises Failed for anything else."""
        _judge_headers(self._headers)
        self._judge_code()
        status = _read_status(_unframed(bytes(self._body)))
        name = STATUSES.get(status, f"status {status}")
        if status != SERVING:
            raise Failed(Failure.ANSWER, name)
        return name

    def _judge_code(self) -> None:
        """By `grpc-status`, which is in the trailers, or in the headers of an early end."""
        written = self._headers.get(b"grpc-status", b"")
        if not (written.isdigit() and len(written) <= 3):
            raise Failed(Failure.PROTOCOL, "the answer has no grpc-status")
        code = int(written)
        if code == NOT_FOUND:
            raise Failed(Failure.ANSWER, f"unknown service {self._service!r}")
        if code == UNIMPLEMENTED:
            raise Failed(Failure.ANSWER, "UNIMPLEMENTED: the server has no health service")
        if code != OK:
            name = CODES[code] if code < len(CODES) else f"grpc-status {code}"
            said = self._headers.get(b"grpc-message", b"").decode(errors="replace")
            raise Failed(Failure.ANSWER, f"{name}: {urllib.parse.unquote(said)}".rstrip(": "))


def _request_headers(authority: str, scheme: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", scheme),
        (":path", PATH),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "sightline"),
    ]


def _judge_headers(headers: dict[bytes, bytes]) -> None:
    status = headers.get(b":status", b"").decode(errors="replace")
    if status != "200":
        raise Failed(Failure.STATUS, f"HTTP status {status}")
    if not headers.get(b"content-type", b"").startswith(b"application/grpc"):
        raise Failed(Failure.PROTOCOL, "the answer is not of gRPC")


def _error_name(code: int | None) -> str:
    try:
        return h2.errors.ErrorCodes(code or 0).name
    except ValueError:
        return f"error {code}"


def _frames(buffer: bytearray) -> Iterator[bytes]:
    """Take whole frames off a buffer, one by one: what came before a bad one still counts."""
    while len(buffer) >= 9:
        size = int.from_bytes(buffer[:3], "big")
        if size > MAX_FRAME:
            raise Failed(Failure.PROTOCOL, "not HTTP/2")
        if len(buffer) < 9 + size:
            return
        frame = bytes(buffer[: 9 + size])
        del buffer[: 9 + size]
        yield frame


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def _unframed(body: bytes) -> bytes:
    """The one message of a body."""
    size = int.from_bytes(body[1:MESSAGE_HEADER], "big")
    if len(body) < MESSAGE_HEADER or len(body) != MESSAGE_HEADER + size:
        raise Failed(Failure.PROTOCOL, "the answer is not one message")
    if body[0]:
        raise Failed(Failure.PROTOCOL, "the answer is compressed")
    return body[MESSAGE_HEADER:]


def _packed_service(service: str) -> bytes:
    """HealthCheckRequest: `string service = 1`, left out when it is empty."""
    text = service.encode()
    if not text:
        return b""
    size = len(text)  # a varint of one or two octets
    length = bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))
    return b"\x0a" + length + text


def _read_status(message: bytes) -> int:
    """HealthCheckResponse: `ServingStatus status = 1`; fields that are not known are skipped."""
    status, at = 0, 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire_type = key >> 3, key & 7
        value = 0
        if wire_type == 0:
            value, at = _read_varint(message, at)
        elif wire_type == 2:
            size, at = _read_varint(message, at)
            at += size
        elif wire_type in {1, 5}:
            at += 8 if wire_type == 1 else 4
        if at > len(message) or number == 0 or wire_type in {3, 4, 6, 7}:
            raise Failed(Failure.PROTOCOL, "no HealthCheckResponse")
        if number == 1 and wire_type == 0:
            status = value
    return status


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of at most ten octets, seven bits each, and where it ends."""
    value = 0
    for index, octet in enumerate(message[at : at + 10]):
        value |= (octet & 127) << 7 * index
        if octet < 128:
            return value, at + index + 1
    raise Failed(Failure.PROTOCOL, "no HealthCheckResponse")
