"""`environments.yaml` → Plan: domain, environments, regions, networks, name servers, profiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from resolver import names
from resolver.zones.checks import NONE, judge_plan
from resolver.zones.model import CheckSpec, EnvironmentSpec, NameServers, NetworkSpec, PlanSpec
from resolver.zones.places import Place, Problem, Severity, Text, did_you_mean, place_of
from resolver.zones.zone import ClientNetwork, Environment, NameServer, Plan

DEFAULT_TTL = 30
HERE = "here"


class Findings:
    """Collects problems of one pass; every place comes from the node that is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def error(self, place: Place, rule: str, message: str) -> None:
        self.problems.append(Problem(place, Severity.ERROR, rule, message))

    def warning(self, place: Place, rule: str, message: str) -> None:
        self.problems.append(Problem(place, Severity.WARNING, rule, message))

    def hint(self, place: Place, rule: str, message: str) -> None:
        self.problems.append(Problem(place, Severity.HINT, rule, message))


def read_name(text: Text, origin: bytes | None, file: str, findings: Findings) -> bytes | None:
    """A complete name, or None with a `bad-name` finding."""
    try:
        return names.from_text(text, origin)
    except names.BadName as error:
        findings.error(place_of(text, file), "bad-name", str(error))
        return None


def make_plan(spec: PlanSpec, file: str, findings: Findings) -> Plan | None:
    """Complete the plan; None when even the domain cannot be read."""
    domain = read_name(spec.domain, None, file, findings)
    if domain is None:
        return None
    if domain == names.ROOT:
        findings.error(place_of(spec.domain, file), "bad-name", "the domain cannot be the root")
        return None
    if not spec.environments:
        findings.error(spec.place, "bad-type", "no environments")
    domains = [read_name(text, None, file, findings) for text in spec.domains]
    regions = tuple(str(text) for text in spec.regions)
    _check_labels([*spec.environments, *spec.regions], file, findings)
    nameservers = _nameservers(spec.nameservers, domain, file, findings)
    ttl = DEFAULT_TTL if spec.ttl is None else spec.ttl
    if spec.defaults is not None and spec.defaults.ttl is not None:
        ttl = spec.defaults.ttl
    for name in spec.checks:
        if name == NONE:
            findings.error(place_of(name, file), "name-clash", "no check profile is named 'none'")
    problems, needs = judge_plan(spec.checks, _default_checks(spec))
    findings.problems += problems
    environments = {
        str(name): _environment(
            name, item, spec, (domain, nameservers, ttl, regions), file, findings
        )
        for name, item in spec.environments.items()
    }
    return Plan(
        domain=domain,
        domains=tuple(name for name in domains if name is not None),
        rname=_rname(spec.contact, domain, file, findings),
        nameservers=nameservers,
        ttl=ttl,
        regions=regions,
        environments=environments,
        checks={str(name): check for name, check in spec.checks.items()},
        defaults=_present(spec.defaults),
        trusted=_networks(spec.trusted_forwarders, findings),
        place=spec.place,
        rname_place=None if spec.contact is None else place_of(spec.contact, file),
        needs=needs,
    )


def _present(*defaults: Any) -> tuple[Any, ...]:
    return tuple(item for item in defaults if item is not None)


def _check_labels(words: list[Text], file: str, findings: Findings) -> None:
    """Environments and regions are single labels, disjoint, and not `here`."""
    seen: dict[str, Text] = {}
    for word in words:
        place = place_of(word, file)
        if read_name(word, None, file, findings) is None:
            continue
        if len(names.labels(names.from_text(word))) != 1 or word != word.lower():
            findings.error(place, "bad-name", f"{word!r} must be one lower-case label")
        elif word == HERE:
            findings.error(place, "name-clash", f"{HERE!r} names the caller's own environment")
        elif word in seen:
            findings.error(
                place, "name-clash", f"{word!r} is used twice among environments and regions"
            )
        seen[word] = word


def _default_checks(spec: PlanSpec) -> list[CheckSpec]:
    """What services are checked by that say nothing."""
    layers = (spec.defaults, *(item.defaults for item in spec.environments.values()))
    return [layer.check for layer in layers if layer is not None and layer.check is not None]


def _nameservers(
    spec: NameServers | None, domain: bytes, file: str, findings: Findings
) -> tuple[NameServer, ...]:
    servers = []
    for text, addresses in (spec or {}).items():
        name = read_name(text, domain, file, findings)
        if name is not None:
            servers.append(NameServer(name, tuple(addresses), place_of(text, file)))
    return tuple(servers)


def _rname(contact: Text | None, domain: bytes, file: str, findings: Findings) -> bytes:
    """A mail address as a name (RFC 1035 3.3.13): the local part is the first label."""
    if contact is None:
        return names.from_labels([b"hostmaster"], domain)
    local, at, host = contact.rpartition("@")
    if not at:
        return read_name(contact, domain, file, findings) or domain
    try:
        return names.from_labels([local.encode("ascii")], names.from_text(host))
    except (names.BadName, UnicodeEncodeError) as error:
        findings.error(place_of(contact, file), "bad-name", f"contact {contact!r}: {error}")
        return domain


def _networks(specs: Iterable[NetworkSpec], findings: Findings) -> tuple[ClientNetwork, ...]:
    for spec in specs:
        for carved in spec.except_:
            if carved.version != spec.network.version or not carved.subnet_of(spec.network):  # type: ignore[arg-type]  # versions compared before
                message = f"{carved} is not within {spec.network}"
                findings.error(spec.place, "bad-address", message)
    return tuple(ClientNetwork(spec.network, spec.except_, spec.place) for spec in specs)


def _environment(
    name: Text,
    spec: EnvironmentSpec,
    plan: PlanSpec,
    around: tuple[bytes, tuple[NameServer, ...], int, tuple[str, ...]],
    file: str,
    findings: Findings,
) -> Environment:
    domain, nameservers, ttl, regions = around
    clients = {}
    for region, networks in spec.clients.items():
        if region not in regions:
            message = f"unknown region {region!r}{did_you_mean(region, regions)}"
            findings.error(place_of(region, file), "unknown-region", message)
        clients[str(region)] = _networks(networks, findings)
    if spec.forward is not None:
        for region in spec.forward.upstreams:
            if region != "*" and region not in regions:
                message = f"unknown region {region!r}{did_you_mean(region, regions)}"
                findings.error(place_of(region, file), "unknown-region", message)
        for suffix in spec.forward.routes:
            read_name(suffix, None, file, findings)
    own_ttl = spec.ttl
    if own_ttl is None and spec.defaults is not None:
        own_ttl = spec.defaults.ttl
    own = _nameservers(spec.nameservers, domain, file, findings)
    return Environment(
        name=str(name),
        clients=clients,
        forward=spec.forward,
        nameservers=own or nameservers,
        defaults=_present(spec.defaults, plan.defaults),
        ttl=ttl if own_ttl is None else own_ttl,
        place=place_of(name, file),
    )
