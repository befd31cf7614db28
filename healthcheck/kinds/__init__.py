"""The kinds of checks: one visible tuple. Each is a small class whose fields are its options."""

from __future__ import annotations

from healthcheck.kinds.combined import AllCheck, AnyCheck, AtLeastCheck
from healthcheck.kinds.command import CommandCheck
from healthcheck.kinds.dns import DnsCheck
from healthcheck.kinds.grpc import GrpcCheck
from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.kinds.http import HttpCheck
from healthcheck.kinds.icmp import IcmpCheck
from healthcheck.kinds.tcp import TcpCheck
from healthcheck.kinds.tls import TlsCheck

CHECK_KINDS = (
    HttpCheck,
    TcpCheck,
    TlsCheck,
    GrpcCheck,
    DnsCheck,
    IcmpCheck,
    HeartbeatCheck,
    CommandCheck,
    AllCheck,
    AnyCheck,
    AtLeastCheck,
)
