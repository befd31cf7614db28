"""A server as the admin address sees it: compiled zones and reports made by hand."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from healthcheck.check import Failure, Observation
from healthcheck.counts import CheckCounts, Durations
from healthcheck.health import ASSUMED_UP, DeclaredState, Health, HealthTable, State, Target
from healthcheck.heartbeats import Word
from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.report import Override, Report, Summary
from healthcheck.track import Track
from healthcheck.use import Use
from resolver.admin.server import AdminServer
from resolver.cache import Cache
from resolver.checks import uses
from resolver.compile import compile_generation
from resolver.config import AdminConfig, load_config
from resolver.counters import Totals
from resolver.events import EventLog
from resolver.explain_elsewhere import Facts, Knowledge
from resolver.figures import Figures, figures_of
from resolver.forward.standing import Standing
from resolver.generation import Generation
from resolver.history import History, Past
from resolver.processes import Cost
from resolver.reload import Builder, Built
from resolver.reloads import Reloads
from resolver.routes import Route
from resolver.samples import Sampled, Samples
from tests.admin.conform import conform
from tests.support import NOW

PLAN = """\
domain: corp.test
nameservers: {ns1: [10.255.0.53]}
regions: [east, west]
environments:
  prod: {clients: {east: [10.64.0.0/16], west: [10.65.0.0/16]}, forward: none}
  dev:
    clients: {east: [10.80.0.0/16, 127.0.0.0/16, "::1/128"], west: [10.81.0.0/16]}
    forward: none
"""
DEV = """\
zone: dev.east
services:
  web:
    endpoints:
      - {name: blue, addresses: [10.80.1.1, "fd00:80::1"]}
      - {name: green, address: 10.80.1.2}
      - {name: old, address: 10.80.1.3, state: drain}
    ports: {http: 8080}
    failover: [west]
    check: {kind: tcp, port: 8080}
  jobs:
    endpoints: [10.80.3.1]
    check: {kind: heartbeat, within: 1m}
"""
WEST = """\
zone: dev.west
services:
  web: {endpoints: [10.81.1.1]}
"""
PROD = """\
zone: prod.east
services:
  web: {endpoints: [10.64.1.1], check: {kind: tcp, port: 443}}
  secret: {endpoints: [{name: vault, address: 10.64.2.2}]}
"""
SHARED = """\
zone: tools.test
visible_to: [dev, prod]
services:
  wiki: {endpoints: [10.99.0.1]}
"""
FILES: Mapping[str, str] = {
    "environments.yaml": PLAN,
    "dev.yaml": DEV,
    "west.yaml": WEST,
    "prod.yaml": PROD,
    "shared.yaml": SHARED,
}
PROD_WORDS = ("prod", "secret", "vault", "10.64.", "10.65.")
CHECKER_NOW = 1000.0


class NothingKnown:
    """Of a server that has asked nobody."""

    now = 0.0
    policy = "fastest"

    def partition(self, environment: str) -> None:
        return None

    def choose(self, environment: str, route: Route) -> list[Standing]:
        return [Standing(upstream, environment) for upstream in route.upstreams]


@dataclass
class Operating:
    """Plays the worker; what operators say is kept in `overrides`."""

    directory: Path
    generation: Generation
    builder: Builder
    keeps_overrides: bool = False
    events: EventLog = field(default_factory=EventLog)
    cache: Cache = field(default_factory=Cache)
    knowledge: Knowledge = field(default_factory=NothingKnown)
    upstreams: list[Standing] = field(default_factory=list)
    waited: dict[str, int] = field(default_factory=dict)
    away: dict[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    found: dict[str, tuple[Health, Track | None]] = field(default_factory=dict)  # by address
    unproven: set[str] = field(default_factory=set)  # services
    overrides: dict[str, Override] = field(default_factory=dict)
    heartbeats: list[tuple[str, Word, str]] = field(default_factory=list)
    held: dict[str, float] = field(default_factory=dict)  # by address
    frozen_since: float | None = None
    resumed: list[str] = field(default_factory=list)
    targets: tuple[Use, ...] = ()
    crew: list[tuple[int, bool, int]] = field(default_factory=lambda: [(1, True, 0), (2, False, 3)])
    before_reports: Callable[[], None] = lambda: None
    totals: Totals = field(default_factory=Totals)
    connections: int = 0
    samples: Samples = field(default_factory=Samples)
    says: int | None = 0  # to a client
    costs: list[Cost] = field(default_factory=lambda: [Cost("server", 1.5, 4096)])

    @functools.cached_property
    def reloads(self) -> Reloads:
        return Reloads(self.directory, NOW)

    async def ask(self, question: bytes) -> int | None:
        return self.says

    def processes(self) -> list[Cost]:
        return self.costs

    def __post_init__(self) -> None:
        self.targets = uses(self.generation.zones)
        self.history = History(self.generation, NOW)

    def judge(self, address: str, health: Health, track: Track | None = None) -> None:
        """Say what is known of an address; answers follow."""
        self.found[address] = (health, track)
        self._publish()

    def _publish(self) -> None:
        known: dict[Target, Health] = {r.use.target: r.health for r in self._reports()}
        zones, old = self.generation.zones, self.generation
        self.generation = compile_generation(zones, NOW, 1, old, HealthTable(known))

    def degraded(self, figures: Figures) -> list[str]:
        return self.troubles

    def workers(self) -> list[tuple[int, bool, int]]:
        return self.crew

    async def figures(self) -> Figures:
        return self.present_figures()

    def present_figures(self) -> Figures:
        """What it would tell."""
        partitions = figures_of(self.cache)
        counted = (self.waited, self.away, self.totals, self.connections)
        return Figures(partitions, tuple(self.upstreams), *counted)

    async def asked(self) -> dict[str, Sampled]:
        return self.samples.told(1.0)

    async def forget(
        self, environments: frozenset[str], name: bytes | None, suffix: bytes | None
    ) -> dict[str, int]:
        return self.cache.forget(environments, name, suffix)

    def past(self, moment: float) -> Past:
        return self.history.at(moment, self.generation)

    async def explain(self, work: Callable[[Knowledge], Facts]) -> Facts:
        return work(self.knowledge)

    def reports(self, endpoint: str | None = None) -> list[Report]:
        self.before_reports()
        return [r for r in self._reports() if endpoint in (None, r.use.endpoint)]

    def _reports(self) -> list[Report]:
        return [self._report(use) for use in self.targets]

    def _report(self, use: Use) -> Report:
        health, track = self.found.get(use.address, (ASSUMED_UP, None))
        override = self.overrides.get(use.endpoint)
        if override is not None:
            health = replace(health, override=override.state)
        is_unproven = use.service in self.unproven
        return Report(use, health, track, override, 5.0, False, is_unproven)

    def summary(self) -> Summary:
        return Summary(7, 1, self.frozen_since, 2, 3, 4, CHECKER_NOW)

    def counts(self) -> CheckCounts:
        dev, prod = ("dev", "east", "web"), ("prod", "east", "web")
        return CheckCounts(
            durations={"tcp": Durations(((0.1, 3), (float("inf"), 4)), 1.5)},
            failures={(dev, "refused"): 3, (prod, "timeout"): 2},
            transitions={(dev, "down"): 1, (prod, "up"): 1},
            ages={dev: 2.5, prod: 1.5},
        )

    async def held_until(self, targets: Sequence[Target]) -> dict[Target, float]:
        return {target: until for target, until in self.held_now().items() if target in targets}

    def held_now(self) -> dict[Target, float]:
        """Who is held, by target."""
        found = {use.target: self.held.get(use.address, 0.0) for use in self.targets}
        return {target: until for target, until in found.items() if until}

    async def set_override(
        self,
        endpoints: Sequence[str],
        state: DeclaredState,
        reason: str,
        by: str,
        until: float | None,
    ) -> None:
        for name in endpoints:
            self.overrides[name] = Override(state, reason, by, NOW, until)
        self._publish()

    async def resume(self, endpoints: Sequence[str]) -> None:
        for name in endpoints:
            self.overrides.pop(name, None)
            self.resumed.append(name)
        self._publish()

    async def heartbeat(self, endpoint: str, word: Word, text: str) -> None:
        checks = [
            use.checked_by.check
            for use in self.targets
            if use.endpoint == endpoint and use.checked_by is not None
        ]
        if not any(isinstance(check, HeartbeatCheck) for check in checks):
            raise KeyError(endpoint)
        self.heartbeats.append((endpoint, word, text))

    async def reload(self) -> Built:
        built = self.builder.build(NOW, self.generation)
        if built.generation is not None:
            self.generation = built.generation
        return built


DOWN = Health(State.DOWN, "down: refused")
TRACK_DOWN = Track(state=State.DOWN, last=Observation(990.0, 0.001, Failure.REFUSED, "refused"))
TRACK_UP = Track(state=State.UP, last=Observation(998.0, 0.002, None, ""), is_proven=True)


def operating(directory: Path) -> Operating:
    """The server of a directory of zone files."""
    builder = Builder(directory, 1)
    built = builder.build(NOW)
    assert built.generation is not None, built.problems
    return Operating(directory, built.generation, builder)


def admin_config(**keys: str) -> AdminConfig:
    """The part `admin` of a configuration; lists are comma-separated."""
    variables = {f"SIGHTLINE_ADMIN__{key.upper()}": value for key, value in keys.items()}
    return load_config(None, {"SIGHTLINE_ADMIN__LISTEN": "127.0.0.1:0", **variables}, {}).admin


class Client:
    """Asks an admin server over HTTP."""

    def __init__(self, server: AdminServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.root = f"http://{server.address}"

    async def ask(
        self, method: str, path: str, *, token: str | None = None, **options: Any
    ) -> Reply:
        """One request; the path as it is to be sent."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = URL(self.root + path, encoded=True)
        async with self.session.request(method, url, headers=headers, **options) as response:
            text = await response.text()
            reply = Reply(response.status, dict(response.headers), text)
        conform(method, path, reply.status, reply.headers, text)
        return reply

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.ask("GET", path, **options)

    async def put(self, path: str, **options: Any) -> Reply:
        return await self.ask("PUT", path, **options)


@dataclass(frozen=True)
class Reply:
    """What came."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@contextlib.asynccontextmanager
async def admin(operated: Operating, **keys: str) -> AsyncIterator[Client]:
    """An admin server on a free port, and a client of it."""
    server = AdminServer(admin_config(**keys), operated, revision="abc")
    server.bind()
    await server.start()
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            yield Client(server, session)
    finally:
        await server.stop()
