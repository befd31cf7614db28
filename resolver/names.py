"""Owner names: text to wire and back, parents, canonical keys.

A name is its uncompressed wire form (RFC 1035 3.1) as `bytes`, root octet included, spelled as
written. The *key* of a name is the same with ASCII letters lower-cased (RFC 4343): length octets
are at most 63 and never collide with `A` (65), so `bytes.lower` on the whole name is exact.
This module knows nothing of messages or zones.
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_NAME = 255  # octets, root included (RFC 1035 3.1)
MAX_LABEL = 63
ROOT = b"\0"

_PLAIN = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_*/+=:&%!~#'?^|,<>[]{}`"
)


class BadName(ValueError):
    """The text is no domain name; the message says why."""


def from_text(text: str, origin: bytes | None = None) -> bytes:
    """Read a name in presentation format (RFC 1035 5.1: `\\.`, `\\DDD`, `@`).

    A name without a final dot is completed with `origin`; without an origin it is absolute.
    Raises BadName.
    """
    if text == "@":
        if origin is None:
            raise BadName("'@' needs an origin")
        return origin
    if text == ".":
        return ROOT
    if "\\" in text:
        labels, absolute = _escaped_labels(text)
    else:
        absolute = text.endswith(".")
        try:
            labels = (text[:-1] if absolute else text).encode("ascii").split(b".")
        except UnicodeEncodeError:
            raise BadName(f"{text!r} is not ASCII: write the A-label (xn--…) or \\DDD") from None
        if not _PLAIN.issuperset(text.encode().replace(b".", b"")):
            odd = next(c for c in text if c != "." and ord(c) not in _PLAIN)
            raise BadName(f"{odd!r} in {text!r} must be written as an escape (\\DDD)")
    return from_labels(labels, ROOT if absolute or origin is None else origin)


def from_labels(labels: list[bytes], suffix: bytes = ROOT) -> bytes:
    """Join labels in front of the name `suffix`. Raises BadName on lengths (RFC 1035 2.3.4)."""
    for label in labels:
        if not label:
            raise BadName("empty label")
        if len(label) > MAX_LABEL:
            raise BadName(f"label of {len(label)} octets, {MAX_LABEL} at most")
    name = b"".join([bytes((len(label),)) + label for label in labels]) + suffix
    if len(name) > MAX_NAME:
        raise BadName(f"name of {len(name)} octets, {MAX_NAME} at most")
    return name


def _escaped_labels(text: str) -> tuple[list[bytes], bool]:
    labels, label, position = [], bytearray(), 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            digits = text[position + 1 : position + 4]
            if len(digits) == 3 and digits.isascii() and digits.isdigit():
                if int(digits) > 255:
                    raise BadName(f"escape \\{digits} is above 255")
                label.append(int(digits))
                position += 4
                continue
            if position + 1 == len(text) or digits[0].isdigit() or not digits[0].isascii():
                raise BadName(f"broken escape in {text!r}")
            label.append(ord(digits[0]))
            position += 2
            continue
        if char == ".":
            labels.append(bytes(label))
            label.clear()
        elif char.isascii() and ord(char) in _PLAIN:
            label.append(ord(char))
        else:
            raise BadName(f"{char!r} in {text!r} must be written as an escape (\\DDD)")
        position += 1
    if label:
        return [*labels, bytes(label)], False
    return labels, True


def labels(name: bytes) -> list[bytes]:
    """The labels of a name, leftmost first, without the root."""
    found, position = [], 0
    while length := name[position]:
        found.append(name[position + 1 : position + 1 + length])
        position += 1 + length
    return found


def label_to_text(label: bytes) -> str:
    """One label in presentation format, with escapes where a reader of zone files needs them."""
    if _PLAIN.issuperset(label):
        return label.decode("ascii")
    return "".join([chr(o) if o in _PLAIN else _escape(o) for o in label])


def _escape(octet: int) -> str:
    return f"\\{chr(octet)}" if octet in b'.\\"();@$' else f"\\{octet:03d}"


def to_text(name: bytes) -> str:
    """A name in presentation format, with its final dot."""
    return "".join([label_to_text(label) + "." for label in labels(name)]) or "."


def relative_text(name: bytes, origin: bytes) -> str:
    """A name as it would be written in the zone `origin`: `@`, relative, or absolute."""
    if key(name) == key(origin):
        return "@"
    if is_below(key(name), key(origin)):
        return to_text(name[: len(name) - len(origin)] + ROOT)[:-1]
    return to_text(name)


def key(name: bytes) -> bytes:
    """The canonical form for comparing: ASCII letters lower-cased (RFC 4343 3).

    A name that is canonical is given back itself: nearly all are, and most are kept with their key.
    """
    lowered = name.lower()
    return name if lowered == name else lowered


def parent(name: bytes) -> bytes:
    """The name without its first label; the root has no parent and is returned as it is."""
    return name[name[0] + 1 :] or ROOT


def ancestors(name: bytes) -> Iterator[bytes]:
    """Every name above this one, nearest first, the root last."""
    while name != ROOT:
        name = name[name[0] + 1 :]
        yield name


def is_at_or_below(name: bytes, apex: bytes) -> bool:
    """Whether `name` equals `apex` or lies below it; whole labels, both as keys."""
    return name == apex or is_below(name, apex)


def is_below(name: bytes, apex: bytes) -> bool:
    """Whether `name` lies strictly below `apex`; whole labels, both as keys."""
    if len(name) <= len(apex) or not name.endswith(apex):
        return False
    cut, position = len(name) - len(apex), 0
    while position < cut:
        position += 1 + name[position]
    return position == cut


def reverse(packed: bytes) -> bytes:
    """The name of an address in in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5)."""
    if len(packed) == 4:
        return b"".join([_DECIMAL_LABELS[octet] for octet in reversed(packed)]) + _IN_ADDR
    return b"".join([_NIBBLE_LABELS[octet] for octet in reversed(packed)]) + _IP6


_DECIMAL_LABELS = tuple(bytes((len(str(n)),)) + str(n).encode() for n in range(256))
_NIBBLE_LABELS = tuple(b"\1%x\1%x" % (n & 15, n >> 4) for n in range(256))
_IN_ADDR = from_text("in-addr.arpa.")
_IP6 = from_text("ip6.arpa.")
