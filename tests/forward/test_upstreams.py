"""The upstreams of each environment: who they are, the ways to them, their probes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from resolver.forward import standing as standings
from resolver.forward import upstreams as module
from resolver.forward.exchange import Attempt, Exchange, Timing
from resolver.forward.probes import UNWANTED
from resolver.forward.upstreams import (
    LATE,
    Entropy,
    Trust,
    Upstreams,
    root_questions,
)
from resolver.names import ROOT
from resolver.routes import Route, delegation_route
from resolver.zones.upstream import Upstream, read_upstream
from tests.forward.asking import ZONES, plan, to, upstream_of
from tests.forward.fake import Fake, upstream
from tests.forward.taker import Heard, attempt
from tests.support import compiled, write


def route(*upstreams: Upstream | str) -> Route:
    """The usual route."""
    read = (read_upstream(u) if isinstance(u, str) else u for u in upstreams)
    return Route(ROOT, "upstreams", tuple(read))


@contextlib.asynccontextmanager
async def known(
    own: Iterable[tuple[str, int]] = (), trust: Trust | None = None
) -> AsyncIterator[tuple[Upstreams, Heard]]:
    """Upstreams, and who hears of them; whatever was opened is closed."""
    heard, made = Heard(), Upstreams(trust, own)
    made.taker = heard
    try:
        yield made, heard
    finally:
        await made.close()


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_environments_know_nothing_of_each_other() -> None:
    """The same server has a standing for each: neither slowness nor silence is shared."""
    async with known() as (upstreams, _):
        both = route("192.0.2.1", "192.0.2.2")
        prod, dev = (upstreams.of(name, both, 0.0) for name in ("prod", "dev"))
        assert [s.name for s in prod] == [s.name for s in dev] == ["192.0.2.1", "192.0.2.2"]
        assert not set(prod) & set(dev)
        assert upstreams.of("prod", both, 0.0) is prod
        assert upstreams.of("prod", route("192.0.2.2"), 0.0) == prod[1:]
        assert {(s.environment, s.name) for s in upstreams.standings()} == {
            (e, n) for e in ("prod", "dev") for n in ("192.0.2.1", "192.0.2.2")
        }


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        (("127.0.0.1", 5353), ["127.0.0.2:5353", "127.0.0.1", "192.0.2.9:5353"]),
        (("0.0.0.0", 5353), ["127.0.0.1", "192.0.2.9:5353"]),
        (("::", 5353), ["127.0.0.1:5353", "127.0.0.2:5353", "127.0.0.1", "192.0.2.9:5353"]),
    ],
)
async def test_we_are_not_our_own_upstream(own: tuple[str, int], kept: list[str]) -> None:
    """Whether we listen on the very address or on all of them; whatever the transport."""
    servers = ("127.0.0.1:5353", "127.0.0.2:5353", "127.0.0.1", "192.0.2.9:5353")
    async with known([own]) as (upstreams, _):
        found = [standing.name for standing in upstreams.of("dev", route(*servers), 0.0)]
        assert found == kept
        over_tcp = route("tcp://127.0.0.1:5353")
        assert len(upstreams.of("dev", over_tcp, 0.0)) == ("127.0.0.1:5353" in kept)


async def test_loopback_is_never_an_address_of_this_server() -> None:
    """As a client: tests and stubs ask from there. An address of nobody here is not, either."""
    async with known() as (upstreams, _):
        for source in ("127.0.0.1", "127.64.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.77"):
            assert not upstreams.is_own(source)


async def test_addresses_of_this_machine_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be bound; IPv4 in IPv6 is its IPv4 address, and a scope is no part of it."""
    monkeypatch.setattr(
        Upstreams, "_is_local", staticmethod({"10.0.0.53", "fe80::53"}.__contains__)
    )
    async with known() as (upstreams, _):
        sources = ("10.0.0.53", "::ffff:10.0.0.53", "fe80::53%eth0", "10.0.0.54", "10.0.0.53")
        assert [upstreams.is_own(source) for source in sources] == [True, True, True, False, True]


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delegations come and go, and so do sources; the ways to who is forgotten are closed."""
    monkeypatch.setattr(module, "MAX_STANDINGS", 8)
    heard = Heard()
    async with upstream() as fake, known() as (upstreams, _):
        upstreams.taker = heard
        (first,) = upstreams.of("dev", route(upstream_of(fake, "tcp")), 0.0)
        made = attempt(first.upstream)
        made.standing, made.exchange = first, object()  # type: ignore[assignment]  # not a probe
        upstreams.send(made)
        await heard.until(1)
        for number in range(50):
            upstreams.of("dev", route(f"192.0.2.{number}"), 0.0)
            upstreams.is_own(f"192.0.2.{number}")
        assert len(list(upstreams.standings())) == 8
        assert max(len(upstreams._of_route), len(upstreams._is_own)) <= 8
        await fake.left.wait()
        assert not upstreams._transports


def test_octets_are_the_kernels() -> None:
    """Never twice the same; in pieces of any size (R-1: an even spread over 256 values)."""
    octets = Entropy()
    many = [octets(2) for _ in range(20_000)]
    assert len(set(many)) > 15_000
    counts = Counter(octet for pair in many for octet in pair)
    expected = 40_000 / 256
    spread = sum((counts[n] - expected) ** 2 / expected for n in range(256))
    assert spread < 380  # of 255 degrees of freedom: p < 0.000001
    assert len(octets(100_000)) == 100_000
    assert len(octets(0)) == 0


@pytest.mark.parametrize(
    ("server", "is_trusted"),
    [
        ("192.0.2.1", False),
        ("tcp://192.0.2.1", False),
        ("tls://192.0.2.1#dns.example", True),
        ("https://dns.example/q#192.0.2.1", True),
        ("127.0.0.1", True),
        ("[::1]:53", True),
    ],
)
def test_ad_is_believed_over_a_safe_path(server: str, is_trusted: bool) -> None:
    """RFC 6840 5.8; and only where the configuration says so."""
    read = read_upstream(server)
    assert Upstreams(Trust(ad=True)).trusts(read) is is_trusted
    assert not Upstreams().trusts(read)


# ---------------------------------------------------------------- late replies


def left_of(upstreams: Upstreams, fake: Fake) -> tuple[standings.Standing, Attempt]:
    """An attempt of an exchange that has ended."""
    (found,) = upstreams.of("dev", route(upstream_of(fake)), now())
    made = attempt(found.upstream)
    made.standing, made.sent = found, now()
    upstreams.leave([made])
    return found, made


async def test_a_late_reply_tells_how_slow_it_was() -> None:
    """Nobody waits for it, but the latency is learned; what is strange tells nothing."""
    async with upstream() as fake, known() as (upstreams, _):
        for octets, is_heard in ((b"\0" * 40, False), (None, True)):
            found, made = left_of(upstreams, fake)
            reply = made.wire[:2] + b"\x81\x80" + made.wire[4:]
            upstreams.deliver_late(made, octets or reply, made.sent + 0.7)
            assert (found.latency == pytest.approx(0.7)) is is_heard
            upstreams.deliver_late(made, reply, made.sent + 9.0)  # only once
            assert found.latency in (None, pytest.approx(0.7))
        assert not upstreams._left


async def test_silence_to_the_end_is_a_failure() -> None:
    """Two seconds after it was sent; and a refusal by the network at once."""
    async with upstream() as fake, known() as (upstreams, _):
        found, made = left_of(upstreams, fake)
        assert upstreams.tick(made.sent + LATE - 0.1)
        assert found.failures == 0
        assert not upstreams.tick(made.sent + LATE + 0.1)
        assert (found.failures, found.reasons) == (1, {"timeout": 1})
        _, made = left_of(upstreams, fake)
        upstreams.fail_late(made, "refused")
        upstreams.fail_late(made, "refused")
        assert found.failures == 2
        assert upstreams.failures() == {(found.name, "timeout"): 1, (found.name, "refused"): 1}


# ---------------------------------------------------------------- the root


def test_the_root_is_asked_where_somebody_can_be(tmp_path: Path) -> None:
    """NS and SOA; an environment that forwards nothing has nobody to ask."""
    write(tmp_path, {**ZONES, "environments.yaml": plan("none", to("192.0.2.1"))})
    views = compiled(tmp_path).views
    assert list(root_questions(views["prod", "east"])) == []
    asked = list(root_questions(views["dev", "east"]))
    assert [(f.key[2], f.name, f.qtype, str(f.route.upstreams[0])) for f in asked] == [
        ("dev", b"\0", 2, "192.0.2.1"),
        ("dev", b"\0", 6, "192.0.2.1"),
    ]


def test_regions_with_upstreams_of_their_own_have_a_root_each(tmp_path: Path) -> None:
    """As they have a cache key each."""
    text = plan("none", "{upstreams: {east: [192.0.2.1], west: [192.0.2.2]}}")
    text = text.replace("regions: [east]", "regions: [east, west]")
    write(tmp_path, {**ZONES, "environments.yaml": text})
    views = compiled(tmp_path).views
    asked = [f for region in ("east", "west") for f in root_questions(views["dev", region])]
    assert {(f.key[2], str(f.route.upstreams[0])) for f in asked} == {
        ("dev.east", "192.0.2.1"),
        ("dev.west", "192.0.2.2"),
    }


# ---------------------------------------------------------------- what goes wrong on our side


def exchange_of(standing: standings.Standing) -> Exchange:
    """One that asks for something."""
    return Exchange(b"\3www\7example\0\0\1\0\1", 0, [standing], Timing(), Entropy(), now())


async def test_a_ca_file_that_is_gone_fails_the_attempt_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told later, as a fault of our side; waiting goes on, and cancelling makes nothing."""
    monkeypatch.setattr("resolver.faultlog._last_report", [float("inf")])
    upstreams, heard = Upstreams(Trust(ca_file="no/such.pem")), Heard()
    upstreams.taker = heard
    where = read_upstream("tls://127.0.0.1:1#dns.example")
    (standing,) = upstreams.of("dev", route(where), now())
    made = attempt(where)
    made.standing, made.exchange = standing, exchange_of(standing)
    upstreams.send(made)
    assert heard.failed == []
    await heard.until(1)
    assert heard.failed == [(made, "local", True)]
    upstreams.leave([made])
    upstreams.tick(made.sent + LATE + now())
    await upstreams.close()


async def test_upstreams_that_nobody_names_are_forgotten() -> None:
    """With their state; those of delegations when nobody has wanted them for a while."""
    async with known() as (upstreams, _):
        old, new = read_upstream("127.0.0.8"), read_upstream("127.0.0.9")
        (dead,) = upstreams.of("dev", route(old), now())
        for _ in range(3):
            dead.failed("timeout")
        upstreams.of("dev", route(new), now())
        cut = delegation_route(b"\3sub\4corp\4test\0", (bytes((127, 0, 0, 7)),))
        upstreams.of("dev", cut, now())
        upstreams.retain({("dev", new)}, now())
        assert {standing.name for standing in upstreams.standings()} == {"127.0.0.9", "127.0.0.7"}
        upstreams.retain({("dev", new)}, now() + UNWANTED + 1)
        assert {standing.name for standing in upstreams.standings()} == {"127.0.0.9"}


async def test_what_ended_keeps_few_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Late replies are listened for within a bound."""
    monkeypatch.setattr(module, "MAX_LEFT", 2)
    async with upstream() as fake, known() as (upstreams, _):
        for _ in range(5):
            left_of(upstreams, fake)
        assert len(upstreams._left) == 2
