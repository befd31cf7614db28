"""Opening the sockets of a listener, and the local address that a datagram came to."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from dataclasses import dataclass

from resolver.config import SocketAddress

# Linux values that the socket module of older Pythons lacks.
IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
IP_MTU_DISCOVER, IP_PMTUDISC_OMIT = 10, 5
SO_RCVBUFFORCE = 33
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT = 23, 5
RECEIVE_BUFFER = 4 * 1024 * 1024
BACKLOG = 1024
NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class Bound:
    """The sockets of one listener: UDP and TCP on one address and port."""

    address: SocketAddress
    udp: socket.socket
    tcp: socket.socket

    @property
    def is_wildcard(self) -> bool:
        return ipaddress.ip_address(self.address.host).is_unspecified

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()


class CannotListen(Exception):
    """A socket could not be bound; the message is one clear line."""


class NoFamily(CannotListen):
    """This machine has no such address family."""


def bind(address: SocketAddress) -> Bound:
    """Bind UDP and TCP of one address; with port 0 both get the same free port."""
    for _ in range(16):
        tcp = _open(address, socket.SOCK_STREAM)
        port = tcp.getsockname()[1]
        try:
            udp = _open(SocketAddress(address.host, port), socket.SOCK_DGRAM)
        except CannotListen:
            tcp.close()
            if address.port:
                raise
            continue  # that port was free for TCP only: take another
        return _listening(SocketAddress(address.host, port), udp, tcp)
    raise CannotListen(f"cannot listen on {address}: no free port")


def bind_often(address: SocketAddress, count: int) -> list[Bound]:
    """Bind an address `count` times over; the kernel deals out clients among equal sockets.

    The first is bound for itself: so a second server is refused, which would otherwise get a
    part of the clients.
    """
    first = bind(address)
    bounds = [first]
    try:
        if count > 1:
            _share(first.udp)
            _share(first.tcp)
        while len(bounds) < count:
            udp = _open(first.address, socket.SOCK_DGRAM, is_shared=True)
            try:
                tcp = _open(first.address, socket.SOCK_STREAM, is_shared=True)
            except CannotListen:
                udp.close()
                raise
            bounds.append(_listening(first.address, udp, tcp))
    except CannotListen:
        for bound in bounds:
            bound.close()
        raise
    return bounds


def _listening(address: SocketAddress, udp: socket.socket, tcp: socket.socket) -> Bound:
    tcp.listen(BACKLOG)
    return Bound(address, udp, tcp)


def _share(opened: socket.socket) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _open(
    address: SocketAddress, kind: socket.SocketKind, *, is_shared: bool = False
) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    transport = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
    try:
        opened = socket.socket(family, kind)
    except OSError as error:
        raise NoFamily(f"cannot listen on {address} ({transport}): {error.strerror}") from None
    try:
        opened.setblocking(False)
        if family is socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind is socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            _prepare_datagrams(opened, family, address)
        if is_shared:
            _share(opened)
        opened.bind((address.host, address.port))
    except OSError as error:
        opened.close()
        reason, hint = os.strerror(error.errno) if error.errno else str(error), ""
        if error.errno == errno.EADDRINUSE:
            reason = "in use by another server"
        elif error.errno == errno.EACCES:
            hint = " (a port below 1024 needs a privilege)"
        elif error.errno == errno.EADDRNOTAVAIL:
            hint = " (no interface has this address)"
        kind_of = NoFamily if error.errno in NO_FAMILY else CannotListen
        raise kind_of(f"cannot listen on {address} ({transport}): {reason}{hint}") from None
    return opened


def _prepare_datagrams(
    opened: socket.socket, family: socket.AddressFamily, address: SocketAddress
) -> None:
    # What waits there while something holds up the answers is not lost. Root may ask for more than
    # net.core.rmem_max.
    for option in (socket.SO_RCVBUF, SO_RCVBUFFORCE):
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
    is_v6 = family is socket.AF_INET6
    # Fragments of a reply, or a spoofed "too big", must not matter (RFC 9715 3.1).
    with contextlib.suppress(OSError):
        if is_v6:
            opened.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)
        else:
            opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
    if ipaddress.ip_address(address.host).is_unspecified:
        if is_v6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


def reply_control(control: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """The control data that sends a reply from the address its question came to.

    in_pktinfo is (interface, address to send from, address in the header); the second was
    filled in by the kernel with the local address of the question. in6_pktinfo is (address,
    interface) and serves as it came.
    """
    for level, kind, octets in control:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return [(level, kind, b"\0\0\0\0" + octets[4:8] + b"\0\0\0\0")]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return [(level, kind, octets)]
    return []
