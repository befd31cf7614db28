"""What each process of the server costs: processor time and memory, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Cost(NamedTuple):
    """Of one process."""

    name: str  # supervisor, worker-1, …
    seconds: float  # user and system, since it began
    octets: int  # of memory that is resident


def costs_of(processes: Mapping[str, int], proc: Path = PROC) -> Iterator[Cost]:
    """The costs of processes, by name and id; those that are gone, or on no Linux, are left out."""
    for name, ident in processes.items():
        try:
            line = (proc / str(ident) / "stat").read_text("utf-8", "replace")
        except OSError:
            continue
        # proc_pid_stat(5): the name, field 2, may hold anything; field 14 utime, 15 stime, 24 rss.
        fields = line.rpartition(")")[2].split()
        ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
        yield Cost(name, ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))
