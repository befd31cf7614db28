"""After any flips the answers are those of a fresh start, and what was not touched is untouched."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthcheck.health import Health, State, Target
from resolver.compile import compile_generation
from resolver.generation import Generation
from resolver.outcome import Reply
from resolver.query import handle
from tests.properties import flipping
from tests.properties.profile import PROFILE
from tests.support import NOW, PROD_CLIENT, TCP, addresses, question, reply_of

UP, DOWN = Health(State.UP, ""), Health(State.DOWN, "")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """The company with everything up; each test flips from here."""
    return flipping.company(tmp_path_factory.mktemp("zones"))


def fresh(base: Generation, like: Generation) -> Generation:
    """The same zones and health, made at once."""
    return compile_generation(base.zones, NOW, 1, health=like.health)


@settings(PROFILE, max_examples=5)
@given(data=st.data())
def test_flips_lead_where_a_fresh_start_leads(base: Generation, data: st.DataObject) -> None:
    """Every answer of every view is the same, and kept where it rests on no flipped target."""
    every = flipping.targets(base)
    now = fresh(base, base)
    for _ in range(data.draw(st.integers(1, 3))):
        before = flipping.answers(now)
        change = data.draw(flipping.some(every))
        touched = {t for t, h in change.items() if now.health.of(t) != h}
        now = flipping.flipped(now, change)
        after = flipping.answers(now)
        for asked, answer in before.items():
            if answer is not None and not touched & set(answer.targets):
                assert after[asked] is answer, asked
            elif answer is not None:
                assert after[asked] is not answer, asked
        wanted = flipping.answers(fresh(base, now))
        for asked, answer in after.items():
            assert flipping.shown(answer) == flipping.shown(wanted[asked]), asked


@settings(PROFILE, max_examples=8)
@given(data=st.data())
def test_flips_of_prod_never_show_in_dev(base: Generation, data: st.DataObject) -> None:
    """Where nothing is shared: the same objects, so the same octets; namesakes included."""
    before = fresh(base, base)
    granted = {t for t in flipping.targets(base) if _is_granted(before, t)}
    own = {t for t in flipping.targets(base) if _is_prods(t)} - granted
    asked = flipping.answers(before)
    after = flipping.flipped(before, data.draw(flipping.some(sorted(own))))
    answered = flipping.answers(after)
    for about, answer in asked.items():
        if about[0] == "dev":
            assert answered[about] is answer, about


def _is_prods(target: Target) -> bool:
    return b"\4prod" in target[0] or target[0].endswith(b"|prod")


def _is_granted(generation: Generation, target: Target) -> bool:
    views = [v for v in generation.views.values() if v.environment == "dev"]
    flipping.answers(generation)
    return any(view.answers.resting_on(target) for view in views)


def test_namesakes_have_targets_of_their_own(base: Generation) -> None:
    """One owner and one address, in zones of two environments: two targets."""
    found = [t for t in flipping.targets(base) if t[1] == bytes([10, 99, 1, 1])]
    assert len(found) == 2
    prods = next(t for t in found if _is_prods(t))
    after = flipping.flipped(fresh(base, base), {prods: DOWN})
    seen = {
        environment: sorted(addresses(ask(after, "web.other.test.", source=source)))
        for environment, source in (("prod", PROD_CLIENT), ("dev", "10.80.9.9"))
    }
    assert seen == {"prod": ["10.99.1.2"], "dev": ["10.99.1.1", "10.99.1.2"]}


def test_touched_targets_may_come_as_they_are_found(base: Generation) -> None:
    """Every view goes through them, also when they can be gone through once only."""
    before = fresh(base, base)
    for view in before.views.values():
        for name in ("web", "_http._tcp.web", "x.wild", "svc"):
            view.answers.find(flipping.key(f"{name}.prod.east.corp.test.", "A"))
    (one,) = (t for t in flipping.targets(base) if t[1] == bytes([10, 64, 1, 1]))
    table = before.health.replace({one: DOWN})
    after = before.judged_anew(2, table, (t for t in [one]))
    for view in after.views.values():
        assert view.answers.resting_on(one) == []


# ---------------------------------------------------------------- shares


def ask(
    generation: Generation, name: str, rdtype: str = "A", source: str = PROD_CLIENT
) -> dns.message.Message:
    """What the journey replies."""
    outcome = handle(question(name, rdtype), source, TCP, generation)
    return dns.message.from_wire(reply_of(outcome).wire)


class Asker:
    """Counts which address stands first, without reading more of a reply than its octets."""

    def __init__(self, name: str) -> None:
        self.wires = {rdtype: question(name, rdtype) for rdtype in ("A", "AAAA")}

    def first(self, generation: Generation, rdtype: str = "A") -> bytes:
        outcome = handle(self.wires[rdtype], PROD_CLIENT, TCP, generation)
        assert isinstance(outcome, Reply)
        start = len(self.wires[rdtype]) + 12
        return outcome.wire[start : start + (4 if rdtype == "A" else 16)]


WEB = "web.prod.east.corp.test."


def judged(base: Generation, **states: Health) -> Generation:
    """Web's endpoints of the region, by the last octet: `e1=DOWN`."""
    known = {
        t: found
        for word, found in states.items()
        for t in flipping.targets(base)
        if t[1][-1] == int(word[1:]) and b"\3web\4prod\4east" in t[0]
    }
    return flipping.flipped(fresh(base, base), known)


def percent(counted: Counter[bytes]) -> dict[str, float]:
    return {".".join(map(str, a)): 100 * n / counted.total() for a, n in counted.items()}


SHARES = {"10.64.1.1": 60, "10.64.1.2": 20, "10.64.1.3": 20}
# w1 (weight 3 of 5) is down: 1.4 x 40 % stay, half each; the rest spills over two of west.
ALL_FIVE = {f"10.64.6.{n}": 20.0 for n in range(1, 6)}
FOUR = {f"10.64.6.{n}": 25.0 for n in range(1, 5)}
SPILLED = {"10.64.1.2": 28, "10.64.1.3": 28, "10.65.1.1": 22, "10.65.1.2": 22}


def test_firsts_over_ten_thousand_replies(base: Generation) -> None:
    """Weights, and spillover, each within two points."""
    asker = Asker(WEB)
    for generation, wanted in ((judged(base), SHARES), (judged(base, e1=DOWN), SPILLED)):
        counted = Counter(asker.first(generation) for _ in range(10_000))
        assert percent(counted) == pytest.approx(wanted, abs=2)


def test_firsts_when_both_families_are_asked_in_pairs(base: Generation) -> None:
    """Each family has its own wheel."""
    asker, generation = Asker(WEB), judged(base, e1=DOWN)
    counted: Counter[bytes] = Counter()
    six: Counter[bytes] = Counter()
    for _ in range(5000):
        counted[asker.first(generation)] += 1
        six[asker.first(generation, "AAAA")] += 1
    assert percent(counted) == pytest.approx(SPILLED, abs=2)
    # Of w1 (3) and w2 (1), w2 is up: 1.4 x 25 % = 35 %, and w1 of west has the rest.
    assert sorted(n / 50 for n in six.values()) == pytest.approx([35, 65], abs=2)


def test_firsts_while_an_unrelated_target_flips(base: Generation) -> None:
    """The answer is kept, so its wheel goes on."""
    asker, generation = Asker(WEB), judged(base, e1=DOWN)
    other = next(t for t in flipping.targets(base) if t[1] == bytes([10, 64, 2, 1]))
    counted: Counter[bytes] = Counter()
    for turn in range(4000):
        generation = flipping.flipped(generation, {other: DOWN if turn % 2 else UP})
        counted[asker.first(generation)] += 1
    assert percent(counted) == pytest.approx(SPILLED, abs=2)


@pytest.mark.parametrize(
    ("name", "flipping_octets", "wanted", "every", "turns"),
    [
        ("even.prod.east.corp.test.", [10, 64, 6, 5], (ALL_FIVE, FOUR), 1, 2500),
        ("even.prod.east.corp.test.", [10, 64, 6, 5], (ALL_FIVE, FOUR), 3, 2500),
        (WEB, [10, 64, 1, 1], (SHARES, SPILLED), 2, 500),
    ],
)
def test_firsts_while_a_target_of_the_pool_flips_back_and_forth(
    tmp_path: Path,
    name: str,
    flipping_octets: list[int],
    wanted: tuple[dict[str, float], dict[str, float]],
    every: int,
    turns: int,
) -> None:
    """In step with the questions: each state of the pool keeps its own shares."""
    ends = ", ".join(f"10.64.6.{n}" for n in range(1, 6))
    files = dict(flipping.FILES)
    files["east.yaml"] = files["east.yaml"].replace(
        "services:\n", f"services:\n  even: {{endpoints: [{ends}]}}\n", 1
    )
    generation = flipping.company(tmp_path, files)
    one = [t for t in flipping.targets(generation) if t[1] == bytes(flipping_octets)]
    asker = Asker(name)
    counted: tuple[Counter[bytes], Counter[bytes]] = (Counter(), Counter())
    for turn in range(turns):
        is_down = turn % 2
        generation = flipping.flipped(generation, dict.fromkeys(one, DOWN if is_down else UP))
        for _ in range(every):
            counted[is_down][asker.first(generation)] += 1
    for found, shares in zip(counted, wanted, strict=True):
        # The wheel jumps at each flip, so shares are as exact as that many random draws.
        assert percent(found) == pytest.approx(shares, abs=4 if turns > 1000 else 7)
