"""`sightline cache show` and `cache flush`: what running servers remember of upstreams' answers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from urllib.parse import urlencode

from resolver.cli import COULD_NOT_RUN
from resolver.cli.admin_client import (
    AdminServer,
    Body,
    add_admin_arguments,
    ask_each,
    complain,
    exit_code,
    find_servers,
)
from resolver.cli.wording import printable, to_columns, to_octets

PATH = "/api/v1/cache"
PATIENCE = 30.0  # seconds: every worker forgets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "flush"))
    add_admin_arguments(parser)
    parser.add_argument("--environment", metavar="E", help="of this environment only")
    parser.add_argument("--name", metavar="NAME", help="flush: this name, of every type")
    parser.add_argument("--suffix", metavar="NAME", help="flush: this name and all below it")
    parser.add_argument("--all", action="store_true", help="flush: everything")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.epilog = (
        "Exit code: 0; 1 some server failed; 2 wrong usage, or no server could be reached."
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the caches of every server, or flush them at every server."""
    chosen = [arguments.name, arguments.suffix, arguments.all or None]
    wanted = 0 if arguments.action == "show" else 1
    if sum(word is not None for word in chosen) != wanted:
        complain(
            arguments.command,
            "--name, --suffix and --all are of flush"
            if wanted == 0
            else "flush takes one of --name, --suffix and --all",
        )
        return COULD_NOT_RUN
    servers = find_servers(arguments)
    if arguments.action == "show":
        found, failures = ask_each(arguments.command, servers, lambda s: _show(s, arguments))
    else:
        found, failures = ask_each(arguments.command, servers, lambda s: _flush(s, arguments))
    if arguments.json:
        facts: Body = {str(server): body for server, body in found.items()}
        facts |= {str(failure.server): {"error": str(failure)} for failure in failures}
        print(json.dumps({"admin": facts}, indent=2))
    return exit_code(found, failures)


def _show(server: AdminServer, arguments: argparse.Namespace) -> Body:
    partitions: Body = server.ask("GET", PATH).body["environments"]
    only = arguments.environment
    found = {name: found for name, found in partitions.items() if only in (None, name)}
    if not arguments.json:
        print("\n".join(printable(line) for line in (str(server), *_lines(found))))
    return found


def _lines(partitions: Body) -> Iterator[str]:
    if not partitions:
        yield "  nothing was asked of upstreams"
        return
    yield from to_columns(
        [
            (
                f"  {environment}",
                f"{found['entries']} entries",
                to_octets(found["octets"]),
                _describe_hits(found),
                f"{found['evictions']} made room" if found["evictions"] else "",
                f"{found['kept_inside']['total']} names kept from leaving"
                if found["kept_inside"]["total"]
                else "",
            )
            for environment, found in partitions.items()
        ]
    )


def _describe_hits(found: Body) -> str:
    """The part of the questions that was answered from the cache, and of which kinds."""
    hits = sum(found["hits"].values())
    asked = hits + found["misses"]
    if not asked:
        return "never asked"
    kinds = ", ".join(f"{count} {kind}" for kind, count in found["hits"].items() if count)
    return f"{100 * hits / asked:.1f} % of {asked} hit" + (f" ({kinds})" if kinds else "")


def _flush(server: AdminServer, arguments: argparse.Namespace) -> Body:
    asked = {
        key: value
        for key in ("name", "suffix", "environment")
        if (value := getattr(arguments, key)) is not None
    }
    path = f"{PATH}?{urlencode(asked)}" if asked else PATH
    forgotten: Body = server.ask("DELETE", path, timeout=PATIENCE).body["forgotten"]
    if not arguments.json:
        counts = ", ".join(f"{name} {count}" for name, count in forgotten.items())
        print(printable(f"{server}: forgotten: {counts or 'nothing'}"), flush=True)
    return forgotten
