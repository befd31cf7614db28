"""The table of routes: what can be asked of the admin address, and what each asks for.

Pure. The table is read before anything else is done with a request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
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
class Route:
    """One method of one path; a group in the pattern is the id of an endpoint, or a file."""

    name: str
    method: str
    pattern: re.Pattern[str]
    need: Need


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, and the id in its path."""

    route: Route
    endpoint: str


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No route; `allowed` are the methods that the path has, if any."""

    allowed: tuple[str, ...]


def _route(name: str, method: str, pattern: str, need: Need) -> Route:
    return Route(name, method, re.compile(pattern), need)


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
    _route("services", "GET", r"/api/v1/services", Need.READ),
    _route("endpoints", "GET", r"/api/v1/endpoints", Need.READ),
    _route("endpoint", "GET", r"/api/v1/endpoints/(.+)", Need.READ),
    _route("change", "PUT", r"/api/v1/endpoints/(.+)/state", Need.OVERRIDE),
    _route("heartbeat", "PUT", r"/api/v1/heartbeats/(.+)", Need.HEARTBEAT),
    _route("explain", "GET", r"/api/v1/explain", Need.READ),
    _route("upstreams", "GET", r"/api/v1/upstreams", Need.READ),
    _route("cache", "GET", r"/api/v1/cache", Need.READ),
    _route("forget", "DELETE", r"/api/v1/cache", Need.CACHE),
    _route("generation", "GET", r"/api/v1/generation", Need.READ),
    _route("reload", "POST", r"/api/v1/reload", Need.RELOAD),
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
