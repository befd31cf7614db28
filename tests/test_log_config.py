"""The configuration of the log and of dnstap."""

from pathlib import Path

import pytest

from resolver.config import load_config
from resolver.log_config import DNSTAP_MESSAGES
from resolver.zones.places import Rejected


def loaded(text: str, tmp_path: Path, **environ: str):  # type: ignore[no-untyped-def]
    """The configuration that a file says."""
    path = tmp_path / "sightline.yaml"
    path.write_text(text)
    return load_config(path, environ, {})


def test_nothing_is_logged_of_queries_unless_asked_for(tmp_path: Path) -> None:
    """Nor copied."""
    config = loaded("{}", tmp_path)
    assert config.log.queries.sample == 0.0
    assert config.dnstap.socket is None
    assert config.dnstap.messages == DNSTAP_MESSAGES


@pytest.mark.parametrize(
    ("said", "sample"), [("true", 1.0), ("false", 0.0), ("0.01", 0.01), ("1", 1.0), ("1e-3", 0.001)]
)
def test_queries_is_a_flag_or_a_rate(said: str, sample: float, tmp_path: Path) -> None:
    """Also in a variable, over a file that says more."""
    assert loaded(f"log: {{queries: {said}}}", tmp_path).log.queries.sample == sample
    more = "log: {queries: {only: failures}}"
    assert loaded(more, tmp_path, SIGHTLINE_LOG__QUERIES=said).log.queries.sample == sample


@pytest.mark.parametrize("said", ["0", "1.5", "-0.1", "often", "nan", "[1]", "yes"])
def test_another_rate_is_an_error(said: str, tmp_path: Path) -> None:
    """With its place."""
    with pytest.raises(Rejected, match=r"sightline\.yaml:1:\d+: error: bad-type: "):
        loaded(f"log: {{queries: {said}}}", tmp_path)


def test_queries_may_be_filtered(tmp_path: Path) -> None:
    """Without `sample` they are all seen."""
    queries = "{environments: [prod, dev], slower_than: 50ms, only: failures}"
    found = loaded(f"log: {{format: json, queries: {queries}}}", tmp_path).log.queries
    assert (found.sample, found.environments) == (1.0, ("prod", "dev"))
    assert (found.slower_than, found.only) == (0.05, "failures")


def test_dnstap_names_a_socket_and_messages(tmp_path: Path) -> None:
    """One of them needs no list."""
    found = loaded("dnstap: {socket: /run/tap, messages: client_query, identity: a}", tmp_path)
    assert (found.dnstap.socket, found.dnstap.messages) == ("/run/tap", ("client_query",))
    environ = {"SIGHTLINE_DNSTAP__MESSAGES": "client_query,client_response"}
    assert loaded("{}", tmp_path, **environ).dnstap.messages == DNSTAP_MESSAGES[:2]


@pytest.mark.parametrize(
    "said", ["messages: [query]", "socket: ''", f"socket: {'x' * 108}", "path: x"]
)
def test_what_dnstap_cannot_be_is_an_error(said: str, tmp_path: Path) -> None:
    """An unknown kind of message; a path that no socket can have; an unknown key."""
    with pytest.raises(Rejected, match=r"sightline\.yaml:1:\d+: error: "):
        loaded(f"dnstap: {{{said}}}", tmp_path)
