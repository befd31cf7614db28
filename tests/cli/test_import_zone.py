"""`sightline import`, as a user meets it."""

import io
import sys
from pathlib import Path

import dns.name
import dns.rdata
import dns.rdatatype
import dns.zone
import pytest

from resolver import names
from resolver.cli import main
from resolver.zones import records
from resolver.zones.load import ZonesDirectory
from resolver.zones.zone import Zone

DATA = Path(__file__).parents[1] / "data"
PLAN = """
domain: plan.invalid
regions: [here1]
environments: {one: {clients: {here1: [127.0.0.0/8]}}, two: {clients: {here1: [10.0.0.0/8]}}}
"""


def load(directory: Path, text: str) -> Zone:
    (directory / "environments.yaml").write_text(PLAN)
    (directory / "zone.yaml").write_text(text)
    zones, problems = ZonesDirectory(directory).load()
    assert zones is not None
    assert [str(problem) for problem in problems] == []
    (zone,) = zones.zones
    return zone


def test_every_record_of_a_file_is_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file against what dnspython's own zone reader makes of it, and ALIAS besides."""
    assert main(["import", str(DATA / "example.zone")]) == 0
    text = capsys.readouterr().out
    zone = load(tmp_path, text)

    octets = (DATA / "example.zone").read_text()
    octets = octets.replace("example.inc", str(DATA / "example.inc"))
    octets = octets.replace("old     ALIAS   ns1\n", "").replace("é ü", r"\195\169 \195\188")
    origin = dns.name.from_text("Example.Test.")
    expected = {
        (
            (name.to_wire() or b"").lower(),
            int(rdataset.rdtype),
            rdataset.ttl,
            rdata.to_wire(origin=origin),
        )
        for name, rdataset in dns.zone.from_text(
            octets, origin, relativize=False, allow_include=True
        ).iterate_rdatasets()
        for rdata in rdataset
        if rdataset.rdtype != dns.rdatatype.SOA
    }
    found = {
        (key, item.rtype, item.ttl, rdata)
        for key, sets in zone.records.items()
        for item in sets
        for rdata in item.rdatas
        if item.rtype != records.ALIAS
    }
    assert found == expected
    alias = zone.find(names.from_text("old.example.test."), records.ALIAS)
    assert alias is not None
    assert alias.ttl == 3600
    assert names.from_text("MiXeD.Example.Test.") in {
        item.owner for sets in zone.records.values() for item in sets
    }
    soa = zone.soa
    assert (soa.mname, soa.rname) == (
        names.from_text("ns1.Example.Test."),
        names.from_text("host\\.master.Example.Test."),
    )
    assert (soa.serial, soa.refresh, soa.retry) == (2026010203, 7200, 900)
    assert (soa.expire, soa.minimum, soa.ttl) == (1209600, 300, 3600)


def test_the_text_is_readable_and_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    main(["import", str(DATA / "example.zone"), "--visible-to", "one,two"])
    text = capsys.readouterr().out
    main(["import", str(DATA / "example.zone"), "--visible-to", "one,two"])
    assert capsys.readouterr().out == text
    for line in (
        "zone: Example.Test.",
        "visible_to: [one, two]",
        "defaults: {ttl: 1h}",
        '  "*.wild": {A: 192.0.2.7}',
        '  "10": {PTR: ns1}',
        '  "no": {TXT: "yes"}',
        '  "null": {CNAME: "null"}',
        '  many: {TXT: \'"" "a" "" "b c"\'}',
        '  utf8: {TXT: "é ü"}',
        "  new: {TYPE65280: '\\# 4 0A000001'}",
        "  a.deep: {A: 192.0.2.11, ttl: 0}",
    ):
        assert line in text.splitlines()


def test_stdin_is_read_and_the_origin_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a 60 A 192.0.2.1\n")))
    assert main(["import", "-", "--origin", "x.test"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "zone: x.test.",
        "visible_to: all",
        "defaults: {ttl: 1m}",
        "",
        "records:",
        "  a: {A: 192.0.2.1}",
    ]


def test_what_is_lost_is_told_and_the_rest_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "z"
    file.write_text(
        "$ORIGIN a.test.\n$TTL 9\n@ SOA b c 1 2 3 4 5\nx A 192.0.2.1\ny.other. A 192.0.2.2\n"
    )
    assert main(["import", str(file)]) == 1
    said = capsys.readouterr()
    assert "  x: {A: 192.0.2.1}" in said.out.splitlines()
    assert said.err == f"{file}:5: y.other. A: not kept: outside of the zone a.test.\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$ORIGIN a.test.\nx 60 A 300.0.0.1\n", ":2: "),
        ("; nothing\n", ":1: the file does not say its origin: give --origin"),
        ("$ORIGIN a.test.\n$INCLUDE gone.inc\n", "gone.inc: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    file = tmp_path / "z"
    file.write_text(text)
    assert main(["import", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{file}:")
    assert message in said.err


def test_a_missing_file_or_a_bad_origin_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "/nowhere/z"]) == 2
    assert capsys.readouterr().err == "/nowhere/z: No such file or directory\n"
    assert main(["import", str(DATA / "example.zone"), "--origin", "a..b"]) == 2
    assert capsys.readouterr().err == "--origin: empty label\n"
