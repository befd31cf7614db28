"""The kinds of checks and the options that each takes beside the common ones.

The common keys are `use`, `kind`, `port`, `interval`, `fast_interval`, `timeout`, `fall`, `rise`
and `enforce`. The classes that probe live beside this table, one file a kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CHECK_OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "http": (
            *("method", "path", "headers", "host", "status", "body", "body_regex"),
            *("tls", "verify", "ca_file", "sni", "redirects"),
        ),
        "tcp": ("send", "expect"),
        "tls": ("verify", "ca_file", "sni", "days_left"),
        "grpc": ("service", "tls", "verify", "ca_file", "sni"),
        "dns": ("qname", "qtype", "rcode"),
        "icmp": (),
        "heartbeat": ("within",),
        "command": ("argv",),
        "all": ("of",),
        "any": ("of",),
        "at_least": ("n", "of"),
    }
)

# Kinds that connect to a port; the others need none.
KINDS_WITH_PORT = frozenset({"http", "tcp", "tls", "grpc"})
