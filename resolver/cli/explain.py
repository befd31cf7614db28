"""`sightline explain`: why a client gets an answer, from the zone files."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from resolver.cli.common import add_zone_arguments, read_config, show
from resolver.explain import explain, to_lines
from resolver.names import BadName
from resolver.reload import Builder
from resolver.zones import records
from resolver.zones.places import Rejected

EXPLAINED, PROBLEMS, COULD_NOT_RUN = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("type", metavar="TYPE", nargs="?", default="A")
    parser.add_argument("--client", metavar="ADDRESS", required=True, help="who asks")
    add_zone_arguments(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        qtype = records.type_number(arguments.type)
        config = read_config(arguments, {})
    except records.BadRdata as error:
        return _give_up(str(error))
    except Rejected as error:
        show(error.problems)
        return COULD_NOT_RUN
    builder = Builder(Path(config.zones), 0, bool(config.forward.upstreams))
    built = builder.build(int(time.time()))
    if built.generation is None:
        show(built.problems)
        return PROBLEMS
    try:
        facts = explain(built.generation, arguments.name, qtype, arguments.client, reveal=True)
    except (BadName, ValueError) as error:
        return _give_up(str(error))
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        for line in to_lines(facts):
            print(line)
    return EXPLAINED


def _give_up(message: str) -> int:
    print(f"sightline explain: {message}", file=sys.stderr)
    return COULD_NOT_RUN
