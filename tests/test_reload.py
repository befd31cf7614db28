"""Files → generation: all or nothing."""

import gc
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.namespace import Node
from resolver.reload import Builder
from resolver.zones import reading, yaml_source
from resolver.zones.places import Severity
from tests.support import DEV, FILES, NOW, PLAN

ZonesDir = Callable[..., Path]


def rules(builder: Builder) -> list[str]:
    """The rule ids of the errors."""
    return [p.rule for p in builder.build(NOW).problems if p.severity is Severity.ERROR]


def test_good_files_make_a_generation(zones_dir: ZonesDir) -> None:
    """And none of their problems is an error."""
    builder = Builder(zones_dir(), 1)
    built = builder.build(NOW)
    assert built.generation is not None
    assert rules(builder) == []


def test_every_problem_of_every_file_at_once(zones_dir: ZonesDir) -> None:
    """In the order of files and lines, each once."""
    directory = zones_dir()
    zones_dir(
        {
            "a.yaml": "zone: dev.west\nrecords: {x: {A: 1}, y: {A: 2}}\n",
            "b.yaml": "zone: dev.nowhere\n",
            "c.yaml": "zone: [\n",
        }
    )
    built = Builder(directory, 1).build(NOW)
    errors = [p for p in built.problems if p.severity is Severity.ERROR]
    assert built.generation is None
    assert [(Path(p.place.file).name, p.rule) for p in errors] == [
        ("a.yaml", "bad-rdata"),
        ("a.yaml", "bad-rdata"),
        ("b.yaml", "unknown-region"),
        ("c.yaml", "yaml-syntax"),
    ]
    assert len(set(built.problems)) == len(built.problems)


def test_only_changed_files_are_parsed_again(
    zones_dir: ZonesDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By content: a touch parses nothing."""
    directory = zones_dir()
    parsed = []

    def spy(octets: bytes, name: str) -> object:
        parsed.append(Path(name).name)
        return yaml_source.parse(octets, name)

    monkeypatch.setattr(reading, "parse", spy)
    builder = Builder(directory, 1)
    builder.build(NOW)
    assert sorted(parsed) == ["dev.yaml", "environments.yaml", "prod.yaml"]
    parsed.clear()
    (directory / "prod.yaml").touch()
    zones_dir({"dev.yaml": DEV.replace("hello", "goodbye")})
    assert builder.build(NOW).generation is not None
    assert parsed == ["dev.yaml"]


@pytest.mark.parametrize("rule", ["empty-directory", "unreadable", "no-environments"])
def test_a_directory_that_cannot_be_used_is_one_clear_line(
    zones_dir: ZonesDir, tmp_path: Path, rule: str
) -> None:
    """Nothing in it, nothing there, no environments in it."""
    files = {"no-environments": {"a.yaml": "zone: dev.east\n"}}.get(rule, {})
    directory = zones_dir(files) if rule != "unreadable" else tmp_path / "nothing"
    assert rules(Builder(directory, 1)) == [rule]


def test_one_collection_frees_an_old_generation(zones_dir: ZonesDir) -> None:
    """Nothing but the published generation is reachable when the server freezes what it loaded."""
    builder = Builder(zones_dir(), 1)
    made = builder.build(NOW).generation
    counts = []
    gc.collect()
    gc.disable()
    try:
        for number in range(4):
            zones_dir({"dev.yaml": f"{DEV}  r{number}: {{A: 10.80.9.9}}\n"})
            made = builder.build(NOW, made).generation
            assert made is not None
            gc.collect()
            counts.append(sum(isinstance(found, Node) for found in gc.get_objects()))
    finally:
        gc.enable()
    assert counts == [counts[0]] * 4


CHECKED = (
    "zone: dev.west\n"
    "services: {w: {endpoints: 10.81.0.1, check: {kind: tls, port: 1, ca_file: ca.pem}}}\n"
)


def make_certificate(path: Path) -> None:
    """Write a self-signed certificate."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-subj", "/CN=ca", "-days", "2", "-keyout", "/dev/null", "-out", str(path)]
    subprocess.run(words, check=True, capture_output=True)


def test_a_ca_file_is_looked_at_each_time(zones_dir: ZonesDir) -> None:
    """Although nothing else changed."""
    directory = zones_dir()
    zones_dir({"w.yaml": CHECKED})
    builder = Builder(directory, 1)
    assert rules(builder) == ["missing-ca-file"]
    make_certificate(directory / "ca.pem")
    assert rules(builder) == []
    (directory / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    assert rules(builder) == ["missing-ca-file"]
    (directory / "ca.pem").unlink()
    assert rules(builder) == ["missing-ca-file"]


def test_commands_need_the_server_s_consent(zones_dir: ZonesDir) -> None:
    """Profiles that nobody uses included."""
    profile = f"{PLAN}checks: {{c: {{kind: command, argv: /bin/true}}}}\n"
    directory = zones_dir({**FILES, "environments.yaml": profile})
    assert rules(Builder(directory, 1)) == ["command-not-allowed"]
    assert rules(Builder(directory, 1, may_run_commands=True)) == []
