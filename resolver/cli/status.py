"""`sightline status`: what running servers know of their environments, services and endpoints.

A service is shown with its endpoints unless all of them are up; `--all` shows every one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from resolver.cli.admin_client import (
    AdminServer,
    Body,
    add_admin_arguments,
    ask_each,
    exit_code,
    find_servers,
)
from resolver.cli.wording import printable, read_time, to_clock, to_columns, to_span

# The order in which states are counted; what a server adds to them comes after.
STATES = ("up", "unproven", "unknown", "damped", "down", "draining", "maintenance")
NO_STATES = frozenset({"services", "endpoints"})


class Standing(NamedTuple):
    """What one server said."""

    status: Body
    endpoints: Sequence[Body]
    now: datetime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_admin_arguments(parser)
    parser.add_argument("--all", action="store_true", help="show the services that are up, too")
    parser.add_argument("--json", action="store_true", help="as JSON: everything")
    parser.epilog = "Exit code: 0; 1 some server failed; 2 no server could be reached."


def run(arguments: argparse.Namespace) -> int:
    """Show every server."""
    servers = find_servers(arguments)
    if arguments.json:
        found, failures = ask_each(arguments.command, servers, _ask)
        facts: Body = {str(server): _to_facts(found[server]) for server in found}
        facts |= {str(failure.server): {"error": str(failure)} for failure in failures}
        print(json.dumps({"admin": facts}, indent=2))
    else:
        found, failures = ask_each(arguments.command, servers, lambda s: _show(s, arguments.all))
    return exit_code(found, failures)


def _ask(server: AdminServer) -> Standing:
    status = server.ask("GET", "/api/v1/status")
    endpoints = server.ask("GET", "/api/v1/endpoints").body["endpoints"]
    return Standing(status.body, endpoints, status.now)


def _to_facts(standing: Standing) -> Body:
    return {"status": standing.status, "endpoints": standing.endpoints}


def _show(server: AdminServer, every: bool) -> Standing:
    standing = _ask(server)
    lines = [str(server), *to_lines(standing, every=every)]
    print("\n".join(printable(line) for line in lines))
    return standing


def to_lines(standing: Standing, *, every: bool = False) -> Iterator[str]:
    """The state of a server for people."""
    status = standing.status
    number = status["generation"]
    yield f"  generation {'withheld' if number is None else number}, version {status['version']}"
    yield f"  checker: {_describe_checker(status['checker'], standing.now)}"
    yield from (f"  degraded: {sentence}" for sentence in status["degraded"])
    rows = [
        (
            f"  {name}",
            f"{counts['services']} services",
            f"{counts['endpoints']} endpoints",
            _count(counts),
        )
        for name, counts in status["environments"].items()
    ]
    yield from to_columns(rows)
    yield from to_columns([_describe_upstream(found) for found in status.get("upstreams", ())])
    services: dict[str, list[Body]] = {}
    for endpoint in standing.endpoints:
        services.setdefault(endpoint["service"], []).append(endpoint)
    for service, endpoints in services.items():
        if every or not all(is_wholly_up(endpoint) for endpoint in endpoints):
            yield f"  {service}"
            yield from to_columns([row for e in endpoints for row in _rows(e, standing.now)])


def _describe_upstream(upstream: Body) -> tuple[str, ...]:
    """Whose it is, whether it answers, how fast, and what went wrong how often."""
    state = "up" if upstream["up"] else "DOWN"
    if upstream["up"] and upstream["suspect"]:
        state = f"suspect: {upstream['failures_in_a_row']} failures in a row"
    latency = upstream["latency"]
    failures = ", ".join(f"{count} {reason}" for reason, count in upstream["failures"].items())
    return (
        f"  {upstream['environment']}",
        f"upstream {upstream['upstream']}",
        state,
        "" if latency is None else f"{latency * 1000:.1f} ms",
        failures,
    )


def _describe_checker(checker: Body, now: datetime) -> str:
    parts = [f"{checker['targets']} targets"]
    if checker["in_flight"] is not None:  # not told to those who see one environment only
        parts.append(f"{checker['in_flight']} in flight")
    if checker["overdue"]:
        parts.append(f"{checker['overdue']} OVERDUE")
    if checker["frozen_since"]:
        since = to_clock(read_time(checker["frozen_since"]), now)
        parts.append(f"FROZEN since {since}: states stay as they were")
    if checker["own_faults"]:
        parts.append(f"{checker['own_faults']} own faults")
    if checker["restarts"]:
        parts.append(f"{checker['restarts']} restarts")
    return ", ".join(parts)


def _count(counts: Body) -> str:
    known = [state for state in STATES if state in counts]
    others = [state for state in counts if state not in STATES and state not in NO_STATES]
    return ", ".join(f"{counts[state]} {state}" for state in known + others if counts[state])


def is_wholly_up(endpoint: Body) -> bool:
    """Whether nothing about it deserves a look: what is only observed may be down, too."""
    return endpoint["effective"] == "up" and not any(
        address["effective"] != "up" or address["real"] == "down" or address["overdue"]
        for address in endpoint["addresses"]
    )


def _rows(endpoint: Body, now: datetime) -> Iterator[tuple[str, ...]]:
    """A row for each address; what is said of the endpoint stands in the first."""
    said = _describe_override(endpoint, now)
    for number, address in enumerate(endpoint["addresses"]):
        yield (
            f"    {endpoint['id']}",
            address["address"],
            _describe_state(address),
            _describe_reason(address),
            _describe_last(address["last"]),
            "" if number else said,
        )


def _describe_state(address: Body) -> str:
    real, effective = address["real"], address["effective"]
    return str(real) if real == effective else f"{real} → {effective}"


def _describe_reason(address: Body) -> str:
    notes = [address["reason"]]
    if address["overdue"]:
        notes.append("OVERDUE")
    if address["changing"]:
        notes.append(f"changing: {address['streak']} against it")
    if address["weight_tenths"] < 10:
        notes.append(f"at {address['weight_tenths']}0 % of its weight")
    return ", ".join(notes)


def _describe_last(last: Body | None) -> str:
    if last is None:
        return ""
    word = "passed" if last["passed"] else last["failure"]
    detail = f": {last['detail']}" if last["detail"] else ""
    return f"{word} {to_span(last['age'])} ago{detail}"


def _describe_override(endpoint: Body, now: datetime) -> str:
    override = endpoint["override"]
    if override is None:
        declared = endpoint["declared"]
        return "" if declared == "normal" else f"{declared} by its zone file"
    until = override["until"]
    ends = f" until {to_clock(read_time(until), now)}" if until else ""
    why = f": {override['reason']}" if override["reason"] else ""
    since = to_clock(read_time(override["since"]), now)
    return f"{override['state']} by {override['by']} since {since}{ends}{why}"
