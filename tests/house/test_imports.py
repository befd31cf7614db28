"""Pure modules stay pure; health knows nothing of DNS."""

import ast
from pathlib import Path

import pytest

from tests.support import ROOT

PURE = (
    *("names", "message", "outcome", "views", "answers", "select", "compile", "generation"),
    *("query", "namespace", "populate", "rrsets", "explain", "export", "explain_lines"),
    *("explain_selection", "explain_elsewhere", "explain_texts", "explain_names"),
    *("events", "events_noticed", "history", "moments"),
    *(
        "packing",
        "prepare",
        "shelf",
        "parcel",
        "packed",
        "handouts",
        "hints",
        "checks",
        "chain",
        "visible",
    ),
    *("zones/checks", "zones/kinds", "admin/access"),
    *(f"zones/{name}" for name in ("places", "leaves", "model", "plan", "assemble", "services")),
    *(f"zones/{name}" for name in ("zone", "records", "rdata", "svcb", "presentation", "reverse")),
    *("zones/upstream", "zones/write_yaml", "zones/json_schema", "zones/special"),
    *("cache", "elsewhere", "leaving", "offenders", "render", "routes"),
    *("memo", "memorable", "denials", "counters", "pace", "dnstap"),
    *(f"forward/{name}" for name in ("wire", "private", "question", "scrub")),
    *("forward/standing", "forward/exchange"),
    *(f"zones/rules/{path.stem}" for path in (ROOT / "resolver/zones/rules").glob("*.py")),
)
PURE_OF_HEALTH = (
    *("check", "health", "use", "track", "judge", "doubt", "proof", "ledger", "board", "report"),
    *("overrides", "heartbeats", "counts", "histogram", "recent"),
)
IMPURE = {
    *("asyncio", "socket", "ssl", "time", "random", "secrets", "logging", "os", "threading"),
    *("subprocess", "aiohttp", "prometheus_client"),
}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize(
    "path",
    [
        *(f"resolver/{name}.py" for name in PURE),
        *(f"healthcheck/{name}.py" for name in PURE_OF_HEALTH),
    ],
)
def test_a_pure_module_has_no_clock_socket_or_logger(path: str) -> None:
    """Time, randomness, sockets and files are arguments, or live at the rim."""
    assert not imported(ROOT / path) & IMPURE


def test_health_knows_nothing_of_dns() -> None:
    """`healthcheck` never imports `resolver`."""
    for path in (ROOT / "healthcheck").rglob("*.py"):
        assert "resolver" not in imported(path), path
