"""The files of the page, and what browsers may do with them."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from resolver.admin.page.files import FILES, TYPES
from tests.admin.operated import Client, admin, operating
from tests.support import ROOT

STATIC = ROOT / "resolver/admin/page/static"
SCRIPTS = sorted(STATIC.glob("*.js"))
# What would make markup or code of a text.
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|createContextualFragment"
    r"|setHTML|\beval\b|new Function|srcdoc|javascript:"
)


@pytest.fixture
async def client(zones_dir: Callable[..., Path]) -> AsyncIterator[Client]:
    async with admin(operating(zones_dir()), allow="192.0.2.1/32") as found:
        yield found


async def test_the_page_is_open_to_everybody(client: Client) -> None:
    """It holds nothing: what it shows needs the right to read."""
    reply = await client.get("/")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (await client.get("/api/v1/page/overview")).status == 403


@pytest.mark.parametrize("name", sorted(FILES))
async def test_each_file_is_of_its_type(client: Client, name: str) -> None:
    """Browsers run nothing that is called something else."""
    reply = await client.get(f"/page/{name}")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith(TYPES[name.rpartition(".")[2]])
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_other_files_are_not_there(client: Client) -> None:
    """Whatever the path looks like."""
    for path in ("/page/secret.js", "/page/..%2ffiles.py", "/page/../files.py", "/page/"):
        assert (await client.get(path)).status == 404


async def test_the_policy_allows_our_own_files_and_address(client: Client) -> None:
    """Nothing inline, nothing from elsewhere, in nobody's frame."""
    policy = (await client.get("/")).headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == "'self'"
    assert "unsafe" not in policy


def test_the_page_refers_to_nothing_elsewhere() -> None:
    """All of it is in the package, and each file that is named is there."""
    page = FILES["index.html"].decode()
    named = set(re.findall(r'(?:href|src)="page/([^"]+)"', page))
    assert named == set(FILES) - {"index.html"}
    for name, octets in FILES.items():
        text = octets.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"^\s*//.*|\s// .*$", "", text, flags=re.MULTILINE), name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_of_a_text(path: Path) -> None:
    """Names of zones and words of clients stay what they are."""
    text = path.read_text()
    assert not MARKUP.search(text)
    assert len(text.splitlines()) <= 400


def test_nothing_in_the_page_is_inline() -> None:
    """Neither code nor style, which the policy would refuse."""
    page = FILES["index.html"].decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)


def test_all_of_it_is_small() -> None:
    """It is the first thing that is sent."""
    assert sum(len(octets) for octets in FILES.values()) < 80_000
