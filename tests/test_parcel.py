"""Parcels: by content, the same in every process, and different just where the zones are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from resolver.generation import Generation
from resolver.parcel import Parcel, pack
from tests.support import FILES, ROOT

Compile = Callable[..., Generation]
TABLES = ("zones", "nodes", "glue", "shared", "places", "checks")


def changed(before: Parcel, after: Parcel) -> dict[str, set[bytes]]:
    """The keys of each table under which the two say something else."""
    found = {}
    for name in TABLES:
        old, new = getattr(before, name), getattr(after, name)
        differ = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        if differ:
            found[name] = differ
    return found


def test_equal_zones_are_equal_octets(generation: Compile, tmp_path: Path) -> None:
    """Also where another process packs them, with other objects."""
    packed = pack(generation().namespaces["dev"])
    program = (
        "import sys; from pathlib import Path; from tests.support import compiled;"
        "from resolver.parcel import pack;"
        f"packed = pack(compiled(Path({str(tmp_path / 'zones')!r})).namespaces['dev']);"
        f"sys.stdout.buffer.write(b''.join(b''.join(x) for t in {TABLES!r}"
        " for x in sorted(getattr(packed, t).items())))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True
    )
    ours = (b"".join(item) for t in TABLES for item in sorted(getattr(packed, t).items()))
    assert other.stdout == b"".join(ours)


def test_a_change_touches_just_its_names(generation: Compile) -> None:
    """Although the zone's nodes are all made again; a new serial is the zone's matter."""
    first = generation()
    dev = FILES["dev.yaml"].replace("TXT: hello", "TXT: bye")
    second = generation(files={**FILES, "dev.yaml": dev}, previous=first)
    found = changed(pack(first.namespaces["dev"]), pack(second.namespaces["dev"]))
    assert {name for name in found["nodes"] if b"\4text" not in name} == set(found["zones"])
    assert set(found) == {"zones", "nodes"}


def test_checks_stay_apart(generation: Compile) -> None:
    """They may hold what only the checker needs; every other table is without them."""
    check = "{kind: http, headers: {Authorization: secret-word}}"
    dev = FILES["dev.yaml"].replace("ttl: 20", f"check: {check}")
    packed = pack(generation(files={**FILES, "dev.yaml": dev}).namespaces["dev"])
    checks = packed.checks.values()
    assert any(b"secret-word" in octets for octets in checks)
    rest = (t for name in TABLES if name != "checks" for t in getattr(packed, name).values())
    assert not any(b"secret-word" in octets for octets in rest)


def test_a_line_more_changes_only_places(generation: Compile) -> None:
    """Nothing of what answers are made of."""
    packed = [
        pack(generation(files={**FILES, "dev.yaml": text}).namespaces["dev"])
        for text in (FILES["dev.yaml"], "# one more\n" + FILES["dev.yaml"])
    ]
    assert set(changed(*packed)) == {"places"}
