"""Servers of others that answer for names of their own: how each is told the names of a dataset.

One thread each, no log of queries, no state of before, no notices to others; the rest is what the
program does by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.dataset import Dataset, hosts_lines, master_lines, write_lines
from bench.programs import Foreign, Program, installed
from bench.zones import DOMAIN, TTL

NOBODY = "127.0.0.1:9"  # where nobody listens: nothing is asked elsewhere

Told = Callable[[Dataset, Path, int], list[str]]
"""Names, a directory, a port → arguments, with the files written."""


def _master(dataset: Dataset, directory: Path) -> Path:
    return write_lines(directory / DOMAIN, master_lines(dataset.addresses))


def _bind(dataset: Dataset, directory: Path, port: int) -> list[str]:
    (directory / "named.conf").write_text(
        f"""controls {{ }};
        options {{
            directory "{directory}"; pid-file none; session-keyfile none; lock-file none;
            listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
            allow-query {{ 127.0.0.0/8; }};
            recursion no; dnssec-validation no; notify no;
        }};
        zone "{DOMAIN}" {{ type primary; file "{_master(dataset, directory)}"; }};
        """
    )
    return ["-g", "-n", "1", "-c", str(directory / "named.conf")]


def _nsd(dataset: Dataset, directory: Path, port: int) -> list[str]:
    (directory / "nsd.conf").write_text(
        f'server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: ""\n'
        f'  zonesdir: "{directory}"\n  database: ""\n  pidfile: ""\n'
        f'  zonelistfile: "{directory}/zones.list"\n  xfrdfile: "{directory}/xfrd.state"\n'
        "  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n"  # else 200 a second for a network
        "remote-control:\n  control-enable: no\n"
        f'zone:\n  name: {DOMAIN}\n  zonefile: "{_master(dataset, directory)}"\n'
    )
    return ["-d", "-c", str(directory / "nsd.conf")]


def _knot(dataset: Dataset, directory: Path, port: int) -> list[str]:
    (directory / "knot.conf").write_text(
        f"server:\n  rundir: {directory}\n  listen: 127.0.0.1@{port}\n"
        "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
        f"database:\n  storage: {directory}\n"
        "log:\n  - target: stderr\n    any: warning\n"
        f"zone:\n  - domain: {DOMAIN}\n    file: {_master(dataset, directory)}\n"
        "    zonefile-load: whole\n    journal-content: none\n"
    )
    return ["-c", str(directory / "knot.conf")]


def _powerdns(dataset: Dataset, directory: Path, port: int) -> list[str]:
    zones = directory / "zones.conf"
    path = _master(dataset, directory)
    zones.write_text(f'zone "{DOMAIN}" {{ type native; file "{path}"; }};\n')
    (directory / "pdns.conf").write_text(
        f"local-address=127.0.0.1\nlocal-port={port}\nlaunch=bind\nbind-config={zones}\n"
        "receiver-threads=1\ndistributor-threads=1\nguardian=no\ndaemon=no\nloglevel=3\n"
        f"socket-dir={directory}\nsecurity-poll-suffix=\nsetuid=\nsetgid=\n"
    )
    return [f"--config-dir={directory}"]


def _gdnsd(dataset: Dataset, directory: Path, port: int) -> list[str]:
    (directory / "zones").mkdir()
    _master(dataset, directory / "zones")
    (directory / "config").write_text(
        f"options => {{\n  listen => 127.0.0.1:{port}\n  udp_threads => 1\n  tcp_threads => 1\n"
        f"  run_dir => {directory}/run\n  state_dir => {directory}/state\n}}\n"
    )
    return ["-c", str(directory), "start"]


def _dnsmasq(dataset: Dataset, directory: Path, port: int) -> list[str]:
    path = write_lines(directory / "hosts", hosts_lines(dataset.addresses))
    words = f"""--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=
        --pid-file= --port={port} --listen-address=127.0.0.1 --bind-interfaces
        --local=/{DOMAIN}/ --local-ttl={TTL} --addn-hosts={path}
        --log-facility={directory / "dnsmasq.log"}"""
    return words.split()


def _unbound(dataset: Dataset, directory: Path, port: int) -> list[str]:
    data = "\n".join(
        f'local-data: "{name}. {TTL} A {address}"'
        for name, found in dataset.addresses.items()
        for address in found
    )
    (directory / "unbound.conf").write_text(
        f"""server:
            interface: 127.0.0.1@{port}
            access-control: 127.0.0.0/8 allow
            do-daemonize: no
            num-threads: 1
            module-config: "iterator"
            chroot: ""
            username: ""
            directory: "{directory}"
            pidfile: ""
            use-syslog: no
            local-zone: "{DOMAIN}." static
            local-data: "{DOMAIN}. {TTL} SOA ns1.{DOMAIN}. hostmaster.{DOMAIN}. 1 3600 600 86400 30"
            {data}
        remote-control:
            control-enable: no
        """
    )
    return ["-d", "-c", str(directory / "unbound.conf")]


def _recursor(dataset: Dataset, directory: Path, port: int) -> list[str]:
    (directory / "recursor.conf").write_text(
        f"local-address=127.0.0.1\nlocal-port={port}\nallow-from=127.0.0.0/8\n"
        f"auth-zones={DOMAIN}={_master(dataset, directory)}\n"
        f"forward-zones-recurse=.={NOBODY}\ndnssec=off\nthreads=1\n"
        f"socket-dir={directory}\nsecurity-poll-suffix=\ndaemon=no\nwrite-pid=no\nquiet=yes\n"
        "loglevel=3\nsetuid=\nsetgid=\n"
    )
    return [f"--config-dir={directory}"]


def _coredns(dataset: Dataset, directory: Path, port: int) -> list[str]:
    path = _master(dataset, directory)
    (directory / "Corefile").write_text(
        f"{DOMAIN}:{port} {{\n    bind 127.0.0.1\n    file {path}\n}}\n"
    )
    return ["-conf", str(directory / "Corefile")]


class Authority(NamedTuple):
    """A program that can be told names."""

    name: str
    command: str
    told: Told

    def with_names(self, dataset: Dataset) -> Program:
        """The program that answers for them."""

        def configure(directory: Path, port: int, _: int) -> list[str]:
            return self.told(dataset, directory, port)

        return Program(self.name, self.command, configure)


BIND, KNOT = "BIND", "Knot"
AUTHORITIES = (
    Authority(BIND, "named", _bind),
    Authority(KNOT, "knotd", _knot),
    Authority("NSD", "nsd", _nsd),
    Authority("PowerDNS", "pdns_server", _powerdns),
    Authority("gdnsd", "gdnsd", _gdnsd),
    Authority("CoreDNS", "coredns", _coredns),
    Authority("dnsmasq", "dnsmasq", _dnsmasq),
    Authority("Unbound", "unbound", _unbound),
    Authority("PowerDNS Recursor", "pdns_recursor", _recursor),
)


def authority(program: Program, dataset: Dataset) -> Foreign:
    """One of them, started."""
    return Foreign(program, dataset.site.scratch, dataset.names[0])


def present(dataset: Dataset) -> list[Program]:
    """Those that are installed; says which are not."""
    return installed(each.with_names(dataset) for each in AUTHORITIES)
