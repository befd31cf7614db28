"""When observations are not to be believed at once: flapping, a checker in doubt, no proof."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.network.backends import PLAN, TIMING, Asker, Backend, backends, until
from tests.support import Server

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WEB = "web.dev.east.corp.test."
ONE, TWO, THREE = "127.0.24.1", "127.0.24.2", "127.0.24.3"


def zone(name: str, endpoints: list[str], port: int, more: str = "") -> str:
    """One service of its own, as one key of `services`."""
    return (
        f"  {name}: {{endpoints: [{', '.join(endpoints)}], check: web, ttl: 2, "
        f"ports: {{http: {port}}}{more}}}\n"
    )


def files(*services: str, **others: str) -> dict[str, str]:
    """The plan and the zone dev.east."""
    return {
        "environments.yaml": PLAN,
        "dev.yaml": "zone: dev.east\nservices:\n" + "".join(services),
        **{f"{name}.yaml": text for name, text in others.items()},
    }


async def test_an_endpoint_that_flaps_is_held_out(running_server: Run, zones_dir: ZonesDir) -> None:
    """While others are up; explain says so, and resume forgives."""
    async with backends(ONE, TWO) as (one, _):
        server = await running_server(zones_dir(files(zone("web", [ONE, TWO], one.port))))
        web = Asker(server, WEB)
        assert await web.now() == {ONE, TWO}
        one.kill()
        await web.until({TWO})
        await one.revive()
        await web.until({ONE, TWO})
        one.kill()
        await web.until({TWO})
        before = one.requests
        await one.revive()
        await until(lambda: one.requests >= before + 4)
        assert await web.now() == {TWO}
        _, out, _ = await server.run("explain", WEB, "--client", "127.0.0.1")
        assert "damped" in out
        penalty = re.search(r"real state up, streak 0, penalty (\d+)", out)
        assert penalty is not None
        assert 2500 < int(penalty[1]) <= 4000
        _, body = await server.admin("GET", "/api/v1/endpoints?state=damped")
        assert [e["id"] for e in body["endpoints"]] == ["web.dev.east/127-0-24-1"]
        assert (await server.run("resume", "web.dev.east/*")).code == 0
        assert await web.now() == {ONE, TWO}


async def restart(all_of_them: list[Backend], web: Asker, own: set[str], other: set[str]) -> None:
    """Kill every backend of a tier, and let them come back."""
    for backend in all_of_them:
        backend.kill()
    await web.until(other)
    for backend in all_of_them:
        await backend.revive()
    await web.until(own)


async def test_two_quick_restarts_of_a_tier_do_not_move_its_traffic(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """All of it is damped then, and serves all the same once it is up."""
    async with backends(ONE, TWO, THREE) as (one, two, _):
        west = "zone: dev.west\nservices:\n" + zone("web", [THREE], one.port)
        east = zone("web", [ONE, TWO], one.port, ", failover: [west]")
        server = await running_server(zones_dir(files(east, west=west)))
        web = Asker(server, WEB)
        own = {ONE, TWO}
        assert await web.now() == own
        for _ in range(2):
            await restart([one, two], web, own, {THREE})
        _, body = await server.admin("GET", "/api/v1/endpoints?state=damped")
        assert len(body["endpoints"]) == 2
        before = one.requests
        await web.stays(own, lambda: one.requests >= before + 3)
        _, metrics = await server.admin("GET", "/metrics")
        labels = 'environment="dev",region="east",service="web",tier="0"'
        assert f"sightline_service_tier_share{{{labels}}} 1\n" in metrics


async def test_when_most_of_everything_fails_states_are_frozen(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Answers stay, readiness stays, and everybody is told; it ends when things pass again."""
    hosts = [f"127.0.25.{number}" for number in range(1, 17)]
    async with backends(*hosts) as made:
        port = made[0].port
        services = [zone(f"s{n}", hosts[4 * n : 4 * n + 4], port) for n in range(4)]
        # The first to fail must not be down before the last one has been asked.
        patient = [text.replace("check: web", "check: {use: web, fall: 6}") for text in services]
        server = await running_server(zones_dir(files(*patient)))
        asked = Asker(server, "s1.dev.east.corp.test.")
        assert await asked.now() == set(hosts[4:8])
        for backend in made:
            backend.mode = "500"
        await server.until("the checker itself is in doubt")
        before = made[0].requests
        await asked.stays(set(hosts[4:8]), lambda: made[0].requests >= before + 5)
        status, body = await server.admin("GET", "/readyz")
        assert status == 200
        assert body["status"] == "degraded"
        assert "frozen" in body["degraded"][0]
        _, metrics = await server.admin("GET", "/metrics")
        assert "sightline_checker_suspect 1\n" in metrics
        assert "FROZEN since" in (await server.run("status")).out
        for backend in made:
            backend.mode = "ok"
        await server.until("no longer frozen")
        assert (await server.admin("GET", "/readyz")).body == {"status": "ok", "degraded": []}


async def test_a_service_that_never_passed_is_served_as_if_unchecked(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Said once; when one of its endpoints is up, the others count as down."""
    async with backends(ONE, TWO, THREE) as (one, two, three):
        made = (one, two, three)
        for backend in made:
            backend.mode = "500"
        server = await running_server(zones_dir(files(zone("web", [ONE, TWO, THREE], one.port))))
        web = Asker(server, WEB)
        assert await web.now() == {ONE, TWO, THREE}
        line = await server.until("unproven")
        assert "1 service is unproven" in line
        assert "web.dev.east" in line
        two.mode = "ok"
        seen: list[set[str]] = []
        while not seen or seen[-1] != {TWO}:
            now = await web.now()
            if not seen or seen[-1] != now:
                seen.append(now)
        assert seen in ([{ONE, TWO, THREE}, {TWO}], [{TWO}])
        # It was held up by its first success alone no longer than the second took.
        assert two.requests >= 2
        assert sum("unproven" in line for line in server.log) == 1


async def test_a_check_that_only_observes_takes_nothing_out(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """What it sees is told all the same."""
    async with backends(ONE, TWO) as (one, _):
        check = f"check: {{kind: http, {TIMING}, enforce: false}}"
        text = zone("web", [ONE, TWO], one.port).replace("check: web", check)
        server = await running_server(zones_dir(files(text)))
        one.kill()
        web = Asker(server, WEB)

        async def real() -> str:
            _, body = await server.admin("GET", "/api/v1/endpoints/web.dev.east/127-0-24-1")
            found: str = body["endpoints"][0]["addresses"][0]["real"]
            return found

        while await real() != "down":
            assert await web.now() == {ONE, TWO}
        assert await web.now() == {ONE, TWO}
