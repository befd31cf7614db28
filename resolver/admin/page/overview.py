"""What the page shows at first: what is wrong, and counts of everything. Pure.

Both are bounded, however much there is: of what is wrong the worst comes first. What is kept of a
walk over all targets are words and numbers, and nothing of the generation it was made from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resolver.admin.page.rows import is_out
from resolver.admin.status import Json
from resolver.admin.survey import EFFECTIVE, Survey

MOST_SERVICES = 40  # of what is wrong
MOST_ENDPOINTS = 6  # of each of them
FAILED = frozenset({"down", "damped"})
HELD = frozenset({"draining", "maintenance"})
RANKS = ("out", "failing", "all-held", "held")  # the worst first
_ORDER = {"down": 0, "damped": 1, "maintenance": 2, "draining": 3}


@dataclass(frozen=True, slots=True)
class Line:
    """One service as it was found."""

    name: str
    environment: str
    region: str
    words: Mapping[str, str]  # the state of each endpoint, by its id
    addresses: tuple[str, ...]
    rank: str | None  # one of RANKS where something is wrong with it

    @property
    def wrong(self) -> list[str]:
        """The ids of what is down or held out, the worst first."""
        found = [name for name, word in self.words.items() if word in _ORDER]
        return sorted(found, key=lambda name: _ORDER[self.words[name]])


@dataclass(frozen=True, slots=True)
class Glance:
    """All that a caller sees, looked at once."""

    lines: tuple[Line, ...]  # by name
    wrong: tuple[Line, ...]  # the worst first
    tree: list[Json]


def look(survey: Survey) -> Glance:
    """Walk over all that a survey holds; for threads."""
    lines, places = [], dict[tuple[str, str], _Counts]()
    for name, entries in survey.services().items():
        words = {entry.id: entry.effective for entry in entries}
        environment, region, _ = entries[0].labels
        addresses = tuple(report.use.address for entry in entries for report in entry.reports)
        rank = _rank(words.values())
        line = Line(name, environment, region, words, addresses, rank)
        lines.append(line)
        places.setdefault((environment, region), _Counts()).add(line)
    lines.sort(key=lambda line: line.name)
    wrong = [line for line in lines if line.rank is not None]
    wrong.sort(key=lambda line: RANKS.index(line.rank or ""))
    return Glance(tuple(lines), tuple(wrong), _tell_tree(survey, places))


def _rank(words: Iterable[str]) -> str | None:
    """Whether something failed or is held out, and whether nothing else is left."""
    states = set(words)
    if not states & (FAILED | HELD):
        return None
    return RANKS[(0 if states & FAILED else 2) + (0 if is_out(states) else 1)]


class _Counts:
    """Of one region of one environment."""

    def __init__(self) -> None:
        self.services = 0
        self.failing = 0
        self.unproven = 0
        self.states: Counter[str] = Counter()

    def add(self, line: Line) -> None:
        words = line.words.values()
        self.services += 1
        self.failing += line.rank in {"out", "failing"}
        self.unproven += "unproven" in words
        self.states.update(words)

    def told(self) -> Json:
        return {
            "services": self.services,
            "failing": self.failing,
            "unproven": self.unproven,
            "endpoints": self.states.total(),
            "states": {word: self.states[word] for word in EFFECTIVE if self.states[word]},
        }


def _tell_tree(survey: Survey, places: Mapping[tuple[str, str], _Counts]) -> list[Json]:
    """Environments and regions in the order of the plan, also those without a service."""
    plan = survey.generation.zones.plan
    found: dict[str, list[str]] = {
        name: [] for name in plan.environments if survey.sight.covers(name)
    }
    order = {region: number for number, region in enumerate(plan.regions)}
    for environment, region in sorted(places, key=lambda p: (order.get(p[1], len(order)), p[1])):
        found.setdefault(environment, []).append(region)
    return [
        {
            "environment": environment,
            "regions": [{"region": r, **places[environment, r].told()} for r in regions],
        }
        for environment, regions in found.items()
    ]


def choose(glance: Glance) -> list[tuple[Line, list[str]]]:
    """The services that are told of as wrong, each with the ids that are told of."""
    return [(line, line.wrong[:MOST_ENDPOINTS]) for line in glance.wrong[:MOST_SERVICES]]


def tell_wrong(glance: Glance, rows: Mapping[str, Json]) -> Json:
    """What is wrong; `rows` by the names of the services that were chosen."""
    told = []
    for line, shown in choose(glance):
        if line.name in rows:  # else it went meanwhile
            counted = Counter(line.words.values())
            told.append(
                {
                    **rows[line.name],
                    "rank": line.rank,
                    "states": {word: counted[word] for word in EFFECTIVE if counted[word]},
                    "more": len(line.wrong) - len(shown),
                }
            )
    counts = Counter(line.rank for line in glance.wrong)
    return {
        "services": told,
        "more": max(0, len(glance.wrong) - MOST_SERVICES),
        "counts": {rank: counts[rank] for rank in RANKS if counts[rank]},
    }
