"""What listeners tell of each message of a client, to whoever is to see them all.

Where somebody is, there are no memos: replies out of memos pass nobody.
"""

from __future__ import annotations

import socket
from typing import NamedTuple, Protocol

from resolver.listen.pumps import Control
from resolver.listen.sockets import IP_PKTINFO
from resolver.outcome import Outcome
from resolver.views import Door


class Seen(NamedTuple):
    """A message of a client, as it came."""

    wire: bytes
    source: str
    port: int
    local: tuple[str, int]  # the address and port that it came to
    door: Door
    asked: float  # when, on the server's clock


class Witness(Protocol):
    """Is told of everything; never waits, and raises nothing."""

    def asks(self, seen: Seen) -> None:
        """A message has come."""

    def answers(self, seen: Seen, outcome: Outcome) -> None:
        """A reply is given, or nothing."""


def local_address(control: Control | None, otherwise: str) -> str:
    """The address that a datagram came to."""
    for level, kind, octets in control or ():
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return socket.inet_ntop(socket.AF_INET, octets[4:8])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return socket.inet_ntop(socket.AF_INET6, octets[:16])
    return otherwise
