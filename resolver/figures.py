"""What whoever answers has counted and knows of upstreams, as values that can be sent and added.

Numbers only rise, also when a worker ends and another takes its place: what the one before it had
counted when it was last asked goes on counting. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from resolver.cache import Cache, Partition
from resolver.counters import Totals
from resolver.forward.standing import Standing
from resolver.offenders import Often, add_tops

TOP = 256  # of what was kept from leaving: all that a tally holds


@dataclass(frozen=True, slots=True)
class PartitionFigures:
    """The cache of one environment."""

    entries: int = 0
    octets: int = 0
    hits: Mapping[str, int] = field(default_factory=dict)  # positive, negative, stale
    misses: int = 0
    prefetches: int = 0
    evictions: int = 0
    kept_inside: int = 0  # questions
    kept_names: tuple[Often[bytes], ...] = ()
    kept_clients: tuple[Often[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What one process that answers has to tell, or several together."""

    partitions: Mapping[str, PartitionFigures] = field(default_factory=dict)
    standings: tuple[Standing, ...] = ()
    coalesced: Mapping[str, int] = field(default_factory=dict)  # by environment
    turned_away: Mapping[str, int] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    tcp_connections: int = 0

    def past(self) -> Figures:
        """What stays true when the process that counted it is no more."""
        gone = {name: replace(p, entries=0, octets=0) for name, p in self.partitions.items()}
        return replace(self, partitions=gone, tcp_connections=0)


def figures_of(cache: Cache) -> dict[str, PartitionFigures]:
    """Each partition in numbers."""
    return {name: _of(partition) for name, partition in list(cache.partitions.items())}


def _of(partition: Partition) -> PartitionFigures:
    kept = partition.kept_inside
    return PartitionFigures(
        entries=len(partition),
        octets=partition.octets,
        hits={kind: partition.hits[kind] for kind in ("positive", "negative", "stale")},
        misses=partition.misses,
        prefetches=partition.prefetches,
        evictions=partition.evictions,
        kept_inside=kept.total,
        kept_names=tuple(kept.names.top(TOP)),
        kept_clients=tuple(kept.clients.top(TOP)),
    )


def add(present: Iterable[Figures], past: Iterable[Figures] = ()) -> Figures:
    """Those of several processes as one; `past`: of processes that are no more."""
    present, past = tuple(present), tuple(past)
    every = present + past
    totals = Totals()
    for figures in every:
        totals.add(figures.totals)
    names = dict.fromkeys(name for figures in every for name in figures.partitions)
    return Figures(
        partitions={
            name: _add_partitions([f.partitions[name] for f in every if name in f.partitions])
            for name in names
        },
        standings=_add_standings(present, past),
        coalesced=_add_counts(figures.coalesced for figures in every),
        turned_away=_add_counts(figures.turned_away for figures in every),
        totals=totals,
        tcp_connections=sum(figures.tcp_connections for figures in present),
    )


def _add_counts(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for found in counts:
        total.update(found)
    return total


def _add_partitions(found: list[PartitionFigures]) -> PartitionFigures:
    return PartitionFigures(
        entries=sum(p.entries for p in found),
        octets=sum(p.octets for p in found),
        hits=_add_counts(p.hits for p in found),
        misses=sum(p.misses for p in found),
        prefetches=sum(p.prefetches for p in found),
        evictions=sum(p.evictions for p in found),
        kept_inside=sum(p.kept_inside for p in found),
        kept_names=add_tops([p.kept_names for p in found]),
        kept_clients=add_tops([p.kept_clients for p in found]),
    )


def _add_standings(present: tuple[Figures, ...], past: tuple[Figures, ...]) -> tuple[Standing, ...]:
    """One for each upstream of an environment: as the worker sees it that hears most of it."""
    added: dict[tuple[str, str], Standing] = {}
    for figures in present:
        for standing in figures.standings:
            key = (standing.environment, standing.name)
            known = added.get(key)
            added[key] = standing.copy() if known is None else known.merged(standing)
    for figures in past:  # only of upstreams that are still asked
        for standing in figures.standings:
            key = (standing.environment, standing.name)
            if key in added:
                added[key].count_in(standing)
    return tuple(added.values())
