"""What a check is, and what comes of one probe: values only, without clock or socket.

A probe succeeds by returning and fails by raising. Deadline, timing, counting and damping are
outside of it, once (`observe`, `runner`, `track`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from healthcheck.tools import Tools


class Failure(Enum):
    """Why a probe failed: the closed list that metrics and `explain` use."""

    REFUSED = "refused"
    RESET = "reset"  # also: closed before it had answered
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "tls"  # the handshake failed
    CERTIFICATE = "certificate"  # not trusted, another's, expired or soon to be
    PROTOCOL = "protocol"  # what came is not of the protocol
    STATUS = "status"
    BODY = "body"
    ANSWER = "answer"  # a well-formed answer that says no
    REPORTED = "reported"  # the endpoint says so of itself
    EXPIRED = "expired"  # the endpoint did not report itself in time
    EXIT = "exit"  # of a command
    PARTS = "parts"  # too few parts of a combined check passed


class Failed(Exception):
    """A probe that failed: the target's own doing."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(f"{failure.value}: {detail}")
        self.failure = failure
        self.detail = detail


class NoObservation(Exception):
    """Nothing was learnt of the target: trouble of our own side."""


class NotYet(Exception):
    """Nothing can be known so far: a heartbeat that was never received."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When to probe and how many observations decide; seconds."""

    interval: float = 5.0
    fast_interval: float = 1.0  # while a target is changing its mind
    timeout: float = 2.0
    fall: int = 3  # consecutive failures until down
    rise: int = 2  # consecutive successes until up


class Check(Protocol):
    """One kind of check with its options: frozen, comparable, so that equal ones are one."""

    kind: ClassVar[str]

    async def probe(self, address: str, tools: Tools) -> str:
        """Look once; give what is worth showing (it may be empty).

        Raises Failed, OSError, ssl.SSLError or TimeoutError for what the target did, and
        NotYet. Time is bounded from outside, by cancellation.
        """

    def bound(self, endpoint: str) -> Self:
        """This check for one endpoint (`service.env.region/name`); most are for any."""


@dataclass(frozen=True, slots=True)
class CheckedBy:
    """How a service is checked."""

    check: Check
    timing: Timing
    enforce: bool = True  # False: observe only


@dataclass(frozen=True, slots=True)
class Observation:
    """What one probe came to; `at` is when it ended, on the clock of the checker."""

    at: float
    seconds: float
    failure: Failure | None  # None: it passed
    detail: str

    @property
    def has_passed(self) -> bool:
        return self.failure is None
