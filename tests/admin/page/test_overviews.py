"""What viewers are told: made once for all, when it is due."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.asked import Shared
from resolver.admin.operated import NotAnswering
from resolver.admin.page import overviews as module
from resolver.admin.page.overviews import Overviews
from resolver.admin.page.search import Search
from resolver.figures import Figures
from tests.admin.operated import DOWN, FILES, TRACK_DOWN, Operating, operating

DEV = Sight(frozenset({"dev"}))
PARTS = {"figures", "happened", "history", "server", "tree", "upstreams", "wrong"}


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


@pytest.fixture
def overviews(operated: Operating) -> Overviews:
    return Overviews(operated, Shared())


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is due always."""
    for name in ("RARELY", "ROWS_EVERY", "EVENTS_EVERY"):
        monkeypatch.setattr(module, name, 0.0)


async def test_all_parts_are_there_at_first(overviews: Overviews) -> None:
    """Each is JSON on one line."""
    parts = await overviews.parts(EVERYTHING)
    assert parts.keys() == PARTS
    assert not [text for text in parts.values() if "\n" in text]


@pytest.mark.usefixtures("at_once")
async def test_a_flip_is_told_with_the_next_look(operated: Operating, overviews: Overviews) -> None:
    """What is as before reads as before."""
    before = await overviews.parts(EVERYTHING)
    operated.generation = operated.generation  # nothing happens
    assert (await overviews.parts(EVERYTHING))["tree"] == before["tree"]
    operated.judge("10.64.1.1", DOWN, TRACK_DOWN)
    object.__setattr__(operated.generation, "number", 2)
    wrong = json.loads((await overviews.parts(EVERYTHING))["wrong"])
    first = wrong["services"][0]
    assert (first["service"], first["rank"]) == ("web.prod.east", "out")


async def test_targets_are_walked_over_only_when_something_changed(
    operated: Operating, overviews: Overviews
) -> None:
    """There may be very many."""
    walks = []
    reports = operated.reports

    def count(endpoint: str | None = None) -> object:
        walks.append(endpoint)
        return reports(endpoint)

    operated.reports = count  # type: ignore[method-assign, assignment]  # counts
    for _ in range(3):
        await overviews.parts(EVERYTHING)
    await overviews.services(EVERYTHING, Search())
    assert walks.count(None) == 1


@pytest.mark.usefixtures("at_once")
async def test_each_sight_is_told_of_its_own(overviews: Overviews) -> None:
    """Also of the services that it searches."""
    assert "web.prod.east" not in str(await overviews.parts(DEV))
    found = await overviews.services(DEV, Search(text="web"))
    assert [one["service"] for one in found["services"]] == ["web.dev.east", "web.dev.west"]
    assert found["total"] == 2
    every = await overviews.services(EVERYTHING, Search(text="web"))
    assert every["total"] == 3


async def test_a_search_tells_states_and_endpoints(overviews: Overviews) -> None:
    """As they are now."""
    found = await overviews.services(EVERYTHING, Search(text="web.dev.east"))
    (web,) = found["services"]
    assert web["states"] == {"up": 2, "draining": 1}
    assert [one["label"] for one in web["endpoints"]] == ["blue", "green", "old"]


async def test_who_drains_says_when_it_is_safe_to_stop(
    operated: Operating, overviews: Overviews
) -> None:
    """As far as answers were handed out."""
    operated.held["10.80.1.3"] = 1_900_000_000.0
    wrong = json.loads((await overviews.parts(EVERYTHING))["wrong"])
    (old,) = wrong["services"][0]["endpoints"]
    assert old["addresses"][0]["safe_at"] == 1_900_000_000.0


async def test_a_worker_that_does_not_answer_is_a_sentence(
    operated: Operating, overviews: Overviews
) -> None:
    """And the page goes on."""

    async def hang() -> Figures:
        raise NotAnswering("worker 1 does not answer")

    operated.figures = hang  # type: ignore[method-assign]  # hangs
    server = json.loads((await overviews.parts(EVERYTHING))["server"])
    assert server["degraded"] == ["worker 1 does not answer"]


async def test_what_is_wrong_with_the_server_is_for_those_who_see_all(
    operated: Operating, overviews: Overviews
) -> None:
    """The sentences may name anything."""
    operated.troubles = ["secret.prod.east is unproven"]
    server = json.loads((await overviews.parts(DEV))["server"])
    assert "secret" not in str(server)
    assert server["degraded"]
    assert server["generation"] is None
