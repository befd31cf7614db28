"""When an endpoint can be stopped: when no client of a resolver that honours TTLs can hold it.

Servers say it of each address, in their own time; a server that restarted has forgotten what it
answered before, so the latest time that was ever said holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

from resolver.cli import DONE, PROBLEMS
from resolver.cli.admin_client import (
    AdminServer,
    Body,
    NoServer,
    Refused,
    complain,
    endpoint_path,
)
from resolver.cli.progress import Progress
from resolver.cli.wording import read_time, to_clock, to_span

PAUSE = 0.5  # seconds between looks


class Lost(Exception):
    """The override that is waited for is no more."""


def is_served(endpoint: Body) -> bool:
    """Whether answers hold any of its addresses."""
    return any(address["served"] for address in endpoint["addresses"])


def safe_at(endpoint: Body) -> datetime | None:
    """When the last answer that held any of its addresses has expired; None: none did."""
    times = [address["safe_to_stop_at"] for address in endpoint["addresses"]]
    return max((read_time(text) for text in times if text), default=None)


def describe_safety(endpoint: Body, now: datetime) -> str:
    """In words; `now` is the server's."""
    if is_served(endpoint):
        return "still served: nothing else is up"
    at = safe_at(endpoint)
    if at is None or at <= now:
        return "safe to stop now"
    return f"safe to stop at {to_clock(at, now)} (in {to_span((at - now).total_seconds())})"


class Watch:
    """The endpoints that one word of the command line means at one server."""

    def __init__(
        self, command: str, server: AdminServer, pattern: str, endpoints: Sequence[Body]
    ) -> None:
        self.command = command
        self.server = server
        self.pattern = pattern
        self._safe_at = {endpoint["id"]: safe_at(endpoint) for endpoint in endpoints}
        self._said: set[str] = set()

    def look(self) -> list[str]:
        """What there is to wait for, a sentence each; raises Lost when waiting is in vain."""
        try:
            reply = self.server.ask("GET", endpoint_path(self.pattern))
        except (NoServer, Refused) as error:
            if isinstance(error, Refused) and error.status < 500:
                raise Lost(str(error)) from None
            self._say(f"{error} (still waiting)")  # it may be starting anew
            return [str(error)]
        present = {endpoint["id"]: endpoint for endpoint in reply.body["endpoints"]}
        return [
            f"{self.server}: {endpoint}: {sentence}"
            for endpoint in self._safe_at
            for sentence in self._judge(endpoint, present.get(endpoint), reply.now)
        ]

    def _judge(self, name: str, endpoint: Body | None, now: datetime) -> Iterator[str]:
        if endpoint is None:
            raise Lost(f"{self.server}: {name} left the zones; when it is safe is not known")
        if endpoint["override"] is None and endpoint["declared"] == "normal":
            raise Lost(f"{self.server}: {name} is no longer overridden: resumed, or forgotten")
        times = [at for at in (self._safe_at[name], safe_at(endpoint)) if at is not None]
        self._safe_at[name] = latest = max(times, default=None)
        if is_served(endpoint):
            self._say(f"{self.server}: {name} is still served, since nothing else is up; waiting")
            yield "still served: nothing else is up"
        elif latest is not None and latest > now:
            yield f"safe to stop only at {to_clock(latest, now)}"

    def _say(self, sentence: str) -> None:
        """Once only."""
        if sentence not in self._said:
            self._said.add(sentence)
            complain(self.command, sentence)


def wait_until_safe(command: str, watches: Sequence[Watch], timeout: float) -> int:
    """Look until every endpoint is safe to stop at every server, at most `timeout` seconds."""
    try:
        with Progress("waiting until it is safe to stop") as progress:
            left = _wait(watches, timeout, progress)
    except Lost as error:
        complain(command, error)
        return PROBLEMS
    for sentence in left:
        complain(command, f"{sentence} (waited {to_span(timeout)})")
    if not left:
        print("safe to stop")
    return PROBLEMS if left else DONE


def _wait(watches: Sequence[Watch], timeout: float, progress: Progress) -> list[str]:
    """What there is still to wait for after `timeout` seconds at most; raises Lost."""
    deadline = time.monotonic() + timeout
    while left := [sentence for watch in watches for sentence in watch.look()]:
        rest = deadline - time.monotonic()
        if rest <= 0:
            break
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        progress.say(f"waiting: {left[0]}{more}")
        time.sleep(min(PAUSE, rest))
    return left
