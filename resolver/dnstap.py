"""dnstap messages in protobuf (dnstap.proto of dnstap.info): a few fields, written by hand. Pure.

Fields are written in the order of their numbers; a tag is `number << 3 | wire type`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"

# Message.Type
CLIENT_QUERY, CLIENT_RESPONSE, FORWARDER_QUERY, FORWARDER_RESPONSE = 5, 6, 7, 8
KINDS = {
    "client_query": CLIENT_QUERY,
    "client_response": CLIENT_RESPONSE,
    "forwarder_query": FORWARDER_QUERY,
    "forwarder_response": FORWARDER_RESPONSE,
}
PROTOCOLS = {"udp": 1, "tcp": 2, "tls": 3, "https": 4}  # SocketProtocol: UDP, TCP, DOT, DOH
INET, INET6 = 1, 2  # SocketFamily

VARINT, LENGTH, FIXED32 = 0, 2, 5
NANOSECONDS = 1_000_000_000
_FIXED32 = struct.Struct("<I")


class Message(NamedTuple):
    """One message; what is None or empty is left out."""

    kind: int  # CLIENT_QUERY …
    transport: str  # udp | tcp | tls | https
    asker: tuple[bytes, int] | None  # packed address and port of who asked
    asked: tuple[bytes, int]  # and of who was asked
    query_at: float  # seconds since the epoch
    response_at: float | None  # None: it is a query
    wire: bytes
    extra: bytes = b""


class Encoder:
    """Writes frames of one server."""

    def __init__(self, identity: bytes, version: bytes) -> None:
        self._head = _octets(1, identity) + _octets(2, version)

    def encode(self, message: Message) -> bytes:
        """A `Dnstap` of type MESSAGE."""
        extra = _octets(3, message.extra) if message.extra else b""
        return b"".join((self._head, extra, _octets(14, _message(message)), b"\x78\x01"))


def _message(message: Message) -> bytes:
    kind, transport, asker, asked, query_at, response_at, wire, _ = message
    family = INET if len(asked[0]) == 4 else INET6
    parts = [bytes((0x08, kind, 0x10, family, 0x18, PROTOCOLS[transport]))]
    if asker is not None:
        parts.append(_octets(4, asker[0]))
    parts.append(_octets(5, asked[0]))
    if asker is not None:
        parts.append(b"\x30" + _varint(asker[1]))
    parts.append(b"\x38" + _varint(asked[1]))
    parts += _time(query_at, 8)
    if response_at is None:
        parts.append(_octets(10, wire))
    else:
        parts += _time(response_at, 12)
        parts.append(_octets(14, wire))
    return b"".join(parts)


def _time(at: float, number: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Seconds in field `number`, nanoseconds in the next."""
    seconds = int(at)
    nanoseconds = int((at - seconds) * NANOSECONDS)  # apart: a float has 53 bits
    tags = bytes((number << 3 | VARINT,)), bytes((number + 1 << 3 | FIXED32,))
    return tags[0], _varint(seconds), tags[1], _FIXED32.pack(nanoseconds)


def _octets(number: int, octets: bytes) -> bytes:
    return bytes((number << 3 | LENGTH,)) + _varint(len(octets)) + octets


def _varint(number: int) -> bytes:
    if number < 128:
        return bytes((number,))
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
