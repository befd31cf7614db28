"""The tokens of zone-file rdata: splitting, escapes, numbers, addresses, hexadecimal, Base64.

Text to octets and back, one token at a time; knows no record type and no field. A BadRdata
message is a predicate without its subject: whoever knows the field puts its name in front.
"""

from __future__ import annotations

import base64
import ipaddress
import re


class BadRdata(ValueError):
    """The text or the octets are no rdata of their type; the message says why."""


# A text in which white space alone separates tokens: no quote, escape, parenthesis or comment.
_is_easy = re.compile(r"[ \t!#-'*-:<-\[\]-~]*").fullmatch
_QUOTED = r'"(?:[^"\\\n]|\\[^\n])*"'
_BARE = r'(?:[^ \t\r\n\f\v"();\\]|\\[^\n])+'
_TOKEN = re.compile(f"{_QUOTED}|{_BARE}")
_PAIR = re.compile(rf'[^ \t\r\n\f\v"();\\=]+={_QUOTED}|{_QUOTED}|{_BARE}')  # key="quoted value"
_BLANK = " \t\r\n\f\v()"
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|([^0-9])|)", re.DOTALL)
_MUST_ESCAPE = re.compile(rb'[^ -~]|["\\]')


def split(text: str, pairs: bool = False) -> list[str]:
    """Split rdata text at white space, which parentheses count as (RFC 1035 5.1).

    Tokens are slices of the text: quotes and escapes are still in them. With `pairs`, a quote
    may open behind `=` (RFC 9460 2.1). Raises BadRdata.
    """
    if _is_easy(text):
        return text.split()
    pattern, tokens, position = _PAIR if pairs else _TOKEN, [], 0
    while position < len(text):
        if text[position] in _BLANK:
            position += 1
            continue
        token = pattern.match(text, position)
        if token is None:
            raise BadRdata(_why_no_token(text[position]))
        tokens.append(token[0])
        position = token.end()
    return tokens


def _why_no_token(char: str) -> str:
    if char == ";":
        return "';' outside quotes begins a comment: put the value in quotes, or write \\;"
    if char == '"':
        return "a quoted string has no end on its line"
    return "a backslash has no character behind it"


def unescape(token: str) -> bytes:
    """Give the octets of a quoted or bare token; text is UTF-8. Raises BadRdata."""
    if token.startswith('"'):
        token = token[1:-1]
    octets = encode(token)
    return _ESCAPE.sub(_unescaped, octets) if b"\\" in octets else octets


def encode(text: str) -> bytes:
    """The UTF-8 of a text. Raises BadRdata for lone surrogates, which have none."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadRdata(f"{text!r} is not Unicode text") from None


def _unescaped(escape: re.Match[bytes]) -> bytes:
    digits, char = escape.groups()
    if digits is None:
        if char is None:
            raise BadRdata("has a broken escape: \\ takes three digits or one other character")
        return bytes(char)
    if int(digits) > 255:
        raise BadRdata(f"has the escape \\{int(digits)}, which is above 255")
    return bytes((int(digits),))


def quote(octets: bytes) -> str:
    """Write octets as a quoted string, in ASCII."""
    if _MUST_ESCAPE.search(octets):
        octets = _MUST_ESCAPE.sub(_escaped, octets)
    return f'"{octets.decode("ascii")}"'


def _escaped(octet: re.Match[bytes]) -> bytes:
    char = octet[0]
    return b"\\" + char if char in b'"\\' else b"\\%03d" % char[0]


def number(token: str, highest: int) -> int:
    """Read an unsigned decimal number. Raises BadRdata."""
    if not (token.isascii() and token.isdigit()):
        raise BadRdata(f"{token!r} is no number")
    if len(token) > 20 or int(token) > highest:
        raise BadRdata(f"{token} is above {highest}")
    return int(token)


_OCTETS = {str(octet): octet for octet in range(256)}


def pack_ipv4(token: str) -> bytes:
    """Pack a dotted quad without leading zeros. Raises BadRdata."""
    try:
        first, second, third, fourth = token.split(".")
        return bytes((_OCTETS[first], _OCTETS[second], _OCTETS[third], _OCTETS[fourth]))
    except (ValueError, KeyError):
        raise BadRdata(f"{token!r} is no IPv4 address") from None


_is_groups = re.compile(r"[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*").fullmatch


def pack_ipv6(token: str) -> bytes:
    """Pack an IPv6 address (RFC 4291 2.2), without a zone identifier. Raises BadRdata."""
    head, gap, tail = token.partition("::")
    if _is_groups(head) and (not tail or _is_groups(tail)):  # several times ipaddress' speed
        left = "".join([group.zfill(4) for group in head.split(":")])
        right = "".join([group.zfill(4) for group in tail.split(":")]) if tail else ""
        zeros = 32 - len(left) - len(right)
        if zeros >= 4 if gap else zeros == 0:
            return bytes.fromhex(left + "0" * zeros + right)
    try:
        address = ipaddress.IPv6Address(token)
    except ValueError:
        raise BadRdata(f"{token!r} is no IPv6 address") from None
    if address.scope_id is not None:
        raise BadRdata(f"{token!r} is no IPv6 address: no %zone in DNS")
    return address.packed


def ipv4_text(packed: bytes) -> str:
    """A dotted quad."""
    return ".".join(map(str, packed))


def ipv6_text(packed: bytes) -> str:
    """The canonical text of RFC 5952, mapped IPv4 addresses with their dotted quad (section 5)."""
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        return f"::ffff:{ipv4_text(packed[12:])}"
    return str(ipaddress.IPv6Address(packed))


def base64_octets(text: str) -> bytes:
    """Decode Base64 (RFC 4648 4). Raises BadRdata."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise BadRdata(f"{text!r} is no Base64") from None


def hex_octets(text: str) -> bytes:
    """Decode hexadecimal digits. Raises BadRdata."""
    if len(text) % 2:
        raise BadRdata(f"has {len(text)} hexadecimal digits, an odd number")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadRdata(f"{text!r} is not hexadecimal") from None


def base64_text(octets: bytes) -> str:
    """Octets in Base64."""
    return base64.b64encode(octets).decode("ascii")
