"""`make bench`: run the scenarios, print the table. Performance is told here, not tested."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from bench.cachesize import cachesize
from bench.changes import check, reload, start
from bench.chart import as_svg
from bench.contest import large, nxdomain, tcp, zone
from bench.costs import costs
from bench.effort import QUICK, Effort, Scenario
from bench.flapping import flapping, storm
from bench.flips import flips
from bench.forwarding import cached, misses
from bench.hanging import fairness, hanging
from bench.kills import kills
from bench.load import flood, queries
from bench.measure import CORES, CannotMeasure
from bench.outages import coldname, stale
from bench.peers import Site
from bench.probing import probes
from bench.report import Figure, as_json, as_markdown
from bench.standing import missing, panels, versions
from bench.workers import scale, workers
from bench.zones import generate, write_answers, write_questions, write_zones

SCENARIOS: tuple[Scenario, ...] = (
    *(zone, nxdomain, tcp, large, flapping, storm, workers, scale, costs),
    *(queries, flood, start, check, reload, kills, flips, probes),
    *(misses, cached, coldname, stale, hanging, fairness, cachesize),
)
ASKED_NAMES = 2000  # of the services that the asking client sees


def make_site(scratch: Path, count: int, files: int) -> Site:
    """The data of a run."""
    services = generate(count)
    changing = write_zones(scratch / "zones", services, files)
    answers, questions = scratch / "answers.json", scratch / "questions.txt"
    write_answers(answers, services)
    write_questions(questions, services, ASKED_NAMES)
    return Site(scratch / "zones", changing, answers, questions, scratch, count)


def about(site: Site) -> dict[str, object]:
    """What the figures depend on."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": len(CORES),
        "load": os.getloadavg()[0],
        "services": site.services,
        "files": sum(path.is_file() for path in site.zones.rglob("*")),
        "versions": ", ".join(f"{command} {word}" for command, word in versions().items()),
        "not installed": ", ".join(missing()) or "none",
    }


def main() -> int:
    """The exit code: 1 when something could not be measured, whatever the figures say."""
    names = [scenario.__name__ for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, fewer repetitions")
    parser.add_argument("--only", choices=names, action="append", help="this scenario (may repeat)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw CPU per query of servers")
    parser.add_argument("--services", type=int, default=10_000, metavar="N")
    parser.add_argument("--files", type=int, default=100, metavar="N")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else Effort()
    figures: list[Figure] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        site = make_site(Path(scratch), arguments.services, arguments.files)
        known = about(site)
        for scenario in SCENARIOS:
            if arguments.only and scenario.__name__ not in arguments.only:
                continue
            print(f"bench: {scenario.__name__} …", file=sys.stderr, flush=True)
            try:
                figures += scenario(site, effort)
            except CannotMeasure as error:
                print(f"bench: {scenario.__name__}: {error}", file=sys.stderr)
                failed = True
    print(as_markdown(figures))
    print("\n" + ", ".join(f"{key} {value}" for key, value in known.items()))
    if arguments.json is not None:
        arguments.json.write_text(as_json(figures, known) + "\n")
    if arguments.svg is not None:
        arguments.svg.write_text(as_svg(panels(figures), "µs"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
