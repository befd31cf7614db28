"""Each kind of check from end to end, against a target that passes and one that does not."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent import futures
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # ships no types
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types

from tests.healthcheck.kinds.targets import (
    Certificates,
    make_certificates,
    replying,
    serving,
)
from tests.healthcheck.kinds.targets import answer as http_answer
from tests.network.backends import PLAN, TIMING, Asker, backends
from tests.support import FILES, Server

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WELL, ILL = "127.0.27.1", "127.0.27.2"


def zone(**checks: str) -> dict[str, str]:
    """A service of two endpoints for each check."""
    services = "".join(
        f"  {name}: {{endpoints: [{WELL}, {ILL}], ttl: 2, check: {{{check}, {TIMING}}}}}\n"
        for name, check in checks.items()
    )
    return {"environments.yaml": PLAN, "dev.yaml": f"zone: dev.east\nservices:\n{services}"}


async def assert_well(server: Server, *services: str) -> None:
    """From the first answer on only the endpoint that is well is in."""
    for service in services:
        found = await Asker(server, f"{service}.dev.east.corp.test.").now()
        assert found == {WELL}, service


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@contextlib.contextmanager
def grpc_health() -> Iterator[tuple[int, health.HealthServicer]]:
    """A gRPC server on both addresses; gives its port, and what the ill one says of itself."""
    said = health_pb2.HealthCheckResponse
    port, servers, servicer = 0, [], health.HealthServicer()
    for host, status in ((WELL, said.SERVING), (ILL, said.NOT_SERVING)):
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        servicer.set("", status)
        port = server.add_insecure_port(f"{host}:{port}")
        server.start()
        servers.append(server)
    try:
        yield port, servicer
    finally:
        for server in servers:
            server.stop(None).wait()


async def test_a_certificate_that_has_expired_takes_an_endpoint_out(
    running_server: Run, zones_dir: ZonesDir, certificates: Certificates
) -> None:
    """Of kind tls; an http check over TLS sees it as well, and no check does that verifies not."""
    talk = replying(http_answer())
    async with (
        serving(talk, WELL, certificates.server("valid")) as well,
        serving(talk, ILL, certificates.server("expired")) as ill,
    ):
        trust = f"ca_file: {certificates.ca}, sni: web.test"
        # Each has a port of its own: the other address refuses there, and one is enough.
        either = (
            f"kind: any, of: [{{kind: tls, {trust}, port: {well.port}}}, "
            f"{{kind: tls, {trust}, port: {ill.port}}}]"
        )
        over_http = either.replace("kind: tls", "kind: http, tls: true")
        careless = over_http.replace(trust, "verify: false")
        files = zone(tls=either, http=over_http, careless=careless)
        server = await running_server(zones_dir(files))
        await assert_well(server, "tls", "http")
        assert await Asker(server, "careless.dev.east.corp.test.").now() == {WELL, ILL}
        _, body = await server.admin("GET", "/api/v1/endpoints?state=down")
        details = [e["addresses"][0]["last"]["detail"] for e in body["endpoints"]]
        assert len(details) == 2
        assert all("expired" in detail for detail in details)


async def test_a_grpc_server_that_is_not_serving_is_out(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Until it says that it is."""
    with grpc_health() as (port, servicer):
        server = await running_server(zones_dir(zone(grpc=f"kind: grpc, port: {port}")))
        await assert_well(server, "grpc")
        servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        await Asker(server, "grpc.dev.east.corp.test.").until({WELL, ILL})


async def test_a_name_server_that_answers_otherwise_is_out(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """Asked over UDP and TCP; another process of this server is the target."""
    other = tmp_path / "other"
    other.mkdir()
    for name, text in FILES.items():
        (other / name).write_text(text)
    target = await running_server(other, listen=f"{WELL}:0")
    check = f"kind: dns, port: {target.port}, qname: web.dev.east.corp.test, qtype: A"
    files = zone(udp=check, tcp=f"{check}, transport: tcp")
    server = await running_server(zones_dir(files))
    await assert_well(server, "udp", "tcp")
    assert await target.end() == 0
    await Asker(server, "tcp.dev.east.corp.test.").until({WELL, ILL})  # nothing is up: fail open


async def test_commands_and_combinations_decide(running_server: Run, zones_dir: ZonesDir) -> None:
    """A command where the configuration allows it; parts that are all, any or some."""
    async with backends(WELL, ILL) as (well, ill), backends(WELL) as (only,):
        ill.mode = "500"
        http, tcp = f"{{kind: http, port: {well.port}}}", f"{{kind: tcp, port: {well.port}}}"
        refused = f"{{kind: tcp, port: {only.port}}}"
        script = f'test "$SIGHTLINE_ADDRESS" = {WELL} && test "$0" = {WELL}'
        checks = {
            "command": f"kind: command, argv: [/bin/sh, -c, '{script}', '{{address}}']",
            "all": f"kind: all, of: [{http}, {tcp}]",
            "any": f"kind: any, of: [{http}, {refused}]",
            "some": f"kind: at_least, n: 2, of: [{http}, {tcp}, {refused}]",
        }
        environ = {"SIGHTLINE_CHECKS__COMMANDS": "true"}
        server = await running_server(zones_dir(zone(**checks)), **environ)
        await assert_well(server, *checks)
        ill.mode = "ok"
        for name in ("all", "any", "some"):
            await Asker(server, f"{name}.dev.east.corp.test.").until({WELL, ILL})
