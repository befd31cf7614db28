"""Opening sockets, and the address that a datagram came to."""

import socket
from pathlib import Path

import pytest

from resolver.config import SocketAddress
from resolver.listen.sockets import RECEIVE_BUFFER, CannotListen, bind, reply_control


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_udp_and_tcp_get_one_port(host: str) -> None:
    """Also when the system chooses it."""
    bound = bind(SocketAddress(host, 0))
    ports = {bound.udp.getsockname()[1], bound.tcp.getsockname()[1], bound.address.port}
    assert len(ports) == 1
    assert bound.is_wildcard == (host in {"0.0.0.0", "::"})
    bound.close()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_in_use_is_one_clear_line(kind: socket.SocketKind) -> None:
    """It names the address, the transport and the reason; nothing stays open."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port} \((UDP|TCP)\): .*in use"):
            bind(SocketAddress("127.0.0.1", port))
    bind(SocketAddress("127.0.0.1", port)).close()


def test_an_address_of_another_machine() -> None:
    """No interface has it."""
    with pytest.raises(CannotListen, match=r"192\.0\.2\.1:0 .*assign"):
        bind(SocketAddress("192.0.2.1", 0))


def test_ipv6_listeners_leave_ipv4_alone() -> None:
    """IPV6_V6ONLY always: both wildcards side by side on one port."""
    four = bind(SocketAddress("0.0.0.0", 0))
    six = bind(SocketAddress("::", four.address.port))
    four.close()
    six.close()


def test_replies_leave_from_the_address_asked() -> None:
    """in_pktinfo has it in the middle, in6_pktinfo is sent back as it came."""
    asked = (socket.IPPROTO_IP, 8, b"\2\0\0\0" + b"\x7f\0\0\2" + b"\x7f\0\0\2")
    assert reply_control([(1, 2, b""), asked]) == [
        (socket.IPPROTO_IP, 8, bytes(4) + b"\x7f\0\0\2" + bytes(4))
    ]
    six = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, bytes(20))
    assert reply_control([six]) == [six]
    assert reply_control([]) == []


def test_what_waits_has_room() -> None:
    """As much as the kernel lets anybody ask for, at least; root gets what we want."""
    bound = bind(SocketAddress("127.0.0.1", 0))
    room = bound.udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    bound.close()
    allowed = int(Path("/proc/sys/net/core/rmem_max").read_text())
    assert room >= 2 * min(RECEIVE_BUFFER, allowed)  # the kernel doubles it
