"""Whom an environment asks for what is not ours: the longest suffix wins. Pure.

A `Forwarding` belongs to one environment and region of one generation. Its identity is the token
by which cached replies know whether the routes they came by are still those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from resolver import names
from resolver.zones.model import ForwardSpec
from resolver.zones.places import Place, place_of
from resolver.zones.special import LOCAL_ZONES
from resolver.zones.upstream import SYSTEM, BadUpstream, Upstream, read_upstream
from resolver.zones.zone import Environment, Plan

ALL_REGIONS = "*"


@dataclass(frozen=True, slots=True)
class Route:
    """The servers that are asked for a suffix; equal when the same are asked for the same."""

    suffix: bytes  # key; the root: for everything else
    kind: str  # route | upstreams | default | system | delegation; kept: nobody is asked
    upstreams: tuple[Upstream, ...]
    place: Place | None = field(default=None, compare=False)

    @property
    def is_delegation(self) -> bool:
        return self.kind == "delegation"


@dataclass(frozen=True, slots=True)
class Guard:
    """Which replies may hold private addresses (the rebinding guard)."""

    policy: str = "default"  # default | allow | deny
    allowed: tuple[bytes, ...] = ()  # suffixes (keys) that may

    def applies(self, name: bytes, is_near: bool) -> bool:
        """Whether private addresses are taken out of what is said of a name (key).

        `is_near`: by an upstream that is private itself, or below a delegation of our zones; by
        default those may say them.
        """
        if self.policy == "allow" or (self.policy == "default" and is_near):
            return False
        return not any(names.is_at_or_below(name, suffix) for suffix in self.allowed)


@dataclass(frozen=True, slots=True)
class ServerDefaults:
    """What the server's configuration and its machine say of forwarding."""

    upstreams: tuple[Upstream, ...] | None = None  # None: nothing is said
    uses_system: bool = False  # `upstreams: system`
    system: tuple[Upstream, ...] = ()  # of resolv.conf
    guard: Guard = Guard()

    @property
    def has_upstreams(self) -> bool:
        return self.uses_system or bool(self.upstreams)


NO_DEFAULTS = ServerDefaults()


class Forwarding:
    """The routes of one environment and region."""

    __slots__ = ("environment", "guard", "place", "routes")

    def __init__(
        self, environment: str, place: str, routes: Mapping[bytes, Route], guard: Guard
    ) -> None:
        self.environment = environment
        self.place = place  # of cache keys: `env`, or `env.region` where regions differ
        self.routes = routes
        self.guard = guard

    def is_same(self, other: Forwarding) -> bool:
        """Whether the other asks the same servers for the same."""
        return (self.place, self.routes, self.guard) == (other.place, other.routes, other.guard)

    def find(self, name: bytes) -> Route | None:
        """The route with the longest suffix of a name (key); None: nobody is to be asked."""
        routes = self.routes
        while True:
            route = routes.get(name)
            if route is not None:
                return route if route.upstreams else None
            if len(name) == 1:
                return None
            name = name[name[0] + 1 :]

    def keeps(self, name: bytes) -> bool:
        """Whether a name (key) that nobody is asked for is one of ours."""
        return any(above in self.routes for above in (name, *names.ancestors(name)))


def make_forwardings(
    plan: Plan, environment: Environment, defaults: ServerDefaults
) -> dict[str, Forwarding]:
    """The routes of each region of an environment; regions that ask alike share one object."""
    spec = environment.forward
    by_region = {region: _routes(plan, environment, region, defaults) for region in plan.regions}
    tables = list(by_region.values())
    if all(table == tables[0] for table in tables):
        shared = Forwarding(
            environment.name, environment.name, tables[0] if tables else {}, defaults.guard
        )
        return dict.fromkeys(by_region, shared)
    assert spec is not None
    return {
        region: Forwarding(environment.name, f"{environment.name}.{region}", table, defaults.guard)
        for region, table in by_region.items()
    }


def _routes(
    plan: Plan, environment: Environment, region: str, defaults: ServerDefaults
) -> dict[bytes, Route]:
    spec = environment.forward
    if spec is not None and spec.none is not None:
        return {}
    file = environment.place.file
    routes = {}
    if spec is not None:
        for text, servers in spec.routes.items():
            try:
                suffix = names.key(names.from_text(text))
            except names.BadName:
                continue  # reported where it was read
            routes[suffix] = Route(suffix, "route", _read(servers), place_of(text, file))
    if names.ROOT not in routes:
        usual = _usual_route(plan, spec, region, defaults, file)
        if usual is not None and usual.upstreams:
            routes[names.ROOT] = usual
    found = {suffix: route for suffix, route in routes.items() if route.upstreams}
    if found:
        # What is ours goes nowhere, also through zones that fall through: a longer route says so.
        for apex in (plan.domain, *plan.domains, *LOCAL_ZONES):
            suffix = names.key(apex)
            found.setdefault(suffix, Route(suffix, "kept", ()))
    return found


def _usual_route(
    plan: Plan, spec: ForwardSpec | None, region: str, defaults: ServerDefaults, file: str
) -> Route | None:
    """Who is asked where no route says otherwise: the nearest that says something."""
    if spec is not None and spec.upstreams:
        key = region if region in spec.upstreams else ALL_REGIONS
        servers = spec.upstreams.get(key)  # type: ignore[call-overload]  # a Text is found by its text
        if servers is None:
            return None
        if any(text == SYSTEM for text in servers):
            return Route(names.ROOT, "system", defaults.system)
        where = next(text for text in spec.upstreams if text == key)
        return Route(names.ROOT, "upstreams", _read(servers), place_of(where, file))
    if defaults.uses_system:
        return Route(names.ROOT, "system", defaults.system)
    if defaults.upstreams:
        return Route(names.ROOT, "default", defaults.upstreams)
    # With several environments, the machine's own resolver would be shared unasked.
    if len(plan.environments) == 1:
        return Route(names.ROOT, "system", defaults.system)
    return None


def _read(servers: tuple[str, ...]) -> tuple[Upstream, ...]:
    found = []
    for text in servers:
        try:
            found.append(read_upstream(text))
        except BadUpstream:
            continue  # an error of `check`: nothing with it is ever served
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def delegation_route(cut: bytes, addresses: tuple[bytes, ...]) -> Route:
    """The servers of a zone cut (key), asked as if a route named it; the same object each time."""
    upstreams = tuple(Upstream("udp", ip_address(packed), 53) for packed in addresses)
    return Route(cut, "delegation", upstreams)
