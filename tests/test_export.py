"""What an environment sees as master files: accepted by BIND, and the same when read again."""

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthcheck.health import ALL_UP
from resolver import names
from resolver.compile import compile_generation
from resolver.export import export_zone, exported_zones
from resolver.generation import Generation
from resolver.query import handle
from resolver.rrsets import Scope
from resolver.views import Door
from resolver.zones import records
from resolver.zones.load import ZonesDirectory
from resolver.zones.master import read
from resolver.zones.places import Severity
from resolver.zones.write_yaml import write
from tests.support import reply_of

ZONES = Path(__file__).parents[1] / "zones"
NOW = 1_700_000_000
PLAN = """
domain: plan.invalid
regions: [{region}]
environments: {{{environment}: {{clients: {{{region}: [127.0.0.0/8]}}}}}}
"""
QUERY = struct.pack("!6H", 1, dns.flags.RD, 1, 0, 0, 0)  # the header of each question
ABSENT_TYPES = ("A", "CNAME", "TXT", "TYPE65280")  # asked of every name besides its own


def compile_directory(directory: Path) -> Generation:
    zones, problems = ZonesDirectory(directory).load()
    assert zones is not None
    assert [str(p) for p in problems if p.severity is Severity.ERROR] == []
    return compile_generation(zones, NOW, 0)


def compile_files(directory: Path, files: dict[str, str]) -> Generation:
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return compile_directory(directory)


def exports(generation: Generation, scope: Scope) -> dict[str, str]:
    space = generation.namespaces[scope.environment]
    return {
        names.to_text(space.zones[apex].apex): export_zone(space, scope, apex)
        for apex in exported_zones(space)
    }


def imported(text: str) -> str:
    def no_files(path: str, includer: str) -> tuple[str, bytes]:
        raise FileNotFoundError

    zone = read(text.encode(), "f", no_files)
    assert zone.lost == []
    return write(zone, None)


def compile_imported(directory: Path, scope: Scope, files: dict[str, str]) -> Generation:
    """A generation of nothing but what was exported."""
    plan = PLAN.format(environment=scope.environment, region=scope.region)
    yaml_files = {f"{n}.yaml": imported(text) for n, text in enumerate(files.values())}
    return compile_files(directory, {"environments.yaml": plan, **yaml_files})


def answers(generation: Generation, scope: Scope, owner: str, rtype: str) -> list[object]:
    """What is answered, over all turns of the wheel: header and authority, and the records."""
    number = records.type_number(rtype)
    wire = QUERY + names.from_text(owner) + struct.pack("!HH", number, dns.rdataclass.IN)
    door = Door("tcp", 65535, scope.environment, scope.region)
    prepared = generation.views[scope.environment, scope.region].answers.find(
        wire[12:-4].lower() + wire[-4:]
    )
    found: object = None
    records_: set[tuple[str, int, int, str]] = set()
    for _ in range(len(prepared.turns) if prepared else 1):
        outcome = reply_of(handle(wire, "127.0.0.1", door, generation))
        reply = dns.message.from_wire(outcome.wire)
        found = (reply.rcode(), reply.flags, sorted(map(str, reply.authority)))
        for rrset in reply.answer:
            records_ |= {(str(rrset.name), rrset.ttl, rrset.rdtype, str(item)) for item in rrset}
    return [found, records_]


def questions(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each owner of the files with its types and some more, and a name that is not there."""
    for apex, text in files.items():
        zone = read(text.encode(), "f", lambda path, includer: (path, b""))
        assert names.to_text(zone.apex) == apex
        falls_through = "; fallthrough" in text
        for owner in zone.owners.values():
            if falls_through and owner.name == zone.apex:
                continue  # not ours to answer, though a master file has it
            own = [records.type_text(rtype) for rtype in owner.sets]
            for rtype in {*own, *ABSENT_TYPES}:
                yield names.to_text(owner.name), rtype
        if not falls_through:
            yield f"nothing-here.{apex.lstrip('.')}", "A"


def named_checkzone(directory: Path, apex: str, text: str) -> list[str]:
    """What BIND's checker says of a zone besides that it is well; outside it asks nobody."""
    if shutil.which("named-checkzone") is None:
        pytest.skip("named-checkzone is not installed")
    file = directory / "checked.zone"
    file.write_text(text)
    command = ["named-checkzone", "-i", "local", apex, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    said = [line for line in lines if line != "OK" and "loaded serial" not in line]
    return said if done.returncode == 0 else ["failed", *said]


SCOPES = (
    *(("prod", region) for region in ("us-east-1", "eu-west-1", "ap-south-1")),
    *(("staging", region) for region in ("us-east-1", "eu-west-1")),
    *(("dev", region) for region in ("us-east-1", "eu-west-1")),
)


@pytest.fixture(scope="module")
def sample() -> Generation:
    return compile_directory(ZONES)


@pytest.mark.parametrize(("environment", "region"), SCOPES)
def test_every_zone_of_the_samples_is_well_for_bind(
    sample: Generation, tmp_path: Path, environment: str, region: str
) -> None:
    files = exports(sample, Scope(environment, region, ALL_UP))
    assert "corp.internal." in files
    for apex, text in files.items():
        assert named_checkzone(tmp_path, apex, text) == []


@pytest.mark.parametrize(("environment", "region"), SCOPES)
def test_the_samples_answer_the_same_after_export_and_import(
    sample: Generation, tmp_path: Path, environment: str, region: str
) -> None:
    scope = Scope(environment, region, ALL_UP)
    files = exports(sample, scope)
    again = compile_imported(tmp_path / "again", scope, files)
    for owner, rtype in questions(files):
        assert answers(again, scope, owner, rtype) == answers(sample, scope, owner, rtype), owner


ODD = r"""
zone: odd.test.
visible_to: all
records:
  "@": {NS: [ns, ns.other.test.], A: 192.0.2.1}
  ns: {A: 192.0.2.53}
  sub: {NS: [ns.sub, sub], DS: '1 13 9 00', A: 192.0.2.9}
  NS.sub: {A: 192.0.2.2, AAAA: "2001:db8::2", TXT: "not seen"}
  x.deeper.sub: {A: 192.0.2.3}
  dn: {DNAME: target, TXT: "at a DNAME"}
  below.dn: {A: 192.0.2.4}
  target: {A: 192.0.2.5}
  x.target: {A: 192.0.2.6}
  "*.wild": {CNAME: target}
  alias: {ALIAS: target, TXT: "beside ALIAS"}
  '\@\;\"\(\\\000\255': {TXT: '"\000\"\\;(\255" ""'}
  '\$ORIGIN': {TXT: "a name, not a directive"}
  unknown: {TYPE65280: '\# 0', TYPE66: '\# 6 000100003500'}
  urls: {URI: '10 1 "https://odd.test/"', SVCB: "16 . port=53 key667=hello", HINFO: '"a b" c'}
"""


def test_delegations_glue_dname_alias_and_odd_names_survive(tmp_path: Path) -> None:
    scope = Scope("one", "here1", ALL_UP)
    files = {"environments.yaml": PLAN.format(environment="one", region="here1"), "z.yaml": ODD}
    generation = compile_files(tmp_path / "first", files)
    text = exports(generation, scope)["odd.test."]
    assert named_checkzone(tmp_path, "odd.test.", text) == []
    lines = text.splitlines()
    for line in (
        "sub 30 IN NS ns.sub.odd.test.",
        "sub 30 IN A 192.0.2.9",
        "ns.sub 30 IN AAAA 2001:db8::2",
        "alias 30 IN A 192.0.2.5",
        "dn 30 IN DNAME target.odd.test.",
        "unknown 30 IN TYPE65280 \\# 0",
    ):
        assert line in lines
    assert "not seen" not in text
    assert "192.0.2.4" not in text
    again = compile_imported(tmp_path / "again", scope, {"odd.test.": text})
    for owner, rtype in (
        *questions({"odd.test.": text}),
        ("x.dn.odd.test.", "A"),
        ("x.wild.odd.test.", "A"),
        ("x.deeper.sub.odd.test.", "A"),
    ):
        assert answers(again, scope, owner, rtype) == answers(generation, scope, owner, rtype)


PLACES = """
domain: corp.test
nameservers: {ns1: [192.0.2.53]}
regions: [east, west]
environments: {prod: {clients: {west: [10.0.0.0/16], east: [10.1.0.0/16]}}}
"""
EAST = """
zone: prod.east
services:
  pay:
    endpoints: [{address: 10.1.0.1, name: blue}, {address: 10.1.0.2, state: maintenance}]
    ports: {https: 443}
  gone: {endpoints: [{address: 10.1.0.3, state: maintenance}]}
records:
  "*.tenants": {A: 10.1.0.9}
  dangling: {ALIAS: nowhere.example.}
"""
WEST = """
zone: prod.west
services:
  pay: {endpoints: [10.0.0.1], ports: {https: 8443}, ttl: 5}
"""
PUBLIC = """
zone: shop.example.
visible_to: all
fallthrough: true
records: {api: {A: 10.1.0.77}}
"""


@pytest.fixture(scope="module")
def two_regions(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    files = {"environments.yaml": PLACES, "e.yaml": EAST, "w.yaml": WEST, "p.yaml": PUBLIC}
    return compile_files(tmp_path_factory.mktemp("zones"), files)


def lines_of(generation: Generation, region: str, apex: str) -> list[str]:
    return exports(generation, Scope("prod", region, ALL_UP))[apex].splitlines()


def test_here_and_region_less_names_are_those_of_the_region(two_regions: Generation) -> None:
    east = lines_of(two_regions, "east", "corp.test.")
    assert "pay.here 30 IN CNAME pay.prod.east.corp.test." in east
    assert "*.tenants.here 30 IN CNAME *.tenants.prod.east.corp.test." in east
    assert "pay.prod 5 IN A 10.1.0.1" in east
    west = lines_of(two_regions, "west", "corp.test.")
    assert "pay.here 30 IN CNAME pay.prod.west.corp.test." in west
    assert "gone.here 30 IN CNAME gone.prod.corp.test." in west
    assert "pay.prod 5 IN A 10.0.0.1" in west
    assert not any(line.startswith("*.tenants.here") for line in west)


def test_services_are_their_selected_addresses_and_endpoints_all_of_theirs(
    two_regions: Generation,
) -> None:
    lines = lines_of(two_regions, "east", "prod.east.corp.test.")
    assert [line for line in lines if line.startswith("pay ")] == ["pay 30 IN A 10.1.0.1"]
    assert "blue.pay 30 IN A 10.1.0.1" in lines
    assert "10-1-0-2.pay 30 IN A 10.1.0.2" in lines
    assert "_https._tcp.pay 30 IN SRV 0 10000 443 blue.pay.prod.east.corp.test." in lines


def test_what_has_no_answer_is_a_comment(two_regions: Generation) -> None:
    lines = lines_of(two_regions, "east", "prod.east.corp.test.")
    assert "; gone A: nothing to hand out (fail-closed)" in lines
    assert "; dangling A by ALIAS: alias-unresolved" in lines


def test_zones_with_files_of_their_own_are_delegated(two_regions: Generation) -> None:
    lines = lines_of(two_regions, "east", "corp.test.")
    assert "prod.west 30 IN NS ns1.corp.test." in lines


def test_fall_through_zones_say_so(two_regions: Generation) -> None:
    lines = lines_of(two_regions, "east", "shop.example.")
    assert lines[1].startswith("; fallthrough: ")
    assert "api 30 IN A 10.1.0.77" in lines


def test_zones_without_content_are_not_exported(two_regions: Generation) -> None:
    apexes = exports(two_regions, Scope("prod", "east", ALL_UP))
    assert list(apexes) == [
        "10.in-addr.arpa.",
        "shop.example.",
        "corp.test.",
        "prod.east.corp.test.",
        "prod.west.corp.test.",
    ]


# ---------------------------------------------------------------- load ∘ import ∘ export

_LABEL = st.one_of(
    st.sampled_from([b"a", b"B", b"no", b"010", b"x-1", b"@", b"here", b"<<", b"null", b"1e3"]),
    st.binary(min_size=1, max_size=8),
)
_OWNER = st.lists(_LABEL, max_size=3).map(tuple)
_STRING = st.binary(max_size=255).map(lambda octets: bytes((len(octets),)) + octets)
_TARGET = st.lists(_LABEL, max_size=3).map(
    lambda found: names.from_labels([*found], names.from_text("Any.Test."))
)
_RDATA = st.one_of(
    st.tuples(st.just(1), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(28), st.binary(min_size=16, max_size=16)),
    st.tuples(st.just(16), st.lists(_STRING, min_size=1, max_size=3).map(b"".join)),
    st.tuples(
        st.just(16),
        st.text(max_size=60).map(str.encode).map(lambda octets: bytes((len(octets),)) + octets),
    ),
    st.tuples(st.just(15), _TARGET.map(lambda name: struct.pack("!H", 10) + name)),
    st.tuples(st.just(12), _TARGET),
    st.tuples(st.just(257), st.binary(max_size=20).map(lambda value: b"\0\x05issue" + value)),
    st.tuples(st.just(65280), st.binary(max_size=20)),
)
_SETS = st.dictionaries(
    st.tuples(_OWNER, st.booleans()),
    st.lists(st.tuples(_RDATA, st.integers(0, 2**31 - 1)), min_size=1, max_size=4),
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_SETS)
def test_load_of_import_of_export_is_the_identity(
    tmp_path: Path,
    drawn: dict[tuple[tuple[bytes, ...], bool], list[tuple[tuple[int, bytes], int]]],
) -> None:
    apex = names.from_text("Any.Test.")
    expected: dict[tuple[bytes, int], tuple[bytes, int, frozenset[bytes]]] = {}
    for (owner_labels, _), items in drawn.items():
        owner = names.from_labels([*owner_labels], apex)
        for (rtype, rdata), ttl in items:
            key = (names.key(owner), rtype)
            known = expected.get(key, (owner, ttl, frozenset()))
            expected[key] = (known[0], known[1], known[2] | {rdata})
    # One spelling for each name, that of the first set.
    spelled: dict[bytes, bytes] = {}
    for (name, rtype), (owner, ttl, rdatas) in expected.items():
        expected[name, rtype] = (spelled.setdefault(name, owner), ttl, rdatas)

    scope = Scope("one", "here1", ALL_UP)
    document = {
        "zone": "Any.Test.",
        "visible_to": "all",
        "records": {
            names.to_text(owner): {
                records.type_text(rtype): {
                    "ttl": ttl,
                    "values": [f"\\# {len(rdata)} {rdata.hex()}".strip() for rdata in rdatas],
                }
                for (of, rtype), (_, ttl, rdatas) in expected.items()
                if of == name
            }
            for name, owner in spelled.items()
        },
    }
    files = {
        "environments.yaml": PLAN.format(environment="one", region="here1"),
        "z.json": json.dumps(document),
    }
    first = compile_files(tmp_path / "first", files)
    space = first.namespaces["one"]
    text = export_zone(space, scope, names.key(apex))
    again = compile_imported(tmp_path / "again", scope, {"Any.Test.": text})
    (zone,) = again.zones.zones
    found = {
        (name, item.rtype): (item.owner, item.ttl, frozenset(item.rdatas))
        for name, sets in zone.records.items()
        for item in sets
        if item.rtype != dns.rdatatype.NS
    }
    assert found == expected
    assert zone.soa.serial == NOW
