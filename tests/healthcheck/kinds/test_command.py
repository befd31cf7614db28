"""Commands as checks: real programs of this machine."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from healthcheck.check import Failed, Failure, NoObservation
from healthcheck.heartbeats import Heartbeats
from healthcheck.kinds.command import MAX_OUTPUT, CommandCheck
from healthcheck.tools import Tools, open_tools
from tests.support import PATIENCE

OPTIONS: TypeAdapter[CommandCheck] = TypeAdapter(CommandCheck)
ADDRESS = "10.64.1.1"


def shell(script: str) -> CommandCheck:
    """A check that runs a script of the shell."""
    return CommandCheck(argv=("/bin/sh", "-c", script))


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    async with open_tools(Heartbeats()) as opened:
        yield opened


async def failure_of(check: CommandCheck, tools: Tools) -> str:
    """Why a command fails."""
    with pytest.raises(Failed) as caught:
        await check.probe(ADDRESS, tools)
    assert caught.value.failure is Failure.EXIT
    return caught.value.detail


async def test_a_command_that_exits_with_0_passes(tools: Tools) -> None:
    """Its first line is shown; what it writes to stderr is not."""
    check = shell("echo; echo '  3 replicas  '; echo more; echo noise >&2")
    assert await check.probe(ADDRESS, tools) == "3 replicas"
    assert await shell("exit 0").probe(ADDRESS, tools) == ""


async def test_any_other_exit_fails(tools: Tools) -> None:
    """With the status and the first line of stderr."""
    assert await failure_of(shell("echo out; echo 'lag: 9 s' >&2; exit 2"), tools) == (
        "exit 2: lag: 9 s"
    )
    assert await failure_of(shell("exit 1"), tools) == "exit 1"


async def test_a_command_that_is_killed_fails(tools: Tools) -> None:
    """The signal is named."""
    assert await failure_of(shell("kill -TERM $$"), tools) == "killed by SIGTERM"
    assert await failure_of(shell("kill -40 $$"), tools) == "killed by signal 40"


async def test_arguments_hold_the_address(tools: Tools) -> None:
    """`{address}` is replaced wherever it stands in them; other braces stay. No shell looks."""
    check = CommandCheck(argv=("/bin/echo", "http://{address}:80/{x}", "$(id); *"))
    assert await check.probe(ADDRESS, tools) == "http://10.64.1.1:80/{x} $(id); *"


async def test_the_environment_is_clean(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server's environment only PATH is handed on; secrets are not."""
    monkeypatch.setenv("SIGHTLINE_TOKEN", "secret")
    program = "import os; print(sorted(os.environ.items()))"
    shown = await CommandCheck(argv=(sys.executable, "-I", "-c", program)).probe(ADDRESS, tools)
    assert f"('PATH', {os.environ['PATH']!r})" in shown
    assert "('SIGHTLINE_ADDRESS', '10.64.1.1')" in shown
    assert "secret" not in shown
    assert "HOME" not in shown


async def test_nothing_can_be_read_from_stdin(tools: Tools) -> None:
    """A program that asks ends, instead of waiting for an answer."""
    assert await shell("read line || echo end").probe(ADDRESS, tools) == "end"


async def test_output_is_bounded(tools: Tools) -> None:
    """A program that writes megabytes is not held up, and little of it is kept."""
    noisy = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2"
    assert await shell(noisy).probe(ADDRESS, tools) == "x" * MAX_OUTPUT


async def test_what_a_command_leaves_behind_is_killed(tools: Tools, tmp_path: Path) -> None:
    """A child in the background neither holds the probe up nor outlives it."""
    script = f"sleep 1000 & echo $! > {tmp_path}/child; echo done"
    async with asyncio.timeout(PATIENCE):
        assert await shell(script).probe(ADDRESS, tools) == "done"
        await until_gone(int((tmp_path / "child").read_text()))


async def test_a_daemon_does_not_hold_the_probe_up(tools: Tools, tmp_path: Path) -> None:
    """One that left the process group, with the output still open."""
    daemon = f"setsid sh -c 'echo $$ > {tmp_path}/child; exec sleep 1000' &"
    script = f"{daemon} while [ ! -s {tmp_path}/child ]; do :; done; echo done"
    try:
        async with asyncio.timeout(PATIENCE):
            assert await shell(script).probe(ADDRESS, tools) == "done"
    finally:
        os.kill(int((tmp_path / "child").read_text()), 9)


async def test_a_cancelled_probe_leaves_nothing(tools: Tools, tmp_path: Path) -> None:
    """The program and its children are killed, even those that ignore SIGTERM."""
    pipe = tmp_path / "started"
    os.mkfifo(pipe)
    script = f"trap '' TERM; sleep 1000 & echo $$ $! > {pipe}; wait"
    task = asyncio.create_task(shell(script).probe(ADDRESS, tools))
    async with asyncio.timeout(PATIENCE):
        pids = [int(word) for word in (await asyncio.to_thread(pipe.read_text)).split()]
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        for pid in pids:
            await until_gone(pid)


@pytest.mark.parametrize("turns", range(6))
async def test_a_probe_may_be_cancelled_as_it_begins(
    tools: Tools, tmp_path: Path, turns: int
) -> None:
    """Children that the program has started by then are killed with it."""
    script = f"sleep 1000 & echo $! > {tmp_path}/child; wait"
    task = asyncio.create_task(shell(script).probe(ADDRESS, tools))
    async with asyncio.timeout(PATIENCE):
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        if (tmp_path / "child").exists() and (text := (tmp_path / "child").read_text()):
            await until_gone(int(text))


async def until_gone(pid: int) -> None:
    """Wait until a process has ended."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop.add_reader(descriptor, gone.set)  # readable once it has ended, reaped or not
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@pytest.mark.parametrize("program", ["/nonexistent/program", "/", "/etc/passwd"])
async def test_a_program_that_cannot_be_run_says_nothing_of_the_target(
    tools: Tools, program: str
) -> None:
    """It is our own side that lacks it."""
    with pytest.raises(NoObservation, match=program):
        await CommandCheck(argv=(program,)).probe(ADDRESS, tools)


async def test_an_end_that_the_system_hides_says_nothing(tools: Tools) -> None:
    """Where SIGCHLD is ignored nobody learns the exit status."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(NoObservation, match="SIGCHLD"):
            await shell("exit 0").probe(ADDRESS, tools)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_commands_run_from_a_loop_in_another_thread() -> None:
    """Where the checker lives: only the main thread is told of signals such as SIGCHLD."""
    seen: list[str] = []

    async def look() -> None:
        async with open_tools(Heartbeats()) as tools, asyncio.timeout(PATIENCE):
            seen.append(await shell("echo $PPID").probe(ADDRESS, tools))

    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join(2 * PATIENCE)
    assert seen == [str(os.getpid())]


def test_argv_is_a_list_or_one_word() -> None:
    """Plain, hashable text, whatever it was read as."""
    check = OPTIONS.validate_python({"argv": ["/bin/test", "-n", "5"]})
    assert check == CommandCheck(argv=("/bin/test", "-n", "5"))
    assert hash(check) == hash(CommandCheck(argv=("/bin/test", "-n", "5")))
    assert OPTIONS.validate_python({"argv": "/bin/true"}).argv == ("/bin/true",)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        "",
        "true",
        ["bin/true"],
        ["/bin/true", {}],
        {"a": "b"},
        ["/bin/true", "a\0b"],
        ["/bin/\ud800"],
    ],
)
def test_what_is_no_argv_is_refused(argv: object) -> None:
    """The program is named by its absolute path: PATH is no part of the zones."""
    with pytest.raises(ValidationError) as caught:
        OPTIONS.validate_python({"argv": argv})
    assert [error["type"] for error in caught.value.errors()] == ["bad-check"]
