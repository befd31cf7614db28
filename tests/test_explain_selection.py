"""What is told of a selection, and to whom."""

from collections.abc import Callable

import pytest

from healthcheck.health import DeclaredState, Health, HealthTable, State
from resolver import names
from resolver.explain_selection import WITHHELD, Seen, explain_selections, explain_ttl
from resolver.generation import Generation
from resolver.rrsets import A, Rrset, Scope
from tests.support import FILES

Compile = Callable[..., Generation]
OWNER = names.from_text("web.dev.east.corp.test.")
REASON = "down: refused (3 failures in a row)"


@pytest.fixture
def judged(generation: Compile) -> tuple[Rrset, Scope]:
    """A service with one endpoint down and one that drains."""
    made = generation(FILES)
    first, second, _ = next(
        service
        for zone in made.zones.zones
        for service in zone.services.values()
        if service.environment == "dev"
    ).endpoints
    table = HealthTable(
        {
            (first.key, first.addresses[0]): Health(State.DOWN, REASON),
            (second.key, second.addresses[0]): Health(
                State.UP, "up", changing=True, override=DeclaredState.DRAIN
            ),
        }
    )
    return made.namespaces["dev"].nodes[OWNER].sets[A], Scope("dev", "east", table)


def test_who_may_read_is_told_why(judged: tuple[Rrset, Scope]) -> None:
    """State, effective state, reason and place of each endpoint."""
    found = explain_selections(*judged, Seen({}, 0.0))
    assert found is not None
    service, (selection,) = found
    down, draining, up = selection["endpoints"]
    assert service == "web.dev.east"
    assert [item["effective"] for item in (down, draining, up)] == ["down", "draining", "up"]
    assert (down["health_reason"], draining["override"]) == (REASON, "drain")
    assert down["place"].endswith("dev.yaml:4")


def test_who_may_not_is_told_what_answers_show(judged: tuple[Rrset, Scope]) -> None:
    """In or out, and with which share; not why."""
    found = explain_selections(*judged, Seen({}, 0.0, lambda environment: environment != "dev"))
    assert found is not None
    for item in found[1][0]["endpoints"]:
        assert (item["health_reason"], item["place"]) == (WITHHELD, WITHHELD)
        assert not item.keys() & {"declared", "override", "real", "last", "penalty"}
    assert [item["in"] for item in found[1][0]["endpoints"]] == [False, False, True]


def test_the_ttl_is_told_with_its_reason(judged: tuple[Rrset, Scope]) -> None:
    """What is out does not count."""
    rrset, scope = judged
    ttls = sorted({turn.ttl for turn in rrset.draw(scope).turns})
    assert explain_ttl(rrset, scope, ttls) == "20, as configured: whatever it holds is settled"
