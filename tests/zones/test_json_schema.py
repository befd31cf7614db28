"""The JSON Schema of the zone files against what the loader itself takes and refuses."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from resolver.zones.json_schema import any_schema, environments_schema, type_pattern, zone_schema
from resolver.zones.model import Reading, ZoneFileSpec
from resolver.zones.yaml_source import parse

ZONES = Path(__file__).parents[2] / "zones"
FILES = sorted(ZONES.rglob("*.yaml"))


def with_text_keys(value: Any) -> Any:
    """As an editor sees it: JSON has no other keys."""
    if isinstance(value, dict):
        return {str(key): with_text_keys(item) for key, item in value.items()}
    return [with_text_keys(item) for item in value] if isinstance(value, list) else value


def accepts(schema: dict[str, Any], text: str) -> bool:
    validator = jsonschema.Draft202012Validator(schema)
    return bool(validator.is_valid(with_text_keys(yaml.safe_load(text))))


def loads(text: str) -> bool:
    reading = Reading("z.yaml")
    try:
        TypeAdapter(ZoneFileSpec).validate_python(parse(text.encode(), "z.yaml"), context=reading)
    except ValidationError:
        return False
    return not reading.problems


@pytest.mark.parametrize("schema", [any_schema, zone_schema, environments_schema])
def test_the_schemas_are_schemas(schema: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ZONES)))
def test_the_sample_files_are_accepted(file: Path) -> None:
    is_plan = file.name == "environments.yaml"
    text = file.read_text()
    assert accepts(any_schema(), text)
    assert accepts(environments_schema() if is_plan else zone_schema(), text)
    assert not accepts(zone_schema() if is_plan else environments_schema(), text)


GOOD = """
zone: infra
services:
  a: {endpoints: 10.0.0.1, check: web, spillover: off, ttl_from_health: on, ptr: false}
---
zone: infra
visible_to: all
services:
  a:
    endpoints: [10.0.0.1, {addresses: [10.0.0.2, "fd00::2"], name: 007, weight: 3}]
    ports: {https: 8443, syslog: 514/udp}
    check: {use: web, port: 1, path: /x, headers: {a: b}}
    failover: [eu-west-1]
    spillover: 1.4
    panic: 30%
    ttl: 1h
---
zone: infra
x-anchor: {any: [thing]}
records:
  no: {TXT: yes}
  10: {PTR: a, x-note: anything}
  a: {A: [10.0.0.1], MX: {ttl: 5, values: ["10 a"]}, ptr: b, share_with: prod}
  b: {TYPE65280: '\\# 0', NSAP-PTR: a, ttl: 10}
overrides: {dev: {a: null, b: {A: 10.0.0.1}}}
soa: {serial: 1, minimum: 1m}
---
zone: infra
services:
records:
---
zone: infra
services:
  a: {endpoints: 10.0.0.1, check: {kind: http, status: [2xx, 404], tls: true, x-why: {}, host: }}
  b: {endpoints: 10.0.0.1, check: {kind: at_least, n: 1, of: [web, {kind: tls, days_left: 14}]}}
  c: {endpoints: 10.0.0.1, check: {kind: all, of: web, interval: 5s}}
  d: {endpoints: 10.0.0.1, check: {use: grpc, service: pay.Api, enforce: false, fast_interval: 1s}}
---
zones: {infra: {visible_to: all}, other: {visible_to: [prod], fallthrough: true}}
defaults: {ttl: 5m, check: {kind: tcp}}
"""

BAD = """
zone: infra
sevices: {}
---
zone: infra
services: {a: {endpoint: 10.0.0.1}}
---
zone: infra
services: {a: {endpoints: {adress: 10.0.0.1}}}
---
zone: infra
services: {a: {endpoints: {address: 10.0.0.1, state: drained}}}
---
zone: infra
services: {a: {endpoints: {address: 10.0.0.1, weight: 70000}}}
---
zone: infra
services: {a: {endpoints: 10.0.0.1, check: {pth: /x}}}
---
zone: infra
services: {a: {endpoints: 10.0.0.1, check: {kind: htp}}}
---
zone: infra
services: {a: {endpoints: 10.0.0.1, check: {kind: tcp, path: /x}}}
---
zone: infra
services: {a: {endpoints: 10.0.0.1, check: {kind: all, of: [{kind: tcp, pth: /x}]}}}
---
zone: infra
services: {a: {endpoints: 10.0.0.1, ttl: fast}}
---
zone: infra
services: {a: {endpoints: 10.0.0.1, fail: opened}}
---
zone: infra
records: {a: {CNAM: b}}
---
zone: infra
records: {a: {a: 10.0.0.1}}
---
zone: infra
records: {a: {A: {ttl: 5, value: 10.0.0.1}}}
---
zone: infra
records: {a: {A: null}}
---
zone: infra
records: {a: 10.0.0.1}
---
zone: infra
fallthrough: always
"""


def documents(text: str) -> list[str]:
    return [part.strip() + "\n" for part in text.split("---\n")]


@pytest.mark.parametrize("text", documents(GOOD))
def test_what_the_loader_takes_is_accepted(text: str) -> None:
    assert loads(text)
    assert accepts(zone_schema(), text)
    assert accepts(any_schema(), text)


@pytest.mark.parametrize("text", documents(BAD))
def test_typos_are_refused_as_the_loader_does(text: str) -> None:
    assert not loads(text)
    assert not accepts(zone_schema(), text)
    assert not accepts(any_schema(), text)


@pytest.mark.parametrize(("word", "is_good"), [("off", True), ("1.4", True), ("on", False)])
def test_spillover_is_a_factor_or_off(word: str, is_good: bool) -> None:
    text = f"zone: infra\nservices: {{a: {{endpoints: 10.0.0.1, spillover: {word}}}}}\n"
    assert accepts(zone_schema(), text) is is_good


def test_records_need_a_zone() -> None:
    assert not accepts(zone_schema(), "records: {a: {A: 10.0.0.1}}\n")


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("domain: a\nenvironments: {prod: {forward: none}}\n", True),
        ("domain: a\nenvironments: {prod: {forward: {upstreams: 10.0.0.1}}}\n", True),
        ("domain: a\nenvironments: {prod: {forward: {upstreams: {b: [10.0.0.1]}}}}\n", True),
        (
            "domain: a\nenvironments: {prod: {clients: {b: {network: 10.0.0.0/8, except: []}}}}\n",
            True,
        ),
        ("domain: a\nenvironments: {prod: {forwards: none}}\n", False),
        ("domain: a\nenvironments: {prod: {forward: nothing}}\n", False),
        ("domain: a\nenvironments: {prod: {clients: {b: {net: 10.0.0.0/8}}}}\n", False),
        ("domain: a\nenviroments: {prod: {}}\n", False),
    ],
)
def test_the_plan_is_judged_by_its_own_schema(text: str, is_good: bool) -> None:
    assert accepts(environments_schema(), text) is is_good
    assert accepts(any_schema(), text) is is_good


def test_types_of_questions_and_the_soa_are_no_keys() -> None:
    words = type_pattern()[2:-2].split("|")
    assert {"A", "HTTPS", "ALIAS", "NSAP-PTR"} <= set(words)
    assert not {"SOA", "ANY", "OPT", "AXFR"} & set(words)


def test_options_say_which_kinds_have_them() -> None:
    """Editors show it."""
    _, check = zone_schema()["$defs"]["CheckSpec"]["anyOf"]
    ca_file, of = check["properties"]["ca_file"], check["properties"]["of"]
    assert "of http, tls, grpc" in json.dumps(ca_file)
    assert of["description"] == "of all, any, at_least"
    assert {"$ref": "#/$defs/CheckSpec"} in of["anyOf"]
    assert "written" not in check["properties"]
