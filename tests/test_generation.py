"""Generations: frozen, flipped by health; and the one mutable reference."""

from collections.abc import Callable

import pytest

from healthcheck.health import Health, State, Target
from resolver.background import at_once
from resolver.generation import Generation, Published, settle
from resolver.query import handle
from tests.properties import flipping
from tests.support import DEV_CLIENT, FILES, PROD_CLIENT, TCP, addresses, ask, question

Compile = Callable[..., Generation]


def test_publishing_replaces_the_generation(generation: Compile) -> None:
    """Readers take the reference once and see one generation."""
    first = generation()
    second = generation(previous=first)
    published = Published(first)
    published.replace(second)
    assert published.generation is second


def test_an_older_generation_is_never_published(generation: Compile) -> None:
    """Nor the same one again."""
    first = generation()
    second = generation(previous=first)
    published = Published(second)
    for old in (first, second):
        with pytest.raises(ValueError, match="older"):
            published.replace(old)


def test_a_generation_is_frozen(generation: Compile) -> None:
    """Nothing that a reader sees is assigned again."""
    made = generation()
    with pytest.raises(AttributeError):
        made.number = 7  # type: ignore[misc]  # the point


def test_a_pinned_view_may_be_gone(generation: Compile) -> None:
    """The files decide at every reload."""
    made = generation()
    view = made.pinned("dev", "east")
    assert view is not None
    assert (view.environment, view.region) == ("dev", "east")
    assert made.pinned("dev", "nowhere") is None


WEB = "web.dev.east.corp.test."
DOWN = Health(State.DOWN, "refused")


def of_dev(generation: Generation) -> list[Target]:
    """The targets of dev's `web`."""
    return [t for t in flipping.targets(generation) if b"\3dev" in t[0]]


def test_a_flip_keeps_what_rests_on_other_targets(generation: Compile) -> None:
    """The very same answers, and the zones, networks and serials with them."""
    first = generation()
    ask(first, WEB)
    ask(first, "web.prod.east.corp.test.", source=PROD_CLIENT)
    one = of_dev(first)[0]
    kept = first.views["prod", "east"].answers.find(WEB_OF_PROD)
    second = flipping.flipped(first, {one: DOWN})
    assert second.number == first.number + 1
    assert second.views["prod", "east"].answers.find(WEB_OF_PROD) is kept
    assert len(addresses(ask(second, WEB))) == 2
    assert (second.zones, second.serials) == (first.zones, first.serials)
    assert (second.networks, second.namespaces) == (first.networks, first.namespaces)


WEB_OF_PROD = flipping.key("web.prod.east.corp.test.", "A")


def test_whoever_still_holds_the_old_generation_is_answered_as_before(generation: Compile) -> None:
    """It prepares its own again, with its own health."""
    first = generation()
    one = of_dev(first)[0]
    ask(first, WEB)
    second = flipping.flipped(first, {one: DOWN})
    assert len(addresses(ask(second, WEB))) == 2
    assert len(addresses(ask(first, WEB))) == 3
    assert len(addresses(ask(second, WEB))) == 2


def test_a_flip_of_nothing_changes_nothing_but_the_number(generation: Compile) -> None:
    """Every prepared answer is kept."""
    first = generation()
    key = flipping.key(WEB, "A")
    kept = first.views["dev", "east"].answers.find(key)
    second = first.judged_anew(9, first.health, ())
    assert second.number == 9
    assert second.views["dev", "east"].answers.find(key) is kept


def test_what_is_retired_is_asked_until_it_is_settled(generation: Compile) -> None:
    """Flips between the two forget neither."""
    first = generation()
    one, other = of_dev(first)[:2]
    handle(question(WEB), DEV_CLIENT, TCP, first, 100.0)
    second = generation(previous=first, files={**FILES, "x.yaml": "zone: dev.west\n"})
    published = Published(first)
    published.replace(second, retiring=first)
    published.replace(flipping.flipped(second, {one: DOWN}))
    assert published.held_until(one) == published.held_until(other) == 120.0
    at_once(settle(first, second))
    published.retired()
    assert published.held_until(one) == published.held_until(other) == 120.0
