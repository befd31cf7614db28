"""Upstreams as they are written."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.zones.upstream import BadUpstream, Upstream, read_upstream

GOOD = {
    "9.9.9.9": ("udp", "9.9.9.9", 53, None, None),
    "9.9.9.9:5353": ("udp", "9.9.9.9", 5353, None, None),
    "2620:fe::fe": ("udp", "2620:fe::fe", 53, None, None),
    "[::1]": ("udp", "::1", 53, None, None),
    "[::1]:54": ("udp", "::1", 54, None, None),
    "tcp://9.9.9.9": ("tcp", "9.9.9.9", 53, None, None),
    "tls://1.1.1.1#one.one.one.one": ("tls", "1.1.1.1", 853, "one.one.one.one", None),
    "tls://[::1]:8853#a.example": ("tls", "::1", 8853, "a.example", None),
    "https://dns.example/q#9.9.9.9": ("https", "9.9.9.9", 443, "dns.example", "/q"),
    "https://dns.example:8443#9.9.9.9": ("https", "9.9.9.9", 8443, "dns.example", "/dns-query"),
    "https://9.9.9.9/q": ("https", "9.9.9.9", 443, "9.9.9.9", "/q"),
    "https://[::1]/q": ("https", "::1", 443, "::1", "/q"),
}
BAD = (
    "",
    "dns.example",
    "9.9.9.9:",
    "9.9.9.9:0",
    "9.9.9.9:65536",
    f"9.9.9.9:{'9' * 5000}",
    f"https://dns.example:{'9' * 5000}/q#9.9.9.9",
    "[::1",
    "[::1]53",
    "[::1]:",
    "0.0.0.0",
    "224.0.0.1",
    "tls://9.9.9.9",
    "tls://9.9.9.9#",
    "tls://dns.example#dns.example",
    "tcp://9.9.9.9#a.example",
    "https://dns.example/q",
    "https://dns.example/q#b.example",
    "https:///q#9.9.9.9",
    "https://dns.example:99999/q#9.9.9.9",
    "quic://9.9.9.9",
    "system",
)


@pytest.mark.parametrize("text", GOOD)
def test_an_upstream_is_read(text: str) -> None:
    transport, address, port, name, path = GOOD[text]
    assert read_upstream(text) == Upstream(transport, ip_address(address), port, name, path)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_upstream_is_refused(text: str) -> None:
    with pytest.raises(BadUpstream):
        read_upstream(text)


@given(st.text(alphabet="0123456789.:[]#/abtlshp%@", max_size=30))
def test_any_text_is_an_upstream_or_this_one_exception(text: str) -> None:
    try:
        assert 1 <= read_upstream(text).port <= 65535
    except BadUpstream:
        return


def test_a_mapped_address_is_its_ipv4_address() -> None:
    """So that it is known as ourselves, or as private, like the other."""
    assert str(read_upstream("[::ffff:10.0.0.2]:53")) == "10.0.0.2"
