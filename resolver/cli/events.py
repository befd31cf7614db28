"""`sightline events`: what has happened at running servers, and with `--follow` what happens."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

from resolver.cli import COULD_NOT_RUN, DONE
from resolver.cli.admin_client import (
    AdminServer,
    Body,
    NoServer,
    Refused,
    add_admin_arguments,
    ask_each,
    complain,
    exit_code,
    find_servers,
)
from resolver.cli.wording import printable, read_time, to_clock, to_moment

PAUSE = 1.0  # seconds between two looks
LATEST = 100  # events, where nothing is said
PAGE = 1000  # events of one request
KINDS = ("health", "override", "reload", "worker", "upstream", "checker")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_admin_arguments(parser)
    parser.add_argument("--since", metavar="TIME", help="as 14:03:22, '5m ago' or ISO 8601")
    parser.add_argument(
        "--limit",
        metavar="N",
        type=int,
        help="at most so many (default: the latest 100, or all since a time)",
    )
    parser.add_argument("--environment", metavar="E", help="of this environment only")
    parser.add_argument("--kind", choices=KINDS, help="of this kind only")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="as JSON, an event a line")
    parser.epilog = (
        "Exit code: 0; 1 some server failed; 2 wrong usage, or no server could be reached."
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the events of every server in the order in which they happened."""
    try:
        since = to_moment(arguments.since)
    except ValueError as error:
        complain(arguments.command, error)
        return COULD_NOT_RUN
    if arguments.limit is not None and arguments.limit < 1:
        complain(arguments.command, "--limit is a number above 0")
        return COULD_NOT_RUN
    servers = find_servers(arguments)
    chosen = {
        **({"since": since} if since else {}),
        **({"environment": arguments.environment} if arguments.environment else {}),
        **({"kind": arguments.kind} if arguments.kind else {}),
    }
    ask = partial(_ask, chosen=chosen, limit=arguments.limit)
    bodies, failures = ask_each(arguments.command, servers, ask)
    is_many = len(servers) > 1
    _show(bodies, as_json=arguments.json, is_many=is_many)
    if not arguments.follow or not bodies:
        return exit_code(bodies, failures)
    _follow(arguments, {server: body["next"] for server, body in bodies.items()}, chosen, is_many)
    return DONE


def _ask(server: AdminServer, chosen: Mapping[str, str], limit: int | None) -> Body:
    """The latest events, or all since a time."""
    found: list[Body] = []
    while True:
        count = PAGE if "since" in chosen else LATEST
        count = count if limit is None else min(limit - len(found), PAGE)
        asked = urlencode({**chosen, "limit": str(count)})
        body = server.ask("GET", f"/api/v1/events?{asked}").body
        found += body["events"]
        is_all = len(body["events"]) < PAGE or len(found) == limit
        if is_all or "since" not in chosen:
            return {"events": found, "next": body["next"]}
        chosen = {**chosen, "since": str(body["next"])}


def _follow(
    arguments: argparse.Namespace,
    places: dict[AdminServer, int],
    chosen: Mapping[str, str],
    is_many: bool,
) -> None:
    """Show what happens, until Ctrl-C; a server that does not answer is asked again."""
    silent: set[AdminServer] = set()
    while True:
        for server, place in places.items():
            try:
                body = _ask(server, {**chosen, "since": str(place)}, None)
            except (NoServer, Refused) as error:
                if server not in silent:
                    complain(arguments.command, f"{error} (still asking)")
                silent.add(server)
                continue
            silent.discard(server)
            places[server] = body["next"]
            _show({server: body}, as_json=arguments.json, is_many=is_many)
        time.sleep(PAUSE)


def _show(bodies: Mapping[AdminServer, Body], *, as_json: bool, is_many: bool) -> None:
    found = [(event, server) for server, body in bodies.items() for event in body["events"]]
    found.sort(key=lambda pair: pair[0]["id"])
    now = datetime.now(UTC)
    for event, server in found:
        if as_json:
            print(json.dumps({**event, "server": str(server)} if is_many else event))
        else:
            print(printable("  ".join(_words(event, now, str(server) if is_many else None))))
            for problem in event.get("problems", ()):
                print(printable(f"{'':10}{problem}"))
    sys.stdout.flush()


def _words(event: Body, now: datetime, server: str | None) -> Iterable[str]:
    if server is not None:
        yield server
    yield to_clock(read_time(event["at"]), now)
    yield f"{event['kind']:<8}"
    yield f"{event['environment'] or '':<8}"
    yield event["text"]
