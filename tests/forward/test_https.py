"""DNS over HTTPS to upstreams, against a server of aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import dns.message
import pytest

from resolver.forward.exchange import Attempt
from resolver.forward.https import LARGEST, Https
from resolver.zones.upstream import Upstream, read_upstream
from tests.forward.asking import until, upstream_of
from tests.forward.fake import Fake, Held, address, silent, upstream
from tests.forward.taker import Heard, attempt
from tests.healthcheck.kinds.targets import (
    Certificates,
    Talk,
    answer,
    hang,
    refusing,
    replying,
    saying,
    serving,
)
from tests.support import PATIENCE


@contextlib.asynccontextmanager
async def connected(
    where: Upstream, heard: Heard, certificates: Certificates
) -> AsyncIterator[Https]:
    """A way to an upstream, closed in the end."""
    way = Https(where, heard, ssl.create_default_context(cafile=certificates.ca))
    try:
        yield way
    finally:
        way.close()
        await way._closing
        await until(lambda: not way._tasks)


@contextlib.asynccontextmanager
async def fake_and_way(
    certificates: Certificates, heard: Heard, name: str = "web.test", shown: str = "valid"
) -> AsyncIterator[tuple[Fake, Https]]:
    """An upstream that shows a certificate, and the way to it by a name."""
    async with (
        upstream(tls=certificates.server(shown)) as fake,
        connected(upstream_of(fake, "https", name), heard, certificates) as way,
    ):
        yield fake, way


def over_https(fake: Fake) -> Upstream:
    return upstream_of(fake, "https")


async def test_a_question_is_posted(certificates: Certificates) -> None:
    """RFC 8484 4.1; the reply is delivered with its attempt."""
    heard = Heard()
    async with fake_and_way(certificates, heard) as (fake, way):
        made = attempt(over_https(fake), ident=0)
        way.send(made)
        await heard.until(1)
        ((whose, wire),) = heard.delivered
        assert whose is made
        assert str(dns.message.from_wire(wire).answer[0][0]) == "192.0.2.1"
        (asked,) = fake.seen
        assert (asked.transport, asked.ident, asked.wire) == ("https", 0, made.wire)


async def test_connections_are_kept(certificates: Certificates) -> None:
    """One after another on one; as many as are under way at a time at most."""
    heard = Heard()
    async with fake_and_way(certificates, heard) as (fake, way):
        for count in range(1, 6):
            way.send(attempt(over_https(fake)))
            await heard.until(count)
        assert fake.connections == 1
        for _ in range(4):
            way.send(attempt(over_https(fake)))
        await heard.until(9)
        assert 1 <= fake.connections <= 4


async def test_a_connection_closed_while_idle_is_made_again(certificates: Certificates) -> None:
    """Nobody notices."""
    heard = Heard()
    reply = answer(200, b"x" * 12, "Content-Type: application/dns-message")
    async with serving(replying(reply), context=certificates.server()) as server:
        where = read_upstream(f"https://web.test:{server.port}/dns-query#127.0.0.1")
        async with connected(where, heard, certificates) as way:
            for count in range(1, 4):
                way.send(attempt(where))
                await heard.until(count)
                server.left.clear()
                server.hang_up()
                async with asyncio.timeout(PATIENCE):
                    await server.left.wait()
            assert (server.connections, heard.failed) == (3, [])


async def test_host_and_path_are_those_written(certificates: Certificates) -> None:
    """The port too; nothing tells who asks."""
    heard = Heard()
    reply = answer(200, b"x" * 12, "Content-Type: application/dns-message")
    async with serving(replying(reply), context=certificates.server()) as server:
        where = read_upstream(f"https://web.test:{server.port}/q/%7E?a=b#127.0.0.1")
        async with connected(where, heard, certificates) as way:
            way.send(attempt(where))
            await heard.until(1)
        head = server.requests[0].decode().lower().split("\r\n")
        assert head[0] == "post /q/%7e?a=b http/1.1"
        assert f"host: web.test:{server.port}" in head
        assert "content-type: application/dns-message" in head
        assert "accept: application/dns-message" in head
        assert not [line for line in head if line.startswith(("cookie", "user-agent: python"))]


@pytest.mark.parametrize(
    ("shown", "name", "reason"),
    [
        ("valid", "web.test", None),
        ("valid", "other.test", "certificate"),
        ("other", "web.test", "certificate"),
        ("expired", "web.test", "certificate"),
        ("stranger", "web.test", "certificate"),
    ],
)
async def test_the_certificate_must_bear_the_name(
    certificates: Certificates, shown: str, name: str, reason: str | None
) -> None:
    """Of the URL, not the address; else nothing is asked."""
    heard = Heard()
    async with fake_and_way(certificates, heard, name, shown) as (fake, way):
        way.send(attempt(over_https(fake)))
        await heard.until(1)
        assert heard.reasons == ([] if reason is None else [reason])
        assert fake.count() == (1 if reason is None else 0)


async def test_an_address_may_be_the_name(certificates: Certificates) -> None:
    """It is in the certificate then."""
    heard = Heard()
    async with upstream(tls=certificates.server()) as fake:
        where = read_upstream(f"https://127.0.0.1:{fake.https_port}/dns-query")
        async with connected(where, heard, certificates) as way:
            way.send(attempt(where))
            await heard.until(1)
            assert (heard.failed, fake.count()) == ([], 1)


DNS_TYPE = "Content-Type: application/dns-message"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(500, b"x" * 12, DNS_TYPE), "http-status"),
        (answer(404, b"", DNS_TYPE), "http-status"),
        (answer(204, b""), "http-status"),
        (answer(200, b"<html>", "Content-Type: text/html"), "http-status"),
        (answer(302, b"", "Location: /elsewhere"), "http-status"),
        (answer(200, b"x" * (LARGEST + 1), DNS_TYPE), "http-status"),
        (b"HTTP/1.1 200 OK\r\n" + DNS_TYPE.encode() + b"\r\n\r\n" + b"x" * 70_000, "http-status"),
        (b"nothing of the kind\r\n\r\n", "closed"),
        (answer(200, b"x" * 12, DNS_TYPE)[:-3], "closed"),
    ],
    ids=["500", "404", "204", "html", "redirect", "long", "endless", "garbage", "cut"],
)
async def test_what_is_no_message_fails(
    certificates: Certificates, reply: bytes, reason: str
) -> None:
    """With a word of a closed list; a redirect is not followed."""
    heard = Heard()

    async def talk(server: object, reader: asyncio.StreamReader, w: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        w.write(reply)
        await w.drain()

    async with serving(talk, context=certificates.server()) as server:
        where = read_upstream(f"https://web.test:{server.port}/dns-query#127.0.0.1")
        async with connected(where, heard, certificates) as way:
            way.send(attempt(where))
            await heard.until(1)
            assert heard.reasons == [reason]
            assert server.connections == 1


async def test_a_redirect_is_not_followed(certificates: Certificates) -> None:
    """Questions go where it was written, and nowhere else."""
    heard = Heard()
    async with fake_and_way(certificates, heard) as (fake, way):
        fake.redirects = True
        way.send(attempt(over_https(fake)))
        await heard.until(1)
        assert heard.reasons == ["http-status"]


async def test_a_closed_port_refuses(certificates: Certificates) -> None:
    """As with any other transport."""
    heard = Heard()
    with refusing() as port:
        where = read_upstream(f"https://web.test:{port}/dns-query#127.0.0.1")
        async with connected(where, heard, certificates) as way:
            way.send(attempt(where))
            await heard.until(1)
            assert heard.reasons == ["refused"]


@pytest.mark.parametrize("talk", [saying(b"HTTP/1.1 400 Bad\r\n\r\n"), saying(b"")], ids=str)
async def test_a_server_without_tls_fails(certificates: Certificates, talk: Talk) -> None:
    """Nothing is asked in the clear."""
    heard = Heard()
    async with serving(talk) as server:
        where = read_upstream(f"https://web.test:{server.port}/dns-query#127.0.0.1")
        async with connected(where, heard, certificates) as way:
            way.send(attempt(where))
            await heard.until(1)
            assert set(heard.reasons) <= {"tls", "closed"}
            assert b"POST" not in b"".join(server.requests)


async def test_what_is_cancelled_is_heard_no_more(certificates: Certificates) -> None:
    """Others go on."""
    heard = Heard()
    async with fake_and_way(certificates, heard) as (fake, way):
        fake.says["slow.example."] = held = Held(address("192.0.2.1"))
        gone = attempt(over_https(fake), "slow.example.")
        way.send(gone)
        await fake.until(1)
        way.cancel(gone)
        way.cancel(gone)
        way.send(attempt(over_https(fake)))
        await heard.until(1)
        held.let_go()
        await until(lambda: not way._tasks)
        assert [whose is gone for whose, _ in heard.delivered] == [False]
        assert heard.failed == []


async def test_closing_ends_what_is_under_way(certificates: Certificates) -> None:
    """Nobody hears of it any more, in whatever state it was."""
    heard = Heard()
    async with upstream(tls=certificates.server()) as fake, serving(hang) as server:
        fake.usual = silent
        async with connected(over_https(fake), heard, certificates) as way:
            way.send(attempt(over_https(fake)))
            await fake.until(1)
        where = read_upstream(f"https://web.test:{server.port}/dns-query#127.0.0.1")
        async with connected(where, heard, certificates) as way:
            way.send(attempt(where))
            await until(lambda: server.connections)
        assert (heard.delivered, heard.failed) == ([], [])


async def test_a_taker_that_cancels_while_it_is_told_hears_all(certificates: Certificates) -> None:
    """As the forwarder does: every attempt is ended once it was judged."""
    heard = Heard()
    async with fake_and_way(certificates, heard) as (fake, way):
        deliver = heard.deliver

        def deliver_and_cancel(attempt: Attempt, wire: bytes) -> None:
            way.cancel(attempt)
            deliver(attempt, wire)

        made = attempt(over_https(fake))
        heard.deliver = deliver_and_cancel  # type: ignore[method-assign]
        way.send(made)
        await heard.until(1)
        assert heard.failed == []
