"""What was made of the zones, kept in `state_dir`: a start that finds it reads no zone file again.

It belongs to the very octets, configuration and program that it was made of; anything else, and
anything wrong with it, means that everything is read as if it were not there.

What is in it is trusted as code is: pickles can do what the program can. So it is read only from a
file and directory that belong to us or to root and that nobody else may write. Whoever may write
there otherwise could replace the program's memory of zones, and the program.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import marshal
import os
import pickle
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import healthcheck
import resolver
from resolver import __version__
from resolver.generation import Serials
from resolver.parcel import Parcel
from resolver.zones.places import Problem
from resolver.zones.reading import ZoneFile

FILE = "zones.snapshot"
MAGIC = b"sightline zones 1\n"
SIZE = 32  # octets of the key and of the checksum
PIECE = 1 << 20  # octets that are summed at a time
ENTRIES = 2000  # of a table that are written at a time: others may use the interpreter in between
TABLES = tuple(f.name for f in fields(Parcel) if f.name not in {"environment", "digests"})
# What reading damaged records may raise; with the right checksum, only by a bug of ours.
BROKEN = (pickle.PickleError, EOFError, AttributeError, ImportError, LookupError, TypeError)

log = logging.getLogger("sightline")


@dataclass(slots=True)
class Snapshot:
    """What a build made, as far as it cannot be had again at once."""

    problems: tuple[Problem, ...] = ()
    serials: Serials = field(default_factory=dict)
    files: dict[str, ZoneFile] = field(default_factory=dict)  # in their order
    parcels: dict[str, Parcel] = field(default_factory=dict)  # by environment


class SnapshotFile:
    """The file in a directory; nothing here raises: a start without it is slower, no more."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def load(self, key: bytes) -> Snapshot | None:
        """What was kept under this key; None when there is nothing, or nothing that can be used."""
        try:
            with _open(self._path) as file:
                _check_head(file, key)
                return _read(file)
        except FileNotFoundError:
            return None
        except Outdated as error:
            log.info("the snapshot of the zones is not used: %s", error)
        except (OSError, ValueError, *BROKEN) as error:
            log.warning("the snapshot of the zones is not used: %r", str(error)[:200])
        return None

    def save(self, key: bytes, snapshot: Snapshot) -> None:
        """Replace the file by what is to be found under this key."""
        new = self._path.with_name(f"{FILE}.new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                _write(file, key, snapshot)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            log.info("a snapshot of the zones is kept for the next start")
        except OSError as error:
            log.warning("the snapshot of the zones cannot be saved: %s", error)
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)


class Outdated(Exception):
    """It is of other files, of another configuration or of another program."""


def _open(path: Path) -> IO[bytes]:
    """Open the file where nobody else could have written it; raises OSError or ValueError."""
    _check_owner(path.parent.stat(), str(path.parent))
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    try:
        found = os.fstat(file.fileno())
        _check_owner(found, str(path))
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is no regular file")
    except ValueError:
        file.close()
        raise
    return file


def _check_owner(found: os.stat_result, name: str) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise ValueError(f"{name} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError(f"{name} may be written by others")


def _check_head(file: IO[bytes], key: bytes) -> None:
    """Compare key and checksum; the file is left where the records begin."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it is none")
    if file.read(SIZE) != key:
        raise Outdated("files, configuration or program have changed")
    remaining = os.fstat(file.fileno()).st_size - SIZE
    file.seek(0)
    digest = hashlib.blake2b(digest_size=SIZE)
    while remaining > 0 and (piece := file.read(min(PIECE, remaining))):
        digest.update(piece)
        remaining -= len(piece)
    if file.read(SIZE) != digest.digest():
        raise ValueError("it is damaged")
    file.seek(len(MAGIC) + SIZE)


def _read(file: IO[bytes]) -> Snapshot:
    made = Snapshot()
    while True:
        match pickle.load(file):
            case ("file", name, found):
                made.files[name] = found
            case ("parcel", name, digests):
                made.parcels[name] = Parcel(name, digests=digests)
            case ("entries", name, table, octets):
                getattr(made.parcels[name], table).update(marshal.loads(octets))
            case ("end", problems, serials):
                made.problems, made.serials = problems, serials
                return made
            case _:
                raise ValueError("a record of no known kind")


def _write(file: IO[bytes], key: bytes, snapshot: Snapshot) -> None:
    digest = hashlib.blake2b(digest_size=SIZE)

    def write(octets: bytes) -> int:
        digest.update(octets)
        return file.write(octets)

    write(MAGIC + key)
    for record in _records(snapshot):
        pickle.dump(record, _Written(write), 5)
    file.write(digest.digest())


@dataclass(frozen=True, slots=True)
class _Written:
    """As much of a file as a pickler needs."""

    write: Callable[[bytes], int]


def _records(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    for name, found in snapshot.files.items():
        yield "file", name, found
    for name, parcel in snapshot.parcels.items():
        yield "parcel", name, parcel.digests
        for table in TABLES:
            entries = iter(getattr(parcel, table).items())
            while piece := dict(islice(entries, ENTRIES)):
                yield "entries", name, table, marshal.dumps(piece, 2)
    yield "end", snapshot.problems, dict(snapshot.serials)


def make_key(digests: Mapping[str, bytes], *rest: object) -> bytes:
    """The key of files, by name and digest, and of whatever else counts, by what it shows."""
    octets = repr((sorted(digests.items()), rest)).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(octets, digest_size=SIZE).digest()


@lru_cache
def fingerprint() -> tuple[object, ...]:
    """What this program is known by: another one may make something else of the same files."""
    found: list[object] = [__version__, sys.version, sys.byteorder]
    for package in (resolver, healthcheck):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            status = path.stat()
            found.append((str(path.relative_to(root)), status.st_size, status.st_mtime_ns))
    return tuple(found)
