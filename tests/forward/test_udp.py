"""UDP to upstreams: sockets that hear one address only, and are gone when nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import dns.message
import pytest

from resolver.forward.udp import OF_OUR_SIDE, Datagrams, reason_of
from resolver.zones.upstream import read_upstream
from tests.forward.asking import until, upstream_of
from tests.forward.fake import Asked, silent, upstream
from tests.forward.taker import Heard, attempt
from tests.healthcheck.kinds.targets import refusing


@contextlib.contextmanager
def opened(heard: Heard) -> Iterator[Datagrams]:
    """Datagrams of this loop."""
    datagrams = Datagrams(heard)
    try:
        yield datagrams
    finally:
        datagrams.close()


@pytest.fixture(params=["epoll", "reader"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With an epoll apart where there is one, and with readers of the loop where there is none."""
    if request.param == "reader":
        monkeypatch.delattr(select, "epoll", raising=False)
    return str(request.param)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_reply_is_delivered(way: str, host: str) -> None:
    """With the attempt that it answers."""
    heard = Heard()
    async with upstream(host) as fake:
        with opened(heard) as datagrams:
            place = f"[{host}]:{fake.port}" if ":" in host else f"{host}:{fake.port}"
            made = attempt(read_upstream(place))
            datagrams.send(made)
            await heard.until(1)
            ((whose, wire),) = heard.delivered
            assert whose is made
            assert dns.message.from_wire(wire).id == 1


async def test_the_wait_goes_on_after_a_reply(way: str) -> None:
    """Until it is cancelled: the first was perhaps not the right one."""

    def twice(asked: Asked) -> None:
        asked.reply(asked.made("@ 1 A 192.0.2.1"))
        asked.reply(asked.made("@ 1 A 192.0.2.2"))

    heard = Heard()
    async with upstream() as fake:
        fake.usual = twice
        with opened(heard) as datagrams:
            datagrams.send(attempt(upstream_of(fake)))
            await heard.until(2)


async def test_every_attempt_has_a_port_of_its_own(way: str) -> None:
    """200 of them have at least 100 (RFC 5452 9.2), and none is used twice at the same time."""
    heard = Heard()
    async with upstream() as fake:
        fake.usual = silent
        with opened(heard) as datagrams:
            for ident in range(200):
                datagrams.send(attempt(upstream_of(fake), ident=ident))
            ports = [asked.peer[1] for asked in await fake.until(200)]
            assert len(set(ports)) == 200
            neighbours = sum(abs(a - b) == 1 for a, b in pairwise(ports))
            assert neighbours < 20


async def test_only_who_was_asked_is_heard(way: str) -> None:
    """RFC 5452 9.1: neither another address nor another port of the same."""

    def forge(asked: Asked) -> None:
        octets = asked.made("@ 1 A 203.0.113.6").to_wire()
        for host in ("127.0.0.1", "127.0.0.2", "127.77.0.1"):
            asked.say_from(host, octets)
        asked.say_from("127.0.0.2", octets, port=asked.fake.port)
        asked.reply(asked.made("@ 1 A 192.0.2.1"))

    heard = Heard()
    async with upstream() as fake:
        fake.usual = forge
        with opened(heard) as datagrams:
            datagrams.send(attempt(upstream_of(fake)))
            await heard.until(1)
            assert [
                str(dns.message.from_wire(wire).answer[0][0]) for _, wire in heard.delivered
            ] == ["192.0.2.1"]


async def test_what_is_cancelled_is_heard_no_more(way: str) -> None:
    """Its socket is closed: what comes late meets nobody."""
    heard = Heard()
    async with upstream() as fake:
        fake.usual = silent
        with opened(heard) as datagrams:
            gone, stays = (attempt(upstream_of(fake), ident=ident) for ident in (1, 2))
            datagrams.send(gone)
            (asked,) = await fake.until(1)
            datagrams.cancel(gone)
            datagrams.cancel(gone)
            datagrams.send(stays)  # perhaps with the same descriptor
            datagrams.cancel(gone)
            asked.reply(asked.made("@ 1 A 192.0.2.1"))
            (_, other) = await fake.until(2)
            other.reply(other.made("@ 1 A 192.0.2.2"))
            await heard.until(1)
            assert [whose for whose, _ in heard.delivered] == [stays]


async def test_a_closed_port_refuses(way: str) -> None:
    """The kernel says so at once, and it is the upstream's fault."""
    heard = Heard()
    with refusing() as port, opened(heard) as datagrams:
        made = attempt(read_upstream(f"127.0.0.1:{port}"))
        datagrams.send(made)
        await heard.until(1)
        assert heard.failed == [(made, "refused", False)]
        datagrams.cancel(made)


async def test_a_shortage_of_ours_is_no_fault_of_the_upstream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Told later, never while sending."""
    heard = Heard()

    def none_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with opened(heard) as datagrams:
        made = attempt(read_upstream("127.0.0.1:53"))
        with monkeypatch.context() as patched:
            patched.setattr("resolver.forward.udp.socket.SocketType", none_left)
            datagrams.send(made)
        assert heard.failed == []
        await heard.until(1)
        assert heard.failed == [(made, "local", True)]


def descriptors() -> int:
    """How many this process has open, where that can be seen."""
    directory = Path("/proc/self/fd")
    return len(list(directory.iterdir())) if directory.exists() else 0


async def test_closing_leaves_no_descriptor(way: str) -> None:
    """Whatever was under way."""
    heard = Heard()
    async with upstream() as fake:
        fake.usual = silent
        before = descriptors()
        with opened(heard) as datagrams:
            for ident in range(20):
                datagrams.send(attempt(upstream_of(fake), ident=ident))
            await fake.until(20)
        assert descriptors() == before


async def test_a_burst_is_heard_whole(way: str) -> None:
    """More replies than a wake-up takes."""
    heard = Heard()
    async with upstream() as fake:
        with opened(heard) as datagrams:
            made = [attempt(upstream_of(fake), ident=ident) for ident in range(600)]
            for one in made:
                datagrams.send(one)
            await heard.until(600)
            assert {id(whose) for whose, _ in heard.delivered} == {id(one) for one in made}
            for one in made:
                datagrams.cancel(one)
            await until(lambda: not datagrams._open)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), "refused"),
        (OSError(errno.EMFILE, ""), "local"),
        (OSError(errno.EPERM, ""), "local"),
        (OSError(errno.ENETUNREACH, ""), "unreachable"),
        (OSError(errno.EHOSTUNREACH, ""), "unreachable"),
        (ConnectionResetError(errno.ECONNRESET, ""), "closed"),
        (OSError("without a number"), "closed"),
    ],
)
def test_an_error_has_a_word_of_a_closed_list(error: OSError, word: str) -> None:
    """Metrics are labelled with it."""
    assert reason_of(error) == word


def test_refused_and_unreachable_are_no_shortage_of_ours() -> None:
    """They say something of the upstream."""
    assert not OF_OUR_SIDE & {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH}


async def test_sockets_are_connected(way: str) -> None:
    """The kernel itself drops what others send (R-6: SAD DNS)."""
    heard = Heard()
    async with upstream() as fake:
        fake.usual = silent
        with opened(heard) as datagrams:
            datagrams.send(attempt(upstream_of(fake)))
            await fake.until(1)
            ((found, _),) = datagrams._open.values()
            assert found.getpeername() == ("127.0.0.1", fake.port)
            assert found.type == socket.SOCK_DGRAM
    await asyncio.sleep(0)
