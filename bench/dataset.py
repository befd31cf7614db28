"""The same names for every server: as zones of ours, as a master file, as hosts, as questions."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Site
from bench.prober import packed_question
from bench.zones import (
    ASKER_ZONE,
    DOMAIN,
    PLACES,
    TTL,
    GeneratedService,
    generate,
    write_questions,
    write_zones,
)

Addresses = Mapping[str, list[str]]
"""Names, without a final dot, → their addresses."""

SERIAL, REFRESH, RETRY, EXPIRE = 1, 3600, 600, 86400
NAMESERVER = "10.255.0.53"
RECORDS_A_FILE = 1000
COOKIE = 10  # the option of RFC 7873
SPREAD = 200_000  # queries with a cookie of their own, until dnsperf begins again


@dataclass(frozen=True, slots=True)
class Dataset:
    """Names that ASKER sees, in a scratch directory."""

    site: Site  # with zones of ours and the questions
    addresses: Addresses

    @property
    def names(self) -> list[str]:
        return list(self.addresses)


def of_services(site: Site, count: int) -> Dataset:
    """So many services with three endpoints that ASKER sees, and two environments beside."""
    services = generate(count * 3)  # one environment of three
    directory = site.scratch / f"zones-{count}-services"
    changing = write_zones(directory, services, files=19)
    seen = [service for service in services if service.environment == "prod"]
    questions = site.scratch / f"{directory.name}.txt"
    write_questions(questions, seen, count)
    ours = dataclasses.replace(
        site, zones=directory, changing=changing, questions=questions, services=len(services)
    )
    return Dataset(ours, {service.owner: _given(service) for service in seen})


def _given(service: GeneratedService) -> list[str]:
    return service.addresses[: 1 if service.is_weighted else None]


def of_records(site: Site, count: int) -> Dataset:
    """So many names with one address each, in one environment and region."""
    directory = site.scratch / f"zones-{count}-records"
    write_zones(directory, [], files=1)  # who is where
    addresses = {}
    for start in range(0, count, RECORDS_A_FILE):
        lines = ["zone: prod.us-east-1", "records:"]
        for number in range(start, min(count, start + RECORDS_A_FILE)):
            address = f"10.64.{number // 250 % 250}.{number % 250 + 1}"
            lines.append(f"  host-{number}: {{A: {address}, owner: team-bench}}")
            addresses[f"host-{number}.{ASKER_ZONE}"] = [address]
        path = directory / PLACES[0][0] / f"{start // RECORDS_A_FILE:04}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    questions = site.scratch / f"{directory.name}.txt"
    names = list(addresses)
    random.Random(1).shuffle(names)
    questions.write_text("".join(f"{name} A\n" for name in names))
    return Dataset(dataclasses.replace(site, zones=directory, questions=questions), addresses)


def master_lines(addresses: Addresses) -> Iterator[str]:
    """A zone of DOMAIN in the format of RFC 1035, with the times of ours."""
    yield f"$ORIGIN {DOMAIN}."
    yield f"$TTL {TTL}"
    yield f"@ SOA ns1 hostmaster {SERIAL} {REFRESH} {RETRY} {EXPIRE} {TTL}"
    yield "@ NS ns1"
    yield f"ns1 A {NAMESERVER}"
    for name, found in addresses.items():
        owner = name.removesuffix(f".{DOMAIN}")
        yield from (f"{owner} A {address}" for address in found)


def hosts_lines(addresses: Addresses) -> Iterator[str]:
    """As /etc/hosts."""
    for name, found in addresses.items():
        yield from (f"{address} {name}" for address in found)


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """A text file; gives its path."""
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def query_with_cookie(name: str, cookie: bytes) -> bytes:
    """As dig sends it: EDNS with a client's cookie (RFC 7873); without an ID."""
    option = COOKIE.to_bytes(2, "big") + len(cookie).to_bytes(2, "big") + cookie
    opt = b"\0\0\x29" + b"\x04\xd0" + bytes(4) + len(option).to_bytes(2, "big") + option
    header = b"\0\0" + b"\x01\x20" + b"\0\1\0\0\0\0\0\1"  # RD and AD
    return header + packed_question(name) + opt


def write_cookies(path: Path, names: list[str], count: int = SPREAD) -> Path:
    """Queries in turn, each with a cookie that no other has, as dnsperf reads them (-B)."""
    source = random.Random(2)
    with path.open("wb") as file:
        for number in range(count):
            query = query_with_cookie(names[number % len(names)], source.randbytes(8))
            file.write(len(query).to_bytes(2, "big") + query)
    return path
