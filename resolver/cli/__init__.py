"""The `sightline` command: one visible tuple of subcommands, each a module with two functions.

`add_arguments(parser)` and `run(arguments) -> exit code`. A module is imported only when its
command is used, so that `sightline query` as a health check starts quickly.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import NamedTuple

from resolver import __version__


class Command(NamedTuple):
    """One subcommand."""

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("serve", "resolver.cli.serve", "answer queries"),
    Command("check", "resolver.cli.check", "report every problem of the zone files"),
    Command("query", "resolver.cli.query_server", "ask a server, like dig"),
    Command("explain", "resolver.cli.explain", "say why a client gets an answer"),
    Command("status", "resolver.cli.status", "show what a running server knows of its endpoints"),
    Command("events", "resolver.cli.events", "show what has happened at a running server"),
    Command("top", "resolver.cli.top", "show who and what is asked most at a running server"),
    Command("cache", "resolver.cli.cache", "show or flush the cache of a running server"),
    Command("drain", "resolver.cli.override", "take endpoints out of answers, gently"),
    Command("maintain", "resolver.cli.override", "take endpoints out of answers, come what may"),
    Command("resume", "resolver.cli.override", "undo drain and maintain"),
    Command("reload", "resolver.cli.reload", "make a running server read its zone files"),
    Command("import", "resolver.cli.import_zone", "turn a master file into YAML"),
    Command(
        "export", "resolver.cli.export_zone", "print what an environment sees as a master file"
    ),
    Command("schema", "resolver.cli.schema", "print the JSON Schema of the zone files"),
)

DONE, PROBLEMS, COULD_NOT_RUN = 0, 1, 2


class Ended(Exception):
    """A command that cannot go on; what there is to say has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code is as the contract of each says, 2 for wrong usage."""
    words = sys.argv[1:] if argv is None else argv
    before = next((n for n, word in enumerate(words) if not word.startswith("-")), len(words))
    chosen = _parser().parse_args(words[: before + 1]).command
    command = next(command for command in COMMANDS if command.name == chosen)
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser(
        prog=f"sightline {command.name}", description=f"Sightline: {command.summary}."
    )
    parser.set_defaults(command=command.name)  # several may share a module
    module.add_arguments(parser)
    try:
        # Intermixed: options may stand between the words.
        code: int = module.run(parser.parse_intermixed_args(words[before + 1 :]))
        sys.stdout.flush()
    except Ended as ended:
        return ended.code
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away: nobody is left to tell
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    """What stands before the words of a command, and the list of commands."""
    parser = argparse.ArgumentParser(
        prog="sightline", description="A split-horizon internal DNS resolver."
    )
    parser.add_argument("--version", action="version", version=f"sightline {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparsers.add_parser(command.name, help=command.summary, add_help=False)
    return parser
