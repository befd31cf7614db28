"""The routes about endpoints: what is known of them, what operators and they themselves say.

What walks over every target is done in threads.
"""

from __future__ import annotations

import fnmatch
import json
import time

from aiohttp import web

from healthcheck.health import DeclaredState
from resolver.admin.asked import Asked, reply, reply_text
from resolver.admin.bodies import Change, read_change, read_heartbeat, read_number
from resolver.admin.pages import Paged, page
from resolver.admin.problems import Refused
from resolver.admin.routes import MOST_LISTED
from resolver.admin.status import Json, tell_endpoint, tell_service
from resolver.admin.survey import EFFECTIVE, Entry, Survey

FORGETS = "a restart forgets it: no state_dir"


async def list_endpoints(asked: Asked) -> web.Response:
    """GET /api/v1/endpoints: those of a service (globs), an environment, a state; or a page."""
    query = asked.query()
    limit = read_number(query, "limit", None, MOST_LISTED)
    state = query.get("state")
    if state is not None and state not in EFFECTIVE:
        raise Refused(400, f"'state' is one of {', '.join(EFFECTIVE)}")

    def find() -> tuple[Survey, Paged[Entry]]:
        survey = asked.survey()
        found = [entry for entry in survey.entries if _is_meant(entry, query)]
        return survey, page(found, lambda entry: entry.id, limit, query.get("after"))

    survey, paged = await asked.aside(find)
    return await _reply_all(asked, survey, paged.items, paged.facts())


def _is_meant(entry: Entry, query: dict[str, str]) -> bool:
    service = query.get("service", "*").lower()
    return (
        fnmatch.fnmatchcase(entry.service_id.lower(), service)
        and query.get("environment", entry.labels[0]) == entry.labels[0]
        and query.get("state", entry.effective) == entry.effective
    )


async def _reply_all(
    asked: Asked, survey: Survey, entries: list[Entry], more: Json | None = None
) -> web.Response:
    held = await asked.held(entries)

    def tell() -> str:
        moment = asked.moment(held)
        found = [tell_endpoint(entry, survey, moment) for entry in entries]
        return json.dumps({"endpoints": found, **(more or {})})

    return reply_text(await asked.aside(tell))


async def show_endpoint(asked: Asked) -> web.Response:
    """GET /api/v1/endpoints/ID: the one, or all that a glob matches."""
    asked.query()
    return await _reply_all(asked, *await asked.aside(asked.find))


async def change_state(asked: Asked) -> web.Response:
    """PUT /api/v1/endpoints/ID/state: an operator's word; normal resumes."""
    asked.query()
    change = read_change(await asked.body())
    _, entries = await asked.aside(asked.find)
    names = list(dict.fromkeys(entry.id for entry in entries))
    try:
        await _say(asked, change, names)
    except KeyError:  # the zone files no longer have one of them
        raise Refused(409, "the endpoints changed meanwhile: ask again") from None
    survey, found = await asked.aside(asked.find)
    held = await asked.held(found)

    def work() -> Json:
        moment = asked.moment(held)
        return {
            "changed": names,
            "endpoints": [tell_endpoint(entry, survey, moment) for entry in found],
            "note": _note(change.state, entries, keeps=asked.operated.keeps_overrides),
        }

    return reply(await asked.aside(work))


async def _say(asked: Asked, change: Change, names: list[str]) -> None:
    """Have a word in force, or end it."""
    if change.state is DeclaredState.NORMAL:
        await asked.operated.resume(names)
    else:
        until = None if change.seconds is None else time.time() + change.seconds
        by = change.by or asked.request.remote or "-"
        if asked.sight.token is not None:
            by = f"{change.by} ({asked.sight.token})" if change.by else asked.sight.token
        await asked.operated.set_override(names, change.state, change.reason, by, until)


def _note(state: DeclaredState, entries: list[Entry], *, keeps: bool) -> str | None:
    """What an operator may not expect of a change."""
    if state is not DeclaredState.NORMAL:
        return None if keeps else FORGETS
    notes = []
    for word in (DeclaredState.DRAIN, DeclaredState.MAINTENANCE):
        held = [entry.id for entry in entries if entry.declared is word]
        if held and len(held) == len(entries):
            stay = "it stays out" if len(held) == 1 else "they stay out"
            notes.append(f"the zone file says {word.value}: {stay}")
        elif held:
            some = ", ".join(held[:3]) + (f" and {len(held) - 3} more" if len(held) > 3 else "")
            notes.append(f"the zone file says {word.value} of {some}: out they stay")
    return "; ".join(notes) or None


async def take_heartbeat(asked: Asked) -> web.Response:
    """PUT /api/v1/heartbeats/ID: what an endpoint says of itself."""
    asked.query()
    word, text = read_heartbeat(await asked.body())
    name = await _find_one(asked)
    try:
        await asked.operated.heartbeat(name, word, text)
    except KeyError:
        raise Refused(409, f"{name} has no heartbeat check") from None
    return web.Response(status=204)


async def _find_one(asked: Asked) -> str:
    """The one id that is meant: at once where it is written as it is."""
    zones, ids = asked.operated.generation.zones, asked.shared.ids
    known = ids.known(zones)
    if known is None:
        known = await asked.aside(ids.make, zones)
    environments = known.get(asked.endpoint)
    if environments and all(asked.sight.covers(name) for name in environments):
        return asked.endpoint
    _, entries = await asked.aside(asked.find)
    names = {entry.id for entry in entries}
    if len(names) > 1:
        raise Refused(400, f"a heartbeat is of one endpoint, not of {len(names)}")
    return names.pop()


async def list_services(asked: Asked) -> web.Response:
    """GET /api/v1/services: a line of each; of some names (globs), an environment; or a page."""
    query = asked.query()
    limit = read_number(query, "limit", None, MOST_LISTED)

    def tell() -> str:
        survey = asked.survey()
        found = [
            (name, entries)
            for name, entries in survey.services().items()
            if _is_meant(entries[0], query)
        ]
        paged = page(found, lambda pair: pair[0], limit, query.get("after"))
        told = [tell_service(name, entries, survey) for name, entries in paged.items]
        return json.dumps({"services": told, **paged.facts()})

    return reply_text(await asked.aside(tell))
