"""Services and endpoints as one caller may see them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from healthcheck.health import DeclaredState, Health, State
from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.selections import Selections
from resolver.admin.survey import Survey, effective
from tests.admin.operated import DOWN, FILES, TRACK_DOWN, TRACK_UP, Operating, operating

DEV = Sight(frozenset({"dev"}))
UP = Health(State.UP, "up")


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


def survey(operated: Operating, sight: Sight = EVERYTHING) -> Survey:
    return Survey(operated.generation, operated.reports(), sight, Selections())


def test_every_endpoint_is_there_with_its_addresses(operated: Operating) -> None:
    """One entry for both families."""
    found = {entry.id: len(entry.reports) for entry in survey(operated).entries}
    assert found == {
        "web.dev.east/blue": 2,
        "web.dev.east/green": 1,
        "web.dev.east/old": 1,
        "jobs.dev.east/10-80-3-1": 1,
        "web.dev.west/10-81-1-1": 1,
        "web.prod.east/10-64-1-1": 1,
        "secret.prod.east/vault": 1,
        "wiki.tools.test/10-99-0-1": 1,
    }


def test_what_is_not_covered_does_not_exist(operated: Operating) -> None:
    """Zones of several environments take all of them."""
    found = survey(operated, DEV)
    assert {entry.labels[0] for entry in found.entries} == {"dev"}
    assert found.find("web.prod.east/10-64-1-1") == []
    assert found.find("*/*") == found.entries


def test_an_id_that_another_environment_shares_is_not_seen(operated: Operating) -> None:
    """What is said of it would be said of theirs."""
    reports = operated.reports()
    mine = next(r for r in reports if r.use.endpoint == "web.dev.east/green")
    use = replace(mine.use, labels=("-", "-", "web"), target=(b"\1x\0", b"\1\2\3\4"))
    shared = Survey(operated.generation, [*reports, replace(mine, use=use)], DEV, Selections())
    assert shared.find("web.dev.east/green") == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("web.dev.east/blue", ["web.dev.east/blue"]),
        ("WEB.dev.east/BLUE", ["web.dev.east/blue"]),
        ("web.dev.east/10.80.1.1", ["web.dev.east/blue"]),
        ("web.dev.east/fd00:80:0::1", ["web.dev.east/blue"]),
        ("web.dev.east.corp.test./green", ["web.dev.east/green"]),
        ("web.*/10.8?.1.1", ["web.dev.east/blue", "web.dev.west/10-81-1-1"]),
        ("web.dev.east", []),
        ("nothing/*", []),
    ],
)
def test_endpoints_are_found(operated: Operating, pattern: str, expected: list[str]) -> None:
    """By id, address or glob, in any case."""
    assert [entry.id for entry in survey(operated).find(pattern)] == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("web.dev.east/bleu", "web.dev.east/blue"),
        ("web.dev.eats/green", "web.dev.east/green"),
        ("wbe.dev.east/10.80.1.2", "web.dev.east/green"),
        ("secret.prod.east/valt", None),
        ("quite another", None),
    ],
)
def test_the_nearest_id_is_one_that_is_seen(
    operated: Operating, pattern: str, expected: str | None
) -> None:
    """By its name or an address."""
    found = survey(operated, DEV).nearest(pattern)
    assert (found[0] if found else None) == expected
    assert len(set(found)) == len(found) <= 3


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (UP, "up"),
        (DOWN, "down"),
        (replace(UP, damped=True), "damped"),
        (replace(DOWN, damped=True), "down"),
        (Health(State.UNKNOWN, "not observed yet"), "unknown"),
        (replace(DOWN, override=DeclaredState.DRAIN), "draining"),
        (replace(UP, override=DeclaredState.MAINTENANCE), "maintenance"),
    ],
)
def test_what_is_made_of_an_address(operated: Operating, health: Health, expected: str) -> None:
    """What people say comes first, then what is seen."""
    report = replace(operated.reports()[0], health=health)
    assert effective(report, DeclaredState.NORMAL) == expected
    assert effective(report, DeclaredState.MAINTENANCE) == "maintenance"


def test_the_stronger_word_holds(operated: Operating) -> None:
    """Of zone file and operator."""
    report = replace(operated.reports()[0], health=replace(UP, override=DeclaredState.DRAIN))
    assert effective(report, DeclaredState.NORMAL) == "draining"


def test_unproven_is_what_is_down_and_served(operated: Operating) -> None:
    """Where no endpoint of the service ever passed; not where checks only observe."""
    report = replace(operated.reports()[0], health=UP, track=TRACK_DOWN, is_unproven=True)
    assert effective(report, DeclaredState.NORMAL) == "unproven"
    assert effective(replace(report, track=TRACK_UP), DeclaredState.NORMAL) == "up"
    checked_by = report.use.checked_by
    assert checked_by is not None
    use = replace(report.use, checked_by=replace(checked_by, enforce=False))
    assert effective(replace(report, use=use), DeclaredState.NORMAL) == "up"


def test_an_endpoint_is_as_the_best_of_its_addresses(operated: Operating) -> None:
    """Up when any is."""
    operated.judge("10.80.1.1", DOWN)
    (blue,) = survey(operated).find("web.dev.east/blue")
    assert blue.effective == "up"
    operated.judge("fd00:80::1", DOWN)
    (blue,) = survey(operated).find("web.dev.east/blue")
    assert blue.effective == "down"


def test_served_is_what_the_selection_holds(operated: Operating) -> None:
    """By address."""
    operated.judge("10.80.1.1", DOWN)
    found = survey(operated)
    (blue,) = found.find("web.dev.east/blue")
    assert blue.service is not None
    served = {r.use.address: found.is_served(blue.service, r.use.target) for r in blue.reports}
    assert served == {"10.80.1.1": False, "fd00:80::1": True}


def test_a_report_of_before_a_reload_is_told_without_its_zone(operated: Operating) -> None:
    """The files no longer have it; it is neither declared nor served."""
    report = operated.reports()[0]
    gone = replace(report, use=replace(report.use, target=(b"\4gone\0", b"\1\2\3\4")))
    (entry,) = Survey(operated.generation, [gone], EVERYTHING, Selections()).entries
    assert entry.service is None
    assert entry.declared is DeclaredState.NORMAL
