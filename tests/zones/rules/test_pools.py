"""Services: tiers, checks, weights, and the PTR of their addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zones.linting import PLAN, assert_as_marked

CASES = {
    "failover to a region without the service": """\
zones:
  prod.r1: {services: {a: {endpoints: [10.0.0.1], failover: [«unknown-service»r2]}}}
  prod.r2: {services: {b: {endpoints: [10.1.0.1]}}}""",
    "failover to a region of another environment's service": """\
zones:
  dev.r1: {services: {a: {endpoints: [10.8.0.1], failover: [«unknown-service»r2]}}}
  prod.r2: {services: {a: {endpoints: [10.1.0.1]}}}""",
    "CLEAN: failover to the same service": """\
zones:
  prod.r1: {services: {a: {endpoints: [10.0.0.1], failover: [r2]}}}
  prod.r2: {services: {A: {endpoints: [10.1.0.1]}}}""",
    "unequal weights": """\
zone: prod.r1
services:
  «hint weights-need-single-answer»a:
    endpoints: [{address: 10.0.0.1, weight: 9}, 10.0.0.2]""",
    "CLEAN: unequal weights, one answer": """\
zone: prod.r1
services:
  a: {max_answers: 1, endpoints: [{address: 10.0.0.1, weight: 9}, 10.0.0.2]}""",
    "CLEAN: equal weights": """\
zone: prod.r1
services:
  a: {endpoints: [{address: 10.0.0.1, weight: 9}, {address: 10.0.0.2, weight: 9}]}""",
    "CLEAN: a standby has no share": """\
zone: prod.r1
services:
  a: {endpoints: [10.0.0.1, {address: 10.0.0.2, weight: 0}]}""",
    "CLEAN: unequal, but each alone in its family": """\
zone: prod.r1
services:
  a: {endpoints: [{address: 10.0.0.1, weight: 9}, "fd00::1"]}""",
    "two names for one address": """\
zone: prod.r1
services: {a: {endpoints: [10.0.0.1]}}
records: {b: {A: «warning ptr-conflict»10.0.0.1}}""",
    "two services with one address": """\
zone: prod.r1
services:
  a: {endpoints: [10.0.0.1]}
  b: {endpoints: [«warning ptr-conflict»10.0.0.1]}""",
    "CLEAN: the second claims no PTR": """\
zone: prod.r1
services: {a: {endpoints: [10.0.0.1]}}
records: {b: {A: 10.0.0.1, ptr: false}}""",
    "CLEAN: two claims for the same name": """\
zone: prod.r1
services: {a: {endpoints: [{address: 10.0.0.1, ptr: b}]}}
records: {b: {A: 10.0.0.1}}""",
    "CLEAN: two views with one address": """\
zones:
  x: {visible_to: [prod], records: {a: {A: 192.168.0.7}}}
  y: {visible_to: [dev], records: {b: {A: 192.168.0.7}}}""",
}


@pytest.mark.parametrize("zone", CASES.values(), ids=CASES.keys())
def test_services(tmp_path: Path, zone: str) -> None:
    assert_as_marked(tmp_path, z=zone)


UNCHECKED = {
    "nobody said how": "services: {«warning unchecked-service»a: {endpoints: [10.0.0.1]}}",
    "CLEAN: deliberately none": "services: {a: {endpoints: [10.0.0.1], check: none}}",
    "CLEAN: of the file's defaults": "defaults: {check: web}\n"
    "services: {a: {endpoints: [10.0.0.1]}}",
}


@pytest.mark.parametrize("services", UNCHECKED.values(), ids=UNCHECKED.keys())
def test_a_service_is_checked_or_says_that_it_is_not(tmp_path: Path, services: str) -> None:
    environments = PLAN.replace("defaults: {check: web}\n", "")
    assert_as_marked(tmp_path, environments=environments, z=f"zone: prod.r1\n{services}\n")


def test_a_failover_of_the_defaults_is_told_where_it_is_written(tmp_path: Path) -> None:
    environments = PLAN.replace("{check: web}", "{check: web, failover: [«unknown-service»r2]}")
    assert_as_marked(
        tmp_path,
        environments=environments,
        infra="zone: infra\nvisible_to: all\nservices: {c: {endpoints: [192.168.0.8]}}\n",
        z="zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1]}}\n",
    )
