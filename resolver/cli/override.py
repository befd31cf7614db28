"""`sightline drain`, `maintain` and `resume`: an operator's word on endpoints, at every server.

`--wait` returns when no client of a resolver that honours TTLs can still hold an address.
"""

from __future__ import annotations

import argparse
import getpass
import os
import socket
from datetime import datetime
from typing import NamedTuple

from resolver.cli import DONE
from resolver.cli.admin_client import (
    AdminServer,
    Body,
    NoServer,
    Refused,
    add_admin_arguments,
    complain,
    endpoint_path,
    exit_code,
    find_servers,
)
from resolver.cli.safety import Watch, describe_safety, wait_until_safe
from resolver.cli.wording import printable, read_time, to_clock, to_columns

STATES = {"drain": "drain", "maintain": "maintenance", "resume": "normal"}
WAIT = 600.0  # seconds


class Change(NamedTuple):
    """What one server made of one word of the command line."""

    server: AdminServer
    pattern: str
    body: Body


def add_arguments(parser: argparse.ArgumentParser) -> None:
    command = parser.get_default("command")
    parser.add_argument(
        "endpoints",
        metavar="ENDPOINT",
        nargs="+",
        type=_name,
        help="service.env.region/address-or-name, as status shows it; globs are allowed",
    )
    add_admin_arguments(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for others to read")
    parser.add_argument("--by", metavar="NAME", help="who (default: you, at this host)")
    if command != "resume":
        parser.add_argument(
            "--for",
            dest="seconds",
            metavar="DURATION",
            type=_duration,
            help="how long, as 30m or 2h (default: until resumed)",
        )
        parser.add_argument(
            "--wait", action="store_true", help="return when it is safe to stop the endpoints"
        )
        parser.add_argument(
            "--timeout",
            metavar="DURATION",
            type=_duration,
            default=WAIT,
            help="give up waiting after it (default: 10m)",
        )
    parser.epilog = (
        "Exit code: 0 done; 1 a server refused or failed, or it was not safe in time; 2 wrong "
        "usage, or no server could be reached."
    )


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _duration(text: str) -> float:
    from resolver.zones.leaves import read_duration
    from resolver.zones.places import text_at

    try:
        seconds = read_duration(text_at(text, 1, 1))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not seconds:
        raise argparse.ArgumentTypeError("it must be longer than nothing")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Change every endpoint at every server, then wait if so wished."""
    command = arguments.command
    servers = find_servers(arguments)
    try:
        changes, failures = _change_all(command, servers, arguments.endpoints, _word(arguments))
        code = exit_code(changes, failures)
        if command == "resume" or not arguments.wait:
            return code
        if code != DONE:
            complain(command, "not waiting, since it was not done everywhere")
            return code
        watches = [Watch(command, c.server, c.pattern, _endpoints(c)) for c in changes]
        return wait_until_safe(command, watches, arguments.timeout)
    except KeyboardInterrupt:
        if command != "resume":
            complain(command, "interrupted; what was changed stays so until `sightline resume`")
        raise


def _word(arguments: argparse.Namespace) -> Body:
    """What every server is told."""
    body: Body = {
        "state": STATES[arguments.command],
        "reason": arguments.reason,
        "by": arguments.by or _name_person(),
    }
    if getattr(arguments, "seconds", None) is not None:
        body["for"] = arguments.seconds
    return body


def _name_person() -> str:
    """Whoever typed the command, even behind sudo."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        name = f"uid {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


def _change_all(
    command: str, servers: list[AdminServer], patterns: list[str], word: Body
) -> tuple[list[Change], list[NoServer | Refused]]:
    """Tell every server; what is refused or fails has been shown."""
    changes: list[Change] = []
    failures: list[NoServer | Refused] = []
    for server in servers:
        for pattern in dict.fromkeys(patterns):
            try:
                reply = server.ask("PUT", f"{endpoint_path(pattern)}/state", word)
            except NoServer as error:
                complain(command, error)
                failures.append(error)
                break
            except Refused as error:
                complain(command, error)
                failures.append(error)
                continue
            change = Change(server, pattern, reply.body)
            if not changes or changes[-1].server != server:
                print(server)
            changes.append(change)
            _show(change, reply.now)
    return changes, failures


def _endpoints(change: Change) -> list[Body]:
    found: list[Body] = change.body["endpoints"]
    return found


def _show(change: Change, now: datetime) -> None:
    """What came of it at one server, an endpoint a line."""
    changed = change.body["changed"]
    rows = [
        (f"  {e['id']}", *_describe(e, is_changed=e["id"] in changed, now=now))
        for e in _endpoints(change)
    ]
    for line in to_columns(rows):
        print(printable(line))
    if change.body.get("note"):
        print(printable(f"  note: {change.body['note']}"), flush=True)


def _describe(endpoint: Body, *, is_changed: bool, now: datetime) -> tuple[str, str]:
    """Its state, and when it is safe to stop."""
    state = endpoint["effective"] + ("" if is_changed else " (unchanged)")
    override = endpoint["override"]
    if override is None:
        is_out = endpoint["effective"] in ("draining", "maintenance")
        return state, "its zone file says so" if is_out else ""
    until = override["until"]
    ends = f", until {to_clock(read_time(until), now)}" if until else ""
    return state, describe_safety(endpoint, now) + ends
