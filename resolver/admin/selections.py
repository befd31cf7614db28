"""What clients in its own environment and region get of a service, remembered while it holds.

What `select` says of a service is kept until the health of one of its endpoints, or the zones, are
others: for thousands of services that is what a scrape would spend its time on.
"""

from __future__ import annotations

from dataclasses import dataclass

from healthcheck.health import Health, HealthTable
from resolver.generation import Generation
from resolver.select import Family, Mode, Pool, select
from resolver.zones.zone import Service, ZoneSet


@dataclass(frozen=True, slots=True)
class Outcome:
    """A selection without its turns."""

    mode: Mode
    loads: tuple[float, ...]  # percent of answers by tier
    served: frozenset[tuple[bytes, bytes]]  # targets with a share


@dataclass(frozen=True, slots=True)
class _Kept:
    pool: Pool
    healths: tuple[Health, ...]
    outcome: Outcome


class Selections:
    """The outcomes of the present zones. Several threads may ask at once."""

    def __init__(self) -> None:
        self._present: _OfZones | None = None

    def of(self, generation: Generation) -> _OfZones:
        """Those of a generation's zones."""
        present = self._present
        if present is None or present.zones is not generation.zones:
            present = self._present = _OfZones(generation.zones)
        return present


class _OfZones:
    """Pools and outcomes by the identity of the service; `zones` keeps them alive."""

    def __init__(self, zones: ZoneSet) -> None:
        self.zones = zones
        self._pools = _pools(zones)
        self.endpoints = {
            endpoint.key: (service, endpoint)
            for zone in zones.zones
            for service in zone.services.values()
            for endpoint in service.endpoints
        }
        self._kept: dict[tuple[int, Family], _Kept] = {}

    def pool(self, service: Service) -> Pool:
        """The tiers of a service: itself, then its failover regions."""
        return self._pools.get(id(service)) or Pool(service, (service,))

    def outcome(self, service: Service, family: Family, table: HealthTable) -> Outcome:
        """What `select` says of a service."""
        key = (id(service), family)
        pool = self.pool(service)
        healths = _healths(pool, table)
        kept = self._kept.get(key)
        if kept is None or kept.healths != healths:
            selection = select(pool, family, table)
            served = frozenset(
                (choice.endpoint.key, choice.address)
                for choice in selection.choices
                if choice.is_in
            )
            outcome = Outcome(selection.mode, selection.loads, served)
            kept = self._kept[key] = _Kept(pool, healths, outcome)
        return kept.outcome


def family_of(service: Service) -> Family:
    """The family that speaks for a service: IPv4, unless it has none."""
    return Family.V4 if any(e.v4 is not None for e in service.endpoints) else Family.V6


def _healths(pool: Pool, table: HealthTable) -> tuple[Health, ...]:
    """Of both families: when one has nothing, it matters whether the other has."""
    return tuple(
        table.of((endpoint.key, address), is_checked=tier.checked_by is not None)
        for tier in pool.tiers
        for endpoint in tier.endpoints
        for address in endpoint.addresses
    )


def _pools(zones: ZoneSet) -> dict[int, Pool]:
    """The pools of services with failover."""
    regional: dict[tuple[str, str], dict[str, Service]] = {}
    wanted: list[Service] = []
    for zone in zones.zones:
        # What its own environment has overridden is no tier of anything there.
        overridden = zone.overrides.get(zone.environment or "", {})
        for key, service in zone.services.items():
            if key in overridden or not (service.environment and service.region):
                continue
            place = (service.name, service.environment)
            regional.setdefault(place, {})[service.region] = service
            if service.failover:
                wanted.append(service)
    pools = {}
    for service in wanted:
        others = regional[service.name, service.environment or ""]
        tiers = (service, *(others[region] for region in service.failover if region in others))
        pools[id(service)] = Pool(service, tiers)
    return pools
