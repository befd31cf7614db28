"""Which services the page shows below a region, or for what was typed into its search box. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from resolver.admin.bodies import read_query
from resolver.admin.page.overview import FAILED, HELD, Line
from resolver.admin.problems import Refused
from resolver.admin.survey import EFFECTIVE

MOST = 50  # services at once
MOST_ENDPOINTS = 40  # of each of them
MOST_TEXT = 200  # characters
STATES = (*EFFECTIVE, "failing", "held")


@dataclass(frozen=True, slots=True)
class Search:
    """What to show."""

    environment: str | None = None
    region: str | None = None
    text: str = ""
    state: str | None = None  # services with an endpoint that is so
    offset: int = 0


def read_search(items: list[tuple[str, str]]) -> Search:
    """The search that a URL's parameters say; raises Refused."""
    known = ("environment", "region", "text", "state", "offset")
    query = read_query(items, known)
    text, offset = query.get("text", ""), query.get("offset", "0")
    if len(text) > MOST_TEXT:
        raise Refused(400, f"'text' has {MOST_TEXT} characters at most")
    if not (offset.isascii() and offset.isdigit() and len(offset) <= 9):
        raise Refused(400, "'offset' is a number")
    state = query.get("state")
    if state is not None and state not in STATES:
        raise Refused(400, f"'state' is one of {', '.join(STATES)}")
    return Search(
        query.get("environment"), query.get("region"), text.strip().lower(), state, int(offset)
    )


def find(lines: Iterable[Line], search: Search) -> tuple[int, list[Line]]:
    """How many services there are, and those of the page."""
    found = [line for line in lines if _is_meant(line, search)]
    return len(found), found[search.offset : search.offset + MOST]


def _is_meant(line: Line, search: Search) -> bool:
    return (
        search.environment in (None, line.environment)
        and search.region in (None, line.region)
        and (not search.text or _says(line, search.text))
        and (search.state is None or _is_so(line, search.state))
    )


def _says(line: Line, text: str) -> bool:
    """Whether a name, an address or an endpoint's id holds the text."""
    return (
        text in line.name.lower()
        or any(text in name.lower() for name in line.words)
        or any(text in address for address in line.addresses)
    )


def _is_so(line: Line, state: str) -> bool:
    wanted = {"failing": FAILED, "held": HELD}.get(state, frozenset({state}))
    return not wanted.isdisjoint(line.words.values())
