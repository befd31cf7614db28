"""What is known of one target: a pure value. Damping and observation come with the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class State(Enum):
    """The effective state of a target."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"  # served as if up


@dataclass(frozen=True, slots=True)
class Health:
    """The present judgement of one target and why; `damped`: held out although really up."""

    state: State
    reason: str
    damped: bool = False

    @property
    def is_up(self) -> bool:
        """Whether an answer may hold it."""
        return self.state is not State.DOWN and not self.damped

    @property
    def is_really_up(self) -> bool:
        """Whether it is up but for damping."""
        return self.state is not State.DOWN


ASSUMED_UP = Health(State.UP, "assumed up")

Target = tuple[bytes, bytes]
"""The endpoint's own name in lower case, and the packed address."""


@dataclass(frozen=True, slots=True)
class HealthTable:
    """A frozen map target → Health; what is not in it is assumed up."""

    known: Mapping[Target, Health] = field(default_factory=dict)

    def of(self, target: Target) -> Health:
        return self.known.get(target, ASSUMED_UP)


ALL_UP = HealthTable()
