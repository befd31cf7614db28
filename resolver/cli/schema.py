"""`sightline schema`: the JSON Schema of the zone files, for editors."""

from __future__ import annotations

import argparse
import json

from resolver.zones.json_schema import any_schema, environments_schema, zone_schema

SCHEMAS = {"zone": zone_schema, "environments": environments_schema}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind",
        choices=tuple(SCHEMAS),
        help="zone files or environments.yaml only (default: one schema for either)",
    )
    parser.epilog = (
        "For editors with a YAML language server: write it to a file and begin a zone file with "
        "'# yaml-language-server: $schema=FILE', or map FILE to zones/**/*.yaml."
    )


def run(arguments: argparse.Namespace) -> int:
    print(json.dumps(SCHEMAS.get(arguments.kind, any_schema)(), indent=2))
    return 0
