"""What clients get of a service, remembered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from healthcheck.health import HealthTable
from resolver.admin import selections
from resolver.admin.selections import Selections, family_of
from resolver.select import Family, Mode, select
from resolver.zones.zone import Service
from tests.admin.operated import DOWN, FILES, WEST, Operating, operating


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


def service(operated: Operating, identity: str) -> Service:
    found = (s for zone in operated.generation.zones.zones for s in zone.services.values())
    return next(item for item in found if item.identity == identity)


def test_tiers_are_those_of_answers(operated: Operating) -> None:
    """The region itself, then its failover."""
    web = service(operated, "web.dev.east")
    pool = Selections().of(operated.generation).pool(web)
    assert [tier.region for tier in pool.tiers] == ["east", "west"]
    wiki = service(operated, "wiki")
    assert Selections().of(operated.generation).pool(wiki).tiers == (wiki,)


def test_an_owner_that_its_environment_overrides_is_no_tier(
    zones_dir: Callable[..., Path],
) -> None:
    """Clients there do not get it."""
    over = WEST.replace("services:", "overrides: {dev: {web: {A: 10.81.9.9}}}\nservices:")
    operated = operating(zones_dir({**FILES, "west.yaml": over}))
    web = service(operated, "web.dev.east")
    pool = Selections().of(operated.generation).pool(web)
    assert [tier.region for tier in pool.tiers] == ["east"]


def test_it_says_what_select_says(operated: Operating) -> None:
    """Mode, shares and who is served; after a change of health too."""
    web, known = service(operated, "web.dev.east"), Selections()
    shares = []
    for down in ((), ("10.80.1.1",), ("10.80.1.1", "10.80.1.2")):
        for address in down:
            operated.judge(address, DOWN)
        generation = operated.generation
        found = known.of(generation).outcome(web, Family.V4, generation.health)
        pool = known.of(generation).pool(web)
        selection = select(pool, Family.V4, generation.health)
        assert (found.mode, found.loads) == (selection.mode, selection.loads)
        assert found.served == {(c.endpoint.key, c.address) for c in selection.choices if c.is_in}
        shares.append(found.loads)
    assert shares[-1] == (0.0, 100.0)


def test_nothing_is_selected_again_while_health_is_the_same(
    operated: Operating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An equal table is enough; another family's health counts."""
    web, known = service(operated, "web.dev.east"), Selections()
    generation = operated.generation
    asked = []

    def counted(*arguments: object) -> object:
        asked.append(arguments)
        return select(*arguments)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(selections, "select", counted)
    for table in (generation.health, HealthTable(dict(generation.health.known))):
        known.of(generation).outcome(web, Family.V4, table)
    assert len(asked) == 1
    operated.judge("fd00:80::1", DOWN)
    known.of(generation).outcome(web, Family.V4, operated.generation.health)
    assert len(asked) == 2


def test_other_zones_are_looked_at_anew(operated: Operating) -> None:
    """What is remembered goes with the zones."""
    known = Selections()
    first = known.of(operated.generation)
    assert known.of(operated.generation) is first
    zones = replace(operated.generation.zones)
    assert known.of(replace(operated.generation, zones=zones)) is not first


def test_one_family_speaks_for_a_service(operated: Operating) -> None:
    """IPv4, unless there is none."""
    web = service(operated, "web.dev.east")
    assert family_of(web) is Family.V4
    only = replace(web, endpoints=tuple(replace(e, v4=None) for e in web.endpoints))
    assert family_of(only) is Family.V6
    table = HealthTable()
    outcome = Selections().of(operated.generation).outcome(web, Family.V6, table)
    assert outcome.mode is Mode.NORMAL
