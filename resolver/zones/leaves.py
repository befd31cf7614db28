"""The scalar kinds of the YAML files: text as written → values, with one clear message each.

Each kind is a reader (Text → value, or PydanticCustomError whose type is the rule id) and the
JSON Schema that editors see. Everything here is pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import GetPydanticSchema
from pydantic_core import PydanticCustomError, core_schema

from resolver.zones.places import Mapping, Sequence, Text

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)?")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
MAX_TTL = 2**31 - 1  # RFC 2181 8
MAX_DURATION = float(MAX_TTL)


def leaf(read: Callable[[Any], Any], schema: dict[str, Any]) -> GetPydanticSchema:
    """A pydantic annotation: validate with `read`, describe with `schema`."""
    return GetPydanticSchema(
        get_pydantic_core_schema=lambda _source, _handler: (
            core_schema.no_info_plain_validator_function(read)
        ),
        get_pydantic_json_schema=lambda _schema, _handler: schema,
    )


def wrong(rule: str, message: str) -> PydanticCustomError:
    """The error of a leaf; braces in the message are literal."""
    return PydanticCustomError(rule, "{message}", {"message": message})


def is_null(node: Any) -> bool:
    """Whether a value was left empty or written `null`."""
    return isinstance(node, Text) and node.plain and node in _NULLS


def describe(node: Any) -> str:
    """What kind of YAML this is, for messages."""
    if isinstance(node, Mapping):
        return "a mapping"
    return "a list" if isinstance(node, Sequence) else repr(str(node))


def read_text(node: Any) -> Text:
    if not isinstance(node, Text):
        raise wrong("bad-type", f"expected text, got {describe(node)}")
    return node


def read_flag(node: Any) -> bool:
    if isinstance(node, Text) and node.plain and node in ("true", "false"):
        return node == "true"
    raise wrong("bad-type", f"expected true or false, got {describe(node)}")


def read_integer(low: int, high: int, rule: str = "bad-type") -> Callable[[Any], int]:
    """A reader of decimal integers from `low` to `high`, both allowed."""

    def read(node: Any) -> int:
        text = read_text(node)
        if not (text.isascii() and text.isdigit()):
            raise wrong("bad-type", f"expected a number from {low} to {high}, got {text!r}")
        digits = text.lstrip("0") or "0"
        # Python refuses to read thousands of digits.
        if len(digits) > len(str(high)) or not low <= int(digits) <= high:
            raise wrong(rule, f"{text} is not within {low} to {high}")
        return int(digits)

    return read


def read_duration(node: Any) -> float:
    """`500ms`, `5s`, `2m`, `1h`, `1d` or a number of seconds → seconds."""
    seconds = _read_seconds(node)
    if seconds > MAX_DURATION:
        raise wrong("bad-type", f"a duration is {MAX_TTL} seconds at most, got {node!s}")
    return seconds


def _read_seconds(node: Any) -> float:
    text = read_text(node)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise wrong("bad-type", f"{text!r} is no duration (write 500ms, 5s, 2m, 1h, 1d or seconds)")
    return float(match[1]) * _UNITS[match[2] or "s"]


def read_ttl(node: Any) -> int:
    """A duration of whole seconds, at most 2^31 - 1 (RFC 2181 8)."""
    seconds = _read_seconds(node)
    if seconds > MAX_TTL or seconds != int(seconds):
        raise wrong("ttl-range", f"a TTL is whole seconds from 0 to {MAX_TTL}, got {node!s}")
    return int(seconds)


def read_address(node: Any) -> IPAddress:
    """An IP address; an IPv4-mapped IPv6 address is its IPv4 address."""
    text = read_text(node)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise wrong("bad-address", f"{text!r} is no IP address") from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            raise wrong("bad-address", f"{text!r} has a zone index, which is of one host only")
        return address.ipv4_mapped or address
    return address


def read_network(node: Any) -> IPNetwork:
    """A network in CIDR notation without host bits; IPv4-mapped networks are IPv4 networks."""
    text = read_text(node)
    if "%" in text:
        raise wrong("bad-address", f"{text!r} has a zone index, which is of one host only")
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        reason = "has host bits set" if "host bits" in str(error) else "is no network"
        raise wrong("bad-address", f"{text!r} {reason}") from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        if network.prefixlen < 96:
            raise wrong("bad-address", f"{text!r} is a part of ::ffff:0:0/96 only")
        mapped = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def read_percent(node: Any) -> float:
    """`30%` or `30` → 30.0; from 0 to 100."""
    text = read_text(node)
    number = text.removesuffix("%")
    if not _NUMBER.fullmatch(number) or float(number) > 100:
        raise wrong("bad-type", f"{text!r} is no percentage from 0% to 100%")
    return float(number)


def read_spillover(node: Any) -> float | None:
    """The overprovisioning factor, 1.0 to 10.0, or `off` → None."""
    text = read_text(node)
    if text == "off":
        return None
    if not _NUMBER.fullmatch(text) or not 1.0 <= float(text) <= 10.0:
        raise wrong("bad-type", f"{text!r} is neither 'off' nor a factor from 1.0 to 10.0")
    return float(text)


def read_choice(*words: str) -> Callable[[Any], str]:
    """A reader of one word of a closed list."""

    def read(node: Any) -> str:
        text = read_text(node)
        if text not in words:
            raise wrong("bad-type", f"{text!r} is none of {', '.join(words)}")
        return str(text)

    return read


_PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp))?")


def read_service_port(node: Any) -> tuple[int, str]:
    """`8443` or `514/udp` → (number, protocol)."""
    text = read_text(node)
    match = _PORT.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= 65535:
        raise wrong("bad-type", f"{text!r} is no port (write 8443 or 514/udp)")
    return int(match[1]), match[2] or "tcp"


def one_or_list(node: Any) -> list[Any]:
    """One value or a list of them → a list."""
    return list(node) if isinstance(node, Sequence) else [node]


_STRING = {"type": ["string", "number", "boolean"]}
_SECONDS = {"type": ["string", "number"], "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d|w)?$"}

Str = Annotated[Text, leaf(read_text, _STRING)]
Flag = Annotated[bool, leaf(read_flag, {"type": "boolean"})]
Duration = Annotated[float, leaf(read_duration, _SECONDS)]
Ttl = Annotated[int, leaf(read_ttl, _SECONDS)]
Address = Annotated[IPAddress, leaf(read_address, {"type": "string"})]
Network = Annotated[IPNetwork, leaf(read_network, {"type": "string"})]
Percent = Annotated[float, leaf(read_percent, {"type": ["string", "number"]})]
Spillover = Annotated[float | str | None, leaf(read_spillover, {"type": ["string", "number"]})]
ServicePort = Annotated[tuple[int, str], leaf(read_service_port, {"type": ["integer", "string"]})]


def integer(low: int, high: int, rule: str = "bad-type") -> GetPydanticSchema:
    """The annotation of a bounded integer."""
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return leaf(read_integer(low, high, rule), schema)


def choice(*words: str) -> GetPydanticSchema:
    """The annotation of one word of a closed list."""
    return leaf(read_choice(*words), {"enum": list(words)})
