"""Chromium, driven by Playwright; without either, these tests say what is missing and skip."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WIDE, NARROW = (1400, 900), (390, 844)

# What the policy refuses is an event; what runs that should not has a name to call.
WATCH = """
window.refused = []; window.hits = 0; window.hit = () => { window.hits += 1; };
document.addEventListener("securitypolicyviolation",
  (event) => window.refused.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests of a module."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with playwright.async_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        found = await driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        await found.close()


@dataclass
class Seen:
    """A page and what it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    octets: int = 0

    async def check(self) -> None:
        """Nothing was refused by the policy, nothing failed, nothing ran that should not."""
        assert await self.page.evaluate("[window.refused, window.hits]") == [[], 0]
        assert self.complaints == []

    async def overflow(self) -> int:
        """Pixels by which the page is wider than what shows it."""
        found: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found


Open = Callable[..., Awaitable[Seen]]


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(browser: Browser) -> AsyncIterator[Open]:
    """Open pages, each in a browser of its own; when the test has ended they must be content."""
    opened: list[Seen] = []

    async def open_one(
        url: str, size: tuple[int, int] = WIDE, *, scheme: Any = "light", is_let_in: bool = True
    ) -> Seen:
        context = await browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        page = await context.new_page()
        await page.add_init_script(WATCH)
        seen = Seen(page)
        opened.append(seen)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("console", lambda message: _hear(seen, message.type, message.text))
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        session.on("Network.dataReceived", lambda event: _weigh(seen, event["dataLength"]))
        await page.goto(url)
        if is_let_in:
            await page.wait_for_selector("#tree details")
        return seen

    yield open_one
    for seen in opened:
        await seen.check()
        await seen.page.context.close()


def _hear(seen: Seen, kind: str, text: str) -> None:
    # A refusal with a status is told by the browser too.
    if kind in {"error", "warning"} and "the server responded with a status of" not in text:
        seen.complaints.append(text)


def _weigh(seen: Seen, octets: int) -> None:
    seen.octets += octets
