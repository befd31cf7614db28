"""The log on stderr: one event a line, as text for people or as JSON for machines.

Whatever a client or a file says cannot break a line or a terminal: what is not printable is written
as names are in master files. Warnings and errors that come again and again are told a few times a
minute, then counted. What an event is about travels with it, in the attribute `fields`.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from resolver.pace import Pace

BURST, WINDOW = 20, 60.0  # warnings of one place in the program, in so many seconds
REMEMBERED = 200  # characters of what was held back
RESERVED = ("time", "level", "logger", "message", "worker", "exception")
ABRIDGED: Mapping[str, Any] = {"is_abridged": True}
"""The `extra` of what whoever logs it keeps within bounds itself."""


def fields(**values: Any) -> dict[str, Any]:
    """The `extra` of a record: what it is about, for the JSON format."""
    return {"fields": values}


def printable(text: str) -> str:
    """Text in which nothing moves a cursor, ends a line or turns what follows around.

    What Unicode calls no printable character is written octet by octet as `\\DDD` (RFC 1035 5.1).
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return "".join(f"\\{octet:03d}" for octet in char.encode("utf-8", "surrogatepass"))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # a bug of whoever logs must not end in the log's own report
        return f"{record.msg} {record.args}"


def _traceback(record: logging.LogRecord) -> list[str]:
    """The lines of a traceback; those that an exception says itself are escaped as all others."""
    if not record.exc_info or record.exc_info[0] is None:
        return []
    text = "".join(traceback.format_exception(*record.exc_info))
    return [printable(line) for line in text.rstrip("\n").split("\n")]


class TextFormat(logging.Formatter):
    """`TIME LEVEL MESSAGE`; a traceback is indented, so that no line of it looks like an event."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._who = "" if worker is None else f"worker {worker}: "

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {self._who}"
        return "\n    ".join([line + printable(_message(record)), *_traceback(record)])


class JsonFormat(logging.Formatter):
    """One object a line, ASCII only; times are UTC (RFC 3339)."""

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._who = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": printable(_message(record)),
            **self._who,
        }
        for key, value in getattr(record, "fields", {}).items():
            if key not in RESERVED and value is not None:
                said[key] = _plain(value)
        if lines := _traceback(record):
            said["exception"] = "\n".join(lines)
        return json.dumps(said)


def rfc3339(seconds: float) -> str:
    """A time of the wall clock, with milliseconds."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _plain(value: Any) -> Any:
    """A value that JSON has; texts are harmless also when they are printed without the quotes."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return printable(str(value))


class Log(logging.StreamHandler[TextIO]):
    """Writes events; holds back what comes again and again, and says how much that was."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._pace = Pace(BURST, WINDOW)
        self._last: dict[object, logging.LogRecord] = {}  # held back, by kind

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        self._tell_held(now)
        if record.levelno >= logging.WARNING and not getattr(record, "is_abridged", False):
            kind = (record.name, record.pathname, record.lineno)
            if not self._pace.admit(kind, now):
                self._last[kind] = record
                return
        super().emit(record)

    def look_after(self) -> None:
        """Now and then: say what was held back."""
        self.acquire()
        try:
            self._tell_held(time.monotonic())
        finally:
            self.release()

    def close(self) -> None:
        """Say what was held back, at the end."""
        self.acquire()
        try:
            self._tell_held(math.inf)
        finally:
            self.release()
        super().close()

    def _tell_held(self, now: float) -> None:
        for kind, count, seconds in self._pace.expire(now):
            last = self._last.pop(kind, None)
            if last is None:
                continue
            what = _message(last)
            short = what if len(what) <= REMEMBERED else f"{what[:REMEMBERED]}…"
            held = logging.makeLogRecord(
                {
                    "name": last.name,
                    "levelno": last.levelno,
                    "levelname": last.levelname,
                    "msg": f"… {count} more in the last {seconds:g} s: {short}",
                    **fields(held=count, seconds=seconds),
                }
            )
            super().emit(held)


def set_up(form: str = "text", worker: int | None = None, stream: TextIO | None = None) -> Log:
    """Log to stderr from now on, in one of the formats; what was set up here before ends.

    Where somebody else takes the log, such as a test, it is left to them.
    """
    root = logging.getLogger()
    for before in [handler for handler in root.handlers if isinstance(handler, Log)]:
        root.removeHandler(before)
        before.close()
    log = Log(stream or sys.stderr)
    log.setFormatter(JsonFormat(worker) if form == "json" else TextFormat(worker))
    if not root.handlers:
        logging.basicConfig(level=logging.INFO, handlers=[log])
        logging.captureWarnings(capture=True)
    return log


def look_after() -> None:
    """Have whoever logs say what was held back."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Log):
            handler.look_after()
