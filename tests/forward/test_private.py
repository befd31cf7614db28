"""Which addresses no public server may give."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.forward.private import is_private, without_private
from resolver.rrsets import AAAA, HTTPS, MX, SVCB, A
from tests.forward.replies import rdata_of_text

PRIVATE = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "127.0.0.1", "127.255.255.255"),
    *("100.64.0.0", "100.127.255.255", "169.254.0.1", "172.16.0.0", "172.31.255.255"),
    *("192.168.0.0", "192.168.255.255", "255.255.255.255"),
    *("::", "::1", "fc00::", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1"),
    *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:192.168.1.1", "::10.0.0.1", "::127.0.0.1"),
    *("64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::169.254.169.254"),
    *("2002:0a00:0001::", "2002:7f00:0001::1", "2002:c0a8:0101::1"),
)
PUBLIC = (
    *("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"),
    *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.167.255.255", "192.169.0.0", "255.255.255.254"),
    *("2001:db8::1", "2620:fe::fe", "fbff::1", "fe7f::1", "ff02::1", "::ffff:9.9.9.9", "::9.9.9.9"),
    *("64:ff9b::9.9.9.9", "64:ff9b:0:0:0:1:a00:1", "2002:0909:0909::", "2002:0909:0a00::10.0.0.1"),
)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_known(text: str) -> None:
    """RFC 1918, 4193, 6598, 3927, 4291, and where IPv6 carries them."""
    assert is_private(ip_address(text).packed)
    assert without_private(AAAA if ":" in text else A, ip_address(text).packed) is None


@pytest.mark.parametrize("text", PUBLIC)
def test_their_neighbours_are_public(text: str) -> None:
    """The networks end where the RFCs say."""
    packed = ip_address(text).packed
    assert not is_private(packed)
    assert without_private(AAAA if ":" in text else A, packed) == packed


NETWORKS = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "255.255.255.255/32"),
    )
)
CARRIERS = ("::ffff:0:0", "::", "64:ff9b::")


@given(st.integers(0, 2**32 - 1))
def test_an_address_of_ipv4_is_the_same_wherever_it_is_carried(number: int) -> None:
    """Mapped, compatible, translated or in 6to4; the list of networks says which."""
    address = IPv4Address(number)
    expected = any(address in network for network in NETWORKS)
    assert is_private(address.packed) is expected
    for prefix in CARRIERS:
        assert is_private(ip_address(prefix).packed[:12] + address.packed) is expected
    assert is_private(b"\x20\x02" + address.packed + bytes(10)) is expected


@pytest.mark.parametrize("rtype", [MX, 16, 46, 0])
def test_other_types_are_left_alone(rtype: int) -> None:
    """They hold no addresses, whatever their octets look like."""
    assert without_private(rtype, bytes((10, 0, 0, 1))) == bytes((10, 0, 0, 1))


# ---------------------------------------------------------------- hints


def binding(text: str, rtype: int = HTTPS) -> bytes:
    """Rdata of HTTPS or SVCB from its text."""
    return rdata_of_text({SVCB: "SVCB", HTTPS: "HTTPS"}[rtype], text)


@pytest.mark.parametrize("rtype", [SVCB, HTTPS])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("1 .", "1 ."),
        ("0 other.example.", "0 other.example."),
        ("1 . alpn=h2 ipv4hint=9.9.9.9", "1 . alpn=h2 ipv4hint=9.9.9.9"),
        (
            "1 . ipv4hint=9.9.9.9,10.0.0.1,1.1.1.1 port=8443",
            "1 . ipv4hint=9.9.9.9,1.1.1.1 port=8443",
        ),
        ("1 svc.example. alpn=h2 ipv4hint=10.0.0.1", "1 svc.example. alpn=h2"),
        ("1 . ipv4hint=127.0.0.1 ipv6hint=::1", "1 ."),
        ("1 . ipv6hint=::ffff:10.0.0.1,2620:fe::fe", "1 . ipv6hint=2620:fe::fe"),
        ("1 . ipv4hint=10.0.0.1 ipv6hint=2620:fe::fe", "1 . ipv6hint=2620:fe::fe"),
        (
            "1 . mandatory=ipv4hint ipv4hint=10.0.0.1,9.9.9.9",
            "1 . mandatory=ipv4hint ipv4hint=9.9.9.9",
        ),
        ("1 . mandatory=alpn alpn=h2 ipv4hint=10.0.0.1", "1 . mandatory=alpn alpn=h2"),
        ("1 . mandatory=ipv4hint ipv4hint=10.0.0.1", None),
        ("1 . mandatory=alpn,ipv6hint alpn=h2 ipv6hint=fd00::1", None),
    ],
)
def test_private_hints_are_taken_out(rtype: int, text: str, left: str | None) -> None:
    """RFC 9460 7.3; without what it calls mandatory a record is none (RFC 9460 8)."""
    expected = None if left is None else binding(left, rtype)
    assert without_private(rtype, binding(text, rtype)) == expected


@pytest.mark.parametrize(
    "rdata",
    [
        b"",
        b"\0",
        b"\0\1",
        b"\0\1\3ab",
        b"\0\1\0\0",
        b"\0\1\0\0\4\0\4\x0a\0\0",
        b"\0\1\0\0\4\0\3\x09\x09\x09",
        b"\0\1\0\0\6\0\4\x09\x09\x09\x09",
    ],
)
def test_a_binding_that_cannot_be_read_is_nothing(rdata: bytes) -> None:
    """What is behind it may be an address."""
    assert without_private(HTTPS, rdata) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from((0, 1, 3, 4, 6, 7)),
            st.sampled_from((b"", b"\0\4", b"\0\4\0\6", b"\x0a\0\0\1", b"\x09\x09\x09\x09"))
            | st.binary(min_size=16, max_size=16)
            | st.binary(max_size=9),
        ),
        max_size=5,
    ),
    st.binary(max_size=3),
)
def test_no_private_hint_is_left_of_any_octets(
    parameters: list[tuple[int, bytes]], more: bytes
) -> None:
    """What is left is clean, no longer than before, and stays as it is a second time."""
    rdata = b"\0\1\0"
    for key, value in parameters:
        rdata += struct.pack("!HH", key, len(value)) + value
    left = without_private(HTTPS, rdata + more)
    if left is None:
        return
    assert len(left) <= len(rdata + more)
    assert without_private(HTTPS, left) == left
    position = 3
    while position < len(left):
        key, length = struct.unpack_from("!HH", left, position)
        value = left[position + 4 : position + 4 + length]
        size = {4: 4, 6: 16}.get(key)
        if size is not None:
            assert value
            assert not any(is_private(value[n : n + size]) for n in range(0, length, size))
        position += 4 + length
    assert position == len(left)
