"""What was served at a time: zones and health, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from healthcheck.health import Health, State
from resolver import history
from resolver.generation import Generation
from resolver.history import RELOADS, History, NotKept
from resolver.reload import Builder
from tests.support import DEV, FILES, addresses, ask, compiled

ZonesDir = Callable[..., Path]
WEB = "web.dev.east.corp.test."
DOWN = Health(State.DOWN, "down")
UP = Health(State.UP, "up")


class Told:
    """A server: what is served, and what is kept of it."""

    def __init__(self, zones_dir: ZonesDir, most: int = history.MOST_FLIPS) -> None:
        self._dir = zones_dir
        self._builder = Builder(zones_dir(), 1)
        self.present = compiled(zones_dir(), builder=self._builder)
        self.kept = History(self.present, 1000.0, most)
        services = [s for zone in self.present.zones.zones for s in zone.services.values()]
        (web,) = (s for s in services if s.identity == "web.dev.east")
        self.targets = [(e.key, e.addresses[0]) for e in web.endpoints]

    def flip(self, now: float, health: Health, *numbers: int) -> None:
        changed = {self.targets[number]: health for number in numbers}
        old = self.present
        self.present = old.judged_anew(old.number + 1, old.health.replace(changed), changed)
        self.kept.flipped(now, self.present.number, old.health, changed)

    def reload(self, now: float, dev: str) -> None:
        old = self.present
        new = compiled(self._dir({**FILES, "dev.yaml": dev}), old, builder=self._builder)
        self.present = new
        self.kept.reloaded(now, old, new)

    def at(self, moment: float) -> list[str]:
        return sorted(addresses(ask(self.kept.at(moment, self.present).generation, WEB)))


def answer(generation: Generation) -> list[str]:
    return sorted(addresses(ask(generation, WEB)))


def test_health_is_as_it_was(zones_dir: ZonesDir) -> None:
    """Each flip is taken back; at the very moment of one it holds."""
    told = Told(zones_dir)
    told.flip(1010.0, DOWN, 0)
    told.flip(1020.0, DOWN, 1)
    told.flip(1030.0, UP, 0)
    one, two, three = "10.80.1.1", "10.80.1.2", "10.80.1.3"
    assert told.at(1000.0) == [one, two, three]
    assert told.at(1009.9) == [one, two, three]
    assert told.at(1010.0) == [two, three]
    assert told.at(1025.0) == [three]
    assert told.at(1030.0) == told.at(9999.0) == answer(told.present) == [one, three]


def test_zones_are_as_they_were(zones_dir: ZonesDir) -> None:
    """With the health that they had, and the number of the generation."""
    told = Told(zones_dir)
    told.flip(1010.0, DOWN, 0)
    told.reload(1020.0, DEV.replace(", 10.80.1.3]", "]"))
    told.flip(1030.0, DOWN, 1)
    told.flip(1040.0, UP, 0)
    assert told.at(1005.0) == ["10.80.1.1", "10.80.1.2", "10.80.1.3"]
    assert told.at(1015.0) == ["10.80.1.2", "10.80.1.3"]
    assert told.at(1020.0) == ["10.80.1.2"]
    assert told.at(1050.0) == ["10.80.1.1"]
    past = told.kept.at(1015.0, told.present)
    assert (past.number, past.since, past.until) == (2, 1000.0, 1020.0)
    assert past.generation.number == 2
    past = told.kept.at(1035.0, told.present)
    assert (past.number, past.since, past.until) == (4, 1020.0, None)


def test_what_is_asked_of_the_past_moves_nothing(zones_dir: ZonesDir) -> None:
    """Neither wheels nor hand-outs of what is served."""
    told = Told(zones_dir)
    view = told.present.views["dev", "east"]
    before = {key: tuple(place) for key, place in view.answers.wheels.items()}
    for _ in range(3):
        told.at(1000.0)
    assert {key: tuple(place) for key, place in view.answers.wheels.items()} == before
    past = told.kept.at(1000.0, told.present).generation
    assert past.handouts is not told.present.handouts
    assert past.namespaces is told.present.namespaces


def test_ten_reloads_are_kept(zones_dir: ZonesDir) -> None:
    """What is older is taken apart, unless something that is kept has it too."""
    told = Told(zones_dir)
    first = told.present
    for number in range(RELOADS):
        told.reload(1010.0 + number, f"{DEV}# {number}\n".replace("20\n", f"{21 + number}\n"))
    assert told.at(1000.0) == ["10.80.1.1", "10.80.1.2", "10.80.1.3"]
    assert list(told.kept.let_go()) == []
    told.reload(1030.0, DEV)
    assert told.kept.since == 1010.0
    with pytest.raises(NotKept, match=r"kept is what was served since 1970-01-01T00:16:50\.000Z"):
        told.at(1009.0)
    assert told.at(1010.0) == ["10.80.1.1", "10.80.1.2", "10.80.1.3"]
    assert first.namespaces["prod"] is told.present.namespaces["prod"]
    assert list(told.kept.let_go())
    assert len(first.namespaces["dev"]) == 0
    assert len(first.namespaces["prod"]) > 0
    assert told.at(1010.0) == ["10.80.1.1", "10.80.1.2", "10.80.1.3"]


def test_an_hour_of_health_is_kept(zones_dir: ZonesDir) -> None:
    """From the last flip that is forgotten on; without flips, all of it."""
    told = Told(zones_dir)
    assert told.at(1000.0)
    told.flip(1010.0, DOWN, 0)
    told.flip(1010.0 + history.HEALTH_KEPT + 1, DOWN, 1)
    assert told.kept.since == 1010.0
    assert told.at(1010.0) == ["10.80.1.2", "10.80.1.3"]
    with pytest.raises(NotKept):
        told.at(1009.9)


def test_flips_are_bounded(zones_dir: ZonesDir) -> None:
    """However many there are within the hour."""
    told = Told(zones_dir, most=4)
    for number in range(10):
        told.flip(1010.0 + number, DOWN if number % 2 else UP, 0, 1)
    assert told.kept.since == 1017.0
    assert told.at(1018.0) == ["10.80.1.1", "10.80.1.2", "10.80.1.3"]
    assert told.at(1019.0) == ["10.80.1.3"]


def test_a_clock_that_is_set_back_changes_no_order(zones_dir: ZonesDir) -> None:
    """What came later is later."""
    told = Told(zones_dir)
    told.flip(1010.0, DOWN, 0)
    told.flip(500.0, DOWN, 1)
    assert told.at(1010.0) == ["10.80.1.3"]
    assert told.at(1009.0) == ["10.80.1.1", "10.80.1.2", "10.80.1.3"]
