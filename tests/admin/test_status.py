"""The shapes of JSON."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from healthcheck.health import DeclaredState, Health, State
from healthcheck.report import Override
from healthcheck.track import Track
from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.selections import Selections
from resolver.admin.status import (
    WITHHELD,
    Moment,
    tell_checker,
    tell_degraded,
    tell_endpoint,
    tell_environments,
    tell_service,
    tell_time,
)
from resolver.admin.survey import Survey
from resolver.zones.places import Place, Problem, Severity
from tests.admin.operated import CHECKER_NOW, DOWN, FILES, TRACK_DOWN, Operating, operating
from tests.support import NOW

DEV = Sight(frozenset({"dev"}))


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


def survey(operated: Operating, sight: Sight = EVERYTHING) -> Survey:
    return Survey(operated.generation, operated.reports(), sight, Selections())


def told(operated: Operating, name: str) -> dict[str, Any]:
    found = survey(operated)
    (entry,) = found.find(name)
    return tell_endpoint(entry, found, Moment(NOW, CHECKER_NOW, operated.held_now()))


def test_times_are_never_told_earlier_than_they_are() -> None:
    """Whoever waits for one waits long enough."""
    assert tell_time(NOW) == "2027-01-15T08:00:00Z"
    assert tell_time(NOW + 0.01) == "2027-01-15T08:00:01Z"


def test_a_checked_endpoint_is_told_whole(operated: Operating) -> None:
    """Every member, with real and effective state apart."""
    track = replace(TRACK_DOWN, streak=1, penalty=2000.0, penalized=CHECKER_NOW - 90)
    operated.judge("10.80.1.2", DOWN, track)
    operated.held["10.80.1.2"] = NOW + 20.5
    assert told(operated, "web.dev.east/green") == {
        "id": "web.dev.east/green",
        "service": "web.dev.east",
        "environment": "dev",
        "region": "east",
        "endpoint": "green",
        "effective": "down",
        "declared": "normal",
        "override": None,
        "addresses": [
            {
                "address": "10.80.1.2",
                "real": "down",
                "effective": "down",
                "reason": "down: refused",
                "changing": False,
                "weight_tenths": 10,
                "check": {
                    "kind": "tcp",
                    "port": 8080,
                    "interval": 5.0,
                    "fast_interval": 1.0,
                    "timeout": 2.0,
                    "fall": 3,
                    "rise": 2,
                    "enforce": True,
                },
                "last": {
                    "age": 10.0,
                    "seconds": 0.001,
                    "passed": False,
                    "failure": "refused",
                    "detail": "refused",
                },
                "streak": 1,
                "penalty": 1000,
                "overdue": False,
                "safe_to_stop_at": "2027-01-15T08:00:21Z",
                "served": False,
            }
        ],
    }


def test_an_unchecked_endpoint_has_no_check(operated: Operating) -> None:
    """And a checked one that nothing is known of is unknown."""
    (address,) = told(operated, "secret.prod.east/vault")["addresses"]
    assert (address["real"], address["check"], address["last"]) == ("unchecked", None, None)
    assert address["safe_to_stop_at"] is None
    (address,) = told(operated, "web.dev.east/green")["addresses"]
    assert address["real"] == "unknown"
    operated.judge("10.80.1.2", Health(State.UNKNOWN, "not observed yet"), Track())
    (address,) = told(operated, "web.dev.east/green")["addresses"]
    assert (address["real"], address["last"], address["served"]) == ("unknown", None, True)


def test_a_check_without_a_port_has_none(operated: Operating) -> None:
    """Such as a heartbeat."""
    (address,) = told(operated, "jobs.dev.east/10-80-3-1")["addresses"]
    assert address["check"]["kind"] == "heartbeat"
    assert "port" not in address["check"]


def test_overrides_are_told_with_who_and_why(operated: Operating) -> None:
    """Beside what the zone file declares."""
    word = Override(DeclaredState.MAINTENANCE, "disk", "ann", NOW, NOW + 60)
    operated.overrides["web.dev.east/old"] = word
    found = told(operated, "web.dev.east/old")
    assert (found["declared"], found["effective"]) == ("drain", "maintenance")
    assert found["override"] == {
        "state": "maintenance",
        "reason": "disk",
        "by": "ann",
        "since": "2027-01-15T08:00:00Z",
        "until": "2027-01-15T08:01:00Z",
    }
    operated.overrides["web.dev.east/old"] = replace(word, until=None)
    assert told(operated, "web.dev.east/old")["override"]["until"] is None


def test_services_have_counts_and_a_mode(operated: Operating) -> None:
    """A line each."""
    operated.judge("10.80.1.2", DOWN, TRACK_DOWN)
    operated.unproven.add("web.dev.east")
    seen = survey(operated, DEV)
    lines = [tell_service(name, found, seen) for name, found in seen.services().items()]
    found = {line["service"]: line for line in lines}
    assert set(found) == {"web.dev.east", "jobs.dev.east", "web.dev.west"}
    web = found["web.dev.east"]
    assert web.pop("states") == {
        **dict.fromkeys(("unproven", "unknown", "damped", "maintenance"), 0),
        "up": 1,
        "down": 1,
        "draining": 1,
    }
    assert web == {
        "service": "web.dev.east",
        "environment": "dev",
        "region": "east",
        "endpoints": 3,
        "up": 1,
        "mode": "normal",
        "checked": True,
        "unproven": True,
    }
    assert found["web.dev.west"]["checked"] is False


def test_environments_are_counted(operated: Operating) -> None:
    """Those that are seen; `-` is what belongs to several."""
    found = tell_environments(survey(operated))
    assert list(found) == ["prod", "dev", "-"]
    assert (found["dev"]["services"], found["dev"]["endpoints"]) == (3, 5)
    assert (found["dev"]["up"], found["dev"]["draining"]) == (4, 1)
    assert tell_environments(survey(operated, DEV)) == {"dev": found["dev"]}
    nothing = tell_environments(survey(operated, Sight(frozenset())))
    assert nothing == {}


def test_the_checker_is_told_as_far_as_it_is_seen(operated: Operating) -> None:
    """Counts of all environments are for who sees all."""
    operated.frozen_since = CHECKER_NOW - 30
    assert tell_checker(survey(operated), operated.summary(), NOW) == {
        "targets": 7,
        "overdue": 1,
        "frozen_since": "2027-01-15T07:59:30Z",
        "in_flight": 2,
        "own_faults": 3,
        "restarts": 4,
    }
    found = tell_checker(survey(operated, DEV), operated.summary(), NOW)
    assert found["targets"] == 5
    assert found["overdue"] == 0
    assert found["own_faults"] is None


def test_sentences_are_for_who_sees_all() -> None:
    """They may name anything; that something is wrong is told to all."""
    assert tell_degraded(["prod is odd"], sees_all=True) == ["prod is odd"]
    assert tell_degraded(["prod is odd"], sees_all=False) == [WITHHELD]
    assert tell_degraded([], sees_all=False) == []


def test_problems_of_files_keep_their_place() -> None:
    """As `sightline check` prints them."""
    problem = Problem(Place("a.yaml", 3, 5), Severity.WARNING, "some-rule", "odd")
    assert problem.facts() == {
        "file": "a.yaml",
        "line": 3,
        "column": 5,
        "severity": "warning",
        "rule": "some-rule",
        "message": "odd",
    }
