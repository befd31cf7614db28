"""One service of a zone file → Service: defaults followed, the nearest wins."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Any

from healthcheck.health import DeclaredState
from resolver import names
from resolver.zones.checks import NONE, CheckReader, Resolved
from resolver.zones.leaves import IPAddress
from resolver.zones.model import CheckSpec, EndpointSpec, ServiceKeys, ServiceSpec
from resolver.zones.places import Place, Text, did_you_mean, place_of
from resolver.zones.plan import Findings, read_name
from resolver.zones.zone import (
    CheckNeeds,
    Endpoint,
    Fail,
    Plan,
    Policy,
    Port,
    Service,
    Zone,
)

NOBODY: frozenset[str] = frozenset()  # one for all that grant nothing
NEEDS_NOTHING = CheckNeeds()


def stable_digest(*parts: object) -> int:
    """A number for content that is the same in every process; places are no content."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=12).digest(), "big")


def read_grants(
    words: Collection[Text], plan: Plan, file: str, findings: Findings
) -> frozenset[str]:
    """Environments named in `share_with` or `visible_to`."""
    if not words:
        return NOBODY
    known = plan.environments
    for word in words:
        if word not in known:
            message = f"unknown environment {word!r}{did_you_mean(word, known)}"
            findings.error(place_of(word, file), "unknown-environment", message)
    return frozenset(str(word) for word in words if word in known)


class ServiceReader:
    """Reads the services of one file's part of a zone."""

    def __init__(
        self,
        plan: Plan,
        file: str,
        defaults: tuple[ServiceKeys, ...],
        ttl: int,
        findings: Findings,
    ) -> None:
        self.plan = plan
        self.file = file
        self.defaults = defaults
        self.ttl = ttl
        self.findings = findings
        self.checks = CheckReader(plan.checks)

    def read(self, text: Text, spec: ServiceSpec, zone: Zone) -> Service | None:
        """Complete one service; None with findings when its name cannot be used."""
        owner = read_name(text, zone.apex, self.file, self.findings)
        if owner is None:
            return None
        place = place_of(text, self.file)
        if not names.is_below(names.key(owner), names.key(zone.apex)) or b"*" in text.encode():
            self.findings.error(place, "bad-name", f"{text!r} is no name of a service in this zone")
            return None
        nearest = _Nearest((spec, *self.defaults))
        failover = self._failover(nearest, zone)
        endpoints = self._endpoints(text, spec, owner, zone, nearest.value("ptr", ""))
        if not endpoints:
            if not spec.endpoints:
                self.findings.error(place, "missing-key", f"service {text!r} has no endpoints")
            return None
        ports = self._ports(nearest.value("ports") or {}, owner, nearest.file("ports"))
        ttl = next((item.ttl for item in (spec,) if item.ttl is not None), self.ttl)
        words = nearest.value("share_with") or ()
        grants = read_grants(words, self.plan, nearest.file("share_with"), self.findings)
        check = self._check(text, nearest.value("check"), ports)
        policy = _policy(nearest)
        return Service(
            owner=owner,
            name=names.relative_text(owner, zone.apex).lower(),
            environment=zone.environment,
            region=zone.region,
            endpoints=endpoints,
            ports=ports,
            ttl=ttl,
            policy=policy,
            failover=tuple(failover),
            failover_places=tuple(failover.values()),
            says_check=nearest.value("check") is not None,
            checked_by=None if check is None else check.checked_by,
            grants=grants,
            place=place,
            digest=_digest(owner, endpoints, ports, ttl, policy, tuple(failover)),
            needs=NEEDS_NOTHING if check is None else check.needs,
        )

    def _ports(
        self, given: dict[Text, tuple[int, str]], owner: bytes, file: str
    ) -> tuple[Port, ...]:
        found = []
        for name, (number, protocol) in given.items():
            # RFC 2782: _service._protocol in front of the name.
            place = place_of(name, file)
            try:
                full = names.from_text(f"_{name}._{protocol}", owner)
            except names.BadName as error:
                self.findings.error(place, "bad-name", f"port {name!r}: {error}")
                continue
            prefix = full[: len(full) - len(owner)]
            found.append(Port(str(name), number, protocol, prefix, place))
        return tuple(found)

    def _failover(self, nearest: _Nearest, zone: Zone) -> dict[str, Place]:
        """The regions of further tiers, each with the place that names it."""
        found: dict[str, Place] = {}
        file, is_inherited = nearest.file("failover"), not nearest.says("failover")
        if zone.region is None and is_inherited:
            return found
        for word in nearest.value("failover") or ():
            place = place_of(word, file)
            if zone.region is None:
                message = "failover is for env.region zones: this zone has no region"
                self.findings.error(place, "unknown-region", message)
            elif word not in self.plan.regions:
                message = f"unknown region {word!r}{did_you_mean(word, self.plan.regions)}"
                self.findings.error(place, "unknown-region", message)
            elif word == zone.region or word in found:
                if word in found:
                    message = f"{word!r} is a tier of this service already"
                    self.findings.warning(place, "unknown-region", message)
            else:
                found[str(word)] = place
        return found

    def _endpoints(
        self, text: Text, spec: ServiceSpec, owner: bytes, zone: Zone, ptr: Any
    ) -> tuple[Endpoint, ...]:
        found: dict[bytes, Endpoint] = {}
        taken: dict[bytes, Endpoint] = {}
        for item in spec.endpoints:
            endpoint = self._endpoint(item, owner, zone, ptr)
            if endpoint is None:
                continue
            key = names.key(endpoint.owner)
            if key in found:
                message = f"endpoint {endpoint.label!r} of {text!r} is written twice"
                self.findings.error(item.place, "duplicate-record", message)
                continue
            for address in endpoint.addresses:
                if address in taken:
                    message = f"{text!r} has this address at {taken[address].place} already"
                    self.findings.error(item.place, "duplicate-record", message)
                taken[address] = endpoint
            found[key] = endpoint
        return tuple(found.values())

    def _endpoint(
        self, item: EndpointSpec, service: bytes, zone: Zone, service_ptr: Any
    ) -> Endpoint | None:
        given = (*((item.address,) if item.address is not None else ()), *item.addresses)
        v4 = [a.packed for a in given if isinstance(a, IPv4Address)]
        v6 = [a.packed for a in given if not isinstance(a, IPv4Address)]
        if not given:
            self.findings.error(
                item.place, "missing-key", "an endpoint needs 'address' or 'addresses'"
            )
            return None
        if len(v4) > 1 or len(v6) > 1:
            message = "an endpoint has one address of each family at most"
            self.findings.error(item.place, "bad-address", message)
            return None
        label = str(item.name).lower() if item.name is not None else default_label(given[0])
        owner = self._below(item.name if item.name is not None else label, service, item)
        if owner is None:
            return None
        choice = service_ptr if item.ptr == "" else item.ptr
        ptr: bytes | None = owner
        if choice is None:
            ptr = None
        elif isinstance(choice, Text):
            ptr = read_name(choice, zone.apex, self.file, self.findings)
        return Endpoint(
            label=label,
            owner=owner,
            v4=v4[0] if v4 else None,
            v6=v6[0] if v6 else None,
            weight=item.weight,
            standby=item.standby or item.weight == 0,
            state=DeclaredState(item.state),
            ptr=ptr,
            place=item.place,
            key=names.key(owner) + _namesakes(zone),
        )

    def _below(self, label: str, service: bytes, item: EndpointSpec) -> bytes | None:
        try:
            owner = names.from_text(label, service)
        except names.BadName as error:
            self.findings.error(item.place, "bad-name", str(error))
            return None
        if len(names.labels(owner)) != len(names.labels(service)) + 1 or "*" in label:
            self.findings.error(item.place, "bad-name", f"{label!r} must be one label")
            return None
        return owner

    def _check(
        self, text: Text, spec: CheckSpec | None, ports: tuple[Port, ...]
    ) -> Resolved | None:
        """How it is checked; None: not at all, as nobody says or as `none` says."""
        if spec is None or spec.use == NONE:
            return None
        resolved = self.checks.read(spec, ports[0].number if len(ports) == 1 else None)
        self.findings.problems += resolved.problems
        if resolved.lacks_port:
            some = "several ports" if ports else "no port"
            message = f"{text!r} has {some}: say which one to check with {{use: …, port: …}}"
            self.findings.error(place_of(text, self.file), "check-port", message)
        return resolved


def default_label(address: IPAddress) -> str:
    """The label of an endpoint without a name: `10-64-16-11`, `fd64-0-1--12`."""
    return str(address).replace(".", "-").replace(":", "-")


def _namesakes(zone: Zone) -> bytes:
    """What tells targets of zones with one name apart: health is never shared between them."""
    if zone.environment is not None:
        return b""
    return b"|" + b",".join(sorted(name.encode() for name in zone.visible))


class _Nearest:
    """Looks a key up in the service, its file, its environment and the plan, in this order."""

    def __init__(self, layers: tuple[ServiceKeys, ...]) -> None:
        self.layers = layers

    def value(self, key: str, unsaid: Any = None) -> Any:
        for layer in self.layers:
            found = getattr(layer, key)
            if found is not unsaid and not (isinstance(unsaid, str) and found == unsaid):
                return found
        return unsaid

    def file(self, key: str) -> str:
        """The file whose layer says it; the service's own when none does."""
        layers = (layer for layer in self.layers if getattr(layer, key) is not None)
        return next(layers, self.layers[0]).place.file

    def says(self, key: str) -> bool:
        """Whether the service says it itself."""
        return getattr(self.layers[0], key) is not None


def _policy(nearest: _Nearest) -> Policy:
    keys = ("fail", "panic", "max_answers", "slow_start", "ttl_from_health")
    return _shared_policy(nearest.value("spillover", ""), *map(nearest.value, keys))


@lru_cache
def _shared_policy(
    spillover: float | str | None,
    fail: str | None,
    panic: float | None,
    answers: int | None,
    slow_start: float | None,
    from_health: str | None,
) -> Policy:
    """The policy of these keys, "" or None where nothing was said; one object for all services."""
    usual = Policy()
    return Policy(
        fail=Fail(fail or usual.fail.value),
        spillover=usual.spillover if isinstance(spillover, str) else spillover,
        panic=usual.panic if panic is None else panic,
        max_answers=usual.max_answers if answers is None else answers,
        ttl_from_health=from_health != "off",
        slow_start=usual.slow_start if slow_start is None else slow_start,
    )


def _digest(
    owner: bytes,
    endpoints: Iterable[Endpoint],
    ports: Iterable[Port],
    ttl: int,
    policy: Policy,
    failover: tuple[str, ...],
) -> int:
    places = [(e.owner, e.v4, e.v6, e.weight, e.standby, e.state.value) for e in endpoints]
    named = [(p.name, p.number, p.protocol) for p in ports]
    return stable_digest(owner, places, named, ttl, policy, failover)
