"""How programs of others tell their version."""

from __future__ import annotations

import pytest

from bench.programs import version_in


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("BIND 9.18.49-1~deb12u3-Debian (Extended Support Version) <id:>", "9.18.49"),
        ("NSD version 4.6.1\nWritten by NLnet Labs.", "4.6.1"),
        ("Nov 28 01:02:34 PowerDNS Authoritative Server 4.7.3 (C) 2001-2022", "4.7.3"),
        ("Dnsmasq version 2.90  Copyright (c) 2000-2024", "2.90"),
        ("CoreDNS-1.15.0\nlinux/amd64, go1.26", "1.15.0"),
        ("nothing", "?"),
    ],
)
def test_version(text: str, version: str) -> None:
    """Not the time of day before it."""
    assert version_in(text) == version
