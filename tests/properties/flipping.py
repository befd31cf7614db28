"""A company in which everything rests on health, and the flips that its endpoints go through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hypothesis import strategies as st

from healthcheck.health import Health, HealthTable, State, Target
from resolver import names
from resolver.compile import compile_generation
from resolver.generation import Generation
from resolver.packing import Answer
from resolver.zones import records
from tests import support

EAST = """\
zone: prod.east
defaults: {spillover: 1.4}
services:
  web:
    endpoints:
      - {addresses: [10.64.1.1, "fd64::1"], name: w1, weight: 3}
      - {addresses: [10.64.1.2, "fd64::2"], name: w2}
      - {address: 10.64.1.3, name: w3}
      - {address: 10.64.1.4, name: w4, standby: true}
    ports: {http: 80}
    failover: [west]
    max_answers: 2
  closed: {endpoints: [{address: 10.64.2.1, name: c1}], fail: closed, ports: {http: 80}}
  empty: {endpoints: [{address: 10.64.3.1, name: e1}, {address: "fd64::31", name: e2}], fail: empty}
  odd: {endpoints: [{address: 10.64.4.1, name: o1}, {address: 10.64.4.2, name: o2}], panic: 60}
  flat: {endpoints: [{address: 10.64.5.1, name: f1}], ttl_from_health: off, share_with: [dev]}
records:
  via: {CNAME: web}
  via2: {CNAME: via}
  alias: {ALIAS: web}
  alias2: {ALIAS: closed}
  "*.wild": {CNAME: web}
  "*.mild": {ALIAS: odd}
  mail: {MX: ["10 web", "20 odd"]}
  svc: {HTTPS: "1 web ipv4hint=auto ipv6hint=auto"}
  svc2: {HTTPS: ["1 odd ipv4hint=auto", "2 closed"]}
  old: {DNAME: other.test.}
  cut: {NS: [web, ns.cut]}
  ns.cut: {A: 10.64.9.9}
  plain: {A: [10.64.9.1, 10.64.9.2], TXT: hello}
"""
WEST = """\
zone: prod.west
services:
  web:
    endpoints: [{addresses: [10.65.1.1, "fd65::1"], name: w1}, {address: 10.65.1.2, name: w2}]
    ports: {http: 8080}
    share_with: [dev]
"""
DEV = """\
zone: dev.east
services:
  web:
    endpoints: [{address: 10.80.1.1, name: d1}, {address: 10.80.1.2, name: d2}]
    ports: {http: 80}
records: {via: {CNAME: web}}
"""
NAMESAKES = """\
zone: other.test.
visible_to: [{}]
services:
  web:
    endpoints: [{{address: 10.99.1.1, name: x}}, {{address: 10.99.1.2, name: y}}]
    ports: {{http: 80}}
records: {{sub: {{CNAME: web}}}}
"""
FILES = {
    "environments.yaml": support.PLAN,
    "east.yaml": EAST,
    "west.yaml": WEST,
    "dev.yaml": DEV,
    "n1.yaml": NAMESAKES.format("prod"),
    "n2.yaml": NAMESAKES.format("dev"),
}
PROD_NAMES = (
    *("web", "closed", "empty", "odd", "flat", "via", "via2", "alias", "alias2", "a.wild"),
    *("ab.mild", "mail", "svc", "svc2", "sub.old", "x.cut", "plain", "nothing", "w1.web"),
    *("_http._tcp.web", "_http._tcp.closed"),
)
NAMES = (
    *(f"{name}.prod.east.corp.test." for name in PROD_NAMES),
    *(f"{name}.prod.corp.test." for name in ("web", "_http._tcp.web", "closed", "flat")),
    *("web.here.corp.test.", "via.here.corp.test.", "web.prod.west.corp.test."),
    *("web.dev.east.corp.test.", "via.dev.east.corp.test.", "web.dev.corp.test."),
    *("_http._tcp.web.dev.east.corp.test.", "web.other.test.", "sub.other.test."),
    *("_http._tcp.web.other.test.", "1.1.64.10.in-addr.arpa."),
)
TYPES = ("A", "AAAA", "SRV", "HTTPS", "MX", "CNAME", "ANY", "TXT", "NS", "PTR", "DNAME")


def key(name: str, rdtype: str) -> bytes:
    """The key of a question."""
    return names.from_text(name) + records.type_number(rdtype).to_bytes(2, "big") + b"\0\1"


KEYS = {(name, rdtype): key(name, rdtype) for name in NAMES for rdtype in TYPES}


def company(directory: Path, files: Mapping[str, str] = FILES) -> Generation:
    """The generation of the company; its files are without error."""
    return support.compiled(support.write(directory, files))


def targets(generation: Generation) -> list[Target]:
    """Every target of every service."""
    services = [s for zone in generation.zones.zones for s in zone.services.values()]
    return sorted({(e.key, a) for s in services for e in s.endpoints for a in e.addresses})


def answers(generation: Generation) -> Mapping[tuple[str, str, str, str], Answer | None]:
    """What every view answers to every question, by environment, region, name and type."""
    return {
        (view.environment, view.region, *question): view.answers.find(found)
        for view in generation.views.values()
        for question, found in KEYS.items()
    }


def shown(answer: Answer | None) -> object:
    """All of an answer that clients can see but the place on its wheel, and what it rests on."""
    if answer is None:
        return None
    chain = shown(answer.chain) if answer.chain is not None else None
    rest = (answer.authoritative, answer.reason, answer.onward, answer.longest, chain)
    return (
        tuple(answer.turn(n) for n in range(len(answer.turns))),
        answer.rcode,
        *rest,
        frozenset(answer.targets),
    )


HEALTHS = st.one_of(
    st.sampled_from([Health(State.UP, ""), Health(State.DOWN, "")]),
    st.builds(
        Health,
        state=st.sampled_from(State),
        reason=st.just(""),
        damped=st.booleans(),
        changing=st.booleans(),
        tenths=st.sampled_from([1, 5, 10]),
    ),
)


def flipped(generation: Generation, change: Mapping[Target, Health]) -> Generation:
    """The next generation, told of exactly what differs."""
    before = generation.health
    differing = {t: h for t, h in change.items() if before.of(t) != h}
    return generation.judged_anew(generation.number + 1, before.replace(differing), differing)


def table(known: Mapping[Target, Health]) -> HealthTable:
    return HealthTable(dict(known))


def some(found: Iterable[Target]) -> st.SearchStrategy[dict[Target, Health]]:
    """A few targets judged anew."""
    return st.dictionaries(st.sampled_from(list(found)), HEALTHS, min_size=1, max_size=4)


def compile_anew(base: Generation) -> Generation:
    """The same zones under the same health, with nothing prepared and nothing handed out."""
    return compile_generation(base.zones, support.NOW, 1, health=base.health)
