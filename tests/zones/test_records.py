"""The rdata table against dnspython, named-checkzone and any input at all."""

import shutil
import subprocess
from pathlib import Path

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver import names
from resolver.zones import records
from resolver.zones.records import ALIAS, TABLE, BadRdata, parse, to_text, type_number, type_text

ORIGIN = names.from_text("corp.test.")
SHA1, SHA256, SHA384, SHA512 = "12" * 20, "d2" * 32, "ab" * 48, "cd" * 64

# One or more texts per type that dnspython reads too.
GOOD = [
    ("A", "10.0.0.1"),
    ("A", "255.255.255.255"),
    ("A", "(10.0.0.1)"),
    ("A", r"\# 4 0A00 0001"),
    ("NS", "ns1"),
    ("CNAME", "www"),
    ("CNAME", "@"),
    ("CNAME", "MiXeD.Example.NET."),
    ("CNAME", r"a\.b.c\032d\(\;"),
    ("CNAME", r"\# 5 03777777 00"),
    ("DNAME", "target"),
    ("PTR", "www.example."),
    ("SOA", "ns1 hostmaster 2026010101 7200 900 1209600 60"),
    ("SOA", r"ns1 host\.master ( 4294967295 1h 15M 2w1d 1h30m5s )"),
    ("HINFO", 'PC "Linux 6"'),
    ("MX", "10 mail"),
    ("MX", "0 ."),
    ("TXT", '"v=spf1 -all"'),
    ("TXT", '"part one" "part two" bare'),
    ("TXT", r'"quote\" back\\slash \195\169 semi;colon"'),
    ("TXT", '"é"'),
    ("TXT", '""'),
    ("TXT", f'"{"x" * 255}"'),
    ("TXT", r"\# 3 026162"),
    ("SPF", '"v=spf1 -all"'),
    ("RP", "admin.example. ."),
    ("AFSDB", "1 afs"),
    ("RT", "10 relay"),
    ("PX", "10 map822 mapx400"),
    ("AAAA", "fd00::53"),
    ("AAAA", "::"),
    ("AAAA", "::1"),
    ("AAAA", "1::"),
    ("AAAA", "2001:DB8:1:2:3:4:5:6"),
    ("AAAA", "1:2:3:4:5:6:7::"),
    ("AAAA", "::ffff:10.0.0.1"),
    ("AAAA", "2001:db8::10.0.0.1"),
    ("SRV", "10 5 5060 www"),
    ("SRV", "65535 65535 65535 ."),
    ("NAPTR", '100 10 "u" "E2U+sip" "!^.*$!sip:info@corp.test!" .'),
    ("NAPTR", r'100 10 "s" "SIP+D2U" "" _sip._udp'),
    ("NAPTR", r'1 2 U "E2U+sip" "!^.*\\.(.*)$!sip:\\1!" .'),
    ("KX", "10 kx"),
    ("DS", f"60485 5 1 ( {SHA1[:20]} {SHA1[20:]} )"),
    ("DS", f"60485 13 2 {SHA256}"),
    ("DS", f"60485 ECDSAP384SHA384 4 {SHA384}"),
    ("CDS", "0 0 0 00"),
    ("CDS", f"1 8 2 {SHA256}"),
    ("DNSKEY", "257 3 13 mdsswUyr3DPW 132mOi8V9xES WE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"),
    ("DNSKEY", "256 3 RSASHA256 AwEAAQ=="),
    ("CDNSKEY", "0 3 0 AA=="),
    ("SSHFP", f"1 1 {SHA1.upper()}"),
    ("SSHFP", f"4 2 {SHA256}"),
    ("SSHFP", "9 9 ab"),
    ("TLSA", f"3 1 1 {SHA256[:10]} {SHA256[10:]}"),
    ("TLSA", f"3 1 2 {SHA512}"),
    ("TLSA", "3 0 0 308201"),
    ("SMIMEA", f"3 1 1 {SHA256}"),
    ("NSEC3PARAM", "1 0 0 -"),
    ("NSEC3PARAM", "1 1 65535 AABBCCDD"),
    ("OPENPGPKEY", "mQENBFVHm5sBCADH"),
    ("CAA", '0 issue ";"'),
    ("CAA", "128 issuewild letsencrypt.org"),
    ("CAA", r'0 iodef "mailto:a\"b@corp.test"'),
    ("CAA", '0 issue ""'),
    ("URI", '10 1 "https://www.example.com/path"'),
    ("EUI48", "00-00-5e-00-53-2a"),
    ("EUI64", "00-00-5E-EF-10-00-00-2a"),
    ("SVCB", "0 svc.example."),
    ("SVCB", "1 ."),
    ("HTTPS", "1 . alpn=h2,h3 ipv4hint=10.0.0.80"),
    (
        "HTTPS",
        "16 web ipv6hint=fd00::1,::ffff:10.0.0.1 port=8443 ech=AAT+DQAA alpn=h2 no-default-alpn",
    ),
    ("LP", "10 l64-subnet1"),
    ("NSAP-PTR", "host"),
    ("TYPE65280", r"\# 3 010203"),
    ("TYPE65280", r"\# 0"),
    ("LOC", r"\# 16 00121516 8B0D4C00 8B0D4C00 00989680"),
    ("NSEC", r"\# 6 016100 0001 40"),
]
# Types that dnspython has no class for, with their octets written by hand.
BY_HAND = [
    ("MB", "mail.", "046d61696c00"),
    ("MD", "mail.", "046d61696c00"),
    ("MF", "mail.", "046d61696c00"),
    ("MG", "a.b.", "01610162 00"),
    ("MR", "a.", "016100"),
    ("MINFO", "a. B.", "016100 014200"),
    ("TALINK", ". a.", "00 016100"),
    ("ALIAS", "lb.example.net.", "026c62 076578616d706c65 036e6574 00"),
    ("NULL", r"\# 2 FFFF", "ffff"),
]
BAD = [
    ("A", "", "A needs 1 field (address), got 0"),
    ("A", "10.0.0.1 10.0.0.2", "A needs 1 field (address), got 2"),
    ("A", "10.0.0.256", "'10.0.0.256' is no IPv4 address"),
    ("A", "10.0.0", "no IPv4 address"),
    ("A", "010.0.0.1", "no IPv4 address"),
    ("A", "1.2.3.4.5", "no IPv4 address"),
    ("A", '"10.0.0.1"', "no IPv4 address"),
    ("A", "10.0.0.1 ; web", "begins a comment"),
    ("A", r"\# 5 0A00000001", "A ends after 4 of 5 octets"),
    ("A", r"\# 3 0A0000", "address is cut short"),
    ("A", r"\# 4 0A0000", "the length is 4, but there are 3 octets"),
    ("A", r"\# 4 0A000", "an odd number"),
    ("A", r"\# 4 0A00000G", "is not hexadecimal"),
    ("A", r"\# four 0A000000", "'four' is no number"),
    ("A", r"\#", "the length is missing"),
    ("AAAA", "10.0.0.1", "no IPv6 address"),
    ("AAAA", "fe80::1%eth0", "no %zone"),
    ("AAAA", "1:2:3:4:5:6:7:8:9", "no IPv6 address"),
    ("AAAA", "1:2:3:4:5:6:7:8::", "no IPv6 address"),
    ("AAAA", "1::2::3", "no IPv6 address"),
    ("AAAA", "12345::", "no IPv6 address"),
    ("CNAME", "a..b", "target 'a..b' is no domain name: empty label"),
    ("CNAME", "x" * 64, "label of 64 octets"),
    ("CNAME", '"www"', "no domain name"),
    ("CNAME", "bücher", "not ASCII"),
    ("CNAME", r"\# 2 C00C", "target has a compression pointer"),
    ("CNAME", r"\# 2 0161", "target is cut short"),
    ("CNAME", "www\\", "no character behind it"),
    ("MX", "10", "MX needs 2 fields (preference exchange), got 1"),
    ("MX", "70000 mail", "preference 70000 is above 65535"),
    ("MX", "-1 mail", "preference '-1' is no number"),
    ("MX", "ten mail", "preference 'ten' is no number"),
    ("MX", "1" * 5000 + " mail", "is above 65535"),
    ("SRV", "10 5 65536 www", "port 65536 is above 65535"),
    ("SOA", "ns1 hostmaster 1 7200 900 1209600", "SOA needs 7 fields (mname rname"),
    ("SOA", "ns1 hostmaster 1 2y 900 1209600 60", "refresh '2y' is no time"),
    ("SOA", "ns1 hostmaster 1 9999999w 900 1209600 60", "refresh 9999999w is above"),
    ("SOA", "ns1 hostmaster 1h 1 1 1 1", "serial '1h' is no number"),
    ("TXT", '"open', "has no end"),
    ("TXT", '"a" ; comment', "begins a comment"),
    ("TXT", f'"{"x" * 256}"', "string of 256 octets"),
    ("TXT", r'"\256"', "above 255"),
    ("TXT", r'"\25"', "broken escape"),
    ("TXT", r"\# 0", "text is cut short"),
    ("TXT", r"\# 2 05 61", "text is cut short"),
    ("TXT", "x" * 65535, "65535 at most"),
    ("TXT", "\ud800", "not Unicode"),
    ("HINFO", "PC", "HINFO needs 2 fields"),
    ("CAA", "0 is-sue x", "letters and digits"),
    ("CAA", "256 issue x", "flags 256 is above 255"),
    ("CAA", "0 issue x y", "CAA needs 3 fields (flags tag value), got 4"),
    ("CAA", r"\# 2 00 00", "tag has other characters than letters and digits, or none"),
    ("URI", '10 1 ""', "target is empty"),
    ("SSHFP", f"1 1 {SHA256}", "digest of type 1 has 20 octets, not 32"),
    ("SSHFP", "1 2 " + "ab" * 31, "digest of type 2 has 32 octets, not 31"),
    ("SSHFP", "1 1 123", "digest has 3 hexadecimal digits, an odd number"),
    ("TLSA", "3 1 1", "TLSA needs 4 or more fields (usage selector matching_type association…)"),
    ("TLSA", "3 1 1 abcd", "has 32 octets, not 2"),
    ("TLSA", r"\# 5 03 01 02 ab cd", "has 64 octets, not 2"),
    ("DS", f"1 8 2 {SHA1}", "has 32 octets, not 20"),
    ("DS", f"1 NOSUCH 2 {SHA256}", "algorithm 'NOSUCH' is no number"),
    ("DNSKEY", "257 3 13 A", "key 'A' is no Base64"),
    ("DNSKEY", "257 3 13 é", "is no Base64"),
    ("NSEC3PARAM", "1 0 0 " + "ab" * 256, "256 octets"),
    ("EUI48", "00-00-5e-00-53", "not 6 octets"),
    ("EUI48", "00:00:5e:00:53:2a", "not 6 octets"),
    ("SVCB", "0 svc alpn=h2", "priority 0 (an alias) takes no parameters"),
    ("SVCB", "1", "SVCB needs 2 or more fields (priority target parameter…), got 1"),
    ("NSEC", "a. A", "as \\# LENGTH HEX only"),
    ("TYPE65280", "010203", "TYPE65280 can be written as \\# LENGTH HEX only"),
    ("TYPE65280", r'"\#" 1 01', "can be written as"),
    ("ANY", r"\# 0", "ANY is no type of records"),
    ("OPT", r"\# 0", "OPT is no type of records"),
]


def wire_by_dnspython(mnemonic: str, text: str) -> bytes:
    """What dnspython packs."""
    origin = dns.name.from_text("corp.test.")
    rdtype = dns.rdatatype.from_text(mnemonic)
    packed = dns.rdata.from_text("IN", rdtype, text, origin, relativize=False).to_wire()
    assert packed is not None
    return packed


@pytest.mark.parametrize(("mnemonic", "text"), GOOD)
def test_packs_as_dnspython_does(mnemonic: str, text: str) -> None:
    """The octets are those of an independent implementation."""
    expected = wire_by_dnspython(mnemonic, text)
    assert parse(type_number(mnemonic), text, ORIGIN) == expected


@pytest.mark.parametrize(("mnemonic", "text", "octets"), BY_HAND)
def test_packs_as_written_by_hand(mnemonic: str, text: str, octets: str) -> None:
    """Types that dnspython does not know have the octets of their RFC."""
    rtype = type_number(mnemonic)
    packed = parse(rtype, text, ORIGIN)
    assert packed == bytes.fromhex(octets)
    assert parse(rtype, to_text(rtype, packed), names.ROOT) == packed


@pytest.mark.parametrize(("mnemonic", "text"), GOOD)
def test_text_reads_back_here_and_in_dnspython(mnemonic: str, text: str) -> None:
    """What is written is absolute, and read identically by both."""
    rtype = type_number(mnemonic)
    packed = parse(rtype, text, ORIGIN)
    written = to_text(rtype, packed)
    assert parse(rtype, written, names.ROOT) == packed
    assert wire_by_dnspython(mnemonic, written) == packed


@pytest.mark.parametrize(("mnemonic", "text"), GOOD)
def test_the_text_of_dnspython_is_read(mnemonic: str, text: str) -> None:
    """What dnspython writes for our octets gives the same octets."""
    rtype = type_number(mnemonic)
    packed = parse(rtype, text, ORIGIN)
    theirs = dns.rdata.from_wire(
        "IN", dns.rdatatype.RdataType.make(rtype), packed, 0, len(packed)
    ).to_text()
    if mnemonic in ("LOC", "NSEC"):  # written in the generic form only
        theirs = f"\\# {len(packed)} {packed.hex()}"
    assert parse(rtype, theirs, names.ROOT) == packed


@pytest.mark.parametrize(("mnemonic", "text", "message"), BAD)
def test_refusals_say_what_is_wrong(mnemonic: str, text: str, message: str) -> None:
    """A refusal is BadRdata, in the words of the field."""
    with pytest.raises(BadRdata) as refusal:
        parse(type_number(mnemonic), text, ORIGIN)
    assert message in str(refusal.value)


def test_every_type_of_the_table_has_an_example() -> None:
    """No type with a presentation format is untested."""
    tried = {type_number(mnemonic) for mnemonic, *_ in [*GOOD, *BY_HAND]}
    assert {number for number, record in TABLE.items() if not record.generic} - tried == set()


def test_mnemonics_are_those_of_the_table_and_of_dnspython() -> None:
    """Both directions agree; a type without mnemonic is TYPEnnn."""
    for number, record in TABLE.items():
        assert (number, record.mnemonic) == (record.number, type_text(number))
    for rdtype in dns.rdatatype.RdataType:
        if rdtype != dns.rdatatype.TYPE0:
            assert type_number(rdtype.name.replace("_", "-")) == rdtype
    assert [type_number(text) for text in ("a", "TYPE1", "type65280", "AXFR")] == [1, 1, 65280, 252]
    assert [type_text(number) for number in (255, 65280, ALIAS)] == ["ANY", "TYPE65280", "ALIAS"]


@pytest.mark.parametrize("text", ["", "B", "TYPE", "TYPE65536", "TYPE01", "TYPE-1", "TYPE65401"])
def test_unknown_types_are_refused(text: str) -> None:
    """Neither a mnemonic nor a number; the number of ALIAS must be asked for by name."""
    with pytest.raises(BadRdata):
        type_number(text)


def test_text_without_quotes_is_taken_as_it_is() -> None:
    """Spaces, semicolons and backslashes are literal, long texts are split at 255 octets."""
    assert parse(16, r" a;  b\010", ORIGIN) == b"\x0a a;  b\\010"
    assert parse(16, "", ORIGIN) == b"\0"
    assert parse(16, "x" * 256, ORIGIN) == b"\xff" + b"x" * 255 + b"\1x"
    assert parse(16, "é" * 128, ORIGIN)[256:] == b"\1\xa9"
    assert to_text(16, parse(16, 'say "é"', ORIGIN)) == r'"say \"\195\169\""'


def test_addresses_are_written_canonically() -> None:
    """RFC 5952: lower case, longest run of zeros, mapped addresses with a dotted quad."""
    for written, canonical in (
        ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("::FFFF:0a00:1", "::ffff:10.0.0.1"),
        ("0:0:0:0:0:0:0:0", "::"),
    ):
        assert to_text(28, parse(28, written, ORIGIN)) == canonical


@pytest.mark.parametrize(
    ("mnemonic", "text", "expected"),
    [
        ("CNAME", "A.b.", {"target": "A.b."}),
        ("SOA", "m. r. 1 2 3 4 5", {"mname": "m.", "rname": "r."}),
        ("MX", "10 mail", {"exchange": "mail.corp.test."}),
        ("SRV", "1 2 3 t.", {"target": "t."}),
        ("NAPTR", '1 2 "" "" "" r.', {"replacement": "r."}),
        ("HTTPS", "1 t. alpn=h2", {"target": "t."}),
        ("RP", "a. b.", {"mailbox": "a.", "text": "b."}),
        ("NSEC", r"\# 6 016100 0001 40", {"next": "a."}),
        ("RRSIG", rf"\# 22 {'00' * 18} 016100 ff", {"signer": "a."}),
        ("ALIAS", "lb.", {"target": "lb."}),
        ("A", "10.0.0.1", {}),
        ("TXT", "www.corp.test.", {}),
        ("TYPE65280", r"\# 3 016100", {}),
    ],
)
def test_names_in_rdata_are_found(mnemonic: str, text: str, expected: dict[str, str]) -> None:
    """Every field of type domain name comes with its name, spelled as written."""
    rtype = type_number(mnemonic)
    found = records.names_in(rtype, parse(rtype, text, ORIGIN))
    assert {field: names.to_text(name) for field, name in found} == expected


def test_addresses_in_rdata_are_found() -> None:
    """Addresses and the hints of both families are found, packed."""
    four, six = bytes([10, 0, 0, 1]), bytes(15) + b"\1"
    https = parse(65, "1 . ipv6hint=::1 ipv4hint=10.0.0.1,10.0.0.1", ORIGIN)
    assert records.addresses_in(1, four) == (four,)
    assert records.addresses_in(28, six) == (six,)
    assert records.addresses_in(65, https) == (four, four, six)
    assert records.addresses_in(16, b"\0") == records.addresses_in(65280, b"") == ()


def test_any_white_space_separates_fields() -> None:
    """Tabs and more spaces separate fields as one space does."""
    assert parse(33, "10\t5   5060 www ", ORIGIN) == parse(33, "10 5 5060 www", ORIGIN)


@pytest.mark.skipif(not shutil.which("named-checkzone"), reason="needs named-checkzone")
def test_named_checkzone_reads_every_text_identically(tmp_path: Path) -> None:
    """BIND, given our texts, writes texts that have the same octets."""
    rows = ["@ 300 IN SOA ns1 h 1 2 3 4 5", "@ 300 IN NS ns1", "ns1 300 IN A 10.0.0.1"]
    wires: dict[str, bytes] = {}
    for number, (mnemonic, text) in enumerate(GOOD):
        if mnemonic in ("SOA", "NS", "NSEC"):  # in the zone already, or not to be alone
            continue
        rtype = type_number(mnemonic)
        owner = f"r{number}.corp.test."
        wires[owner] = parse(rtype, text, ORIGIN)
        rows.append(f"{owner} 300 IN {mnemonic} {to_text(rtype, wires[owner])}")
    zone = tmp_path / "corp.test.zone"
    zone.write_text("\n".join(rows) + "\n")
    command = ["named-checkzone", "-i", "none", "-k", "ignore", "-o", "-", "corp.test.", str(zone)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    read = {}
    for line in run.stdout.splitlines():
        owner, _, _, mnemonic, text = line.split(None, 4)
        if owner in wires and mnemonic != "LOC":
            read[owner] = parse(type_number(mnemonic), text, names.ROOT)
    assert read == {owner: wires[owner] for owner in read}
    assert len(read) >= len(wires) - 1


TYPES = st.sampled_from([*TABLE, 10, 65280])
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet='ab01.:=,"\\;()# \n-/', max_size=40),
    st.lists(
        st.sampled_from(
            ["0", "1", "www", ".", "10.0.0.1", "::1", '"a b"', "alpn=h2", 'port="1"', r"\#", "key9"]
        ),
        max_size=8,
    ).map(" ".join),
)


@given(TYPES, TEXTS)
@settings(max_examples=1200)
def test_any_text_is_octets_or_bad_rdata(rtype: int, text: str) -> None:
    """No text raises anything else, and what is packed is well formed and reads back."""
    try:
        packed = parse(rtype, text, ORIGIN)
    except BadRdata:
        return
    assert parse(rtype, to_text(rtype, packed), names.ROOT) == packed


@given(TYPES, st.binary(max_size=60))
@settings(max_examples=1200)
def test_any_octets_are_a_text_that_reads_back_or_bad_rdata(rtype: int, octets: bytes) -> None:
    """to_text, names_in and addresses_in judge alike, and the text gives the same octets."""
    try:
        text = to_text(rtype, octets)
    except BadRdata:
        with pytest.raises(BadRdata):
            records.check(rtype, octets)
        return
    assert parse(rtype, text, names.ROOT) == octets
    records.check(rtype, octets)
    records.names_in(rtype, octets)
    records.addresses_in(rtype, octets)


@pytest.mark.parametrize(("mnemonic", "text"), GOOD)
@given(position=st.integers(0, 80), octet=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=40)
def test_damaged_octets_read_back_or_are_refused(
    mnemonic: str, text: str, position: int, octet: int, cut: bool
) -> None:
    """Octets near to good ones reach the far corners of every field kind."""
    rtype = type_number(mnemonic)
    damaged = bytearray(parse(rtype, text, ORIGIN))
    if damaged:
        damaged[position % len(damaged)] = octet
    octets = bytes(damaged[:-1] if cut else damaged)
    try:
        written = to_text(rtype, octets)
    except BadRdata:
        return
    assert parse(rtype, written, names.ROOT) == octets
