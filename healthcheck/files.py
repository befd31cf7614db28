"""Files that are replaced whole: a reader sees all of the old or all of the new."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_file(path: Path, octets: bytes) -> None:
    """Write beside it, make sure of it, and take its place. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def set_aside(path: Path) -> None:
    """Rename what cannot be used, for people to look at; no error if it cannot be."""
    with contextlib.suppress(OSError):
        path.replace(path.with_name(f"{path.name}.bad"))
