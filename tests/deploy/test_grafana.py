"""The dashboard: importable as it is; every panel shows something of a scraped server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.catalogue import METRICS, series_of
from tests.deploy.promql import faults, promtool
from tests.support import ROOT

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "sightline.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
EXPRESSIONS = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}
OF_GRAFANA = frozenset({"__rate_interval", "__interval", "__range"})
# Statistics that show 0 where all is well are `or vector(0)`: what is before that is judged too.
WITHOUT_ZERO = re.compile(r"\s+or vector\(0\)$")


def filled(expression: str) -> str:
    """With everything chosen, as Prometheus is asked."""
    for name in OF_GRAFANA:
        expression = expression.replace(f"${name}", "5m")
    return re.sub(r"\$\w+", ".*", expression)


def test_it_can_be_imported() -> None:
    """Panels have ids of their own, and lie beside each other; the data source is chosen."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + w, at["y"] + h) for w in range(at["w"]) for h in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    sources = {json.dumps(source) for source in sources_in(DASHBOARD)}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert list(VARIABLES) == ["datasource", "job", "instance", "environment"]


def sources_in(node: Any) -> Iterator[Any]:
    """Every data source that a part of it names."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "datasource":
                yield value
            else:
                yield from sources_in(value)
    elif isinstance(node, list):
        for item in node:
            yield from sources_in(item)


def test_what_is_wrong_comes_first() -> None:
    """In one row, at a glance."""
    titles = [row["title"] for row in DASHBOARD["panels"] if row["type"] == "row"]
    assert titles[0] == "What is wrong"
    (top,) = {panel["gridPos"]["y"] for panel in PANELS[:8]}
    assert top == 1
    assert {panel["type"] for panel in PANELS[:8]} == {"stat"}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_a_panel_names_what_a_server_has(expression: str) -> None:
    """Series, labels, values of closed lists, and the variables above."""
    assert list(faults(expression, {})) == []
    assert set(re.findall(r"\$(\w+)", expression)) <= {*VARIABLES, *OF_GRAFANA}
    assert 'instance=~"$instance"' in expression


def test_variables_ask_for_what_a_server_has() -> None:
    """Names of series and of labels."""
    for variable in VARIABLES.values():
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
            assert match is not None
            assert list(faults(f"max by ({match[2]}) ({match[1]})", {})) == []
            assert variable["query"]["query"] == variable["definition"]


def test_every_panel_shows_something(tmp_path: Path) -> None:
    """Of two replicas that have every series there is, all of them counting."""
    series = [
        {"series": text, "values": "0+30x40" if counts else "1x40"}
        for instance in ("a", "b")
        for name in METRICS
        for text, counts in series_of(name, instance)
    ]
    judged = {name: WITHOUT_ZERO.sub("", filled(text)) for name, text in EXPRESSIONS.items()}
    # Where nothing is wrong there is nothing to show: these are asked of series at 0.
    troubles = [name for name, text in judged.items() if " == 0" in text]
    assert troubles
    expected = [
        {
            "expr": f"clamp_max(count({text}), 1)",
            "eval_time": "15m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for name, text in judged.items()
    ]
    rules = [{"record": f"panel_{n}", "expr": text} for n, text in enumerate(judged.values())]
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]})
    )
    promtool("check", "rules", tmp_path / "rules.yaml")
    zero = [
        {"series": item["series"], "values": "0x40"}
        for item in series
        if item["series"].startswith(
            ("sightline_worker_up", "sightline_upstream_up", "sightline_endpoint_up")
        )
        or "service_tier_share" in item["series"]
    ]
    names = {item["series"] for item in zero}
    well = [item for item in series if item["series"] not in names]
    tests = [
        {
            "interval": "30s",
            "input_series": shown,
            "promql_expr_test": [
                asked
                for asked, name in zip(expected, judged, strict=True)
                if (name in troubles) is broken
            ],
        }
        for shown, broken in ((series, False), (well + zero, True))
    ]
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": [], "tests": tests}))
    promtool("test", "rules", "tests.yaml", cwd=tmp_path)
