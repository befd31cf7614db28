"""What is judged of a target: pure values that answers are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class State(Enum):
    """The real state of a target."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"  # served as if up


class DeclaredState(Enum):
    """What people say of an endpoint: `state:` in its zone file, or an operator's override."""

    NORMAL = "normal"
    DRAIN = "drain"
    MAINTENANCE = "maintenance"

    def and_also(self, other: DeclaredState) -> DeclaredState:
        """The stronger of two."""
        order = tuple(DeclaredState)
        return max(self, other, key=order.index)


WHOLE = 10  # tenths of its weight that an endpoint has when it is not starting slowly


@dataclass(frozen=True, slots=True)
class Health:
    """The present judgement of one target and why; `damped`: held out although really up."""

    state: State
    reason: str
    damped: bool = False
    changing: bool = False  # observations contradict the state, but not yet often enough
    tenths: int = WHOLE  # of the weight, 1 to 10: slow start
    override: DeclaredState = DeclaredState.NORMAL

    @property
    def is_up(self) -> bool:
        """Whether an answer may hold it."""
        return self.state is not State.DOWN and not self.damped

    @property
    def is_really_up(self) -> bool:
        """Whether it is up but for damping."""
        return self.state is not State.DOWN

    def effective(self, declared: DeclaredState) -> str:
        """What becomes of it, in a word: state, damping, and what people say of it."""
        normal = DeclaredState.NORMAL
        state = declared if self.override is normal else declared.and_also(self.override)
        if state is not normal:
            return "draining" if state is DeclaredState.DRAIN else "maintenance"
        return "damped" if self.damped and self.is_really_up else self.state.value

    @property
    def is_settled(self) -> bool:
        """Whether it will likely stay as it is: else answers that hold it live shortly."""
        return not (
            self.changing or self.damped or self.tenths < WHOLE or self.state is State.UNKNOWN
        )


ASSUMED_UP = Health(State.UP, "assumed up")
NOT_OBSERVED = Health(State.UNKNOWN, "not observed yet")

Target = tuple[bytes, bytes]
"""The key of an endpoint, and one of its addresses, packed."""


class HealthSource(Protocol):
    """Whatever says what is known of a target."""

    def of(self, target: Target, *, is_checked: bool = False) -> Health: ...


@dataclass(frozen=True, slots=True)
class HealthTable:
    """A frozen map target → Health, and what holds for a checked target that is not in it."""

    known: Mapping[Target, Health] = field(default_factory=dict)
    unobserved: Health = ASSUMED_UP

    def of(self, target: Target, *, is_checked: bool = False) -> Health:
        """What is known of a target; one that nobody checks is assumed up."""
        found = self.known.get(target)
        if found is not None:
            return found
        return self.unobserved if is_checked else ASSUMED_UP

    def replace(self, changed: Mapping[Target, Health]) -> HealthTable:
        """The table with some targets judged anew."""
        return HealthTable({**self.known, **changed}, self.unobserved)


class NotingTable:
    """A health table that notes which targets it was asked about: all that an answer rests on."""

    __slots__ = ("asked", "table")

    def __init__(self, table: HealthSource) -> None:
        self.table = table
        self.asked: dict[Target, None] = {}

    def of(self, target: Target, *, is_checked: bool = False) -> Health:
        """What the table says."""
        self.asked[target] = None
        return self.table.of(target, is_checked=is_checked)


ALL_UP = HealthTable()
"""Everything assumed up: for `check`, `export` and `explain` of files."""
