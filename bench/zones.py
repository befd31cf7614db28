"""Generated zones and questions: deterministic, clean under `check`, shaped like a real company's.

Every name exists in all environments and regions, as long as the number of services reaches.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

DOMAIN = "corp.internal"
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
ENVIRONMENTS = {"prod": 64, "staging": 72, "dev": 80}  # second octet in 10/8 of the first region
PLACES = tuple((environment, region) for environment in ENVIRONMENTS for region in REGIONS)
ENDPOINTS = 3
TTL = 30

ASKER = "127.64.0.1"  # prod.us-east-1
ASKER_ZONE = f"prod.us-east-1.{DOMAIN}"

TEAMS = ("web", "payments", "catalog", "search", "data", "platform", "mobile", "identity")
THINGS = ("api", "worker", "gateway", "store", "index", "cache", "admin", "feed", "report", "sync")


@dataclass(frozen=True, slots=True)
class GeneratedService:
    """One service: the `number`-th name in one environment and region."""

    number: int
    environment: str
    region: str
    failover: tuple[str, ...]

    @property
    def name(self) -> str:
        team = TEAMS[self.number % len(TEAMS)]
        return f"{team}-{THINGS[self.number // 8 % len(THINGS)]}-{self.number}"

    @property
    def owner(self) -> str:
        return f"{self.name}.{self.environment}.{self.region}.{DOMAIN}"

    @property
    def is_weighted(self) -> bool:
        return self.number % 20 == 7

    @property
    def addresses(self) -> list[str]:
        second = ENVIRONMENTS[self.environment] + REGIONS.index(self.region)
        first = (10 << 24) + (second << 16) + 256 + self.number * ENDPOINTS
        return [str(IPv4Address(first + item)) for item in range(ENDPOINTS)]

    def lines(self) -> Iterator[str]:
        """The service as YAML."""
        yield f"  {self.name}:"
        yield "    endpoints:"
        for place, address in enumerate(self.addresses):
            if self.is_weighted:  # one answer in ten goes to the new release
                label, weight = ("stable", 8), ("canary", 1)
                name, share = (label, ("second", 1), weight)[place]
                yield f"      - {{address: {address}, name: {name}, weight: {share}}}"
            else:
                yield f"      - {address}"
        if self.is_weighted:
            yield "    max_answers: 1"
        if self.number % 4 == 1:
            yield "    ports: {http: 8080, grpc: 9090}"
            yield "    check: {use: grpc, port: 9090}"
        else:
            yield "    ports: {http: 8080}"
        if self.failover:
            yield f"    failover: [{', '.join(self.failover)}]"
        if self.environment == "prod" and self.number % 25 == 3:
            yield "    share_with: [staging, dev]"
        yield f"    owner: team-{TEAMS[self.number % len(TEAMS)]}"


def generate(count: int) -> list[GeneratedService]:
    """The first `count` services; every third name fails over to the regions that have it."""
    found = []
    for index in range(count):
        number, place = divmod(index, len(PLACES))
        environment, region = PLACES[place]
        present = PLACES[: max(0, count - number * len(PLACES))]
        others = tuple(r for e, r in present if e == environment and r != region)
        found.append(
            GeneratedService(number, environment, region, others if number % 3 == 0 else ())
        )
    return found


def write_zones(directory: Path, services: list[GeneratedService], files: int) -> Path:
    """Write a zones directory of about `files` files; returns one that may be changed."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "environments.yaml").write_text("\n".join(_plan_lines()) + "\n")
    parts = max(1, (files - 1) // len(PLACES))
    for environment, region in PLACES:
        mine = [s for s in services if (s.environment, s.region) == (environment, region)]
        size = -(-len(mine) // parts)
        (directory / environment).mkdir(exist_ok=True)
        for part in range(parts if size else 0):
            chosen = mine[part * size : (part + 1) * size]
            if chosen:
                lines = [f"zone: {environment}.{region}", "", "services:"]
                lines += [line for service in chosen for line in service.lines()]
                path = directory / environment / f"{region}-{part:02}.yaml"
                path.write_text("\n".join(lines) + "\n")
    return directory / "prod" / "us-east-1-00.yaml"


def _plan_lines() -> Iterator[str]:
    yield f"domain: {DOMAIN}"
    yield "nameservers: {ns1: [10.255.0.53], ns2: [10.255.0.54]}"
    yield f"ttl: {TTL}"
    yield f"regions: [{', '.join(REGIONS)}]"
    yield "environments:"
    for environment, second in ENVIRONMENTS.items():
        yield f"  {environment}:"
        yield "    forward: none"
        yield "    clients:"
        for place, region in enumerate(REGIONS):
            # The loopback networks let a load generator on this machine ask for any view.
            yield f"      {region}: [10.{second + place}.0.0/16, 127.{second + place}.0.0/16]"
    yield "checks:"
    yield "  web: {kind: http, path: /healthz, interval: 5s, timeout: 2s}"
    yield "  grpc: {kind: grpc, interval: 5s, timeout: 2s}"
    yield "defaults: {check: web}"


def write_answers(path: Path, services: list[GeneratedService]) -> None:
    """The same data as one map of names to addresses, for servers that take no zones."""
    answers = {s.owner: s.addresses[: 1 if s.is_weighted else None] for s in services}
    path.write_text(json.dumps(answers))


def write_questions(path: Path, services: list[GeneratedService], count: int) -> None:
    """Questions for existing names that ASKER sees, each once, in no particular order."""
    owners = [service.owner for service in services if service.environment == "prod"]
    random.Random(1).shuffle(owners)
    path.write_text("".join(f"{owner} A\n" for owner in owners[:count]))


NOWHERE = (*(f"{environment}.{region}.{DOMAIN}" for environment, region in PLACES), DOMAIN)


def write_random_questions(
    path: Path, count: int, seed: int, zones: tuple[str, ...] = NOWHERE
) -> None:
    """Questions for names in `zones` that nobody has; none is repeated."""
    source = random.Random(seed)
    with path.open("w") as file:
        for start in range(0, count, 4096):
            labels = source.randbytes(16 * 4096).hex()
            file.writelines(
                # 8 to 31 random characters, in one label or two
                f"{_label(labels[i * 32 : i * 32 + 8 + i % 24], i)}.{zones[i % len(zones)]} A\n"
                for i in range(min(4096, count - start))
            )


def _label(text: str, number: int) -> str:
    return f"{text[:5]}.x{text[5:]}" if number % 5 == 0 else f"x{text}"
