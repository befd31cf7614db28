"""`sightline reload`: make running servers read their zone files now, and say what came of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from resolver.cli.admin_client import (
    AdminServer,
    Body,
    Refused,
    add_admin_arguments,
    ask_each,
    exit_code,
    find_servers,
)
from resolver.cli.progress import Progress
from resolver.cli.wording import printable

PATIENCE = 300.0  # seconds: the server answers when it has built everything


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_admin_arguments(parser)
    parser.epilog = (
        "Exit code: 0 reloaded; 1 the files have errors (the old generation serves on) or a "
        "server failed; 2 no server could be reached."
    )


def run(arguments: argparse.Namespace) -> int:
    """Reload every server; problems go to stderr, a line each."""
    servers = find_servers(arguments)
    done, failures = ask_each(arguments.command, servers, _reload)
    return exit_code(done, failures)


def _reload(server: AdminServer) -> None:
    try:
        with Progress(f"{server}: reading the zone files"):
            body = server.ask("POST", "/api/v1/reload", timeout=PATIENCE).body
    except Refused as error:
        _show(error.body.get("problems", ()))
        raise
    warnings = body.get("warnings", ())
    count = f", {len(warnings)} warning{'s' * (len(warnings) > 1)}" if warnings else ""
    print(f"{server}: generation {body['generation']}{count}", flush=True)
    _show(warnings)


def _show(problems: Iterable[Body]) -> None:
    """As `sightline check` words them."""
    for p in problems:
        line = (
            f"{p['file']}:{p['line']}:{p['column']}: {p['severity']}: {p['rule']}: {p['message']}"
        )
        print(printable(line), file=sys.stderr)
