"""Many zone files → what each of them says: read here, or by processes beside this one.

Each process is told the plan and its share of the files, answers file by file, and ends. It is a
fresh interpreter, since this one may have threads; it does not outlive us, as nobody would hear it.
What a process does not give is read here, so that nothing depends on them.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO

from resolver.cpus import count_cpus
from resolver.zones.reading import PlanFile, ZoneFile, read_plan, read_zone_file

# A process needs 0.6 s until it reads, and 0.8 s for each MB: below this they save next to nothing,
# and cost more where other work waits for the processors.
FEW_OCTETS = 4_000_000
# Of the interpreter that a process starts with: nothing of its surroundings, our own modules.
START = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"

# What comes of a pickle that ends too early, or is none.
BROKEN = (EOFError, pickle.UnpicklingError, AttributeError, ImportError, IndexError, ValueError)

Files = Mapping[str, bytes]
"""Name → octets."""

log = logging.getLogger("sightline")


def read_many(files: Files, plan_file: PlanFile | None) -> dict[str, ZoneFile]:
    """Read every file under a plan, in the order given."""
    count = _count_processes(files)
    found = _read_beside(files, plan_file, count) if count else {}
    plan = None if plan_file is None else plan_file.plan
    for name, octets in files.items():
        if name not in found:
            found[name] = read_zone_file(octets, name, plan)
    return {name: found[name] for name in files}


def _count_processes(files: Files) -> int:
    """How many processes are worth their start; one is not."""
    if not sys.executable or sum(map(len, files.values())) < FEW_OCTETS:
        return 0
    count = min(count_cpus(), len(files))
    return count if count > 1 else 0


def _read_beside(files: Files, plan_file: PlanFile | None, count: int) -> dict[str, ZoneFile]:
    """What processes give, which need not be all."""
    readers: list[_Reader] = []
    try:
        for share in _shares(files, count):
            readers.append(_Reader(share))  # noqa: PERF401  # so that those begun are ended
        for reader in readers:
            reader.begin(plan_file)
        for reader in readers:
            reader.join()
    except OSError as error:
        log.warning("no processes to read zones: %s", error)
    finally:
        for reader in readers:
            reader.end()
    return {name: file for reader in readers for name, file in reader.found.items()}


def _shares(files: Files, count: int) -> list[dict[str, bytes]]:
    """Files for each process, about as many octets for all: the largest first."""
    shares: list[dict[str, bytes]] = [{} for _ in range(count)]
    sizes = [0] * count
    for name in sorted(files, key=lambda name: -len(files[name])):
        least = sizes.index(min(sizes))
        shares[least][name] = files[name]
        sizes[least] += len(files[name])
    return shares


@dataclass
class _Reader:
    """A process that reads some files, and the thread that listens to it."""

    files: Files
    found: dict[str, ZoneFile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        start = START.format(path=sys.path, module=__name__)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # what a terminal sends is for us, and we end it
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def begin(self, plan_file: PlanFile | None) -> None:
        """Tell it what to read. It reads all of that before it says anything."""
        plan = None if plan_file is None else (plan_file.octets, plan_file.name)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: nothing will be heard of it
            pickle.dump((plan, list(self.files.items())), self._process.stdin, 5)
            self._process.stdin.close()
        self._thread.start()

    def join(self) -> None:
        """Wait until it has said all, or ended."""
        self._thread.join()
        missing = len(self.files) - len(self.found)
        if missing:
            log.warning("a process that reads zones ended early: %d files are read here", missing)

    def end(self) -> None:
        """End it; nothing is left of it."""
        self._process.kill()
        self._process.wait()
        if self._thread.ident is not None:
            self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        try:
            for _ in self.files:
                name, file = pickle.load(self._process.stdout)
                self.found[name] = file
        except BROKEN:
            return  # it has ended: what is missing is read by who waits


def serve() -> None:
    """Be such a process: read what stdin says, tell stdout."""
    gc.disable()  # it ends soon, and what it makes lives until then
    plan, files = pickle.load(sys.stdin.buffer)
    _tell(plan, files, sys.stdout.buffer)


def _tell(
    plan_source: tuple[bytes, str] | None, files: Iterable[tuple[str, bytes]], out: IO[bytes]
) -> None:
    plan = None if plan_source is None else read_plan(*plan_source).plan
    for name, octets in files:
        pickle.dump((name, read_zone_file(octets, name, plan)), out, 5)
        out.flush()
