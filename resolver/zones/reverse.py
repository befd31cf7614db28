"""Reverse zones that are always answered here (RFC 6303 4, RFC 7793 3)."""

from __future__ import annotations

from resolver import names

LOCAL_REVERSE_ZONES: tuple[bytes, ...] = tuple(
    names.from_text(text)
    for text in (
        # RFC 6303 4.1: RFC 1918 networks
        "10.in-addr.arpa.",
        *(f"{n}.172.in-addr.arpa." for n in range(16, 32)),
        "168.192.in-addr.arpa.",
        # 4.2: this network, loopback, link local, documentation, broadcast
        "0.in-addr.arpa.",
        "127.in-addr.arpa.",
        "254.169.in-addr.arpa.",
        "2.0.192.in-addr.arpa.",
        "100.51.198.in-addr.arpa.",
        "113.0.203.in-addr.arpa.",
        "255.255.255.255.in-addr.arpa.",
        # RFC 7793: shared address space, 100.64.0.0/10
        *(f"{n}.100.in-addr.arpa." for n in range(64, 128)),
        # RFC 6303 4.3 to 4.6: unspecified and loopback, unique local, link local, documentation
        "0." * 32 + "ip6.arpa.",
        "1." + "0." * 31 + "ip6.arpa.",
        "d.f.ip6.arpa.",
        *(f"{nibble}.e.f.ip6.arpa." for nibble in "89ab"),
        "8.b.d.0.1.0.0.2.ip6.arpa.",
    )
)
