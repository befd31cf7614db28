"""Explanations as short texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from healthcheck.health import Health, State
from resolver.explain import explain
from resolver.explain_texts import LONGEST, MOST, to_texts
from resolver.generation import Generation
from tests.support import DEV, DEV_CLIENT, FILES

Compile = Callable[..., Generation]
MANY = DEV.replace("10.80.1.3]", ", ".join(f"10.80.3.{n}" for n in range(1, 90)) + "]")


def texts(generation: Generation, name: str, qtype: int = 1) -> list[str]:
    return to_texts(explain(generation, f"{name}.dev.east.corp.test.", qtype, DEV_CLIENT))


def down(generation: Generation, address: str, reason: str) -> Generation:
    services = [s for zone in generation.zones.zones for s in zone.services.values()]
    octets = bytes(map(int, address.split(".")))
    keys = [e.key for s in services for e in s.endpoints if octets in e.addresses]
    changed = {(key, octets): Health(State.DOWN, reason) for key in keys}
    return generation.judged_anew(2, generation.health.replace(changed), changed)


def test_the_outcome_comes_first_and_endpoints_last(generation: Compile) -> None:
    """Those that are in before those that are out."""
    made = down(generation(), "10.80.1.1", "down: refused")
    assert texts(made, "web") == [
        "web.dev.east.corp.test. A: NOERROR from zone, answered",
        "client 10.80.9.9: dev.east by 10.80.0.0/16",
        "web.dev.east.corp.test. 20 A: service web.dev.east",
        "ttl 20, as configured: whatever it holds is settled",
        "IPv4 normal: tier 0 100 %",
        "in 10-80-1-2 10.80.1.2 share 50 % tier 0 weight 1: serving; up, assumed up",
        "in 10-80-1-3 10.80.1.3 share 50 % tier 0 weight 1: serving; up, assumed up",
        "out 10-80-1-1 10.80.1.1 share 0 % tier 0 weight 1: down; down, down: refused",
    ]


def test_records_as_written_are_told_with_their_values(generation: Compile) -> None:
    """Along the chain."""
    made = generation()
    assert texts(made, "text", 16)[2:] == ['text.dev.east.corp.test. 30 TXT: "hello"']
    assert texts(made, "alias")[2] == "alias.dev.east.corp.test. 30 CNAME: web.dev.east.corp.test."
    (wild,) = texts(made, "x.wild")[2:]
    assert wild == "x.wild.dev.east.corp.test. 30 A by *.wild.dev.east.corp.test.: 10.80.2.1"


def test_denials_say_what_there_is(generation: Compile) -> None:
    """The zone, the closest name, and for how long."""
    zone = "zone dev.east.corp.test.; closest name"
    assert texts(generation(), "nope")[2:] == [
        f"no such name in {zone} dev.east.corp.test.",
        "negative ttl min(SOA TTL 30, minimum 30) = 30",
    ]
    assert texts(generation(), "text")[2].endswith(
        "closest name text.dev.east.corp.test., which has TXT"
    )


def test_texts_are_short_plain_and_bounded(generation: Compile) -> None:
    """Whatever the zone files or a target say."""
    many = texts(generation({**FILES, "dev.yaml": MANY}), "web")
    assert len(many) == MOST + 1
    assert many[-1].startswith("and ")
    made = down(generation(), "10.80.1.1", "↯" * 300 + "\x1b[2J")
    told = texts(made, "web")[-1]
    assert len(told) == LONGEST
    assert told.isascii()
    assert told.isprintable()


def test_what_upstreams_answer_is_told_by_its_route(generation: Compile) -> None:
    """With what the cache has, where that is known."""
    facts: dict[str, Any] = {
        "question": {"name": "www.example.", "type": "A"},
        "client": "10.0.0.1",
        "view": {"environment": "dev", "region": "east", "network": None},
        "rcode": None,
        "end": "outside",
        "elsewhere": [
            {
                "name": "www.example.",
                "route": {"by": "the environment's upstreams", "suffix": "."},
                "cache": {"state": "absent"},
                "upstreams": [{"upstream": "192.0.2.1"}, {"upstream": "192.0.2.2"}],
            }
        ],
    }
    assert to_texts(facts) == [
        "www.example. A: upstreams are asked",
        "client 10.0.0.1: dev.east by this listener",
        "outside of the zones of this view",
        "www.example.: the environment's upstreams for .",
        "cache absent",
        "upstreams 192.0.2.1, 192.0.2.2",
    ]
    cache = {"state": "fresh", "rcode": "NOERROR", "age": 2.0, "expires_in": 28.0}
    facts["elsewhere"][0] |= {"cache": cache, "leads_to": "x.example."}
    assert to_texts(facts)[4:] == [
        "cache fresh: NOERROR, 2 s old, expires in 28 s",
        "upstreams 192.0.2.1, 192.0.2.2",
        "leads to x.example.",
    ]
