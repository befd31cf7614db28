"""What may stand in the files: keys, types, shorthands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.reload import Builder
from tests.support import FILES, NOW, PLAN, judged

ZonesDir = Callable[..., Path]
HEAD = "zone: dev.east\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sevices: {}", "2:1 unknown-key"),
        ("services: {w: {endpoints: 10.80.0.1, ports: 80}}", "2:45 bad-type"),
        ("services: {w: {endpoint: 10.80.0.1}}", "2:16 unknown-key"),
        ("services: {w: {endpoints: {adress: 10.80.0.1}}}", "2:28 unknown-key"),
        ("services: {w: {endpoints: 10.80.0.999}}", "2:27 bad-address"),
        ("services: {w: {endpoints: [[10.80.0.1]]}}", "2:28 bad-type"),
        ("services: {w: {endpoints: {address: 10.80.0.1, weight: 65536}}}", "2:56 bad-type"),
        ("services: {w: {endpoints: {address: 10.80.0.1, state: off}}}", "2:55 bad-type"),
        ("services: {w: {endpoints: {address: 10.80.0.1, standby: yes}}}", "2:57 bad-type"),
        ("services: {w: {endpoints: 10.80.0.1, ttl: 1.5s}}", "2:43 ttl-range"),
        ("services: {w: {endpoints: 10.80.0.1, ttl: 3000000000}}", "2:43 ttl-range"),
        ("services: {w: {endpoints: 10.80.0.1, fail: never}}", "2:44 bad-type"),
        ("services: {w: {endpoints: 10.80.0.1, max_answers: 0}}", "2:51 bad-type"),
        ("services: {w: {endpoints: 10.80.0.1, spillover: 0.5}}", "2:49 bad-type"),
        ("services: {w: {endpoints: 10.80.0.1, check: {kind: htp, port: 1}}}",
         "2:52 unknown-check"),
        ("services: {w: {endpoints: 10.80.0.1, check: {kind: tcp, port: 1, path: /}}}",
         "2:66 unknown-key"),
        ("services: {w: {endpoints: 10.80.0.1, check: {kind: tcp, port: 0}}}", "2:63 bad-type"),
        ("services: {w: {endpoints: 10.80.0.1, ports: {http: 0}}}", "2:52 bad-type"),
        ("services: [w]", "2:11 bad-type"),
        ("services: {w: 10.80.0.1}", "2:15 bad-type"),
        ("records: {x: 10.80.0.1}", "2:14 bad-type"),
        ("records: {x: {a: 10.80.0.1}}", "2:15 unknown-key"),
        ("records: {x: {AA: 10.80.0.1}}", "2:15 unknown-key"),
        ("records: {x: {A: {vals: 10.80.0.1}}}", "2:19 unknown-key"),
        ("records: {x: {A: [[10.80.0.1]]}}", "2:19 bad-type"),
        ("records: {x: {A: 10.80.0.1, ttl: forever}}", "2:34 bad-type"),
        ("fallthrough: maybe", "2:14 bad-type"),
        ("soa: {minimun: 5}", "2:7 unknown-key"),
        ("soa: {serial: 4294967296}", "2:15 bad-type"),
        ("overrides: {dev: [x]}", "2:18 bad-type"),
        ("defaults: {ttl: x}", "2:17 bad-type"),
        ("defaults: {endpoints: 10.80.0.1}", "2:12 unknown-key"),
    ],
)  # fmt: skip
def test_zone_files(zones_dir: ZonesDir, text: str, found: str) -> None:
    """Each problem at the key or value that is wrong; what follows from it may be told too."""
    problems = judged(zones_dir({**FILES, "dev.yaml": f"{HEAD}{text}\n"}))
    assert f"dev.yaml:{found}" in problems
    assert len(problems) == 1 or found.endswith("unknown-key")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("environments: {dev: {}}", ["1:1 missing-key"]),
        ("domain: corp.test", ["1:1 missing-key"]),
        ("domain: corp.test\nenvironments: [dev]", ["2:15 bad-type"]),
        ("domain: corp.test\nenvironments: {dev: {client: {}}}", ["2:22 unknown-key"]),
        ("domain: corp.test\nregions: [e]\nenvironments: {dev: {clients: {e: 10.0.0.1/8}}}",
         ["3:35 bad-address"]),
        ("domain: corp.test\nenvironments: {dev: {forward: all}}", ["2:31 bad-type"]),
        ("domain: corp.test\nenvironments: {dev: {}}\nnameservers: {ns1: [x]}",
         ["3:21 bad-address"]),
        ("domain: corp.test\nenvironments: {dev: {}}\nchecks: {web: {kind: tcp, fall: 0}}",
         ["3:33 bad-type"]),
        ("domain: corp.test\nttl: -1\nregion: [e]\nenvironments: {dev: {}}",
         ["2:6 bad-type", "3:1 unknown-key"]),
    ],
)  # fmt: skip
def test_plans(zones_dir: ZonesDir, text: str, found: list[str]) -> None:
    """All at once, also keys and types together."""
    assert judged(zones_dir({"environments.yaml": text + "\n"})) == [
        f"environments.yaml:{place}" for place in found
    ]


def test_unknown_keys_have_a_suggestion(zones_dir: ZonesDir) -> None:
    """When one is near; types are written in capitals."""
    text = HEAD + "sevices: {}\nrecords: {x: {a: 10.80.0.1, ownr: me}}\n"
    built = Builder(zones_dir({**FILES, "dev.yaml": text}), 1).build(NOW)
    messages = [problem.message for problem in built.problems]
    assert any("did you mean 'services'?" in message for message in messages)
    assert any("did you mean 'A'?" in message for message in messages)
    assert any("did you mean 'owner'?" in message for message in messages)


def test_keys_that_begin_with_x_are_for_anchors(zones_dir: ZonesDir) -> None:
    """Anywhere a mapping has keys of ours."""
    text = (
        "x-top: &e {address: 10.80.0.1, x-note: y}\nzone: dev.east\n"
        "services: {w: {x-why: z, endpoints: *e}}\nrecords: {r: {x-a: b, TXT: c}}\n"
    )
    assert judged(zones_dir({**FILES, "dev.yaml": text})) == []


def test_empty_values_say_nothing(zones_dir: ZonesDir) -> None:
    """A key whose value was removed is as good as no key."""
    text = HEAD + "services:\nrecords:\n  x:\n    A: 10.80.0.1\n    ttl:\nvisible_to:\nsoa:\n"
    assert judged(zones_dir({**FILES, "dev.yaml": text})) == []


def test_wrong_keys_and_wrong_values_are_found_together(zones_dir: ZonesDir) -> None:
    """One run of `check` shows all that is wrong with a file."""
    text = HEAD + "foo: 1\nservices: {w: {endpoints: [1.2.3], ttl: x, bar: 1}}\nrecords: {y: z}\n"
    assert judged(zones_dir({**FILES, "dev.yaml": text})) == [
        "dev.yaml:2:1 unknown-key",
        "dev.yaml:3:28 bad-address",
        "dev.yaml:3:41 bad-type",
        "dev.yaml:3:44 unknown-key",
        "dev.yaml:4:14 bad-type",
    ]


@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000])
@pytest.mark.parametrize("key", ["ttl", "max_answers", "slow_start"])
def test_absurd_numbers_are_problems(zones_dir: ZonesDir, key: str, value: str) -> None:
    """Not tracebacks."""
    text = f"{HEAD}services: {{w: {{endpoints: 10.80.0.1, {key}: {value}}}}}\n"
    assert [f.partition(" ")[0] for f in judged(zones_dir({**FILES, "dev.yaml": text}))] == [
        f"dev.yaml:2:{40 + len(key)}"
    ]


def test_a_plan_may_be_reread_as_written(zones_dir: ZonesDir) -> None:
    """The small company of these tests is good."""
    assert judged(zones_dir({**FILES, "environments.yaml": PLAN})) == []
