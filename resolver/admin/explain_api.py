"""The route of explanations: why a client gets an answer, or got it at a time."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from aiohttp import web

from resolver.admin.asked import Asked, reply
from resolver.admin.problems import Refused, denied
from resolver.admin.status import Json, tell_number
from resolver.explain import explain
from resolver.explain_selection import Seen
from resolver.generation import Generation
from resolver.history import NotKept, Past
from resolver.moments import read_moment, tell_moment
from resolver.names import BadName
from resolver.zones import records


async def show_explanation(asked: Asked) -> web.Response:
    """GET /api/v1/explain: why a client gets an answer, or got it at a time."""
    query = asked.query("name", "type", "client", "at")
    for key in ("name", "client"):
        if not query.get(key):
            raise Refused(400, f"the parameter {key!r} is missing")
    client = _read_client(query["client"])
    try:
        qtype = records.type_number(query.get("type") or "A")
        if "at" in query:
            return reply(_explain_past(asked, query["name"], qtype, client, query["at"]))
        return reply(await _explain_present(asked, query["name"], qtype, client))
    except (BadName, records.BadRdata) as error:
        raise Refused(400, str(error)) from None


async def _explain_present(asked: Asked, name: str, qtype: int, client: str) -> Json:
    seen = await asked.aside(_look, asked)
    # Not in a thread: a reload takes the generation of before apart.
    generation = asked.operated.generation
    _check_sight(asked, generation, client)
    reveal = asked.sight.sees_all
    return await asked.operated.explain(
        lambda known: explain(
            *(generation, name, qtype, client), reveal=reveal, seen=seen, knowledge=known
        )
    )


def _explain_past(asked: Asked, name: str, qtype: int, client: str, at: str) -> Json:
    """What upstreams had said then is not kept, nor what the checker saw."""
    moment = _read_moment(at, asked.moment().epoch)
    try:
        past = asked.operated.past(moment)
    except NotKept as error:
        raise Refused(404, str(error)) from None
    _check_sight(asked, past.generation, client)
    seen = Seen({}, 0.0, asked.sight.covers)
    what = (past.generation, name, qtype, client)
    facts = explain(*what, reveal=asked.sight.sees_all, seen=seen)
    return {**facts, "at": _tell_past(moment, past, asked)}


def _read_moment(text: str, now: float) -> float:
    try:
        moment = read_moment(text, datetime.fromtimestamp(now, UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise Refused(400, f"'at': {error}") from None
    if moment > now:
        raise Refused(400, f"'at': {tell_moment(moment)} is yet to come")
    return moment


def _tell_past(moment: float, past: Past, asked: Asked) -> Json:
    return {
        "time": tell_moment(moment),
        "generation": tell_number(past.number, asked.sight),
        "zones_since": tell_moment(past.since),
        "zones_until": None if past.until is None else tell_moment(past.until),
    }


def _look(asked: Asked) -> Seen:
    covers = asked.sight.covers
    found = {r.use.target: r for r in asked.operated.reports() if covers(r.use.labels[0])}
    return Seen(found, asked.operated.summary().now, covers)


def _read_client(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Refused(400, f"{text[:100]!r} is no address of a client") from None


def _check_sight(asked: Asked, generation: Generation, client: str) -> None:
    """Clients of an environment that is not seen are as unknown as those of none."""
    if asked.sight.sees_all:
        return
    view = generation.view_of(client)
    is_trusted = generation.trusted is not None and generation.trusted.find(client)
    if view is None or is_trusted or not asked.sight.covers(view.environment):
        raise denied(403, f"{client} is no client of an environment that this token covers")
