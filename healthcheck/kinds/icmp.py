"""The kind `icmp`: an echo request over an unprivileged datagram socket (Linux ping sockets).

The kernel fills in checksum and identifier, and gives this socket only the replies that bear it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import ClassVar

from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure, NoObservation
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.tools import Tools

ECHO_REQUEST_4, ECHO_REPLY_4 = 8, 0  # RFC 792
ECHO_REQUEST_6, ECHO_REPLY_6 = 128, 129  # RFC 4443 4
# <linux/in.h> and <linux/in6.h>: an ICMP error ends the wait instead of being dropped.
IP_RECVERR, IPV6_RECVERR = 11, 25
MAX_REPLY = 2048


@dataclass(frozen=True, slots=True, config=STRICT)
class IcmpCheck(Kind):
    """Passes when the address echoes what was sent to it."""

    kind: ClassVar[str] = "icmp"

    async def probe(self, address: str, tools: Tools) -> str:  # one socket a probe
        """Send one echo request; raises NoObservation without permission."""
        is_v6 = ":" in address
        request, reply = (ECHO_REQUEST_6, ECHO_REPLY_6) if is_v6 else (ECHO_REQUEST_4, ECHO_REPLY_4)
        tail = secrets.token_bytes(2 + 16)  # sequence and payload: what marks our own reply
        with _opened(is_v6=is_v6) as opened:
            opened.connect((address, 0))
            opened.send(bytes((request, 0, 0, 0, 0, 0)) + tail)
            while True:
                came = await _receive(opened)
                if came[:1] == bytes((reply,)) and came[6:] == tail:
                    return ""


async def _receive(opened: socket.socket) -> bytes:
    """The next message; an error here is what an ICMP message said, not one of our own side."""
    try:
        return await asyncio.get_running_loop().sock_recv(opened, MAX_REPLY)
    except OSError as error:
        raise Failed(Failure.UNREACHABLE, error.strerror or "unreachable") from None


def _opened(*, is_v6: bool) -> socket.socket:
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if is_v6 else socket.IPPROTO_ICMP
    try:
        opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    except PermissionError:
        # The one setting is for both families.
        message = "net.ipv4.ping_group_range does not hold the group of this process"
        raise NoObservation(message) from None
    except OSError as error:
        raise NoObservation(f"no socket for ICMP: {error.strerror}") from None
    if is_v6:
        opened.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    return opened
