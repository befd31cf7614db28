"""The isolation proof: each way to learn a name of others, and its nearest harmless neighbour."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from healthcheck.health import ALL_UP
from resolver import names
from resolver.compile import compile_generation
from resolver.generation import Generation
from resolver.reload import Builder
from resolver.rrsets import Scope
from resolver.zones.load import ZonesDirectory
from resolver.zones.places import Severity
from resolver.zones.records import names_in
from resolver.zones.rules import isolation
from resolver.zones.rules.survey import Survey
from tests.zones.linting import PLAN, assert_as_marked, findings

PROD = """\
zones:
  prod.r1:
    services:
      pay: {endpoints: [{address: 10.0.0.1, name: blue}], ports: {http: 80}}
      img: {endpoints: [{address: 10.0.0.2, name: red}], ports: {http: 80}, share_with: [dev]}
    records:
      plain: {A: 10.0.0.3}
      given: {A: 10.0.0.4, share_with: [dev]}
      "*.any": {A: 10.0.0.5, share_with: [dev]}
  secret: {visible_to: [prod], records: {a: {A: 10.0.0.6}}}
"""
P = "prod.r1.corp.internal."
DEV = "zone: dev.r1\nrecords: "  # is granted some of it
QA = "zone: qa.r1\nrecords: "  # is granted nothing
INFRA = "zone: infra\nvisible_to: [prod, dev]\nrecords: "
APEX = 'zone: "@"\nvisible_to: all\nrecords: '
CASES = {
    "CNAME to a service of others": f"{DEV}{{a: {{CNAME: «isolation»pay.{P}}}}}",
    "CNAME to an endpoint of others": f"{DEV}{{a: {{CNAME: «isolation»blue.pay.{P}}}}}",
    "CNAME to a generated SRV of others": f"{DEV}{{a: {{CNAME: «isolation»_http._tcp.pay.{P}}}}}",
    "CNAME to a record of others": f"{DEV}{{a: {{CNAME: «isolation»PLAIN.{P}}}}}",
    "CNAME to what exists nowhere in a zone of others": f"{DEV}{{a: {{CNAME: «isolation»no.{P}}}}}",
    "CNAME to the apex of others": f"{QA}{{a: {{CNAME: «isolation»{P}}}}}",
    "CNAME to a region-less name of others": f"{DEV}{{a: {{CNAME:"
    " «isolation»pay.prod.corp.internal.}}",
    "CNAME to a hidden zone": f"{DEV}{{a: {{CNAME: «isolation»a.secret.corp.internal.}}}}",
    "CNAME in a shared zone": f"{INFRA}{{a: {{CNAME: «isolation»pay.{P}}}}}",
    "MX": f"{DEV}{{a: {{MX: [10 ., «isolation»20 pay.{P}]}}}}",
    "NS": f"{DEV}{{a: {{NS: «isolation»pay.{P}}}}}",
    "PTR": f"{DEV}{{a: {{PTR: «isolation»pay.{P}}}}}",
    "SRV": f"{DEV}{{a: {{SRV: «isolation»0 0 80 pay.{P}}}}}",
    "DNAME": f"{QA}{{a: {{DNAME: «isolation»{P}}}}}",
    "NAPTR": f'{DEV}{{a: {{NAPTR: «isolation»\'1 1 "S" "x" "" pay.{P}\'}}}}',
    "HTTPS": f"{DEV}{{a: {{HTTPS: «isolation»1 pay.{P} alpn=h2}}}}",
    "SVCB": f"{DEV}{{a: {{SVCB: «isolation»0 pay.{P}}}}}",
    "ALIAS": f"{DEV}{{a: {{ALIAS: «isolation»pay.{P}}}}}",
    "RP": f"{DEV}{{a: {{RP: «isolation». pay.{P}}}}}",
    "in a wildcard": f'{DEV}{{"*.a": {{CNAME: «isolation»pay.{P}}}}}',
    "in an override": f"{INFRA}{{a: {{TXT: x}}}}\noverrides: {{dev: {{a: {{CNAME:"
    f" «isolation»pay.{P}}}}}}}",
    "mname of a shared zone": f"{INFRA}{{}}\nsoa: «isolation»{{mname: pay.{P}}}",
    "a chosen PTR": f"zone: dev.r1\nservices: {{s: {{endpoints: [«isolation»{{address: 10.8.0.1,"
    f" ptr: pay.{P}}}]}}}}",
    "an owner in a zone of others": f"{APEX}{{x.prod.r1: {{«isolation»«warning shadowed-record»TXT:"
    " x}}",
    "an owner in a hidden zone": f"{APEX}{{x.secret: {{«isolation»«warning"
    f" shadowed-record»TXT: x}}}}",
    "glue in a zone of others": f"{APEX}{{x.secret: {{«isolation»«warning shadowed-record»NS:"
    " «isolation»ns.x.secret}, ns.x.secret:"
    " {ptr: false, «isolation»«warning shadowed-record»A: 192.168.0.9}}",
    "fall-through below a zone of others": "zone: «isolation»x.prod.r1\nvisible_to: [dev]\n"
    "fallthrough: true",
    "fall-through above a zone of others": 'zone: «isolation»"@"\n'
    "visible_to: [dev]\nfallthrough: true",
    "CLEAN: a granted service": f"{DEV}{{a: {{CNAME: img.{P}}}}}",
    "CLEAN: an endpoint of a granted service": f"{DEV}{{a: {{CNAME: red.img.{P}}}}}",
    "CLEAN: a generated SRV of a granted service": f"{DEV}{{a: {{CNAME: _http._tcp.img.{P}}}}}",
    "CLEAN: the region-less name of a granted service": f"{DEV}{{a: {{CNAME:"
    " img.prod.corp.internal.}}",
    "CLEAN: the apex of a zone that grants something": f"{DEV}{{a: {{DNAME: {P}}}}}",
    "CLEAN: a granted record": f"{DEV}{{a: {{MX: 10 GIVEN.{P}}}}}",
    "CLEAN: a granted wildcard": f"{DEV}{{a: {{CNAME: x.any.{P}}}}}",
    "CLEAN: in a zone that only its environment sees": "zone: x\nvisible_to: [prod]\n"
    f"records: {{a: {{CNAME: pay.{P}}}}}",
    "CLEAN: in an override for its environment": f"{INFRA}{{a: {{TXT: x}}}}\n"
    f"overrides: {{prod: {{a: {{CNAME: pay.{P}}}}}}}",
    "CLEAN: by here": f"{INFRA}{{a: {{CNAME: img.here.corp.internal.}}}}\n"
    "overrides: {dev: {a: null}}",
    "CLEAN: text is no name": f"{DEV}{{a: {{TXT: pay.{P}}}}}",
    "CLEAN: a zone below one of others, made visible": "zone: x.prod.r1\nvisible_to: [dev]",
}


@pytest.mark.parametrize("case", CASES)
def test_names_of_others_are_granted_or_absent(tmp_path: Path, case: str) -> None:
    zone = CASES[case]
    assert_as_marked(tmp_path, prod=PROD, z=f"{zone}\n")


def test_a_shared_cname_brings_its_target_to_light(tmp_path: Path) -> None:
    """dev's record leads to a shared CNAME; the leak is the CNAME's, the chain is whole."""
    built = assert_as_marked(
        tmp_path,
        dev="zone: dev.r1\nrecords:\n  first: {CNAME: second.prod.r1.corp.internal.}\n",
        prod="zone: prod.r1\nservices: {pay: {endpoints: [10.0.0.1]}}\n"
        "records:\n  second:\n    CNAME: «isolation»pay\n    share_with: [dev]\n",
    )
    message = built.problems[0].message.replace(f"{tmp_path}/", "")
    assert message == (
        "dev would learn pay.prod.r1.corp.internal., which is prod's (at prod.yaml:1:7):"
        " first.dev.r1.corp.internal. CNAME (dev.yaml:3:18)"
        " → second.prod.r1.corp.internal. CNAME (shared with dev, prod.yaml:5:12)"
        " → pay.prod.r1.corp.internal."
    )


def test_one_leak_is_told_once_for_all_who_would_learn(tmp_path: Path) -> None:
    built = assert_as_marked(
        tmp_path,
        prod=PROD,
        z=f"zone: infra\nvisible_to: all\nrecords: {{a: {{CNAME: «isolation»pay.{P}}}}}\n",
    )
    message = built.problems[0].message
    assert message.startswith("dev, qa would learn pay.prod.r1.corp.internal., which is prod's")
    assert "a.infra.corp.internal. CNAME (visible to dev, " in message


def test_a_name_of_the_other_namesake_is_a_leak(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        a="zone: lan.\nvisible_to: [prod]\nrecords: {erp: {A: 192.168.0.9}, b: {A: 192.168.0.8}}\n",
        b="zone: lan.\nvisible_to: [dev, qa]\nrecords: {b: {A: 192.168.0.7},\n"
        "  c: {CNAME: «isolation»erp}, d: {CNAME: b}, e: {CNAME: «warning dangling-target»no}}\n",
    )


def test_names_of_a_hidden_zone_that_falls_through_are_public_without_a_record(
    tmp_path: Path,
) -> None:
    assert_as_marked(
        tmp_path,
        a="zone: x.example.\nvisible_to: [prod]\nfallthrough: true\nrecords: {a: {A: 10.0.0.9}}\n",
        b="zone: dev.r1\nrecords: {b: {CNAME: www.x.example.}, c: {CNAME:"
        " «isolation»a.x.example.}}\n",
    )


def test_a_reverse_zone_of_others_does_not_hide_addresses_that_are_shared(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        prod=PROD,
        z='zone: 0.10.in-addr.arpa.\nvisible_to: [prod]\nrecords: {"@": {TXT: x}}\n',
    )


FAILOVER = {
    "the tier is not shared": "failover: [«isolation»r2], share_with: [dev]}}}\n"
    "  prod.r2: {services: {s: {endpoints: [10.1.0.1]",
    "the tier is shared with fewer": "failover: [«isolation»r2], share_with: [dev, qa]}}}\n"
    "  prod.r2: {services: {s: {endpoints: [10.1.0.1], share_with: [qa]",
    "CLEAN: shared alike": "failover: [r2], share_with: [dev]}}}\n"
    "  prod.r2: {services: {s: {endpoints: [10.1.0.1], share_with: [dev]",
    "CLEAN: only the tier is shared": "failover: [r2]}}}\n"
    "  prod.r2: {services: {s: {endpoints: [10.1.0.1], share_with: [dev]",
}


@pytest.mark.parametrize("rest", FAILOVER.values(), ids=FAILOVER.keys())
def test_a_grant_covers_the_failover(tmp_path: Path, rest: str) -> None:
    zones = f"zones:\n  prod.r1: {{services: {{s: {{endpoints: [10.0.0.1], {rest}}}}}}}\n"
    assert_as_marked(tmp_path, z=zones)


ROUTES = {
    "to a name of a zone of others": "«isolation»x.prod.r1.corp.internal",
    "to the very zone of others": "«isolation»prod.r1.corp.internal",
    "to a suffix above a zone of others": "«isolation»r1.corp.internal",
    "to a name in a hidden zone": "«isolation»x.secret.corp.internal",
    "CLEAN: beside them": "k8s.corp.internal",
    "CLEAN: in one's own zone": "k8s.qa.r1.corp.internal",
}


@pytest.mark.parametrize("suffix", ROUTES.values(), ids=ROUTES.keys())
def test_routes_lead_past_the_zones_of_others(tmp_path: Path, suffix: str) -> None:
    route = f"forward: {{upstreams: [10.9.0.2], routes: {{{suffix}: [10.9.0.3]}}}}}}\nchecks"
    environments = PLAN.replace("forward: none}\nchecks", route)
    assert_as_marked(tmp_path, environments=environments, prod=PROD)


def test_the_contact_of_all_zones_is_in_no_zone_of_one(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        environments=f"{PLAN}contact: «isolation»ops@{P}\n",
        prod=PROD,
    )


def test_a_namespace_that_was_kept_is_examined_with_the_zones_of_now(tmp_path: Path) -> None:
    """dev sees one service of prod's file; the file changes below it, and dev's names stay."""
    zone = "zone: prod.r1\nservices:\n  s: {endpoints: [10.0.0.1], share_with: [dev]}\n"
    for name, text in (("environments", PLAN), ("z", zone)):
        (tmp_path / f"{name}.yaml").write_text(text)
    builder = Builder(tmp_path, 1)
    first = builder.build(1000)
    (tmp_path / "z.yaml").write_text(f"{zone}  t: {{endpoints: [10.0.0.2]}}\n")
    second = builder.build(1001, first.generation)
    assert findings(second) == []


# ---- any zones: what passes the proof holds no name of others

ENVIRONMENTS = ("prod", "dev", "qa")
DOMAIN = "corp.internal."
_labels = st.sampled_from(("a", "b", "c"))
_grants = st.lists(st.sampled_from(ENVIRONMENTS), max_size=2, unique=True)
_regional = st.tuples(st.sampled_from(ENVIRONMENTS), st.sampled_from(("r1", "r2")))


@st.composite
def _target(draw: st.DrawFn) -> str:
    env, region = draw(_regional)
    name = draw(_labels)
    return draw(
        st.sampled_from(
            (
                name,
                name,
                f"{name}.{env}.{region}.{DOMAIN}",
                f"e.{name}.{env}.{region}.{DOMAIN}",
                f"{name}.{env}.{DOMAIN}",
                f"{name}.infra.{DOMAIN}",
                f"{name}.{DOMAIN}",
                f"{name}.here.{DOMAIN}",
                f"{env}.{region}.{DOMAIN}",
            )
        )
    )


@st.composite
def _records(draw: st.DrawFn, shares: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    owners = st.sampled_from(("x", "y", "*.w", "c"))
    for owner in draw(st.lists(owners, max_size=2, unique=True)):
        kind = draw(st.sampled_from(("CNAME", "MX", "SRV", "ALIAS", "PTR", "NS", "DNAME")))
        prefix = {"MX": "1 ", "SRV": "0 0 80 "}.get(kind, "")
        found[owner] = {kind: prefix + draw(_target())}
        if shares:
            found[owner]["share_with"] = draw(_grants)
    return found


@st.composite
def _zones(draw: st.DrawFn) -> dict[str, Any]:
    zones: dict[str, Any] = {}
    for env, region in draw(st.lists(_regional, min_size=1, max_size=4, unique=True)):
        services: dict[str, Any] = {}
        for name in draw(st.lists(st.sampled_from(("a", "b")), max_size=2, unique=True)):
            endpoint = {"address": "192.168.0.9", "name": "e", "ptr": draw(_target())}
            if draw(st.integers(0, 5)):
                endpoint["ptr"] = "false"
            services[name] = {"endpoints": [endpoint], "ports": {"http": "80"}}
            if draw(st.booleans()):
                services[name]["share_with"] = draw(_grants)
        records = draw(_records(shares=True))
        zones[f"{env}.{region}"] = {"services": services, "records": records}
    for name in draw(st.lists(st.sampled_from(("@", "infra")), max_size=2, unique=True)):
        visible = draw(st.lists(st.sampled_from(ENVIRONMENTS), min_size=1, unique=True))
        zones[name] = {"visible_to": visible, "records": draw(_records(shares=False))}
    return zones


def _granted(zones: dict[str, Any], asker: str) -> tuple[set[str], set[str]]:
    """Names that the asker may know, and those below which it may, told by the files alone."""
    known, below = {DOMAIN}, set()
    for zone, content in zones.items():
        env, _, _ = zone.partition(".")
        origin = DOMAIN if zone == "@" else f"{zone}.{DOMAIN}"
        is_own = env == asker or asker in content.get("visible_to", ())
        if is_own:
            known.add(origin)
        for name, service in content.get("services", {}).items():
            if is_own or asker in service.get("share_with", ()):
                known.add(origin)
                below |= {f"{name}.{origin}", f"{name}.{env}.{DOMAIN}"}
        for name, record in content["records"].items():
            if is_own or asker in record.get("share_with", ()):
                owner = f"{name.removeprefix('*.')}.{origin}"
                known |= {origin, owner}
                if name.startswith("*.") or not record.keys().isdisjoint(("NS", "DNAME")):
                    below.add(owner)
    return known, below


def _others_names(zones: dict[str, Any], asker: str) -> set[str]:
    """Apexes and region-less names of others; whatever lies at or below them is theirs.

    Of the domain itself, which everybody has, the owners that stand in a zone of others.
    """
    owned = set()
    for zone, content in zones.items():
        env, _, _ = zone.partition(".")
        if env == asker or asker in content.get("visible_to", ()):
            continue
        if zone == "@":
            owned |= {f"{name.removeprefix('*.')}.{DOMAIN}" for name in content["records"]}
        else:
            owned.add(f"{zone}.{DOMAIN}")
            for name in content.get("services", {}):
                if env in ENVIRONMENTS:
                    owned.add(f"{name}.{env}.{DOMAIN}")
    return owned


def _has_suffix(name: str, suffixes: set[str]) -> bool:
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)


def _names_met(generation: Generation, asker: str) -> set[str]:
    """Owners and names in rdata of everything an environment can be answered."""
    met = set()
    rdatas = set()  # with their types: those of a hundred reverse zones are the same
    for node in generation.namespaces[asker].nodes.values():
        for rtype, rrset in node.sets.items():
            met.add(node.owner)
            # a namespace keeps ALIAS under a number that no question has
            number = rtype if rtype > 0 else rrset.rtype
            for region in ("r1", "r2"):
                for turn in rrset.draw(Scope(asker, region, ALL_UP)).turns:
                    rdatas |= {(number, rdata) for rdata in turn.rdatas}
    met |= {found for number, rdata in rdatas for _, found in names_in(number, rdata)}
    return {names.to_text(name).lower() for name in met}


def _leaks(zones: dict[str, Any], generation: Generation, asker: str) -> set[str]:
    """What an environment meets that is another's and was not granted, told the slow way."""
    owned = _others_names(zones, asker)
    known, below = _granted(zones, asker)
    return {
        name
        for name in _names_met(generation, asker)
        if _has_suffix(name, owned) and not _has_suffix(name, below) and name not in known
    }


NAMESAKES = {
    "@": {"visible_to": ["prod"], "records": {"c": {"CNAME": "a"}}},
    "infra": {"visible_to": ["prod", "dev"], "records": {"x": {"CNAME": f"c.{DOMAIN}"}}},
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(zones=NAMESAKES)
@given(zones=_zones())
def test_what_passes_the_proof_names_nothing_of_others(zones: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        (path / "environments.yaml").write_text(PLAN)
        (path / "zones.json").write_text(json.dumps({"zones": zones}))
        loaded, problems = ZonesDirectory(path).load()
        if loaded is None or any(p.severity is Severity.ERROR for p in problems):
            event("not compiled")
            return
        generation = compile_generation(loaded, 1000, 1)
    survey = Survey(loaded, generation, False)
    rules = (isolation.names_of_others, isolation.owners_of_others, isolation.services_of_others)
    passes = not [problem for rule in rules for problem in rule(survey)]
    leaks = {asker: found for asker in ENVIRONMENTS if (found := _leaks(zones, generation, asker))}
    event("passes" if passes else "leaks")
    assert passes == (leaks == {}), leaks
