"""Files → zones: which zone, whose, and what is said twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.generation import Generation
from resolver.zones.places import Severity
from tests.support import FILES, PLAN, addresses, ask, judged

ZonesDir = Callable[..., Path]
Compile = Callable[..., Generation]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("records: {x: {A: 10.80.0.1}}", "1:1 missing-key"),
        ("zone: dev..east", "1:7 bad-name"),
        ("zone: dev.eest", "1:7 unknown-region"),
        ("zone: deev.east", "1:7 unknown-environment"),
        ("zone: dev", "1:7 name-clash"),
        ("zone: east\nvisible_to: all", "1:7 name-clash"),
        ("zone: here\nvisible_to: all", "1:7 name-clash"),
        ("zone: x.here\nvisible_to: all", "1:7 name-clash"),
        ("zone: dev.east\nvisible_to: [prod]", "2:14 visible-to"),
        ("zone: infra", "1:7 visible-to"),
        ("zone: infra\nvisible_to: [prod, stagin]", "2:20 unknown-environment"),
        ("zone: dev.east\nrecords: {x.test.: {A: 10.80.0.1}}", "2:11 bad-name"),
        ("zone: dev.east\nrecords: {a..b: {A: 10.80.0.1}}", "2:11 bad-name"),
        ("zone: dev.east\nrecords: {x: {A: [10.80.0.1, 10.80.0.256]}}", "2:30 bad-rdata"),
        ("zone: dev.east\nrecords: {x: {MX: mail}}", "2:19 bad-rdata"),
        ("zone: dev.east\nrecords: {x: {A: []}}", "2:15 bad-rdata"),
        ("zone: dev.east\nrecords: {x: {SOA: 'a b 1 1 1 1 1'}}", "2:15 bad-rdata"),
        ("zone: dev.east\nrecords: {x: {OPT: '\\# 0'}}", "2:15 bad-rdata"),
        ("zone: dev.east\nrecords: {x: {CNAME: [a, b]}}", "2:15 cname-and-other"),
        ("zone: dev.east\nrecords: {x: {A: 10.80.0.1, share_with: [nobody]}}",
         "2:42 unknown-environment"),
        ("zone: dev.east\nrecords: {x: {A: 10.80.0.1}, X: {A: 10.80.0.2}}",
         "2:34 duplicate-record"),
        ("zone: dev.east\noverrides: {deev: {}}", "2:13 unknown-environment"),
        ("zone: dev.east\noverrides: {prod: {}}", "2:13 unknown-environment"),
        ("zone: infra\nvisible_to: all\noverrides: {dev: {x: null, X: null}}",
         "3:28 duplicate-record"),
        ("zones: {dev.east: {}, dev.eest: {}}", "1:23 unknown-region"),
    ],
)  # fmt: skip
def test_problems(zones_dir: ZonesDir, text: str, found: str) -> None:
    """Each at the word that is wrong."""
    files = {"environments.yaml": PLAN, "z.yaml": text + "\n"}
    assert judged(zones_dir(files)) == [f"z.yaml:{found}"]


def test_several_files_make_one_zone(generation: Compile) -> None:
    """Records and services of all of them."""
    files = {"environments.yaml": PLAN}
    for n in range(3):
        files[f"{n}.yaml"] = f"zone: dev.east\nrecords: {{r{n}: {{A: 10.80.0.{n}}}}}\n"
    made = generation(files)
    found = [addresses(ask(made, f"r{n}.dev.east.corp.test.")) for n in range(3)]
    assert found == [["10.80.0.0"], ["10.80.0.1"], ["10.80.0.2"]]


def test_what_is_said_twice_names_both_places(zones_dir: ZonesDir) -> None:
    """Records, services and SOA, also over files."""
    text = (
        "zone: dev.east\nsoa: {ttl: 1}\n"
        "records: {x: {A: 10.80.0.1}}\nservices: {s: {endpoints: 10.80.0.2}}\n"
    )
    directory = zones_dir({"environments.yaml": PLAN, "a.yaml": text, "b.yaml": text})
    found = judged(directory)
    assert {line.split()[1] for line in found} == {"duplicate-record"}
    assert [line.split(":")[:2] for line in found] == [["b.yaml", n] for n in "234"]


def test_one_file_may_hold_several_zones(generation: Compile) -> None:
    """Their defaults are the file's."""
    text = """\
defaults: {ttl: 9}
zones:
  dev.east: {records: {x: {A: 10.80.0.1}}}
  dev.west: {records: {x: {A: 10.81.0.1}}}
"""
    made = generation({"environments.yaml": PLAN, "z.yaml": text})
    for region, address in (("east", "10.80.0.1"), ("west", "10.81.0.1")):
        reply = ask(made, f"x.dev.{region}.corp.test.")
        assert (addresses(reply), reply.answer[0].ttl) == ([address], 9)


def test_the_same_value_twice_is_a_warning(zones_dir: ZonesDir) -> None:
    """It is answered once."""
    text = "zone: dev.east\nrecords: {x: {A: [10.80.0.1, 10.80.0.1]}}\n"
    directory = zones_dir({"environments.yaml": PLAN, "z.yaml": text})
    assert "z.yaml:2:30 duplicate-record" in judged(directory, Severity.WARNING)
    assert judged(directory) == []


@pytest.mark.parametrize(
    ("value", "ttl"),
    [
        ("{A: 10.80.0.1}", 30),
        ("{A: 10.80.0.1, ttl: 1m}", 60),
        ("{A: {ttl: 5, values: 10.80.0.1}, ttl: 1m}", 5),
        ("{A: {values: [10.80.0.1]}, ttl: 1m}", 60),
    ],
)
def test_the_ttl_of_a_type_an_owner_and_the_zone(generation: Compile, value: str, ttl: int) -> None:
    """The nearest wins."""
    text = f"zone: dev.east\nrecords: {{x: {value}}}\n"
    made = generation({"environments.yaml": PLAN, "z.yaml": text})
    assert ask(made, "x.dev.east.corp.test.").answer[0].ttl == ttl


def test_odd_owners_are_names(generation: Compile) -> None:
    """Never numbers, booleans or dates; any octet may be escaped."""
    owners = ["010", "10.10", "1:30", "no", "1e3", r"a\.b", r"\000"]
    lines = "".join(f"  {owner}: {{A: 10.80.0.1}}\n" for owner in owners)
    made = generation({**FILES, "dev.yaml": f"zone: dev.east\nrecords:\n{lines}"})
    for owner in owners:
        assert addresses(ask(made, f"{owner}.dev.east.corp.test.")) == ["10.80.0.1"]


def test_every_problem_of_a_zone_at_once(zones_dir: ZonesDir) -> None:
    """One bad record does not hide another."""
    text = "zone: dev.east\nrecords:\n  a: {A: x}\n  b: {MX: y}\n  c..d: {A: 10.80.0.1}\n"
    assert judged(zones_dir({"environments.yaml": PLAN, "z.yaml": text})) == [
        "z.yaml:3:10 bad-rdata",
        "z.yaml:4:11 bad-rdata",
        "z.yaml:5:3 bad-name",
    ]
