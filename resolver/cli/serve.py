"""`sightline serve`: read everything, bind everything, then answer."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from functools import partial
from pathlib import Path

from resolver.cli.common import add_zone_arguments, read_config, show
from resolver.config import ServerConfig
from resolver.listen.sockets import CannotListen
from resolver.reload import Builder
from resolver.serials import SerialFile
from resolver.system import defaults_of, sign_system
from resolver.watch import Watcher
from resolver.worker import Worker, new_seed, report
from resolver.zones.places import Rejected, did_you_mean

COULD_NOT_START = 2
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"

log = logging.getLogger("sightline")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_zone_arguments(parser)
    parser.add_argument(
        "--listen", metavar="ADDR:PORT", action="append", help="answer here (may repeat)"
    )
    parser.add_argument("--admin", metavar="ADDR:PORT", help="admin and metrics address")
    parser.add_argument("--workers", metavar="N", help="query processes")
    parser.add_argument("--environment", metavar="E", help="pin every listener to this environment")
    parser.add_argument("--region", metavar="R", help="and to this region of it")


def run(arguments: argparse.Namespace) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LOG_FORMAT)
    if (arguments.environment is None) != (arguments.region is None):
        return _give_up("--environment and --region go together")
    pin = None
    if arguments.environment is not None:
        pin = (arguments.environment, arguments.region)
    options = {
        "listen": arguments.listen,
        "admin.listen": arguments.admin,
        "workers": arguments.workers,
    }
    try:
        config = read_config(arguments, options, pin)
    except Rejected as error:
        show(error.problems)
        return COULD_NOT_START
    return serve(config)


def serve(config: ServerConfig) -> int:
    """Load, bind, answer; the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):  # until the worker takes them over
        signal.signal(number, lambda *_: sys.exit(0))
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
    )
    built = builder.build(int(time.time()))
    if built.generation is None:
        show(built.problems)
        return COULD_NOT_START
    report(built)
    for item in config.listen:
        pin = (str(item.environment), str(item.region))
        if item.environment is not None and pin not in built.generation.views:
            known = [f"{v.environment}.{v.region}" for v in built.generation.views.values()]
            hint = did_you_mean(".".join(pin), known)
            return _give_up(f"no environment and region {'.'.join(pin)!r} for {item.address}{hint}")
    try:
        worker = Worker(config, built.generation, builder, watcher, serials, watcher_of_system)
        del built  # a generation lives no longer than it is served
        worker.bind()
    except Rejected as error:
        show(error.problems)
        return COULD_NOT_START
    except CannotListen as error:
        return _give_up(str(error))
    if config.workers is None or config.workers > 1:
        log.warning("workers: this version answers in one process")
    asyncio.run(worker.run())
    return 0


def _give_up(message: str) -> int:
    print(f"sightline: {message}", file=sys.stderr)
    return COULD_NOT_START
