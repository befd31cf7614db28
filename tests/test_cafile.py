"""Certificates of authorities in a file."""

import os
from pathlib import Path

import pytest

from resolver.cafile import find_fault


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("gone.pem", "no such file"),
        ("pipe", "not a regular file"),
        (".", "not a regular file"),
        ("text.pem", "holds no certificate (PEM)"),
    ],
)
def test_what_is_wrong_with_a_ca_file(tmp_path: Path, name: str, fault: str) -> None:
    """Nothing is waited for."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.pem").write_text("nothing\n")
    assert find_fault(tmp_path / name) == fault


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "a/" * 3000])
def test_a_ca_file_of_an_impossible_name_is_a_fault(tmp_path: Path, name: str) -> None:
    """And no traceback."""
    assert find_fault(tmp_path / name)
