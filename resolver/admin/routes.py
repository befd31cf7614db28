"""The table of routes: what can be asked of the admin address, and what each asks for.

Pure. The table is read before anything else is done with a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import unquote


class Need(Enum):
    """What a route asks for; but for OPEN and METRICS, the right that a token must have."""

    OPEN = "open"
    METRICS = "metrics"
    READ = "read"
    HEARTBEAT = "heartbeat"
    OVERRIDE = "override"
    RELOAD = "reload"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the URL: what it is for, and its JSON Schema."""

    name: str
    meaning: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path; a group in the pattern is the id of an endpoint, or a file."""

    name: str
    method: str
    pattern: re.Pattern[str]
    need: Need
    parameters: tuple[Parameter, ...] = ()  # no others are taken


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, and the id in its path."""

    route: Route
    endpoint: str


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No route; `allowed` are the methods that the path has, if any."""

    allowed: tuple[str, ...]


def _route(name: str, method: str, pattern: str, need: Need, *parameters: Parameter) -> Route:
    return Route(name, method, re.compile(pattern), need, parameters)


def _number(name: str, meaning: str, most: int, least: int = 1) -> Parameter:
    return Parameter(name, meaning, {"type": "integer", "minimum": least, "maximum": most})


def _choice(name: str, meaning: str, *words: str) -> Parameter:
    return Parameter(name, meaning, {"type": "string", "enum": list(words)})


MOST_LISTED = 10_000

_ENVIRONMENT = Parameter("environment", "of one environment")
_SERVICE = Parameter("service", "of services by a name with `*`, `?` and `[…]`")
_LIMIT = _number("limit", "so many at most; all of them without", MOST_LISTED)
_AFTER = Parameter("after", "what follows that one: the `next` of the page before")
_STATE = _choice(
    *("state", "in this effective state", "up", "unproven", "unknown", "damped", "down"),
    *("draining", "maintenance"),
)
_KIND_OF_EVENT = _choice(
    *("kind", "of one kind", "health", "override", "reload", "worker", "upstream", "checker")
)


ROUTES = (
    _route("healthz", "GET", r"/healthz", Need.OPEN),
    _route("readyz", "GET", r"/readyz", Need.OPEN),
    _route("metrics", "GET", r"/metrics", Need.METRICS),
    # The page holds nothing: what it shows is asked for as it runs.
    _route("page", "GET", r"/", Need.OPEN),
    _route("page-file", "GET", r"/page/([a-z]+\.[a-z]+)", Need.OPEN),
    _route("page-overview", "GET", r"/api/v1/page/overview", Need.READ),
    _route("page-services", "GET", r"/api/v1/page/services", Need.READ),
    _route("page-explain", "GET", r"/api/v1/page/explain", Need.READ),
    _route("stream", "GET", r"/api/v1/stream", Need.READ),
    _route("status", "GET", r"/api/v1/status", Need.READ),
    _route("environments", "GET", r"/api/v1/environments", Need.READ),
    _route(
        *("services", "GET", r"/api/v1/services", Need.READ),
        *(_SERVICE, _ENVIRONMENT, _LIMIT, _AFTER),
    ),
    _route(
        *("endpoints", "GET", r"/api/v1/endpoints", Need.READ),
        *(_SERVICE, _ENVIRONMENT, _STATE, _LIMIT, _AFTER),
    ),
    _route("endpoint", "GET", r"/api/v1/endpoints/(.+)", Need.READ),
    _route("change", "PUT", r"/api/v1/endpoints/(.+)/state", Need.OVERRIDE),
    _route("heartbeat", "PUT", r"/api/v1/heartbeats/(.+)", Need.HEARTBEAT),
    _route(
        *("explain", "GET", r"/api/v1/explain", Need.READ),
        Parameter("name", "the name that is asked for", is_required=True),
        Parameter("type", "A where it is not said"),
        Parameter("client", "the address that asks", is_required=True),
        Parameter("at", "at a time: `14:03:22` (UTC), `5m ago` or ISO 8601; now without"),
    ),
    _route(
        *("events", "GET", r"/api/v1/events", Need.READ),
        Parameter("since", "after an event, by its id, or since a time"),
        _number("limit", "so many at most: the latest, or those that follow `since`", 1000),
        *(_ENVIRONMENT, _KIND_OF_EVENT),
    ),
    _route(
        *("top", "GET", r"/api/v1/top", Need.READ),
        _choice("kind", "what is counted; names without", "names", "clients", "blocked"),
        *(_ENVIRONMENT, _number("limit", "so many of each environment; 20 without", 256)),
    ),
    _route("upstreams", "GET", r"/api/v1/upstreams", Need.READ),
    _route("cache", "GET", r"/api/v1/cache", Need.READ),
    _route(
        *("forget", "DELETE", r"/api/v1/cache", Need.CACHE),
        Parameter("name", "this name"),
        Parameter("suffix", "this name and all below it"),
        _ENVIRONMENT,
    ),
    _route("generation", "GET", r"/api/v1/generation", Need.READ),
    _route("reload", "POST", r"/api/v1/reload", Need.RELOAD),
    _route("openapi", "GET", r"/api/v1/openapi\.json", Need.READ),
)


def find_route(method: str, path: str) -> Found | NoRoute:
    """The route of a method and a path as it was sent, percent signs and all."""
    method = "GET" if method == "HEAD" else method
    allowed = []
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        if route.method == method:
            return Found(route, unquote(match[1]) if match.re.groups else "")
        allowed.append(route.method)
    return NoRoute(tuple(allowed))
