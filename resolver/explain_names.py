"""`_explain` names: why a client gets an answer, as TXT records of a name before the question's.

`_explain.NAME TXT` explains NAME A, `_explain._TYPE.NAME TXT` another type. Only clients in some
networks are answered so, of their own view and nothing else; to everybody else such a name is one
like any other. Nothing of this is kept in a memo or a cache. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from resolver import names
from resolver.cache import Cache, Partition
from resolver.explain import AtDoor, explain
from resolver.explain_selection import Seen
from resolver.explain_texts import to_texts
from resolver.generation import Generation
from resolver.outcome import Asked, Rcode, Reason, Reply, Source
from resolver.packing import make_turn
from resolver.render import AUTHORITATIVE, render
from resolver.routes import Route
from resolver.rrsets import A
from resolver.views import EXPLAIN, NetworkTable
from resolver.zones import records

TXT = 16
OWNER = b"\xc0\x0c"  # the name of the question


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains to clients in some networks; a door calls it."""

    networks: NetworkTable[bool]

    def __call__(
        self, asked: Asked, generation: Generation, now: float, cache: Cache | None
    ) -> Reply | None:
        """The reply to an `_explain` name; None: it is a name like any other to this client.

        Whose view is another's word (a client subnet) is told nothing.
        """
        query, view = asked.query, asked.view
        if query.qtype != TXT or asked.subnet is not None or not self.networks.find(asked.source):
            return None
        name, qtype = read_question(asked.wire[12 : 12 + len(query.question) - 4])
        is_pinned = asked.door.environment is not None
        pin = (view.environment, view.region) if is_pinned else None
        facts = explain(
            *(generation, names.to_text(name), qtype, AtDoor(asked.source, pin)),
            seen=Seen({}, 0.0, lambda environment: environment == view.environment),
            knowledge=None if cache is None else _Cached(cache, now),
        )
        texts = [text.encode("ascii") for text in to_texts(facts)]
        body = b"".join(
            OWNER + struct.pack("!HHIHB", TXT, 1, 0, len(text) + 1, len(text)) + text
            for text in texts
        )
        turn = make_turn(len(texts), 0, 0, body, b"")
        to = (asked.door, None)
        reply = render(asked.wire, query, turn, AUTHORITATIVE, Reason.ANSWERED, to)
        what = (view.environment, query.qtype, int(Rcode.NOERROR))
        return Reply(reply, *what, Source.POLICY, Reason.EXPLAINED)


def read_question(qname: bytes) -> tuple[bytes, int]:
    """What an `_explain` name asks to be explained: a name and a type."""
    name = qname[len(EXPLAIN) :]
    label = name[1 : 1 + name[0]]
    if label[:1] == b"_":
        try:
            qtype = records.type_number(label[1:].decode("ascii").upper())
        except (records.BadRdata, UnicodeDecodeError):
            return name, A  # a label like any other: _tcp
        return name[1 + name[0] :], qtype
    return name, A


class _Cached(NamedTuple):
    """What a process knows that answers: its cache; how upstreams stand is told elsewhere."""

    cache: Cache
    now: float
    policy: str = ""

    def partition(self, environment: str) -> Partition | None:
        return self.cache.partitions.get(environment)

    def choose(self, environment: str, route: Route) -> None:
        """Not known here."""
