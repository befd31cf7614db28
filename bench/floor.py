"""The floor: a server in C that only sends back what comes, built here when a compiler is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench.peers import Peer

FLOOR = "floor: echo in C"
SOURCE = Path(__file__).with_name("echo.c")


def floor(scratch: Path) -> Peer | None:
    """The echo server; None without a compiler, and that is said."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        print("bench: no C compiler: the floor is left out", file=sys.stderr)
        return None
    program = scratch / "echo"
    command = [compiler, "-O2", "-o", str(program), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"bench: the floor is left out: {done.stderr[-300:]}", file=sys.stderr)
        return None
    return Peer(FLOOR, lambda site: [str(program)])
