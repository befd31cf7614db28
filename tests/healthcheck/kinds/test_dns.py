"""DNS questions as checks."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import pytest
from pydantic import TypeAdapter, ValidationError

from healthcheck.check import Failure
from healthcheck.kinds.dns import DnsCheck
from resolver.generation import Generation
from tests.healthcheck.kinds.targets import hang, reset, saying, seen, serving
from tests.support import framed, listening

OPTIONS: TypeAdapter[DnsCheck] = TypeAdapter(DnsCheck)
WEB = "web.dev.east.corp.test."
TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])

Reply = Callable[[dns.message.Message], bytes | list[bytes]]


def answer(query: dns.message.Message, rcode: str = "NOERROR") -> dns.message.Message:
    """The answer to a question, without records."""
    made = dns.message.make_response(query)
    made.set_rcode(dns.rcode.from_text(rcode))
    return made


class Datagrams(asyncio.DatagramProtocol):
    """A server that answers as a test wants."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[dns.message.Message] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(dns.message.from_wire(data))
        replies = self.reply(self.asked[-1])
        for wire in replies if isinstance(replies, list) else [replies]:
            self.transport.sendto(wire, addr)


@contextlib.asynccontextmanager
async def replying(reply: Reply, host: str = "127.0.0.1") -> AsyncIterator[tuple[Datagrams, int]]:
    """The server, and its port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: Datagrams(reply), local_addr=(host, 0)
    )
    try:
        yield server, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@TRANSPORTS
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_server_that_answers_passes(
    generation: Callable[..., Generation], transport: str, host: str
) -> None:
    """Over both transports and families; the rcode is shown."""
    async with listening(generation(), host) as server:
        check = DnsCheck(port=server.port, qname=WEB, qtype="A", transport=transport)
        found = await seen(check, host)
    assert (found.failure, found.detail) == (None, "NOERROR")


@TRANSPORTS
async def test_another_rcode_fails(generation: Callable[..., Generation], transport: str) -> None:
    """The server says no, in good order."""
    async with listening(generation()) as server:
        check = DnsCheck(port=server.port, qname=f"nope.{WEB}", transport=transport)
        found = await seen(check)
        allowed = DnsCheck(
            port=server.port,
            qname=f"nope.{WEB}",
            transport=transport,
            rcode=("NOERROR", "NXDOMAIN"),
        )
        passed = await seen(allowed)
    assert (found.failure, found.detail) == (Failure.ANSWER, "NXDOMAIN")
    assert (passed.failure, passed.detail) == (None, "NXDOMAIN")


async def test_the_question_is_the_root_without_recursion() -> None:
    """Every authoritative server and resolver has something to say to it."""
    async with replying(lambda query: answer(query).to_wire()) as (server, port):
        await seen(DnsCheck(port=port))
    (query,) = server.asked
    assert query.question[0].to_text() == ". IN SOA"
    assert not query.flags & dns.flags.RD
    assert query.edns < 0


async def test_a_refusal_without_question_is_an_answer() -> None:
    """Servers that refuse may leave the question out."""

    def refuse(query: dns.message.Message) -> bytes:
        made = answer(query, "REFUSED")
        made.question = []
        return made.to_wire()

    async with replying(refuse) as (_, port):
        found = await seen(DnsCheck(port=port))
    assert (found.failure, found.detail) == (Failure.ANSWER, "REFUSED")


async def test_datagrams_that_are_no_answer_to_the_question_are_passed_over() -> None:
    """Another identifier, another question, the query itself, and garbage; ours comes last."""

    def replies(query: dns.message.Message) -> list[bytes]:
        late = dns.message.make_query(".", "SOA", id=query.id ^ 1)
        other = dns.message.make_query("other.", "SOA", id=query.id)
        foreign = [answer(late, "SERVFAIL").to_wire(), answer(other, "SERVFAIL").to_wire()]
        return [b"", b"?", *foreign, query.to_wire(), answer(query).to_wire()]

    async with replying(replies) as (_, port):
        assert (await seen(DnsCheck(port=port))).detail == "NOERROR"


@pytest.mark.parametrize("garbage", [b"", b"\x80", b"\x80\0\0\1\0\0\0\0\0\0\xc0\x0c"])
async def test_a_malformed_answer_fails(garbage: bytes) -> None:
    """One that bears our identifier."""
    async with replying(lambda query: query.id.to_bytes(2, "big") + garbage) as (_, port):
        found = await seen(DnsCheck(port=port))
    assert found.failure is Failure.PROTOCOL
    assert found.detail.startswith("no DNS message: ")


async def test_a_port_that_is_closed_refuses_at_once() -> None:
    """ICMP says so, before the deadline does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.connect(("127.0.0.1", 9))  # now it takes nothing from others
        found = await seen(DnsCheck(port=port))
    assert found.failure is Failure.REFUSED


async def test_silence_is_a_timeout() -> None:
    """The socket is closed with the probe."""
    async with replying(lambda _: []) as (_, port):
        found = await seen(DnsCheck(port=port), timeout=0.05)
    assert found.failure is Failure.TIMEOUT


@pytest.mark.parametrize(
    ("octets", "failure"),
    [
        (b"", Failure.RESET),
        (b"\0", Failure.RESET),
        (b"\0\x10abc", Failure.RESET),
        (framed(b"garbage"), Failure.PROTOCOL),
        (framed(dns.message.make_query(".", "SOA").to_wire()), Failure.PROTOCOL),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Failure.RESET),
    ],
)
async def test_garbage_over_tcp_fails(octets: bytes, failure: Failure) -> None:
    """Cut short, malformed, or to another question."""
    async with serving(saying(octets)) as server:
        found = await seen(DnsCheck(port=server.port, transport="tcp"))
    assert found.failure is failure


async def test_a_connection_that_is_reset_or_hangs_fails() -> None:
    """And is closed when the deadline is over."""
    async with serving(reset) as server:
        found = await seen(DnsCheck(port=server.port, transport="tcp"))
    assert found.failure is Failure.RESET
    async with serving(hang) as server:
        found = await seen(DnsCheck(port=server.port, transport="tcp"), timeout=0.05)
        await asyncio.wait_for(server.left.wait(), 5)
    assert found.failure is Failure.TIMEOUT


def test_options_are_read_in_one_way() -> None:
    """Whatever the case, the order and the repetition: equal checks are one."""
    written = {"rcode": ["nxdomain", "NOERROR", "0"], "qname": "Example.COM", "qtype": "aaaa"}
    check = OPTIONS.validate_python({**written, "port": "5353", "transport": "TCP"})
    assert check == DnsCheck(5353, "Example.COM.", "AAAA", ("NOERROR", "NXDOMAIN"), "tcp")
    assert hash(check) == hash(
        DnsCheck(5353, "Example.COM.", "AAAA", ("NOERROR", "NXDOMAIN"), "tcp")
    )
    assert OPTIONS.validate_python({"rcode": "REFUSED"}).rcode == ("REFUSED",)
    assert OPTIONS.validate_python({}) == DnsCheck(53, ".", "SOA", ("NOERROR",), "udp")


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": "0"},
        {"qname": "a..b"},
        {"qname": "x" * 64},
        {"qname": ["a", "b"]},
        {"qtype": "NOPE"},
        {"qtype": "AXFR"},
        {"qtype": "OPT"},
        {"qtype": "NONE"},
        {"qtype": "TYPE65536"},
        {"rcode": "FINE"},
        {"rcode": "BADVERS"},
        {"rcode": "70000"},
        {"rcode": []},
        {"transport": "quic"},
    ],
    ids=str,
)
def test_what_makes_no_question_is_refused(wrong: dict[str, object]) -> None:
    """With the option's name."""
    with pytest.raises(ValidationError) as caught:
        OPTIONS.validate_python(wrong)
    (error,) = caught.value.errors()
    assert (error["type"], error["loc"]) == ("bad-check", tuple(wrong))
