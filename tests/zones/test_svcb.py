"""Service parameters of SVCB and HTTPS records (RFC 9460, appendix D among others)."""

import pytest

from resolver import names
from resolver.zones.presentation import BadRdata
from resolver.zones.records import parse, to_text

SVCB = 64
FOO_COM, FOO_ORG = "03666f6f076578616d706c6503636f6d00", "03666f6f076578616d706c65036f726700"
EXAMPLE = names.from_text("example.com.")


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("0 foo.example.com.", "0000 03666f6f 076578616d706c65 03636f6d 00"),
        ("1 .", "0001 00"),
        ("16 foo.example.com. port=53", f"0010 {FOO_COM} 0003 0002 0035"),
        (
            "1 foo.example.com. key667=hello",
            f"0001 {FOO_COM} 029b 0005 68656c6c6f",
        ),
        (
            r'1 foo.example.com. key667="hello\210qoo"',
            f"0001 {FOO_COM} 029b 0009 68656c6c6fd2716f6f",
        ),
        (
            '1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1"',
            f"0001 {FOO_COM} 0006 0020 20010db8{1:024x} 20010db8{0x530001:024x}",
        ),
        (
            '1 example.com. ipv6hint="2001:db8:122:344::192.0.2.33"',
            "0001 076578616d706c6503636f6d00 0006 0010 20010db8012203440000 0000c0000221",
        ),
        (
            "16 foo.example.org. (alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1)",
            f"0010 {FOO_ORG} 0000 0004 0001 0004 0001 0009 026832 0568332d3139 0004 0004 c0000201",
        ),
        (
            r'16 foo.example.org. alpn="f\\\\oo\\,bar,h2"',
            f"0010 {FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832",
        ),
        (
            r"16 foo.example.org. alpn=f\\\092oo\092,bar,h2",
            f"0010 {FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832",
        ),
    ],
)
def test_the_vectors_of_rfc_9460_d(text: str, octets: str) -> None:
    """RFC 9460 D.1 and D.2: text to octets, and back."""
    packed = parse(SVCB, text, EXAMPLE)
    assert packed == bytes.fromhex(octets)
    assert parse(SVCB, to_text(SVCB, packed), names.ROOT) == packed


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("key123=abc key123=def", "key123 is given twice"),  # RFC 9460 D.3 begins here
        ("mandatory", "'' is unknown"),
        ("alpn", "needs protocols"),
        ("port", "port '' is no number"),
        ("ipv4hint", "ipv4hint '' is no IPv4 address"),
        ("ipv6hint", "ipv6hint '' is no IPv6 address"),
        ("no-default-alpn=abc", "no-default-alpn takes no value"),
        ("mandatory=key123", "mandatory lists key123, which is absent"),
        ("mandatory=mandatory", "mandatory lists itself"),
        ("mandatory=key123,key123 key123=abc", "mandatory lists a key twice"),  # and ends here
        ("alpn=h2 key1=abc", "key1 is given twice"),
        ("no-default-alpn", "no-default-alpn needs alpn"),
        ("port=65536", "port 65536 is above 65535"),
        ("alpn=h2,,h3", "needs protocols"),
        (r"alpn=a\\b", "has a backslash"),
        ("ech=?", "ech '?' is no Base64"),
        ("ech=", "ech is no ECHConfigList"),
        ("ech=AAEC", "ech is no ECHConfigList"),
        ("dohpath=/q", "no path template"),
        (r"dohpath=/\255{?dns}", "dohpath is not UTF-8"),
        ("colour=blue", "'colour' is unknown"),
        ("ALPN=h2", "'ALPN' is unknown"),
        ("key65535=a", "unknown"),
        ("key01=a", "unknown"),
        ("key3=abc", "port has 3 octets instead of 2"),
        ("key4=abc", "ipv4hint has 3 octets instead of 4 for each address"),
        ("alpn= h2", "needs protocols"),
        ("=h2", "'' is unknown"),
        pytest.param(f'key9="{"x" * 65536}"', "key9 is longer than 65535 octets", id="long"),
    ],
)
def test_refusals_name_the_key(parameters: str, message: str) -> None:
    """A refusal says which key, and what is wrong with it."""
    with pytest.raises(BadRdata, match=r"^parameter ") as refusal:
        parse(SVCB, f"1 . {parameters}", EXAMPLE)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("0003 0002 0035 0001 0003 026832", "out of order"),
        ("0003 0002 0035 0003 0002 0035", "given twice"),
        ("0003 0003 0035", "cut short"),
        ("0003 00", "cut short"),
        ("0001 0000", "alpn needs protocols"),
        ("0001 0002 0161", ""),
        ("0001 0002 0361", "alpn is cut short"),
        ("0000 0003 000100 0001 0002 0161", "odd number"),
        ("0000 0000", "mandatory is empty"),
        ("0000 0004 0003 0001 0001 0002 0161 0003 0002 0035", "out of order"),
        ("ffff 0000", "reserved"),
    ],
)
def test_octets_are_checked_as_texts_are(octets: str, message: str) -> None:
    """The generic form is no way around the rules."""
    wire = bytes.fromhex("0001 00" + octets)
    if not message:
        assert to_text(SVCB, wire) == '1 . alpn="a"'
        return
    with pytest.raises(BadRdata) as refusal:
        parse(SVCB, f"\\# {len(wire)} {wire.hex()}", EXAMPLE)
    assert message in str(refusal.value)


def test_text_is_in_key_order_with_quotes_where_needed() -> None:
    """Known keys by name, others by number, values as other servers read them."""
    text = '1 . key9=x dohpath=/q{?dns} ech=AAT+DQAA no-default-alpn="" alpn=h2 key10'
    assert to_text(SVCB, parse(SVCB, text, EXAMPLE)) == (
        '1 . alpn="h2" no-default-alpn ech=AAT+DQAA dohpath="/q{?dns}" key9="x" key10'
    )
