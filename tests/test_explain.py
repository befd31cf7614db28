"""`explain`: the decisions behind an answer, as facts and as lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resolver.explain import Facts, explain
from resolver.explain_lines import to_lines
from resolver.generation import Generation
from resolver.names import BadName
from resolver.zones import records
from tests.support import DEV_CLIENT, FILES, PROD_CLIENT, STRANGER

Make = Callable[..., Generation]


def ask(generation: Generation, name: str, client: str = DEV_CLIENT, **options: Any) -> Facts:
    return explain(generation, name, records.type_number("A"), client, **options)


def test_view_and_network_with_their_place(generation: Make) -> None:
    """Who is asking is decided by a network, and the network has a line."""
    view = ask(generation(), "web.dev.east")["view"]
    assert (view["environment"], view["region"], view["network"]) == ("dev", "east", "10.80.0.0/16")
    assert view["place"].endswith("environments.yaml:7")


@pytest.mark.parametrize(
    ("name", "full", "read_as"),
    [
        ("web.dev.east", "web.dev.east.corp.test.", "relative to corp.test."),
        ("web.prod.east", "web.prod.east.corp.test.", "relative to corp.test."),
        ("web.here", "web.here.corp.test.", "relative to corp.test."),
        ("web.dev.east.corp.test", "web.dev.east.corp.test.", "absolute"),
        ("web.dev.east.", "web.dev.east.", "absolute"),
        ("example.com", "example.com.", "absolute"),
    ],
)
def test_names_are_completed_and_it_says_how(
    generation: Make, name: str, full: str, read_as: str
) -> None:
    """Relative to the domain if the view has it or the plan knows its last label."""
    question = ask(generation(), name)["question"]
    assert (question["name"], question["read_as"]) == (full, read_as)


def test_every_endpoint_is_listed_with_its_share(generation: Make) -> None:
    """In or out, why, and where it is written."""
    files = {
        **FILES,
        "dev.yaml": "zone: dev.east\nservices:\n  web:\n    max_answers: 1\n    endpoints:\n"
        "      - 10.80.1.1\n      - {address: 10.80.1.2, weight: 3}\n"
        "      - {address: 10.80.1.3, state: drain}\n",
    }
    (step,) = ask(generation(files), "web.dev.east")["chain"]
    (selection,) = step["selection"]
    shown = [(e["address"], e["in"], e["share"], e["why"]) for e in selection["endpoints"]]
    assert shown == [
        ("10.80.1.1", True, 25.0, "serving"),
        ("10.80.1.2", True, 75.0, "serving"),
        ("10.80.1.3", False, 0.0, "draining"),
    ]
    assert selection["endpoints"][1]["place"].endswith("dev.yaml:7")
    assert step["service"] == "web.dev.east"


def test_a_chain_shows_each_link(generation: Make) -> None:
    """The alias with its own zone and line, then the service."""
    facts = ask(generation(), "alias.dev.east")
    assert [(s["owner"], s["type"]) for s in facts["chain"]] == [
        ("alias.dev.east.corp.test.", "CNAME"),
        ("web.dev.east.corp.test.", "A"),
    ]
    assert facts["rcode"] == "NOERROR"


def test_a_wildcard_is_named(generation: Make) -> None:
    """An answer of a wildcard says which one made it."""
    (step,) = ask(generation(), "any.wild.dev.east")["chain"]
    assert step["by"] == "*.wild.dev.east.corp.test."


def test_nxdomain_shows_zone_encloser_and_ttl_arithmetic(generation: Make) -> None:
    """What a negative answer is made of."""
    facts = ask(generation(), "nothing.dev.east")
    assert facts["rcode"] == "NXDOMAIN"
    assert facts["zone"] == facts["closest_encloser"] == "dev.east.corp.test."
    assert facts["negative_ttl"] == "min(SOA TTL 30, minimum 30) = 30"


def test_nodata_lists_the_types_that_are_there(generation: Make) -> None:
    """The name is right and the type is not."""
    facts = explain(generation(), "web.dev.east", records.type_number("MX"), DEV_CLIENT)
    assert (facts["end"], facts["types_here"]) == ("nodata", ["A"])


def test_other_environments_are_named_only_to_who_may_read_the_files(generation: Make) -> None:
    """`reveal` is for those who hold the zone files anyway."""
    made = generation()
    assert "exists_in" not in ask(made, "web.prod.east")
    assert ask(made, "web.prod.east", reveal=True)["exists_in"] == ["prod"]
    assert ask(made, "web.prod.east", PROD_CLIENT)["rcode"] == "NOERROR"


def test_a_stranger_is_refused(generation: Make) -> None:
    """No view: nothing about names is said."""
    facts = ask(generation(), "web.dev.east", STRANGER)
    assert (facts["view"], facts["rcode"], facts["reason"]) == (None, "REFUSED", "unknown-client")
    assert "chain" not in facts


def test_lines_say_the_same(generation: Make) -> None:
    """The text for people holds view, service, endpoints and rcode."""
    lines = "\n".join(to_lines(ask(generation(), "web.dev.east")))
    for part in ("dev.east by 10.80.0.0/16", "service  web.dev.east", "10.80.1.3", "NOERROR"):
        assert part in lines


@pytest.mark.parametrize("name", ["a..b", "x" * 64])
def test_a_name_that_is_none(generation: Make, name: str) -> None:
    """Is the caller's mistake, told as such."""
    with pytest.raises(BadName):
        ask(generation(), name)


def test_a_client_that_is_no_address(generation: Make) -> None:
    """Likewise."""
    with pytest.raises(ValueError, match="does not appear to be"):
        ask(generation(), "web.dev.east", "nobody")
