"""What is asked most, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.admin.operated import FILES, Client, Operating, admin, operating

TOP = "/api/v1/top"


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    found = operating(zones_dir(FILES))
    for number in range(3):
        found.samples.note("dev", b"\1a\0", f"10.80.0.{number}", 1.0)
    found.samples.note("dev", b"\1\x07\0", "10.80.0.1", 1.0)
    found.cache.partition("prod").kept_inside.note(b"\4wpad\0", "10.64.0.1")
    return found


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


async def test_names_are_told(client: Client) -> None:
    """Those of each environment, most first; odd octets escaped as in zone files."""
    found = (await client.get(TOP)).json
    assert found["kind"] == "names"
    assert found["environments"]["dev"] == {
        "total": 4,
        "top": [
            {"what": "a.", "least": 3, "most": 3},
            {"what": "\\007.", "least": 1, "most": 1},
        ],
    }
    assert found["environments"]["prod"] == {"total": 0, "top": []}


async def test_clients_are_told(client: Client) -> None:
    """So many as are asked for."""
    found = (await client.get(f"{TOP}?kind=clients&environment=dev&limit=1")).json
    assert found["environments"] == {
        "dev": {"total": 4, "top": [{"what": "10.80.0.1", "least": 2, "most": 2}]}
    }


async def test_what_was_kept_inside_is_told(client: Client) -> None:
    """That is counted, not sampled."""
    found = (await client.get(f"{TOP}?kind=blocked")).json["environments"]
    assert found["prod"] == {"total": 1, "top": [{"what": "wpad.", "least": 1, "most": 1}]}
    assert found["dev"] == {"total": 0, "top": []}


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("kind=nmaes", 400, "did you mean 'names'?"),
        ("limit=0", 400, "from 1 to 256"),
        ("limit=257", 400, "from 1 to 256"),
        ("limit=x", 400, "from 1 to 256"),
        ("environment=dve", 404, "did you mean 'dev'?"),
        ("what=1", 400, "unknown parameter 'what'"),
    ],
)
async def test_a_question_that_means_nothing(
    client: Client, query: str, status: int, detail: str
) -> None:
    """Says what would."""
    reply = await client.get(f"{TOP}?{query}")
    assert reply.status == status
    assert detail in reply.json["detail"]
