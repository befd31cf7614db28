"""Forwarding from end to end: server processes, real resolvers as upstreams, many clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from tests.forward.asking import DEV, PROD, STRANGER, ZONES, codes, flags, lines, made, plan, to
from tests.forward.fake import Asked, Held, address, silent, upstream
from tests.healthcheck.kinds.targets import Certificates, make_certificates
from tests.network.backends import Asker, until
from tests.network.conftest import Network
from tests.network.resolvers import Resolver, knot, unbound
from tests.support import (
    PATIENCE,
    Server,
    addresses,
    datagrams,
    framed,
    question,
    read_framed,
)

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WWW, OWN = "www.example.", "web.dev.east.corp.test."
# 1.9 s of the server's own time (see test_forwarder), and what a busy machine adds; an exchange
# would take 4 s.
LATEST = 3.0
RECORDS = (
    f"{WWW} 1 A 192.0.2.1",
    "long.example. 600 A 192.0.2.2",
    "alias.example. 600 CNAME web.dev.east.corp.test.",
    *(f"many.example. 600 A 198.51.{n // 200}.{n % 200}" for n in range(400)),
)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One of every sort."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def files(dev: str, prod: str = "none") -> dict[str, str]:
    """What each environment forwards."""
    return {**ZONES, "environments.yaml": plan(prod, dev)}


def of(resolver: Resolver) -> str:
    """A resolver as upstream."""
    return to(f"127.0.0.1:{resolver.port}")


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done within takes no longer."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


# ---------------------------------------------------------------- a resolver of others


async def test_names_of_others_are_asked_of_unbound(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """Over UDP, over TCP when it is cut, and back into our zones behind a CNAME."""
    async with unbound(tmp_path, RECORDS) as resolver:
        server = await running_server(zones_dir(files(of(resolver))))
        assert addresses(await server.ask("long.example.")) == ["192.0.2.2"]
        assert (await server.ask("no.example.")).rcode() == dns.rcode.NXDOMAIN
        assert lines(await server.ask("alias.example.")) == [
            f"alias.example. 600 CNAME {OWN}",
            f"{OWN} 20 A 10.80.1.1",
        ]
        assert "TC" in flags(await server.ask("many.example."))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(framed(question("many.example.")))
        assert len(addresses(await read_framed(reader))) == 400
        writer.close()
        await writer.wait_closed()
        refused = await server.ask("long.example.", source=PROD)
        assert (refused.rcode(), refused.answer) == (dns.rcode.REFUSED, [])
        assert (await server.ask("long.example.", source=STRANGER)).rcode() == dns.rcode.REFUSED
        assert not [line for line in server.log if "Traceback" in line]


@pytest.mark.parametrize("name", ["web.test", "other.test"])
async def test_unbound_over_tls(
    running_server: Run,
    zones_dir: ZonesDir,
    tmp_path: Path,
    certificates: Certificates,
    name: str,
) -> None:
    """With the name that its certificate bears, and with no other."""
    async with unbound(tmp_path, RECORDS, certificates) as resolver:
        place = to(f"tls://127.0.0.1:{resolver.tls_port}#{name}")
        environ = {"SIGHTLINE_FORWARD__CA_FILE": certificates.ca}
        environ["SIGHTLINE_FORWARD__DEADLINE"] = "500ms"
        server = await running_server(zones_dir(files(place)), **environ)
        reply = await server.ask("long.example.")
        if name == "web.test":
            assert addresses(reply) == ["192.0.2.2"]
        else:
            assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_when_the_upstream_is_dead(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path, number: signal.Signals
) -> None:
    """RFC 8767: what has expired comes in time, then at once; ours and the root as ever."""
    async with unbound(tmp_path, RECORDS) as resolver:
        server = await running_server(zones_dir(files(of(resolver))))
        for _ in range(2):
            assert addresses(await server.ask(WWW)) == ["192.0.2.1"]
        root = await server.ask(".", "NS")
        assert [str(record) for record in root.answer[0]] == ["a.root.example."]
        await server.ask(".", "SOA")
        resolver.tell(number)

        async def slowest() -> float:
            """Ask until the answer is stale; what the slowest answer took."""
            longest = 0.0
            async with datagrams("127.0.0.1", server.port) as client:
                while True:
                    begun = time.monotonic()
                    reply = await client.ask(made(WWW))
                    longest = max(longest, time.monotonic() - begun)
                    assert addresses(reply) == ["192.0.2.1"]
                    if codes(reply) == [3]:
                        assert reply.answer[0].ttl == 30
                        return longest

        async with asyncio.timeout(PATIENCE):
            assert await slowest() < LATEST
        for _ in range(20):
            for name, rdtype in ((WWW, "A"), (OWN, "A"), (".", "NS"), (".", "SOA")):
                with within(0.5):
                    assert (await server.ask(name, rdtype)).answer, name
        if number is signal.SIGSTOP:
            resolver.tell(signal.SIGCONT)
        else:
            await resolver.end()
            await resolver.begin()
        await Asker(server, "long.example.").until({"192.0.2.2"})


# ---------------------------------------------------------------- many clients


async def test_a_thousand_clients_ask_one_cold_name(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """One question leaves, a thousand answers come: over UDP from 500 ports, and over TCP."""
    async with upstream() as fake, contextlib.AsyncExitStack() as stack:
        server = await running_server(zones_dir(files(to(fake))))
        clients = [
            await stack.enter_async_context(datagrams("127.0.0.1", server.port)) for _ in range(500)
        ]
        streams = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(10)]
        for number, client in enumerate(clients):
            client.send(question(WWW, ident=number))
        for _, writer in streams:
            writer.write(b"".join(framed(question(WWW, ident=n)) for n in range(50)))
        for number, client in enumerate(clients):
            reply = dns.message.from_wire(await client.receive())
            assert (reply.id, addresses(reply)) == (number, ["192.0.2.1"])
        for reader, writer in streams:
            replies = [await read_framed(reader) for _ in range(50)]
            assert sorted(reply.id for reply in replies) == list(range(50))
            assert all(addresses(reply) == ["192.0.2.1"] for reply in replies)
            writer.close()
            await writer.wait_closed()
        assert fake.count(WWW) == 1


async def test_one_environment_floods_and_another_is_answered(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """R-19: names that never answer take half of all places; above it SERVFAIL comes at once."""
    async with upstream() as fake:
        fake.says["*.dead.example."] = silent
        both = files(to(fake), to(fake))
        server = await running_server(zones_dir(both), SIGHTLINE_LIMITS__IN_FLIGHT="100")
        async with (
            datagrams("127.0.0.1", server.port, DEV) as flood,
            datagrams("127.0.0.1", server.port, PROD) as other,
        ):
            for client in (flood, other):  # so that the root of each has been fetched
                await client.ask(question("first.example."))
            for number in range(200):
                flood.send(question(f"n{number}.dead.example.", ident=number))
            for _ in range(150):  # the other 50 wait
                reply = dns.message.from_wire(await flood.receive())
                assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])
            with within(2.0):
                for number in range(50):
                    reply = await other.ask(question(f"p{number}.example."))
                    assert addresses(reply) == ["192.0.2.1"]
                    reply = await server.ask(OWN)
                    assert addresses(reply) == ["10.80.1.1"]
            dead = [asked for asked in fake.seen if "dead" in asked.name]
            assert len({asked.name for asked in dead}) == 50


async def test_ending_with_questions_in_flight(running_server: Run, zones_dir: ZonesDir) -> None:
    """What comes within the grace is sent, the rest is SERVFAIL, within 2 s and with exit 0."""
    async with upstream() as fake:
        fake.says["never.example."] = silent
        fake.says["soon.example."] = held = Held(address("192.0.2.9"))
        server = await running_server(zones_dir(files(to(fake))))
        async with (
            datagrams("127.0.0.1", server.port) as one,
            datagrams("127.0.0.1", server.port) as two,
        ):
            one.send(question("never.example."))
            two.send(question("soon.example."))
            await fake.until(1, "never.example.")
            await fake.until(1, "soon.example.")
            server.process.send_signal(signal.SIGTERM)
            await server.until(" stopping")
            with within(2.0):
                held.let_go()
                assert addresses(dns.message.from_wire(await two.receive())) == ["192.0.2.9"]
                reply = dns.message.from_wire(await one.receive())
                assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])
            assert await server.rest() == 0


# ---------------------------------------------------------------- loops


async def test_two_servers_that_ask_each_other(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """R-15: SERVFAIL within 5 s, and at most 32 packets."""
    async with upstream() as between:
        relaying: set[asyncio.Task[None]] = set()
        first = await running_server(zones_dir(files(to(between))))
        second_zones = tmp_path / "second"
        second_zones.mkdir()
        for name, text in files(to(f"127.0.0.1:{first.port}")).items():
            (second_zones / name).write_text(text)
        second = await running_server(second_zones)

        async def relay(asked: Asked) -> None:
            async with datagrams("127.0.0.1", second.port) as client:
                client.send(asked.wire)
                with contextlib.suppress(TimeoutError):
                    asked.say(await client.receive())

        def pass_on(asked: Asked) -> None:
            task = asyncio.create_task(relay(asked))
            relaying.add(task)
            task.add_done_callback(relaying.discard)

        between.usual = pass_on
        with within(5.0):
            reply = await first.ask("loop.example.")
        assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])
        assert 1 <= between.count("loop.example.") <= 16  # and as many replies
        assert addresses(await first.ask(OWN)) == ["10.80.1.1"]
        for task in list(relaying):
            task.cancel()
        await asyncio.gather(*relaying, return_exceptions=True)


async def test_a_server_that_asks_itself(running_server: Run, zones_dir: ZonesDir) -> None:
    """SERVFAIL at once, on a wildcard as well; a reload is enough to see it."""
    directory = zones_dir(files("none"))
    server = await running_server(directory, listen="0.0.0.0:0")
    (directory / "environments.yaml").write_text(
        plan("none", to(f"127.0.0.1:{server.port}", f"127.0.0.7:{server.port}"))
    )
    assert (await server.admin("POST", "/api/v1/reload")).status == 200
    with within(1.0):
        reply = await server.ask("loop.example.")
    assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])
    assert addresses(await server.ask(OWN)) == ["10.80.1.1"]


# ---------------------------------------------------------------- delegations


async def test_a_delegation_to_knot(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """With RD its servers are asked, on port 53; without, a referral."""
    if os.geteuid():
        pytest.skip("only root may listen on port 53")
    host, apex = "127.53.77.1", "k8s.dev.east.corp.test."
    records = f"{apex} 300 SOA ns.{apex} h.{apex} 1 2 3 4 60\n{apex} 300 NS ns.{apex}\n"
    records += f"ns.{apex} 300 A {host}\nwww.{apex} 300 A 10.80.77.7\n"
    cut = f"zone: dev.east\nrecords:\n  k8s: {{NS: ns.k8s}}\n  ns.k8s: {{A: {host}}}\n"
    async with knot(tmp_path / "knot", host, apex, records):
        server = await running_server(zones_dir({**files("none"), "cut.yaml": cut}))
        reply = await server.ask(f"www.{apex}")
        assert lines(reply) == [f"www.{apex} 300 A 10.80.77.7"]
        assert flags(reply) == {"QR", "RD", "RA"}
        assert (await server.ask(f"no.{apex}")).rcode() == dns.rcode.NXDOMAIN
        async with datagrams("127.0.0.1", server.port) as client:
            referral = await client.ask(made(f"www.{apex}", rd=False))
        assert (referral.answer, flags(referral)) == ([], {"QR", "RA"})
        other = await server.ask(f"www.{apex}", source=PROD)
        assert (other.rcode(), other.answer) == (dns.rcode.NXDOMAIN, [])


# ---------------------------------------------------------------- our own address


@pytest.mark.network
def test_our_own_address_is_no_client(network: Network) -> None:
    """Nothing is asked for it; its own names it may have. From outside, the upstream is asked."""
    server, client = network.server, network.client
    assert "status: SERVFAIL" in network.dig(client, "@10.64.0.53", WWW)
    ways = (("@10.64.0.53",), ("@10.64.0.53", "+tcp"), ("@fd64:0:1::53",))
    for number, words in enumerate(ways):
        said = network.dig(server, *words, f"n{number}.example.")
        assert "status: REFUSED" in said
        assert "EDE: 18" in said
    said = network.dig(server, "@10.64.0.53", "web.prod.east.corp.internal")
    assert "status: NOERROR" in said
    assert "10.64.1.1" in said


async def test_silent_upstreams_hold_up_nothing(running_server: Run, zones_dir: ZonesDir) -> None:
    """Neither the admin address nor our names."""
    async with upstream() as fake:
        fake.usual = silent
        server = await running_server(zones_dir(files(to(fake))))
        async with datagrams("127.0.0.1", server.port) as client:
            for number in range(100):
                client.send(question(f"n{number}.example.", ident=number))
            await until(lambda: fake.count() >= 100)
            with within(2.0):
                assert (await server.admin("GET", "/readyz")).status == 200
                assert addresses(await server.ask(OWN)) == ["10.80.1.1"]


ALONE = """\
domain: corp.test
regions: [east]
environments:
  dev: {clients: {east: [127.0.0.0/8]}}
"""


async def test_resolv_conf_is_followed(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """One environment that names nobody asks whoever this machine asks, from the change on."""
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search example\n")
    directory = zones_dir({"environments.yaml": ALONE, "dev.yaml": ZONES["dev.yaml"]})
    server = await running_server(directory, SIGHTLINE_FORWARD__RESOLV_CONF=str(resolv_conf))
    assert (await server.ask(WWW)).rcode() == dns.rcode.REFUSED
    resolv_conf.write_text("nameserver 127.53.53.53\n")  # nobody is there
    await server.until(" published ")
    assert (await server.ask(WWW)).rcode() == dns.rcode.SERVFAIL
    asked = await server.admin("GET", "/api/v1/upstreams")
    assert [found["upstream"] for found in asked.body["upstreams"]] == ["127.53.53.53"]
