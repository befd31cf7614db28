"""Names that are answered here and asked of nobody: special-use names and local reverse zones."""

from __future__ import annotations

from resolver import names
from resolver.zones.reverse import LOCAL_REVERSE_ZONES

LOCALHOST = names.from_text("localhost.")
SPECIAL_ZONES: tuple[bytes, ...] = tuple(
    names.from_text(text)
    for text in (
        "localhost.",  # RFC 6761 6.3
        "invalid.",  # RFC 6761 6.4
        "test.",  # RFC 6761 6.2
        "local.",  # RFC 6762 22.1: asked by multicast
        "onion.",  # RFC 7686 2
        "alt.",  # RFC 9476 3
        "home.arpa.",  # RFC 8375 4
        "resolver.arpa.",  # RFC 9462 6.1
        "service.arpa.",  # RFC 9665 10
    )
)
LOCAL_ZONES = (*LOCAL_REVERSE_ZONES, *SPECIAL_ZONES)
