"""`sightline serve`: read everything, bind everything, then answer."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from functools import partial
from pathlib import Path

from resolver import logs
from resolver.cli.common import add_zone_arguments, read_config, show
from resolver.config import ServerConfig
from resolver.generation import Generation
from resolver.listen.pumps import NoCompiledPump, choose
from resolver.listen.sockets import CannotListen
from resolver.loop import run as run_loop
from resolver.privileges import CannotBecome, become
from resolver.reload import Builder
from resolver.serials import SerialFile
from resolver.snapshot import SnapshotFile
from resolver.supervisor import Sockets, Supervisor, new_seed, report
from resolver.system import defaults_of, sign_system
from resolver.watch import Watcher
from resolver.zones.places import Rejected, did_you_mean

COULD_NOT_START = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_zone_arguments(parser)
    parser.add_argument(
        "--listen", metavar="ADDR:PORT", action="append", help="answer here (may repeat)"
    )
    parser.add_argument("--admin", metavar="ADDR:PORT", help="admin and metrics address")
    parser.add_argument("--workers", metavar="N", help="query processes; auto, or 0 for one in all")
    parser.add_argument("--pump", metavar="KIND", help="auto, compiled or python")
    parser.add_argument("--user", metavar="NAME", help="become this user when all is bound")
    parser.add_argument("--environment", metavar="E", help="pin every listener to this environment")
    parser.add_argument("--region", metavar="R", help="and to this region of it")


def run(arguments: argparse.Namespace) -> int:
    logs.set_up()
    if (arguments.environment is None) != (arguments.region is None):
        return _give_up("--environment and --region go together")
    pin = None
    if arguments.environment is not None:
        pin = (arguments.environment, arguments.region)
    options = {
        "listen": arguments.listen,
        "admin.listen": arguments.admin,
        "workers": arguments.workers,
        "pump": arguments.pump,
        "user": arguments.user,
    }
    try:
        config = read_config(arguments, options, pin)
    except Rejected as error:
        show(error.problems)
        return COULD_NOT_START
    return serve(config)


def serve(config: ServerConfig) -> int:
    """Load, bind, answer; the exit code."""
    logs.set_up(config.log.format)
    for number in (signal.SIGTERM, signal.SIGINT):  # until the supervisor takes them over
        signal.signal(number, lambda *_: sys.exit(0))
    sockets = Sockets(config)
    try:
        choose(config.pump)
        if config.user is not None:  # nothing is read as root
            sockets.bind()
            become(config.user)
        supervisor = _prepare(config, sockets)
    except Rejected as error:
        show(error.problems)
        return COULD_NOT_START
    except (CannotListen, CannotBecome, CannotServe, NoCompiledPump) as error:
        return _give_up(str(error))
    run_loop(supervisor.run(), answers=not supervisor.sockets.workers)
    return 0


def _prepare(config: ServerConfig, sockets: Sockets) -> Supervisor:
    """Read everything, and bind what is not bound yet; raises what keeps the server from it."""
    # Look before we read: no change is missed.
    watcher = Watcher(Path(config.zones))
    resolv_conf = Path(config.forward.resolv_conf)
    watcher_of_system = Watcher(resolv_conf, partial(sign_system), lambda _: False)
    serials = None if config.state_dir is None else SerialFile(Path(config.state_dir))
    builder = Builder(
        Path(config.zones),
        new_seed(),
        partial(defaults_of, config.forward),
        config.checks.commands,
        serials.load() if serials is not None else None,
        packs=sockets.workers > 0,
        snapshots=None if config.state_dir is None else SnapshotFile(Path(config.state_dir)),
    )
    built = builder.build(int(time.time()))
    if built.generation is None:
        raise Rejected(built.problems)
    report(built)
    _find_pins(config, built.generation)
    if not sockets.listeners:
        sockets.bind()
    what = (built.generation, builder, watcher, serials, watcher_of_system)
    return Supervisor(config, sockets, *what)


class CannotServe(Exception):
    """The message says why, in one line."""


def _find_pins(config: ServerConfig, generation: Generation) -> None:
    """Raise CannotServe when a listener is pinned to what the files do not have."""
    for item in config.listen:
        pin = (str(item.environment), str(item.region))
        if item.environment is not None and pin not in generation.views:
            known = [f"{v.environment}.{v.region}" for v in generation.views.values()]
            hint = did_you_mean(".".join(pin), known)
            message = f"no environment and region {'.'.join(pin)!r} for {item.address}{hint}"
            raise CannotServe(message)


def _give_up(message: str) -> int:
    print(f"sightline: {message}", file=sys.stderr)
    return COULD_NOT_START
