"""The indices that the rules share."""

from __future__ import annotations

from pathlib import Path

from resolver import names
from resolver.zones.rules.survey import Survey, items_of
from tests.zones.linting import build

ZONES = """\
zones:
  prod.r1: {services: {a: {endpoints: [10.0.0.1], share_with: [dev]}}}
  prod.r2: {services: {a: {endpoints: [10.1.0.1]}}}
  infra:
    visible_to: [prod, dev]
    records: {x: {TXT: x}, y: {TXT: y}}
    overrides: {dev: {x: null, y: {TXT: z}}}
"""


def survey(directory: Path) -> Survey:
    generation = build(directory, z=ZONES).generation
    assert generation is not None
    return Survey(generation.zones, generation, False)


def key(text: str) -> bytes:
    return names.from_text(f"{text}.corp.internal.")


def test_the_longest_apex_governs_a_name(tmp_path: Path) -> None:
    found = survey(tmp_path)
    assert found.governing(key("b.a.prod.r1")) == key("prod.r1")
    assert found.governing(key("r1")) == found.domain
    assert found.governing(names.from_text("x.lan.")) == names.from_text("lan.")
    assert found.governing(names.from_text("x.example.")) is None


def test_a_regionless_name_stands_for_the_services_of_all_regions(tmp_path: Path) -> None:
    found = survey(tmp_path)
    services = found.regionless[key("a.prod")]
    assert [service.region for service in services] == ["r1", "r2"]
    assert [found.viewers(service) for service in services] == [{"prod", "dev"}, {"prod"}]


def test_an_override_takes_the_place_of_what_it_replaces(tmp_path: Path) -> None:
    (infra,) = survey(tmp_path).by_apex[key("infra")]
    seen = {(names.to_text(item.owner)[0], *sorted(item.viewers)) for item in items_of(infra)}
    assert seen == {("x", "prod"), ("y", "prod"), ("y", "dev")}


def test_environments_are_listed_in_the_order_of_the_plan(tmp_path: Path) -> None:
    assert survey(tmp_path).listed({"qa", "prod"}) == "prod, qa"
