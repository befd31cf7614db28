"""`sightline top`: the names and clients that ask most at running servers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from urllib.parse import urlencode

from resolver.cli import COULD_NOT_RUN
from resolver.cli.admin_client import (
    AdminServer,
    Body,
    Refused,
    add_admin_arguments,
    ask_each,
    complain,
    exit_code,
    find_servers,
)
from resolver.cli.wording import printable, to_columns

KINDS = ("names", "clients", "blocked")
MOST = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind",
        choices=KINDS,
        nargs="?",
        default="names",
        help="what is counted (default: names); blocked: names that were kept from leaving",
    )
    add_admin_arguments(parser)
    parser.add_argument("--environment", metavar="E", help="of this environment only")
    parser.add_argument(
        "--limit", metavar="N", type=int, default=10, help="of each environment (default: 10)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = (
        "Names and clients are of a sample of the questions over UDP of the last minutes. "
        "Exit code: 0; 1 some server failed; 2 wrong usage, or no server could be reached."
    )


def run(arguments: argparse.Namespace) -> int:
    """Show what is asked most at every server."""
    if not 1 <= arguments.limit <= MOST:
        complain(arguments.command, f"--limit is a number from 1 to {MOST}")
        return COULD_NOT_RUN
    servers = find_servers(arguments)
    found, failures = ask_each(arguments.command, servers, lambda s: _ask(s, arguments))
    if arguments.json:
        facts: Body = {str(server): body for server, body in found.items()}
        facts |= {str(failure.server): {"error": str(failure)} for failure in failures}
        print(json.dumps({"admin": facts}, indent=2))
    return exit_code(found, failures)


def _ask(server: AdminServer, arguments: argparse.Namespace) -> Body:
    asked = {"kind": arguments.kind, "limit": str(arguments.limit)}
    if arguments.environment is not None:
        asked["environment"] = arguments.environment
    try:
        body = server.ask("GET", f"/api/v1/top?{urlencode(asked)}").body
    except Refused as error:
        if error.status == 404 and arguments.environment is None:
            said = {"title": "this server does not tell what is asked most: another version"}
            raise Refused(server, error.status, said) from None
        raise
    environments: Body = body["environments"]
    if not arguments.json:
        print("\n".join(printable(line) for line in (str(server), *_lines(body))))
    return environments


def _lines(body: Body) -> Iterator[str]:
    of = "questions" if body["kind"] == "blocked" else "questions looked at"
    for environment, found in body["environments"].items():
        total = found["total"]
        yield f"  {environment}: {total} {of}"
        rows = [
            (f"    {item['what']}", f"{item['most']}", f"{100 * item['most'] / total:.1f} %")
            for item in found["top"]
            if total
        ]
        yield from to_columns(rows) if rows else ()
