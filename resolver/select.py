"""Selection: a pool of endpoints and their health → which answer, in which share, and why.

The one pure function behind the answer on the wire, `explain`, `check`, page and metrics.
One address family at a time; tier 0 is the named region, tier k the k-th of `failover`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from healthcheck.health import DeclaredState, Health, HealthSource
from resolver.turns import Weights, make_cycle
from resolver.zones.zone import Endpoint, Fail, Policy, Service

ROUNDING = 1e-9


class Family(Enum):
    """An address family."""

    V4 = 4
    V6 = 6

    @property
    def other(self) -> Family:
        return Family.V6 if self is Family.V4 else Family.V4


class Mode(Enum):
    """How the answer came about."""

    NORMAL = "normal"
    PANIC = "panic"
    OPEN = "fail-open"
    CLOSED = "fail-closed"
    EMPTY = "empty"


class Why(Enum):
    """Why an endpoint is in or out."""

    SERVING = "serving"
    STANDBY = "standby: a weighted endpoint of its tier is up"
    SPARE = "another tier takes the load"
    DOWN = "down"
    DAMPED = "damped: flapping"
    NEEDED = "serving although damped: its tier would spill or panic without it"
    DRAINING = "draining"
    MAINTENANCE = "maintenance"
    PANIC = "served in panic: too few of its tier are up"
    FAIL_OPEN = "served although not up: nothing is (fail: open)"


@dataclass(frozen=True, slots=True)
class Pool:
    """The tiers of one name; the named service's policy rules in all of them."""

    named: Service
    tiers: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One endpoint of one family: in or out, why, and the share of answers it stands first in."""

    endpoint: Endpoint
    address: bytes
    region: str | None
    tier: int
    health: Health
    weight: int
    why: Why
    share: float  # percent

    @property
    def is_in(self) -> bool:
        return self.share > 0


@dataclass(frozen=True, slots=True)
class Selection:
    """What `select` decides."""

    mode: Mode
    choices: tuple[Choice, ...]
    loads: tuple[float, ...]  # percent of answers by tier
    weights: tuple[Weights, ...]  # by tier: of those that serve, by index into `choices`
    max_answers: int

    @property
    def cycle(self) -> tuple[tuple[int, ...], ...]:
        """The turns of answers: indices into `choices`, the first one first; made when asked."""
        shares = [choice.share for choice in self.choices]
        owners = [choice.endpoint.owner for choice in self.choices]
        loaded = [w for w, load in zip(self.weights, self.loads, strict=True) if load and w]
        return make_cycle(loaded, shares, owners, self.max_answers)


@dataclass(slots=True)
class _Member:
    endpoint: Endpoint
    address: bytes
    region: str | None
    tier: int
    health: Health
    weight: int
    state: DeclaredState  # the stronger of the zone file's and the operator's
    why: Why = Why.SPARE

    @property
    def counts(self) -> bool:
        """Draining and maintenance leave the total; down stays in it."""
        return self.state is DeclaredState.NORMAL

    @property
    def is_held_out(self) -> bool:
        """Damped and nothing else: it could serve."""
        return self.counts and self.health.damped and self.health.is_really_up


_Serving = list[tuple[_Member, int]]
"""The members of a tier that serve, with their weights."""


def select(pool: Pool, family: Family, health: HealthSource) -> Selection:
    """Choose for one family (DESIGN: the rule of Envoy's priority levels)."""
    policy = pool.named.policy
    tiers = [_members(tier, number, family, health) for number, tier in enumerate(pool.tiers)]
    serving = [_serving(tier) for tier in tiers]
    mode = Mode.NORMAL
    if any(serving):
        loads, panicking = _weigh(tiers, serving, policy)
        while (needy := _needs_damped(tiers, serving, loads, panicking)) is not None:
            serving[needy] = _serving(tiers[needy], with_damped=True)
            loads, panicking = _weigh(tiers, serving, policy)
        if panicking:
            mode = Mode.PANIC
        for number, load in enumerate(loads):
            if number in panicking:
                serving[number] = [(m, max(1, m.weight)) for m in tiers[number] if m.counts]
            for member, _ in serving[number]:
                if number in panicking:
                    member.why = Why.PANIC
                elif load:
                    member.why = Why.NEEDED if member.is_held_out else Why.SERVING
    else:
        mode, serving = _nothing_up(pool, family, health, tiers)
        first = next((number for number, found in enumerate(serving) if found), 0)
        loads = [
            100.0 if number == first and serving[first] else 0.0 for number in range(len(tiers))
        ]
    return _finish(mode, tiers, serving, loads, policy.max_answers)


def _members(service: Service, tier: int, family: Family, health: HealthSource) -> list[_Member]:
    found = []
    for endpoint in service.endpoints:
        address = endpoint.v4 if family is Family.V4 else endpoint.v6
        if address is None:
            continue
        weight = 0 if endpoint.standby else endpoint.weight
        known = health.of((endpoint.key, address), is_checked=service.checked_by is not None)
        state = endpoint.state.and_also(known.override)
        member = _Member(endpoint, address, service.region, tier, known, weight, state)
        if state is not DeclaredState.NORMAL:
            is_drain = state is DeclaredState.DRAIN
            member.why = Why.DRAINING if is_drain else Why.MAINTENANCE
        elif not known.is_up:
            member.why = Why.DAMPED if known.is_really_up else Why.DOWN
        elif not weight:
            member.why = Why.STANDBY
        found.append(member)
    return found


def _serving(tier: list[_Member], *, with_damped: bool = False) -> _Serving:
    """The members of a tier that are up, with weights; standbys only when no other is."""
    up = [m for m in tier if m.counts and (m.health.is_up or (with_damped and m.is_held_out))]
    return [(m, m.weight) for m in up if m.weight] or [(m, 1) for m in up]


def _weigh(
    tiers: list[list[_Member]], serving: list[_Serving], policy: Policy
) -> tuple[list[float], set[int]]:
    """Percent of the answers that each tier gives, and which tiers are in panic."""
    shares = [_up_share(*pair) for pair in zip(tiers, serving, strict=True)]
    healths = [min(100.0, (policy.spillover or 1.0) * share) for share in shares]
    norm = sum(healths)
    norm = norm if norm < 100 - ROUNDING else 100.0
    loads = _loads(healths, norm, policy)
    if norm == 100:
        return loads, set()
    return loads, {n for n, share in enumerate(shares) if loads[n] and share < policy.panic}


def _needs_damped(
    tiers: list[list[_Member]], serving: list[_Serving], loads: list[float], panicking: set[int]
) -> int | None:
    """The first tier that would spill or panic while it holds out what is really up."""
    offered = 100.0
    for number, tier in enumerate(tiers):
        spills = offered - loads[number] > ROUNDING
        if spills or number in panicking:
            present = {id(member) for member, _ in serving[number]}
            # A damped standby is of no use where a weighted endpoint serves.
            if any(id(m) not in present for m, _ in _serving(tier, with_damped=True)):
                return number
        offered -= loads[number]
    return None


def _up_share(tier: list[_Member], serving: _Serving) -> float:
    """Percent of a tier's weight that is up; a tier served by standbys is wholly up."""
    total = sum(m.weight for m in tier if m.counts)
    if not total or (serving and not serving[0][0].weight):
        return 100.0 if serving else 0.0
    return 100.0 * sum(weight for _, weight in serving) / total


def _loads(healths: list[float], norm: float, policy: Policy) -> list[float]:
    """Percent of the answers that each tier gives."""
    if policy.spillover is None:
        first = next(number for number, found in enumerate(healths) if found)
        return [100.0 if number == first else 0.0 for number in range(len(healths))]
    loads: list[float] = []
    for found in healths:
        left = 100.0 - sum(loads)
        # What is left by a rounding error (1.2 x 5/6) is no load.
        loads.append(min(left, found * 100.0 / norm) if left > ROUNDING else 0.0)
    return loads


def _nothing_up(
    pool: Pool, family: Family, health: HealthSource, tiers: list[list[_Member]]
) -> tuple[Mode, list[_Serving]]:
    """Nothing is up in this family: NODATA if the other has something, else the policy."""
    nothing: list[_Serving] = [[] for _ in tiers]
    others = [_members(tier, n, family.other, health) for n, tier in enumerate(pool.tiers)]
    fail = pool.named.policy.fail
    if not any(tiers) or any(_serving(tier) for tier in others) or fail is Fail.EMPTY:
        return Mode.EMPTY, nothing
    if fail is Fail.CLOSED:
        return Mode.CLOSED, nothing
    for accepts in _FALLBACKS:
        for number, tier in enumerate(tiers):
            accepted = [m for m in tier if accepts(m)]
            if accepted:
                for member in accepted:
                    member.why = Why.FAIL_OPEN
                nothing[number] = [(m, max(1, m.weight)) for m in accepted]
                return Mode.OPEN, nothing
    return Mode.CLOSED, nothing


# What `fail: open` serves, the first that finds anything.
_FALLBACKS: tuple[Callable[[_Member], bool], ...] = (
    lambda m: m.counts and m.health.is_really_up,
    lambda m: m.state is DeclaredState.DRAIN and m.health.is_really_up,
    lambda m: m.counts,
)


def _finish(
    mode: Mode,
    tiers: list[list[_Member]],
    serving: list[_Serving],
    loads: list[float],
    max_answers: int,
) -> Selection:
    members = [member for tier in tiers for member in tier]
    position = {id(member): index for index, member in enumerate(members)}
    shares = [0.0] * len(members)
    weights: list[Weights] = []
    for load, chosen in zip(loads, serving, strict=True):
        # Slow start moves shares within a tier; the tiers' own were found with whole weights.
        present = {position[id(m)]: weight * m.health.tenths for m, weight in chosen}
        total = sum(present.values())
        weights.append(present)
        for index, weight in present.items():
            shares[index] = load * weight / total
    choices = tuple(
        Choice(m.endpoint, m.address, m.region, m.tier, m.health, m.weight, m.why, share)
        for m, share in zip(members, shares, strict=True)
    )
    return Selection(mode, choices, tuple(loads), tuple(weights), max_answers)
