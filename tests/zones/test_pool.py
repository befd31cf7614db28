"""Many files are read by processes beside this one, and nothing depends on them."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver.reload import Builder, Built
from resolver.zones import pool
from resolver.zones.pool import read_many
from resolver.zones.reading import PlanFile, read_plan, read_zone_file
from tests.support import DEV, FILES, NOW, PLAN, PROD, ROOT, write

BROKEN = {
    **FILES,
    "a.yaml": "zone: dev.west\nrecords: {x: {A: 1}, y: {A: 2}}\n",
    "b.yaml": "zone: dev.nowhere\n",
    "c.yaml": "zone: [\n",
    "d.yaml": "zone: dev.west\nservices: {w: {endpoints: 10.81.0.1, colour: red, check: nil}}\n",
    "e.yaml": "zone: dev.west\nrecords: {z: {A: 10.81.0.1}}\n",
    "f.yaml": "zone: dev.west\nrecords: {z: {A: 10.81.0.1}, u: {CNAME: gone}}\n",
    "g.yaml": b"zone: \xff\n",
}


@pytest.fixture
def two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, however little there is to read."""
    monkeypatch.setattr(pool, "FEW_OCTETS", 0)
    monkeypatch.setattr(pool, "count_cpus", lambda: 2)


@pytest.fixture
def begun(two_cpus: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen]]:
    """The processes that are begun; in the end nothing is left of any."""
    found: list[subprocess.Popen] = []

    class Spy(subprocess.Popen):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)  # type: ignore[call-overload]
            found.append(self)

    monkeypatch.setattr(subprocess, "Popen", Spy)
    yield found
    assert all(process.poll() is not None for process in found)
    assert all(pipe is None or pipe.closed for p in found for pipe in (p.stdin, p.stdout))


def plan_file(text: str = PLAN) -> PlanFile:
    """The plan of the tests, read."""
    return read_plan(text.encode(), "environments.yaml")


def built(directory: Path) -> Built:
    """What comes of a directory at a fresh start."""
    return Builder(directory, 1).build(NOW)


@pytest.mark.parametrize("files", [FILES, BROKEN, {**BROKEN, "environments.yaml": "domain: [\n"}])
def test_the_same_problems_in_the_same_order(
    tmp_path: Path, begun: list[subprocess.Popen], files: dict[str, str | bytes]
) -> None:
    """With processes and without."""
    write(tmp_path, files)
    beside = built(tmp_path)
    assert len(begun) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "count_cpus", lambda: 1)
        here = built(tmp_path)
    assert len(begun) == 2
    assert beside.problems == here.problems
    assert (beside.generation is None) is (here.generation is None) is (files is not FILES)


def test_the_same_zones(begun: list[subprocess.Popen]) -> None:
    """Those of the samples: services, checks of many kinds, records, overrides."""
    samples = ROOT / "zones"
    beside = built(samples).generation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "count_cpus", lambda: 1)
        here = built(samples).generation
    assert beside is not None
    assert here is not None
    assert begun
    assert beside.zones.zones == here.zones.zones
    assert beside.serials == here.serials


def test_files_stay_in_their_order(begun: list[subprocess.Popen]) -> None:
    """Although the larger ones are read first."""
    files = {name: DEV.encode() * (name != "m.yaml") for name in ("z.yaml", "m.yaml", "a.yaml")}
    assert list(read_many(files, plan_file())) == list(files)
    assert begun


def test_few_octets_or_one_processor_need_no_process(
    begun: list[subprocess.Popen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small directory does not pay for it."""
    files = {"a.yaml": DEV.encode(), "b.yaml": PROD.encode()}
    with monkeypatch.context() as patch:
        patch.setattr(pool, "FEW_OCTETS", 1_000_000)
        assert len(read_many(files, plan_file())) == 2
    with monkeypatch.context() as patch:
        patch.setattr(pool, "count_cpus", lambda: 1)
        assert len(read_many(files, plan_file())) == 2
    assert len(read_many({"a.yaml": DEV.encode()}, plan_file())) == 1
    assert read_many({}, plan_file()) == {}
    assert begun == []


@pytest.mark.parametrize(
    "start",
    [
        "raise SystemExit(1)",
        "import sys; sys.stdin.buffer.read()",
        "import sys; sys.stdin.buffer.read(); print('no pickle at all', flush=True)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_what_a_process_does_not_give_is_read_here(
    begun: list[subprocess.Popen],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    start: str,
) -> None:
    """It died, was killed, or says what it should not."""
    monkeypatch.setattr(pool, "START", start)
    files = {"a.yaml": DEV.encode() + b"#" * 200_000, "b.yaml": PROD.encode()}
    plan = plan_file()
    assert read_many(files, plan) == {
        name: read_zone_file(octets, name, plan.plan) for name, octets in files.items()
    }
    assert len(begun) == 2
    assert [r.getMessage() for r in caplog.records] == [
        "a process that reads zones ended early: 1 files are read here"
    ] * 2


def test_without_processes_all_is_read_here(
    two_cpus: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No memory, or a limit on their number."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    files = {"a.yaml": DEV.encode(), "b.yaml": PROD.encode()}
    assert len(read_many(files, plan_file())) == 2
    assert "no processes to read zones" in caplog.text


def test_whoever_is_interrupted_ends_the_processes(
    begun: list[subprocess.Popen], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by SIGTERM at start; the fixture looks that none is left."""
    monkeypatch.setattr(pool, "START", "import time; time.sleep(600)")
    heard = threading.Event()

    def interrupted(_: object) -> None:
        heard.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(pool._Reader, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_many({"a.yaml": DEV.encode(), "b.yaml": PROD.encode()}, plan_file())
    assert heard.is_set()
    assert len(begun) == 2


PARENT = """\
import os, sys
sys.path[:] = {path!r}
from resolver.zones import pool
from resolver.zones.reading import read_plan
pool.FEW_OCTETS, pool.count_cpus = 0, lambda: 2
class Told(pool._Reader):
    def join(self):
        print("begun", flush=True)
        super().join()
pool._Reader = Told
plan = read_plan({plan!r}, "environments.yaml")
lines = [b"  n%d: {{A: 10.81.0.1}}\\n" % number for number in range(10000)]
one = b"zone: dev.west\\nrecords:\\n" + b"".join(lines)
pool.read_many({{"a.yaml": one, "b.yaml": one}}, plan)
"""


def test_no_process_outlives_us() -> None:
    """Although nobody could end them: what they say is heard by nobody."""
    code = PARENT.format(path=sys.path, plan=PLAN.encode())
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        # Its standard error comes to an end when nobody holds it any more.
        assert parent.stderr is not None
        parent.stderr.read()
