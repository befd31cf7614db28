"""Bodies and queries of requests → values: what is not expected is an error that says where.

Pure. Raises Refused: 400 for queries, 422 with the `field` for bodies.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic_core import PydanticCustomError

from healthcheck.health import DeclaredState
from healthcheck.heartbeats import Word
from resolver.admin.problems import Refused
from resolver.admin.shapes import Heartbeat, StateChange, members
from resolver.zones.leaves import MAX_DURATION, read_duration
from resolver.zones.places import did_you_mean, text_at

MAX_TEXT = 500  # characters


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of endpoints."""

    state: DeclaredState
    reason: str
    by: str
    seconds: float | None  # None: until it is resumed


def read_change(octets: bytes) -> Change:
    """The body of a change of state."""
    body = read_object(octets, members(StateChange))
    states = [state.value for state in DeclaredState]
    state = _word(body, "state", states)
    seconds = _seconds(body.get("for"))
    if state == DeclaredState.NORMAL.value and seconds is not None:
        _refuse("'for' is of drain and maintenance: normal holds from now on", "for")
    return Change(DeclaredState(state), _text(body, "reason"), _text(body, "by"), seconds)


def read_heartbeat(octets: bytes) -> tuple[Word, str]:
    """The body of a heartbeat; an empty one says UP."""
    if not octets.strip():
        return Word.UP, ""
    body = read_object(octets, members(Heartbeat))
    return Word[_word(body, "state", [word.name for word in Word])], _text(body, "text")


def read_object(octets: bytes, members: Iterable[str]) -> dict[str, Any]:
    """A JSON object with no members but these."""
    try:
        found = json.loads(octets.decode(), object_pairs_hook=_join, parse_constant=_reject)
    except UnicodeDecodeError as error:
        _refuse(f"the body is not UTF-8 at octet {error.start + 1}")
    except json.JSONDecodeError as error:
        _refuse(f"the body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}")
    except (RecursionError, ValueError) as error:  # nested too deep; a number of 5000 digits
        _refuse(f"the body is no JSON that can be read: {error}")
    if not isinstance(found, dict):
        _refuse("the body is a JSON object")
    known = tuple(members)
    for name in found:
        if name not in known:
            _refuse(f"unknown member {name!r}{did_you_mean(name, known)}", name)
    return found


def read_query(pairs: Iterable[tuple[str, str]], known: Iterable[str]) -> dict[str, str]:
    """The parameters of a URL; each known, each once."""
    found: dict[str, str] = {}
    names = tuple(known)
    for name, value in pairs:
        if name not in names:
            raise Refused(400, f"unknown parameter {name!r}{did_you_mean(name, names)}")
        if name in found:
            raise Refused(400, f"the parameter {name!r} stands there twice")
        found[name] = value
    return found


Usual = TypeVar("Usual", int, None)


def read_number(query: Mapping[str, str], name: str, usual: Usual, most: int) -> int | Usual:
    """A parameter that is a number from 1; `usual` where it is not said."""
    text = query.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 0 < int(text) <= most):
        raise Refused(400, f"{name!r} is a number from 1 to {most}")
    return int(text)


def _join(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            _refuse(f"the member {name!r} stands there twice", name)
        found[name] = value
    return found


def _reject(word: str) -> NoReturn:
    _refuse(f"the body is no JSON: {word} is no number")


def _refuse(detail: str, field: str | None = None) -> NoReturn:
    """`field`: the member that is wrong; None: the body as a whole."""
    raise Refused(422, detail, {} if field is None else {"field": field})


def _word(body: dict[str, Any], member: str, words: list[str]) -> str:
    """One of some words, in whatever case."""
    value = body.get(member)
    for word in words:
        if isinstance(value, str) and value.lower() == word.lower():
            return word
    if value is None:
        _refuse(f"{member!r} is missing: one of {', '.join(words)}", member)
    _refuse(f"{member!r} is one of {', '.join(words)}, not {str(value)[:40]!r}", member)


def _text(body: dict[str, Any], member: str) -> str:
    """One line of text; it is shown on terminals and in logs."""
    value = body.get(member)
    if value is None:
        return ""
    if not isinstance(value, str):
        _refuse(f"{member!r} is text", member)
    visible = "".join(letter if letter.isprintable() else " " for letter in value[:MAX_TEXT])
    return " ".join(visible.split())


def _seconds(value: Any) -> float | None:
    """`30m` or a number of seconds, above 0."""
    if value is None:
        return None
    seconds = math.nan
    if isinstance(value, str):
        try:
            seconds = read_duration(text_at(value, 1, 1))
        except PydanticCustomError as error:
            _refuse(f"'for': {error.message()}", "for")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= MAX_DURATION else math.inf
    if not 0 < seconds <= MAX_DURATION:
        _refuse(f"'for' is a duration above 0: 30m, or seconds, not {str(value)[:40]!r}", "for")
    return seconds
