"""One file's octets → what it says."""

import pickle
from pathlib import Path

import pytest

from resolver.zones.reading import digest_of, read_plan, read_zone_file
from tests.support import DEV, PLAN, ROOT


def test_a_plan_that_is_none_has_problems() -> None:
    """Each of its kinds: no YAML, no such model, no domain."""
    for octets in (b"domain: [\n", b"domain: a.\n", b"domain: .\nenvironments: {}\n"):
        found = read_plan(octets, "environments.yaml")
        assert found.plan is None
        assert found.problems


def test_a_file_is_known_by_its_octets() -> None:
    """Also one that cannot be read."""
    plan = read_plan(PLAN.encode(), "environments.yaml").plan
    for octets in (DEV.encode(), b"zone: [\n"):
        assert read_zone_file(octets, "x.yaml", plan).digest == digest_of(octets)


def test_without_a_plan_a_file_has_its_own_problems_only() -> None:
    """Its zones need names of environments."""
    found = read_zone_file(b"zone: dev.nowhere\ncolour: red\n", "x.yaml", None)
    assert [problem.rule for problem in found.problems] == ["unknown-key"]
    assert found.parts == ()


def test_missing_keys_are_named() -> None:
    """In the place of what should have them."""
    found = read_plan(b"environments: {}\n", "environments.yaml")
    assert [str(problem) for problem in found.problems] == [
        "environments.yaml:1:1: error: missing-key: 'domain' is missing"
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "zones").rglob("*.yaml")), ids=str)
def test_what_a_file_says_can_be_sent(path: Path) -> None:
    """From process to process, checks of every kind included."""
    plan = read_plan((ROOT / "zones/environments.yaml").read_bytes(), "environments.yaml").plan
    found = read_zone_file(path.read_bytes(), "x.yaml", plan)
    assert pickle.loads(pickle.dumps(found)) == found
