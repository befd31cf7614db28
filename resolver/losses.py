"""What workers that are no more may have handed out: nobody can ask them any more.

So each target counts as given out at the moment of the loss, with the longest TTL of any service
that could have given it.
"""

from __future__ import annotations

from collections.abc import Sequence

from healthcheck.health import Target
from resolver.background import aside
from resolver.zones.zone import ZoneSet


class Losses:
    """The last loss, and for how long it may matter."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._of: ZoneSet | None = None
        self._longest: dict[bytes, int] = {}  # by the key of an endpoint

    def note(self, now: float) -> None:
        """A process that answered is gone."""
        self._at = now

    async def until(
        self, targets: Sequence[Target], zones: ZoneSet, now: float
    ) -> dict[Target, float]:
        """Until when each may be held by a client of a process that is gone."""
        if self._at is None:
            return {}
        if self._of is not zones:
            self._longest, self._of = await aside(longest_ttls, zones), zones
        held = {target: self._at + self._longest.get(target[0], 0) for target in targets}
        return {target: until for target, until in held.items() if until > now}


def longest_ttls(zones: ZoneSet) -> dict[bytes, int]:
    """The key of each endpoint → the longest TTL under which it may be given.

    Failover and region-less names hold endpoints of services of the same name only.
    """
    by_name: dict[str, int] = {}
    services = [service for zone in zones.zones for service in zone.services.values()]
    for service in services:
        by_name[service.name] = max(service.ttl, by_name.get(service.name, 0))
    return {
        endpoint.key: by_name[service.name]
        for service in services
        for endpoint in service.endpoints
    }
