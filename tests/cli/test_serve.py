"""`sightline serve`: what keeps it from starting."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support import FILES, PLAN, Server, addresses, start, write

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]


async def refused(*arguments: str, **environ: str) -> list[str]:
    """What a server says that does not start; never a traceback."""
    server = await start(*arguments, **environ)
    assert await server.rest() == 2
    assert not any("Traceback" in line for line in server.log)
    assert not any(" ready: " in line for line in server.log)
    return server.log


async def test_wrong_zones_are_all_reported(zones_dir: ZonesDir) -> None:
    """As `check` would."""
    files = {**FILES, "dev.yaml": "zone: dev.easst\n", "prod.yaml": "zone: [\n"}
    said = await refused("--zones", str(zones_dir(files)), "--listen", "127.0.0.1:0")
    assert [line.rpartition("/")[2] for line in said] == [
        "dev.yaml:1:7: error: unknown-region: unknown region 'easst'; did you mean 'east'?",
        said[-1].rpartition("/")[2],
    ]
    assert said[-1].rpartition("/")[2].startswith("prod.yaml:2:1: error: yaml-syntax: ")


@pytest.mark.parametrize("kind", ["empty", "missing", "file", "plan"])
async def test_a_directory_that_cannot_be_used_is_one_line(
    zones_dir: ZonesDir, tmp_path: Path, kind: str
) -> None:
    """Empty, not there, no directory, without environments."""
    write(tmp_path, {"file": ""})
    directory = {
        "empty": zones_dir({}),
        "missing": tmp_path / "nothing",
        "file": tmp_path / "file",
        "plan": tmp_path / "plan",
    }[kind]
    write(tmp_path / "plan", {"x.yaml": "zone: dev.east\n"})
    (line,) = await refused("--zones", str(directory), "--listen", "127.0.0.1:0")
    assert str(directory) in line


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_port_in_use_is_one_line(zones_dir: ZonesDir, kind: socket.SocketKind) -> None:
    """And no other listener stays bound."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = await refused("--zones", str(zones_dir()), "--listen", address)
    (line,) = [line for line in said if "warning" not in line.lower()]
    assert address in line
    assert "in use" in line


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--environment", "prod"), "--region"),
        (("--environment", "prod", "--region", "nowhere"), "prod.nowhere"),
        (("--listen", "nowhere"), "--listen"),
        (("--workers", "many"), "--workers"),
        (("--config", "/nothing/sightline.yaml"), "/nothing/sightline.yaml"),
    ],
)
async def test_wrong_options_are_one_line(
    zones_dir: ZonesDir, arguments: tuple[str, ...], word: str
) -> None:
    """That names the option."""
    said = await refused("--zones", str(zones_dir()), *arguments)
    assert word in [line for line in said if "warning" not in line.lower()][-1]


async def test_variables_and_file_configure_it(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """The file below the variables, both below the options."""
    config = tmp_path / "sightline.yaml"
    config.write_text("zones: /nothing\nlisten:\n  - {address: '127.0.0.1:1', environment: a}\n")
    config.write_text("listen:\n  - {address: '127.0.0.1:0', environment: prod, region: east}\n")
    server = await start(
        "--config", str(config), SIGHTLINE_ZONES=str(zones_dir()), SIGHTLINE_WORKERS="0"
    )
    await server.ready()
    assert addresses(await server.ask("web.prod.east.corp.test.")) == ["10.64.1.1"]
    assert await server.end() == 0


async def test_warnings_do_not_keep_it_from_starting(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """They are in its log."""
    text = "zone: dev.east\nrecords: {x: {A: [10.80.0.1, 10.80.0.1]}}\n"
    server = await running_server(zones_dir({"environments.yaml": PLAN, "z.yaml": text}))
    assert any("warning: duplicate-record" in line for line in server.log)
