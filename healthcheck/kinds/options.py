"""The options that kinds of checks share: text as written in YAML → plain, hashable values.

Each is a reader (what was written → value, or PydanticCustomError of the rule `bad-check`) with
the JSON Schema that editors see. A reader takes what it has made as well. Pure.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Annotated, Any

import regex  # type: ignore[import-untyped]  # its types are a package apart
from pydantic import GetPydanticSchema
from pydantic_core import PydanticCustomError, core_schema

Statuses = tuple[tuple[int, int], ...]
"""Ranges of HTTP statuses, both ends included."""
Pairs = tuple[tuple[str, str], ...]

MAX_PATTERN = 1000  # characters
MAX_REPEATS = 100_000
MAX_TEXT = 4096

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.?))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}
_REPEAT = re.compile(r"\{([0-9]*),?([0-9]*)\}")
_STATUSES = re.compile(r"([1-5])xx|([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_PATH = re.compile(r"/[!-\"$-~]*")  # printable ASCII, no space and no fragment
_HOST = re.compile(r"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_FRAMING = frozenset({"content-length", "transfer-encoding", "upgrade", "expect", "te"})
_INSTEAD = {"host": "write it as the option `host`", "accept-encoding": "bodies are read as sent"}


def option(read: Callable[[Any], Any], schema: dict[str, Any]) -> GetPydanticSchema:
    """A pydantic annotation: validate with `read`, describe with `schema`."""
    return GetPydanticSchema(
        get_pydantic_core_schema=lambda _source, _handler: (
            core_schema.no_info_plain_validator_function(read)
        ),
        get_pydantic_json_schema=lambda _schema, _handler: schema,
    )


def wrong(message: str) -> PydanticCustomError:
    """The error of an option; braces in the message are literal."""
    return PydanticCustomError("bad-check", "{message}", {"message": message})


def or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A reader that lets None pass."""
    return lambda value: None if value is None else read(value)


def read_scalar(value: object) -> str:
    """What was written, as plain `str`: also of a number or a boolean."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    kind = "a mapping" if isinstance(value, dict) else "a list"
    raise wrong(f"expected text, got {repr(value) if value is None else kind}")


def read_flag(value: object) -> bool:
    """`true` or `false`."""
    text = read_scalar(value)
    if text not in {"true", "false"}:
        raise wrong(f"expected true or false, got {text!r}")
    return text == "true"


def read_integer(low: int, high: int) -> Callable[[object], int]:
    """A reader of decimal integers from `low` to `high`, both allowed."""

    def read(value: object) -> int:
        text = read_scalar(value)
        if not (text.isascii() and text.isdigit() and len(text) <= 10):
            raise wrong(f"expected a number from {low} to {high}, got {text!r}")
        if not low <= int(text) <= high:
            raise wrong(f"{text} is not within {low} to {high}")
        return int(text)

    return read


def read_choice(*words: str) -> Callable[[object], str]:
    """A reader of one word of a closed list, in whatever case; gives it as in the list."""
    known = {word.lower(): word for word in words}

    def read(value: object) -> str:
        text = read_scalar(value)
        if text.lower() not in known:
            raise wrong(f"{text!r} is none of {', '.join(words)}")
        return known[text.lower()]

    return read


def read_text(value: object) -> str:
    """Text of at least one character and without control characters."""
    text = read_scalar(value)
    if not text or len(text) > MAX_TEXT:
        raise wrong(f"expected 1 to {MAX_TEXT} characters, got {len(text)}")
    if found := _CONTROL.search(text):
        raise wrong(f"{text!r} has the control character {found[0]!r}")
    return text


def read_octets(value: object) -> bytes:
    r"""Text with the escapes \n \r \t \0 \\ and \xHH → octets; other characters as UTF-8."""
    if isinstance(value, bytes):
        return value
    text = read_scalar(value)
    octets, end = bytearray(), 0
    for found in _ESCAPE.finditer(text):
        if found[1] is None and found[2] not in _ESCAPES:
            raise wrong(rf"{found[0]!r} is no escape (known: \n \r \t \0 \\ \xHH)")
        octets += text[end : found.start()].encode()
        octets += bytes.fromhex(found[1]) if found[1] else _ESCAPES[found[2]].encode()
        end = found.end()
    octets += text[end:].encode()
    if not 1 <= len(octets) <= MAX_TEXT:
        raise wrong(f"expected 1 to {MAX_TEXT} octets, got {len(octets)}")
    return bytes(octets)


def read_list(value: object) -> list[Any]:
    """One value or a list of them → a list of at least one."""
    items = list(value) if isinstance(value, list | tuple) else [value]
    if not items:
        raise wrong("expected at least one value")
    return items


def read_statuses(value: object) -> Statuses:
    """One or a list of `200`, `2xx` and `200-299` → ranges in order, without overlaps."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(_read_range(item) for item in read_list(value)):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _read_range(item: object) -> tuple[int, int]:
    if isinstance(item, tuple):
        item = f"{item[0]}-{item[-1]}"
    text = read_scalar(item).replace(" ", "")
    found = _STATUSES.fullmatch(text)
    if found is None:
        raise wrong(f"{text!r} is no status (write 200, 2xx or 200-299)")
    if found[1]:
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    low, high = int(found[2]), int(found[3] or found[2])
    if low > high:
        raise wrong(f"{text} is no range: {low} is more than {high}")
    return low, high


def read_pattern(value: object) -> str:
    """A regular expression, which compiles."""
    text = read_scalar(value)
    if not 1 <= len(text) <= MAX_PATTERN:
        raise wrong(f"a pattern has 1 to {MAX_PATTERN} characters, got {len(text)}")
    # Repeats of repeats multiply, and are written out when compiled: seconds, or all memory.
    repeats = _REPEAT.findall("".join(text.split()))
    if math.prod(max(1, *(int(n or 1) for n in pair)) for pair in repeats) > MAX_REPEATS:
        raise wrong(f"{text!r} repeats more than {MAX_REPEATS} times in all")
    try:
        compiled(text)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise wrong(f"{text!r} is no regular expression: {error}") from None
    return text


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> regex.Pattern[str]:
    """The compiled pattern; each is compiled once. Raises regex.error."""
    return regex.compile(pattern)


def read_headers(value: object) -> Pairs:
    """A mapping of names to one value or a list → pairs."""
    if not isinstance(value, dict | tuple):
        raise wrong("expected a mapping of header names to values")
    pairs = value.items() if isinstance(value, dict) else value
    return tuple(
        (_read_header_name(name), _read_header_value(item))
        for name, written in pairs
        for item in read_list(written)
    )


def _read_header_name(name: object) -> str:
    text = read_scalar(name)
    if not _TOKEN.fullmatch(text):
        raise wrong(f"{text!r} is no header name")
    if instead := _INSTEAD.get(text.lower()):
        raise wrong(f"the header {text} cannot be set: {instead}")
    if text.lower() in _FRAMING:
        raise wrong(f"the header {text} cannot be set: it is about the connection")
    return text


def _read_header_value(value: object) -> str:
    text = read_scalar(value).strip(" \t")
    if (found := _CONTROL.search(text.replace("\t", " "))) or len(text) > MAX_TEXT:
        what = f"the control character {found[0]!r}" if found else f"{len(text)} characters"
        raise wrong(f"a header value has {what}")
    return text


def read_path(value: object) -> str:
    """The path of a URL, with its query, as it is to be sent."""
    text = read_text(value)
    if not _PATH.fullmatch(text):
        raise wrong(f"{text!r} is no path: it begins with '/', in ASCII without space and '#'")
    return text


def read_host(value: object) -> str:
    """A Host header: a name or an address, with or without port."""
    text = read_text(value)
    if not _HOST.fullmatch(text):
        raise wrong(f"{text!r} is no host")
    read_server_name(host_name(text))
    return text


def host_name(host: str) -> str:
    """The name or address in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def read_server_name(value: object) -> str:
    """The name that a server is asked for in the TLS handshake, without final dot."""
    text = read_text(value).removesuffix(".")
    try:
        encoded = text.encode("idna")  # as `ssl` does
    except UnicodeError:
        encoded = b""
    if not encoded or encoded.startswith(b".") or " " in text:
        raise wrong(f"{read_text(value)!r} is no server name")
    return text


_TEXT = {"type": ["string", "number", "boolean"]}
_NULLABLE = {"type": ["string", "number", "boolean", "null"]}
_STATUS = {"type": ["integer", "string"], "examples": [200, "2xx", "200-299"]}

Flag = Annotated[bool, option(read_flag, {"type": "boolean"})]
Port = Annotated[
    int, option(read_integer(1, 65535), {"type": "integer", "minimum": 1, "maximum": 65535})
]
Days = Annotated[
    int, option(read_integer(0, 3650), {"type": "integer", "minimum": 0, "maximum": 3650})
]
Text = Annotated[str, option(read_text, _TEXT)]
OptionalText = Annotated[str | None, option(or_none(read_text), _NULLABLE)]
OptionalOctets = Annotated[bytes | None, option(or_none(read_octets), _NULLABLE)]
OptionalPattern = Annotated[str | None, option(or_none(read_pattern), _NULLABLE)]
OptionalHost = Annotated[str | None, option(or_none(read_host), _NULLABLE)]
OptionalServerName = Annotated[str | None, option(or_none(read_server_name), _NULLABLE)]
UrlPath = Annotated[str, option(read_path, {"type": "string", "pattern": "^/"})]
StatusSet = Annotated[
    Statuses,
    option(read_statuses, {"anyOf": [_STATUS, {"type": "array", "items": _STATUS, "minItems": 1}]}),
]
Headers = Annotated[
    Pairs,
    option(
        read_headers,
        {
            "type": "object",
            "additionalProperties": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        },
    ),
]
