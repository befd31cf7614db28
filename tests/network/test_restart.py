"""Starts that follow one another, with a `state_dir` between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.network.backends import Asker
from tests.support import DEV, Server

pytestmark = [
    pytest.mark.parametrize("workers", [0, 1], indirect=True),
    pytest.mark.usefixtures("workers"),
]

WEB = "web.dev.east.corp.test."
TAKEN_OVER = "the zones are those of the snapshot"
KEPT = "a snapshot of the zones is kept"
ALL = {"10.80.1.1", "10.80.1.2", "10.80.1.3"}


async def test_a_second_start_takes_over_what_the_first_one_made(
    running_server: Callable[..., Awaitable[Server]],
    zones_dir: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """It answers the same, reads what changes then, and a third start finds that."""
    (tmp_path / "state").mkdir(mode=0o755)
    directory, state = zones_dir(), {"SIGHTLINE_STATE_DIR": str(tmp_path / "state")}
    first = await running_server(directory, **state)
    await first.until(KEPT)
    assert await Asker(first, WEB).now() == ALL
    await first.end()
    second = await running_server(directory, **state)
    assert any(TAKEN_OVER in line for line in second.log)
    assert await Asker(second, WEB).now() == ALL
    zones_dir({"dev.yaml": DEV.replace("10.80.1.3", "10.80.1.4")})
    await second.run("reload")
    changed = {"10.80.1.1", "10.80.1.2", "10.80.1.4"}
    assert await Asker(second, WEB).now() == changed
    await second.until(KEPT)
    await second.end()
    third = await running_server(directory, **state)
    assert any(TAKEN_OVER in line for line in third.log)
    assert await Asker(third, WEB).now() == changed
