"""Scalars of the files: text → values, or one clear message."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from resolver.zones import leaves
from resolver.zones.places import Mapping, Sequence, text_at


def read(reader: Callable[[Any], Any], value: Any, *, quoted: bool = False) -> Any:
    """Read one value."""
    return reader(text_at(value, 1, 1, not quoted) if isinstance(value, str) else value)


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (leaves.read_flag, "true", True),
        (leaves.read_flag, "false", False),
        (leaves.read_integer(0, 9), "9", 9),
        (leaves.read_integer(0, 9), "007", 7),
        (leaves.read_duration, "500ms", 0.5),
        (leaves.read_duration, "5s", 5.0),
        (leaves.read_duration, "2m", 120.0),
        (leaves.read_duration, "1h", 3600.0),
        (leaves.read_duration, "1d", 86400.0),
        (leaves.read_duration, "1w", 604800.0),
        (leaves.read_duration, "1.5", 1.5),
        (leaves.read_duration, "0", 0.0),
        (leaves.read_ttl, "5m", 300),
        (leaves.read_ttl, "1000ms", 1),
        (leaves.read_ttl, "2147483647", 2**31 - 1),
        (leaves.read_address, "10.0.0.1", ip_address("10.0.0.1")),
        (leaves.read_address, "FD00::1", ip_address("fd00::1")),
        (leaves.read_address, "::ffff:10.0.0.1", ip_address("10.0.0.1")),
        (leaves.read_network, "10.0.0.0/8", ip_network("10.0.0.0/8")),
        (leaves.read_network, "10.0.0.1", ip_network("10.0.0.1/32")),
        (leaves.read_network, "::/0", ip_network("::/0")),
        (leaves.read_network, "::ffff:10.0.0.0/104", ip_network("10.0.0.0/8")),
        (leaves.read_percent, "30%", 30.0),
        (leaves.read_percent, "0", 0.0),
        (leaves.read_percent, "99.5%", 99.5),
        (leaves.read_spillover, "off", None),
        (leaves.read_spillover, "1.4", 1.4),
        (leaves.read_spillover, "10", 10.0),
        (leaves.read_choice("open", "closed"), "closed", "closed"),
        (leaves.read_service_port, "8443", (8443, "tcp")),
        (leaves.read_service_port, "514/udp", (514, "udp")),
    ],
)
def test_good(reader: Callable[[Any], Any], text: str, value: Any) -> None:
    """Each kind reads what the contract writes."""
    assert read(reader, text) == value


@pytest.mark.parametrize(
    ("reader", "text", "rule"),
    [
        (leaves.read_flag, "yes", "bad-type"),
        (leaves.read_flag, "True", "bad-type"),
        (leaves.read_integer(0, 9), "10", "bad-type"),
        (leaves.read_integer(0, 9, "ttl-range"), "10", "ttl-range"),
        (leaves.read_integer(0, 9), "-1", "bad-type"),
        (leaves.read_integer(0, 9), "1.0", "bad-type"),
        (leaves.read_integer(0, 9), "٣", "bad-type"),
        (leaves.read_integer(0, 9), "9" * 5000, "bad-type"),
        (leaves.read_duration, "5 s", "bad-type"),
        (leaves.read_duration, "5y", "bad-type"),
        (leaves.read_duration, "-5s", "bad-type"),
        (leaves.read_duration, "1h30m", "bad-type"),
        (leaves.read_duration, "", "bad-type"),
        (leaves.read_duration, "٣s", "bad-type"),
        (leaves.read_duration, "2147483648", "bad-type"),
        (leaves.read_duration, "9" * 400, "bad-type"),
        (leaves.read_ttl, "500ms", "ttl-range"),
        (leaves.read_ttl, "2147483648", "ttl-range"),
        (leaves.read_ttl, "9" * 400, "ttl-range"),
        (leaves.read_address, "10.0.0.256", "bad-address"),
        (leaves.read_address, "10.0.0.01", "bad-address"),
        (leaves.read_address, "example.com", "bad-address"),
        (leaves.read_address, "fe80::1%eth0", "bad-address"),
        (leaves.read_address, "10.0.0.1/32", "bad-address"),
        (leaves.read_network, "10.0.0.1/8", "bad-address"),
        (leaves.read_network, "10.0.0.0/33", "bad-address"),
        (leaves.read_network, "::ffff:0:0/90", "bad-address"),
        (leaves.read_network, "fe80::%eth0/64", "bad-address"),
        (leaves.read_percent, "101%", "bad-type"),
        (leaves.read_percent, "half", "bad-type"),
        (leaves.read_percent, "٣%", "bad-type"),
        (leaves.read_percent, "9" * 400, "bad-type"),
        (leaves.read_spillover, "0.9", "bad-type"),
        (leaves.read_spillover, "11", "bad-type"),
        (leaves.read_spillover, "on", "bad-type"),
        (leaves.read_choice("open", "closed"), "Open", "bad-type"),
        (leaves.read_service_port, "0", "bad-type"),
        (leaves.read_service_port, "65536", "bad-type"),
        (leaves.read_service_port, "53/sctp", "bad-type"),
        (leaves.read_service_port, "٥٣", "bad-type"),
    ],
)
def test_bad(reader: Callable[[Any], Any], text: str, rule: str) -> None:
    """The type of the error is the rule id."""
    with pytest.raises(PydanticCustomError) as caught:
        read(reader, text)
    assert caught.value.type == rule


@pytest.mark.parametrize(
    "reader",
    [
        leaves.read_text,
        leaves.read_flag,
        leaves.read_integer(0, 9),
        leaves.read_duration,
        leaves.read_ttl,
        leaves.read_address,
        leaves.read_network,
        leaves.read_percent,
        leaves.read_spillover,
        leaves.read_choice("a"),
        leaves.read_service_port,
    ],
)
@pytest.mark.parametrize("node", [Mapping(), Sequence()])
def test_what_is_no_scalar(reader: Callable[[Any], Any], node: Any) -> None:
    """A mapping or a list where a value should be."""
    with pytest.raises(PydanticCustomError, match=r"a mapping|a list"):
        read(reader, node)


def test_braces_in_messages_are_literal() -> None:
    """Whatever was written is shown as it is."""
    with pytest.raises(PydanticCustomError, match=r"'\{x\}' is no IP address"):
        read(leaves.read_address, "{x}")


@pytest.mark.parametrize(
    ("text", "quoted", "null"),
    [("", False, True), ("~", False, True), ("null", False, True), ("null", True, False),
     ("", True, False), ("none", False, False)],
)  # fmt: skip
def test_nothing_is_written_without_quotes(text: str, quoted: bool, null: bool) -> None:
    """An empty text in quotes is a text."""
    assert leaves.is_null(text_at(text, 1, 1, not quoted)) is null
    assert leaves.is_null(Mapping()) is False


def test_a_quoted_flag_is_text() -> None:
    """`"true"` is no boolean."""
    with pytest.raises(PydanticCustomError):
        read(leaves.read_flag, "true", quoted=True)


def test_one_or_list() -> None:
    """One value is a list of one."""
    text = text_at("x", 1, 1)
    assert leaves.one_or_list(text) == leaves.one_or_list(Sequence([text])) == [text]
