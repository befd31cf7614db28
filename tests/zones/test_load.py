"""A directory → zones: which files are read, and what is refused."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.zones import reading
from resolver.zones.load import ZonesDirectory, find_files
from resolver.zones.places import Rejected
from resolver.zones.plan import Findings
from tests.support import DEV, FILES, PLAN, addresses, ask, compiled, judged, write

ZonesDir = Callable[..., Path]


def found(directory: Path) -> list[str]:
    """The zone files of a directory, without it."""
    return [str(path.relative_to(directory)) for _, path in find_files(directory, Findings())]


def test_files_at_any_depth_in_the_order_of_their_names(tmp_path: Path) -> None:
    """`.yaml` and `.json`, nothing else."""
    files = ("b.yaml", "a/z.yaml", "a/b/c.json", "notes.md", "x.yaml.bak", "README")
    write(tmp_path, dict.fromkeys(files, ""))
    assert found(tmp_path) == ["a/b/c.json", "a/z.yaml", "b.yaml"]


def test_names_that_begin_with_a_dot_are_skipped(tmp_path: Path) -> None:
    """Below the root; the root itself may be called so."""
    root = write(tmp_path / ".zones", {".git/a.yaml": "", ".b.yaml": "", "c.yaml": ""})
    assert found(root) == ["c.yaml"]


def test_a_config_map_loads_once(tmp_path: Path) -> None:
    """Its files are links through a directory whose name begins with a dot."""
    write(tmp_path, {"..2026/dev.yaml": ""})
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "dev.yaml").symlink_to("..data/dev.yaml")
    assert found(tmp_path) == ["dev.yaml"]


def test_the_root_may_be_a_link(zones_dir: ZonesDir, tmp_path: Path) -> None:
    """Links within it stay within what it names."""
    zones_dir()
    link = tmp_path / "link"
    link.symlink_to("zones")
    assert len(addresses(ask(compiled(link), "web.dev.east.corp.test."))) == 3


@pytest.mark.parametrize("target", ["../outside.yaml", "../outside", "/etc"])
def test_links_out_of_the_directory_are_refused(
    zones_dir: ZonesDir, tmp_path: Path, target: str
) -> None:
    """Files and directories alike."""
    write(tmp_path, {"outside.yaml": "zone: dev.west\n", "outside/x.yaml": "zone: dev.west\n"})
    directory = zones_dir()
    (directory / "link.yaml").symlink_to(target)
    assert judged(directory) == ["link.yaml:1:1 link-outside"]


def test_links_within_the_directory_are_followed(zones_dir: ZonesDir) -> None:
    """One that goes in circles is not."""
    directory = zones_dir({"environments.yaml": PLAN, "real/x.txt": DEV})
    (directory / "x.yaml").symlink_to("real/x.txt")
    (directory / "real" / "round").symlink_to("..")
    assert found(directory) == ["environments.yaml", "x.yaml"]


def test_a_link_to_nothing_is_unreadable(zones_dir: ZonesDir) -> None:
    """As is a directory that is called like a file, only that it holds more."""
    directory = zones_dir()
    (directory / "gone.yaml").symlink_to("nothing.yaml")
    (directory / "loop.yaml").symlink_to("loop.yaml")
    (directory / "notes").symlink_to("nothing")
    assert judged(directory) == ["gone.yaml:1:1 unreadable", "loop.yaml:1:1 unreadable"]


def test_a_directory_may_be_called_like_a_file(zones_dir: ZonesDir) -> None:
    """It is a directory."""
    assert judged(zones_dir({**FILES, "x.yaml/y.yaml": "zone: dev.nowhere\n"})) == [
        "x.yaml/y.yaml:1:7 unknown-region"
    ]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe that nobody writes to would hold every reload for ever."""
    os.mkfifo(tmp_path / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.fspath(tmp_path / "s.yaml"))
        assert found(tmp_path) == []


def test_what_is_no_file_is_unreadable(zones_dir: ZonesDir) -> None:
    """And said to be, or it would be overlooked."""
    directory = zones_dir()
    os.mkfifo(directory / "pipe.yaml")
    (directory / "link.yaml").symlink_to("pipe.yaml")
    assert judged(directory) == ["link.yaml:1:1 unreadable", "pipe.yaml:1:1 unreadable"]


def test_yml_is_refused(zones_dir: ZonesDir) -> None:
    """Or it would be overlooked."""
    assert judged(zones_dir({**FILES, "a/x.yml": ""})) == ["a/x.yml:1:1 file-suffix"]


def test_json_files_are_zone_files(zones_dir: ZonesDir) -> None:
    """Also the plan."""
    plan = {
        "domain": "corp.test",
        "regions": ["east"],
        "environments": {"dev": {"clients": {"east": ["10.80.0.0/16"]}, "forward": "none"}},
    }
    zone = {"zone": "dev.east", "records": {"x": {"TXT": "😀", "A": "10.80.0.1"}}}
    files = {"environments.json": json.dumps(plan), "z.json": json.dumps(zone)}
    reply = ask(compiled(zones_dir(files)), "x.dev.east.corp.test.", "TXT")
    assert reply.answer[0][0].strings[0].decode() == "😀"


def test_two_plans_are_one_too_many(zones_dir: ZonesDir) -> None:
    """Which would win?"""
    assert judged(zones_dir({**FILES, "environments.json": "{}"})) != []


def test_a_plan_in_a_deeper_directory_is_no_plan(zones_dir: ZonesDir) -> None:
    """It is read as the zone file that it is not."""
    assert "x/environments.yaml:1:1 unknown-key" in judged(
        zones_dir({**FILES, "x/environments.yaml": PLAN})
    )


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({}, "empty-directory"),
        ({"notes.md": ""}, "empty-directory"),
        ({"a.yaml": ""}, "no-environments"),
    ],
)
def test_directories_that_cannot_be_used(
    zones_dir: ZonesDir, files: dict[str, str], rule: str
) -> None:
    """One problem that names the directory."""
    directory = zones_dir(files)
    with pytest.raises(Rejected) as caught:
        ZonesDirectory(directory).load()
    (problem,) = caught.value.problems
    assert (problem.rule, problem.place.file) == (rule, str(directory))


def test_problems_of_every_file_are_reported_without_a_plan(zones_dir: ZonesDir) -> None:
    """The plan is one of them."""
    found_ = judged(zones_dir({"environments.yaml": "domain: [\n", "a.yaml": "zone: ]\n"}))
    assert found_ == ["a.yaml:1:7 yaml-syntax", "environments.yaml:2:1 yaml-syntax"]


def test_a_file_that_disappears_takes_its_zone_with_it(zones_dir: ZonesDir) -> None:
    """What was parsed before is forgotten."""
    directory = ZonesDirectory(zones_dir())
    directory.load()
    (directory.path / "dev.yaml").unlink()
    zones, _ = directory.load()
    assert zones is not None
    assert [zone.environment for zone in zones.zones] == ["prod"]
    assert [Path(name).name for name in directory.files] == ["prod.yaml"]


def test_a_bad_file_is_not_parsed_again_either(
    zones_dir: ZonesDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its problems are still reported."""
    directory = ZonesDirectory(zones_dir({**FILES, "bad.yaml": "zone: [\n"}))
    before = directory.load()[1]
    monkeypatch.delattr(reading, "parse")
    assert directory.load()[1] == before
