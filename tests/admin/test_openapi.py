"""The OpenAPI document, and a running server that is asked everything that it describes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from resolver.admin.openapi import OPERATIONS, describe
from resolver.admin.routes import ROUTES, Found, find_route
from tests.admin.operated import FILES, admin, operating
from tests.support import ROOT, Server

EXAMPLES = 10  # of each operation
CHECKED = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method"),
)
OF_THE_PAGE = {"page", "page-file", "page-overview", "page-services", "page-explain", "stream"}


def test_the_document_is_one() -> None:
    """OpenAPI 3.1, by somebody else's judgement."""
    assert list(OpenAPIV31SpecValidator(describe()).iter_errors()) == []


def test_every_route_is_described() -> None:
    """But for those of the page, which change with it."""
    assert {route.name for route in ROUTES} - OF_THE_PAGE <= set(OPERATIONS)
    paths = describe()["paths"]
    for path, item in paths.items():
        for method, operation in item.items():
            found = find_route(method.upper(), path.replace("{id}", "a/b"))
            assert isinstance(found, Found)
            assert found.route.name == operation["operationId"]
            names = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
            assert names == {parameter.name for parameter in found.route.parameters}


def test_the_documentation_has_every_route() -> None:
    """In the table of docs/http.md."""
    text = (ROOT / "docs" / "http.md").read_text()
    told = set(re.findall(r"^\| `([A-Z]+ /[^`]*)`", text, re.MULTILINE))
    assert told >= {
        f"{method.upper()} {path.replace('{id}', 'ID')}"
        for path, item in describe()["paths"].items()
        for method in item
    }


async def test_it_is_served(zones_dir: Callable[..., Path]) -> None:
    """To those who may read."""
    operated = operating(zones_dir(FILES))
    async with admin(operated) as client:
        assert (await client.get("/api/v1/openapi.json")).json == describe()
    async with admin(operated, allow="192.0.2.1/32") as client:
        assert (await client.get("/api/v1/openapi.json")).status == 403


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # theirs
async def test_a_server_replies_as_the_document_says(
    running_server: Callable[..., Awaitable[Server]], zones_dir: Callable[..., Path]
) -> None:
    """To whatever is made of it, good and bad; and nothing is a fault of the server."""
    server = await running_server(zones_dir(FILES), SIGHTLINE_CHECKS__PROBE="false")
    document = (await server.admin("GET", "/api/v1/openapi.json")).body
    known = {
        "id": ["web.dev.east/blue", "*.dev.*/*", "jobs.dev.east/10-80-3-1", "no/such", "[", "%"],
        "name": ["web.dev.east", "a..b", "www.example.net.", "*"],
        "client": ["10.80.0.1", "::1", "203.0.113.9", "nobody"],
        "environment": ["dev", "prod", "nowhere"],
    }
    for found in (document, _with(document, known)):
        await asyncio.to_thread(_exercise, found, server.admin_url)
    assert (await server.admin("GET", "/readyz")).status == 200
    server.process.terminate()
    await server.rest()
    assert not [line for line in server.log if "Traceback" in line or "failed" in line]


def _with(document: dict[str, Any], known: dict[str, list[str]]) -> dict[str, Any]:
    """The same, of which some parameters have values that mean something here, or nearly."""
    found: dict[str, Any] = copy.deepcopy(document)
    for item in found["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in known:
                    parameter["schema"] = {"enum": known[parameter["name"]]}
                    parameter.pop("example", None)
    return found


def _exercise(document: dict[str, Any], url: str) -> None:
    load_all_checks()
    checks = CHECKS.get_by_names(CHECKED)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        for mode in schemathesis.GenerationMode:
            strategy = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def ask(case: schemathesis.Case) -> None:
                case.call_and_validate(checks=checks)  # type: ignore[arg-type]  # as they name them

            # Where nothing is asked for, nothing can be wrong.
            with (
                contextlib.suppress(Unsatisfiable) if mode.is_negative else contextlib.nullcontext()
            ):
                ask()
