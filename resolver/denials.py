"""Names that do not exist, denied by what is known of the rest of the name. Pure.

The names of a flood differ in the first label only. What such a query is answered with depends
on the length of that label and on everything after it, octet for octet: unless the name exists,
which is looked up each time.
"""

from __future__ import annotations

from typing import NamedTuple

from resolver import message
from resolver.counters import ReplyCount
from resolver.generation import View
from resolver.message import NOERROR
from resolver.namespace import Below
from resolver.offenders import Offenders
from resolver.outcome import Rcode, Reply, Source
from resolver.views import EXPLAIN

MOST = 4096  # denials known of one view; each takes some 500 octets
LONGEST = 512  # octets of a query


class Denial(NamedTuple):
    """The reply around the first label of its name."""

    head: bytes  # flags and counts
    rest: bytes  # everything after the label
    end: int  # of the name in the query, from its end
    where: ReplyCount


class Denials:
    """What is known of one view; says no more than the answers of the view do."""

    __slots__ = ("_kept_inside", "_known", "_space")

    def __init__(self, view: View, kept_inside: Offenders) -> None:
        self._space = view.answers.space
        self._kept_inside = kept_inside
        self._known: dict[tuple[bytes, int, bytes], Denial] = {}

    def give(self, wire: bytes, source: str) -> tuple[bytes, ReplyCount] | None:
        """The reply that denies the name in `wire`, and where it counts; None: look closer."""
        if len(wire) < 17:
            return None
        size = wire[12]
        start = 13 + size
        denial = self._known.get((wire[2:12], size, wire[start:]))
        if denial is None:
            return None
        head, rest, end, where = denial
        name = wire[12:end].lower()
        if name in self._space or name.startswith(EXPLAIN):
            return None
        self._kept_inside.note(name, source)
        return b"".join((wire[:2], head, wire[12:start], rest)), where

    def keep(self, wire: bytes, reply: Reply, where: ReplyCount) -> None:
        """Learn from a reply of the view, if it is a denial that holds for other labels too."""
        if reply.rcode != Rcode.NXDOMAIN or reply.source != Source.ZONE or len(wire) > LONGEST:
            return
        query = message.read(wire)
        if query is None or query.fault is not NOERROR:
            return
        end = 12 + len(query.question) - 4 - len(wire)  # from the end, so negative
        if -end not in (4, 4 + message.BARE_OPT):
            return
        name = query.key[:-4]
        encloser = self._space.enclose(name)
        if encloser is None or encloser.below is not Below.NOTHING or name in self._space:
            return
        if not encloser.zone.is_internal:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        size = wire[12]
        denial = Denial(reply.wire[2:12], reply.wire[13 + size :], end, where)
        self._known[wire[2:12], size, wire[13 + size :]] = denial
