"""A generation on its way to a worker: what turns the one that it has into the next.

Only namespaces that changed are sent, and of those only the names that differ, unless most do.
Parcels are by content, so comparing octets finds what changed, whoever made them. Pure.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from itertools import islice

from resolver.generation import Generation
from resolver.messages import TABLES, Begin, Commit, HealthPiece, Piece, Staged
from resolver.parcel import Parcel

ENTRIES = 1000  # of one piece
TARGETS = 200  # whose health is in one piece: those are objects
MOSTLY = 0.5  # part of a namespace; when more than this changed it is sent as a whole

Parcels = Mapping[str, Parcel]
"""By environment."""


def stage(before: Parcels, after: Parcels) -> Iterator[Begin | Piece | Staged]:
    """What turns `before` into `after`."""
    differences = {}
    kept: set[str] = set()
    altered: set[str] = set()
    for name, parcel in after.items():
        old = before.get(name)
        if old is not None:
            found = {} if old is parcel else _difference(old, parcel)
            if found is not None:
                (altered if found else kept).add(name)
                differences[name] = found
    fresh = frozenset(after.keys() - kept - altered)
    yield Begin(frozenset(kept), frozenset(altered), fresh)
    for name in after:
        if name in fresh:
            for table in TABLES:
                yield from _pieces(name, table, getattr(after[name], table), ())
        for table, (put, gone) in differences.get(name, {}).items():
            yield from _pieces(name, table, put, gone)
    yield Staged()


Difference = dict[str, tuple[dict[bytes, bytes], tuple[bytes, ...]]]
"""Table → what is new in it, and what is in it no more."""


def _difference(old: Parcel, new: Parcel) -> Difference | None:
    """What changed; None: most of it."""
    found: Difference = {}
    for table in TABLES:
        olds, news = getattr(old, table), getattr(new, table)
        put = {key: octets for key, octets in news.items() if olds.get(key) != octets}
        gone = tuple(olds.keys() - news.keys())
        if put or gone:
            found[table] = (put, gone)
    put, gone = found.get("nodes", ({}, ()))
    return None if len(put) + len(gone) > MOSTLY * len(new.nodes) else found


def _pieces(
    environment: str, table: str, put: Mapping[bytes, bytes], gone: tuple[bytes, ...]
) -> Iterator[Piece]:
    for start in range(0, len(gone), ENTRIES):
        yield Piece(environment, table, {}, gone[start : start + ENTRIES])
    entries = iter(put.items())
    while piece := dict(islice(entries, ENTRIES)):
        yield Piece(environment, table, piece, ())


def health_of(generation: Generation) -> Iterator[HealthPiece]:
    """All that is known of targets, for a worker that knows nothing."""
    known = iter(generation.health.known.items())
    while piece := dict(islice(known, TARGETS)):
        yield HealthPiece(piece)


def networks_of(generation: Generation) -> bytes:
    """Who is where, in octets that are equal when it is the same."""
    return pickle.dumps((generation.networks, generation.trusted), 5)


def commit(generation: Generation, networks: bytes | None) -> Commit:
    """The last message of a generation."""
    views = tuple((v.environment, v.region, v.forwarding) for v in generation.views.values())
    return Commit(generation.number, views, networks, generation.health.unobserved)
