"""Serials across restarts: a file in `state_dir` that remembers what was seen, and when.

The serial of a zone is the time at which its present content was first seen; without the file
that would be the start of the process.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from healthcheck.files import replace_file, set_aside
from resolver import names
from resolver.generation import Serials

FILE = "serials.json"

Saved = tuple[int, Annotated[int, Field(ge=0, lt=2**32)]]
"""The digest of what was seen, and its serial."""
_FORMAT = TypeAdapter(dict[str, dict[str, Saved]])  # by environment and apex

log = logging.getLogger("sightline")


class SerialFile:
    """The file in a directory; nothing here raises: serials are worth no outage."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._saved: Serials = {}

    def load(self) -> Serials:
        """What was saved; nothing when there is no file, or none that can be read."""
        try:
            self._saved = _read(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, names.BadName) as error:  # pydantic's are ValueErrors
            log.warning("the saved serials cannot be used and are set aside: %r", str(error)[:200])
            set_aside(self._path)
            return {}
        return self._saved

    def save(self, serials: Serials) -> None:
        """Replace the file when something moved."""
        if serials == self._saved:
            return
        try:
            replace_file(self._path, _written(serials))
        except OSError as error:
            log.warning("the serials cannot be saved: %s", error)
            return
        self._saved = serials


def _written(serials: Serials) -> bytes:
    found: dict[str, dict[str, Saved]] = {}
    for (environment, apex), pair in serials.items():
        found.setdefault(environment, {})[names.to_text(apex)] = pair
    return _FORMAT.dump_json(found)


def _read(octets: bytes) -> Serials:
    return {
        (environment, names.key(names.from_text(apex))): pair
        for environment, zones in _FORMAT.validate_json(octets, strict=True).items()
        for apex, pair in zones.items()
    }
