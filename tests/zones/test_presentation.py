"""Tokens of zone-file rdata."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.zones import presentation
from resolver.zones.presentation import BadRdata, split, unescape


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        (" a\tb ", ["a", "b"]),
        ("( a\r\n b )c", ["a", "b", "c"]),
        (r'"a b" c\ d "e\"f"', ['"a b"', r"c\ d", r'"e\"f"']),
        ('"a""b"', ['"a"', '"b"']),
        ('a="b c"', ["a=", '"b c"']),
        (r"a\;b", [r"a\;b"]),
        ('"(;)"', ['"(;)"']),
        ("a\u00a0b", ["a\u00a0b"]),
    ],
)
def test_split(text: str, tokens: list[str]) -> None:
    """White space and parentheses separate, quotes and escapes hold together."""
    assert split(text) == tokens


def test_a_quote_behind_an_equals_sign_belongs_to_its_token_in_pairs() -> None:
    """Only service parameters are written so."""
    assert split('1 . a="b c" d=e', pairs=True) == ["1", ".", 'a="b c"', "d=e"]


@pytest.mark.parametrize("text", ["a ; b", '"a', '"a\nb"', "a\\", '"a\\"'])
def test_texts_that_have_no_tokens(text: str) -> None:
    """Comments, open quotes and open escapes are refused."""
    with pytest.raises(BadRdata):
        split(text)


@given(st.binary())
def test_quoted_octets_are_ascii_and_one_token(octets: bytes) -> None:
    """Any octets survive quoting, splitting and unescaping."""
    quoted = presentation.quote(octets)
    assert quoted.isascii()
    assert split(quoted) == [quoted]
    assert unescape(quoted) == octets


@given(st.ip_addresses(v=4))
def test_ipv4_addresses(address: ipaddress.IPv4Address) -> None:
    """Both directions agree with the standard library."""
    assert presentation.pack_ipv4(str(address)) == address.packed
    assert presentation.ipv4_text(address.packed) == str(address)


@given(st.ip_addresses(v=6) | st.sampled_from(["::", "::1", "1::", "1::8", "0:1::"]))
def test_ipv6_addresses(address: ipaddress.IPv6Address | str) -> None:
    """Both directions agree with the standard library, compressed or not."""
    number = ipaddress.IPv6Address(address)
    for text in (number.compressed, number.exploded):
        assert presentation.pack_ipv6(text) == number.packed
    assert presentation.pack_ipv6(presentation.ipv6_text(number.packed)) == number.packed


@given(st.text(alphabet="01af:.%", max_size=30))
def test_ipv6_texts_are_judged_as_the_standard_library_does(text: str) -> None:
    """The short way accepts nothing that the long way refuses."""
    try:
        expected = ipaddress.IPv6Address(text)
    except ValueError:
        expected = None
    if expected is None or expected.scope_id is not None:
        with pytest.raises(BadRdata):
            presentation.pack_ipv6(text)
    else:
        assert presentation.pack_ipv6(text) == expected.packed
