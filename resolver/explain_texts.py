"""The explanation of an answer as short texts, the most important first: what fits TXT records.

They are for clients: they tell what was decided, and neither files nor what operators said. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Facts = dict[str, Any]

LONGEST = 255  # octets of one text (RFC 1035 3.3)
MOST = 60  # texts


def to_texts(facts: Facts) -> list[str]:
    """The explanation, a fact a text; ASCII, since that is what clients show as it is."""
    texts = [_cut(text) for text in _texts(facts)]
    if len(texts) > MOST:
        texts = [*texts[:MOST], f"and {len(texts) - MOST} more"]
    return texts


def _cut(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    visible = "".join(char if char.isprintable() else "?" for char in plain)
    return visible if len(visible) <= LONGEST else f"{visible[: LONGEST - 3]}..."


def _texts(facts: Facts) -> Iterator[str]:
    question, view = facts["question"], facts["view"]
    asked = f"{question['name']} {question['type']}"
    if facts["rcode"] is None:
        yield f"{asked}: upstreams are asked"
    else:
        yield f"{asked}: {facts['rcode']} from {facts['source']}, {facts['reason']}"
    network = view["network"]
    by = "this listener" if network is None else network
    yield f"client {facts['client']}: {view['environment']}.{view['region']} by {by}"
    steps = facts.get("chain", ())
    for step in steps:
        yield from _step(step)
    yield from _end(facts)
    for asked_for in facts.get("elsewhere", ()):
        yield from _elsewhere(asked_for)
    selections = [*facts.get("selection", ())]
    selections += [found for step in steps for found in step.get("selection", ())]
    endpoints = [item for selection in selections for item in selection["endpoints"]]
    endpoints.sort(key=lambda item: (not item["in"], item["tier"], -item["share"]))
    yield from map(_endpoint, endpoints)


def _step(step: Facts) -> Iterator[str]:
    by = f" by {step['by']}" if "by" in step else ""
    by += " by ALIAS" if step.get("alias") else ""
    head = f"{step['owner']} {step['ttl']} {step['type']}{by}"
    if "service" not in step:
        values = step["values"]
        more = f" and {len(values) - 4} more" if len(values) > 5 else ""
        yield f"{head}: {', '.join(values[:4] if more else values)}{more}"
        return
    yield f"{head}: service {step['service']}"
    yield f"ttl {step['ttl_arithmetic']}"
    yield from map(_selection, step["selection"])


def _selection(selection: Facts) -> str:
    loads = ", ".join(f"tier {n} {load:g} %" for n, load in enumerate(selection["tiers"]))
    return f"{selection['family']} {selection['mode']}: {loads}"


def _endpoint(item: Facts) -> str:
    state = "in" if item["in"] else "out"
    weight = f"{item['weight_now']:g}"
    reason = item["health_reason"]
    why = f", {reason}" if reason not in (item["health"], "withheld") else ""
    return (
        f"{state} {item['endpoint']} {item['address']} share {item['share']:g} % tier "
        f"{item['tier']} weight {weight}: {item['why']}; {item['effective']}{why}"
    )


def _end(facts: Facts) -> Iterator[str]:
    end = facts.get("end")
    if end in ("nxdomain", "nodata"):
        what = "no such name" if end == "nxdomain" else "no such type"
        here = f", which has {', '.join(facts['types_here'])}" if "types_here" in facts else ""
        yield f"{what} in zone {facts['zone']}; closest name {facts['closest_encloser']}{here}"
        yield f"negative ttl {facts['negative_ttl']}"
    elif end == "referral":
        yield f"below the zone cut {facts['cut']}"
    elif end == "outside":
        yield "outside of the zones of this view"
    if end in ("failed", "nodata") and "selection" in facts:
        if "service" in facts:
            yield f"service {facts['service']}"
        yield from map(_selection, facts["selection"])


def _elsewhere(asked: Facts) -> Iterator[str]:
    route = asked["route"]
    yield f"{asked['name']}: {route['by']} for {route['suffix']}"
    cache = asked.get("cache")
    if cache is not None and "expires_in" in cache:
        yield (
            f"cache {cache['state']}: {cache['rcode']}, {cache['age']:g} s old, "
            f"expires in {cache['expires_in']:g} s"
        )
    elif cache is not None:
        yield f"cache {cache['state']}"
    yield f"upstreams {', '.join(item['upstream'] for item in asked['upstreams'])}"
    if "leads_to" in asked:
        yield f"leads to {asked['leads_to']}"
