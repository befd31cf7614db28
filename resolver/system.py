"""What the server and its machine say of forwarding: configuration, and resolv.conf(5)."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from resolver import names
from resolver.config import ForwardConfig
from resolver.routes import Guard, ServerDefaults
from resolver.zones.upstream import SYSTEM, Upstream, read_upstream

# systemd-resolved writes its stub there, and where the stub asks here.
STUBS = frozenset({ipaddress.ip_address("127.0.0.53"), ipaddress.ip_address("127.0.0.54")})
BEHIND_STUB = Path("/run/systemd/resolve/resolv.conf")
MAX_SERVERS = 3  # MAXNS of the C library
MAX_OCTETS = 65536


def read_system(file: Path, behind_stub: Path = BEHIND_STUB) -> tuple[Upstream, ...]:
    """The servers that this machine asks; none when the file says none or cannot be read."""
    servers = _read(file)
    if servers and all(server.address in STUBS for server in servers):
        # Its answers are those of a cache that all of this machine shares.
        return _read(behind_stub) or servers
    return servers


def _read(file: Path) -> tuple[Upstream, ...]:
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_OCTETS).decode("ascii", "replace")
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:  # an address with a scope (fe80::1%eth0) is one of this link only: no ValueError
                address = ipaddress.ip_address(words[1])
            except ValueError:
                continue
            if "%" not in words[1]:
                found.append(Upstream("udp", address, 53))
    return tuple(dict.fromkeys(found))[:MAX_SERVERS]


def sign_system(file: Path, behind_stub: Path = BEHIND_STUB) -> tuple[tuple[object, ...], ...]:
    """What can be seen of the files without reading them: another when they were changed."""
    signature: list[tuple[object, ...]] = []
    for path in (file, behind_stub):
        try:
            found = path.stat()
        except OSError:
            signature.append(())
            continue
        signature.append((found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns))
    return tuple(signature)


def defaults_of(config: ForwardConfig) -> ServerDefaults:
    """What the configuration says, which has no errors, and what resolv.conf says now."""
    texts = [text for text in config.upstreams if text != SYSTEM]
    upstreams = tuple(dict.fromkeys(read_upstream(text) for text in texts))
    allowed = tuple(names.key(names.from_text(text)) for text in config.allow_private)
    return ServerDefaults(
        upstreams=upstreams or None,
        uses_system=len(texts) < len(config.upstreams),
        system=read_system(Path(config.resolv_conf)),
        guard=Guard(config.private_answers, allowed),
    )
