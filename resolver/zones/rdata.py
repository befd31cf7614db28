"""Rdata field kinds: how one field of a record is written, packed and read back.

A kind is a small frozen value. It takes its tokens from a zone-file text, gives the octets of its
field, and finds the field again in uncompressed rdata. It knows neither its field's name (the
caller puts it in front of a BadRdata message) nor the other fields. No clock, no network.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from resolver import names
from resolver.zones.presentation import (
    BadRdata,
    base64_octets,
    base64_text,
    encode,
    hex_octets,
    ipv4_text,
    ipv6_text,
    number,
    pack_ipv4,
    pack_ipv6,
    quote,
    unescape,
)

MAX_STRING = 255  # octets of one <character-string> (RFC 1035 3.3)


def advance(wire: bytes, position: int, count: int) -> int:
    """The position `count` octets further on. Raises BadRdata beyond the end."""
    if position + count > len(wire):
        raise BadRdata("is cut short")
    return position + count


def end_of_name(wire: bytes, position: int) -> int:
    """The position behind the uncompressed name that begins here. Raises BadRdata."""
    start = position
    while True:
        length = wire[advance(wire, position, 1) - 1]
        if length > names.MAX_LABEL:
            raise BadRdata("has a compression pointer or an unknown label type")
        position = advance(wire, position, 1 + length)
        if position - start > names.MAX_NAME:
            raise BadRdata(f"is longer than {names.MAX_NAME} octets")
        if not length:
            return position


class Kind(ABC):
    """One way to write a field.

    `text(wire[start:end(wire, start)])`, split, parses back to the same octets. BadRdata messages
    are predicates without their subject, the field.
    """

    rest: ClassVar[bool] = False  # takes all further tokens
    least: ClassVar[int] = 1  # tokens

    @abstractmethod
    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        """Take this field's tokens, and give its octets. Raises BadRdata."""

    @abstractmethod
    def end(self, wire: bytes, position: int) -> int:
        """Check the field that begins here, and say where it ends. Raises BadRdata."""

    @abstractmethod
    def text(self, octets: bytes) -> str:
        """Write the octets of a checked field."""

    def addresses(self, octets: bytes) -> tuple[bytes, ...]:
        """The packed addresses in a checked field."""
        return ()


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """An unsigned number of `size` octets; `mnemonics` may be written for some values."""

    size: int
    mnemonics: tuple[tuple[str, int], ...] = ()

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        token = next(tokens)
        value = dict(self.mnemonics).get(token.upper()) if self.mnemonics else None
        if value is None:
            value = number(token, (1 << 8 * self.size) - 1)
        return value.to_bytes(self.size, "big")

    def end(self, wire: bytes, position: int) -> int:
        return advance(wire, position, self.size)

    def text(self, octets: bytes) -> str:
        return str(int.from_bytes(octets, "big"))


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_is_duration = re.compile(r"(?:[0-9]{1,10}[smhdw])+", re.ASCII | re.IGNORECASE).fullmatch


@dataclass(frozen=True, slots=True)
class Duration(Kind):
    """A time in seconds, 32 bits; also `1w2d3h4m5s`, as most name servers read it."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        token = next(tokens)
        if token.isdigit():
            return number(token, 0xFFFFFFFF).to_bytes(4, "big")
        if not _is_duration(token):
            raise BadRdata(f"{token!r} is no time (seconds, or 1w2d3h4m5s)")
        parts = re.findall(r"([0-9]+)(\D)", token.lower())
        seconds = sum(int(count) * _UNITS[unit] for count, unit in parts)
        if seconds > 0xFFFFFFFF:
            raise BadRdata(f"{token} is above {0xFFFFFFFF} seconds")
        return seconds.to_bytes(4, "big")

    def end(self, wire: bytes, position: int) -> int:
        return advance(wire, position, 4)

    def text(self, octets: bytes) -> str:
        return str(int.from_bytes(octets, "big"))


@dataclass(frozen=True, slots=True)
class Name(Kind):
    """A domain name, completed with the origin, spelled as written."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        token = next(tokens)
        try:
            return names.from_text(token, origin)
        except names.BadName as problem:
            raise BadRdata(f"{token!r} is no domain name: {problem}") from None

    def end(self, wire: bytes, position: int) -> int:
        return end_of_name(wire, position)

    def text(self, octets: bytes) -> str:
        return names.to_text(octets)


@dataclass(frozen=True, slots=True)
class IPv4(Kind):
    """An IPv4 address."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        return pack_ipv4(next(tokens))

    def end(self, wire: bytes, position: int) -> int:
        return advance(wire, position, 4)

    def text(self, octets: bytes) -> str:
        return ipv4_text(octets)

    def addresses(self, octets: bytes) -> tuple[bytes, ...]:
        return (octets,)


@dataclass(frozen=True, slots=True)
class IPv6(Kind):
    """An IPv6 address."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        return pack_ipv6(next(tokens))

    def end(self, wire: bytes, position: int) -> int:
        return advance(wire, position, 16)

    def text(self, octets: bytes) -> str:
        return ipv6_text(octets)

    def addresses(self, octets: bytes) -> tuple[bytes, ...]:
        return (octets,)


def _string(octets: bytes) -> bytes:
    if len(octets) > MAX_STRING:
        raise BadRdata(f"has a string of {len(octets)} octets, {MAX_STRING} at most")
    return bytes((len(octets),)) + octets


@dataclass(frozen=True, slots=True)
class String(Kind):
    """One <character-string> (RFC 1035 3.3)."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        return _string(unescape(next(tokens)))

    def end(self, wire: bytes, position: int) -> int:
        return advance(wire, position, 1 + wire[advance(wire, position, 1) - 1])

    def text(self, octets: bytes) -> str:
        return quote(octets[1:])


@dataclass(frozen=True, slots=True)
class Strings(Kind):
    """One or more <character-string>s, to the end of the rdata."""

    rest: ClassVar[bool] = True

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        return b"".join([_string(unescape(token)) for token in tokens])

    def end(self, wire: bytes, position: int) -> int:
        position = String().end(wire, position)
        while position < len(wire):
            position = String().end(wire, position)
        return position

    def text(self, octets: bytes) -> str:
        written, position = [], 0
        while position < len(octets):
            end = String().end(octets, position)
            written.append(String().text(octets[position:end]))
            position = end
        return " ".join(written)


def pack_text(text: str) -> bytes:
    """One text as strings of at most 255 octets of its UTF-8; the empty text is one string."""
    octets = encode(text)
    starts = range(0, len(octets) or 1, MAX_STRING)
    return b"".join([_string(octets[start : start + MAX_STRING]) for start in starts])


@dataclass(frozen=True, slots=True)
class Tag(Kind):
    """The property tag of a CAA record: letters and digits (RFC 8659 4.1)."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        token = next(tokens)
        if not (token.isascii() and token.isalnum()):
            raise BadRdata(f"{token!r} has other characters than letters and digits")
        return _string(token.encode())

    def end(self, wire: bytes, position: int) -> int:
        end = String().end(wire, position)
        if not wire[position + 1 : end].isalnum():
            raise BadRdata("has other characters than letters and digits, or none")
        return end

    def text(self, octets: bytes) -> str:
        return octets[1:].decode("ascii")


@dataclass(frozen=True, slots=True)
class Remainder(Kind):
    """One string without a length octet, to the end of the rdata (CAA value, URI target)."""

    may_be_empty: bool = True

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        octets = unescape(next(tokens))
        self.end(octets, 0)
        return octets

    def end(self, wire: bytes, position: int) -> int:
        if position == len(wire) and not self.may_be_empty:
            raise BadRdata("is empty")
        return len(wire)

    def text(self, octets: bytes) -> str:
        return quote(octets)


@dataclass(frozen=True, slots=True)
class Hex(Kind):
    """One or more octets in hexadecimal, spaces between groups allowed, to the end."""

    rest: ClassVar[bool] = True

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        return hex_octets("".join(tokens))

    def end(self, wire: bytes, position: int) -> int:
        return max(len(wire), advance(wire, position, 1))

    def text(self, octets: bytes) -> str:
        return octets.hex().upper()


@dataclass(frozen=True, slots=True)
class Base64(Kind):
    """One or more octets in Base64, spaces between groups allowed, to the end."""

    rest: ClassVar[bool] = True

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        octets = base64_octets("".join(tokens))
        self.end(octets, 0)
        return octets

    def end(self, wire: bytes, position: int) -> int:
        return max(len(wire), advance(wire, position, 1))

    def text(self, octets: bytes) -> str:
        return base64_text(octets)


@dataclass(frozen=True, slots=True)
class Salt(Kind):
    """A counted salt in hexadecimal, `-` when empty (RFC 5155 4.3)."""

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        token = next(tokens)
        return _string(b"" if token == "-" else hex_octets(token))

    def end(self, wire: bytes, position: int) -> int:
        return String().end(wire, position)

    def text(self, octets: bytes) -> str:
        return octets[1:].hex().upper() or "-"


_is_octet_pairs = re.compile(r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2})*").fullmatch


@dataclass(frozen=True, slots=True)
class Eui(Kind):
    """An address of `size` octets as `00-00-5e-00-53-2a` (RFC 7043 3.2)."""

    size: int

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        token = next(tokens)
        if len(token) != 3 * self.size - 1 or not _is_octet_pairs(token):
            raise BadRdata(f"{token!r} is not {self.size} octets with hyphens between them")
        return bytes.fromhex(token.replace("-", ""))

    def end(self, wire: bytes, position: int) -> int:
        return advance(wire, position, self.size)

    def text(self, octets: bytes) -> str:
        return octets.hex("-")


@dataclass(frozen=True, slots=True)
class Opaque(Kind):
    """Octets between or behind the names of a type that is written in the generic form only.

    Without a size, all that follow.
    """

    size: int | None = None

    def parse(self, tokens: Iterator[str], origin: bytes) -> bytes:
        raise BadRdata("can be written in the generic form only")

    def end(self, wire: bytes, position: int) -> int:
        return len(wire) if self.size is None else advance(wire, position, self.size)

    def text(self, octets: bytes) -> str:
        return octets.hex().upper()
