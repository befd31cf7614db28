"""Master files token by token: what records there are, and where a file is wrong."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.zones.master_reader import Entry, MasterSyntaxError, read_entries

A, CNAME, SOA, TXT = 1, 5, 6, 16
TEST = names.from_text("test.")


def no_files(path: str, includer: str) -> tuple[str, bytes]:
    raise FileNotFoundError(2, "No such file or directory", path)


def entries(text: str | bytes, origin: bytes | None = TEST) -> list[Entry]:
    octets = text if isinstance(text, bytes) else text.encode()
    return read_entries(octets, "f", no_files, origin).entries


def owners(text: str) -> list[str]:
    return [names.to_text(entry.owner) for entry in entries(text)]


def test_an_entry_without_an_owner_has_the_one_before() -> None:
    """RFC 1035 5.1: "If an entry for an RR begins with a blank, then the RR is assumed to be
    owned by the last stated owner."
    """
    assert owners("a 1 A 192.0.2.1\n  1 A 192.0.2.2\n\t\n 1 A 192.0.2.3\n") == ["a.test."] * 3


def test_ttl_and_class_stand_in_either_order_and_may_be_left_out() -> None:
    text = "$TTL 7\na 60 IN A 192.0.2.1\na IN 1m A 192.0.2.1\na IN A 192.0.2.1\na A 192.0.2.1"
    assert [entry.ttl for entry in entries(text)] == [60, 60, 7, 7]


def test_a_record_without_a_ttl_has_the_last_one_stated() -> None:
    assert [entry.ttl for entry in entries("a 60 A 192.0.2.1\nb A 192.0.2.2")] == [60, 60]


def test_an_soa_without_any_ttl_has_its_minimum_as_has_the_zone() -> None:
    text = "@ SOA a b 1 2 3 4 77\na A 192.0.2.1\nb 60 A 192.0.2.2\nc A 192.0.2.3"
    assert [entry.ttl for entry in entries(text)] == [77, 77, 60, 77]


def test_the_origin_is_the_owner_of_an_soa_that_is_absolute() -> None:
    found = read_entries(b"$TTL 1\nz.test. SOA ns root 1 2 3 4 5\na A 192.0.2.1", "f", no_files)
    assert found.first_origin == names.from_text("z.test.")
    assert found.entries[1].owner == names.from_text("a.z.test.")


def test_a_relative_origin_is_relative_to_the_one_before() -> None:
    assert owners("$TTL 1\n$ORIGIN b\na A 192.0.2.1\n@ A 192.0.2.1") == ["a.b.test.", "b.test."]


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        (b'"\xc3\xa9"', b"\xc3\xa9"),
        (b'"\\\xc3\xa9\\\\\xff"', b"\xc3\xa9\\\xff"),
        (b"bare\\ word\\;", b"bare word;"),
        (b'"\\001\\"\\\\;"', b'\x01"\\;'),
    ],
)
def test_octets_above_127_and_escapes_are_kept_exactly(written: bytes, octets: bytes) -> None:
    (entry,) = entries(b"a 1 TXT " + written)
    assert entry.rdata == bytes((len(octets),)) + octets


def test_names_may_hold_any_octet() -> None:
    assert entries(b"\xff\\000\\.x 1 CNAME \xc3\xa9.test.")[0][::3] == (
        b"\x04\xff\x00.x\x04test\x00",
        b"\x02\xc3\xa9\x04test\x00",
    )


def test_included_files_do_not_change_the_origin_or_the_owner() -> None:
    """RFC 1035 5.1: "the relative origin of the parent file" stays, whatever the included says."""

    def load(path: str, includer: str) -> tuple[str, bytes]:
        assert (path, includer) == ("sub", "f")
        return "sub", b"$ORIGIN deeper\nx 1 A 192.0.2.1\n"

    text = b"a 1 A 192.0.2.1\n$INCLUDE sub other.test.\n 1 A 192.0.2.2\n"
    found = read_entries(text, "f", load, TEST).entries
    assert [(names.to_text(e.owner), str(e.place)) for e in found] == [
        ("a.test.", "f:1"),
        ("x.deeper.other.test.", "sub:2"),
        ("a.test.", "f:3"),
    ]


def test_places_are_the_first_lines_of_entries() -> None:
    text = "; c\r\n\r\na 1 TXT ( one ; c\r\n two )\r\n\r\nb 1 TXT x\r\n"
    assert [entry.place.line for entry in entries(text)] == [3, 6]


def test_records_of_other_classes_are_told_of() -> None:
    found = read_entries(b'a 1 CH TXT ( "x"\n y )\nb 1 A 192.0.2.1\n', "f", no_files, TEST)
    assert found.lost == ["f:1: a.test. TXT: not kept: class CH"]
    assert len(found.entries) == 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a 1 A 192.0.2.1\nb 1 A 192.0.2.256\n", 2, ""),
        ('\na 1 TXT "x\n', 2, "quote"),
        ("a 1 TXT ( x\n y\n", 1, "parenthes"),
        ("a 1 TXT x )\n", 1, ""),
        (" 1 A 192.0.2.1\n", 1, "owner"),
        ("a A 192.0.2.1\n", 1, "no TTL"),
        ("a 1 NOTYPE x\n", 1, "NOTYPE"),
        ("$NOSUCH 1\n", 1, "directive"),
        ("$INCLUDE gone\n", 1, "No such file"),
        ("$GENERATE 1-4000000000 a$ 1 A 192.0.2.1\n", 1, "65536"),
        ("$GENERATE\n", 1, ""),
        ("a..b 1 A 192.0.2.1\n", 1, ""),
        ("$TTL " + "9" * 5000 + "\n", 1, ""),
        ('a 1 TXT "' + "x" * 256 + '"\n', 1, ""),
        ("a 1 A\n", 1, ""),
        ("a 1 A 192.0.2.1 192.0.2.2\n", 1, ""),
    ],
)
def test_syntax_errors_name_the_file_and_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(MasterSyntaxError, match=f"^f:{line}: .*{message}"):
        entries(text)


def test_a_file_that_includes_itself_is_an_error() -> None:
    def load(path: str, includer: str) -> tuple[str, bytes]:
        return "f", b"$INCLUDE f\n"

    with pytest.raises(MasterSyntaxError, match="files within files"):
        read_entries(b"$INCLUDE f\n", "f", load, TEST)


def test_a_relative_name_without_an_origin_says_what_to_do() -> None:
    with pytest.raises(MasterSyntaxError, match="--origin"):
        entries("a 1 A 192.0.2.1", None)
    with pytest.raises(MasterSyntaxError, match="f:1"):
        entries("a.test. 1 CNAME b", None)


_WORDS = st.sampled_from(
    (
        *(
            "@",
            "(",
            ")",
            '"',
            ";",
            ".",
            " ",
            "\t",
            "\n",
            "\\",
            "é",
            "\\#",
            "\\300",
            "a",
            "1",
            "1-2",
        ),
        *("IN", "CH", "A", "TXT", "SOA", "MX", "192.0.2.1"),
        *("$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE"),
    )
)


@given(st.one_of(st.binary(max_size=60), st.lists(_WORDS).map(lambda w: " ".join(w).encode())))
def test_any_octets_are_records_or_one_kind_of_error(octets: bytes) -> None:
    with contextlib.suppress(MasterSyntaxError):
        read_entries(octets, "f", no_files, TEST)
