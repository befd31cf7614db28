"""Alerts and recording rules: what they name exists, and each alert does what it is for."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.promql import faults, promtool
from tests.support import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))


def rules(name: str) -> list[dict[str, Any]]:
    """Those of a file."""
    document = yaml.safe_load((PROMETHEUS / name).read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


RECORDED = {rule["record"]: rule["expr"] for rule in rules("recording.yaml")}
ALERTS = rules("alerts.yaml")


@pytest.mark.parametrize(
    "rule",
    [*rules("recording.yaml"), *ALERTS],
    ids=lambda rule: str(rule.get("record") or rule.get("alert")),
)
def test_a_rule_names_what_a_server_has(rule: dict[str, Any]) -> None:
    """Series, labels, and values of closed lists."""
    assert list(faults(rule["expr"], RECORDED)) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(rate(sightline_requests[5m]))", "there is no sightline_requests"),
        ('sightline_upstream_up{server="a"} == 0', "sightline_upstream_up has no label server"),
        ('sightline_endpoint_state{state=~"down|dead"}', "state is never dead"),
        ("sum by (zone) (sightline_generation)", "nothing has a label zone"),
        ("sightline_request_duration_seconds", "there is no sightline_request_duration_seconds"),
        ("a:sightline_requests:rate5m > 1", "there is no a:sightline_requests:rate5m"),
    ],
)
def test_what_no_server_has_is_found(expression: str, fault: str) -> None:
    """The test above can fail."""
    assert list(faults(expression, RECORDED)) == [fault]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of a page may name."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_where_to_look(alert: dict[str, Any]) -> None:
    """In one line, in some more, and on a page that exists."""
    said = alert["annotations"]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert len(said["summary"]) < 130
    assert said["description"].endswith(".")
    page, _, anchor = said["runbook"].partition("#")
    assert anchor in anchors(ROOT / page)


def test_each_alert_is_tested_both_ways() -> None:
    """There is a moment at which it fires, and a moment or a series for which it does not."""
    texts = [path.read_text() for path in TESTS]
    for alert in ALERTS:
        name = f'alertname="{alert["alert"]}"'
        assert any(f"ALERTS{{{name}" in text and f"'ALERTS{{{name}" in text for text in texts), name


def test_rules_are_well_formed() -> None:
    """As Prometheus reads them."""
    promtool("check", "rules", PROMETHEUS / "recording.yaml", PROMETHEUS / "alerts.yaml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.stem))
def test_alerts_fire_when_they_must(path: Path) -> None:
    """And do not when they must not."""
    promtool("test", "rules", path.name, cwd=path.parent)


def test_the_page_lists_every_alert() -> None:
    """With its severity, in the order of the file."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    listed = re.findall(r"^\| `(Sightline\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert listed == [(alert["alert"], alert["labels"]["severity"]) for alert in ALERTS]
