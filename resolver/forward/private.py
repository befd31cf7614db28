"""The rebinding guard: which addresses no public server may give for a name. Pure.

Private, loopback, link-local and unspecified addresses, also where IPv6 carries them (RFC 1918,
4193, 6598, 3927, 4291 2.5.5, 6052), and the hints of SVCB and HTTPS (RFC 9460 7.3).
"""

from __future__ import annotations

import struct

from resolver.rrsets import AAAA, HTTPS, SVCB, A

MANDATORY, IPV4HINT, IPV6HINT = 0, 4, 6  # SvcParamKeys (RFC 9460 14.3.2)
SIZE_OF_HINT = {IPV4HINT: 4, IPV6HINT: 16}
MAPPED = bytes(10) + b"\xff\xff"
COMPATIBLE = bytes(12)
NAT64 = bytes.fromhex("0064ff9b") + bytes(8)
LOCAL_NAT64 = bytes.fromhex("0064ff9b0001")  # RFC 8215
SIX_TO_FOUR = bytes.fromhex("2002")
TRANSLATED = bytes(8) + b"\xff\xff\0\0"  # RFC 7915
CARRIES = (MAPPED, COMPATIBLE, NAT64, TRANSLATED)  # the last four octets are an address of IPv4
ADDRESS_TYPES = frozenset({A, AAAA, SVCB, HTTPS})


def is_private(packed: bytes) -> bool:
    """Whether an address, of 4 or 16 octets, belongs to this machine or to a private network."""
    first, second = packed[0], packed[1]
    if len(packed) == 4:
        return (
            first in (0, 10, 127)
            or (first == 192 and second == 168)
            or (first == 172 and second & 0xF0 == 16)
            or (first == 169 and second == 254)
            or (first == 100 and second & 0xC0 == 64)
            or packed == b"\xff\xff\xff\xff"
        )
    if first & 0xFE == 0xFC or (first == 0xFE and second & 0x80):
        return True  # fc00::/7; fe80::/10, and fec0::/10, which was site-local
    if packed[:6] == LOCAL_NAT64:
        return True
    if packed[:2] == SIX_TO_FOUR:
        return is_private(packed[2:6])
    return packed[:12] in CARRIES and is_private(packed[12:])


def without_private(rtype: int, rdata: bytes) -> bytes | None:
    """Rdata without private addresses: the same, one with fewer hints, or None for nothing."""
    if rtype in (A, AAAA):
        return None if is_private(rdata) else rdata
    if rtype in (SVCB, HTTPS):
        return _without_private_hints(rdata)
    return rdata


def _without_private_hints(rdata: bytes) -> bytes | None:
    """RFC 9460 2.2: priority, target, parameters. None too for what cannot be read."""
    try:
        position = 2
        while rdata[position]:
            position += 1 + rdata[position]
        position += 1
        kept, mandatory, lost = [rdata[:position]], b"", set()
        while position < len(rdata):
            key, length = struct.unpack_from("!HH", rdata, position)
            value = rdata[position + 4 : position + 4 + length]
            if len(value) != length:
                return None
            position += 4 + length
            size = SIZE_OF_HINT.get(key)
            if key == MANDATORY:
                mandatory = value
            if size is not None:
                if length % size:
                    return None
                hints = [value[n : n + size] for n in range(0, length, size)]
                value = b"".join([hint for hint in hints if not is_private(hint)])
                if not value:
                    lost.add(key)
                    continue
            kept.append(struct.pack("!HH", key, len(value)) + value)
    except (IndexError, struct.error):
        return None
    needed = {mandatory[n] << 8 | mandatory[n + 1] for n in range(0, len(mandatory) - 1, 2)}
    # RFC 9460 8: a record without what it calls mandatory is malformed.
    return None if needed & lost else b"".join(kept)
