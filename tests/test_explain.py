"""`explain`: the decisions behind an answer, as facts and as lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from healthcheck.health import DeclaredState, Health, State, Target
from healthcheck.report import Override, Report
from healthcheck.track import Track
from resolver.explain import explain
from resolver.explain_lines import to_lines
from resolver.explain_selection import Facts, Seen
from resolver.generation import Generation
from resolver.names import BadName
from resolver.zones import records
from tests.healthcheck.made import failed, observed, use, went_down
from tests.properties import flipping
from tests.support import DEV_CLIENT, FILES, PROD_CLIENT, STRANGER

Make = Callable[..., Generation]


def ask(generation: Generation, name: str, client: str = DEV_CLIENT, **options: Any) -> Facts:
    return explain(generation, name, records.type_number("A"), client, **options)


def test_view_and_network_with_their_place(generation: Make) -> None:
    """Who is asking is decided by a network, and the network has a line."""
    view = ask(generation(), "web.dev.east")["view"]
    assert (view["environment"], view["region"], view["network"]) == ("dev", "east", "10.80.0.0/16")
    assert view["place"].endswith("environments.yaml:7")


@pytest.mark.parametrize(
    ("name", "full", "read_as"),
    [
        ("web.dev.east", "web.dev.east.corp.test.", "relative to corp.test."),
        ("web.prod.east", "web.prod.east.corp.test.", "relative to corp.test."),
        ("web.here", "web.here.corp.test.", "relative to corp.test."),
        ("web.dev.east.corp.test", "web.dev.east.corp.test.", "absolute"),
        ("web.dev.east.", "web.dev.east.", "absolute"),
        ("example.com", "example.com.", "absolute"),
    ],
)
def test_names_are_completed_and_it_says_how(
    generation: Make, name: str, full: str, read_as: str
) -> None:
    """Relative to the domain if the view has it or the plan knows its last label."""
    question = ask(generation(), name)["question"]
    assert (question["name"], question["read_as"]) == (full, read_as)


def test_every_endpoint_is_listed_with_its_share(generation: Make) -> None:
    """In or out, why, and where it is written."""
    files = {
        **FILES,
        "dev.yaml": "zone: dev.east\nservices:\n  web:\n    max_answers: 1\n    endpoints:\n"
        "      - 10.80.1.1\n      - {address: 10.80.1.2, weight: 3}\n"
        "      - {address: 10.80.1.3, state: drain}\n",
    }
    (step,) = ask(generation(files), "web.dev.east")["chain"]
    (selection,) = step["selection"]
    shown = [(e["address"], e["in"], e["share"], e["why"]) for e in selection["endpoints"]]
    assert shown == [
        ("10.80.1.1", True, 25.0, "serving"),
        ("10.80.1.2", True, 75.0, "serving"),
        ("10.80.1.3", False, 0.0, "draining"),
    ]
    assert selection["endpoints"][1]["place"].endswith("dev.yaml:7")
    assert step["service"] == "web.dev.east"


def test_a_chain_shows_each_link(generation: Make) -> None:
    """The alias with its own zone and line, then the service."""
    facts = ask(generation(), "alias.dev.east")
    assert [(s["owner"], s["type"]) for s in facts["chain"]] == [
        ("alias.dev.east.corp.test.", "CNAME"),
        ("web.dev.east.corp.test.", "A"),
    ]
    assert facts["rcode"] == "NOERROR"


def test_a_wildcard_is_named(generation: Make) -> None:
    """An answer of a wildcard says which one made it."""
    (step,) = ask(generation(), "any.wild.dev.east")["chain"]
    assert step["by"] == "*.wild.dev.east.corp.test."


def test_nxdomain_shows_zone_encloser_and_ttl_arithmetic(generation: Make) -> None:
    """What a negative answer is made of."""
    facts = ask(generation(), "nothing.dev.east")
    assert facts["rcode"] == "NXDOMAIN"
    assert facts["zone"] == facts["closest_encloser"] == "dev.east.corp.test."
    assert facts["negative_ttl"] == "min(SOA TTL 30, minimum 30) = 30"


def test_nodata_lists_the_types_that_are_there(generation: Make) -> None:
    """The name is right and the type is not."""
    facts = explain(generation(), "web.dev.east", records.type_number("MX"), DEV_CLIENT)
    assert (facts["end"], facts["types_here"]) == ("nodata", ["A"])


def test_other_environments_are_named_only_to_who_may_read_the_files(generation: Make) -> None:
    """`reveal` is for those who hold the zone files anyway."""
    made = generation()
    assert "exists_in" not in ask(made, "web.prod.east")
    assert ask(made, "web.prod.east", reveal=True)["exists_in"] == ["prod"]
    assert ask(made, "web.prod.east", PROD_CLIENT)["rcode"] == "NOERROR"


def test_a_stranger_is_refused(generation: Make) -> None:
    """No view: nothing about names is said."""
    facts = ask(generation(), "web.dev.east", STRANGER)
    assert (facts["view"], facts["rcode"], facts["reason"]) == (None, "REFUSED", "unknown-client")
    assert "chain" not in facts


def test_lines_say_the_same(generation: Make) -> None:
    """The text for people holds view, service, endpoints and rcode."""
    lines = "\n".join(to_lines(ask(generation(), "web.dev.east")))
    for part in ("dev.east by 10.80.0.0/16", "service  web.dev.east", "10.80.1.3", "NOERROR"):
        assert part in lines


@pytest.mark.parametrize("name", ["a..b", "x" * 64])
def test_a_name_that_is_none(generation: Make, name: str) -> None:
    """Is the caller's mistake, told as such."""
    with pytest.raises(BadName):
        ask(generation(), name)


def test_a_client_that_is_no_address(generation: Make) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match="does not appear to be"):
        ask(generation(), "web.dev.east", "nobody")


# ---------------------------------------------------------------- health

UNIT = """\
zone: dev.east
services:
  web: {endpoints: [{address: 10.80.1.1, name: a}, {address: 10.80.1.2, name: b}], ttl: 20}
  closed: {endpoints: [{address: 10.80.2.1, name: c}], fail: closed, ports: {http: 80}}
  empty: {endpoints: [{address: 10.80.3.1, name: e}], fail: empty}
  short: {endpoints: [{address: 10.80.4.1, name: s}], ttl: 4}
  steady: {endpoints: [{address: 10.80.5.1, name: t}], ttl_from_health: off}
records: {dead: {ALIAS: closed}, deader: {ALIAS: dead}, none: {ALIAS: empty}, far: {CNAME: dead}}
"""


def under(generation: Make, **states: Health) -> Generation:
    """The generation in which endpoints, by name, have these states."""
    made = generation({**FILES, "dev.yaml": UNIT})
    return flipping.flipped(made, {target(made, name): found for name, found in states.items()})


def target(generation: Generation, name: str) -> Target:
    """The target of an endpoint of dev."""
    label = bytes((len(name),)) + name.encode()
    (found,) = (
        t for t in flipping.targets(generation) if t[0].startswith(label) and b"\3dev" in t[0]
    )
    return found


def endpoints(facts: Facts) -> dict[str, Facts]:
    """What is said of each endpoint, by name."""
    selection = facts.get("selection") or facts["chain"][-1]["selection"]
    return {item["endpoint"]: item for item in selection[0]["endpoints"]}


UP, DOWN = Health(State.UP, "passed"), Health(State.DOWN, "refused")


def report(track: Track | None, override: Override | None = None, overdue: bool = False) -> Report:
    """What a checker tells of a target."""
    used = use("web.dev.east/a", "10.80.1.1")
    return Report(used, UP, track, override, 5.0, overdue, is_unproven=False)


def test_what_was_seen_is_told_beside_what_is_judged(generation: Make) -> None:
    """The real state, the last observation with its age, the streak and the penalty."""
    made = under(generation, a=Health(State.UP, "damped", damped=True))
    track = observed([failed(108.0, detail="nobody there")], went_down(100.0))
    seen = Seen({target(made, "a"): report(track, overdue=True)}, now=110.0)
    item = endpoints(ask(made, "web.dev.east", seen=seen))["a"]
    assert (item["health"], item["health_reason"], item["settled"]) == ("up", "damped", False)
    assert (item["in"], item["why"]) == (False, "damped: flapping")
    assert (item["real"], item["streak"], item["overdue"]) == ("down", 0, True)
    assert item["penalty"] == round(1000 * 0.5 ** (10 / 90))
    assert item["last"] == {
        "age": 2.0,
        "seconds": 0.001,
        "passed": False,
        "failure": "refused",
        "detail": "nobody there",
    }
    lines = "\n".join(to_lines(ask(made, "web.dev.east", seen=seen)))
    assert "real state down, streak 0, penalty 926, overdue" in lines
    assert "refused 2 s ago in 1.0 ms: nobody there" in lines


def test_what_nobody_checks_has_no_observation(generation: Make) -> None:
    """Nor has what was not observed yet; an operator's word is told in any case."""
    made = under(generation, a=Health(State.UP, "", override=DeclaredState.DRAIN))
    override = Override(DeclaredState.DRAIN, "upgrade", "ann", 5.0, None)
    item = endpoints(
        ask(made, "web.dev.east", seen=Seen({target(made, "a"): report(None, override)}, 9.0))
    )["a"]
    assert "real" not in item
    assert (item["override"], item["declared"], item["why"]) == ("drain", "normal", "draining")
    assert item["override_by"] == {"reason": "upgrade", "by": "ann", "since": 5.0, "until": None}
    fresh = endpoints(
        ask(made, "web.dev.east", seen=Seen({target(made, "a"): report(Track())}, 9.0))
    )
    assert "last" not in fresh["a"]
    assert fresh["a"]["real"] == "unknown"


def test_a_slow_start_shows_its_weight_now(generation: Make) -> None:
    """Beside the weight that is written."""
    made = under(generation, a=Health(State.UP, "slow start", tenths=3))
    item = endpoints(ask(made, "web.dev.east"))["a"]
    assert (item["weight"], item["weight_now"], item["share"]) == (1, 0.3, 23.1)


@pytest.mark.parametrize(
    ("name", "states", "wanted"),
    [
        ("web", {}, "20, as configured: whatever it holds is settled"),
        (
            "web",
            {"a": Health(State.UNKNOWN, "")},
            "min(20 configured, 5 while an endpoint is unsettled) = 5",
        ),
        (
            "short",
            {"s": Health(State.UNKNOWN, "")},
            "4, as configured: no longer than while an endpoint is unsettled",
        ),
        (
            "steady",
            {"t": Health(State.UNKNOWN, "")},
            "30, as configured whatever health says (ttl_from_health: off)",
        ),
    ],
)
def test_the_ttl_is_accounted_for(
    generation: Make, name: str, states: dict[str, Health], wanted: str
) -> None:
    """What is configured, and what health made of it."""
    (step,) = ask(under(generation, **states), f"{name}.dev.east")["chain"]
    assert step["ttl_arithmetic"] == wanted
    assert wanted.endswith(f"= {step['ttl']}") or wanted.startswith(f"{step['ttl']},")


@pytest.mark.parametrize("name", ["closed", "_http._tcp.closed", "dead", "deader", "far"])
def test_a_failure_lists_the_endpoints(generation: Make, name: str) -> None:
    """Also behind an ALIAS or a CNAME: they are why."""
    made = under(generation, c=DOWN)
    rdtype = "SRV" if name.startswith("_") else "A"
    facts = explain(made, f"{name}.dev.east", records.type_number(rdtype), DEV_CLIENT)
    assert (facts["rcode"], facts["end"]) == ("SERVFAIL", "failed")
    assert facts["service"] == "closed.dev.east"
    assert endpoints(facts)["c"]["why"] == "down"
    assert "10.80.2.1" in "\n".join(to_lines(facts))


@pytest.mark.parametrize("name", ["empty", "none"])
def test_an_empty_answer_lists_the_endpoints(generation: Make, name: str) -> None:
    """NODATA because nothing is up is told apart from a type that is not there."""
    facts = ask(under(generation, e=DOWN), f"{name}.dev.east")
    assert (facts["rcode"], facts["end"]) == ("NOERROR", "nodata")
    assert endpoints(facts)["e"]["health_reason"] == "refused"
