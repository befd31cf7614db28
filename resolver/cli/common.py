"""What several commands share: where zones and configuration are, and how problems are shown."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from resolver.cli import COULD_NOT_RUN, PROBLEMS, Ended
from resolver.config import ServerConfig, load_config
from resolver.generation import Generation
from resolver.reload import Builder, Built
from resolver.system import defaults_of
from resolver.zones.places import Problem, Rejected

DEFAULT_CONFIG = "sightline.yaml"


def add_zone_arguments(parser: argparse.ArgumentParser) -> None:
    """`--zones` and `--config`."""
    parser.add_argument("--zones", metavar="DIR", help="directory of the zone files")
    parser.add_argument("--config", metavar="FILE", help=f"configuration (./{DEFAULT_CONFIG})")


def read_config(
    arguments: argparse.Namespace,
    options: Mapping[str, Any],
    pin: tuple[str, str] | None = None,
) -> ServerConfig:
    """The configuration of file, variables and options; raises Rejected.

    Without `--config`, `./sightline.yaml` is read when it is there.
    """
    named = arguments.config or os.environ.get("SIGHTLINE_CONFIG")
    file = Path(named or DEFAULT_CONFIG)
    found = file if named or file.exists() else None
    return load_config(found, os.environ, {"zones": arguments.zones, **options}, pin)


def show(problems: Iterable[Problem]) -> None:
    """Problems on stderr, a line each."""
    for problem in problems:
        print(problem, file=sys.stderr)


def build_zones(arguments: argparse.Namespace) -> tuple[Path, Built]:
    """Build what the files of `--zones` and `--config` say; raises Ended without configuration."""
    try:
        config = read_config(arguments, {})
    except Rejected as error:
        show(error.problems)
        raise Ended(COULD_NOT_RUN) from None
    directory = Path(config.zones)
    read_defaults = partial(defaults_of, config.forward)
    builder = Builder(directory, 0, read_defaults, config.checks.commands)
    return directory, builder.build(int(time.time()))


def load_generation(arguments: argparse.Namespace) -> Generation:
    """The generation of the files; raises Ended, with their problems shown, when there is none."""
    _, built = build_zones(arguments)
    if built.generation is None:
        show(built.problems)
        raise Ended(PROBLEMS)
    return built.generation
