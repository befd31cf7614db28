"""The whole list of rules: what reading finds, what lint finds, and that samples are clean."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from resolver.namespace import Node
from resolver.reload import Builder
from resolver.zones.load import ZonesDirectory
from resolver.zones.rules import RULES, lint
from tests.zones.linting import PLAN, assert_as_marked, build, findings

ROOT = Path(__file__).parents[2]


def test_the_sample_zones_have_no_problem() -> None:
    assert Builder(ROOT / "zones", 1).build(1000).problems == ()


def test_every_rule_says_what_it_finds() -> None:
    assert all(rule.__doc__ for rule in RULES)
    assert len(set(RULES)) == len(RULES)


def test_no_ring_keeps_what_was_looked_at(tmp_path: Path) -> None:
    """Nobody collects what a server has frozen: the generation goes with its last holder."""
    gc.collect()
    gc.disable()
    try:
        before = _count_nodes()
        built = build(tmp_path, z="zone: prod.r1\nrecords: {a: {CNAME: b}, b: {TXT: x}}\n")
        assert _count_nodes() > before
        del built
        assert _count_nodes() == before
    finally:
        gc.enable()


def _count_nodes() -> int:
    return sum(isinstance(found, Node) for found in gc.get_objects())


READING = {
    "unknown-key": "zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1], «unknown-key»portz: {}}}",
    "unknown type": "zone: prod.r1\nrecords: {a: {«unknown-key»AAA: 10.0.0.1}}",
    "duplicate-key": "zone: prod.r1\nrecords: {a: {TXT: x}, «duplicate-key»a: {TXT: y}}",
    "bad-type": "zone: prod.r1\nrecords: «bad-type»[a]",
    "yaml-syntax: a tab": "zone: prod.r1\nrecords:\n«yaml-syntax»\ta: {TXT: x}",
    "yaml-syntax: indentation": "zone: prod.r1\nrecords:\n   a: {TXT: x}\n"
    "  «yaml-syntax»b: {TXT: x}",
    "bad-name: an empty label": "zone: prod.r1\nrecords: {«bad-name»a..b: {TXT: x}}",
    "bad-name: too long a label": f"zone: prod.r1\nrecords: {{«bad-name»{'a' * 64}: {{TXT: x}}}}",
    "bad-name: outside of the zone": "zone: prod.r1\nrecords: {«bad-name»a.example.: {TXT: x}}",
    "bad-address": "zone: prod.r1\nservices: {a: {endpoints: [«bad-address»10.0.0.256]}}",
    "bad-rdata: an address": "zone: prod.r1\nrecords: {a: {A: «bad-rdata»10.0.0}}",
    "bad-rdata: too few fields": "zone: prod.r1\nrecords: {a: {MX: «bad-rdata»mail}}",
    "duplicate-record: two files": "zone: prod.r1\nrecords: {twice: {«duplicate-record»TXT: x}}",
    "duplicate-record: a service in two files": "zone: prod.r1\n"
    "services: {«duplicate-record»both: {endpoints: [10.0.0.1]}}",
    "duplicate-record: a service and an address in two files": "zone: prod.r1\n"
    "records: {both: {«duplicate-record»A: 10.0.0.3}}",
    "unknown-environment: visible_to": "zone: x\nvisible_to: [«unknown-environment»prd]",
    "unknown-environment: share_with": "zone: prod.r1\n"
    "records: {a: {TXT: x, share_with: [«unknown-environment»prd]}}",
    "unknown-environment: an override": "zone: x\nvisible_to: all\n"
    "overrides: {«unknown-environment»prd: {a: null}}",
    "unknown-environment: a zone": "zone: «unknown-environment»prd.r1",
    "unknown-region: a zone": "zone: «unknown-region»prod.r9",
    "unknown-region: failover": "zone: prod.r1\n"
    "services: {a: {endpoints: [10.0.0.1], failover: [«unknown-region»r9]}}",
    "unknown-check": "zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1], check:"
    " «unknown-check»wb}}",
    "check-port": "zone: prod.r1\nservices: {«check-port»a: {endpoints: [10.0.0.1],"
    " check: {kind: tcp}}}",
    "ttl-range": "zone: prod.r1\nrecords: {a: {TXT: x, ttl: «ttl-range»70000000000}}",
    "visible_to of nobody in an env.region zone": "zone: «visible-to»prod.r1\nvisible_to: []",
    "CLEAN": "zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1], x-note: {}}}",
}
FIRST = "zone: prod.r1\nservices: {both: {endpoints: [10.0.0.2]}}\nrecords: {twice: {TXT: y}}\n"


@pytest.mark.parametrize("zone", READING.values(), ids=READING.keys())
def test_what_is_wrong_with_a_value_is_found_while_it_is_read(tmp_path: Path, zone: str) -> None:
    assert_as_marked(tmp_path, a_first=FIRST, z=f"{zone}\n")


PLANS = {
    "unknown-region of clients": ("{r1: [10.8.0.0/16]}", "{«unknown-region»r9: [10.8.0.0/16]}"),
    "a network with host bits": ("[10.8.0.0/16]", "[«bad-address»10.8.0.1/16]"),
    "a carve-out beside its network": (
        "[10.8.0.0/16]",
        "[«bad-address»{network: 10.8.0.0/16, except: [10.9.0.0/24]}]",
    ),
    "a region named like an environment": ("[r1, r2]", "[r1, r2, «name-clash»dev]"),
    "a region named here": ("[r1, r2]", "[r1, r2, «name-clash»here]"),
    "defaults with an unknown check": ("{check: web}", "{check: «unknown-check»wbe}"),
    "a profile of an unknown profile": (
        "{kind: tcp, port: 80}",
        "{kind: tcp, port: 80}, b: {use: «unknown-check»c}",
    ),
}


@pytest.mark.parametrize(("old", "new"), PLANS.values(), ids=PLANS.keys())
def test_what_is_wrong_with_the_plan_is_found(tmp_path: Path, old: str, new: str) -> None:
    assert PLAN.count(old) == 1
    assert_as_marked(tmp_path, environments=PLAN.replace(old, new))


def test_the_default_check_that_is_unknown_is_told_once_for_all_services(tmp_path: Path) -> None:
    environments = PLAN.replace("{check: web}", "{check: «unknown-check»wbe}")
    zone = "zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1]}, b: {endpoints: [10.0.0.2]}}\n"
    assert_as_marked(tmp_path, environments=environments, z=zone)


def test_the_suffix_yml_is_told(tmp_path: Path) -> None:
    (tmp_path / "late.yml").write_text("zone: prod.r1\n")
    assert findings(build(tmp_path)) == [("late:1:1", "error", "file-suffix")]


def test_an_unknown_key_is_told_with_the_nearest_known_one(tmp_path: Path) -> None:
    built = assert_as_marked(tmp_path, z=READING["unknown-key"])
    assert built.problems[0].message == "unknown key 'portz'; did you mean 'ports'?"


def test_rules_run_beside_errors_of_reading(tmp_path: Path) -> None:
    """All problems at once, apart from those that need the compiled names."""
    assert_as_marked(
        tmp_path,
        z="zone: prod.r1\nrecords:\n  a: {A: «bad-rdata»10.0.0}\n"
        "  b: {«cname-and-other»CNAME: nothing, TXT: x}\n",
    )


def test_each_problem_is_told_once(tmp_path: Path) -> None:
    build(tmp_path, z="zone: infra\nvisible_to: all\nrecords: {a: {CNAME: a}}\n")
    zones, _ = ZonesDirectory(tmp_path).load()
    generation = Builder(tmp_path, 1).build(1000).generation
    assert zones is not None
    assert generation is not None
    found = lint(generation.zones, generation, False)
    assert len(found) == len(set(found)) == 1
