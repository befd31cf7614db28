"""What every kind of check has in common."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""Of every kind's dataclass: an unknown option is an error, with its place in the file."""


class Kind:
    """A kind of check: a frozen pydantic dataclass, whose fields are its options."""

    __slots__ = ()

    kind: ClassVar[str]

    def bound(self, endpoint: str) -> Self:  # those that look at it override this
        """The check for one endpoint; most are the same for any."""
        return self
