"""`sightline import`: an RFC 1035 master file as one YAML zone file on stdout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from resolver import names
from resolver.cli import COULD_NOT_RUN
from resolver.zones.master import read
from resolver.zones.master_reader import MasterSyntaxError
from resolver.zones.write_yaml import write

STDIN = "<stdin>"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="ZONEFILE", help="the master file; - reads stdin")
    parser.add_argument(
        "--origin",
        metavar="NAME",
        help="the apex of the zone (default: the owner of its SOA, else its first $ORIGIN)",
    )
    parser.add_argument(
        "--visible-to",
        metavar="ENV,…|all",
        default="all",
        help="the environments that see the zone (default: all)",
    )
    parser.epilog = "Exit code: 0 all was kept; 1 not all, stderr says what; 2 cannot be read."


def run(arguments: argparse.Namespace) -> int:
    """Print the YAML; what could not be kept goes to stderr with its place."""
    try:
        origin = _origin(arguments.origin)
        if arguments.file == "-":
            file, octets = STDIN, sys.stdin.buffer.read()
        else:
            file, octets = arguments.file, Path(arguments.file).read_bytes()
        zone = read(octets, file, _load, origin)
    except OSError as error:
        print(f"{arguments.file}: {error.strerror}", file=sys.stderr)
        return COULD_NOT_RUN
    except (MasterSyntaxError, names.BadName) as error:
        print(error, file=sys.stderr)
        return COULD_NOT_RUN
    words = [word.strip() for word in arguments.visible_to.split(",") if word.strip()]
    visible_to = None if words in ([], ["all"]) else words
    source = None if file == STDIN else Path(file).name
    sys.stdout.write(write(zone, visible_to, source))
    for message in zone.lost:
        print(message, file=sys.stderr)
    return 1 if zone.lost else 0


def _origin(text: str | None) -> bytes | None:
    """The name of --origin; always absolute, with or without its final dot."""
    if text is None:
        return None
    try:
        return names.from_text(text)
    except names.BadName as error:
        raise names.BadName(f"--origin: {error}") from None


def _load(path: str, includer: str) -> tuple[str, bytes]:
    """An included file, relative to the one that names it."""
    parent = Path() if includer == STDIN else Path(includer).parent
    found = parent / path
    return str(found), found.read_bytes()
