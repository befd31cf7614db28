"""Targets that do not exist, and chains without an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.chain import MAX_CHAIN
from tests.zones.linting import PLAN, assert_as_marked

DANGLING = {
    "CNAME": "a: {CNAME: «warning dangling-target»nothing}",
    "MX": "a: {MX: [10 there, «warning dangling-target»20 nothing]}",
    "SRV": "a: {SRV: «warning dangling-target»0 0 80 nothing}",
    "NS": "a: {NS: «warning dangling-target»ns.nothing}",
    "HTTPS": "a: {HTTPS: «warning dangling-target»1 nothing alpn=h2}",
    "ALIAS": "a: {ALIAS: «warning dangling-target»nothing}",
    "PTR": "a: {PTR: «warning dangling-target»nothing}",
    "in one of our domains": "a: {CNAME: «warning dangling-target»nothing.lan.}",
    "below here": "a: {CNAME: «warning dangling-target»nothing.here.corp.internal.}",
    "CLEAN: exists": "a: {CNAME: there}",
    "CLEAN: exists by a wildcard": 'a: {CNAME: b.wild}, "*.wild": {TXT: x}',
    "CLEAN: below a zone cut": "a: {CNAME: x.sub}, sub: {NS: ns.x.example.}",
    "CLEAN: below a DNAME": "a: {CNAME: x.old}, old: {DNAME: nowhere}",
    "CLEAN: elsewhere": "a: {CNAME: www.x.example.}",
    "CLEAN: the root": "a: {MX: 0 ., SRV: 0 0 0 ., HTTPS: 1 . alpn=h2}",
    "CLEAN: in a zone that falls through": "a: {CNAME: nothing.shop.example.}",
    "CLEAN: below a route": "a: {CNAME: x.k8s.corp.internal.}",
    "CLEAN: DNAME": "a: {DNAME: nothing}",
}
SHOP = "zone: shop.example.\nvisible_to: all\nfallthrough: true\nrecords: {b: {A: 192.168.0.8}}\n"
FORWARD = "forward: {upstreams: [10.0.0.2], routes: {k8s.corp.internal: [10.0.0.2]}}"


@pytest.mark.parametrize("records", DANGLING.values(), ids=DANGLING.keys())
def test_targets_in_our_zones_exist(tmp_path: Path, records: str) -> None:
    assert_as_marked(
        tmp_path,
        environments=PLAN.replace("forward: none", FORWARD),
        shop=SHOP,
        z=f"zone: prod.r1\nrecords: {{there: {{A: 10.0.0.9}}, {records}}}\n",
    )


def test_a_target_that_one_environment_lacks_is_told_with_it(tmp_path: Path) -> None:
    built = assert_as_marked(
        tmp_path,
        z="zone: infra\nvisible_to: all\nrecords:\n  a: {A: 192.168.0.9}\n"
        "  b: {CNAME: «warning dangling-target»a}\noverrides: {dev: {a: null}}\n",
    )
    assert built.problems[0].message == (
        "a.infra.corp.internal., target of b.infra.corp.internal. CNAME, does not exist for dev"
    )


def test_here_exists_when_any_region_has_it(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        a="zone: prod.r2\nservices: {s: {endpoints: [10.1.0.1]}}\n",
        z="zone: prod.r1\nrecords: {a: {CNAME: s.here.corp.internal.}}\n",
    )


def test_a_ptr_that_was_chosen_exists(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        z="zone: prod.r1\nservices:\n  s:\n    endpoints:\n"
        "      - «warning dangling-target»{address: 10.0.0.1, ptr: nothing}\n"
        "      - {address: 10.0.0.2, ptr: s}\n",
    )


LOOPS = {
    "of one": "a: {«warning cname-loop»CNAME: a}",
    "of two, told once": "a: {«warning cname-loop»CNAME: b}, b: {CNAME: a}, c: {CNAME: a}",
    "through ALIAS": "a: {«warning cname-loop»ALIAS: b}, b: {ALIAS: a}",
    "through a wildcard": '"*.w": {«warning cname-loop»CNAME: b}, b: {CNAME: x.w}',
    "through DNAME": "a: {«warning cname-loop»DNAME: b}, b: {DNAME: a}",
    "through here": "a: {«warning cname-loop»CNAME: a.here.corp.internal.}",
    "CLEAN: a chain": "a: {CNAME: b}, b: {CNAME: c}, c: {A: 10.0.0.9}",
    "CLEAN: out of our zones": "a: {CNAME: b}, b: {CNAME: a.x.example.}",
    "CLEAN: ALIAS beside an end": "a: {ALIAS: b}, b: {A: 10.0.0.9}",
}


@pytest.mark.parametrize("records", LOOPS.values(), ids=LOOPS.keys())
def test_chains_do_not_come_back(tmp_path: Path, records: str) -> None:
    assert_as_marked(tmp_path, z=f"zone: prod.r1\nrecords: {{{records}}}\n")


@pytest.mark.parametrize("steps", [MAX_CHAIN, MAX_CHAIN + 1, MAX_CHAIN * 3])
def test_a_chain_has_an_end_in_time(tmp_path: Path, steps: int) -> None:
    links = [f"a{n}: {{CNAME: a{n + 1}}}" for n in range(steps)]
    if steps > MAX_CHAIN:
        links[0] = links[0].replace("CNAME", "«warning cname-loop»CNAME")
    records = ", ".join([*links, f"a{steps}: {{A: 10.0.0.9}}"])
    assert_as_marked(tmp_path, z=f"zone: prod.r1\nrecords: {{{records}}}\n")


def test_a_loop_is_told_from_its_first_place(tmp_path: Path) -> None:
    built = assert_as_marked(
        tmp_path,
        z="zone: lan.\nvisible_to: all\nrecords: {b: {«warning cname-loop»CNAME: a}, a:"
        " {CNAME: b}}\n",
    )
    assert built.problems[0].message == "b.lan. → a.lan. → b.lan. is a loop: no answer"
