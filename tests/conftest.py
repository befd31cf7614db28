"""Fixtures that several test files share."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from resolver.cli import main
from resolver.generation import Generation
from tests import support


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure: everything that a test needs is installed there."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


Ran = tuple[int, str, str]
"""Exit code, stdout, stderr."""


@pytest.fixture
def zones_dir(tmp_path: Path) -> Callable[..., Path]:
    """Write zone files (the small company of `support` when none are given) to a directory."""

    def make(files: Mapping[str, str | bytes] = support.FILES) -> Path:
        directory = tmp_path / "zones"
        directory.mkdir(exist_ok=True)
        return support.write(directory, files)

    return make


@pytest.fixture
def generation(zones_dir: Callable[..., Path]) -> Callable[..., Generation]:
    """Compile zone files; keywords as of `support.compiled`."""

    def make(files: Mapping[str, str | bytes] = support.FILES, **options: object) -> Generation:
        return support.compiled(zones_dir(files), **options)  # type: ignore[arg-type]  # passed on

    return make


@pytest.fixture
def sightline(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Ran]:
    """Run a command in this process, in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Ran:
        try:
            code = main([str(word) for word in words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.fixture
def workers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many workers the servers of a test have; modules say it by `parametrize`."""
    monkeypatch.setattr(support.usual, "workers", request.param)
    count: int = request.param
    return count


@pytest_asyncio.fixture
async def running_server() -> AsyncIterator[Callable[..., Awaitable[support.Server]]]:
    """Start servers of their own processes on free ports, ready when they are given."""
    started: list[support.Server] = []

    async def run(
        zones: Path, *arguments: str, listen: str = "127.0.0.1:0", **environ: str
    ) -> support.Server:
        words = ("--zones", str(zones), "--listen", listen, *arguments)
        server = await support.start(*words, **environ)
        started.append(server)
        return await server.ready()

    yield run
    for server in started:
        if server.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                server.process.kill()
            await server.rest()
