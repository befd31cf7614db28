"""The route of what is asked most: names, clients, and names that were kept from leaving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from resolver import names
from resolver.admin.asked import Asked, reply
from resolver.admin.bodies import read_number
from resolver.admin.problems import Refused
from resolver.admin.status import Json
from resolver.figures import PartitionFigures
from resolver.offenders import Often
from resolver.samples import Sampled
from resolver.zones.places import did_you_mean

KINDS = ("names", "clients", "blocked")
USUAL, MOST = 20, 256


async def show_top(asked: Asked) -> web.Response:
    """GET /api/v1/top: of each environment, or of one."""
    query = asked.query()
    kind = query.get("kind", "names")
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS)
        raise Refused(400, f"'kind' is one of {', '.join(KINDS)}, not {kind[:40]!r}{hint}")
    most = read_number(query, "limit", USUAL, MOST)
    chosen = asked.environments(query.get("environment"))
    if kind == "blocked":
        partitions = (await asked.operated.figures()).partitions
        found = {e: _tell_blocked(partitions[e], most) for e in chosen if e in partitions}
    else:
        sampled = await asked.operated.asked()
        found = {e: _tell_sampled(kind, sampled[e], most) for e in chosen if e in sampled}
    return reply({"kind": kind, "environments": {e: found.get(e, NOTHING) for e in chosen}})


NOTHING: Json = {"total": 0, "top": []}


def _tell_blocked(partition: PartitionFigures, most: int) -> Json:
    return {"total": partition.kept_inside, "top": _tell(partition.kept_names, most)}


def _tell_sampled(kind: str, sampled: Sampled, most: int) -> Json:
    found = sampled.names if kind == "names" else sampled.clients
    return {"total": sampled.total, "top": _tell(found, most)}


def _tell(found: Iterable[Often[Any]], most: int) -> list[Json]:
    return [
        {
            "what": often.item if isinstance(often.item, str) else names.to_text(often.item),
            "least": often.least,
            "most": often.most,
        }
        for often in list(found)[:most]
    ]
