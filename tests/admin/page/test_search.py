"""Which services the page shows."""

import pytest

from resolver.admin.page.overview import Line
from resolver.admin.page.search import MOST, Search, find, read_search
from resolver.admin.problems import Refused


def line(name: str, **words: str) -> Line:
    """A service in dev.east, its endpoints with their states."""
    ids = {f"{name}/{label}": word for label, word in (words or {"a": "up"}).items()}
    return Line(name, "dev", "east", ids, ("10.80.1.1", "fd00::1"), None)


LINES = (
    line("api.dev.east", blue="up", green="down"),
    line("jobs.dev.east", a="draining"),
    line("Web.dev.east", a="unproven"),
)


@pytest.mark.parametrize(
    ("search", "names"),
    [
        (Search(), ["api.dev.east", "jobs.dev.east", "Web.dev.east"]),
        (Search(text="web"), ["Web.dev.east"]),
        (Search(text="green"), ["api.dev.east"]),
        (Search(text="10.80.1", state="failing"), ["api.dev.east"]),
        (Search(state="held"), ["jobs.dev.east"]),
        (Search(state="unproven"), ["Web.dev.east"]),
        (Search(environment="prod"), []),
        (Search(environment="dev", region="west"), []),
        (Search(offset=2), ["Web.dev.east"]),
    ],
)
def test_what_is_found(search: Search, names: list[str]) -> None:
    """By name, endpoint, address, state and place."""
    assert [found.name for found in find(LINES, search)[1]] == names


def test_no_more_than_a_page_is_found_at_once() -> None:
    """And how many there are."""
    many = [line(f"s{number:03}.dev.east") for number in range(MOST + 9)]
    total, first = find(many, Search())
    assert (total, len(first)) == (MOST + 9, MOST)
    assert [one.name for one in find(many, Search(offset=MOST))[1]] == [
        one.name for one in many[MOST:]
    ]


def test_parameters_are_read() -> None:
    """Letters are alike in both cases."""
    items = [("environment", "dev"), ("text", " WEB "), ("state", "down"), ("offset", "50")]
    assert read_search(items) == Search("dev", None, "web", "down", 50)


@pytest.mark.parametrize(
    "item",
    [
        *(("offset", "-1"), ("offset", "x"), ("offset", "9" * 10)),
        *(("state", "odd"), ("text", "x" * 201), ("colour", "red")),
    ],
)
def test_what_cannot_be_read_is_refused(item: tuple[str, str]) -> None:
    """With the reason."""
    with pytest.raises(Refused) as refused:
        read_search([item])
    assert refused.value.status == 400
