"""What is told of the servers of a run: which there were, and their bars in the chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.chart import Bar, Panel
from bench.floor import FLOOR
from bench.peers import COMPILED, PYTHON
from bench.programs import find, version_of
from bench.report import Figure

OURS = (COMPILED, PYTHON)
CHARTED = {  # scenario and variant → title
    ("zone", "plain"): "An answer from a zone over UDP: CPU per query",
    ("cached", "cached"): "An external name from the cache: CPU per query",
}


COMMANDS = {  # of peers → the option that tells the version
    "named": "-v",
    "knotd": "-V",
    "nsd": "-v",
    "pdns_server": "--version",
    "gdnsd": "-h",
    "coredns": "-version",
    "dnsmasq": "-v",
    "unbound": "-V",
    "pdns_recursor": "--version",
    "dnsdist": "--version",
}


def versions() -> dict[str, str]:
    """Of all that are installed."""
    found = {command: version_of(command, option) for command, option in COMMANDS.items()}
    return {command: version for command, version in found.items() if version is not None}


def missing() -> list[str]:
    """The peers that are not installed."""
    return [command for command in COMMANDS if find(command) is None]


def panels(figures: Sequence[Figure]) -> Iterator[Panel]:
    """The panels of the chart, as far as they were measured."""
    floor = next((f.value for f in figures if f.server == FLOOR and f.variant == "plain"), None)
    for (scenario, variant), title in CHARTED.items():
        bars = [
            Bar(f.server, f.value, f.server in OURS)
            for f in figures
            if f.server not in ("", FLOOR) and (f.scenario, f.variant) == (scenario, variant)
        ]
        yield Panel(title, bars, floor)
