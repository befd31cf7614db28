"""The explanation of an answer for people: `explain`'s facts as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Facts = dict[str, Any]


def to_lines(facts: Facts) -> Iterator[str]:
    """The explanation for people, a fact a line."""
    question = facts["question"]
    yield f"{question['name']} {question['type']} ({question['read_as']})"
    if "at" in facts:
        yield from _at_lines(facts["at"], "elsewhere" in facts)
    view = facts["view"]
    if view is None:
        yield f"client   {facts['client']} is in no environment: refused"
        if "carved_out_of" in facts:
            yield f"         {facts['carved_out_of']} is carved out of its network"
    else:
        where = f" ({view['place']})" if view["place"] else ""
        yield (
            f"client   {facts['client']} is in {view['environment']}.{view['region']} "
            f"by {view['network'] or 'the listener'}{where}"
        )
    for step in facts.get("chain", ()):
        yield from _step_lines(step)
    yield from _end_lines(facts)
    for asked in facts.get("elsewhere", ()):
        yield from _elsewhere_lines(asked)
    if facts["rcode"] is None:
        yield "answer   whatever they say"
    else:
        yield f"answer   {facts['rcode']}, from {facts['source']}: {facts['reason']}"


def _at_lines(at: Facts, is_elsewhere: bool) -> Iterator[str]:
    number = "" if at["generation"] is None else f" by generation {at['generation']}"
    until = f" until {at['zones_until']}" if at["zones_until"] else ""
    yield f"at       {at['time']}{number}; its zones were served from {at['zones_since']}{until}"
    if is_elsewhere:
        yield "         what upstreams had said by then is not kept"


def _elsewhere_lines(asked: Facts) -> Iterator[str]:
    route = asked["route"]
    where = f" ({route['place']})" if route["place"] else ""
    yield f"forward  {asked['name']} by {route['by']} for {route['suffix']}{where}"
    if "cache" in asked:
        yield f"cache    {_cache_words(asked['cache'])}"
    for item in asked["upstreams"]:
        if "why" in item:
            yield f"  {item['order']}. {item['upstream']}: {item['why']} ({item['policy']})"
        else:
            yield f"  {item['upstream']}"
    if "leads_to" in asked:
        yield f"         leads to {asked['leads_to']}"


def _cache_words(cache: Facts) -> str:
    if cache["state"] == "absent":
        return "nothing: upstreams are asked"
    if cache["state"] == "failed":
        return f"nothing: asking failed within the last seconds ({cache['reason']})"
    ends = cache["expires_in"]
    when = f"expires in {ends:g} s" if ends > 0 else f"expired {-ends:g} s ago"
    records = f"{cache['records']} record{'s' if cache['records'] != 1 else ''}"
    return (
        f"{cache['state']}: {cache['rcode']}, {records}, {cache['age']:g} s old, {when}, "
        f"from {cache['from']}"
    )


def _step_lines(step: Facts) -> Iterator[str]:
    by = f" by {step['by']}" if "by" in step else ""
    by += " by ALIAS" if step.get("alias") else ""
    yield f"record   {step['owner']} {step['ttl']} {step['type']}{by}"
    yield f"         zone {step['zone']}, {step['place'] or 'generated'}"
    if "service" in step:
        yield f"service  {step['service']}"
        yield f"ttl      {step['ttl_arithmetic']}"
        for selection in step["selection"]:
            yield from _selection_lines(selection)
    else:
        yield from (f"         {value}" for value in step["values"])


def _selection_lines(selection: Facts) -> Iterator[str]:
    loads = ", ".join(f"tier {n} {load:g} %" for n, load in enumerate(selection["tiers"]))
    yield f"select   {selection['family']}, {selection['mode']}: {loads}"
    for item in selection["endpoints"]:
        yield from _endpoint_lines(item)


def _endpoint_lines(item: Facts) -> Iterator[str]:
    state = "in " if item["in"] else "out"
    weight = f"{item['weight']}"
    if item["weight_now"] != item["weight"]:
        weight = f"{item['weight_now']:g} of {item['weight']} (slow start)"
    yield (
        f"  {state}    {item['endpoint']} {item['address']} {item['region'] or ''} "
        f"tier {item['tier']}, weight {weight}, share {item['share']:g} %: "
        f"{item['why']}; {item['health']} ({item['health_reason']}) {item['place']}"
    )
    if "real" in item:
        overdue = ", overdue" if item["overdue"] else ""
        damping = item.get("damping") or f"penalty {item['penalty']}"
        yield (
            f"         real state {item['real']}, streak {item['streak']}, "
            f"{damping}{overdue}; {_last_words(item.get('last'))}"
        )
    if "override_by" in item:
        said = item["override_by"]
        reason = f": {said['reason']}" if said["reason"] else ""
        yield f"         {item['override']} by {said['by'] or 'an operator'}{reason}"


def _last_words(last: Facts | None) -> str:
    if last is None:
        return "not observed yet"
    result = "passed" if last["passed"] else last["failure"]
    detail = f": {last['detail']}" if last["detail"] else ""
    return f"{result} {last['age']:g} s ago in {last['seconds'] * 1000:.1f} ms{detail}"


def _end_lines(facts: Facts) -> Iterator[str]:
    end = facts.get("end")
    if end in ("nxdomain", "nodata"):
        what = "no such name" if end == "nxdomain" else "the name has no such type"
        yield f"end      {what} in zone {facts['zone']} ({facts['zone_place']})"
        yield f"         closest existing name {facts['closest_encloser']}"
        if "types_here" in facts:
            yield f"         it has {', '.join(facts['types_here'])}"
        for selection in facts.get("selection", ()):
            yield from _selection_lines(selection)
        yield f"         negative TTL {facts['negative_ttl']}"
    elif end == "failed":
        yield f"end      {facts['reason']}"
        if "service" in facts:
            yield f"service  {facts['service']}"
        for selection in facts.get("selection", ()):
            yield from _selection_lines(selection)
    elif end == "referral":
        yield f"end      below the zone cut {facts['cut']} ({facts['cut_place']})"
    elif end == "outside":
        rest = "" if "elsewhere" in facts else "; nothing is forwarded"
        yield f"end      outside of the zones of this view{rest}"
    if facts.get("exists_in"):
        yield f"note     the name exists in {', '.join(facts['exists_in'])}, unseen from here"
