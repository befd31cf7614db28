"""Whether a port speaks TLS with a certificate that is trusted and lasts.

The handshake runs on a plain socket. `ssl` tells the end of a certificate only when it verified
it, so the validity is read from the DER itself (RFC 5280 4.1).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime
from typing import ClassVar

from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import Days, Flag, OptionalServerName, OptionalText, Port
from healthcheck.kinds.tcp import connected
from healthcheck.kinds.tls_context import client_context
from healthcheck.tools import Tools

DAY = 86400.0  # seconds
SEQUENCE, INTEGER, VERSION = 0x30, 0x02, 0xA0
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


@dataclass(frozen=True, slots=True, config=STRICT)
class TlsCheck(Kind):
    """Shake hands; the certificate must last for `days_left` days more."""

    kind: ClassVar[str] = "tls"

    port: Port
    verify: Flag = True  # False: whoever issued it, to whomever; its dates are judged still
    ca_file: OptionalText = None  # None: the CAs of the system
    sni: OptionalServerName = None  # None: the address is what the certificate must be for
    days_left: Days = 0

    async def probe(self, address: str, tools: Tools) -> str:
        """Pass when the handshake is done and the certificate is valid for long enough."""
        context = client_context(self.verify, self.ca_file)
        async with connected(address, self.port) as sock:
            certificate = await _shake_hands(sock, context, self.sni or address)
        try:
            begin, end = read_validity(certificate)
        except ValueError as error:
            raise Failed(Failure.CERTIFICATE, f"unreadable: {error}") from None
        return judge(begin, end, time.time(), self.days_left)


async def _shake_hands(sock: socket.socket, context: ssl.SSLContext, name: str) -> bytes:
    """Give the certificate of the other end, in DER."""
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            await loop.sock_sendall(sock, outgoing.read())
        except ssl.SSLError:
            await _send_rest(sock, outgoing)
            raise
        came = await loop.sock_recv(sock, 16384)
        if not came:
            raise Failed(Failure.RESET, "closed during the handshake")
        incoming.write(came)
    await _send_rest(sock, outgoing)
    return tls.getpeercert(binary_form=True) or b""


async def _send_rest(sock: socket.socket, outgoing: ssl.MemoryBIO) -> None:
    """Send what ends the handshake, or the alert that says why: judged it is already."""
    try:
        await asyncio.get_running_loop().sock_sendall(sock, outgoing.read())
    except OSError:
        return


def judge(begin: float, end: float, now: float, days_left: int) -> str:
    """Say when a certificate expires; times in seconds since the epoch.

    Raises Failed when it is not valid now or not for `days_left` days more.
    """
    date = datetime.fromtimestamp(end, UTC).date()
    if now < begin:
        since = datetime.fromtimestamp(begin, UTC)
        raise Failed(Failure.CERTIFICATE, f"not valid before {since:%Y-%m-%d %H:%M} UTC")
    if now > end:
        raise Failed(Failure.CERTIFICATE, f"expired {_days(now - end)} ago ({date})")
    told = f"expires in {_days(end - now)}"
    if end - now < days_left * DAY:
        raise Failed(Failure.CERTIFICATE, f"{told} ({date})")
    return told


def _days(seconds: float) -> str:
    count = int(seconds // DAY)
    return "1 day" if count == 1 else f"{count} days"


def read_validity(certificate: bytes) -> tuple[float, float]:
    """The notBefore and notAfter of a certificate in DER, in seconds since the epoch.

    Raises ValueError when it is none.
    """
    tbs, _ = _read_element(_read_element(certificate, SEQUENCE)[0], SEQUENCE)
    if tbs[:1] == bytes((VERSION,)):
        _, tbs = _read_element(tbs, VERSION)
    for tag in (INTEGER, SEQUENCE, SEQUENCE):  # serial number, signature algorithm, issuer
        _, tbs = _read_element(tbs, tag)
    validity, _ = _read_element(tbs, SEQUENCE)
    begin, rest = _read_time(validity)
    return begin, _read_time(rest)[0]


def _read_element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element and what comes after it (X.690 8.1, 10.1)."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError(f"no element {tag:#x}")
    start, length = 2, data[1]
    if length >= 0x80:
        start += length - 0x80
        length = int.from_bytes(data[2:start])
        # Four octets are more than any certificate needs; 0x80 alone is of BER only.
        if not 2 < start <= 6:
            raise ValueError("bad length")
    end = start + length
    if end > len(data):
        raise ValueError("cut short")
    return data[start:end], data[end:]


def _read_time(data: bytes) -> tuple[float, bytes]:
    """RFC 5280 4.1.2.5: in UTC with seconds; two-digit years from 50 on are of the 20th century."""
    tag = UTC_TIME if data[:1] == bytes((UTC_TIME,)) else GENERALIZED_TIME
    content, rest = _read_element(data, tag)
    text = content.decode("ascii", "replace")
    if tag == UTC_TIME:
        text = ("19" if text[:1] >= "5" else "20") + text
    if len(text) != 15 or not text[:14].isdecimal() or text[14] != "Z":
        raise ValueError(f"{text!r} is no time")
    moment = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return moment.timestamp(), rest
