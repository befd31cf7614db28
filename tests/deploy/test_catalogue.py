"""The catalogue of series is that of a running server."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.catalogue import METRICS, VALUES
from tests.support import Server

Run = Callable[..., Awaitable[Server]]


@pytest.fixture
async def exposition(running_server: Run, zones_dir: Callable[..., Path]) -> str:
    """What a server says that has been asked something."""
    server = await running_server(zones_dir())
    assert (await server.ask("web.dev.east.corp.test.")).answer
    answered = await server.admin("GET", "/metrics")
    assert answered.status == 200
    return str(answered.body)


async def test_every_series_is_in_the_catalogue(exposition: str) -> None:
    """With these labels, and values of these closed lists; what is new comes here first."""
    for family in text_string_to_metric_families(exposition):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name in METRICS, f"{name} is new: add it to tests/deploy/catalogue.py"
        assert METRICS[name].kind == family.type
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(METRICS[name].labels)
            for label, value in sample.labels.items():
                assert label not in VALUES or value in VALUES[label], sample
