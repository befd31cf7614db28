"""The kinds `all`, `any` and `at_least`: checks of checks.

Parts are probed at the same time, and the rest is given up as soon as the outcome is certain. A
part of which nothing was learnt counts neither way.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Sequence
from typing import Annotated, ClassVar, Self

from pydantic.dataclasses import dataclass

from healthcheck.check import Check, Failed, Failure, NoObservation, NotYet
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import option, read_integer, wrong
from healthcheck.probe import translated
from healthcheck.tools import Tools

MAX_PARTS = 20

Outcome = str | Failed | NoObservation | NotYet | None
"""What a part came to: a text when it passed; None: it is not known yet, or was given up."""


def _read_parts(value: object) -> tuple[Check, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise wrong("expected a list of at least one check")
    if len(value) > MAX_PARTS:
        raise wrong(f"{len(value)} checks are more than {MAX_PARTS}")
    for part in value:
        if not isinstance(part, Kind):
            raise wrong(f"{part!r} is no check")
    return tuple(value)


_CHECKS = {"type": "array", "minItems": 1, "maxItems": MAX_PARTS}
_COUNT = {"type": "integer", "minimum": 1, "maximum": MAX_PARTS}

Parts = Annotated[tuple[Check, ...], option(_read_parts, _CHECKS)]
Count = Annotated[int, option(read_integer(1, MAX_PARTS), _COUNT)]


@dataclass(frozen=True, slots=True, config=STRICT)
class AllCheck(Kind):
    """Passes when every part passes."""

    kind: ClassVar[str] = "all"

    of: Parts

    def bound(self, endpoint: str) -> Self:
        """The same of its parts for one endpoint."""
        return dataclasses.replace(self, of=_bound(self.of, endpoint))

    async def probe(self, address: str, tools: Tools) -> str:
        """Probe the parts at once; the first that fails decides."""
        return await _probe(self.of, len(self.of), address, tools)


@dataclass(frozen=True, slots=True, config=STRICT)
class AnyCheck(Kind):
    """Passes when one part passes."""

    kind: ClassVar[str] = "any"

    of: Parts

    def bound(self, endpoint: str) -> Self:
        """The same of its parts for one endpoint."""
        return dataclasses.replace(self, of=_bound(self.of, endpoint))

    async def probe(self, address: str, tools: Tools) -> str:
        """Probe the parts at once; the first that passes decides."""
        return await _probe(self.of, 1, address, tools)


@dataclass(frozen=True, slots=True, config=STRICT)
class AtLeastCheck(Kind):
    """Passes when `n` of the parts pass."""

    kind: ClassVar[str] = "at_least"

    n: Count
    of: Parts

    def __post_init__(self) -> None:
        if self.n > len(self.of):
            raise wrong(f"at least {self.n} of {len(self.of)} can never pass")

    def bound(self, endpoint: str) -> Self:
        """The same of its parts for one endpoint."""
        return dataclasses.replace(self, of=_bound(self.of, endpoint))

    async def probe(self, address: str, tools: Tools) -> str:
        """Probe the parts at once, until enough of them passed or too many failed."""
        return await _probe(self.of, self.n, address, tools)


def _bound(parts: tuple[Check, ...], endpoint: str) -> tuple[Check, ...]:
    return tuple(part.bound(endpoint) for part in parts)


async def _probe(parts: tuple[Check, ...], needed: int, address: str, tools: Tools) -> str:
    tasks = [asyncio.create_task(_outcome(part.probe(address, tools))) for part in parts]
    outcomes: list[Outcome] = [None] * len(tasks)
    waiting = set(tasks)
    try:
        while waiting and not _is_certain(outcomes, needed):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                outcomes[tasks.index(task)] = task.result()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return _judged([part.kind for part in parts], outcomes, needed)


async def _outcome(probing: Awaitable[str]) -> Outcome:
    """What a part comes to, as a value; raises what only a bug raises."""
    try:
        return await probing
    except Exception as error:
        known = translated(error)
        if known is None:
            raise
        return known


def _is_certain(outcomes: Sequence[Outcome], needed: int) -> bool:
    passed = sum(isinstance(outcome, str) for outcome in outcomes)
    failed = sum(isinstance(outcome, Failed) for outcome in outcomes)
    return passed >= needed or failed > len(outcomes) - needed


def _judged(kinds: list[str], outcomes: list[Outcome], needed: int) -> str:
    """The text of what passed, as enough did; raises Failed, NotYet or NoObservation."""
    named = list(zip(kinds, outcomes, strict=True))
    passed = [(kind, text) for kind, text in named if isinstance(text, str)]
    if len(passed) >= needed:
        return "; ".join(f"{kind}: {text}" for kind, text in passed if text)
    if _is_certain(outcomes, needed):
        raise Failed(Failure.PARTS, _summary(named, len(passed)))
    unknown = [(k, o) for k, o in named if isinstance(o, NotYet | NoObservation)]
    text = "; ".join(f"{kind}: {outcome}" for kind, outcome in unknown)
    if all(isinstance(outcome, NotYet) for _, outcome in unknown):
        raise NotYet(text)
    raise NoObservation(text)


def _summary(named: list[tuple[str, Outcome]], passed: int) -> str:
    """How many passed and why the others did not: `1 of 3 passed: http: status 500; tcp: …`."""
    failed = [f"{kind}: {o.detail}" for kind, o in named if isinstance(o, Failed)]
    given_up = sum(outcome is None for _, outcome in named)
    rest = [f"{given_up} not waited for"] if given_up else []
    return f"{passed} of {len(named)} passed: {'; '.join(failed + rest)}"
