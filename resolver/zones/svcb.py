"""Service parameters of SVCB and HTTPS records (RFC 9460): the last field of their rdata.

Knows the keys, their values, and what must hold between them. Never looks anything up.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from resolver.zones import presentation, rdata
from resolver.zones.presentation import BadRdata

MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT, DOHPATH = range(8)

_INVALID_KEY = 65535  # RFC 9460 14.3.2
_is_generic_key = re.compile(r"key(?:0|[1-9][0-9]{0,4})").fullmatch
_has_dns_variable = re.compile(r"\{[^{}]*\bdns\b[^{}]*\}").search


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """One known key. `text` refuses every wire value that `parse` would not give.

    `parse` takes the unescaped value; `text` gives the value as written, quotes included, and
    nothing for a key without value. Both raise BadRdata, as a predicate of the key.
    """

    number: int
    name: str
    parse: Callable[[bytes], bytes]
    text: Callable[[bytes], str]


def _items(value: bytes) -> list[bytes]:
    """Split a comma-separated list, in which `\\,` and `\\\\` are escapes (RFC 9460 A.1)."""
    items, position = [bytearray()], 0
    while position < len(value):
        octet = value[position : position + 1]
        if octet == b"\\":
            position += 1
            octet = value[position : position + 1]
            if octet not in (b",", b"\\"):
                raise BadRdata("has a backslash before something else than a comma or backslash")
            items[-1] += octet
        elif octet == b",":
            items.append(bytearray())
        else:
            items[-1] += octet
        position += 1
    return [bytes(item) for item in items]


def _parse_alpn(value: bytes) -> bytes:
    protocols = _items(value)
    if not all(0 < len(protocol) < 256 for protocol in protocols):
        raise BadRdata("needs protocols of 1 to 255 octets")
    return b"".join([bytes((len(protocol),)) + protocol for protocol in protocols])


def _alpn_text(wire: bytes) -> str:
    protocols, position = [], 0
    while position < len(wire):
        end = rdata.advance(wire, position, 1 + wire[position])
        protocols.append(wire[position + 1 : end])
        position = end
    if not protocols or not all(protocols):
        raise BadRdata("needs protocols of 1 to 255 octets")
    escaped = [p.replace(b"\\", b"\\\\").replace(b",", b"\\,") for p in protocols]
    return presentation.quote(b",".join(escaped))


AUTO = b"auto"  # hints that are selected when answering; no octets until then


def _parse_nothing(value: bytes) -> bytes:
    if value:
        raise BadRdata("takes no value")
    return b""


def _nothing_text(wire: bytes) -> str:
    _parse_nothing(wire)
    return ""


def _parse_port(value: bytes) -> bytes:
    return presentation.number(_ascii(value), 0xFFFF).to_bytes(2, "big")


def _port_text(wire: bytes) -> str:
    if len(wire) != 2:
        raise BadRdata(f"has {len(wire)} octets instead of 2")
    return str(int.from_bytes(wire, "big"))


def _ascii(value: bytes) -> str:
    return value.decode("ascii", "backslashreplace")


def _parse_ipv4hint(value: bytes) -> bytes:
    if value == AUTO:
        return b""
    return b"".join([presentation.pack_ipv4(item) for item in _ascii(value).split(",")])


def _ipv4hint_text(wire: bytes) -> str:
    return ",".join([presentation.ipv4_text(packed) for packed in _chunks(wire, 4)]) or "auto"


def _parse_ipv6hint(value: bytes) -> bytes:
    if value == AUTO:
        return b""
    return b"".join([presentation.pack_ipv6(item) for item in _ascii(value).split(",")])


def _ipv6hint_text(wire: bytes) -> str:
    return ",".join([presentation.ipv6_text(packed) for packed in _chunks(wire, 16)]) or "auto"


def _chunks(wire: bytes, size: int) -> tuple[bytes, ...]:
    if len(wire) % size:
        raise BadRdata(f"has {len(wire)} octets instead of {size} for each address")
    return tuple(wire[start : start + size] for start in range(0, len(wire), size))


def _parse_ech(value: bytes) -> bytes:
    return presentation.base64_octets(_ascii(value))


def _ech_text(wire: bytes) -> str:
    # RFC 9849 4: an ECHConfigList is a length and at least one configuration of 4 octets or more.
    if len(wire) < 6 or int.from_bytes(wire[:2], "big") != len(wire) - 2:
        raise BadRdata("is no ECHConfigList")
    return presentation.base64_text(wire)


def _parse_dohpath(value: bytes) -> bytes:
    # RFC 9461 5: a URI Template in relative form, in UTF-8, that contains the variable "dns".
    try:
        template = value.decode()
    except UnicodeDecodeError:
        raise BadRdata("is not UTF-8") from None
    if not template.startswith("/") or not _has_dns_variable(template):
        raise BadRdata(f"{template!r} is no path template with the variable dns (/q{{?dns}})")
    return value


def _dohpath_text(wire: bytes) -> str:
    return presentation.quote(_parse_dohpath(wire))


def _parse_mandatory(value: bytes) -> bytes:
    keys = [key_number(name) for name in _ascii(value).split(",")]
    if len(set(keys)) != len(keys):
        raise BadRdata("lists a key twice")
    return b"".join([key.to_bytes(2, "big") for key in sorted(keys)])


def _mandatory_text(wire: bytes) -> str:
    keys = _mandatory_keys(wire)
    # RFC 9460 8: keys in strictly increasing order, "mandatory" itself not among them.
    if not keys or any(low >= high for low, high in pairwise(keys)):
        raise BadRdata("is empty, out of order or lists a key twice")
    if MANDATORY in keys:
        raise BadRdata("lists itself")
    return ",".join([key_text(key) for key in keys])


def _mandatory_keys(wire: bytes) -> tuple[int, ...]:
    if len(wire) % 2:
        raise BadRdata("has an odd number of octets")
    return struct.unpack(f"!{len(wire) // 2}H", wire)


KEYS = (
    ServiceKey(MANDATORY, "mandatory", _parse_mandatory, _mandatory_text),
    ServiceKey(ALPN, "alpn", _parse_alpn, _alpn_text),
    ServiceKey(NO_DEFAULT_ALPN, "no-default-alpn", _parse_nothing, _nothing_text),
    ServiceKey(PORT, "port", _parse_port, _port_text),
    ServiceKey(IPV4HINT, "ipv4hint", _parse_ipv4hint, _ipv4hint_text),
    ServiceKey(ECH, "ech", _parse_ech, _ech_text),
    ServiceKey(IPV6HINT, "ipv6hint", _parse_ipv6hint, _ipv6hint_text),
    ServiceKey(DOHPATH, "dohpath", _parse_dohpath, _dohpath_text),
)
HINTS = (IPV4HINT, IPV6HINT)
_BY_NAME: Mapping[str, ServiceKey] = {key.name: key for key in KEYS}
_BY_NUMBER: Mapping[int, ServiceKey] = {key.number: key for key in KEYS}


def key_number(name: str) -> int:
    """The number of a key, `keyNNNNN` included. Raises BadRdata."""
    if name in _BY_NAME:
        return _BY_NAME[name].number
    if _is_generic_key(name) and int(name[3:]) < _INVALID_KEY:
        return int(name[3:])
    raise BadRdata(f"{name!r} is unknown (write keyNNNNN for one that is new)")


def key_text(number: int) -> str:
    """The name of a key, `keyNNNNN` for an unknown one."""
    known = _BY_NUMBER.get(number)
    return known.name if known else f"key{number}"


def _parameters(wire: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    previous = -1
    while position < len(wire):
        start = rdata.advance(wire, position, 4)
        number, length = struct.unpack_from("!HH", wire, position)
        position = rdata.advance(wire, start, length)
        # RFC 9460 2.2: keys in strictly increasing order.
        if number <= previous:
            raise BadRdata(f"{key_text(number)} is out of order or given twice")
        if number == _INVALID_KEY:
            raise BadRdata(f"key{number} is reserved")
        yield number, wire[start:position]
        previous = number


def _value_text(number: int, value: bytes) -> str:
    known = _BY_NUMBER.get(number)
    if known is None:
        return presentation.quote(value) if value else ""
    try:
        return known.text(value)
    except BadRdata as problem:
        raise BadRdata(f"{known.name} {problem}") from None


def _check_consistency(parameters: Mapping[int, bytes]) -> None:
    for key in _mandatory_keys(parameters.get(MANDATORY, b"")):
        if key not in parameters:
            raise BadRdata(f"mandatory lists {key_text(key)}, which is absent")
    # RFC 9460 7.1.1: with "no-default-alpn", "alpn" must be given.
    if NO_DEFAULT_ALPN in parameters and ALPN not in parameters:
        raise BadRdata("no-default-alpn needs alpn")


@dataclass(frozen=True, slots=True)
class ServiceParameters(rdata.Kind):
    """`key`, `key=value` and `key="value"` in any order; sorted by number on the wire."""

    rest: ClassVar[bool] = True
    least: ClassVar[int] = 0

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        parameters: dict[int, bytes] = {}
        for token in tokens:
            name, _, written = token.partition("=")
            number = key_number(name)
            if number in parameters:
                raise BadRdata(f"{name} is given twice")
            try:
                value = presentation.unescape(written)
                # RFC 9460 2.1: a value behind keyNNNNN is the wire value, whatever the number.
                parameters[number] = _BY_NAME[name].parse(value) if name in _BY_NAME else value
            except BadRdata as problem:
                raise BadRdata(f"{name} {problem}") from None
            if len(parameters[number]) > 0xFFFF:
                raise BadRdata(f"{name} is longer than 65535 octets")
        ordered = sorted(parameters.items())
        wire = b"".join([struct.pack("!HH", key, len(value)) + value for key, value in ordered])
        self.end(wire, 0)
        return wire

    def end(self, wire: bytes, position: int) -> int:
        parameters = dict(_parameters(wire, position))
        for number, value in parameters.items():
            _value_text(number, value)
        _check_consistency(parameters)
        return len(wire)

    def text(self, octets: bytes) -> str:
        written = []
        for number, value in _parameters(octets, 0):
            value_text = _value_text(number, value)
            written.append(f"{key_text(number)}={value_text}" if value_text else key_text(number))
        return " ".join(written)

    def addresses(self, octets: bytes) -> tuple[bytes, ...]:
        parameters = dict(_parameters(octets, 0))
        return (
            *(_chunks(parameters[IPV4HINT], 4) if IPV4HINT in parameters else ()),
            *(_chunks(parameters[IPV6HINT], 16) if IPV6HINT in parameters else ()),
        )


def has_auto_hints(octets: bytes) -> bool:
    """Whether rdata leaves hints to be selected when answering."""
    return any(number in HINTS and not value for number, value in _parameters_of(octets))


def with_hints(octets: bytes, hints: Mapping[int, tuple[bytes, ...]]) -> bytes:
    """Fill in the hints that were left open, by key; one without addresses is left out."""
    packed = [octets[: rdata.end_of_name(octets, 2)]]
    for number, value in _parameters_of(octets):
        filled = b"".join(hints.get(number, ())) if number in HINTS and not value else value
        if filled or number not in HINTS:
            packed.append(struct.pack("!HH", number, len(filled)) + filled)
    return b"".join(packed)


def target(octets: bytes, owner: bytes) -> bytes:
    """The name of the service; the root stands for the owner (RFC 9460 2.5.2)."""
    name = octets[2 : rdata.end_of_name(octets, 2)]
    return owner if name == b"\0" else name


def _parameters_of(octets: bytes) -> Iterator[tuple[int, bytes]]:
    return _parameters(octets, rdata.end_of_name(octets, 2))
