"""`sightline explain`: why a client gets an answer, from the zone files."""

from __future__ import annotations

import argparse
import json
import sys

from resolver.cli import COULD_NOT_RUN, DONE
from resolver.cli.common import add_zone_arguments, load_generation
from resolver.explain import explain, to_lines
from resolver.names import BadName
from resolver.zones import records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("type", metavar="TYPE", nargs="?", default="A")
    parser.add_argument("--client", metavar="ADDRESS", required=True, help="who asks")
    add_zone_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        qtype = records.type_number(arguments.type)
    except records.BadRdata as error:
        return _give_up(str(error))
    generation = load_generation(arguments)
    try:
        facts = explain(generation, arguments.name, qtype, arguments.client, reveal=True)
    except (BadName, ValueError) as error:
        return _give_up(str(error))
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        for line in to_lines(facts):
            print(line)
    return DONE


def _give_up(message: str) -> int:
    print(f"sightline explain: {message}", file=sys.stderr)
    return COULD_NOT_RUN
