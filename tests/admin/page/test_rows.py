"""Services and endpoints as the page shows them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from healthcheck.health import DeclaredState
from healthcheck.report import Override
from resolver.admin.access import EVERYTHING
from resolver.admin.page.rows import count, is_out, tell_endpoint, tell_row
from resolver.admin.selections import Selections
from resolver.admin.status import Moment
from resolver.admin.survey import Entry, Survey
from tests.admin.operated import CHECKER_NOW, DOWN, FILES, TRACK_DOWN, Operating, operating
from tests.support import NOW

MOMENT = Moment(float(NOW), CHECKER_NOW, {})


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


def survey_of(operated: Operating) -> Survey:
    return Survey(operated.generation, operated.reports(), EVERYTHING, Selections())


def entry_of(survey: Survey, name: str) -> Entry:
    return next(entry for entry in survey.entries if entry.id == name)


def test_times_are_on_the_clock_of_the_wall(operated: Operating) -> None:
    """So that the page can let ages grow."""
    operated.judge("10.80.1.2", DOWN, TRACK_DOWN)
    survey = survey_of(operated)
    told = tell_endpoint(entry_of(survey, "web.dev.east/green"), survey, MOMENT)
    (address,) = told["addresses"]
    assert (told["effective"], address["real"]) == ("down", "down")
    assert address["seen"] == NOW - 10.0
    assert address["since"] is None  # not by a move that was seen
    assert address["served"] is False


def test_what_people_say_is_told_apart(operated: Operating) -> None:
    """By an override or in the zone file."""
    operated.overrides["web.dev.east/blue"] = Override(
        DeclaredState.DRAIN, "new disk", "ann", float(NOW), None
    )
    survey = survey_of(operated)
    blue = tell_endpoint(entry_of(survey, "web.dev.east/blue"), survey, MOMENT)
    assert blue["override"]["by"] == "ann"
    assert blue["declared"] is None
    old = tell_endpoint(entry_of(survey, "web.dev.east/old"), survey, MOMENT)
    assert (old["override"], old["declared"]) == (None, "drain")


def test_a_service_says_how_it_is_answered(operated: Operating) -> None:
    """Mode, states and the place in the files."""
    survey = survey_of(operated)
    told = tell_row("web.dev.east", survey.services()["web.dev.east"], survey, MOMENT)
    assert told["mode"] == "normal"
    assert told["states"] == {"up": 2, "draining": 1}
    assert told["tiers"] == []
    assert "dev.yaml:" in told["place"]


def test_a_service_that_is_answered_from_elsewhere_says_so(operated: Operating) -> None:
    """By region, in percent."""
    for address in ("10.80.1.1", "fd00:80::1", "10.80.1.2"):
        operated.judge(address, DOWN, TRACK_DOWN)
    survey = survey_of(operated)
    told = tell_row("web.dev.east", survey.services()["web.dev.east"], survey, MOMENT)
    assert told["tiers"] == [{"region": "west", "percent": 100}]


def test_states_are_counted_in_their_order() -> None:
    """Those that there are."""
    assert list(count(["down", "up", "down"]).items()) == [("up", 1), ("down", 2)]


@pytest.mark.parametrize(
    ("states", "out"),
    [(["up", "down"], False), (["unproven"], False), (["down", "draining"], True), ([], True)],
)
def test_it_is_out_when_nothing_is_served_as_up(states: list[str], out: bool) -> None:
    """What is unknown or unproven is served."""
    assert is_out(states) is out
