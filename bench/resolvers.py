"""The forwarders that ours is measured against, and the authoritative server that all of them ask.

Each runs with one thread where it can be told so, on one core with all its threads, in a directory
of its own with no state of before. What is not installed is left out, and that is said.
"""

from __future__ import annotations

from pathlib import Path

from bench.measure import LOAD_CORE, CannotMeasure
from bench.programs import Configure, Foreign, Program

UPSTREAM = "127.0.0.9"
ZONE = "bench.example"  # a wildcard: every name in it has an address and a long text
LONG_TEXT = 255  # octets
READY = f"ready.{ZONE}"


def _dnsmasq(entries: int | None) -> Configure:
    """With a cache of so many entries, or of the 150 that it has by itself."""

    def configure(directory: Path, port: int, upstream: int) -> list[str]:
        words = f"""--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=
            --pid-file= --port={port} --listen-address=127.0.0.1 --bind-interfaces
            --dns-forward-max=5000 --server={UPSTREAM}#{upstream}"""
        size = [] if entries is None else [f"--cache-size={entries}"]
        return [*words.split(), *size, f"--log-facility={directory / 'dnsmasq.log'}"]

    return configure


def _bind(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "named.conf").write_text(
        f"""controls {{ }};
        logging {{ category lame-servers {{ null; }}; category resolver {{ null; }}; }};
        options {{
            directory "{directory}"; pid-file none; session-keyfile none; lock-file none;
            listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
            allow-query {{ 127.0.0.0/8; }}; recursion yes; recursive-clients 5000;
            forward only; forwarders port {upstream} {{ {UPSTREAM}; }}; dnssec-validation no;
        }};
        """
    )
    return ["-g", "-n", "1", "-c", str(directory / "named.conf")]


def _unbound(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "unbound.conf").write_text(
        f"""server:
            interface: 127.0.0.1@{port}
            access-control: 127.0.0.0/8 allow
            do-not-query-localhost: no
            do-daemonize: no
            num-threads: 1
            module-config: "iterator"
            chroot: ""
            username: ""
            directory: "{directory}"
            pidfile: ""
            use-syslog: no
        remote-control:
            control-enable: no
        forward-zone:
            name: "."
            forward-addr: {UPSTREAM}@{upstream}
        """
    )
    return ["-d", "-c", str(directory / "unbound.conf")]


def _recursor(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "recursor.conf").write_text(
        f"local-address=127.0.0.1\nlocal-port={port}\nallow-from=127.0.0.0/8\ndont-query=\n"
        f"forward-zones-recurse=.={UPSTREAM}:{upstream}\ndnssec=off\nthreads=1\n"
        f"socket-dir={directory}\nsecurity-poll-suffix=\ndaemon=no\nwrite-pid=no\nquiet=yes\n"
        "loglevel=3\nsetuid=\nsetgid=\n"
    )
    return [f"--config-dir={directory}"]


def _dnsdist(directory: Path, port: int, upstream: int) -> list[str]:
    """No server of names but a balancer before one, with a cache of whole replies."""
    (directory / "dnsdist.conf").write_text(
        f"""setLocal("127.0.0.1:{port}")
        setACL("127.0.0.0/8")
        setSecurityPollSuffix("")
        newServer({{address="{UPSTREAM}:{upstream}", checkName="{READY}.", checkType="A"}})
        getPool(""):setCache(newPacketCache(100000))
        """
    )
    return ["--supervised", "--disable-syslog", "-C", str(directory / "dnsdist.conf")]


def _coredns(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "Corefile").write_text(
        f".:{port} {{\n    bind 127.0.0.1\n    forward . {UPSTREAM}:{upstream}\n    cache\n}}\n"
    )
    return ["-conf", str(directory / "Corefile")]


def _zone_file(directory: Path) -> Path:
    path = directory / "bench.zone"
    path.write_text(
        f"$ORIGIN {ZONE}.\n$TTL 3600\n@ SOA ns host 1 3600 600 86400 300\n@ NS ns\n"
        f'ns A {UPSTREAM}\n* A 192.0.2.1\n* TXT "{"x" * LONG_TEXT}"\n'
    )
    return path


def _knot(directory: Path, port: int, _: int) -> list[str]:
    path = _zone_file(directory)
    (directory / "knot.conf").write_text(
        f"server:\n  rundir: {directory}\n  listen: {UPSTREAM}@{port}\n"
        "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
        f"database:\n  storage: {directory}\n"
        "log:\n  - target: stderr\n    any: warning\n"
        f"zone:\n  - domain: {ZONE}\n    file: {path}\n    zonefile-load: whole\n"
        "    journal-content: none\n"
    )
    return ["-c", str(directory / "knot.conf")]


def _nsd(directory: Path, port: int, _: int) -> list[str]:
    path = _zone_file(directory)
    (directory / "nsd.conf").write_text(
        f'server:\n  ip-address: {UPSTREAM}@{port}\n  server-count: 1\n  username: ""\n'
        f'  zonesdir: "{directory}"\n  database: ""\n  pidfile: ""\n'
        f'  zonelistfile: "{directory}/zones.list"\n  xfrdfile: "{directory}/xfrd.state"\n'
        "  rrl-ratelimit: 0\n  rrl-whitelist-ratelimit: 0\n"  # else 200 a second for a network
        "remote-control:\n  control-enable: no\n"
        f'zone:\n  name: {ZONE}\n  zonefile: "{path}"\n'
    )
    return ["-d", "-c", str(directory / "nsd.conf")]


def _named(directory: Path, port: int, _: int) -> list[str]:
    path = _zone_file(directory)
    (directory / "named.conf").write_text(
        f"""controls {{ }};
        options {{
            directory "{directory}"; pid-file none; session-keyfile none; lock-file none;
            listen-on port {port} {{ {UPSTREAM}; }}; listen-on-v6 {{ none; }}; recursion no;
            dnssec-validation no;
        }};
        zone "{ZONE}" {{ type primary; file "{path}"; }};
        """
    )
    return ["-g", "-n", "1", "-c", str(directory / "named.conf")]


DNSMASQ = Program("dnsmasq of 10,000 entries", "dnsmasq", _dnsmasq(10_000))
# It looks through all of a full cache for each new name: by itself it has a small one.
DNSMASQ_SMALL = Program("dnsmasq of 150 entries", "dnsmasq", _dnsmasq(None))
BIND = Program("BIND", "named", _bind)
UNBOUND = Program("Unbound", "unbound", _unbound)
RECURSOR = Program("PowerDNS Recursor", "pdns_recursor", _recursor)
DNSDIST = Program("dnsdist", "dnsdist", _dnsdist)
COREDNS = Program("CoreDNS", "coredns", _coredns)
FORWARDERS = (DNSMASQ, BIND, UNBOUND, RECURSOR, DNSDIST, COREDNS)
AUTHORITATIVE = (
    Program("Knot", "knotd", _knot),
    Program("NSD", "nsd", _nsd),
    Program("BIND", "named", _named),
)


def authoritative(scratch: Path) -> Foreign:
    """The first authoritative server that is installed, beside the load."""
    for program in AUTHORITATIVE:
        if program.find() is not None:
            return Foreign(program, scratch, READY, host=UPSTREAM, core=LOAD_CORE)
    names = ", ".join(program.command for program in AUTHORITATIVE)
    raise CannotMeasure(f"no authoritative server is installed (one of {names})")


def forwarder(program: Program, scratch: Path, asked: int) -> Foreign:
    """A forwarder that asks the port `asked` of UPSTREAM."""
    return Foreign(program, scratch, READY, upstream=asked)
