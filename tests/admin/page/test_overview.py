"""What is wrong comes first, the worst of it before the rest; all of it within bounds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from healthcheck.health import Health, State
from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.page import overview
from resolver.admin.page.overview import choose, look, tell_wrong
from resolver.admin.selections import Selections
from resolver.admin.survey import Survey
from tests.admin.operated import DOWN, FILES, TRACK_DOWN, Operating, operating


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


def survey_of(operated: Operating, sight: Sight = EVERYTHING) -> Survey:
    return Survey(operated.generation, operated.reports(), sight, Selections())


def test_the_worst_comes_first(operated: Operating) -> None:
    """Nothing left, then some failed, then what is held out on purpose."""
    assert [line.rank for line in look(survey_of(operated)).wrong] == ["held"]
    operated.judge("10.80.1.2", DOWN, TRACK_DOWN)
    operated.judge("10.64.1.1", DOWN, TRACK_DOWN)
    wrong = look(survey_of(operated)).wrong
    assert [(line.name, line.rank) for line in wrong] == [
        ("web.prod.east", "out"),
        ("web.dev.east", "failing"),
    ]


def test_damped_endpoints_failed(operated: Operating) -> None:
    """They are not served."""
    operated.judge("10.80.3.1", Health(State.UP, "damped", damped=True), TRACK_DOWN)
    (jobs, _) = look(survey_of(operated)).wrong
    assert (jobs.name, jobs.rank) == ("jobs.dev.east", "out")


def test_of_a_service_the_worst_endpoints_come_first(operated: Operating) -> None:
    """Down before held out; what is up is not told."""
    operated.judge("10.80.1.2", DOWN, TRACK_DOWN)
    (line,) = look(survey_of(operated)).wrong
    assert line.wrong == ["web.dev.east/green", "web.dev.east/old"]


def test_the_tree_has_every_environment_and_region(operated: Operating) -> None:
    """In the order of the plan, what belongs to several at the end."""
    tree = look(survey_of(operated)).tree
    places = [(one["environment"], [r["region"] for r in one["regions"]]) for one in tree]
    assert places == [("prod", ["east"]), ("dev", ["east", "west"]), ("-", ["-"])]
    dev_east = tree[1]["regions"][0]
    assert (dev_east["services"], dev_east["failing"]) == (2, 0)
    assert dev_east["states"] == {"up": 3, "draining": 1}


def test_another_environment_is_in_nothing(operated: Operating) -> None:
    """Neither in the tree nor in what is wrong."""
    operated.judge("10.64.1.1", DOWN, TRACK_DOWN)
    glance = look(survey_of(operated, Sight(frozenset({"dev"}))))
    assert [one["environment"] for one in glance.tree] == ["dev"]
    assert {line.environment for line in glance.lines} == {"dev"}


def test_what_is_told_is_bounded(operated: Operating, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is a number."""
    monkeypatch.setattr(overview, "MOST_SERVICES", 1)
    monkeypatch.setattr(overview, "MOST_ENDPOINTS", 1)
    for address in ("10.80.1.1", "fd00:80::1", "10.80.1.2", "10.64.1.1"):
        operated.judge(address, DOWN, TRACK_DOWN)
    glance = look(survey_of(operated))
    ((line, shown),) = choose(glance)
    assert (line.name, len(shown)) == ("web.dev.east", 1)
    told = tell_wrong(glance, {"web.dev.east": {"service": "web.dev.east"}})
    assert told["services"][0]["more"] == 2
    assert told["more"] == 1
    assert told["counts"] == {"out": 2}


def test_what_went_meanwhile_is_left_out(operated: Operating) -> None:
    """It has no row any more."""
    assert tell_wrong(look(survey_of(operated)), {})["services"] == []
