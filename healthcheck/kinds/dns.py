"""The kind `dns`: one question over UDP or TCP, judged by the rcode of the answer."""

from __future__ import annotations

import asyncio
import socket
from typing import Annotated, ClassVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import Port, option, read_choice, read_list, read_scalar, wrong
from healthcheck.tools import Tools

MAX_RCODE = 15  # what fits into the header: the question has no EDNS
MAX_DATAGRAM = 65535


def _read_name(value: object) -> str:
    text = read_scalar(value)
    try:
        return dns.name.from_text(text).to_text()
    except (dns.exception.DNSException, UnicodeError):
        raise wrong(f"{text!r} is no domain name") from None


def _read_type(value: object) -> str:
    text = read_scalar(value)
    try:
        found = dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise wrong(f"{text!r} is no record type") from None
    if found == 0 or (dns.rdatatype.is_metatype(found) and found != dns.rdatatype.ANY):
        raise wrong(f"records of type {text} cannot be asked for")
    return dns.rdatatype.to_text(found)


def _read_rcodes(value: object) -> tuple[str, ...]:
    return tuple(
        dns.rcode.to_text(code) for code in sorted({_read_rcode(v) for v in read_list(value)})
    )


def _read_rcode(value: object) -> dns.rcode.Rcode:
    text = read_scalar(value)
    try:
        found = dns.rcode.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise wrong(f"{text!r} is no rcode (such as NOERROR, NXDOMAIN, REFUSED)") from None
    if found > MAX_RCODE:
        raise wrong(f"the rcode {text} needs EDNS, which the question does not have")
    return found


_TEXT = {"type": "string"}
_CODES = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}


@dataclass(frozen=True, slots=True, config=STRICT)
class DnsCheck(Kind):
    """Passes when a server answers a question, RD clear, with one of the rcodes."""

    kind: ClassVar[str] = "dns"

    port: Port = 53
    qname: Annotated[str, option(_read_name, _TEXT)] = "."
    qtype: Annotated[str, option(_read_type, _TEXT)] = "SOA"
    rcode: Annotated[tuple[str, ...], option(_read_rcodes, _CODES)] = ("NOERROR",)
    transport: Annotated[str, option(read_choice("udp", "tcp"), {"enum": ["udp", "tcp"]})] = "udp"

    async def probe(self, address: str, tools: Tools) -> str:  # one socket a probe
        """Ask once; gives the rcode."""
        query = dns.message.make_query(self.qname, self.qtype, flags=0)
        ask = _ask_udp if self.transport == "udp" else _ask_tcp
        answer = await ask(query, address, self.port)
        rcode = dns.rcode.to_text(answer.rcode())
        if rcode not in self.rcode:
            raise Failed(Failure.ANSWER, rcode)
        return rcode


async def _ask_udp(query: dns.message.Message, address: str, port: int) -> dns.message.Message:
    """Over a connected socket, to which the kernel gives what comes from that address only."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    wire = query.to_wire()
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.connect((address, port))
        opened.send(wire)
        while True:
            reply = await loop.sock_recv(opened, MAX_DATAGRAM)
            # A late answer to another question, or a forged one: ours may still come.
            if reply[:2] == wire[:2] and query.is_response(answer := _read(reply)):
                return answer


async def _ask_tcp(query: dns.message.Message, address: str, port: int) -> dns.message.Message:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        wire = query.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        size = int.from_bytes(await reader.readexactly(2), "big")
        answer = _read(await reader.readexactly(size))
    finally:
        writer.transport.abort()
    if not query.is_response(answer):
        raise Failed(Failure.PROTOCOL, "the answer is to another question")
    return answer


def _read(wire: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        raise Failed(
            Failure.PROTOCOL, f"no DNS message: {str(error) or type(error).__name__}"
        ) from None
