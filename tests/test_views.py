"""Who asks: longest-prefix match, carve-outs, and whole networks."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.views import NetworkTable


def table(**networks: str | None) -> NetworkTable[str]:
    """A table of target=networks; `nobody` is a carve-out."""
    return NetworkTable(
        (ip_network(text), None if target == "nobody" else target)
        for target, texts in networks.items()
        for text in (texts or "").split()
    )


TABLE = table(
    prod="10.64.0.0/16 fd64::/48",
    dev="10.80.0.0/16 10.64.7.0/24 ::1/128",
    nobody="10.64.9.0/24 fd64::9:0/112",
)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("10.64.0.1", "prod"),
        ("10.64.255.255", "prod"),
        ("10.64.7.1", "dev"),
        ("10.64.9.1", None),
        ("10.63.255.255", None),
        ("10.65.0.0", None),
        ("fd64::1", "prod"),
        ("fd64::9:1", None),
        ("fd64:0:1::", None),
        ("::1", "dev"),
        ("::ffff:10.64.0.1", "prod"),
        ("::ffff:10.64.9.1", None),
        ("fd64::1%eth0", "prod"),
    ],
)
def test_the_longest_network_decides(source: str, target: str | None) -> None:
    """A carve-out is a longer network of nobody; mapped addresses are IPv4 addresses."""
    assert TABLE.find(source) == target
    assert TABLE.find(source) == target  # remembered


def test_a_match_names_the_network_that_decided() -> None:
    """`explain` shows it."""
    found = TABLE.match("10.64.7.1")
    assert found is not None
    assert str(found.network) == "10.64.7.0/24"
    carved = TABLE.match("10.64.9.1")
    assert carved is not None
    assert carved.target is None


def test_everything_may_belong_to_one() -> None:
    """Prefixes of length 0 match every address of their family."""
    everyone = table(all="0.0.0.0/0")
    assert everyone.find("203.0.113.1") == "all"
    assert everyone.find("2001:db8::1") is None


def test_what_is_no_address_raises() -> None:
    """Sources come from sockets."""
    with pytest.raises(ValueError, match="address"):
        TABLE.match("example")


def test_the_memory_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan of spoofed sources does not grow it."""
    monkeypatch.setattr(NetworkTable, "MAX_REMEMBERED", 10)
    small = table(prod="10.0.0.0/8")
    assert all(small.find(f"10.0.0.{n}") == "prod" for n in range(100))
    assert len(small._remembered) <= 10


@pytest.mark.parametrize(
    ("network", "target"),
    [
        ("10.64.1.0/24", "prod"),
        ("10.64.1.1/32", "prod"),
        ("10.80.0.0/16", "dev"),
        ("10.64.7.0/25", "dev"),
        ("10.64.0.0/16", None),  # a part of it is dev's
        ("10.64.8.0/23", None),  # a part of it is nobody's
        ("10.64.0.0/15", None),  # wider than what is known
        ("10.80.0.0/15", None),
        ("0.0.0.0/0", None),
        ("192.0.2.0/24", None),
        ("fd64::/64", None),
        ("fd64::8:0/112", "prod"),
    ],
)
def test_a_network_has_a_target_when_all_of_it_has(network: str, target: str | None) -> None:
    """A client subnet chooses a view only when it lies wholly inside one (RFC 7871)."""
    assert TABLE.find_within(ip_network(network)) == target


def test_a_mapped_network_is_no_wider_than_its_ipv4_network() -> None:
    """::ffff:10.64.0.0/106 is 10.64.0.0/10, which holds prod, dev and strangers."""
    assert TABLE.find_within(ip_network("::ffff:10.64.0.0/106")) is None


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=8),
    st.integers(0, 255),
)
def test_agrees_with_a_scan_of_all_networks(found: list[tuple[int, int]], last: int) -> None:
    """The obvious way: of all networks that hold the address, the longest."""
    networks = {ip_network(f"10.0.0.{n}/{length}", strict=False) for n, length in found}
    address = ip_address(f"10.0.0.{last}")
    holding = [network for network in networks if address in network]
    wanted = max(holding, key=lambda network: network.prefixlen, default=None)
    assert NetworkTable((n, n) for n in networks).find(str(address)) == wanted
