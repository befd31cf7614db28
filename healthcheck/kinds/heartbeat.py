"""The kind `heartbeat`: endpoints report themselves, and silence is a failure."""

from __future__ import annotations

import copy
import dataclasses
import re
import time
from typing import Annotated, ClassVar, Self

from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure, NotYet
from healthcheck.heartbeats import Word
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import option, read_scalar, wrong
from healthcheck.tools import Tools

MAX_WITHIN = 31 * 86400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)?")


def _read_within(value: object) -> float:
    if isinstance(value, float):
        value = f"{value:f}"
    text = read_scalar(value)
    found = _DURATION.fullmatch(text)
    if found is None:
        raise wrong(f"{text!r} is no duration (write 500ms, 30s, 2m or seconds)")
    seconds = float(found[1]) * _UNITS[found[2] or "s"]
    if not 0 < seconds <= MAX_WITHIN:
        raise wrong(f"{text} is not within 1 ms and 31 days")
    return seconds


_WITHIN = {"type": ["string", "number"], "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)?$"}


@dataclass(frozen=True, slots=True, config=STRICT)
class HeartbeatCheck(Kind):
    """Fails when an endpoint says so, or when its last word is older than `within` seconds."""

    kind: ClassVar[str] = "heartbeat"

    within: Annotated[float, option(_read_within, _WITHIN)] = 30.0
    # Whose heartbeats count; given by `bound` and never by those who write zones.
    endpoint: str = dataclasses.field(default="", init=False)

    def bound(self, endpoint: str) -> Self:
        """The check that looks at the heartbeats of one endpoint."""
        made = copy.copy(self)
        object.__setattr__(made, "endpoint", endpoint)  # frozen: `made` is ours
        return made

    async def probe(self, address: str, tools: Tools) -> str:  # nothing is sent
        """Judge the last heartbeat; raises NotYet before the first."""
        last = tools.heartbeats.last(self.endpoint)
        if last is None:
            raise NotYet("no heartbeat was received")
        age = time.monotonic() - last.at  # the clock on which they are received
        if age > self.within:
            detail = f"last heartbeat {age:.0f} s ago, allowed {self.within:g} s"
            raise Failed(Failure.EXPIRED, detail)
        if last.word is Word.DOWN:
            raise Failed(Failure.REPORTED, last.text or "down")
        if last.word is Word.WARN:
            return f"warn: {last.text}".rstrip(": ")
        return last.text
