"""The files of the page, read once, and what browsers are told of them.

The files hold nothing of the server, so that anybody may open them; what is shown is asked for.
"""

from __future__ import annotations

from importlib import resources

from aiohttp import web

from resolver.admin.asked import Asked
from resolver.admin.problems import Refused

TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}

# Nothing but our own files and our own address, no inline code, in nobody's frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def _read() -> dict[str, bytes]:
    place = resources.files("resolver.admin.page") / "static"
    return {item.name: item.read_bytes() for item in place.iterdir() if item.is_file()}


FILES = _read()


async def show_page(asked: Asked) -> web.Response:
    """GET /: the page, whatever its parameters say."""
    return _send("index.html")


async def show_file(asked: Asked) -> web.Response:
    """GET /page/NAME: what the page is made of."""
    if asked.endpoint not in FILES:
        raise Refused(404, "there is nothing at this path")
    return _send(asked.endpoint)


def _send(name: str) -> web.Response:
    kind = TYPES[name.rpartition(".")[2]]
    return web.Response(body=FILES[name], content_type=kind, charset="utf-8", headers=HEADERS)
