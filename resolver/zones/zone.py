"""Zones as the compiler reads them: every name complete, every reference followed, all frozen.

Made by `assemble` out of the files' models; each value keeps the place at which it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from healthcheck.check import CheckedBy
from healthcheck.health import DeclaredState
from resolver.zones.leaves import IPAddress, IPNetwork
from resolver.zones.model import CheckSpec, ForwardSpec, ServiceKeys
from resolver.zones.places import Place, quickly_pickled


class Fail(Enum):
    """What a service answers when nothing is up in any tier."""

    OPEN = "open"
    CLOSED = "closed"
    EMPTY = "empty"


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place where a service runs; at most one address of each family, packed."""

    label: str
    owner: bytes  # its own name, below the service's
    v4: bytes | None
    v6: bytes | None
    weight: int
    standby: bool
    state: DeclaredState
    ptr: bytes | None  # the name that PTR gives for its addresses
    place: Place
    key: bytes  # of its targets: its owner in lower case, and whose zone it is in among namesakes

    @property
    def addresses(self) -> tuple[bytes, ...]:
        if self.v4 is None:
            return () if self.v6 is None else (self.v6,)
        return (self.v4,) if self.v6 is None else (self.v4, self.v6)


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Port:
    """One named port: the source of an SRV record set."""

    name: str
    number: int
    protocol: str
    prefix: bytes  # `_name._protocol` as labels, to stand before the service's name
    place: Place


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Policy:
    """How a service chooses; the named service's policy rules in all its tiers."""

    fail: Fail = Fail.OPEN
    spillover: float | None = None  # overprovisioning factor; None: strict tiers
    panic: float = 0.0  # percent
    max_answers: int = 8
    ttl_from_health: bool = True
    slow_start: float = 30.0  # seconds


@quickly_pickled
@dataclass(frozen=True, slots=True)
class CheckNeeds:
    """What a check asks of the machine and its configuration, each with the place that says so."""

    ca_files: tuple[tuple[str, Place], ...] = ()
    commands: tuple[Place, ...] = ()


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Service:
    """A name with endpoints; `environment` and `region` are None in zones of several."""

    owner: bytes
    name: str
    environment: str | None
    region: str | None
    endpoints: tuple[Endpoint, ...]
    ports: tuple[Port, ...]
    ttl: int
    policy: Policy
    failover: tuple[str, ...]
    checked_by: CheckedBy | None
    grants: frozenset[str]
    place: Place
    digest: int = 0
    failover_places: tuple[Place, ...] = ()  # of each region in `failover`
    says_check: bool = True  # `check: none` included; False: nothing was said
    needs: CheckNeeds = CheckNeeds()

    @property
    def identity(self) -> str:
        """`service.env.region`, as in metrics and commands."""
        return ".".join(part for part in (self.name, self.environment, self.region) if part)


@quickly_pickled
@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one owner and type (RFC 2181 5: one TTL)."""

    owner: bytes
    rtype: int
    ttl: int
    rdatas: tuple[bytes, ...]
    grants: frozenset[str]
    ptr: bytes | None
    place: Place
    places: tuple[Place, ...]  # of each rdata
    digest: int = 0


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Soa:
    """Fields of the SOA (RFC 1035 3.3.13); None: generated."""

    mname: bytes | None = None
    rname: bytes | None = None
    serial: int | None = None
    refresh: int = 3600
    retry: int = 600
    expire: int = 86400
    minimum: int = 30
    ttl: int | None = None


@dataclass(slots=True)
class Zone:
    """One zone for one set of environments; mutable only while it is assembled."""

    apex: bytes
    environment: str | None
    region: str | None
    visible: frozenset[str]
    place: Place
    fallthrough: bool = False
    ttl: int = 30
    soa: Soa = field(default_factory=Soa)
    soa_place: Place | None = None
    services: dict[bytes, Service] = field(default_factory=dict)  # by owner key
    records: dict[bytes, tuple[RecordSet, ...]] = field(default_factory=dict)  # by owner key
    overrides: dict[str, dict[bytes, Override]] = field(default_factory=dict)

    def sees(self, environment: str, grants: frozenset[str]) -> bool:
        """Whether an environment sees what this zone grants to `grants` besides its own."""
        return environment in self.visible or environment in grants

    def find(self, key: bytes, rtype: int) -> RecordSet | None:
        """The records of an owner, by its key, and type."""
        return next((found for found in self.records.get(key, ()) if found.rtype == rtype), None)


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Override:
    """What replaces an owner's records for one environment; no sets: the owner is removed."""

    owner: bytes
    sets: tuple[RecordSet, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class ClientNetwork:
    """A source network with its carve-outs."""

    network: IPNetwork
    carved: tuple[IPNetwork, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of every zone: the target of NS, with its addresses."""

    name: bytes
    addresses: tuple[IPAddress, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Environment:
    """Who is in it and what holds for all of it."""

    name: str
    clients: Mapping[str, tuple[ClientNetwork, ...]]  # by region
    forward: ForwardSpec | None
    nameservers: tuple[NameServer, ...]
    defaults: tuple[ServiceKeys, ...]  # nearest first
    ttl: int
    place: Place


@dataclass(frozen=True, slots=True)
class Plan:
    """`environments.yaml`, complete."""

    domain: bytes
    domains: tuple[bytes, ...]
    rname: bytes
    nameservers: tuple[NameServer, ...]
    ttl: int
    regions: tuple[str, ...]
    environments: Mapping[str, Environment]
    checks: Mapping[str, CheckSpec]
    defaults: tuple[ServiceKeys, ...]
    trusted: tuple[ClientNetwork, ...]
    place: Place
    rname_place: Place | None = None  # of `contact`
    needs: CheckNeeds = CheckNeeds()  # of profiles and defaults, used or not


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """Everything that the files of one revision say."""

    plan: Plan
    zones: tuple[Zone, ...]
