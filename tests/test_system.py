"""What the server's configuration and its machine say of forwarding."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver import names
from resolver.config import ServerConfig, load_config
from resolver.routes import Guard
from resolver.system import defaults_of, read_system, sign_system
from resolver.zones.upstream import read_upstream


def servers(tmp_path: Path, text: str | bytes, behind: str | None = None) -> list[str]:
    """What the files are read as."""
    file, behind_stub = tmp_path / "resolv.conf", tmp_path / "behind"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    if behind is not None:
        behind_stub.write_text(behind)
    return [str(upstream) for upstream in read_system(file, behind_stub)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("nameserver 10.0.0.1\n", ["10.0.0.1"]),
        ("nameserver\t10.0.0.1   # ours\n  nameserver ::1\n", ["10.0.0.1", "::1"]),
        ("# nameserver 10.0.0.1\n; nameserver 10.0.0.2\nsearch corp.test\n", []),
        (
            "nameserver\nnameserver example\nnameserver 10.0.0.300\nnameserver 10.0.0.4\n",
            ["10.0.0.4"],
        ),
        ("nameserver fe80::1%eth0\n", []),
        (
            "nameserver 10.0.0.1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n",
            ["10.0.0.1", "10.0.0.2"],
        ),
        (b"\xff\xfe\nnameserver 10.0.0.1\nnameserver \xff\n", ["10.0.0.1"]),
        ("options edns0\nNAMESERVER 10.0.0.1\nnameservers 10.0.0.2\n", []),
    ],
)
def test_resolv_conf_is_read(tmp_path: Path, text: str | bytes, found: list[str]) -> None:
    """resolv.conf(5): lines of nameserver; what cannot be read is passed over."""
    expected = [f"[{each}]" if ":" in each else each for each in found]
    assert servers(tmp_path, text) == expected


def test_more_servers_are_left_out(tmp_path: Path) -> None:
    """The first three stay, as in the C library."""
    text = "".join(f"nameserver 10.0.0.{n}\n" for n in range(1, 6))
    assert servers(tmp_path, text) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    """Missing, or a directory."""
    assert read_system(tmp_path / "missing", tmp_path / "behind") == ()
    assert read_system(tmp_path, tmp_path / "behind") == ()


def test_a_huge_file_is_read_in_part(tmp_path: Path) -> None:
    """Its beginning."""
    text = "nameserver 10.0.0.1\n" + "#" * 100_000 + "\nnameserver 10.0.0.2\n"
    assert servers(tmp_path, text) == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("text", "behind", "found"),
    [
        ("nameserver 127.0.0.53\n", "nameserver 10.0.0.1\n", ["10.0.0.1"]),
        ("nameserver 127.0.0.54\nnameserver 127.0.0.53\n", "nameserver 10.0.0.1\n", ["10.0.0.1"]),
        ("nameserver 127.0.0.53\n", "", ["127.0.0.53"]),
        ("nameserver 127.0.0.53\n", None, ["127.0.0.53"]),
        (
            "nameserver 127.0.0.53\nnameserver 10.0.0.2\n",
            "nameserver 10.0.0.1\n",
            ["127.0.0.53", "10.0.0.2"],
        ),
        ("nameserver 127.0.0.1\n", "nameserver 10.0.0.1\n", ["127.0.0.1"]),
        ("", "nameserver 10.0.0.1\n", []),
    ],
)
def test_the_stub_of_systemd_is_looked_behind(
    tmp_path: Path, text: str, behind: str | None, found: list[str]
) -> None:
    """Its answers are of a cache that all of the machine shares; it is better than nobody."""
    assert servers(tmp_path, text, behind) == found


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    """Without reading it: written, replaced or gone; either file."""
    file, behind = tmp_path / "resolv.conf", tmp_path / "behind"
    signatures = [sign_system(file, behind)]
    file.write_text("nameserver 10.0.0.1\n")
    signatures.append(sign_system(file, behind))
    assert sign_system(file, behind) == signatures[-1]
    behind.write_text("nameserver 10.0.0.1\n")
    signatures.append(sign_system(file, behind))
    file.write_text("nameserver 10.0.0.1\nnameserver 10.0.0.2\n")
    signatures.append(sign_system(file, behind))
    other = tmp_path / "other"
    other.write_text("nameserver 10.0.0.1\nnameserver 10.0.0.3\n")
    other.rename(file)
    signatures.append(sign_system(file, behind))
    file.unlink()
    signatures.append(sign_system(file, behind))
    assert len(set(signatures)) == len(signatures)


def config(tmp_path: Path, text: str) -> ServerConfig:
    """A configuration whose machine asks 10.0.0.1."""
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 10.0.0.1\n")
    file = tmp_path / "sightline.yaml"
    file.write_text(f"forward:\n  resolv_conf: {resolv}\n{text}")
    return load_config(file, {}, {}, None)


SYSTEM = (read_upstream("10.0.0.1"),)


def test_a_configuration_that_says_nothing_has_no_upstreams(tmp_path: Path) -> None:
    """What the machine asks is known, for whoever may ask it."""
    found = defaults_of(config(tmp_path, "").forward)
    assert (found.upstreams, found.uses_system, found.system) == (None, False, SYSTEM)
    assert found.guard == Guard()
    assert not found.has_upstreams


def test_upstreams_are_read_in_order_and_once(tmp_path: Path) -> None:
    """As they are written."""
    text = "  upstreams: [127.0.0.2, tcp://127.0.0.1, 127.0.0.2]\n"
    found = defaults_of(config(tmp_path, text).forward)
    assert found.upstreams == (read_upstream("127.0.0.2"), read_upstream("tcp://127.0.0.1"))
    assert not found.uses_system


def test_the_system_may_be_asked(tmp_path: Path) -> None:
    """By its word."""
    found = defaults_of(config(tmp_path, "  upstreams: system\n").forward)
    assert (found.upstreams, found.uses_system, found.system) == (None, True, SYSTEM)
    assert found.has_upstreams


def test_the_guard_is_configured(tmp_path: Path) -> None:
    """Suffixes as keys."""
    text = "  private_answers: deny\n  allow_private: [Corp.Test]\n"
    found = defaults_of(config(tmp_path, text).forward)
    assert found.guard == Guard("deny", (names.from_text("corp.test."),))
