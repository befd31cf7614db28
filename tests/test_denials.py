"""Names that do not exist are denied by what is known of the rest, as `handle` denies them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import dns.name
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthcheck.health import State
from resolver import denials as module
from resolver import names
from resolver.cache import Cache
from resolver.counters import Counters, ReplyCount
from resolver.denials import LONGEST, MOST, Denials
from resolver.generation import Generation
from resolver.offenders import Offenders
from resolver.outcome import Drop, Outcome, Reply
from resolver.query import handle
from tests.listen.pumping import (
    DEV,
    DEV_QUESTIONS,
    FILES,
    PLAN,
    flipped,
    in_dev,
    query,
    renumbered,
)
from tests.properties.profile import PROFILE
from tests.support import UDP, compiled, write

Compile = Callable[..., Generation]


class Known:
    """The denials of dev's view, which learn from every reply, beside `handle`."""

    def __init__(self, generation: Generation) -> None:
        view = generation.view_of(DEV)
        assert view is not None
        self.generation = generation
        self.kept_inside = Offenders()
        self.denials = Denials(view, self.kept_inside)
        self.counters = Counters()
        self.cache = Cache()  # of the other side

    def handle(self, wire: bytes) -> Outcome:
        return handle(wire, DEV, UDP, self.generation, 1.0, self.cache)

    def learn(self, wire: bytes) -> None:
        outcome = handle(wire, DEV, UDP, self.generation)
        if isinstance(outcome, Reply):
            self.denials.keep(wire, outcome, self.counters.tally(outcome, "udp"))

    def give(self, wire: bytes) -> tuple[bytes, ReplyCount] | None:
        return self.denials.give(wire, DEV)

    def judge(self, wire: bytes) -> bool:
        """Whether it is denied by what is known; then as `handle` does it, and counted as there."""
        mine, others = self.kept_inside, self.cache.partition("dev").kept_inside
        before = mine.total, others.total
        found, wanted = self.give(wire), self.handle(wire)
        if found is None:
            assert mine.total == before[0]
            return False
        assert isinstance(wanted, Reply)
        reply, where = found
        assert reply == wanted.wire
        assert where is self.counters.tally(wanted, "udp")
        assert (mine.total, others.total) == (before[0] + 1, before[1] + 1)
        assert {each.item for each in mine.names.top(99)} <= {
            each.item for each in others.names.top(99)
        }
        return True


class Company(NamedTuple):
    """What is shared by the tests; it says little of itself where one fails."""

    generation: Generation

    def __repr__(self) -> str:
        return "company"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The company of `pumping`."""
    return Company(compiled(write(tmp_path_factory.mktemp("zones"), FILES)))


@pytest.fixture
def known(company: Company) -> Known:
    """What is known of dev's view: nothing yet."""
    return Known(company.generation)


def test_what_was_denied_once_is_denied_for_every_label_of_its_length(known: Known) -> None:
    """Octet for octet, with its own ID and spelling; another length is another denial."""
    known.learn(query(in_dev("abc")))
    for label in ("abc", "xyz", "XyZ", "a-1", "\\000\\001\\255"):
        assert known.judge(renumbered(query(in_dev(label)), 0xABCD))
    for label in ("ab", "abcd", ""):
        assert not known.judge(query(in_dev(label) if label else in_dev("@")))


@pytest.mark.parametrize(
    "other",
    [
        query(in_dev("xyz"), "AAAA"),
        query(in_dev("xyz"), edns=1232),
        query(in_dev("xyz"), flags=""),
        query(in_dev("xyz"), flags="RD CD"),
        query(in_dev("xyz"), rdclass="CH"),
        query("xyz.Dev.east.corp.test."),
        query("xyz.prod.east.corp.test."),
        query("xyz.w.dev.east.corp.test."),
        query(in_dev("xyz")) + b"\0",
        query(in_dev("xyz"))[:-1],
    ],
)
def test_everything_after_the_label_is_compared(known: Known, other: bytes) -> None:
    """And the flags and counts before it."""
    known.learn(query(in_dev("abc")))
    assert known.give(other) is None


@pytest.mark.parametrize(("name", "rdtype"), DEV_QUESTIONS)
def test_what_exists_is_never_denied(known: Known, name: str, rdtype: str) -> None:
    """Though names of its length beside it were: itself, by a wildcard, a DNAME, or a cut."""
    wire = query(in_dev(name), rdtype)
    size = wire[12]
    other = wire[:13] + b"q" * size + wire[13 + size :]
    known.learn(other)
    known.learn(wire)
    is_denied = known.judge(other)
    exists = name != "nothing"
    assert (known.give(wire) is None) == exists
    below = any(name.endswith(f".{above}") for above in ("wild", "old", "cut"))
    assert is_denied != below or name == "@"


@pytest.mark.parametrize(
    "name",
    [
        "abc.here.corp.test.",  # depends on the region
        "abc.wild.dev.east.corp.test.",
        "abc.old.dev.east.corp.test.",
        "abc.cut.dev.east.corp.test.",
        "abc.devs.both.test.",
        "abc.example.",
        "test.",
        ".",
    ],
)
def test_what_is_below_something_is_not_learned(known: Known, name: str) -> None:
    """`here`, wildcards, DNAME, delegations; and what is not ours."""
    wire = query(name)
    for _ in range(2):
        known.learn(wire)
        assert known.give(wire) is None


def test_names_of_zones_that_fall_through_are_not_learned(generation: Compile) -> None:
    """Somebody else may have them; and zones that are not internal are not counted by name."""
    zone = "zone: open.example.\nvisible_to: [dev]\n%srecords: {a: {A: 10.80.4.1}}\n"
    for more in ("fallthrough: true\n", ""):
        plan = PLAN.replace("forward: none", "forward: {upstreams: [192.0.2.53]}")
        made = generation(
            {**FILES, "environments.yaml": plan, "open.yaml": zone % more}, is_judged=False
        )
        known = Known(made)
        wire = query("n1.open.example.", flags="")
        known.learn(wire)
        outcome = known.handle(wire)
        assert isinstance(outcome, Reply)
        view = made.view_of(DEV)
        assert view is not None
        answer = view.answers.find(wire[12:])
        if answer is None or not answer.is_kept:
            assert known.give(wire) is None


def test_it_counts_as_kept_inside(known: Known) -> None:
    """Each name in lower case, and who asked."""
    known.learn(query(in_dev("abc")))
    for n, label in enumerate(("xyz", "XYZ", "uvw")):
        known.denials.give(query(in_dev(label)), f"127.80.0.{n}")
    found = {often.item: often.least for often in known.kept_inside.names.top()}
    wanted = {
        dns.name.from_text(in_dev(label)).to_wire(): n for label, n in (("xyz", 2), ("uvw", 1))
    }
    assert found == wanted
    assert {often.item for often in known.kept_inside.clients.top()} == {
        f"127.80.0.{n}" for n in range(3)
    }
    assert known.kept_inside.total == 3


def test_what_is_known_is_bounded(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every spelling of the rest is one more; when there are too many they begin anew."""
    assert MOST < 10_000
    monkeypatch.setattr(module, "MOST", 10)
    for number in range(64):
        spelled = "".join(
            c.upper() if number >> (n % 6) & 1 else c for n, c in enumerate("dev.east.corp.test.")
        )
        known.learn(query(f"abc.{spelled}"))
        assert 0 < len(known.denials._known) <= 10
        assert known.judge(query(f"xyz.{spelled}"))


def test_long_queries_are_not_learned(known: Known) -> None:
    """Nor those with options, or with what is no query."""
    plain = query(in_dev("abc"), edns=1232)
    padded = plain[:-2] + struct.pack("!HHH", 4 + LONGEST, 12, LONGEST) + bytes(LONGEST)
    cookie = plain[:-2] + struct.pack("!HHH", 12, 10, 8) + bytes(8)
    for wire in (padded, cookie, plain[:30], b"", bytes(17)):
        known.learn(wire)
        assert known.give(wire) is None
    assert not known.denials._known


def test_a_flip_changes_no_denial(company: Company) -> None:
    """Which names exist is no matter of health."""
    after = flipped(company.generation, bytes([10, 80, 1, 1]), State.DOWN)
    known = Known(after)
    known.learn(query(in_dev("abc")))
    assert known.judge(query(in_dev("xyz")))


LABELS = st.one_of(
    st.sampled_from([b"web", b"xyz", b"text", b"a", b"*", b"WEB", b"wild", b"old", b"cut", b"w1"]),
    st.binary(min_size=1, max_size=5),
    st.binary(min_size=60, max_size=63),
)
ABOVE = st.sampled_from(
    [
        *("dev.east.corp.test.", "Dev.East.corp.test.", "web.dev.east.corp.test.", "both.test."),
        *("here.corp.test.", "wild.dev.east.corp.test.", "prod.east.corp.test.", "corp.test."),
        *("cut.dev.east.corp.test.", "old.dev.east.corp.test.", "example.", "devs.both.test."),
        *("80.10.in-addr.arpa.", "n.n.n.dev.east.corp.test.", "test.", "text.dev.corp.test."),
    ]
)
TAILS = st.sampled_from([(b"", b""), (b"\0\1", bytes.fromhex("00002904d0000000000000"))])


@st.composite
def asked(draw: st.DrawFn) -> bytes:
    """A query of any labels below something that exists, or not."""
    labels = draw(st.lists(LABELS, min_size=1, max_size=2))
    above = names.from_text(draw(ABOVE))
    name = b"".join(bytes([len(label)]) + label for label in labels) + above
    counts, opt = draw(TAILS)
    flags = draw(st.sampled_from([b"\1\0", b"\0\0", b"\1\x10", b"\1\x20"]))
    rdtype = struct.pack("!HH", draw(st.sampled_from([1, 16, 255, 65, 97])), 1)
    return b"\7\7" + flags + b"\0\1\0\0\0\0" + (counts or b"\0\0") + name + rdtype + opt


@settings(PROFILE, max_examples=60)
@given(st.lists(asked(), min_size=4, max_size=30))
def test_any_names_are_answered_as_if_nothing_were_known(
    company: Company, wires: list[bytes]
) -> None:
    """Whatever was learned before: each denial is the reply of `handle`, and counted as its."""
    known = Known(company.generation)
    for wire in (*wires, *wires):
        known.judge(wire)
        known.learn(wire)


@settings(PROFILE, max_examples=200)
@given(wire=st.binary(max_size=80), learned=st.lists(asked(), max_size=3), end=st.integers(0, 60))
def test_any_octets_are_denied_only_where_handle_denies(
    company: Company, wire: bytes, learned: list[bytes], end: int
) -> None:
    """Nothing raises, and no reply is made to what has none."""
    known = Known(company.generation)
    for each in learned:
        known.learn(each)
    for octets in (wire, *(each[:end] for each in learned), *(each + wire for each in learned)):
        found = known.give(octets)
        if found is not None:
            wanted = known.handle(octets)
            assert not isinstance(wanted, Drop)
            assert isinstance(wanted, Reply)
            assert found[0] == wanted.wire


def test_explain_names_are_looked_at_each_time(known: Known) -> None:
    """What they are answered depends on who asks, and not on the name alone."""
    known.learn(query(in_dev("explained"[:8]), "TXT"))
    assert known.give(query(in_dev("_explair"), "TXT")) is not None
    assert known.give(query(in_dev("_explain"), "TXT")) is None
    assert known.give(query(in_dev("_EXPLAIN"), "TXT")) is None
