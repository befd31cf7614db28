"""The routes about what is not ours: the cache, and the upstreams that are asked."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from resolver import names
from resolver.admin.access import Sight
from resolver.admin.asked import Asked, reply
from resolver.admin.problems import Refused
from resolver.admin.status import Json
from resolver.figures import Figures, PartitionFigures
from resolver.forward.standing import Standing
from resolver.outcome import Rcode

TOP = 20  # names and clients of questions that were kept inside


async def show_cache(asked: Asked) -> web.Response:
    """GET /api/v1/cache: how full and how useful it is, and what was kept from leaving."""
    asked.query()
    partitions = (await asked.operated.figures()).partitions
    return reply(
        {
            "environments": {
                environment: _tell_partition(partition)
                for environment, partition in sorted(partitions.items())
                if asked.sight.covers(environment)
            }
        }
    )


def _tell_partition(partition: PartitionFigures) -> Json:
    return {
        "entries": partition.entries,
        "octets": partition.octets,
        "hits": {kind: partition.hits.get(kind, 0) for kind in ("positive", "negative", "stale")},
        "misses": partition.misses,
        "prefetches": partition.prefetches,
        "evictions": partition.evictions,
        "kept_inside": {
            "total": partition.kept_inside,
            "names": [
                {"name": names.to_text(often.item), "least": often.least, "most": often.most}
                for often in partition.kept_names[:TOP]
            ],
            "clients": [
                {"client": often.item, "least": often.least, "most": often.most}
                for often in partition.kept_clients[:TOP]
            ],
        },
    }


async def forget(asked: Asked) -> web.Response:
    """DELETE /api/v1/cache: a name, what is below a suffix, or all; of one environment or all."""
    query = asked.query()
    if "name" in query and "suffix" in query:
        raise Refused(400, "'name' and 'suffix' exclude each other")
    environments = frozenset(asked.environments(query.get("environment")))
    found = await asked.operated.forget(
        environments, _read_name(query, "name"), _read_name(query, "suffix")
    )
    return reply({"forgotten": {e: found.get(e, 0) for e in sorted(environments)}})


def _read_name(query: dict[str, str], key: str) -> bytes | None:
    text = query.get(key)
    if text is None:
        return None
    try:
        return names.key(names.from_text(text))
    except names.BadName as error:
        raise Refused(400, f"{key!r}: {error}") from None


async def show_upstreams(asked: Asked) -> web.Response:
    """GET /api/v1/upstreams: how each environment's upstreams stand."""
    asked.query()
    return reply({"upstreams": tell_standings(await asked.operated.figures(), asked.sight)})


def tell_standings(figures: Figures, sight: Sight) -> list[Json]:
    """Every upstream that somebody's environment asks, as that environment knows it."""
    return list(_tell([s for s in figures.standings if sight.covers(s.environment)]))


def _tell(standings: list[Standing]) -> Iterator[Json]:
    for standing in sorted(standings, key=lambda s: (s.environment, s.name)):
        yield {
            "environment": standing.environment,
            "upstream": standing.name,
            "up": not standing.is_down,
            "suspect": standing.is_suspect,
            "failures_in_a_row": standing.failures,
            "latency": standing.latency,
            "replies": {rcode_text(rcode): n for rcode, n in sorted(standing.rcodes.items())},
            "failures": dict(sorted(standing.reasons.items())),
        }


def rcode_text(number: int) -> str:
    """The mnemonic of a response code; what has none is `other`."""
    try:
        return Rcode(number).name
    except ValueError:
        return "other"
