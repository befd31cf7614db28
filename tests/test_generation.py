"""The one mutable reference."""

from collections.abc import Callable

import pytest

from resolver.generation import Generation, Published

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
