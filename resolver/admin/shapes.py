"""The shapes of what is sent and replied, of which the OpenAPI document is made.

Replies are dictionaries and are not checked against these when they are sent; every reply that a
test sees is. Bodies take no members but these.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Effective = Literal["up", "unproven", "unknown", "damped", "down", "draining", "maintenance"]
Declared = Literal["normal", "drain", "maintenance"]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Shape(BaseModel):
    """Has these members and no others."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class OpenShape(BaseModel):
    """Has these members, and others that depend on what is told."""

    model_config = ConfigDict(extra="allow")


def members(shape: type[BaseModel]) -> tuple[str, ...]:
    """The names of its members as they are sent."""
    return tuple(item.alias or name for name, item in shape.model_fields.items())


class StateChange(Shape):
    """What an operator says of an endpoint; `normal` ends what was said."""

    state: Declared
    reason: str | None = None
    for_: str | Annotated[float, Field(gt=0)] | None = Field(None, alias="for", examples=["30m"])
    by: str | None = None


class Heartbeat(Shape):
    """What an endpoint says of itself; without a body it says UP."""

    state: Literal["UP", "WARN", "DOWN"]
    text: str | None = None


class OverrideShape(Shape):
    """An operator's word that is in force."""

    state: Literal["drain", "maintenance"]
    reason: str
    by: str
    since: Time
    until: Time | None


class CheckShape(Shape):
    """How an address is checked."""

    kind: str
    port: int | None = None
    interval: Seconds
    fast_interval: Seconds
    timeout: Seconds
    fall: int
    rise: int
    enforce: bool


class LastShape(Shape):
    """The last observation."""

    age: Seconds
    seconds: Seconds
    passed: bool
    failure: str | None
    detail: str


class AddressShape(Shape):
    """What is known of one address of an endpoint."""

    address: str
    real: Literal["up", "down", "unknown", "unchecked"]
    effective: Effective
    reason: str
    changing: bool
    weight_tenths: int
    check: CheckShape | None
    last: LastShape | None
    streak: Count
    penalty: Count
    overdue: bool
    safe_to_stop_at: Time | None
    served: bool


class EndpointShape(Shape):
    """One endpoint."""

    id: str
    service: str
    environment: str
    region: str
    endpoint: str
    effective: Effective
    declared: Declared
    override: OverrideShape | None
    addresses: list[AddressShape]


class Endpoints(Shape):
    """Those that are meant by an id."""

    endpoints: list[EndpointShape]


class EndpointsPage(Endpoints):
    """A list, or a page of it: `next` is the `after` of the page that follows."""

    total: Count
    next: str | None


class Changed(Endpoints):
    """What was changed, and how it is now."""

    changed: list[str]
    note: str | None


class ServiceShape(Shape):
    """A line of a service."""

    service: str
    environment: str
    region: str
    endpoints: Count
    up: Count
    states: dict[Effective, Count]
    mode: str | None
    checked: bool
    unproven: bool


class ServicesPage(Shape):
    """A list, or a page of it: `next` is the `after` of the page that follows."""

    services: list[ServiceShape]
    total: Count
    next: str | None


class Ready(Shape):
    """It answers; what is degraded is told to those who may read everything."""

    status: Literal["ok", "degraded"]
    degraded: list[str]


class Counts(Shape):
    """How many services and endpoints, and of those how many in each effective state."""

    services: Count
    endpoints: Count
    up: Count
    unproven: Count
    unknown: Count
    damped: Count
    down: Count
    draining: Count
    maintenance: Count


class EnvironmentShape(Counts):
    """One environment: whose clients come from where, and how much is theirs."""

    environment: str
    networks: dict[str, list[str]]
    zones: Count
    names: Count


class Environments(Shape):
    """Those that the caller sees."""

    environments: list[EnvironmentShape]


class Checker(Shape):
    """How checking goes; null: what only those are told who see all."""

    targets: Count
    overdue: Count
    frozen_since: Time | None
    in_flight: Count | None
    own_faults: Count | None
    restarts: Count | None


class Worker(Shape):
    """One process that answers."""

    worker: int
    up: bool
    restarts: Count


class UpstreamShape(Shape):
    """An upstream as one environment knows it."""

    environment: str
    upstream: str
    up: bool
    suspect: bool
    failures_in_a_row: Count
    latency: Seconds | None
    replies: dict[str, Count]
    failures: dict[str, Count]


class Upstreams(Shape):
    """Those of the environments that the caller sees."""

    upstreams: list[UpstreamShape]


class Served(Shape):
    """What is served of the files; null for those who do not see all."""

    generation: Count | None
    revision: str | None
    loaded_at: Time | None
    reload_failed: bool | None


class Status(Served):
    """Counts, the checker, and what is wrong."""

    environments: dict[str, Counts]
    checker: Checker
    upstreams: list[UpstreamShape]
    degraded: list[str]
    workers: list[Worker]
    version: str


class GenerationShape(Served):
    """What is served, and how much it is."""

    zones: Count
    names: dict[str, Count]


class Finding(Shape):
    """A problem of a zone file."""

    file: str
    line: Count
    column: Count
    severity: Literal["error", "warning", "hint"]
    rule: str
    message: str


class Reloaded(Shape):
    """A reload that was good."""

    generation: Count
    warnings: list[Finding]


class Explanation(OpenShape):
    """Why a client gets an answer; what there is to tell depends on the answer."""


class EventShape(OpenShape):
    """Something that happened; more members depend on its kind."""

    id: Count
    at: str
    kind: str
    environment: str | None
    text: str


class Events(Shape):
    """In order; `next` is the `since` of what follows."""

    events: list[EventShape]
    next: Count


class OftenName(Shape):
    """A name, and bounds of how often it was asked."""

    name: str
    least: Count
    most: Count


class OftenClient(Shape):
    """A client, and bounds of how often it asked."""

    client: str
    least: Count
    most: Count


class KeptInside(Shape):
    """Questions that were kept from leaving."""

    total: Count
    names: list[OftenName]
    clients: list[OftenClient]


class CacheShape(Shape):
    """The cache of one environment."""

    entries: Count
    octets: Count
    hits: dict[str, Count]
    misses: Count
    prefetches: Count
    evictions: Count
    kept_inside: KeptInside


class Caches(Shape):
    """By environment."""

    environments: dict[str, CacheShape]


class Forgotten(Shape):
    """How many entries were forgotten, by environment."""

    forgotten: dict[str, Count]


class OftenShape(Shape):
    """A name or a client, and bounds of how often it came."""

    what: str
    least: Count
    most: Count


class TopShape(Shape):
    """Of how many questions, and what came most often among them."""

    total: Count
    top: list[OftenShape]


class Top(Shape):
    """By environment."""

    kind: Literal["names", "clients", "blocked"]
    environments: dict[str, TopShape]


class Problem(OpenShape):
    """RFC 9457: what is wrong; more members depend on it."""

    type: str
    title: str
    status: int
    detail: str


class NotFound(Problem):
    """`names`: the ids that look most like the one that was asked for, `nearest` the first."""

    nearest: str | None = None
    names: list[str] | None = None


class Unprocessable(Problem):
    """`field`: the member of the body that is wrong; `problems`: those of zone files."""

    field: str | None = None
    problems: list[Finding] | None = None
