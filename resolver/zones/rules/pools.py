"""Rules on services: their tiers, checks and weights, and the names of their addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from resolver import names
from resolver.visible import every_claim
from resolver.zones.places import Place, Problem
from resolver.zones.rules.survey import Survey, error, hint, warning
from resolver.zones.zone import Service


def unknown_service(survey: Survey) -> Iterator[Problem]:
    """Failover to a region in which the environment has no such service."""
    for _, service in survey.services:
        for region, place in zip(service.failover, service.failover_places, strict=True):
            if (service.name, service.environment, region) not in survey.tiers:
                message = (
                    f"{service.identity} fails over to {region}, where {service.environment}"
                    f" has no service {service.name!r}"
                )
                yield error(place, "unknown-service", message)


def unchecked_service(survey: Survey) -> Iterator[Problem]:
    """A service of which nobody said how to check it, nor that it needs none."""
    for _, service in survey.services:
        if not service.says_check:
            message = f"{service.identity} has no check and counts as up always (check: none?)"
            yield warning(service.place, "unchecked-service", message)


def weights_need_single_answer(survey: Survey) -> Iterator[Problem]:
    """Unequal weights in answers that hold several addresses: many clients use the whole set."""
    for _, service in survey.services:
        if service.policy.max_answers > 1 and _has_unequal_weights(service):
            message = (
                f"{service.identity} has unequal weights: shares are exact only with"
                f" max_answers: 1 (now {service.policy.max_answers})"
            )
            yield hint(service.place, "weights-need-single-answer", message)


def _has_unequal_weights(service: Service) -> bool:
    first = service.endpoints[0].weight
    if all(endpoint.weight == first for endpoint in service.endpoints):
        return False
    weighted = [endpoint for endpoint in service.endpoints if not endpoint.standby]
    v4 = {endpoint.weight for endpoint in weighted if endpoint.v4 is not None}
    v6 = {endpoint.weight for endpoint in weighted if endpoint.v6 is not None}
    return len(v4) > 1 or len(v6) > 1


def ptr_conflict(survey: Survey) -> Iterator[Problem]:
    """Two names that claim the PTR of one address within a view: the first has it."""
    for parts in survey.parts.values():
        chosen: dict[bytes, tuple[bytes, Place]] = {}
        for part in parts.values():
            for address, target, _, place in every_claim(part):
                first, first_place = chosen.setdefault(address, (target, place))
                if target is not first and names.key(target) != names.key(first):
                    message = (
                        f"{names.to_text(target)} claims {ipaddress.ip_address(address)}, but its"
                        f" PTR is {names.to_text(first)} (at {first_place}): ptr: false?"
                    )
                    yield warning(place, "ptr-conflict", message)
