"""Fixtures of the forwarder's tests."""

from __future__ import annotations

import pytest

from resolver.forward import exchange
from resolver.forward import standing as standings
from tests.healthcheck.kinds.targets import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One of every sort, of a CA of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked a second time before the first has failed."""
    monkeypatch.setattr(exchange, "UNKNOWN_PATIENCE", 9.0)
    monkeypatch.setattr(exchange, "LEAST_PATIENCE", 9.0)
    monkeypatch.setattr(standings, "UNKNOWN_PATIENCE", 9.0)
    monkeypatch.setattr(standings, "LEAST_PATIENCE", 9.0)
