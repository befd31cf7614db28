"""YAML text that our reader and any other take for the same names and values."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.zones.master import MasterOwner, MasterSet, MasterZone
from resolver.zones.write_yaml import duration, scalar, write

APEX = names.from_text("example.test.")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("www", "www"),
        ("10 mail", "10 mail"),
        ("192.0.2.1", "192.0.2.1"),
        ("no", '"no"'),
        ("010", '"010"'),
        ("1e3", "1e3"),  # YAML 1.1 wants a dot in a number with an exponent
        ("1:30", '"1:30"'),
        ("null", '"null"'),
        ("", '""'),
        ("*", '"*"'),
        ("@", '"@"'),
        ("<<", '"<<"'),
        ("fd00::1", '"fd00::1"'),
        ("\\# 1 00", "'\\# 1 00'"),
        ('it\'s "x"', "'it''s \"x\"'"),
        ("2026-01-01", '"2026-01-01"'),
    ],
)
def test_scalars_are_quoted_where_another_reader_would_see_something_else(
    text: str, written: str
) -> None:
    assert scalar(text) == written
    assert yaml.safe_load(f"{{{written}: [{written}]}}") == {text: [text]}


@given(st.text(st.characters(codec="utf-8")).filter(str.isprintable), st.booleans())
def test_any_printable_text_is_read_back(text: str, always_quoted: bool) -> None:
    assert yaml.safe_load(f"{{{scalar(text, always_quoted)}: 1}}") == {text: 1}


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0"), (30, "30"), (60, "1m"), (90, "90"), (3600, "1h"), (86400, "1d"), (1209600, "14d")],
)
def test_durations_have_units_that_fit(seconds: int, written: str) -> None:
    assert duration(seconds) == written


def owner(text: str, **sets: tuple[int, list[str]]) -> MasterOwner:
    numbers = {"A": 1, "MX": 15, "TXT": 16, "AAAA": 28}
    return MasterOwner(
        names.from_text(text, APEX),
        {
            numbers[word]: MasterSet(numbers[word], ttl, {v.encode(): v for v in values})
            for word, (ttl, values) in sets.items()
        },
    )


def lines(*owners: MasterOwner) -> list[str]:
    zone = MasterZone(APEX, owners={item.name: item for item in owners})
    return write(zone, None).splitlines()


def test_the_most_common_ttl_is_the_default_and_exceptions_stand_where_they_differ() -> None:
    assert lines(
        owner("@", A=(300, ["192.0.2.1"])),
        owner("b", A=(300, ["192.0.2.2"]), TXT=(20, ["x"])),
        owner("c", A=(20, ["192.0.2.3"]), AAAA=(20, ["::1"])),
        owner("d", A=(300, ["192.0.2.4", "192.0.2.5"])),
        owner("e", A=(300, ["192.0.2.6"])),
    ) == [
        "zone: example.test.",
        "visible_to: all",
        "defaults: {ttl: 5m}",
        "",
        "records:",
        '  "@": {A: 192.0.2.1}',
        '  b: {A: 192.0.2.2, TXT: {ttl: 20, values: "x"}}',
        '  c: {A: 192.0.2.3, AAAA: "::1", ttl: 20}',
        "  d: {A: [192.0.2.4, 192.0.2.5]}",
        "  e: {A: 192.0.2.6}",
    ]


def test_long_sets_stand_one_value_a_line() -> None:
    addresses = [f"192.0.2.{n}" for n in range(20)]
    found = lines(owner("a", A=(60, addresses), TXT=(30, ["x" * 90])), owner("b", A=(60, ["::"])))
    assert found[5:8] == ["  a:", "    A:", "      - 192.0.2.0"]
    assert found[27:30] == ["    TXT:", "      ttl: 30", "      values:"]


def test_visible_to_names_environments_and_a_comment_the_source() -> None:
    text = write(MasterZone(APEX), ["prod", "no"], "old.zone")
    assert text.splitlines() == [
        "# Imported from old.zone",
        "zone: example.test.",
        'visible_to: [prod, "no"]',
    ]
