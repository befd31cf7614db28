"""The route of what has happened: events of the environments that a caller may see."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from resolver.admin.access import Sight
from resolver.admin.asked import Asked, reply
from resolver.admin.problems import Refused
from resolver.events import MICROSECONDS, Event, Kind
from resolver.moments import read_moment, tell_moment
from resolver.zones.places import did_you_mean

LIMIT, MOST = 100, 1000


async def list_events(asked: Asked) -> web.Response:
    """GET /api/v1/events: what has happened, in order; `next` is the `since` of what follows."""
    query = asked.query("since", "limit", "environment", "kind")
    since = _read_since(query.get("since"))
    found = asked.operated.events.find(
        asked.sight.covers,
        limit=_read_limit(query.get("limit")),
        since=since,
        environment=query.get("environment"),
        kind=_read_kind(query.get("kind")),
    )
    follows = found[-1].ident if found else since or 0
    return reply({"events": [tell_event(e, asked.sight) for e in found], "next": follows})


def tell_event(event: Event, sight: Sight) -> dict[str, Any]:
    """An event as somebody may see it who may see its environment."""
    sees_all = sight.sees_all
    return {
        "id": event.ident,
        "at": tell_moment(event.at),
        "kind": event.kind.value,
        "environment": event.environment,
        "text": event.text if sees_all or event.brief is None else event.brief,
        **{key: _tell(key, value) for key, value in event.facts.items()},
        **(event.withheld if sees_all else {}),
    }


def _tell(key: str, value: Any) -> Any:
    return tell_moment(value) if key == "until" and value is not None else value


def _read_since(text: str | None) -> int | None:
    """The id of an event, or a time."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    try:
        moment = read_moment(text, datetime.fromtimestamp(time.time(), UTC))
        return int(moment.timestamp() * MICROSECONDS)
    except (ValueError, OverflowError) as error:
        raise Refused(400, f"'since' is the id of an event or a time: {error}") from None


def _read_limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= MOST):
        raise Refused(400, f"'limit' is a number from 1 to {MOST}")
    return int(text)


def _read_kind(text: str | None) -> Kind | None:
    if text is None:
        return None
    known = [kind.value for kind in Kind]
    if text not in known:
        hint = did_you_mean(text, known)
        raise Refused(400, f"'kind' is one of {', '.join(known)}, not {text[:40]!r}{hint}")
    return Kind(text)
