"""Files → generation: all or nothing."""

import gc
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from resolver import reload, snapshot
from resolver.generation import Generation, Serials
from resolver.namespace import Node
from resolver.reload import MANY, Builder, abridge
from resolver.routes import ServerDefaults
from resolver.snapshot import SnapshotFile
from resolver.zones import reading, yaml_source
from resolver.zones.places import Place, Problem, Severity
from tests.properties.profile import PROFILE
from tests.properties.test_incremental import shape
from tests.properties.worlds import World, worlds
from tests.support import DEV, FILES, NOW, PLAN, PROD, ROOT, addresses, ask, write

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


def spy_on_parser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are parsed from now on."""
    parsed = []

    def spy(octets: bytes, name: str) -> object:
        parsed.append(Path(name).name)
        return yaml_source.parse(octets, name)

    monkeypatch.setattr(reading, "parse", spy)
    return parsed


def test_only_changed_files_are_parsed_again(
    zones_dir: ZonesDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By content: a touch parses nothing."""
    directory = zones_dir()
    parsed = spy_on_parser(monkeypatch)
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


class Kept:
    """A zones directory and what one process after another keeps beside it."""

    def __init__(self, place: Path, zones: Path | None = None) -> None:
        self.zones = zones or write(place / "zones", FILES)
        self.state = place / "state"
        self.state.mkdir(mode=0o755)
        self.now = NOW
        self.built = 0  # how often everything was read and judged

    def start(
        self,
        known: Serials | None = None,
        defaults: ServerDefaults | None = None,
        commands: bool = False,
    ) -> Builder:
        """A process that has read its zones, saved what it made, and is no more."""
        self.now += 1000
        builder = Builder(
            *(self.zones, 1, lambda: defaults or ServerDefaults(), commands, known),
            snapshots=SnapshotFile(self.state),
        )
        self.last = builder.build(self.now)
        self.built += builder._unsaved is not None
        builder.save()
        return builder

    @property
    def generation(self) -> Generation:
        """What the last process served."""
        assert self.last.generation is not None
        return self.last.generation


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """The usual zones, which one process has read already."""
    found = Kept(tmp_path)
    found.start()
    return found


def shapes(generation: Generation) -> dict[str, object]:
    """Everything that can be seen of its names."""
    return {name: shape(generation, space) for name, space in generation.namespaces.items()}


def test_a_start_takes_over_what_was_made(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is parsed but the plan, nothing is judged."""
    first, problems = kept.generation, kept.last.problems
    parsed = spy_on_parser(monkeypatch)
    monkeypatch.delattr(reload, "lint")
    kept.start()
    assert kept.built == 1
    assert parsed == ["environments.yaml"]
    assert kept.last.problems == problems
    assert kept.generation.serials == first.serials
    assert kept.generation.zones == first.zones
    assert kept.generation.seen == first.seen
    for name in ("web.dev.east", "alias.dev.east", "x.wild.dev.east", "web.dev", "nothing"):
        owner = f"{name}.corp.test."
        assert set(addresses(ask(kept.generation, owner))) == set(addresses(ask(first, owner)))
        assert ask(kept.generation, owner).rcode() == ask(first, owner).rcode()


def test_the_samples_are_the_same_cold_and_warm(tmp_path: Path) -> None:
    """Every name of every environment, checks included."""
    kept = Kept(tmp_path, ROOT / "zones")
    kept.start()
    cold = kept.generation
    kept.start()
    assert kept.built == 1
    assert kept.generation.zones == cold.zones
    for name, space in cold.namespaces.items():
        assert dict(kept.generation.namespaces[name].items()).keys() == dict(space.items()).keys()
        for key, node in space.items():
            other = kept.generation.namespaces[name].node(key)
            assert other is not None
            assert (other.owner, other.sets) == (node.owner, node.sets)
            assert (other.below, other.is_open) == (node.below, node.is_open)


@settings(PROFILE, max_examples=25)
@given(world=worlds())
def test_any_zones_are_the_same_cold_and_warm(world: World) -> None:
    """As far as they have no errors."""
    with tempfile.TemporaryDirectory() as place:
        kept = Kept(Path(place), write(Path(place) / "zones", world.files()))
        kept.start()
        if kept.last.generation is None:
            return
        cold, problems = shapes(kept.generation), kept.last.problems
        kept.start()
        assert kept.built == 1
        assert shapes(kept.generation) == cold
        assert kept.last.problems == problems


def test_the_next_process_gives_the_same_serials(kept: Kept) -> None:
    """Although time has passed; and a change after it gives new ones, where something changed."""
    first = kept.generation.serials
    builder = kept.start()
    assert kept.generation.serials == first
    write(kept.zones, {"dev.yaml": DEV.replace("hello", "goodbye")})
    changed = builder.build(kept.now + 1, kept.generation).generation
    assert changed is not None
    moved = {place for place, pair in changed.serials.items() if pair != first[place]}
    assert {environment for environment, _ in moved} == {"dev"}
    assert {changed.serials[place][1] for place in moved} == {kept.now + 1}


def test_a_serial_never_goes_back(kept: Kept) -> None:
    """A snapshot of a time before the last serial was given is not used."""
    given = dict(kept.generation.serials)
    place = next(iter(given))
    given[place] = (given[place][0], given[place][1] + 500)
    kept.start(known=given)
    assert kept.built == 2
    assert kept.generation.serials[place] == given[place]
    kept.start(known=given)
    assert kept.built == 2


def test_a_reload_after_it_reads_what_changed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps what did not."""
    builder = kept.start()
    before, parsed = kept.generation, spy_on_parser(monkeypatch)
    write(kept.zones, {"dev.yaml": DEV.replace("hello", "goodbye")})
    after = builder.build(kept.now, before).generation
    assert parsed == ["dev.yaml"]
    assert after is not None
    assert after.namespaces["prod"] is before.namespaces["prod"]
    reply = ask(after, "text.dev.east.corp.test.", "TXT")
    assert reply.answer[0][0].strings == (b"goodbye",)
    fresh = Builder(kept.zones, 1).build(kept.now).generation
    assert fresh is not None
    assert after.zones == fresh.zones


def test_it_is_saved_after_a_reload_too(kept: Kept) -> None:
    """What the next process finds is what was served last."""
    builder = kept.start()
    write(kept.zones, {"dev.yaml": DEV.replace("hello", "goodbye")})
    changed = builder.build(kept.now, kept.generation).generation
    builder.save()
    kept.start()
    assert changed is not None
    assert kept.built == 1
    assert kept.generation.serials == changed.serials


def test_what_was_refused_is_not_kept(kept: Kept) -> None:
    """A bad change does not spoil what was made before it."""
    builder = kept.start()
    write(kept.zones, {"dev.yaml": DEV.replace("hello", "goodbye")})
    assert builder.build(kept.now, kept.generation).generation is not None
    write(kept.zones, {"dev.yaml": "zone: [\n"})
    assert builder.build(kept.now, kept.generation).generation is None
    builder.save()
    write(kept.zones, {"dev.yaml": DEV.replace("hello", "goodbye")})
    kept.start()
    assert kept.built == 1
    reply = ask(kept.generation, "text.dev.east.corp.test.", "TXT")
    assert reply.answer[0][0].strings == (b"goodbye",)


@pytest.mark.parametrize(
    "change",
    [
        {"dev.yaml": DEV + " "},
        {"environments.yaml": PLAN + "# with a comment\n"},
        {"new.yaml": "zone: dev.west\n"},
        {"prod.yaml": None},
        {"prod.yaml": None, "renamed.yaml": PROD},
        {"dev.yaml": "zone: [\n"},
        {"other.yml": ""},
        {"environments.yaml": None},
    ],
)
def test_other_files_are_never_served_from_it(kept: Kept, change: dict[str, str | None]) -> None:
    """Changed, added, gone, renamed: all is as if nothing had been kept."""
    for name, text in change.items():
        if text is None:
            (kept.zones / name).unlink()
        else:
            write(kept.zones, {name: text})
    kept.start()
    fresh = Builder(kept.zones, 1).build(kept.now)
    assert kept.last.problems == fresh.problems
    assert (kept.last.generation is None) is (fresh.generation is None)
    if fresh.generation is not None:
        assert kept.built == 2
        assert kept.generation.zones == fresh.generation.zones
        assert kept.generation.serials == fresh.generation.serials


def test_another_configuration_is_never_served_from_it(kept: Kept) -> None:
    """What the server says of forwarding, and whether commands may run."""
    kept.start(defaults=ServerDefaults(uses_system=True))
    assert kept.built == 2
    kept.start(defaults=ServerDefaults(uses_system=True), commands=True)
    assert kept.built == 3
    kept.start(defaults=ServerDefaults(uses_system=True), commands=True)
    assert kept.built == 3


def test_another_program_is_never_served_from_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may judge otherwise."""
    monkeypatch.setattr(reload, "fingerprint", lambda: (*snapshot.fingerprint(), "other"))
    kept.start()
    assert kept.built == 2


def test_what_checks_need_is_looked_at_all_the_same(tmp_path: Path) -> None:
    """A certificate that has gone since is an error, as ever."""
    kept = Kept(tmp_path)
    write(kept.zones, {"w.yaml": CHECKED})
    make_certificate(kept.zones / "ca.pem")
    kept.start()
    kept.start()
    assert kept.built == 1
    (kept.zones / "ca.pem").unlink()
    kept.start()
    assert [p.rule for p in kept.last.problems if p.severity is Severity.ERROR] == [
        "missing-ca-file"
    ]


def test_damage_means_a_cold_start(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """One line, and all is there; the next one is warm again."""
    path = kept.state / snapshot.FILE
    path.write_bytes(path.read_bytes()[:-100])
    kept.start()
    assert kept.built == 2
    assert len(caplog.records) == 1
    kept.start()
    assert kept.built == 2


def test_saving_goes_on_beside(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread that nobody waits for; what was saved is not saved again."""
    (kept.state / snapshot.FILE).unlink()
    builder = Builder(kept.zones, 1, snapshots=SnapshotFile(kept.state))
    built = builder.build(NOW).generation
    begun = []

    class Thread(threading.Thread):
        def start(self) -> None:
            begun.append(self)
            super().start()

    monkeypatch.setattr(threading, "Thread", Thread)
    builder.keep()
    assert [thread.daemon for thread in begun] == [True]
    begun[0].join()
    assert built is not None
    builder.keep()
    assert len(begun) == 1
    kept.start()
    assert kept.built == 1


def test_of_many_warnings_a_log_has_some() -> None:
    """Every error; of the others so many of each rule, and how many more there are."""
    warnings = [Problem(Place("a", n), Severity.WARNING, "w", "words") for n in range(MANY + 5)]
    errors = [Problem(Place("b", n), Severity.ERROR, "e", "words") for n in range(MANY + 5)]
    hints = [Problem(Place("c", n), Severity.HINT, "h", "words") for n in range(MANY + 1)]
    shown = abridge([*warnings, *errors, *hints])
    assert [p for p in shown if p.rule == "e"] == errors
    assert [p for p in shown if p.rule == "h"] == hints
    assert [p for p in shown if p.rule == "w"][:-1] == warnings[:MANY]
    assert shown[MANY].message == "and 5 more like this, which 'sightline check' shows"
    assert abridge(shown) == shown
