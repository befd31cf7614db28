"""TCP probes of real servers on loopback."""

from __future__ import annotations

import asyncio

import pytest

from healthcheck.check import Failure
from healthcheck.kinds.tcp import MAX_ANSWER, TcpCheck, connected
from tests.healthcheck.kinds.targets import (
    PATIENCE,
    Talk,
    endless,
    greeting,
    hang,
    refusing,
    replying,
    reset,
    saying,
    seen,
    serving,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_port_that_listens_passes(host: str) -> None:
    """Over IPv4 and IPv6; the connection is closed at once."""
    async with serving(hang, host) as server:
        observation = await seen(TcpCheck(port=server.port), host)
        assert observation.has_passed
        async with asyncio.timeout(PATIENCE):
            await server.left.wait()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_port_where_nobody_listens_refuses(host: str) -> None:
    """The kernel says so at once."""
    with refusing(host) as port:
        observation = await seen(TcpCheck(port=port), host)
    assert (observation.failure, observation.detail) == (Failure.REFUSED, "Connection refused")


async def test_a_socket_connected_to_itself_is_refused() -> None:
    """Nobody listens: the kernel picked the probed port as our own."""
    loop = asyncio.get_running_loop()
    real = loop.sock_connect

    async def connect_from_there(sock, address):  # type: ignore[no-untyped-def]  # as loop's
        sock.bind(address)
        await real(sock, address)

    with refusing() as port:
        pass
    loop.sock_connect = connect_from_there  # type: ignore[method-assign]  # chance cannot be asked
    with pytest.raises(ConnectionRefusedError):
        async with connected("127.0.0.1", port):
            pass


async def test_what_is_sent_arrives() -> None:
    """Octet by octet as written with escapes."""
    async with serving(hang) as server:
        check = TcpCheck(port=server.port, send=rb"PING\r\n")  # octets are taken as they are
        assert (await seen(check)).has_passed
        async with asyncio.timeout(PATIENCE):
            await server.left.wait()
        assert server.requests == [rb"PING\r\n"]


async def test_the_expected_answer_passes() -> None:
    """Anywhere in what comes."""
    async with serving(saying(b"xx+PONG\r\n", then_hang=True)) as server:
        observation = await seen(TcpCheck(port=server.port, send=b"PING\r\n", expect=b"PONG"))
        assert observation.has_passed
        assert server.requests == [b"PING\r\n"]


async def test_a_greeting_is_waited_for() -> None:
    """`expect` without `send`, as of SMTP."""
    async with serving(greeting(b"220 mail.test ESMTP\r\n")) as server:
        assert (await seen(TcpCheck(port=server.port, expect=b"220 "))).has_passed


async def test_an_answer_in_pieces_passes() -> None:
    """However the stream is cut."""

    async def talk(_server: object, reader: asyncio.StreamReader, writer: object) -> None:
        assert isinstance(writer, asyncio.StreamWriter)
        writer.write(b"PO")
        assert await reader.readexactly(1) == b"?"
        writer.write(b"NG")
        await reader.read()

    async with serving(talk) as server:
        assert (await seen(TcpCheck(port=server.port, send=b"?", expect=b"PONG"))).has_passed


@pytest.mark.parametrize("talk", [saying(b""), saying(b"-ERR\r\n"), reset], ids=str)
async def test_closing_before_the_answer_is_a_reset(talk: Talk) -> None:
    """Whether it had said something else or not."""
    async with serving(talk) as server:
        observation = await seen(TcpCheck(port=server.port, send=b"PING\r\n", expect=b"PONG"))
        assert observation.failure is Failure.RESET


async def test_the_detail_says_what_did_not_come() -> None:
    """In one line."""
    async with serving(saying(b"")) as server:
        observation = await seen(TcpCheck(port=server.port, send=b"x", expect=b"a\r\n"))
        assert observation.detail == r"closed before 'a\r\n' came"


async def test_four_kibibytes_of_something_else_fail() -> None:
    """More is not read."""
    for octets in (b"x" * 8192, b"x" * MAX_ANSWER + b"PONG"):
        async with serving(greeting(octets)) as server:
            observation = await seen(TcpCheck(port=server.port, expect=b"PONG"))
            assert observation.failure is Failure.ANSWER
            assert observation.detail == "the first 4096 octets lack 'PONG'"


async def test_an_answer_at_the_very_end_of_the_window_passes() -> None:
    """4096 octets are looked at, all of them."""
    async with serving(greeting(b"x" * (MAX_ANSWER - 4) + b"PONG")) as server:
        assert (await seen(TcpCheck(port=server.port, expect=b"PONG"))).has_passed


async def test_an_endless_answer_fails() -> None:
    """Once the window is full."""
    async with serving(endless(b"", b"x" * 1000)) as server:
        check = TcpCheck(port=server.port, send=b"\r\n\r\n", expect=b"PONG")
        assert (await seen(check)).failure is Failure.ANSWER


async def test_silence_is_a_timeout() -> None:
    """The server notices that we have gone."""
    async with serving(hang) as server:
        observation = await seen(TcpCheck(port=server.port, expect=b"PONG"), timeout=0.05)
        assert observation.failure is Failure.TIMEOUT
        assert observation.detail == "no answer within 0.05 s"
        async with asyncio.timeout(PATIENCE):
            await server.left.wait()


async def test_equal_checks_are_one() -> None:
    """They are keys."""
    one, same = (TcpCheck(port=1, send=b"x") for _ in range(2))
    assert len({one, same, TcpCheck(port=1)}) == 2
    assert one.bound("web.dev.east/a") is one


async def test_other_protocols_are_no_matter() -> None:
    """Without `expect` whatever is said passes."""
    async with serving(replying(b"HTTP/1.1 500 No\r\n\r\n")) as server:
        assert (await seen(TcpCheck(port=server.port, send=b"GET / HTTP/1.1\r\n\r\n"))).has_passed
