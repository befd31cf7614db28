"""The page of who needs a token."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.admin.operated import DOWN, FILES, TRACK_DOWN, Operating, admin, operating
from tests.page.conftest import NARROW, Open
from tests.support import write

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

TOKEN = "of-dev"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operated(tmp_path_factory: pytest.TempPathFactory) -> Operating:
    found = operating(write(tmp_path_factory.mktemp("zones"), FILES))
    for address in ("10.64.1.1", "10.80.1.2"):
        found.judge(address, DOWN, TRACK_DOWN)
    return found


def tokens(directory: Path) -> Path:
    """A tokens file with one for dev."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    line = f"- {{name: team-dev, sha256: {digest}, environments: [dev], may: [read, override]}}\n"
    return write(directory, {"tokens.yaml": line}) / "tokens.yaml"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def root(operated: Operating, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    path = tokens(tmp_path_factory.mktemp("tokens"))
    async with admin(operated, tokens_file=str(path), allow="192.0.2.0/24") as client:
        yield f"{client.root}/"


async def test_a_token_shows_its_environments(
    root: str, operated: Operating, open_page: Open
) -> None:
    """Without it the page says why it is empty; with it, it shows and changes what it may."""
    seen = await open_page(root, is_let_in=False)
    page = seen.page
    await page.locator("#refused", has_text="is in no network of admin.allow").wait_for()
    await page.locator("#token").click()
    await page.fill("#token-text", "wrong")
    await page.press("#token-text", "Enter")
    await page.locator("#refused", has_text="no such token").wait_for()
    await page.locator("#token").click()
    await page.fill("#token-text", TOKEN)
    await page.press("#token-text", "Enter")
    await page.locator("#tree details").first.wait_for()
    assert await page.locator("#tree .environment > summary .name").all_text_contents() == ["dev"]
    assert await page.locator("#failing strong").all_text_contents() == ["web.dev.east"]
    text = await page.locator("body").inner_text()
    assert "prod" not in text
    assert "Token: team-dev" in text
    assert await page.locator("#reload").is_hidden()
    await page.get_by_role("button", name="Maintain web.dev.east/green").click()
    await page.locator("#state-submit").click()
    await page.locator("#state-dialog").wait_for(state="hidden")
    assert operated.overrides["web.dev.east/green"].by == "team-dev"
    kept = await page.evaluate(
        "[Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]"
    )
    assert kept == [[], [], ""]


async def test_who_may_only_read_sees_no_buttons(
    operated: Operating, open_page: Open, tmp_path: Path
) -> None:
    """And is told why."""
    async with admin(operated, tokens_file=str(tokens(tmp_path))) as client:
        seen = await open_page(f"{client.root}/", NARROW)
        assert await seen.overflow() == 0
        note = await seen.page.locator("#read-only").inner_text()
        assert note.startswith("Read only: a change needs a token")
        assert await seen.page.get_by_role("button", name="Drain").count() == 0
        await seen.check()
