"""Zones → what a checker is told: one use for each address of each endpoint of each service.

Endpoints have ids, `service.env.region/name`, in commands and in the API; patterns find them.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from healthcheck.check import CheckedBy
from healthcheck.use import Use
from resolver import names
from resolver.zones.zone import Service, ZoneSet

NOWHERE = "-"  # in labels: a service that is of several environments


class Register:
    """The uses of the present zones; services that did not change keep theirs."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Service, tuple[Use, ...]]] = {}  # by the service's identity
        self._domain = b""

    def uses(self, zones: ZoneSet) -> tuple[Use, ...]:
        """Every use, those of unchecked services too, in the order of the files."""
        domain = names.key(zones.plan.domain)
        known = self._known if domain == self._domain else {}
        found = {}
        for zone in zones.zones:
            for service in zone.services.values():
                before = known.get(id(service))
                found[id(service)] = before or (service, tuple(_uses_of(service, domain)))
        self._known, self._domain = found, domain
        return tuple(use for _, used in found.values() for use in used)


def uses(zones: ZoneSet) -> tuple[Use, ...]:
    """Every use of some zones."""
    return Register().uses(zones)


def _uses_of(service: Service, domain: bytes) -> Iterator[Use]:
    # `…` below the domain, else absolute; in both without a final dot.
    text = names.relative_text(names.key(service.owner), domain).removesuffix(".")
    labels = (service.environment or NOWHERE, service.region or NOWHERE, service.name)
    slow_start = service.policy.slow_start
    for endpoint in service.endpoints:
        ident = f"{text}/{endpoint.label}"
        checked_by = _bound(service.checked_by, ident)
        for address in endpoint.addresses:
            target = (endpoint.key, address)
            shown = _address_text(address)
            yield Use(target, ident, text, labels, shown, checked_by, slow_start)


def _bound(checked_by: CheckedBy | None, endpoint: str) -> CheckedBy | None:
    if checked_by is None:
        return None
    check = checked_by.check.bound(endpoint)
    return checked_by if check is checked_by.check else replace(checked_by, check=check)


def _address_text(packed: bytes) -> str:
    # Ten times as fast as `ipaddress` where there are tens of thousands.
    if len(packed) == 4:
        return f"{packed[0]}.{packed[1]}.{packed[2]}.{packed[3]}"
    return str(ipaddress.IPv6Address(packed))


def find_endpoints(pattern: str, uses: Iterable[Use]) -> list[str]:
    """The ids of the endpoints that `service.env.region/address-or-name` means.

    Both parts may be shell patterns (`payments.prod.*/10.64.16.*`), in any case. A service part
    that ends in a dot is absolute, with the domain. Without a slash it means nothing.
    """
    service, slash, part = pattern.strip().lower().rpartition("/")
    if not slash:
        return []
    is_service, is_absolute = _matcher(service.removesuffix(".")), service.endswith(".")
    is_name, is_address = _matcher(part), _matcher(_canonical(part))
    services: dict[str, bool] = {}
    found: dict[str, None] = {}
    for use in uses:
        known = services.get(use.service)
        if known is None:
            text = _absolute(use) if is_absolute else use.service
            known = services[use.service] = is_service(text.lower())
        if known and (is_address(use.address) or is_name(use.endpoint.rpartition("/")[2])):
            found[use.endpoint] = None
    return list(found)


def _canonical(part: str) -> str:
    """An address as uses spell it; anything else as it is."""
    try:
        return str(ipaddress.ip_address(part.strip("[]")))
    except ValueError:
        return part


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text is the pattern or one of those it stands for."""
    matches = re.compile(fnmatch.translate(pattern)).match
    # Names may hold the characters of patterns.
    return lambda text: text == pattern or matches(text) is not None


def _absolute(use: Use) -> str:
    """The service's whole name, which the target's key begins with but for the endpoint's."""
    owner = names.parent(_owner(use.target[0]))
    return names.to_text(owner).removesuffix(".")


def _owner(key: bytes) -> bytes:
    """The name in the key of a target, without what may follow it."""
    position = 0
    while key[position]:
        position += 1 + key[position]
    return key[: position + 1]
