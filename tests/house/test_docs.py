"""The examples of README and docs are run.

- ```console: each line that begins with `$ ` is run in a shell; the lines after it are what it
  prints, `…` standing for anything. Port 1053 is the port of a server on the sample zones, 9153
  that of its admin address,
  `sightline` and `.venv/bin/sightline` are this checkout's. A block whose first command uses a
  tool that is not installed is skipped.
- ```yaml that begins with `# zones/….yaml` is checked on top of the sample zones; one that begins
  with `# zones/environments.yaml` replaces the plan and is checked alone; one that begins with
  `# sightline.yaml` is a configuration.
- Other blocks (```sh, ```yaml without a file name) are not run.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from resolver.config import load_config
from resolver.reload import Builder
from resolver.zones.places import Severity
from tests.support import NOW, PATIENCE, ROOT, Server, errors

Run = Callable[..., Awaitable[Server]]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOOLS = ("dig", "kdig", "named-checkzone", "curl", "jq", "git", "docker")


class Block(NamedTuple):
    """One fenced block."""

    place: str
    language: str
    text: str


def blocks() -> list[Block]:
    """Every fenced block of README and docs."""
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if not path.exists():
            continue
        text = path.read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(f"{path.relative_to(ROOT)}:{line}", match[1], match[2]))
    return found


def chosen(language: str, start: str) -> list[object]:
    """The blocks of a language whose first line begins so."""
    return [
        pytest.param(block.text, id=block.place)
        for block in blocks()
        if block.language == language and block.text.startswith(start)
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def pattern(expected: str) -> str:
    """A regular expression for what is printed; spaces may be more."""
    parts = [re.escape(part) for part in expected.strip().split("…")]
    return re.sub(r"(?:\\ )+", r"[ \\t]+", r"(?:.|\n)*".join(parts))


@pytest.mark.parametrize("text", chosen("console", "$ "))
async def test_console_examples_print_what_they_say(text: str, running_server: Run) -> None:
    """Against a server on the sample zones."""
    missing = [t for t in TOOLS if re.search(rf"\b{t}\b", text) and shutil.which(t) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    # At the sample addresses, nothing of ours answers: they are not probed.
    server = await running_server(ROOT / "zones", SIGHTLINE_CHECKS__PROBE="false")
    environ = {**os.environ, "SIGHTLINE_ADMIN__LISTEN": f"127.0.0.1:{server.admin_port}"}
    for command, expected in commands(text):
        command_ = re.sub(r"(?<=-p )1053\b|(?<=:)1053\b", str(server.port), command)
        command_ = re.sub(
            r"(?<![\w/.-])(?:\.venv/bin/)?sightline(?= )",
            f"{sys.executable} -m resolver.cli",
            command_,
        )
        process = await asyncio.create_subprocess_shell(
            command_.replace(":9153", f":{server.admin_port}"),
            cwd=ROOT,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(PATIENCE):
            printed, _ = await process.communicate()
        shown = printed.decode().replace(f":{server.admin_port}", ":9153")
        assert re.fullmatch(pattern(expected), shown.strip()), f"$ {command}\n{shown}"


@pytest.mark.parametrize("text", chosen("yaml", "# zones/"))
def test_yaml_examples_check_clean(text: str, tmp_path: Path) -> None:
    """Errors and warnings alike."""
    name = text.splitlines()[0].removeprefix("# ").split()[0].rstrip(":")
    directory = tmp_path / "zones"
    if name == "zones/environments.yaml":
        directory.mkdir()
    else:
        shutil.copytree(ROOT / "zones", directory)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    built = Builder(directory, 1).build(NOW)
    assert errors(built.problems) == []
    assert [str(p) for p in built.problems if p.severity is not Severity.HINT] == []


@pytest.mark.parametrize("text", chosen("yaml", "# sightline.yaml"))
def test_configuration_examples_load(text: str, tmp_path: Path) -> None:
    """Every key is one that the server knows."""
    path = tmp_path / "sightline.yaml"
    path.write_text(text)
    assert load_config(path, {}, {}).listen


def test_there_are_examples() -> None:
    """README shows a newcomer what to type."""
    assert chosen("console", "$ ")
