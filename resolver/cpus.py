"""How many processors this process may use: affinity, and the quota of its control group."""

from __future__ import annotations

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # version 2, as a container sees its own


def count_cpus(quota: Path = QUOTA) -> int:
    """The processors that we may use, at least one; a part of one counts as one."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        share, period = quota.read_text().split()[:2]
        count = min(count, -(-int(share) // int(period)))
    except (OSError, ValueError):  # no such file, or `max`
        pass
    return max(1, count)
