"""Certificates of authorities in a file, as checks and upstreams name them."""

from __future__ import annotations

import ssl
from pathlib import Path


def find_fault(ca_file: Path) -> str | None:
    """Why certificates cannot be read from a file; None: they can."""
    try:
        if not ca_file.exists():
            return "no such file"
        if not ca_file.is_file():  # a pipe would keep its reader waiting
            return "not a regular file"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=ca_file)
    except ssl.SSLError:
        return "holds no certificate (PEM)"
    except (OSError, ValueError) as error:  # a NUL in the name is a ValueError
        return getattr(error, "strerror", None) or str(error)
    return None
