"""What the page shows of what has happened, and whether the last reload was refused. Pure."""

from __future__ import annotations

from resolver.admin.access import Sight
from resolver.admin.status import Json
from resolver.events import Event, EventLog, Kind

MOST = 40  # events


def tell_happened(log: EventLog, sight: Sight) -> Json:
    """The latest events, the newest first; a reload that was refused until one is not."""
    found = log.find(sight.covers, limit=MOST)
    reloads = log.find(sight.covers, limit=1, kind=Kind.RELOAD)
    refused = [event for event in reloads if event.facts.get("result") == "refused"]
    return {
        "events": [_tell(event, sight) for event in reversed(found)],
        "refused": _tell(refused[0], sight) if refused else None,
    }


def _tell(event: Event, sight: Sight) -> Json:
    facts = event.facts
    sees_all = sight.sees_all
    return {
        "id": event.ident,
        "at": event.at,
        "kind": event.kind.value,
        "environment": event.environment,
        "text": event.text if sees_all or event.brief is None else event.brief,
        "word": facts.get("to") or facts.get("state") or facts.get("result"),
        "problems": list(event.withheld.get("problems", ())) if sees_all else [],
    }
