"""Rules on addresses: whose network they lie in, and who may know them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from resolver import names
from resolver.zones import records
from resolver.zones.leaves import IPNetwork
from resolver.zones.places import Place, Problem
from resolver.zones.rules.survey import Survey, error, sets_of, warning
from resolver.zones.zone import ClientNetwork, Environment, RecordSet, Service, Zone

A, AAAA, SVCB, HTTPS = 1, 28, 64, 65


@dataclass(frozen=True, slots=True)
class _Claim:
    """A network and who says that its clients are theirs."""

    client: ClientNetwork
    environment: str | None  # None: a trusted forwarder's
    region: str

    def __str__(self) -> str:
        if self.environment is None:
            return "trusted_forwarders"
        return f"{self.environment} {self.region}"

    @property
    def order(self) -> tuple[int, int, int]:
        network = self.client.network
        return network.version, int(network.network_address), network.prefixlen


def _claims(environments: Iterable[Environment]) -> list[_Claim]:
    return [
        _Claim(client, environment.name, region)
        for environment in environments
        for region, clients in environment.clients.items()
        for client in clients
    ]


def _contains(outer: IPNetwork, inner: IPNetwork) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # versions compared before


def _nested(claims: Iterable[_Claim]) -> Iterator[tuple[_Claim, _Claim]]:
    """Every pair (outer, inner) of which one network holds the other; carve-outs left out."""
    above: list[_Claim] = []
    for claim in sorted(claims, key=lambda claim: claim.order):
        network = claim.client.network
        while above and not _contains(above[-1].client.network, network):
            above.pop()
        for outer in above:
            if not any(_contains(carved, network) for carved in outer.client.carved):
                yield outer, claim
        above.append(claim)


def cidr_overlap(survey: Survey) -> Iterator[Problem]:
    """Networks of different environments that overlap; one network written for two regions."""
    for outer, inner in _nested(_claims(survey.environments.values())):
        is_same = outer.client.network == inner.client.network
        if outer.environment == inner.environment and (not is_same or outer.region == inner.region):
            continue
        first, second = outer, inner
        if is_same and first.client.place > second.client.place:
            first, second = second, first
        verb = "is the very network" if is_same else "overlaps"
        message = (
            f"{second.client.network} of {second} {verb} {first.client.network}"
            f" of {first} (at {first.client.place})"
        )
        yield error(second.client.place, "cidr-overlap", message)


def trusted_overlap(survey: Survey) -> Iterator[Problem]:
    """Trusted forwarders within client networks: their own questions have no view."""
    trusted = [_Claim(client, None, "") for client in survey.plan.trusted]
    for outer, inner in _nested([*trusted, *_claims(survey.environments.values())]):
        if (outer.environment is None) == (inner.environment is None):
            continue
        forwarder, other = (outer, inner) if outer.environment is None else (inner, outer)
        message = (
            f"{forwarder.client.network} of trusted_forwarders overlaps {other.client.network}"
            f" of {other} (at {other.client.place}): without ECS its clients are refused"
        )
        yield warning(forwarder.client.place, "cidr-overlap", message)


# Addresses stand close together: octets of what they share, by octets of an address.
_BLOCKS = {4: 3, 16: 8}


class _Ranges:
    """The client networks of one environment, to look packed addresses up in."""

    def __init__(self, environment: Environment) -> None:
        self._tables: dict[int, dict[int, dict[int, list[ClientNetwork]]]] = {}
        self._blocks: dict[bytes, bool] = {}  # /24 and /64: whether all of it is held
        for clients in environment.clients.values():
            for client in clients:
                network = client.network
                shift = network.max_prefixlen - network.prefixlen
                table = self._tables.setdefault(network.max_prefixlen // 8, {})
                prefixes = table.setdefault(shift, {})
                prefix = int(network.network_address) >> shift
                prefixes.setdefault(prefix, []).append(client)

    def judges(self, address: bytes) -> bool:
        """Whether the environment has networks of this address family at all."""
        return len(address) in self._tables

    def hold(self, address: bytes) -> bool:
        """Whether the address is a client's of this environment."""
        block = address[: _BLOCKS[len(address)]]
        is_held = self._blocks.get(block)
        if is_held is None:
            is_held = self._blocks[block] = self._hold_all(block, len(address))
        return is_held or self._find(address)

    def _hold_all(self, block: bytes, size: int) -> bool:
        """Whether one network without carve-outs holds every address of a block."""
        free = (size - len(block)) * 8
        number = int.from_bytes(block, "big") << free
        return any(
            shift >= free and any(not c.carved for c in prefixes.get(number >> shift, ()))
            for shift, prefixes in self._tables.get(size, {}).items()
        )

    def _find(self, address: bytes) -> bool:
        number = int.from_bytes(address, "big")
        for shift, prefixes in self._tables.get(len(address), {}).items():
            for client in prefixes.get(number >> shift, ()):
                if not any(number in _span(carved) for carved in client.carved):
                    return True
        return False


def _span(network: IPNetwork) -> range:
    first = int(network.network_address)
    return range(first, first + (1 << (network.max_prefixlen - network.prefixlen)))


def _ranges(survey: Survey) -> Mapping[str, _Ranges]:
    return {name: _Ranges(found) for name, found in survey.environments.items()}


def _text(address: bytes) -> str:
    return str(ipaddress.ip_address(address))


def endpoint_outside_environment(survey: Survey) -> Iterator[Problem]:
    """An endpoint whose address lies in no client network of its own environment."""
    ranges = _ranges(survey)
    for _, service in survey.services:
        if service.environment is None:
            continue
        own = ranges[service.environment]
        for endpoint in service.endpoints:
            for address in endpoint.addresses:
                if not own.hold(address) and own.judges(address):
                    message = (
                        f"{_text(address)} of {names.to_text(endpoint.owner)} lies in no client"
                        f" network of {service.environment}"
                    )
                    yield warning(endpoint.place, "endpoint-outside-environment", message)


def address_of_other_environment(survey: Survey) -> Iterator[Problem]:
    """An address written where somebody sees it who may not see the endpoint that has it."""
    first: dict[bytes, Service] = {}
    several: dict[bytes, list[Service]] = {}
    for _, service in survey.services:
        for endpoint in service.endpoints:
            for address in endpoint.addresses:
                known = first.setdefault(address, service)
                if known is not service:
                    several.setdefault(address, [known]).append(service)
    ranges = _ranges(survey)
    for owner, address, place, viewers, own in _written_addresses(survey, several):
        if address not in first:
            continue
        others = several.get(address, [first[address]])
        if own is not None:
            others = [s for s in others if s.environment != own.environment]
        granted = frozenset[str]().union(*(survey.viewers(s) for s in others))
        strangers = [e for e in viewers - granted if not ranges[e].hold(address)]
        if others and strangers:
            message = (
                f"{_text(address)} of {names.to_text(owner)}, which"
                f" {survey.listed(strangers)} may see, is an endpoint of {others[0].identity}"
                f" (at {others[0].place}), which is not granted"
            )
            yield warning(place, "address-of-other-environment", message)


def _written_addresses(
    survey: Survey, several: Mapping[bytes, list[Service]]
) -> Iterator[tuple[bytes, bytes, Place, frozenset[str], Service | None]]:
    """Owner, address, place and viewers of endpoints that are not alone, and of all records."""
    for service in {id(s): s for services in several.values() for s in services}.values():
        for endpoint in service.endpoints:
            for address in endpoint.addresses:
                if address in several:
                    viewers = survey.viewers(service)
                    yield endpoint.owner, address, endpoint.place, viewers, service
    for zone in survey.zones:
        for found, viewers in _with_viewers(zone):
            for rdata, place in zip(found.rdatas, found.places, strict=True):
                for address in _addresses_in(found.rtype, rdata):
                    yield found.owner, address, place, viewers, None


def _with_viewers(zone: Zone) -> Iterator[tuple[RecordSet, frozenset[str]]]:
    for found in sets_of(zone):
        yield found, zone.visible | found.grants
    for name, owners in zone.overrides.items():
        for override in owners.values():
            for found in override.sets:
                yield found, frozenset((name,))


def _addresses_in(rtype: int, rdata: bytes) -> tuple[bytes, ...]:
    if rtype in (A, AAAA):
        return (rdata,)
    return records.addresses_in(rtype, rdata) if rtype in (SVCB, HTTPS) else ()


def nameserver_in_environment(survey: Survey) -> Iterator[Problem]:
    """A name server that belongs to one environment by address or name, and serves others."""
    served: dict[Place, set[str]] = {}
    servers = {}
    for environment in survey.environments.values():
        for server in environment.nameservers:
            served.setdefault(server.place, set()).add(environment.name)
            servers[server.place] = server
    ranges = _ranges(survey)
    for place, server in servers.items():
        text = names.to_text(server.name)
        for name in survey.environments:
            others = served[place] - {name}
            if not others:
                continue
            inside = [a for a in server.addresses if ranges[name].hold(a.packed)]
            apex = survey.governing(names.key(server.name))
            is_declared = apex is not None and apex not in survey.given
            declared = survey.by_apex.get(apex or b"", []) if is_declared else []
            if inside:
                what = f"{inside[0]} of the name server {text} is in a network of {name}"
            elif declared and all(zone.visible == {name} for zone in declared):
                what = f"the name server {text} has a name in a zone of {name} alone"
            else:
                continue
            message = f"{what}, but serves {survey.listed(others)} too"
            yield warning(place, "nameserver-in-environment", message)
