"""What `explain` tells of names that upstreams answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from resolver.cache import Partition
from resolver.explain import explain
from resolver.explain_lines import to_lines
from resolver.forward.standing import Standing
from resolver.generation import Generation
from resolver.routes import Route
from tests.support import DEV, FILES, PLAN, PROD_CLIENT
from tests.upstream_world import World

Compile = Callable[..., Generation]

FORWARDING = PLAN.replace(
    "forward: none", "forward: {upstreams: [192.0.2.1], routes: {other.example: [192.0.2.2]}}"
)
SAID = {
    "www.example. A": "www.example. 300 A 192.0.2.80",
    "across.example. A": "across.example. 50 CNAME x.other.example.",
    "x.other.example. A": "x.other.example. 30 A 192.0.2.90",
}


@dataclass
class Known:
    """A server's knowledge, as a test says it."""

    world: World
    standing: Standing = field(init=False)
    policy: str = "fastest"

    def __post_init__(self) -> None:
        self.others: dict[str, Standing] = {}

    @property
    def now(self) -> float:
        return self.world.now

    def partition(self, environment: str) -> Partition | None:
        return self.world.cache.partitions.get(environment)

    def choose(self, environment: str, route: Route) -> Sequence[Standing]:
        return [self.others.setdefault(str(u), Standing(u)) for u in route.upstreams]


@pytest.fixture
def made(generation: Compile) -> Generation:
    zone = DEV + "  out: {CNAME: www.example.}\n"
    return generation({**FILES, "environments.yaml": FORWARDING, "dev.yaml": zone})


def test_without_a_server_the_route_is_told(made: Generation) -> None:
    """And where it is written; what comes of it, upstreams will say."""
    facts = explain(made, "www.example.", 1, PROD_CLIENT)
    (step,) = facts["elsewhere"]
    assert (facts["rcode"], facts["source"]) == (None, "forward")
    assert (step["route"]["suffix"], step["route"]["kind"]) == (".", "upstreams")
    assert "environments.yaml:" in step["route"]["place"]
    assert step["upstreams"] == [{"upstream": "192.0.2.1"}]
    lines = list(to_lines(facts))
    assert lines[-1] == "answer   whatever they say"
    assert any(line.startswith("forward  www.example. by the environment's") for line in lines)


def test_the_longest_suffix_is_told(made: Generation) -> None:
    facts = explain(made, "a.other.example.", 1, PROD_CLIENT)
    assert facts["elsewhere"][0]["route"]["suffix"] == "other.example."


def test_the_cache_is_told_and_left_as_it_is(made: Generation) -> None:
    """State, age, what is left, and who said it."""
    world = World(SAID)
    known = Known(world)
    facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=known)
    assert facts["elsewhere"][0]["cache"] == {"state": "absent"}
    world.ask(made, "www.example.", source=PROD_CLIENT)
    world.now += 100
    partition = world.cache.partition("prod")
    before = (partition.misses, dict(partition.hits))
    facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=known)
    cache = facts["elsewhere"][0]["cache"]
    assert (cache["state"], cache["age"], cache["expires_in"]) == ("fresh", 100.0, 200.0)
    assert (facts["rcode"], facts["source"], facts["reason"]) == ("NOERROR", "cache", "answered")
    assert (partition.misses, dict(partition.hits)) == before
    world.now += 300
    facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=known)
    assert facts["elsewhere"][0]["cache"]["state"] == "stale"
    assert any("expired 100 s ago" in line for line in to_lines(facts))


def test_another_environments_cache_is_not_told(made: Generation) -> None:
    """Whose client it is decides whose cache is looked at."""
    world = World(SAID)
    world.ask(made, "www.example.", source=PROD_CLIENT)
    facts = explain(made, "www.example.", 1, "10.80.9.9", knowledge=Known(world))
    assert facts["elsewhere"][0]["cache"] == {"state": "absent"}


def test_a_chain_is_followed_through_what_is_known(made: Generation) -> None:
    """From our zones to one route, and on to another."""
    world = World(SAID)
    world.ask(made, "across.example.", source=PROD_CLIENT)
    facts = explain(made, "across.example.", 1, PROD_CLIENT, knowledge=Known(world))
    first, second = facts["elsewhere"]
    assert first["leads_to"] == second["name"] == "x.other.example."
    assert second["route"]["suffix"] == "other.example."
    out = explain(made, "out.dev.east", 1, "10.80.9.9", knowledge=Known(world))
    assert [step["type"] for step in out["chain"]] == ["CNAME"]
    assert out["elsewhere"][0]["name"] == "www.example."


def test_the_choice_of_upstreams_has_its_reason(made: Generation) -> None:
    """Never asked, so many milliseconds, suspect, down."""
    known = Known(World(SAID))

    def why() -> str:
        facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=known)
        found: str = facts["elsewhere"][0]["upstreams"][0]["why"]
        return found

    assert why() == "never asked"
    (standing,) = known.others.values()
    standing.answered(0.0125)
    assert why() == "12.5 ms on average"
    for _ in range(3):
        standing.failed("timeout")
    assert why() == "suspect: 3 failures in a row, probed meanwhile"
    standing.failed_probes = 3
    assert why() == "down: 3 probes failed"
    facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=known)
    assert (facts["rcode"], facts["reason"]) == ("SERVFAIL", "no-reachable-upstream")
    known.world.ask(made, "www.example.", source=PROD_CLIENT)
    known.world.now += 400
    facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=known)
    assert (facts["rcode"], facts["source"], facts["reason"]) == ("NOERROR", "stale", "stale")


def test_a_failure_is_told(made: Generation) -> None:
    """Nobody is asked for some seconds."""
    world = World({"www.example. A": "SERVFAIL"})
    world.ask(made, "www.example.", source=PROD_CLIENT)
    facts = explain(made, "www.example.", 1, PROD_CLIENT, knowledge=Known(world))
    cache = facts["elsewhere"][0]["cache"]
    assert cache == {"state": "failed", "reason": "no-reachable-upstream"}
    assert (facts["rcode"], facts["reason"]) == ("SERVFAIL", "no-reachable-upstream")
