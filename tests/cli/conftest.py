"""Fixtures of the commands that speak to a running server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.played_server import PlayedServer, endpoint, playing


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedServer]:
    """An admin server with three endpoints of two services, all up."""
    monkeypatch.delenv("SIGHTLINE_TOKEN", raising=False)
    with playing() as server:
        server.endpoints = [
            endpoint("pay.prod.east/blue"),
            endpoint("pay.prod.east/green"),
            endpoint("web.dev.east/10-80-1-1"),
        ]
        yield server


@pytest.fixture
def second() -> Iterator[PlayedServer]:
    """One more, with nothing in it."""
    with playing() as server:
        yield server
