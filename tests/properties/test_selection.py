"""Selection against an oracle that is written straight from the rules, in exact fractions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from healthcheck.health import DeclaredState, Health, HealthTable, State
from resolver.rrsets import PoolSet
from resolver.select import Family, Mode, Selection, select
from resolver.zones.zone import Endpoint, Fail, Policy
from tests.properties.profile import PROFILE
from tests.properties.worlds import World, marker, worlds
from tests.test_select import DAMPED, DOWN, DRAIN, MAINTENANCE, NORMAL, endpoint, health, pool

WHOLE = Fraction(100)


@dataclass(frozen=True)
class Drawn:
    """One endpoint as it is drawn: of one family or both, each with the same health."""

    weight: int
    state: DeclaredState
    health: Health
    families: str = "4"

    @property
    def told(self) -> DeclaredState:
        return self.state.and_also(self.health.override)

    @property
    def counts(self) -> bool:
        return self.told is NORMAL

    @property
    def is_up(self) -> bool:
        return self.counts and self.health.state is not State.DOWN and not self.health.damped

    @property
    def is_damped(self) -> bool:
        return self.counts and self.health.state is not State.DOWN and self.health.damped


Tier = list[Drawn]


def serving(tier: Tier, with_damped: bool) -> Tier:
    """Who is up; standbys when no weighted one is."""
    up = [d for d in tier if d.is_up or (with_damped and d.is_damped)]
    return [d for d in up if d.weight] or up


def up_share(tier: Tier, with_damped: bool) -> Fraction:
    """Percent of the weight that is up; draining and maintenance are not in the total."""
    present = serving(tier, with_damped)
    if not present or not present[0].weight:
        return WHOLE if present else Fraction(0)
    total = sum(d.weight for d in tier if d.counts)
    return WHOLE * sum(d.weight for d in present) / total


def weigh(
    tiers: list[Tier], damped: list[bool], policy: Policy
) -> tuple[list[Fraction], list[bool]]:
    """The loads of the tiers, and which are in panic."""
    shares = [up_share(tier, use) for tier, use in zip(tiers, damped, strict=True)]
    factor = Fraction(str(policy.spillover or 1))
    healths = [min(WHOLE, factor * share) for share in shares]
    norm = min(WHOLE, sum(healths, Fraction(0)))
    loads: list[Fraction] = []
    for found in healths:
        left = WHOLE - sum(loads)
        if policy.spillover is None:
            loads.append(left if found else Fraction(0))
        else:
            loads.append(min(left, found * 100 / norm))
    panics = [
        bool(load) and norm < 100 and share < Fraction(str(policy.panic))
        for load, share in zip(loads, shares, strict=True)
    ]
    return loads, panics


def expected(tiers: list[Tier], policy: Policy) -> tuple[list[Fraction], list[bool]]:
    """Loads and panic where something is up: damped ones are called on tier by tier."""
    damped = [False] * len(tiers)
    while True:
        loads, panics = weigh(tiers, damped, policy)
        for number, tier in enumerate(tiers):
            spills = sum(loads[: number + 1]) < WHOLE
            helps = serving(tier, True) != serving(tier, damped[number])
            if (spills or panics[number]) and not damped[number] and helps:
                damped[number] = True
                break
        else:
            return loads, panics


HEALTHS = st.builds(
    Health,
    state=st.sampled_from(State),
    reason=st.just(""),
    damped=st.booleans(),
    changing=st.booleans(),
    tenths=st.integers(1, 10),
    override=st.sampled_from([NORMAL, NORMAL, NORMAL, DRAIN, MAINTENANCE]),
)
DRAWN = st.builds(
    Drawn,
    weight=st.sampled_from([0, 1, 1, 2, 3, 7, 100]),
    state=st.sampled_from([NORMAL, NORMAL, NORMAL, DRAIN, MAINTENANCE]),
    health=st.one_of(HEALTHS, st.just(DOWN)),
    families=st.sampled_from(["4", "4", "46", "6"]),
)
TIERS = st.lists(st.lists(DRAWN, max_size=6), min_size=1, max_size=4)
POLICIES = st.builds(
    Policy,
    fail=st.sampled_from(Fail),
    spillover=st.sampled_from([None, 1.0, 1.2, 1.4, 3.0]),
    panic=st.sampled_from([0.0, 30.0, 50.0, 100.0]),
    max_answers=st.integers(1, 9),
)


def chosen(tiers: list[Tier], policy: Policy, family: Family = Family.V4) -> Selection:
    """What `select` makes of what was drawn."""
    made: list[list[Endpoint]] = []
    known: list[tuple[Endpoint, Health]] = []
    for t, tier in enumerate(tiers):
        made.append([])
        for n, d in enumerate(tier):
            v4, v6 = "4" in d.families, "6" in d.families
            made[t].append(endpoint(t, n, d.weight, d.state, v4=v4, v6=v6))
            known.append((made[t][n], d.health))
    return select(pool(*made, policy=policy), family, health(*known))


def of_family(tiers: list[Tier], family: Family) -> list[Tier]:
    """The endpoints with an address of a family."""
    return [[d for d in tier if str(family.value) in d.families] for tier in tiers]


ONE_UP = Drawn(1, NORMAL, Health(State.UP, ""))
ONE_DOWN = Drawn(1, NORMAL, DOWN)
FIVE_OF_SIX = [[ONE_UP] * 5 + [ONE_DOWN]] * 2  # 1.2 x 5/6 is 100, or a little less in floats
DAMPED_STANDBY = [[ONE_UP, ONE_DOWN, Drawn(0, NORMAL, DAMPED)], [ONE_UP]]


@settings(PROFILE, max_examples=600)
@given(TIERS, POLICIES)
@example(FIVE_OF_SIX, Policy(spillover=1.2, panic=100.0))
@example(DAMPED_STANDBY, Policy(spillover=1.4))
def test_loads_are_those_of_the_formulas(drawn: list[Tier], policy: Policy) -> None:
    """Tier by tier, in every family that has something up; and panic is where it must be."""
    found = chosen(drawn, policy)
    tiers = of_family(drawn, Family.V4)
    if not any(d.is_up for tier in tiers for d in tier):
        return
    loads, panics = expected(tiers, policy)
    assert found.loads == pytest.approx([float(load) for load in loads])
    assert [bool(load) for load in found.loads] == [bool(load) for load in loads]
    assert (found.mode is Mode.PANIC) == any(panics)
    for number, tier in enumerate(tiers):
        shares = [c.share for c in found.choices if c.tier == number]
        assert sum(shares) == pytest.approx(float(loads[number]))
        if panics[number]:
            assert [share > 0 for share in shares] == [d.counts for d in tier]


@settings(PROFILE, max_examples=400)
@given(TIERS, POLICIES)
def test_what_holds_for_every_answer(drawn: list[Tier], policy: Policy) -> None:
    """One tier, distinct addresses, no maintenance; and the mode tells why there is none."""
    for family in Family:
        found, tiers = chosen(drawn, policy, family), of_family(drawn, family)
        flat = [d for tier in tiers for d in tier]
        assert len(flat) == len(found.choices)
        for turn in found.cycle:
            size = sum(c.is_in for c in found.choices if c.tier == found.choices[turn[0]].tier)
            assert len(set(turn)) == len(turn) == min(policy.max_answers, size)
            assert len({found.choices[i].tier for i in turn}) == 1
            assert all(flat[i].told is not MAINTENANCE for i in turn)
        shares = sum(choice.share for choice in found.choices)
        assert shares == pytest.approx(100 if found.cycle else 0)
        other = [d for tier in of_family(drawn, family.other) for d in tier]
        other_serves = any(d.is_up for d in other)
        left = any(d.counts for d in flat)
        if any(d.is_up for d in flat) or (policy.fail is Fail.OPEN and left and not other_serves):
            assert found.cycle
        elif other_serves or not flat:
            assert (found.mode, found.cycle) == (Mode.EMPTY, ())


@settings(PROFILE, max_examples=200)
@given(TIERS, POLICIES)
def test_slow_start_moves_no_load_between_tiers(drawn: list[Tier], policy: Policy) -> None:
    """Tenths change the order and the weights within a tier, never the tiers' shares."""
    whole = [
        [Drawn(d.weight, d.state, _at_full_weight(d.health), d.families) for d in tier]
        for tier in drawn
    ]
    assert chosen(drawn, policy).loads == chosen(whole, policy).loads
    assert chosen(drawn, policy).mode is chosen(whole, policy).mode


def _at_full_weight(found: Health) -> Health:
    return Health(found.state, found.reason, damped=found.damped, override=found.override)


@settings(PROFILE, max_examples=200)
@given(TIERS, POLICIES)
def test_the_cycle_gives_each_its_share(drawn: list[Tier], policy: Policy) -> None:
    """Standing first is within two points of the share, whatever the weights."""
    found = chosen(drawn, policy)
    for index, choice in enumerate(found.choices):
        first = sum(turn[0] == index for turn in found.cycle)
        assert 100 * first / max(1, len(found.cycle)) == pytest.approx(choice.share, abs=2)


@settings(PROFILE, max_examples=25)
@given(world=worlds(), data=st.data())
def test_no_pool_holds_what_was_not_granted(world: World, data: st.DataObject) -> None:
    """Whatever health says: no selection of a has an endpoint that b alone may see."""
    generation = world.compile()
    every = [e for z in generation.zones.zones for s in z.services.values() for e in s.endpoints]
    known = {(e.key, a): data.draw(HEALTHS) for e in every for a in e.addresses}
    table = HealthTable(known)
    for environment, other in (("a", "b"), ("b", "a")):
        view = generation.views[environment, "r"].answers
        scope = view.scope._replace(health=table)
        for node in view.space.nodes.values():
            for rrset in node.sets.values():
                if isinstance(rrset, PoolSet):
                    for choice in rrset.selection(scope).choices:
                        assert choice.address[1] != marker(frozenset(other))
