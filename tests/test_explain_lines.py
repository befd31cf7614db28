"""The explanation for people, line by line."""

from __future__ import annotations

from typing import Any

import pytest

from resolver.explain_lines import to_lines

Facts = dict[str, Any]
SAID = {"reason": "upgrade", "by": "ann", "since": 5.0, "until": None}
LAST = {"age": 2.0, "seconds": 0.0123, "passed": False, "failure": "status", "detail": "503"}


def endpoint(**more: object) -> Facts:
    """What is said of one endpoint."""
    facts: Facts = {
        "endpoint": "a",
        "address": "10.0.0.1",
        "region": "east",
        "tier": 0,
        "in": True,
        "why": "serving",
        "declared": "normal",
        "override": "normal",
        "health": "up",
        "health_reason": "passed",
        "settled": True,
        "weight": 10,
        "weight_now": 10,
        "share": 50.0,
        "place": "x.yaml:3",
    }
    return {**facts, **more}


def selection(*items: Facts, mode: str = "normal", tiers: tuple[float, ...] = (100.0,)) -> Facts:
    return {"family": "IPv4", "mode": mode, "tiers": list(tiers), "endpoints": list(items)}


def facts(**more: object) -> Facts:
    """An answer without a chain."""
    found: Facts = {
        "question": {"name": "web.test.", "type": "A", "read_as": "absolute"},
        "client": "10.0.0.9",
        "view": {"environment": "dev", "region": "east", "network": "10.0.0.0/8", "place": None},
        "rcode": "NOERROR",
        "source": "zone",
        "reason": "answered",
    }
    return {**found, **more}


def of_endpoint(item: Facts) -> list[str]:
    """The lines of a pool with one endpoint, from the endpoint on."""
    lines = list(to_lines(facts(end="failed", service="web.dev.east", selection=[selection(item)])))
    return lines[lines.index("select   IPv4, normal: tier 0 100 %") + 1 : -1]


def test_the_first_and_the_last_line_are_question_and_answer() -> None:
    """Between them: who asks."""
    assert list(to_lines(facts())) == [
        "web.test. A (absolute)",
        "client   10.0.0.9 is in dev.east by 10.0.0.0/8",
        "answer   NOERROR, from zone: answered",
    ]


def test_a_carved_out_client_is_told_of_what() -> None:
    """Its network, and nothing about names."""
    lines = list(to_lines(facts(view=None, carved_out_of="10.0.0.0/8")))
    assert lines[1:3] == [
        "client   10.0.0.9 is in no environment: refused",
        "         10.0.0.0/8 is carved out of its network",
    ]


def test_an_endpoint_that_is_in() -> None:
    """Address, region, tier, weight, share, why, health and place in one line."""
    assert of_endpoint(endpoint()) == [
        "  in     a 10.0.0.1 east tier 0, weight 10, share 50 %: serving; up (passed) x.yaml:3"
    ]


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"in": False, "why": "draining"}, "  out    a 10.0.0.1 "),
        ({"weight_now": 3.0}, "weight 3 of 10 (slow start)"),
        ({"weight_now": 0.3, "weight": 1}, "weight 0.3 of 1 (slow start)"),
        ({"health": "down", "health_reason": "refused"}, "down (refused)"),
        ({"share": 33.3}, "share 33.3 %"),
    ],
)
def test_an_endpoint_in_other_states(more: Facts, part: str) -> None:
    """Each shows what is unlike the usual."""
    assert part in of_endpoint(endpoint(**more))[0]


@pytest.mark.parametrize(
    ("last", "overdue", "words"),
    [
        (None, False, "penalty 0; not observed yet"),
        (LAST, False, "penalty 0; status 2 s ago in 12.3 ms: 503"),
        (LAST, True, "penalty 0, overdue; status 2 s ago in 12.3 ms: 503"),
        (
            {**LAST, "passed": True, "failure": None, "detail": ""},
            False,
            "penalty 0; passed 2 s ago in 12.3 ms",
        ),
    ],
)
def test_the_last_observation(last: Facts | None, overdue: bool, words: str) -> None:
    """What came of it, when, and how long it took."""
    seen = {"real": "down", "streak": 2, "penalty": 0, "overdue": overdue, "last": last}
    found = {key: value for key, value in seen.items() if value is not None}
    assert of_endpoint(endpoint(**found))[1] == f"         real state down, streak 2, {words}"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (SAID, "drain by ann: upgrade"),
        ({**SAID, "by": "", "reason": ""}, "drain by an operator"),
    ],
)
def test_an_override_names_who_and_why(said: Facts, words: str) -> None:
    """As far as they were given."""
    item = endpoint(override="drain", override_by=said)
    assert of_endpoint(item)[1] == f"         {words}"


def test_tiers_show_their_loads() -> None:
    """In percent, with the mode."""
    found = selection(endpoint(), mode="panic", tiers=(70.0, 29.5, 0.5))
    lines = list(to_lines(facts(end="failed", selection=[found])))
    assert "select   IPv4, panic: tier 0 70 %, tier 1 29.5 %, tier 2 0.5 %" in lines


def test_a_step_with_a_service_shows_its_ttl() -> None:
    """And one without shows its values."""
    step = {
        "owner": "web.test.",
        "type": "A",
        "ttl": 5,
        "zone": "test.",
        "place": None,
        "values": ["10.0.0.1"],
    }
    selected = {**step, "service": "web.dev.east", "ttl_arithmetic": "why", "selection": []}
    lines = list(to_lines(facts(chain=[step, {**selected, "alias": True}], end="answer")))
    assert lines[2:-1] == [
        "record   web.test. 5 A",
        "         zone test., generated",
        "         10.0.0.1",
        "record   web.test. 5 A by ALIAS",
        "         zone test., generated",
        "service  web.dev.east",
        "ttl      why",
    ]


def test_a_failure_says_why_and_lists_the_endpoints() -> None:
    """The reason of the answer, the service, then each endpoint."""
    found = facts(
        end="failed",
        rcode="SERVFAIL",
        reason="no-healthy-endpoint",
        service="web.dev.east",
        selection=[selection(endpoint(), mode="fail-closed", tiers=(0.0,))],
    )
    lines = list(to_lines(found))
    assert lines[2:5] == [
        "end      no-healthy-endpoint",
        "service  web.dev.east",
        "select   IPv4, fail-closed: tier 0 0 %",
    ]
    assert lines[-1] == "answer   SERVFAIL, from zone: no-healthy-endpoint"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("outside", "end      outside of the zones of this view; nothing is forwarded"),
        ("referral", "end      below the zone cut sub.test. (x.yaml:3)"),
        ("nxdomain", "end      no such name in zone test. (x.yaml:1)"),
        ("nodata", "end      the name has no such type in zone test. (x.yaml:1)"),
    ],
)
def test_other_ends(end: str, words: str) -> None:
    """Each with the place that decides."""
    more = {
        "cut": "sub.test.",
        "cut_place": "x.yaml:3",
        "zone": "test.",
        "zone_place": "x.yaml:1",
        "closest_encloser": "test.",
        "types_here": ["MX"],
        "negative_ttl": "30",
        "exists_in": ["prod"],
    }
    lines = list(to_lines(facts(end=end, **more)))
    assert words in lines
    assert "note     the name exists in prod, unseen from here" in lines
