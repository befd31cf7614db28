"""The series of a running server are those that were promised: names, kinds and labels.

`metrics.txt` is what users hold on to: it may grow, and nothing in it changes.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.forward.fake import upstream
from tests.support import FILES, PATIENCE, Server, datagrams, question

alone_or_with_workers = pytest.mark.parametrize("workers", [0, 2], indirect=True)
with_workers = pytest.mark.parametrize("workers", [2], indirect=True)

PROMISED = {
    line.partition("{")[0]: set(re.findall(r"\w+", line.partition("{")[2]))
    for line in (Path(__file__).parent / "metrics.txt").read_text().splitlines()
}
MORE = {
    "sightline_forward_refused_total": {"environment"},
    "sightline_worker_restarts_total": {"worker"},
    "sightline_process_cpu_seconds_total": {"process"},
    "sightline_process_resident_memory_bytes": {"process"},
}
# Nothing of the kind has happened to a server that has just been started.
QUIET = {"sightline_health_transitions_total"}
OF_WORKERS = {"sightline_worker_up", "sightline_worker_restarts_total"}
ZONES = {
    **FILES,
    "environments.yaml": """\
domain: corp.test
nameservers: {ns1: [10.255.0.53]}
regions: [east, west]
environments:
  prod: {clients: {east: [10.64.0.0/16]}, forward: none}
  dev:
    clients: {east: [127.0.0.0/16], west: [10.81.0.0/16]}
    forward: {upstreams: [UPSTREAM, "127.0.0.1:1"]}
defaults: {check: {kind: tcp, port: 1, interval: 1s, fall: 1}}
""",
    "west.yaml": "zone: dev.west\nservices: {web: {endpoints: [127.0.0.3]}}\n",
    "dev.yaml": "zone: dev.east\nservices: {web: {endpoints: [127.0.0.2], failover: [west]}}\n",
}


async def scrape(server: Server) -> str:
    """What a scraper gets after a few questions of every kind."""
    async with datagrams("127.0.0.1", server.port) as client:
        for name in ("web.dev.east.corp.test.", "www.example.net.", "www.example.net.", "x.corp."):
            await client.ask(question(name))
        client.send(b"no query")
        await client.ask(question("corp.test.", "SOA"))
    reply = await server.admin("GET", "/metrics")
    assert reply.status == 200
    assert isinstance(reply.body, str)
    return reply.body


@pytest.fixture
async def text(
    workers: int, running_server: Callable[..., Awaitable[Server]], zones_dir: Callable[..., Path]
) -> str:
    async with upstream() as fake:
        plan = ZONES["environments.yaml"].replace("UPSTREAM", f'"{fake.host}:{fake.port}"')
        server = await running_server(zones_dir({**ZONES, "environments.yaml": plan}))
        return await scrape(server)


def labels_of(family: Metric) -> list[set[str]]:
    """The labels of each sample, without those of buckets."""
    return [set(sample.labels) - {"le"} for sample in family.samples]


@alone_or_with_workers
async def test_what_was_promised_is_there(text: str, workers: int) -> None:
    """Every name, as the kind that its name says, with its labels; and nothing else."""
    found = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(text)
    }
    assert set(found) == {*PROMISED, *MORE}
    for name, family in found.items():
        wanted = PROMISED.get(name, MORE.get(name))
        assert all(labels == wanted for labels in labels_of(family)), name
        kind = "histogram" if name.endswith("duration_seconds") else "gauge"
        assert family.type == ("counter" if name.endswith("_total") else kind), name
        assert family.documentation.endswith("."), name
    empty = {name for name, family in found.items() if not family.samples}
    assert empty <= (QUIET if workers else {*QUIET, *OF_WORKERS})


@alone_or_with_workers
async def test_promtool_finds_nothing_to_complain_of(text: str) -> None:
    """It lints names, kinds and help."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    process = await asyncio.create_subprocess_exec(
        *(promtool, "check", "metrics"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(text.encode())
    assert (process.returncode, said.decode()) == (0, "")


@with_workers
async def test_numbers_do_not_fall_when_a_worker_is_replaced(
    running_server: Callable[..., Awaitable[Server]], zones_dir: Callable[..., Path], workers: int
) -> None:
    """What it had counted when it was last asked goes on counting."""
    server = await running_server(zones_dir())
    await scrape(server)
    before = total(await scrape(server), "sightline_requests_total")
    for ident in children_of(server.process.pid):
        os.kill(ident, signal.SIGKILL)
    for _ in range(workers):
        await server.until("another takes its place")
    after = total(await scrape(server), "sightline_requests_total")
    assert after >= before > 0
    async with asyncio.timeout(PATIENCE):
        while total(await scrape(server), "sightline_worker_up") < workers:
            pass  # each round asks: that is the pause
    assert total(await scrape(server), "sightline_requests_total") > after


def children_of(ident: int) -> list[int]:
    """The ids of the processes that one has started."""
    return [int(word) for word in Path(f"/proc/{ident}/task/{ident}/children").read_text().split()]


def total(text: str, name: str) -> float:
    """The sum of all samples of a family."""
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return sum(sample.value for sample in samples if sample.name == name)
