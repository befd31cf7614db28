"""Fixtures of the forwarder's tests."""

from __future__ import annotations

import pytest

from tests.healthcheck.kinds.targets import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One of every sort, of a CA of our own."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))
