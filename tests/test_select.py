"""Selection: tiers, shares, states and failures."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthcheck.health import ALL_UP, DeclaredState, Health, HealthTable, State
from resolver import names
from resolver.select import Family, Mode, Pool, Selection, Why, select
from resolver.zones.places import Place
from resolver.zones.zone import Endpoint, Fail, Policy, Service

UP, DOWN = Health(State.UP, ""), Health(State.DOWN, "")
DAMPED, UNKNOWN = Health(State.UP, "", damped=True), Health(State.UNKNOWN, "")
NORMAL, DRAIN, MAINTENANCE = DeclaredState
SPILL = Policy(spillover=1.4)
NOWHERE = Place("")


def endpoint(
    tier: int,
    number: int,
    weight: int = 1,
    state: DeclaredState = NORMAL,
    *,
    standby: bool = False,
    v4: bool = True,
    v6: bool = False,
) -> Endpoint:
    """One endpoint; its address tells tier and number."""
    label = f"e{tier}-{number}"
    packed = bytes([10, tier, number >> 8, number & 255])
    return Endpoint(
        label,
        names.from_text(f"{label}.web.test."),
        packed if v4 else None,
        bytes(12) + packed if v6 else None,
        weight,
        standby,
        state,
        None,
        NOWHERE,
        names.from_text(f"{label}.web.test."),
    )


def pool(*tiers: Iterable[Endpoint], policy: Policy = SPILL) -> Pool:
    """A pool whose first tier is the named one."""
    template = Service(
        owner=names.from_text("web.test."),
        name="web",
        environment="prod",
        region="east",
        endpoints=(),
        ports=(),
        ttl=30,
        policy=policy,
        failover=(),
        checked_by=None,
        grants=frozenset(),
        place=NOWHERE,
    )
    services = tuple(replace(template, endpoints=tuple(tier)) for tier in tiers)
    return Pool(services[0], services)


def health(*known: tuple[Endpoint, Health]) -> HealthTable:
    """What is known of some endpoints, both families alike."""
    return HealthTable({(e.key, a): found for e, found in known for a in e.addresses})


def tier(number: int, size: int) -> list[Endpoint]:
    """A tier of equal endpoints."""
    return [endpoint(number, n) for n in range(size)]


def firsts(selection: Selection, turns: int = 10_000) -> Counter[str]:
    """How often each endpoint stands first."""
    turned = islice(cycle(selection.cycle), turns)
    return Counter(selection.choices[turn[0]].endpoint.label for turn in turned)


def served(selection: Selection) -> set[str]:
    """Every endpoint that any turn holds."""
    return {selection.choices[i].endpoint.label for turn in selection.cycle for i in turn}


def why(selection: Selection) -> dict[str, Why]:
    """The reason of each endpoint."""
    return {choice.endpoint.label: choice.why for choice in selection.choices}


@pytest.mark.parametrize(
    ("up", "near", "far"),
    [(100, 100, 0), (72, 100, 0), (71, 99, 1), (50, 70, 30), (25, 35, 65), (0, 0, 100)],
)
def test_spillover_by_percent_up(up: int, near: int, far: int) -> None:
    """With factor 1.4 a tier holds all the load until less than 72 % of it is up."""
    first = tier(0, 100)
    found = select(
        pool(first, tier(1, 4)), Family.V4, health(*((item, DOWN) for item in first[up:]))
    )
    assert [round(load) for load in found.loads] == [near, far]
    turned = firsts(found)
    assert sum(turned[e.label] for e in first) / 100 == pytest.approx(near, abs=2)


def test_strict_tiers_wait_until_nothing_is_up() -> None:
    """`spillover: off`: one endpoint of tier 0 takes it all."""
    first, strict = tier(0, 10), Policy(spillover=None)
    one_up = health(*((item, DOWN) for item in first[1:]))
    none_up = health(*((item, DOWN) for item in first))
    assert select(pool(first, tier(1, 2), policy=strict), Family.V4, one_up).loads == (100.0, 0.0)
    assert select(pool(first, tier(1, 2), policy=strict), Family.V4, none_up).loads == (0.0, 100.0)


def test_both_tiers_share_when_neither_can_hold_all() -> None:
    """Half of each tier up at factor 1.0: the sum is scaled to 100."""
    first, second = tier(0, 4), tier(1, 4)
    broken = health(*((item, DOWN) for item in first[2:] + second[3:]))
    found = select(pool(first, second, policy=Policy(spillover=1.0)), Family.V4, broken)
    assert found.loads == pytest.approx((50.0, 50.0))


def test_three_tiers_in_order() -> None:
    """Each tier takes what the ones before it leave."""
    first, second = tier(0, 10), tier(1, 10)
    broken = health(*((item, DOWN) for item in first[2:] + second[3:]))
    found = select(pool(first, second, tier(2, 3), policy=Policy(spillover=1.0)), Family.V4, broken)
    assert found.loads == pytest.approx((20.0, 30.0, 50.0))


def test_weights_give_their_share() -> None:
    """1 : 3 within 2 points over 10,000 turns."""
    found = select(pool([endpoint(0, 0, 1), endpoint(0, 1, 3)]), Family.V4, ALL_UP)
    assert [choice.share for choice in found.choices] == pytest.approx([25.0, 75.0])
    assert firsts(found)["e0-1"] / 100 == pytest.approx(75, abs=2)


def test_equal_endpoints_take_turns() -> None:
    """Every one stands first once in a cycle as long as their number."""
    found = select(pool(tier(0, 5)), Family.V4, ALL_UP)
    assert [turn[0] for turn in found.cycle] == [0, 1, 2, 3, 4]
    assert all(len(set(turn)) == 5 for turn in found.cycle)


def test_odd_weights_keep_their_share_in_a_bounded_cycle() -> None:
    """A cycle that would be too long is cut, and right to a point."""
    found = select(pool([endpoint(0, 0, 65521), endpoint(0, 1, 32749)]), Family.V4, ALL_UP)
    assert len(found.cycle) <= 256
    assert firsts(found)["e0-0"] / 100 == pytest.approx(66.7, abs=2)


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
def test_max_answers_bounds_an_answer(limit: int) -> None:
    """All endpoints still have their turn."""
    found = select(pool(tier(0, 5), policy=Policy(max_answers=limit)), Family.V4, ALL_UP)
    assert {len(turn) for turn in found.cycle} == {min(5, limit)}
    assert len(served(found)) == 5


def test_an_answer_holds_one_tier() -> None:
    """Clients that use the whole set stay within it."""
    first = tier(0, 4)
    found = select(
        pool(first, tier(1, 4)), Family.V4, health(*((item, DOWN) for item in first[1:]))
    )
    assert all(len({found.choices[i].tier for i in turn}) == 1 for turn in found.cycle)


def test_draining_and_maintenance_leave_the_total() -> None:
    """What remains counts as the whole tier: nothing spills."""
    first = [endpoint(0, 0), endpoint(0, 1, state=DRAIN), endpoint(0, 2, state=MAINTENANCE)]
    found = select(pool(first, tier(1, 1)), Family.V4, ALL_UP)
    assert found.loads == (100.0, 0.0)
    assert served(found) == {"e0-0"}
    assert why(found) == {
        "e0-0": Why.SERVING,
        "e0-1": Why.DRAINING,
        "e0-2": Why.MAINTENANCE,
        "e1-0": Why.SPARE,
    }


def test_a_tier_in_panic_serves_whole() -> None:
    """Too few up, and no tier can take over: better some errors than a stampede."""
    first = [*tier(0, 4), endpoint(0, 4, state=DRAIN), endpoint(0, 5, state=MAINTENANCE)]
    down = health(*((item, DOWN) for item in first[1:]))
    found = select(pool(first, policy=Policy(panic=50.0)), Family.V4, down)
    assert found.mode is Mode.PANIC
    assert served(found) == {"e0-0", "e0-1", "e0-2", "e0-3"}
    calm = select(pool(first, policy=Policy(panic=25.0)), Family.V4, down)
    assert calm.mode is Mode.NORMAL
    assert served(calm) == {"e0-0"}


def test_no_panic_while_another_tier_takes_over() -> None:
    """The sum of the tiers decides."""
    first = tier(0, 4)
    down = health(*((item, DOWN) for item in first[1:]))
    found = select(
        pool(first, tier(1, 4), policy=Policy(spillover=1.0, panic=50.0)), Family.V4, down
    )
    assert found.mode is Mode.NORMAL


def test_fail_open_prefers_what_is_really_up() -> None:
    """Damped, then draining, then all of tier 0, then nothing."""
    damped, draining, down, off = (
        endpoint(0, 0),
        endpoint(0, 1, state=DRAIN),
        endpoint(0, 2),
        endpoint(0, 3, state=MAINTENANCE),
    )
    everything = [damped, draining, down, off]
    states = health((damped, DAMPED), (draining, UP), (down, DOWN), (off, UP))
    order = []
    for members in (everything, everything[1:], everything[2:], everything[3:]):
        found = select(pool(members), Family.V4, states)
        order.append((found.mode, served(found)))
    assert order == [
        (Mode.OPEN, {"e0-0"}),
        (Mode.OPEN, {"e0-1"}),
        (Mode.OPEN, {"e0-2"}),
        (Mode.CLOSED, set()),
    ]


def test_fail_open_serves_no_further_tier_that_is_down() -> None:
    """All of tier 0; the others are no better and farther away."""
    first, second = tier(0, 2), tier(1, 2)
    found = select(
        pool(first, second), Family.V4, health(*((item, DOWN) for item in first + second))
    )
    assert served(found) == {"e0-0", "e0-1"}
    assert why(found)["e0-0"] is Why.FAIL_OPEN
    assert why(found)["e1-0"] is Why.DOWN


@pytest.mark.parametrize(("fail", "mode"), [(Fail.CLOSED, Mode.CLOSED), (Fail.EMPTY, Mode.EMPTY)])
def test_fail_closed_and_empty_serve_nothing(fail: Fail, mode: Mode) -> None:
    """They differ in the rcode only."""
    first = tier(0, 2)
    down = health(*((item, DOWN) for item in first))
    found = select(pool(first, policy=Policy(fail=fail)), Family.V4, down)
    assert (found.mode, found.cycle) == (mode, ())


def test_a_family_with_nothing_up_is_empty_while_the_other_serves() -> None:
    """Clients fall back to the other family, whatever `fail` says."""
    four, six = endpoint(0, 0, v4=True), endpoint(0, 1, v4=False, v6=True)
    closed = pool([four, six], policy=Policy(fail=Fail.CLOSED))
    assert select(closed, Family.V4, health((four, DOWN))).mode is Mode.EMPTY
    assert select(closed, Family.V6, health((four, DOWN))).mode is Mode.NORMAL
    assert select(closed, Family.V4, health((four, DOWN), (six, DOWN))).mode is Mode.CLOSED


def test_unknown_is_served() -> None:
    """A target not yet probed is no reason to fail."""
    first = tier(0, 2)
    assert served(select(pool(first), Family.V4, health((first[0], UNKNOWN)))) == {"e0-0", "e0-1"}


@pytest.mark.parametrize("spare", [endpoint(0, 9, standby=True), endpoint(0, 9, weight=0)])
def test_a_standby_serves_before_the_next_tier(spare: Endpoint) -> None:
    """`standby: true` and weight 0 alike; the tier then counts as wholly up."""
    weighted = tier(0, 2)
    calm = select(pool([*weighted, spare], tier(1, 2)), Family.V4, health((weighted[0], DOWN)))
    assert "e0-9" not in served(calm)
    assert why(calm)["e0-9"] is Why.STANDBY
    down = health(*((item, DOWN) for item in weighted))
    found = select(pool([*weighted, spare], tier(1, 2)), Family.V4, down)
    assert found.loads == (100.0, 0.0)
    assert served(found) == {"e0-9"}


def test_health_is_known_by_endpoint_and_address() -> None:
    """One family of an endpoint may be down alone."""
    both = endpoint(0, 0, v6=True)
    assert both.v6 is not None
    table = HealthTable({(both.owner, both.v6): DOWN})
    assert select(pool([both]), Family.V4, table).mode is Mode.NORMAL
    assert select(pool([both]), Family.V6, table).mode is Mode.EMPTY


def test_a_damped_standby_is_not_needed_while_a_weighted_endpoint_serves() -> None:
    """The tier spills as if the standby were not there; and the choice comes to an end."""
    first = [endpoint(0, 0), endpoint(0, 1), endpoint(0, 2, standby=True)]
    states = health((first[1], DOWN), (first[2], DAMPED))
    found = select(pool(first, tier(1, 2)), Family.V4, states)
    assert found.loads == pytest.approx((70.0, 30.0))
    assert why(found)["e0-2"] is Why.DAMPED


def test_a_damped_standby_serves_before_the_next_tier() -> None:
    """When no weighted endpoint of its tier is up."""
    first = [endpoint(0, 0), endpoint(0, 1, standby=True)]
    states = health((first[0], DOWN), (first[1], DAMPED))
    found = select(pool(first, tier(1, 2)), Family.V4, states)
    assert (found.loads, served(found)) == ((100.0, 0.0), {"e0-1"})
    assert why(found)["e0-1"] is Why.NEEDED


def test_damped_endpoints_are_needed_where_the_tier_would_spill_or_panic() -> None:
    """And are held out where it would not."""
    first = tier(0, 4)
    one = health((first[0], DAMPED))
    calm = select(pool(first, tier(1, 2), policy=Policy(spillover=1.4)), Family.V4, one)
    assert "e0-0" not in served(calm)
    spilling = select(pool(first, tier(1, 2), policy=Policy(spillover=1.0)), Family.V4, one)
    assert (spilling.loads, why(spilling)["e0-0"]) == ((100.0, 0.0), Why.NEEDED)
    half = health((first[0], DAMPED), (first[1], DAMPED), (first[2], DOWN))
    alone = select(pool(first, policy=Policy(panic=50.0)), Family.V4, half)
    assert (alone.mode, served(alone)) == (Mode.NORMAL, {"e0-0", "e0-1", "e0-3"})


@pytest.mark.parametrize("size", range(2, 60))
def test_a_rounding_error_is_no_load(size: int) -> None:
    """1.2 x 5/6 in floats is a little less than 100: nothing of it reaches the next tier."""
    for up in range(1, size + 1):
        if 6 * up < 5 * size:
            continue
        first = tier(0, size)
        down = health(*((item, DOWN) for item in first[up:]))
        policy = Policy(spillover=1.2, panic=100.0)
        found = select(pool(first, tier(1, 2), policy=policy), Family.V4, down)
        assert found.mode is Mode.NORMAL
        assert not any(choice.is_in for choice in found.choices if choice.tier)
        assert len(found.cycle) == up


def test_an_override_is_as_strong_as_the_file() -> None:
    """Whoever says more rules: a file's maintenance is not lifted by an operator's drain."""
    first = [endpoint(0, 0, state=MAINTENANCE), endpoint(0, 1), endpoint(0, 2)]
    told = health(
        (first[0], Health(State.UP, "", override=DRAIN)),
        (first[1], Health(State.UP, "", override=MAINTENANCE)),
    )
    found = select(pool(first), Family.V4, told)
    assert (served(found), why(found)["e0-0"]) == ({"e0-2"}, Why.MAINTENANCE)
    assert why(found)["e0-1"] is Why.MAINTENANCE


def test_slow_start_is_a_part_of_the_weight() -> None:
    """Three tenths of a weight beside a whole one: 3 of 13."""
    first = tier(0, 2)
    slow = health((first[0], Health(State.UP, "", tenths=3)))
    found = select(pool(first, tier(1, 1)), Family.V4, slow)
    assert [choice.share for choice in found.choices] == pytest.approx([300 / 13, 1000 / 13, 0])
    assert firsts(found)["e0-0"] / 100 == pytest.approx(300 / 13, abs=2)


LABELS = [("a", "b", "c"), ("10-64-1-1", "10-64-1-2", "10-64-1-3"), ("x", "longer", "z1")]


@pytest.mark.parametrize("labels", LABELS)
def test_the_others_are_drawn_by_weight(labels: tuple[str, ...]) -> None:
    """Of weights 1 and 3 behind the first, the heavier is next in three of four answers."""
    members = [
        replace(endpoint(0, n, weight), owner=names.from_text(f"{label}.web.prod.east.test."))
        for n, (label, weight) in enumerate(zip(labels, (60, 1, 3), strict=True))
    ]
    # Whoever is far ahead is first nearly always, so the rest are nearly all turns.
    seconds: Counter[int] = Counter()
    for more in range(8):
        heavy = replace(members[0], weight=10000 + more)
        found = select(pool([heavy, *members[1:]]), Family.V4, ALL_UP)
        seconds.update(turn[1] for turn in found.cycle if turn[0] == 0)
    assert seconds[2] / seconds.total() == pytest.approx(0.75, abs=0.07)


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 1, 2, 3, 100]),
        st.sampled_from([NORMAL, NORMAL, NORMAL, DRAIN, MAINTENANCE]),
        st.sampled_from([UP, DOWN, DAMPED, UNKNOWN]),
    ),
    max_size=5,
)
POLICIES = st.builds(
    Policy,
    fail=st.sampled_from(Fail),
    spillover=st.sampled_from([None, 1.0, 1.4, 3.0]),
    panic=st.sampled_from([0.0, 50.0, 100.0]),
    max_answers=st.integers(1, 9),
)


@given(st.lists(MEMBERS, min_size=1, max_size=3), POLICIES)
def test_what_holds_for_any_pool(
    drawn: list[list[tuple[int, DeclaredState, Health]]], policy: Policy
) -> None:
    """Maintenance is never served, shares add up, and fail: open leaves nobody without answer."""
    tiers, known = [], []
    for t, members in enumerate(drawn):
        made = [endpoint(t, n, weight, state) for n, (weight, state, _) in enumerate(members)]
        known += [(e, found) for e, (_, _, found) in zip(made, members, strict=True)]
        tiers.append(made)
    found = select(pool(*tiers, policy=policy), Family.V4, health(*known))
    for turn in found.cycle:
        assert 1 <= len(turn) == len(set(turn)) <= policy.max_answers
        assert all(found.choices[i].endpoint.state is not MAINTENANCE for i in turn)
        assert all(found.choices[i].is_in for i in turn)
    if found.cycle:
        assert sum(choice.share for choice in found.choices) == pytest.approx(100)
        assert sum(found.loads) == pytest.approx(100)
    else:
        assert found.mode in {Mode.CLOSED, Mode.EMPTY}
    if policy.fail is Fail.OPEN and any(e.state is NORMAL for e in tiers[0]):
        assert found.cycle
