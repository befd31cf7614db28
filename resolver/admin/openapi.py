"""The OpenAPI 3.1 document of the admin address, made of the table of routes and the shapes.

What the status page asks for changes with the page, and is not in it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from resolver import __version__
from resolver.admin import problems, shapes
from resolver.admin.routes import ROUTES, Need, Parameter, Route

Json = dict[str, Any]

JSON, TEXT = "application/json", "text/plain"


@dataclass(frozen=True, slots=True)
class Operation:
    """What the table of routes does not say of a route."""

    summary: str
    reply: type[BaseModel] | str  # or the type of another content
    body: type[BaseModel] | None = None
    is_body_needed: bool = True
    refusals: tuple[int, ...] = ()  # beside those that follow from what it needs
    status: int = 200


OPERATIONS = {
    "healthz": Operation("Whether the process runs and its loop turns", TEXT),
    "readyz": Operation("Whether a question is answered", shapes.Ready, refusals=(503,)),
    "metrics": Operation("Metrics for Prometheus", TEXT),
    "status": Operation("Counts, the checker, and what is wrong", shapes.Status),
    "environments": Operation("The environments and their networks", shapes.Environments),
    "services": Operation("A line of each service", shapes.ServicesPage, refusals=(400,)),
    "endpoints": Operation("Endpoints and their states", shapes.EndpointsPage, refusals=(400,)),
    "endpoint": Operation("The endpoints that an id means", shapes.Endpoints, refusals=(404,)),
    "change": Operation(
        "Drain, put into maintenance, resume",
        shapes.Changed,
        shapes.StateChange,
        refusals=(404, 408, 409, 413, 422, 503),
    ),
    "heartbeat": Operation(
        "An endpoint reports itself",
        "",
        shapes.Heartbeat,
        is_body_needed=False,
        refusals=(400, 404, 408, 409, 413, 422, 503),
        status=204,
    ),
    "explain": Operation(
        "Why a client gets an answer", shapes.Explanation, refusals=(400, 403, 404, 503)
    ),
    "events": Operation("What has happened", shapes.Events, refusals=(400,)),
    "top": Operation("What is asked most, and by whom", shapes.Top, refusals=(400, 404)),
    "upstreams": Operation("How upstreams stand", shapes.Upstreams),
    "cache": Operation("How full and useful the caches are", shapes.Caches),
    "forget": Operation("Forget cached answers", shapes.Forgotten, refusals=(400, 404, 503)),
    "generation": Operation("What is served", shapes.GenerationShape),
    "reload": Operation(
        "Read the zone files now", shapes.Reloaded, refusals=(400, 408, 413, 422, 503)
    ),
    "openapi": Operation("This document", shapes.OpenShape),
}

_PROBLEMS: dict[int, type[BaseModel]] = {404: shapes.NotFound, 422: shapes.Unprocessable}
_REF = "#/components/schemas/{model}"
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "`service.env.region/address-or-name`, the slash as it is or as %2F; may be a"
    " glob",
    "schema": {"type": "string", "minLength": 1},
    "example": "payments.prod.us-east-1/10.64.16.10",
}


def describe() -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for route in ROUTES:
        operation = OPERATIONS.get(route.name)
        if operation is not None:
            paths.setdefault(_path(route), {})[route.method.lower()] = _describe(route, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sightline",
            "version": __version__,
            "description": "The admin address of a split-horizon DNS server.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _path(route: Route) -> str:
    return re.sub(r"\(\.\+\)", "{id}", route.pattern.pattern).replace("\\", "")


def _describe(route: Route, operation: Operation) -> Json:
    found: Json = {
        "operationId": route.name,
        "summary": operation.summary,
        "responses": dict(_responses(route, operation)),
    }
    parameters = [_describe_parameter(parameter) for parameter in route.parameters]
    if "(" in route.pattern.pattern:
        parameters.insert(0, _ID)
    if parameters:
        found["parameters"] = parameters
    if operation.body is not None:
        found["requestBody"] = {
            "required": operation.is_body_needed,
            "content": {JSON: {"schema": _refer(operation.body)}},
        }
    if route.need is not Need.OPEN:  # a source that is allowed needs no token
        found["security"] = [{}, {"token": []}]
    return found


def _describe_parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.meaning,
        "schema": dict(parameter.schema),
    }


def _responses(route: Route, operation: Operation) -> Iterator[tuple[str, Json]]:
    reply = operation.reply
    good: Json = {"description": operation.summary}
    if reply == TEXT:
        good["content"] = {TEXT: {"schema": {"type": "string"}}}
    elif not isinstance(reply, str):
        good["content"] = {JSON: {"schema": _refer(reply)}}
    yield str(operation.status), good
    refusals = set(operation.refusals)
    if route.need is not Need.OPEN:
        # Unknown parameters are refused everywhere but where nothing is asked of anybody.
        refusals |= {401, 403} | ({400} if route.need is not Need.METRICS else set())
    for status in sorted(refusals):
        model = _PROBLEMS.get(status, shapes.Problem)
        yield (
            str(status),
            {
                "description": HTTPStatus(status).phrase,
                "content": {problems.CONTENT_TYPE: {"schema": _refer(model)}},
            },
        )


def _refer(model: type[BaseModel]) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas() -> Json:
    """Those of replies as they are sent, those of bodies as they are read."""
    operations = OPERATIONS.values()
    replies = {o.reply for o in operations if not isinstance(o.reply, str)}
    sent: set[type[BaseModel]] = {*replies, shapes.Problem, *_PROBLEMS.values()}
    read = {o.body for o in operations if o.body is not None}
    ordered = sorted(sent, key=lambda model: model.__name__)
    what: list[Any] = [(model, "serialization") for model in ordered]
    what += [(model, "validation") for model in sorted(read, key=lambda model: model.__name__)]
    _, definitions = models_json_schema(what, by_alias=True, ref_template=_REF)
    found: Json = definitions["$defs"]
    return found
