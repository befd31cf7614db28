"""Bodies and queries of requests."""

import pytest

from healthcheck.health import DeclaredState
from healthcheck.heartbeats import Word
from resolver.admin.bodies import (
    Change,
    read_change,
    read_heartbeat,
    read_number,
    read_object,
    read_query,
)
from resolver.admin.problems import Refused


def test_a_change_is_read() -> None:
    """Every member but the state may be left out, or null."""
    whole = b'{"state": "drain", "reason": "disk\\n swap", "for": "30m", "by": "ann"}'
    assert read_change(whole) == Change(DeclaredState.DRAIN, "disk swap", "ann", 1800.0)
    least = b'{"state": "NORMAL", "reason": null, "for": null}'
    assert read_change(least) == Change(DeclaredState.NORMAL, "", "", None)


@pytest.mark.parametrize(("value", "seconds"), [("90", 90.0), ("1.5", 1.5), ('"500ms"', 0.5)])
def test_durations_are_text_or_seconds(value: str, seconds: float) -> None:
    """As in the zone files, or as a number."""
    body = f'{{"state": "drain", "for": {value}}}'.encode()
    assert read_change(body).seconds == seconds


@pytest.mark.parametrize(
    ("body", "detail", "field"),
    [
        (b"", "no JSON: line 1, column 1", None),
        (b'{\n  "state": drain}', "line 2, column 12", None),
        (b"\xff", "no UTF-8|not UTF-8 at octet 1", None),
        (b"[]", "a JSON object", None),
        (b"[" * 60_000, "no JSON", None),
        (b"1" * 60_000, "no JSON", None),
        (b'{"state": "drain", "state": "drain"}', "twice", "state"),
        (b'{"state": "drain", "resaon": ""}', "'resaon'; did you mean 'reason'", "resaon"),
        (b"{}", "'state' is missing", "state"),
        (b'{"state": "off"}', "not 'off'", "state"),
        (b'{"state": 1}', "not '1'", "state"),
        (b'{"state": "drain", "reason": 1}', "'reason' is text", "reason"),
        (b'{"state": "drain", "for": "soon"}', "'soon' is no duration", "for"),
        (b'{"state": "drain", "for": 0}', "above 0", "for"),
        (b'{"state": "drain", "for": "0s"}', "above 0", "for"),
        (b'{"state": "drain", "for": -1}', "above 0", "for"),
        (b'{"state": "drain", "for": true}', "above 0", "for"),
        (b'{"state": "drain", "for": 1e300}', "above 0", "for"),
        (b'{"state": "drain", "for": 1e999}', "above 0", "for"),
        (b'{"state": "drain", "for": NaN}', "NaN", None),
        (b'{"state": "drain", "for": []}', "above 0", "for"),
        (b'{"state": "normal", "for": "1m"}', "normal holds", "for"),
    ],
)
def test_a_bad_change_says_what_is_wrong(body: bytes, detail: str, field: str | None) -> None:
    """And where, as far as JSON tells."""
    with pytest.raises(Refused, match=detail) as caught:
        read_change(body)
    assert caught.value.status == 422
    assert caught.value.members == ({"field": field} if field else {})


def test_an_empty_heartbeat_says_up() -> None:
    """`curl -X PUT` is enough."""
    assert read_heartbeat(b"") == read_heartbeat(b" \n") == (Word.UP, "")


def test_a_heartbeat_is_read() -> None:
    """In any case."""
    assert read_heartbeat(b'{"state": "WARN", "text": "slow"}') == (Word.WARN, "slow")
    assert read_heartbeat(b'{"state": "down"}') == (Word.DOWN, "")


def test_control_characters_and_endless_texts_are_not_kept() -> None:
    """They are shown on terminals."""
    _, text = read_heartbeat(b'{"state": "UP", "text": "a\\u001b[31m\\u202eb' + b"x" * 900 + b'"}')
    assert text.startswith("a [31m b")
    assert len(text) <= 500


def test_objects_hold_what_is_asked_for() -> None:
    """Nothing else."""
    assert read_object(b'{"a": 1}', ("a", "b")) == {"a": 1}


def test_queries_hold_known_parameters_once() -> None:
    """A typo must not select everything."""
    assert read_query([("a", "1")], ("a", "b")) == {"a": "1"}
    with pytest.raises(Refused, match="unknown parameter 'sevrice'; did you mean 'service'") as e:
        read_query([("sevrice", "x")], ("service",))
    assert e.value.status == 400
    with pytest.raises(Refused, match="twice"):
        read_query([("a", "1"), ("a", "2")], ("a",))


def test_numbers_are_within_bounds() -> None:
    """And plain digits."""
    assert read_number({}, "limit", None, 10) is None
    assert read_number({}, "limit", 5, 10) == 5
    assert read_number({"limit": "10"}, "limit", 5, 10) == 10
    for text in ("0", "11", "-1", "1.0", "", "\u0661", "9" * 5000):
        with pytest.raises(Refused, match="from 1 to 10"):
            read_number({"limit": text}, "limit", None, 10)
