"""The instruments: CPU and memory of a process tree, dnsperf, and how repetitions are told."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.zones import ASKER

TICK = 1 / os.sysconf("SC_CLK_TCK")
CORES = tuple(sorted(os.sched_getaffinity(0)))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
TIMEOUT = 5.0  # seconds after which a query counts as lost: those of glibc's stub resolver


class CannotMeasure(Exception):
    """Something that a scenario needs is missing or did not work."""


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for item in found:
        for path in Path(f"/proc/{item}/task").glob("*/children"):
            found += [int(word) for word in read_if_there(path).split()]
    return found


def read_if_there(path: Path) -> str:
    """What stands in a file; nothing when its process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def release(pid: int) -> None:
    """Let a process tree, with all its threads, have every core."""
    for item in tree(pid):
        for path in Path(f"/proc/{item}/task").glob("*"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(path.name), CORES)


def prefer(pid: int) -> None:
    """Let the processes that answer go before the load, where we may say so (root).

    With as many cores as there are busy programs, the load would keep the server from its core,
    and that would be measured.
    """
    for item in tree(pid)[1:]:
        if b"resolver.worker" in Path(f"/proc/{item}/cmdline").read_bytes():
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, item, -10)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree, ended children included."""
    total = 0
    for item in tree(pid):
        # the name in the second field may hold spaces: count from its end
        fields = read_if_there(Path(f"/proc/{item}/stat")).rpartition(")")[2].split()
        total += sum(int(word) for word in fields[11:15])
    return total * TICK


def memory_mb(pid: int, key: str = "VmRSS") -> float:
    """Memory of a process tree, in 10^6 octets: resident; VmHWM: the most there ever was.

    Pss: what processes share counts once, in parts.
    """
    total = 0
    for item in tree(pid):
        name = "smaps_rollup" if key == "Pss" else "status"
        text = read_if_there(Path(f"/proc/{item}/{name}"))
        match = re.search(rf"^{key}:\s+(\d+) kB", text, re.MULTILINE)
        total += int(match[1]) if match else 0
    return total * 1024 / 1e6


@dataclass(frozen=True, slots=True)
class Load:
    """What dnsperf saw; times in seconds."""

    sent: int
    completed: int
    lost: int
    seconds: float
    rcodes: dict[str, int]
    latencies: tuple[float, ...] = ()  # sorted; only when asked for

    @property
    def rate(self) -> float:
        return self.completed / self.seconds

    def percentile(self, part: float) -> float:
        if not self.latencies:
            raise CannotMeasure("dnsperf told no latencies")
        return self.latencies[min(len(self.latencies) - 1, int(part * len(self.latencies)))]


class Dnsperf:
    """One run of dnsperf against a port of 127.0.0.1, from the address of ASKER."""

    def __init__(
        self,
        port: int,
        questions: Path,
        seconds: float,
        *options: str,
        rate: int | None = None,
        is_verbose: bool = False,
        roams: bool = False,
    ) -> None:
        program = shutil.which("dnsperf")
        if program is None:
            raise CannotMeasure("dnsperf is not installed (on Debian: apt install dnsperf)")
        command = [program, "-s", "127.0.0.1", "-p", str(port), "-a", ASKER, "-d", str(questions)]
        command += ["-l", f"{seconds:g}", "-c", "8", "-t", f"{TIMEOUT:g}", "-O", "suppress=timeout"]
        # Without a rate: as fast as the server answers, 100 queries under way.
        command += ["-q", "100"] if rate is None else ["-q", "60000", "-Q", str(rate)]
        command += ["-v"] if is_verbose else []
        self.output = questions.parent / f"dnsperf-{port}.out"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options], stdout=output, stderr=subprocess.STDOUT
            )
        if not roams:
            os.sched_setaffinity(self.process.pid, {LOAD_CORE})

    def stop(self) -> None:
        """End before the time is up; what was measured counts."""
        self.process.send_signal(signal.SIGINT)

    def result(self) -> Load:
        """Wait for the end."""
        self.process.wait()
        text = self.output.read_text()

        def number(label: str) -> float:
            match = re.search(rf"^\s*{label}:\s+([\d.]+)", text, re.MULTILINE)
            if match is None:
                raise CannotMeasure(f"dnsperf said no {label!r}: {text[-300:]}")
            return float(match[1])

        times = re.findall(r"^> [A-Z]+ \S+ \S+ ([\d.]+)$", text, re.MULTILINE)
        if not number("Queries completed"):
            raise CannotMeasure("the server answered nothing")
        rcodes = {word: int(n) for word, n in re.findall(r"\b([A-Z]{6,8}) (\d+) \(", text)}
        return Load(
            int(number("Queries sent")),
            int(number("Queries completed")),
            int(number("Queries lost")),
            number(r"Run time \(s\)"),
            rcodes,
            tuple(sorted(float(seconds) for seconds in times)),
        )


def median(values: list[float]) -> float:
    return statistics.median(values)


def spread(values: list[float], form: str = ".1f") -> str:
    """`12.3 (11.9-12.8)`: the median, the lowest and the highest."""
    if len(values) == 1:
        return f"{values[0]:{form}}"
    return f"{median(values):{form}} ({min(values):{form}}-{max(values):{form}})"
