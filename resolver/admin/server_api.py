"""The routes about the server itself: alive, ready, status, environments, generation, reload."""

from __future__ import annotations

import struct

from aiohttp import web

from resolver import __version__
from resolver.admin import openapi
from resolver.admin.asked import Asked, reply
from resolver.admin.forward_api import tell_standings
from resolver.admin.problems import Refused
from resolver.admin.status import (
    Json,
    tell_checker,
    tell_degraded,
    tell_environments,
    tell_number,
    tell_served,
)
from resolver.figures import Figures
from resolver.generation import Generation
from resolver.outcome import Rcode, Reply
from resolver.query import handle
from resolver.views import Door
from resolver.zones.places import Severity

SOA = 6


async def be_alive(asked: Asked) -> web.Response:
    """GET /healthz: the process runs and its loop turns."""
    return web.Response(text="ok")


async def be_ready(asked: Asked) -> web.Response:
    """GET /readyz: a client's question is answered. Checks and degradation never fail it."""
    generation = asked.operated.generation
    if not can_answer(generation):
        raise Refused(503, "a question for the domain's SOA gets no answer")
    workers = asked.operated.workers()
    if workers and not any(is_up for _, is_up, _ in workers):
        raise Refused(503, "no worker answers")
    rcode = await asked.operated.ask(_ask_for_soa(generation))
    if rcode is None:
        raise Refused(503, "a question for the domain's SOA is not answered")
    if rcode not in (Rcode.NOERROR, Rcode.REFUSED):  # refused: this machine is no client
        raise Refused(503, f"a question for the domain's SOA is answered {_word(rcode)}")
    found = asked.operated.degraded(await asked.operated.figures())
    degraded = tell_degraded(found, sees_all=asked.sight.sees_all)
    return reply({"status": "degraded" if found else "ok", "degraded": degraded})


def can_answer(generation: Generation) -> bool:
    """Whether the domain's SOA is answered in some view."""
    wire = _ask_for_soa(generation)
    for view in generation.views.values():
        door = Door("tcp", 65535, view.environment, view.region)
        outcome = handle(wire, "127.0.0.1", door, generation)
        if isinstance(outcome, Reply) and outcome.rcode == Rcode.NOERROR:
            return True
    return False


def _ask_for_soa(generation: Generation) -> bytes:
    """A query for the domain's SOA."""
    domain = generation.zones.plan.domain
    return bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + domain + struct.pack("!HH", SOA, 1)


def _word(rcode: int) -> str:
    return Rcode(rcode).name if rcode in list(Rcode) else f"with rcode {rcode}"


async def show_status(asked: Asked) -> web.Response:
    """GET /api/v1/status: counts, the checker, and what is wrong."""
    asked.query()
    return reply(await asked.aside(_status, asked, await asked.operated.figures()))


def _status(asked: Asked, figures: Figures) -> Json:
    operated, sight = asked.operated, asked.sight
    survey = asked.survey()
    return {
        "generation": tell_number(survey.generation.number, sight),
        **tell_served(operated.reloads, sight),
        "environments": tell_environments(survey),
        "checker": tell_checker(survey, operated.summary(), asked.moment().epoch),
        "upstreams": tell_standings(figures, sight),
        "degraded": tell_degraded(operated.degraded(figures), sees_all=sight.sees_all),
        "workers": [
            {"worker": number, "up": is_up, "restarts": restarts}
            for number, is_up, restarts in operated.workers()
        ],
        "version": __version__,
    }


async def list_environments(asked: Asked) -> web.Response:
    """GET /api/v1/environments: whose clients come from where, and how much is theirs."""
    asked.query()
    return reply({"environments": await asked.aside(_environments, asked)})


def _environments(asked: Asked) -> list[Json]:
    survey = asked.survey()
    generation, counts = survey.generation, tell_environments(survey)
    return [
        {
            "environment": name,
            "networks": {
                region: [str(client.network) for client in clients]
                for region, clients in environment.clients.items()
            },
            "zones": len(generation.namespaces[name].zones),
            "names": len(generation.namespaces[name]),
            **counts[name],
        }
        for name, environment in generation.zones.plan.environments.items()
        if asked.sight.covers(name)
    ]


async def show_generation(asked: Asked) -> web.Response:
    """GET /api/v1/generation: its number, and how much is in it."""
    asked.query()
    generation = asked.operated.generation
    served = await asked.aside(tell_served, asked.operated.reloads, asked.sight)
    seen = {
        name: space for name, space in generation.namespaces.items() if asked.sight.covers(name)
    }
    return reply(
        {
            "generation": tell_number(generation.number, asked.sight),
            **served,
            "zones": sum(len(space.zones) for space in seen.values()),
            "names": {name: len(space) for name, space in seen.items()},
        }
    )


async def reload(asked: Asked) -> web.Response:
    """POST /api/v1/reload: read the zone files now; 422 when they cannot be served."""
    asked.query()
    if (await asked.body()).strip():
        raise Refused(400, "a reload has no body")
    built = await asked.operated.reload()
    sees_all = asked.sight.sees_all
    # Problems name files, services and addresses of any environment.
    problems = [problem.facts() for problem in built.problems] if sees_all else []
    if built.generation is None:
        count = sum(problem.severity is Severity.ERROR for problem in built.problems)
        detail = f"the zone files have {count} error{'s' if count != 1 else ''}"
        detail += f"; generation {asked.operated.generation.number} serves on"
        raise Refused(422, detail, {"problems": problems})
    return reply({"generation": built.generation.number, "warnings": problems})


async def show_openapi(asked: Asked) -> web.Response:
    """GET /api/v1/openapi.json: what can be asked of this address."""
    asked.query()
    return reply(openapi.describe())
