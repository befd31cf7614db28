"""A server, in one process and with workers: ready, reload, watch, stop."""

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.network.backends import backends, until
from tests.support import (
    DEV,
    FILES,
    PATIENCE,
    PLAN,
    Server,
    addresses,
    datagrams,
    question,
    start,
)

pytestmark = [
    pytest.mark.parametrize("workers", [0, 2], indirect=True),
    pytest.mark.usefixtures("workers"),
]

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WEB = "web.dev.east.corp.test."
TWO = DEV.replace(", 10.80.1.3]", "]")


async def count(server: Server) -> int:
    """How many addresses the service has now."""
    return len(addresses(await server.ask(WEB)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0(
    running_server: Run, zones_dir: ZonesDir, number: signal.Signals
) -> None:
    """Also while a client is connected and says nothing."""
    server = await running_server(zones_dir())
    assert await count(server) == 3
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert await server.end(number) == 0
    assert await reader.read() == b""
    writer.close()
    assert not any("Traceback" in line for line in server.log)


async def test_a_hangup_reloads(running_server: Run, zones_dir: ZonesDir) -> None:
    """The next question is answered from the new files."""
    server = await running_server(zones_dir())
    zones_dir({"dev.yaml": TWO})
    server.process.send_signal(signal.SIGHUP)
    await server.until(" published after ")
    assert await count(server) == 2


async def test_a_bad_reload_changes_nothing(running_server: Run, zones_dir: ZonesDir) -> None:
    """Every problem is logged, the old generation serves on, and a repair is loaded."""
    server = await running_server(zones_dir())
    zones_dir({"dev.yaml": TWO.replace("hello", "[}"), "prod.yaml": "zone: prod.nowhere\n"})
    server.process.send_signal(signal.SIGHUP)
    await server.until(" serves on")
    problems = [line for line in server.log if ": error: " in line]
    assert [line.rpartition("/")[2].split(":")[0] for line in problems] == [
        "dev.yaml",
        "prod.yaml",
    ]
    assert await count(server) == 3
    zones_dir({"dev.yaml": TWO, "prod.yaml": FILES["prod.yaml"]})
    server.process.send_signal(signal.SIGHUP)
    await server.until(" published after ")
    assert await count(server) == 2


async def test_a_change_of_the_files_is_noticed(running_server: Run, zones_dir: ZonesDir) -> None:
    """Without being told, and from the moment that it is ready."""
    server = await running_server(zones_dir())
    zones_dir({"dev.yaml": TWO})
    await server.until(" published after ")
    assert await count(server) == 2


def _many(count: int) -> str:
    lines = "".join(f"  s{n}: {{A: 10.81.{n // 250}.{n % 250}}}\n" for n in range(count))
    return f"zone: dev.west\nrecords:\n{lines}"


async def test_no_question_is_lost_over_reloads(running_server: Run, zones_dir: ZonesDir) -> None:
    """A client that asks all the time gets every answer, from one generation or the next."""
    server = await running_server(zones_dir({**FILES, "z.yaml": _many(1000)}))
    asked, done = 0, False

    async def ask_on() -> None:
        nonlocal asked
        async with datagrams("127.0.0.1", server.port) as client:
            while not done:
                reply = await client.ask(question(WEB, ident=asked % 65536))
                assert reply.id == asked % 65536
                assert len(addresses(reply)) in {2, 3}
                asked += 1

    asking = asyncio.create_task(ask_on())
    for number in range(5):
        zones_dir({"dev.yaml": (TWO if number % 2 else DEV) + f"# {number}\n"})
        server.process.send_signal(signal.SIGHUP)
        await server.until(" published after ")
        before = asked
        async with asyncio.timeout(PATIENCE):
            while asked == before:  # noqa: ASYNC110  # each reload is met by questions
                await asyncio.sleep(0)
    done = True
    await asking


async def test_ready_names_every_listener(running_server: Run, zones_dir: ZonesDir) -> None:
    """UDP and TCP, IPv4 and IPv6."""
    server = await running_server(zones_dir(), "--listen", "[::1]:0", "--listen", "127.0.0.2:0")
    (line,) = [line for line in server.log if " ready: " in line]
    assert all(host in line for host in ("127.0.0.1:", "[::1]:", "127.0.0.2:"))
    assert ":0" not in line.partition("ready")[2]


async def test_a_pin_holds_for_every_listener(running_server: Run, zones_dir: ZonesDir) -> None:
    """Whoever asks is in prod."""
    server = await running_server(zones_dir(), "--environment", "prod", "--region", "east")
    assert addresses(await server.ask("web.prod.east.corp.test.")) == ["10.64.1.1"]
    assert (await server.ask(WEB)).rcode() == 3


async def test_a_pinned_view_may_disappear(running_server: Run, zones_dir: ZonesDir) -> None:
    """Then its clients are refused, and the reload is not."""
    server = await running_server(zones_dir(), "--environment", "dev", "--region", "west")
    assert (await server.ask(WEB)).rcode() == 0
    plan = PLAN.replace("[east, west]", "[east]").replace(", west: [10.65.0.0/16]", "")
    zones_dir({"environments.yaml": plan.replace(", west: [10.81.0.0/16]", "")})
    server.process.send_signal(signal.SIGHUP)
    await server.until(" published after ")
    assert (await server.ask(WEB)).rcode() == 5


CHECKED = """\
zone: dev.east
services:
  web:
    endpoints: [127.0.28.1]
    check: {kind: http, port: PORT, interval: 1h, timeout: 50s}
"""


async def test_it_can_be_ended_during_the_first_round(zones_dir: ZonesDir) -> None:
    """While a probe hangs, too; nobody waits for it."""
    async with backends("127.0.28.1") as (backend,):
        backend.mode = "hang"
        files = {**FILES, "dev.yaml": CHECKED.replace("PORT", str(backend.port))}
        server = await start("--zones", str(zones_dir(files)), "--listen", "127.0.0.1:0")
        await until(lambda: backend.requests > 0)
        async with asyncio.timeout(PATIENCE / 2):
            assert await server.end() == 0
        assert not [line for line in server.log if " ready: " in line or "Traceback" in line]


async def test_health_that_moves_during_a_reload_is_not_lost(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """The next generation begins with what is known when it is published."""
    text = "zone: dev.east\nservices: {web: {endpoints: [10.80.1.1, 10.80.1.2], check: none}}\n"
    server = await running_server(zones_dir({**FILES, "dev.yaml": text, "z.yaml": _many(3000)}))
    path = "/api/v1/endpoints/web.dev.east/10-80-1-1/state"
    for number in range(3):
        zones_dir({"dev.yaml": f"{text}# {number}\n", "z.yaml": _many(3001 + number)})
        reloading = asyncio.create_task(server.admin("POST", "/api/v1/reload"))
        state = "normal" if number % 2 else "drain"
        while not reloading.done():
            assert (await server.admin("PUT", path, {"state": state})).status == 200
            assert len(addresses(await server.ask(WEB))) == (2 if number % 2 else 1)
        assert (await reloading).status == 200
        assert len(addresses(await server.ask(WEB))) == (2 if number % 2 else 1)


async def test_what_has_happened_is_told(running_server: Run, zones_dir: ZonesDir) -> None:
    """Reloads, good and refused, and an operator's word; and what was answered before them."""
    server = await running_server(zones_dir())
    zones_dir({"dev.yaml": TWO})
    assert (await server.admin("POST", "/api/v1/reload")).status == 200
    zones_dir({"dev.yaml": TWO.replace("hello", "[}")})
    assert (await server.admin("POST", "/api/v1/reload")).status == 422
    found = (await server.admin("GET", "/api/v1/events?kind=reload")).body
    accepted, refused = found["events"]
    assert (accepted["result"], refused["result"]) == ("accepted", "refused")
    assert "dev.yaml" in refused["problems"][0]
    explain = "/api/v1/explain?name=web.dev.east&client=127.0.0.1&at="
    too_long_ago = await server.admin("GET", f"{explain}2001-01-01")
    assert too_long_ago.status == 404
    since = re.search(r"served since (\S+)", too_long_ago.body["detail"])
    assert since is not None
    later = datetime.fromtimestamp(accepted["id"] / 1_000_000, UTC).isoformat()
    for moment, count in ((since[1], 3), (later.replace("+00:00", "Z"), 2)):
        then = await server.admin("GET", f"{explain}{moment}")
        assert len(then.body["chain"][0]["values"]) == count
    word = {"state": "drain", "by": "ann"}
    path = "/api/v1/endpoints/web.dev.east/10-80-1-1/state"
    assert (await server.admin("PUT", path, word)).status == 200
    async with asyncio.timeout(PATIENCE):
        while not (await server.admin("GET", "/api/v1/events?kind=override")).body["events"]:
            pass
    ran = await server.run("events", "--kind", "override")
    assert "web.dev.east/10-80-1-1: drain by ann" in ran.out


async def test_names_are_explained_through_dns(running_server: Run, zones_dir: ZonesDir) -> None:
    """To this machine's own address; to 127.64.0.1, of another environment, nothing exists."""
    server = await running_server(zones_dir())
    name = "text.dev.east.corp.test."
    message = await server.ask(f"_explain._txt.{name}", "TXT")
    texts = [rdata.strings[0].decode() for rdata in message.answer[0]]
    assert texts[0] == f"{name} TXT: NOERROR from zone, answered"
    theirs = await server.ask(f"_explain._txt.{name}", "TXT", "127.64.0.1")
    assert (theirs.rcode(), theirs.answer) == (3, [])
