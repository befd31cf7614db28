"""What a zone keeps of a master file, and what it says of the rest."""

import pytest

from resolver import names
from resolver.zones import records
from resolver.zones.master import MasterZone, name_text, rdata_text, read

TEST = names.from_text("test.")


def zone_of(text: str, origin: bytes | None = TEST) -> MasterZone:
    def no_files(path: str, includer: str) -> tuple[str, bytes]:
        raise FileNotFoundError

    return read(("$TTL 60\n" + text).encode(), "f", no_files, origin)


def written(zone: MasterZone) -> dict[str, dict[str, list[str]]]:
    return {
        name_text(owner.name, zone.apex): {
            records.type_text(item.rtype): list(item.values.values())
            for item in owner.sets.values()
        }
        for owner in zone.owners.values()
    }


def test_the_apex_is_the_origin_given_else_that_of_the_soa_else_the_first_origin() -> None:
    soa = "$ORIGIN test.\nsub SOA a. b. 1 2 3 4 5\n"
    assert zone_of(soa, None).apex == names.from_text("sub.test.")
    assert zone_of("$ORIGIN test.\na A 192.0.2.1\n", None).apex == TEST
    given = zone_of(soa)
    assert given.apex == TEST
    assert given.lost == ["f:3: sub.test. SOA: not kept: not at the apex"]


def test_owners_keep_their_spelling_and_are_one_in_any_case() -> None:
    zone = zone_of("WwW A 192.0.2.1\nwww A 192.0.2.2\n")
    assert written(zone) == {"WwW": {"A": ["192.0.2.1", "192.0.2.2"]}}
    assert not zone.lost


def test_names_whose_spelling_would_change_stay_absolute() -> None:
    zone = zone_of("a.TEST. CNAME b.Test.\n@ NS c.test.\n")
    assert written(zone) == {"a.TEST.": {"CNAME": ["b.Test."]}, "@": {"NS": ["c"]}}


@pytest.mark.parametrize(
    ("text", "kept", "lost"),
    [
        ("a.other. A 192.0.2.1", {}, "f:2: a.other. A: not kept: outside of the zone test."),
        (
            "a CNAME b\na A 192.0.2.1",
            {"a": {"CNAME": ["b"]}},
            "f:3: a.test. A: not kept: a CNAME and other records at one name (RFC 1034 3.6.2)",
        ),
        (
            "a A 192.0.2.1\na CNAME b",
            {"a": {"A": ["192.0.2.1"]}},
            "f:3: a.test. CNAME: not kept: a CNAME and other records at one name (RFC 1034 3.6.2)",
        ),
        (
            "a CNAME b\na CNAME c",
            {"a": {"CNAME": ["b"]}},
            "f:3: a.test. CNAME: not kept: the name has another one already",
        ),
        (
            "a A 192.0.2.1\na 30 A 192.0.2.2",
            {"a": {"A": ["192.0.2.1", "192.0.2.2"]}},
            "f:3: a.test. A: TTL 60 not kept: other records of this set have 30",
        ),
        (
            "a 4294967295 A 192.0.2.1",
            {"a": {"A": ["192.0.2.1"]}},
            "f:2: a.test. A: TTL 4294967295 not kept: above 2147483647 it means 0 (RFC 2181 8)",
        ),
        (
            "a TYPE65401 \\# 1 00",
            {},
            "f:2: a.test. TYPE65401: not kept: this server uses the number for ALIAS",
        ),
        (
            "@ SOA a b 1 2 3 4 5\n@ SOA a b 2 2 3 4 5",
            {},
            "f:3: test. SOA: not kept: the zone has another one already",
        ),
        (
            "@ SOA a b 1 2 3 4000000000 5",
            {},
            "f:2: test. SOA: times above 2147483647 not kept",
        ),
    ],
)
def test_what_cannot_be_kept_is_told_with_its_line(
    text: str, kept: dict[str, dict[str, list[str]]], lost: str
) -> None:
    zone = zone_of(text)
    assert written(zone) == kept
    assert zone.lost == [lost]


def test_records_written_twice_are_one_and_nothing_is_lost() -> None:
    zone = zone_of("a A 192.0.2.1\na A 192.0.2.1\n@ SOA a b 1 2 3 4 5\n@ SOA a b 1 2 3 4 5\n")
    assert written(zone) == {"a": {"A": ["192.0.2.1"]}}
    assert not zone.lost


@pytest.mark.parametrize(
    ("rtype", "octets", "text"),
    [
        (16, b"\x03a b", "a b"),
        (16, b"\x00", '""'),
        (16, b"\x01a\x01b", '"a" "b"'),
        (16, b'\x02"a', '"\\"a"'),
        (16, b"\x02\xc3\xa9", "é"),
        (16, b"\x01\xff", '"\\255"'),
        (16, b"\xff" + b"x" * 255 + b"\x01y", "x" * 255 + "y"),
        (5, b"\x01a\x04test\x00", "a"),
        (5, b"\x04test\x00", "@"),
        (15, b"\x00\x0a\x01a\x05other\x00", "10 a.other."),
        (29, bytes(16), "\\# 16 00000000000000000000000000000000"),
        (47, b"\x00\x00\x01\x40", "\\# 4 00000140"),
        (65280, b"", "\\# 0"),
    ],
)
def test_rdata_is_written_as_nicely_as_its_octets_allow(
    rtype: int, octets: bytes, text: str
) -> None:
    assert rdata_text(rtype, octets, TEST) == text
    assert records.parse(rtype, text, TEST) == octets


def test_octets_that_no_text_stands_for_are_refused() -> None:
    with pytest.raises(records.BadRdata):
        rdata_text(1, b"\x01", TEST)
