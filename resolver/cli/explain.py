"""`sightline explain`: why a client gets an answer, from the zone files or a running server."""

from __future__ import annotations

import argparse
import json
import sys
from urllib.parse import urlencode

from resolver.cli import COULD_NOT_RUN, DONE, PROBLEMS, Ended
from resolver.cli.admin_client import (
    NoServer,
    Refused,
    add_token_argument,
    complain,
    find_servers,
)
from resolver.cli.common import add_zone_arguments, load_generation
from resolver.cli.wording import printable, to_moment
from resolver.explain import explain
from resolver.explain_lines import to_lines
from resolver.explain_selection import Facts
from resolver.names import BadName
from resolver.zones import records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("type", metavar="TYPE", nargs="?", default="A")
    parser.add_argument("--client", metavar="ADDRESS", required=True, help="who asks")
    add_zone_arguments(parser)
    parser.add_argument(
        "--admin",
        metavar="URL",
        help="ask the running server at http://HOST:PORT, with the health it knows, instead of "
        "the files; of the addresses of a name, the first that answers",
    )
    add_token_argument(parser)
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="what a running server answered at a time, as 14:03:22, '5m ago' or ISO 8601: it "
        "keeps the zones of its last 10 reloads and an hour of health",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        qtype = records.type_number(arguments.type)
    except records.BadRdata as error:
        return _give_up(str(error))
    if arguments.admin is not None and arguments.zones is not None:
        return _give_up("--zones and --admin exclude each other")
    if arguments.at is not None and arguments.admin is None:
        return _give_up("--at asks a running server: say which with --admin")
    try:
        if arguments.admin is None:
            facts = _explain_files(arguments, qtype)
        else:
            facts = _ask_server(arguments)
    except (BadName, ValueError) as error:
        return _give_up(str(error))
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        for line in to_lines(facts):
            print(printable(line))
    return DONE


def _explain_files(arguments: argparse.Namespace, qtype: int) -> Facts:
    generation = load_generation(arguments)
    return explain(generation, arguments.name, qtype, arguments.client, reveal=True)


def _ask_server(arguments: argparse.Namespace) -> Facts:
    """What the first server that answers says; raises Ended when none does."""
    command = arguments.command
    asked = {"name": arguments.name, "type": arguments.type, "client": arguments.client}
    if arguments.at is not None:
        asked["at"] = to_moment(arguments.at) or ""
    path = f"/api/v1/explain?{urlencode(asked)}"
    arguments.admin = [arguments.admin]
    for server in find_servers(arguments):
        try:
            return server.ask("GET", path).body
        except NoServer as error:
            complain(command, error)
        except Refused as error:
            complain(command, error)
            raise Ended(COULD_NOT_RUN if error.status == 400 else PROBLEMS) from None
    raise Ended(COULD_NOT_RUN)


def _give_up(message: str) -> int:
    print(f"sightline explain: {message}", file=sys.stderr)
    return COULD_NOT_RUN
