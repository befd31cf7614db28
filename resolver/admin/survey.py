"""Reports and the generation brought together: services and endpoints as one caller may see them.

Pure. What a caller may not see is not in its survey, so that nothing made from one can tell of it:
neither lists nor counts, metrics or hints.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from healthcheck.health import DeclaredState, State, Target
from healthcheck.report import Report
from healthcheck.use import Use
from resolver.admin.access import Sight
from resolver.admin.selections import Outcome, Selections
from resolver.checks import find_endpoints
from resolver.generation import Generation
from resolver.select import Family, Pool
from resolver.zones.zone import Endpoint, Service

Labels = tuple[str, str, str]

# What becomes of an endpoint, the best of its addresses first.
EFFECTIVE = ("up", "unproven", "unknown", "damped", "down", "draining", "maintenance")
SERVED_AS_UP = frozenset({"up", "unproven", "unknown"})


@dataclass(slots=True)
class Entry:
    """One endpoint: its reports, an address each, and what its zone file says of it."""

    id: str
    label: str  # its name below that of the service
    labels: Labels
    service_id: str
    service: Service | None  # None: the files no longer have it
    endpoint: Endpoint | None
    reports: list[Report] = field(default_factory=list)

    @property
    def declared(self) -> DeclaredState:
        return DeclaredState.NORMAL if self.endpoint is None else self.endpoint.state

    @property
    def effective(self) -> str:
        """The best that is made of any of its addresses."""
        if len(self.reports) == 1:  # as of most; there are many
            return effective(self.reports[0], self.declared)
        found = {effective(report, self.declared) for report in self.reports}
        return next(word for word in EFFECTIVE if word in found)


def effective(report: Report, declared: DeclaredState) -> str:
    """What is made of one address: one of EFFECTIVE."""
    word = report.health.effective(declared)
    if word != "up":
        return word
    track = report.track
    is_enforced = report.use.checked_by is not None and report.use.checked_by.enforce
    is_down = track is not None and track.state is State.DOWN
    return "unproven" if report.is_unproven and is_enforced and is_down else "up"


class Survey:
    """All that a caller may see of the targets; see the module."""

    def __init__(
        self,
        generation: Generation,
        reports: Iterable[Report],
        sight: Sight,
        selections: Selections,
    ) -> None:
        self.generation = generation
        self.sight = sight
        self._selections = selections.of(generation)
        known = self._selections.endpoints
        found: dict[tuple[str, bytes], Entry] = {}
        hidden: set[str] = set()
        for report in reports:
            use = report.use
            if not sight.covers(use.labels[0]):
                hidden.add(use.endpoint)
                continue
            entry = found.get((use.endpoint, use.target[0]))
            if entry is None:
                entry = _entry(use, known.get(use.target[0], (None, None)))
                found[use.endpoint, use.target[0]] = entry
            entry.reports.append(report)
        # What is said of an endpoint is said of its id: where namesakes share one, all of them
        # must be seen.
        self.entries = [entry for entry in found.values() if entry.id not in hidden]

    def find(self, pattern: str) -> list[Entry]:
        """The endpoints that an operator means by an id or a glob."""
        exact = [entry for entry in self.entries if entry.id == pattern]
        if exact:
            return exact
        uses = [report.use for entry in self.entries for report in entry.reports]
        wanted = set(find_endpoints(pattern, uses))
        return [entry for entry in self.entries if entry.id in wanted]

    def nearest(self, pattern: str, most: int = 3) -> list[str]:
        """The ids that look most like one that does not exist: of services that look so too."""
        lowered = pattern.lower()
        services = self.services()
        by_name = {name.lower(): name for name in services}
        near = difflib.get_close_matches(lowered.partition("/")[0], by_name, n=3)
        names: dict[str, str] = {}
        for entry in (entry for name in near for entry in services[by_name[name]]):
            names[entry.id.lower()] = entry.id
            for report in entry.reports:
                names[f"{entry.service_id}/{report.use.address}".lower()] = entry.id
        found = difflib.get_close_matches(lowered, names, n=2 * most, cutoff=0.5)
        return list(dict.fromkeys(names[name] for name in found))[:most]

    def services(self) -> dict[str, list[Entry]]:
        """The endpoints of each service, by its id."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.service_id, []).append(entry)
        return found

    def pool(self, service: Service) -> Pool:
        """The tiers of a service."""
        return self._selections.pool(service)

    def outcome(self, service: Service, family: Family) -> Outcome:
        """What clients in a service's own environment and region get of it."""
        return self._selections.outcome(service, family, self.generation.health)

    def is_served(self, service: Service, target: Target) -> bool:
        """Whether the present selection of its own service gives an address a share."""
        family = Family.V4 if len(target[1]) == 4 else Family.V6
        return target in self.outcome(service, family).served


def _entry(use: Use, found: tuple[Service | None, Endpoint | None]) -> Entry:
    label = use.endpoint[len(use.service) + 1 :]
    return Entry(use.endpoint, label, use.labels, use.service, *found)
