"""The page in headless Chromium, in front of a server whose targets are on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp import web

from tests.page.conftest import NARROW, WIDE, Open
from tests.support import Server, start, write

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

PLAN = """\
domain: corp.test
nameservers: {{ns1: [10.255.0.53]}}
regions: [east, west]
checks:
  web: {{kind: http, path: /, port: {port}, interval: 500ms, timeout: 450ms, fall: 2, rise: 1}}
defaults: {{check: web}}
environments:
  prod:
    clients: {{east: [10.64.0.0/16, 127.64.0.0/16], west: [10.65.0.0/16]}}
    forward: {{upstreams: ["127.0.0.1:{closed}"]}}
  dev: {{clients: {{east: [10.80.0.0/16, 127.0.0.0/16]}}, forward: none}}
"""
EAST = """\
zone: prod.east
services:
  api:
    endpoints:
      - {name: blue, address: 127.1.1.1}
      - {name: green, address: 127.1.1.2}
    failover: [west]
  jobs: {endpoints: [{name: a, address: 127.1.2.1}]}
  mail: {endpoints: [{name: one, address: 127.1.3.1}, {name: two, address: 127.1.3.2}]}
  old: {endpoints: [{name: x, address: 127.1.4.1, state: maintenance}, 127.1.4.2]}
  web: {endpoints: [{name: blue, addresses: [127.1.5.1, "::1"]}, {name: green, address: 127.1.5.2}]}
"""
WEST = """\
zone: prod.west
services:
  api: {endpoints: [127.2.1.1]}
"""
# Labels may hold any octet, and people write what they like.
FRAME = "<iframe>'"
SCRIPT = "<script>hit``</script>"
IMAGE = "<img src=x onerror=hit()>"
HOSTILE = f"""\
zone: dev.east
services:
  "{FRAME}":
    endpoints:
      - {{name: "{SCRIPT}", address: 127.3.1.1}}
      - {{name: "a\\\\000\\\\255'", address: 127.3.1.2}}
"""


@dataclass
class World:
    """Targets, of which some are down, and the server that checks them."""

    server: Server
    zones: Path
    down: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.server.admin_url}/"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    down: set[str] = set()

    async def answer(request: web.Request) -> web.Response:
        transport = request.transport
        assert transport is not None
        is_down = transport.get_extra_info("sockname")[0] in down
        return web.Response(status=503, reason="<b>Out</b>") if is_down else web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0", 0)
    await site.start()
    port = runner.addresses[0][1]
    plan = PLAN.format(port=port, closed=port)  # nothing answers DNS there
    files = {"environments.yaml": plan, "e.yaml": EAST, "w.yaml": WEST, "h.yaml": HOSTILE}
    zones = write(tmp_path_factory.mktemp("zones"), files)
    server = await start("--zones", str(zones), "--listen", "127.0.0.1:0")
    try:
        await server.ready()
        down |= {"127.1.2.1", "127.1.3.2", "127.3.1.1"}
        yield World(server, zones, down)
        assert await server.end() == 0
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.rest()
        await runner.cleanup()


async def test_what_is_wrong_comes_first(world: World, open_page: Open) -> None:
    """The worst of it before the rest, all of it before anything else."""
    page = (await open_page(world.url)).page
    for name in ("jobs", "mail"):
        await page.locator("#failing strong", has_text=f"{name}.prod.east").wait_for()
    names = await page.locator("#failing strong").all_text_contents()
    assert names[0] == "jobs.prod.east"
    assert set(names) >= {"jobs.prod.east", "mail.prod.east"}
    assert await page.locator("#held strong").all_text_contents() == ["old.prod.east"]
    assert (await page.title()).startswith("(")
    places = "['#wrong', '#tree', '#tiles'].map((s) => document.querySelector(s)"
    tops = await page.evaluate(f"{places}.getBoundingClientRect().top)")
    assert tops[0] == min(tops)
    # A state is a word as well as a colour.
    jobs = page.locator("#failing .service", has_text="jobs.prod.east")
    assert "down: status 503" in await jobs.inner_text()


async def test_a_killed_endpoint_appears_by_itself(world: World, open_page: Open) -> None:
    """And goes when it is up again; the page is not loaded anew."""
    page = (await open_page(world.url)).page
    await page.evaluate("window.mark = 1")
    gone = page.locator("#failing .service", has_text="api.prod.east")
    assert await gone.count() == 0
    world.down.add("127.1.1.1")
    await gone.wait_for()
    row = gone.locator(".endpoint", has_text="blue")
    assert "1 of 2 down" in await gone.inner_text()
    assert "for" in await row.locator(".since").inner_text()
    assert "failed" in (await row.locator("svg title").text_content() or "")
    world.down.discard("127.1.1.1")
    await gone.wait_for(state="detached")
    assert await page.evaluate("window.mark") == 1


async def test_an_endpoint_is_drained_and_resumed_by_click(world: World, open_page: Open) -> None:
    """The dialog asks for a reason; who holds the address is told of."""
    page = (await open_page(world.url)).page
    await open_region(page, "west")
    await page.locator(".row > summary").first.click()
    await page.get_by_role("button", name="Drain api.prod.west/127-2-1-1").click()
    assert await page.locator("#state-title").inner_text() == "Drain api.prod.west/127-2-1-1"
    await page.fill("#state-reason", SCRIPT)
    await page.select_option("#state-for", "1h")
    await page.locator("#state-submit").click()
    held = page.locator("#held .service", has_text="api.prod.west")
    await held.wait_for()
    assert SCRIPT in await held.inner_text()
    assert "a restart forgets it" in await page.locator("#said").inner_text()
    told = await world.server.admin("GET", "/api/v1/endpoints/api.prod.west/127-2-1-1")
    assert told.body["endpoints"][0]["effective"] == "draining"
    await held.get_by_role("button", name="Resume").click()
    await held.wait_for(state="detached")


async def test_an_answer_is_explained(world: World, open_page: Open) -> None:
    """As `sightline explain` does; what cannot be read is told."""
    page = (await open_page(world.url)).page
    await page.fill("#explain-name", "web.prod.east")
    await page.fill("#explain-client", "10.64.0.9")
    await page.press("#explain-client", "Enter")
    await page.wait_for_selector("#explained pre")
    text = await page.locator("#explained").inner_text()
    assert "10.64.0.9 is in prod.east" in text
    assert "NOERROR" in text
    await page.fill("#explain-client", IMAGE)
    await page.press("#explain-client", "Enter")
    await page.wait_for_selector("#explained .error")
    assert IMAGE in await page.locator("#explained").inner_text()


async def test_hostile_names_are_text(world: World, open_page: Open) -> None:
    """Labels with markup and odd octets, words of operators, of targets and of who asks."""
    page = (await open_page(world.url)).page
    await page.locator("#failing strong", has_text="iframe").wait_for()
    assert f"{FRAME}.dev.east" in await page.locator("#failing strong").all_text_contents()
    await page.fill("#search-text", "iframe")
    await page.locator("#found summary").click()
    found = await page.locator("#found .endpoint .name").all_text_contents()
    assert SCRIPT in found
    assert any("\\000" in one for one in found)
    await page.fill("#explain-name", SCRIPT)
    await page.fill("#explain-client", "10.80.0.9")
    await page.press("#explain-client", "Enter")
    await page.wait_for_selector("#explained pre")
    assert await page.locator("body :is(img, iframe, object, script)").count() == 0


async def test_what_happened_is_told(world: World, open_page: Open) -> None:
    """Moves between up and down, as they come."""
    page = (await open_page(world.url)).page
    world.down.add("127.1.5.2")
    await page.locator("#events li", has_text="web.prod.east/green").first.wait_for()
    world.down.discard("127.1.5.2")


async def test_a_refused_reload_is_wrong_until_one_is_accepted(
    world: World, open_page: Open
) -> None:
    """With its problems, by file and line."""
    page = (await open_page(world.url)).page
    broken = world.zones / "broken.yaml"
    broken.write_text("zone: dev.nowhere\n")
    await page.locator("#reload").click()
    refused = page.locator("#sentences li", has_text="reload refused")
    await refused.wait_for()
    assert "broken.yaml:1" in await refused.inner_text()
    broken.unlink()
    await page.locator("#reload").click()
    await refused.wait_for(state="detached")


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
async def test_it_can_be_read(
    world: World, open_page: Open, size: tuple[int, int], scheme: str
) -> None:
    """On a desk and on a phone: no scrolling sideways, and nothing serious for axe."""
    axe = pytest.importorskip(
        "axe_playwright_python.async_playwright", reason="axe-playwright-python is not installed"
    )
    seen = await open_page(world.url, size, scheme=scheme)
    page = seen.page
    await page.fill("#explain-name", "web.prod.east")
    await page.fill("#explain-client", "10.64.0.9")
    await page.press("#explain-client", "Enter")
    await page.wait_for_selector("#explained pre")
    await open_region(page, "east")
    await page.locator(".row > summary").first.click()
    assert await seen.overflow() == 0
    assert serious(await axe.Axe().run(page)) == []
    await page.get_by_role("button", name="Drain jobs.prod.east/a").first.click()
    assert await seen.overflow() == 0
    assert serious(await axe.Axe().run(page)) == []


def serious(results: object) -> list[str]:
    """What axe calls serious or worse: the rule and where."""
    return [
        f"{found['id']}: {node['html'][:200]}"
        for found in results.response["violations"]  # type: ignore[attr-defined]  # of axe
        if found["impact"] in {"serious", "critical"}
        for node in found["nodes"]
    ]


async def test_it_is_used_by_keyboard(world: World, open_page: Open) -> None:
    """All that can be clicked is reached by Tab and shows that it is; Escape leaves a dialog."""
    page = (await open_page(world.url)).page
    await page.locator("#failing strong", has_text="jobs").wait_for()
    reached: list[str] = []
    for _ in range(80):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                "(() => { const e = document.activeElement;"
                " return e.getAttribute('aria-label') ?? e.id + ' ' + e.textContent.trim(); })()"
            )
        )
        if reached[-1].startswith("explain-client"):
            break
    text = "\n".join(reached)
    for wanted in ("Skip to", "Drain jobs.prod.east/a", "Search services", "west", "explain-name"):
        assert wanted in text
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    drain = page.get_by_role("button", name="Drain jobs.prod.east/a").first
    await drain.focus()
    await page.keyboard.press("Enter")
    await page.locator("#state-dialog[open]").wait_for()
    await page.keyboard.press("Escape")
    await page.locator("#state-dialog").wait_for(state="hidden")
    assert await drain.evaluate("(e) => e === document.activeElement")


async def open_region(page: Page, name: str) -> None:
    """Open the first region of that name, and wait for its services."""
    region = page.locator("details.region", has=page.locator(f"summary .name:text-is('{name}')"))
    await region.first.locator("summary").first.click()
    await region.first.locator(".row").first.wait_for()
