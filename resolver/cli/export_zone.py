"""`sightline export`: what an environment sees, as a master file, from the zone files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from healthcheck.health import ALL_UP
from resolver import names
from resolver.cli import COULD_NOT_RUN, DONE
from resolver.cli.common import add_zone_arguments, load_generation
from resolver.export import export_zone, exported_zones
from resolver.namespace import Namespace
from resolver.rrsets import Scope
from resolver.zones.places import did_you_mean
from resolver.zones.zone import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("environment", metavar="ENVIRONMENT", help="whose view")
    parser.add_argument(
        "zone",
        metavar="ZONE",
        nargs="?",
        help="this zone only, relative to the domain or absolute (default: all with content)",
    )
    add_zone_arguments(parser)
    parser.add_argument(
        "--region",
        help="whose region-less and here names (default: the environment's first region)",
    )
    parser.epilog = (
        "Every endpoint is assumed up. With ZONE the output is one master file; without, they "
        "follow one another. Exit code: 1 problems in the zone files, 2 unknown names."
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the master files."""
    generation = load_generation(arguments)
    plan = generation.zones.plan
    environment = plan.environments.get(arguments.environment)
    if environment is None:
        return _unknown("environment", arguments.environment, plan.environments)
    region = arguments.region or next(iter([*environment.clients, *plan.regions]), "")
    if arguments.region and region not in plan.regions:
        return _unknown("region", region, plan.regions)
    space = generation.namespaces[environment.name]
    if arguments.zone is None:
        apexes = exported_zones(space)
    else:
        apex = _find_zone(arguments.zone, space, plan)
        if apex is None:
            known = [names.to_text(zone.apex) for zone in space.zones.values()]
            short = [names.relative_text(zone.apex, plan.domain) for zone in space.zones.values()]
            return _unknown(f"zone of {environment.name}", arguments.zone, [*known, *short])
        apexes = [apex]
    scope = Scope(environment.name, region, ALL_UP)
    print("\n".join(export_zone(space, scope, apex) for apex in apexes), end="")
    return DONE


def _find_zone(text: str, space: Namespace, plan: Plan) -> bytes | None:
    """The apex key of a zone: relative to the domain if the view has it, else absolute."""
    for origin in (plan.domain, names.ROOT):
        try:
            apex = names.key(names.from_text(text, origin))
        except names.BadName:
            continue
        if apex in space.zones:
            return apex
    return None


def _unknown(what: str, word: str, known: Iterable[str]) -> int:
    print(f"unknown {what}: {word!r}{did_you_mean(word, known)}", file=sys.stderr)
    return COULD_NOT_RUN
