"""What cannot stand at one owner, and what is never answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zones.linting import assert_as_marked

CROWDED = {
    "CNAME and A": "records: {a: {«cname-and-other»CNAME: b, A: 10.0.0.9}, b: {A: 10.0.0.8}}",
    "CNAME and TXT in another spelling": "records: {a: {«cname-and-other»CNAME: b}, A: {TXT: x},"
    " b: {A: 10.0.0.8}}",
    "CNAME at a service": "records: {svc: {«cname-and-other»CNAME: b}, b: {A: 10.0.0.8}}",
    "CNAME at an endpoint": "records: {blue.svc: {«cname-and-other»CNAME: b}, b: {A: 10.0.0.8}}",
    "CNAME at a generated SRV": "records: {_http._tcp.svc: {«cname-and-other»CNAME: b},"
    " b: {A: 10.0.0.8}}",
    "CNAME at the apex": 'records: {"@": {«cname-and-other»CNAME: svc}}',
    "ALIAS and A": "records: {a: {«cname-and-other»ALIAS: svc, A: 10.0.0.9}}",
    "ALIAS at a service": "records: {svc: {«cname-and-other»ALIAS: b}, b: {A: 10.0.0.8}}",
    "DNAME and CNAME": "records: {a: {DNAME: b, «cname-and-other»CNAME: b}, b: {A: 10.0.0.8}}",
    "DNAME and NS": "records: {a: {«cname-and-other»DNAME: b, NS: b}, b: {A: 10.0.0.8}}",
    "CNAME of an override at an endpoint": "overrides: {prod: {blue.svc: {«cname-and-other»CNAME:"
    " svc}}}",
    "A at a service": "records: {svc: {«duplicate-record»A: 10.0.0.9}}",
    "A at an endpoint": "records: {Blue.svc: {«duplicate-record»A: 10.0.0.9}}",
    "SRV at a generated SRV": "records: {_http._tcp.svc: {«duplicate-record»SRV: 0 0 80 svc}}",
    "CLEAN: SRV of another port": "records: {_grpc._tcp.svc: {SRV: 0 0 80 svc}}",
    "CLEAN: TXT and AAAA at a service": 'records: {svc: {TXT: x, AAAA: "fd00::1"}}',
    "CLEAN: ALIAS at the apex": 'records: {"@": {ALIAS: svc, TXT: x}}',
    "CLEAN: DNAME beside TXT": "records: {a: {DNAME: svc, TXT: x}}",
    "CLEAN: an override instead of a service": "overrides: {prod: {svc: {CNAME: b}}}\n"
    "records: {b: {A: 10.0.0.9}}",
}
SERVICE = """\
zone: prod.r1
services: {svc: {endpoints: [{address: 10.0.0.1, name: blue}], ports: {http: 80}}}
"""


@pytest.mark.parametrize("more", CROWDED.values(), ids=CROWDED.keys())
def test_owners_hold_what_goes_together(tmp_path: Path, more: str) -> None:
    assert_as_marked(tmp_path, z=f"{SERVICE}{more}\n")


def test_a_cname_names_what_stands_beside_it(tmp_path: Path) -> None:
    built = assert_as_marked(
        tmp_path,
        z="zone: prod.r1\nrecords: {web: {TXT: x, «cname-and-other»CNAME: b}, b: {A: 10.0.0.9}}\n",
    )
    said = "web.prod.r1.corp.internal. has a CNAME and other records (TXT at "
    assert built.problems[0].message.startswith(said)
    assert built.problems[0].message.endswith("z.yaml:2:17)")


def test_an_endpoint_and_a_service_may_not_have_one_name(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        z="zone: prod.r1\nservices:\n  svc: {endpoints: [{address: 10.0.0.1, name: blue}]}\n"
        "  «duplicate-record»blue.svc: {endpoints: [10.0.0.2]}\n",
    )


def test_a_zone_that_falls_through_may_have_a_cname_at_its_apex(tmp_path: Path) -> None:
    zone = (
        'zone: shop.example.\nvisible_to: all\nfallthrough: true\nrecords: {"@": {CNAME: a.lan.}}'
    )
    other = "zone: lan.\nvisible_to: all\nrecords: {a: {A: 192.168.0.9}}\n"
    assert_as_marked(tmp_path, z=zone, y=other)


NAMESAKES = {
    "the same type": "{«duplicate-record»A: 192.168.0.8, share_with: [dev]}",
    "a CNAME": "{«cname-and-other»CNAME: b.lan., share_with: [dev]}",
    "CLEAN: another type": "{TXT: x, share_with: [dev]}",
    "CLEAN: not shared": "{A: 192.168.0.8}",
}


@pytest.mark.parametrize("spec", NAMESAKES.values(), ids=NAMESAKES.keys())
def test_a_grant_of_a_namesake_meets_what_is_there(tmp_path: Path, spec: str) -> None:
    """dev has a zone `lan.` of its own, and is granted a record of prod's zone of that name."""
    assert_as_marked(
        tmp_path,
        a="zone: lan.\nvisible_to: [dev]\nrecords: {a: {A: 192.168.0.9}, b: {A: 192.168.0.7}}\n",
        b=f"zone: lan.\nvisible_to: [prod]\nrecords: {{a: {spec}, b: {{A: 192.168.0.6}}}}\n",
    )


def test_namesakes_are_for_disjoint_environments(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        a="zone: lan.\nvisible_to: [dev, qa]\n",
        b="zone: «zone-overlap»LAN.\nvisible_to: [prod, qa]\n",
        c="zone: x\nvisible_to: [dev]\n",
        d="zone: x\nvisible_to: [qa]\n",
    )


REGIONAL = "zone: prod.r1\nservices: {a.b: {endpoints: [10.0.0.1], ports: {http: 80}}}\n"
CLASHES = {
    "here": 'zone: "@"\nvisible_to: all\nrecords: {here: {«name-clash»TXT: x}}',
    "below here": 'zone: "@"\nvisible_to: all\nrecords: {x.Here: {«name-clash»A: 192.168.0.9}}',
    "a region-less name": 'zone: "@"\nvisible_to: all\n'
    "records: {a.b.prod: {«name-clash»A: 192.168.0.9}}",
    "a region-less name, as an override": 'zone: "@"\nvisible_to: all\n'
    "overrides: {prod: {a.b.prod: {«name-clash»A: 192.168.0.9}}}",
    "the SRV of a region-less name": 'zone: "@"\nvisible_to: all\n'
    "records: {_http._tcp.a.b.prod: {«name-clash»SRV: 0 0 80 .}}",
    "DNAME above region-less names": 'zone: "@"\nvisible_to: all\n'
    "records: {prod: {«name-clash»DNAME: x.example.}}",
    "a zone that takes a region-less name": "zone: «name-clash»b.prod\nvisible_to: [prod]",
    "an environment's name": "zone: «name-clash»prod\nvisible_to: all",
    "a region's name": "zone: «name-clash»r1\nvisible_to: all",
    "a zone below here": "zone: «name-clash»x.here\nvisible_to: all",
    "CLEAN: TXT at a region-less name": 'zone: "@"\nvisible_to: all\nrecords: {a.b.prod: {TXT: x}}',
    "CLEAN: an environment's label": 'zone: "@"\nvisible_to: all\nrecords: {prod: {TXT: x}}',
    "CLEAN: seen by others only": 'zone: "@"\nvisible_to: [dev]\n'
    "records: {a.b.prod: {A: 192.168.0.9}}",
    "CLEAN: here in another zone": "zone: infra\nvisible_to: all\n"
    "records: {here: {A: 192.168.0.9}}",
}


@pytest.mark.parametrize("zone", CLASHES.values(), ids=CLASHES.keys())
def test_names_that_are_generated_are_not_written(tmp_path: Path, zone: str) -> None:
    assert_as_marked(tmp_path, prod=REGIONAL, z=zone)


INFRA = "zone: infra\nvisible_to: all\nrecords: {a: {A: 192.168.0.9}}\n"
SHADOWED = {
    "a record below the apex of another zone": "records: {x.infra: {«warning shadowed-record»A:"
    " 192.168.0.8}}",
    "a record at the apex of another zone": "records: {infra: {«warning shadowed-record»TXT: x}}",
    "a service below the apex of another zone": "services: {«warning shadowed-record»s.infra:"
    " {endpoints: [192.168.0.8]}}",
    "an override below the apex of another zone": "overrides: {dev: {x.infra:"
    " {«warning shadowed-record»TXT: x}}}",
    "a text below a zone cut": "records: {sub: {NS: ns.sub}, ns.sub: {A: 192.168.0.8},"
    " a.sub: {«warning shadowed-record»TXT: x}}",
    "a text at a zone cut": "records: {sub: {NS: ns.x.example., «warning shadowed-record»TXT: x}}",
    "a service below a zone cut": "records: {sub: {NS: ns.x.example.}}\n"
    "services: {«warning shadowed-record»s.sub: {endpoints: [192.168.0.8]}}",
    "an address below a DNAME": "records: {old: {DNAME: infra}, a.old:"
    " {«warning shadowed-record»A: 192.168.0.8}}",
    "CLEAN: glue": "records: {sub: {NS: ns.sub}, ns.sub: {A: 192.168.0.8}}",
    "CLEAN: DS at a zone cut": "records: {sub: {NS: ns.x.example., DS: 1 8 2"
    " 0f4d6c1b7e2a93d85c40f6b1e9273a8d5b60c4f7e81d2a3946b5c7d8e9f01a2b}}",
    "CLEAN: a text at a DNAME": "records: {old: {DNAME: infra, TXT: x}}",
    "CLEAN: a name that only looks like it": "records: {xinfra: {TXT: x}}",
}


@pytest.mark.parametrize("more", SHADOWED.values(), ids=SHADOWED.keys())
def test_what_is_never_answered_is_told(tmp_path: Path, more: str) -> None:
    assert_as_marked(tmp_path, infra=INFRA, z=f'zone: "@"\nvisible_to: all\n{more}\n')


def test_a_zone_of_others_shadows_nothing(tmp_path: Path) -> None:
    """dev has the record and not the zone; prod has the zone and not the record."""
    assert_as_marked(
        tmp_path,
        a="zone: x.lan.\nvisible_to: [prod]\nfallthrough: true\nrecords: {b: {A: 192.168.0.8}}\n",
        b="zone: lan.\nvisible_to: [dev]\nrecords: {a.x: {A: 192.168.0.9}}\n",
    )
