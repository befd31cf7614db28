"""The query log: what is logged of a query, and of which."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from resolver.config import load_config
from resolver.generation import Generation, Published
from resolver.listen.witness import Seen
from resolver.outcome import Forward
from resolver.query import handle
from resolver.querylog import QueryLog, shape_of
from tests.support import DEV_CLIENT, PROD_CLIENT, STRANGER, UDP, question, write

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."


class Logging:
    """A query log whose lines are kept, of queries that took a millisecond."""

    def __init__(
        self, generation: Generation, tmp_path: Path, said: str = "true", form: str = "json"
    ) -> None:
        path = write(tmp_path, {"sightline.yaml": f"log: {{queries: {said}}}"}) / "sightline.yaml"
        self.generation = generation
        self.lines: list[str] = []
        self.drawn = 0.0
        self.seconds = 0.001
        self.log = QueryLog(
            load_config(path, {}, {}).log.queries,
            Published(generation),
            shape_of(form, 2),
            self.lines.append,
            draw=lambda: self.drawn,
            clock=lambda: 1000.0 + self.seconds,
        )

    def ask(self, name: str, rdtype: str = "A", source: str = DEV_CLIENT) -> None:
        """Have a query answered and logged, if it is to be."""
        self.take(question(name, rdtype), source)

    def take(self, wire: bytes, source: str = DEV_CLIENT) -> None:
        seen = Seen(wire, source, 53124, ("127.0.0.1", 53), UDP, 1000.0)
        self.log.asks(seen)
        outcome = handle(wire, source, UDP, self.generation)
        assert not isinstance(outcome, Forward)
        self.log.answers(seen, outcome)

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def names(self) -> list[str]:
        return [found["name"] for found in self.said]


def test_a_line_says_who_asked_what_and_what_became_of_it(
    generation: Compile, tmp_path: Path
) -> None:
    """As JSON."""
    logging = Logging(generation(), tmp_path)
    logging.ask(WEB, "AAAA")
    (line,) = logging.lines
    assert line.endswith("}\n")
    (found,) = logging.said
    assert datetime.fromisoformat(found.pop("time")).utcoffset() is not None
    assert found == {
        "level": "info",
        "logger": "sightline.query",
        "message": "query",
        "worker": 2,
        "name": WEB,
        "type": "AAAA",
        "client": DEV_CLIENT,
        "transport": "udp",
        "environment": "dev",
        "region": "east",
        "outcome": "reply",
        "rcode": "NOERROR",
        "source": "zone",
        "reason": "answered",
        "latency": 0.001,
    }


def test_a_line_of_text_says_the_same(generation: Compile, tmp_path: Path) -> None:
    """In the manner of the rest of the log."""
    logging = Logging(generation(), tmp_path, form="text")
    logging.ask(WEB)
    logging.ask(WEB, source=STRANGER)
    logging.take(b"no query")
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO worker 2: query "
    lines = [re.sub(f"^{stamp}", "", line) for line in logging.lines]
    assert lines == [
        f"{WEB} A from {DEV_CLIENT} (udp, dev.east): NOERROR by zone, answered, 1.000 ms\n",
        f"{WEB} A from {STRANGER} (udp, -.-): REFUSED by policy, unknown-client, 1.000 ms\n",
        f"- - from {DEV_CLIENT} (udp, -.-): -, not_a_query, 1.000 ms\n",
    ]


def test_what_has_no_name_or_view_leaves_that_out(generation: Compile, tmp_path: Path) -> None:
    """A refused client, a broken question, an unknown type, and what is no query at all."""
    logging = Logging(generation(), tmp_path)
    logging.ask(WEB, source=STRANGER)
    logging.take(question(WEB)[:-3])
    logging.ask(WEB, "TYPE65280")
    logging.take(b"no query")
    refused, broken, unknown, dropped = logging.said
    assert not {"environment", "region"} & refused.keys()
    assert (refused["rcode"], refused["reason"]) == ("REFUSED", "unknown-client")
    assert not {"name", "type"} & broken.keys()
    assert (broken["rcode"], broken["reason"]) == ("FORMERR", "malformed")
    assert unknown["type"] == "TYPE65280"
    assert (dropped["outcome"], dropped["reason"]) == ("drop", "not_a_query")
    assert not {"rcode", "source", "name"} & dropped.keys()


@pytest.mark.parametrize("form", ["text", "json"])
def test_hostile_names_break_no_line(form: str, generation: Compile, tmp_path: Path) -> None:
    """Every octet that a label may have."""
    logging = Logging(generation(), tmp_path, form=form)
    for start in range(0, 256, 32):
        label = bytes(range(start, start + 32))
        name = bytes((len(label),)) + label + b'\5\x1b[2J"\0'
        logging.take(bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
    assert len(logging.lines) == 8
    for line in logging.lines:
        assert line.count("\n") == 1
        assert line[:-1].isascii()
        assert line[:-1].isprintable()
    if form == "json":
        assert logging.names[0].startswith(r"\000\001\002")
        assert all(name.isprintable() for name in logging.names)


def test_a_rate_is_the_share_that_is_logged(generation: Compile, tmp_path: Path) -> None:
    """Drawn for each query by itself."""
    logging = Logging(generation(), tmp_path, "0.25")
    for drawn in (0.0, 0.2499, 0.25, 0.9):
        logging.drawn = drawn
        logging.ask(WEB)
    assert len(logging.lines) == 2


def test_environments_are_those_named(generation: Compile, tmp_path: Path) -> None:
    """Whoever is in none is in none of them."""
    logging = Logging(generation(), tmp_path, "{environments: [prod]}")
    for source in (PROD_CLIENT, DEV_CLIENT, STRANGER):
        logging.ask(WEB, source=source)
    logging.take(b"no query")
    assert [found["client"] for found in logging.said] == [PROD_CLIENT]


def test_only_failures_are_neither_answers_nor_denials(generation: Compile, tmp_path: Path) -> None:
    """What was refused, could not be read or got nothing."""
    logging = Logging(generation(), tmp_path, "{only: failures}")
    logging.ask(WEB)
    logging.ask("none.dev.east.corp.test.")
    logging.ask("www.example.")
    logging.take(b"no query")
    found = [(said["outcome"], said.get("rcode")) for said in logging.said]
    assert found == [("reply", "REFUSED"), ("drop", None)]


def test_slow_ones_are_those_that_took_so_long(generation: Compile, tmp_path: Path) -> None:
    """From the question's coming to the reply's leaving."""
    logging = Logging(generation(), tmp_path, "{slower_than: 50ms}")
    for seconds in (0.049, 0.051):
        logging.seconds = seconds
        logging.ask(WEB)
    assert [found["latency"] for found in logging.said] == [0.051]


def test_the_region_is_that_of_the_view(generation: Compile, tmp_path: Path) -> None:
    """Not of the name."""
    logging = Logging(generation(), tmp_path)
    logging.ask(WEB, source="10.81.0.1")
    assert (logging.said[0]["environment"], logging.said[0]["region"]) == ("dev", "west")
