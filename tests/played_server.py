"""A real HTTP server on loopback that plays the admin API by a script of scenes."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

PREFIX = "/api/v1/endpoints"
Body = dict[str, Any]


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    path: str  # as on the wire
    headers: dict[str, str]
    body: Body | None


def iso(seconds: float = 0.0) -> str:
    """A time so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def address(text: str = "10.64.1.10", **said: Any) -> Body:
    """One address of an endpoint: up and served, but for what is said."""
    last = {"age": 2.5, "seconds": 0.01, "passed": True, "failure": None, "detail": ""}
    usual: Body = {"address": text, "real": "up", "effective": "up", "reason": "2 passed"}
    usual |= {"changing": False, "weight_tenths": 10, "check": {"kind": "tcp"}, "last": last}
    usual |= {"streak": 0, "penalty": 0, "overdue": False}
    usual |= {"safe_to_stop_at": iso(30), "served": True}
    return {**usual, **said}


def endpoint(name: str, *addresses: Body, **said: Any) -> Body:
    """One endpoint as the API shows it."""
    service, _, label = name.partition("/")
    _, environment, region = service.split(".")
    usual: Body = {"id": name, "service": service, "environment": environment}
    usual |= {"region": region, "endpoint": label, "effective": "up", "declared": "normal"}
    usual |= {"override": None, "addresses": list(addresses or [address()])}
    return {**usual, **said}


class PlayedServer:
    """What the test sets is what the commands are told; what they ask is kept."""

    def __init__(self) -> None:
        self.endpoints: list[Body] = []
        self.scenes: list[Callable[[], None]] = []  # one is played before each look
        self.replies: dict[str, tuple[int, object]] = {}  # by path; they go before all else
        self.note: str | None = None
        self.ahead = 0.0  # seconds that its clock is ahead
        self.asked: list[Asked] = []
        self.has_been_looked_at = threading.Event()
        self.lock = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def find(self, name: str) -> Body:
        return next(item for item in self.endpoints if item["id"] == name)

    def leave(self, name: str, at: float | None = None, *, served: bool = False) -> None:
        """Let answers hold an endpoint no more; `at`: seconds until it is safe to stop."""
        for item in self.find(name)["addresses"]:
            item["served"] = served
            item["safe_to_stop_at"] = None if at is None else iso(at + self.ahead)

    def play(self, asked: Asked) -> tuple[int, object]:
        """The reply to one request."""
        path = unquote(urlsplit(asked.path).path)
        if path in self.replies:
            return self.replies[path]
        if asked.method == "PUT":
            assert asked.body is not None
            return self._override(
                path.removeprefix(f"{PREFIX}/").removesuffix("/state"), asked.body
            )
        if path.startswith(PREFIX):
            if self.scenes:
                self.scenes.pop(0)()
            self.has_been_looked_at.set()
            return self._find(path.removeprefix(PREFIX).removeprefix("/") or "*")
        return 404, {"title": "Not found", "detail": f"no {path}"}

    def _find(self, pattern: str) -> tuple[int, Body]:
        found = [item for item in self.endpoints if fnmatch.fnmatch(item["id"], pattern)]
        if found:
            return 200, {"endpoints": found}
        known = self.endpoints[0]["id"] if self.endpoints else None
        detail = f"no endpoint is {pattern!r}"
        return 404, {"title": "Unknown endpoint", "detail": detail, "nearest": known}

    def _override(self, pattern: str, word: Body) -> tuple[int, Body]:
        status, body = self._find(pattern)
        if status != 200:
            return status, body
        changed = []
        effective = {"drain": "draining", "maintenance": "maintenance", "normal": "up"}
        for item in body["endpoints"]:
            if item["effective"] != effective[word["state"]]:
                changed.append(item["id"])
            item["effective"] = effective[word["state"]]
            until = iso(word["for"]) if "for" in word else None
            said = {"state": word["state"], "reason": word["reason"], "by": word["by"]}
            item["override"] = {**said, "since": iso(), "until": until}
            if word["state"] == "normal":
                item["override"] = None
        return 200, {"changed": changed, "endpoints": body["endpoints"], "note": self.note}


def _handler(server: PlayedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            octets = self.rfile.read(length)
            body = json.loads(octets) if octets else None
            asked = Asked(self.command, self.path, dict(self.headers), body)
            with server.lock:
                server.asked.append(asked)
                status, reply = server.play(asked)
                octets = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            kind = "application/json" if status == 200 else "application/problem+json"
            self.send_response_only(status)
            there = datetime.now(UTC) + timedelta(seconds=server.ahead)
            self.send_header("Date", format_datetime(there, usegmt=True))
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815  # the names that http.server calls

    return Handler


@contextlib.contextmanager
def playing() -> Iterator[PlayedServer]:
    """A server that plays until the end of the block."""
    played = PlayedServer()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(played)) as server:
        played.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield played
        finally:
            server.shutdown()
            thread.join()
