"""Which metrics a PromQL expression reads, and what the dashboard and the rules ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from deploy_files import DEPLOY

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "studio.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
VARIABLES = {"$__rate_interval": "1m", "$engine": ".*", "$model": ".*"}
"""What Grafana puts in."""
_TOKEN = re.compile(
    r"""
    (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
  | (?P<duration>\d+(?:\.\d+)?(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*)
  | (?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<other>\S)
    """,
    re.VERBOSE,
)
_PAIRS = {"{": "}", "[": "]", "(": ")"}
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = _GROUPING | {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}


def metrics_of(expression: str) -> set[str]:
    """Names of all series that `expression` selects: not functions, labels, keywords."""
    tokens = [(m.lastgroup, m.group()) for m in _TOKEN.finditer(expression) if m.lastgroup]
    found: set[str] = set()
    closing: list[str] = []
    """Brackets whose contents are no series: label matchers, ranges, lists of labels."""
    for at, (kind, text) in enumerate(tokens):
        before = tokens[at - 1][1].lower() if at else ""
        following = tokens[at + 1][1].lower() if at + 1 < len(tokens) else ""
        if closing:
            if text == closing[-1]:
                closing.pop()
        elif text in _PAIRS and (text != "(" or before in _GROUPING):
            closing.append(_PAIRS[text])
        elif kind == "name" and text.lower() not in _WORDS and following not in ("(", "by", "without"):
            found.add(text)
    return found


def filled_in(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """(where, expression) of every panel, variable and annotation of the dashboard, ready for Prometheus."""
    for panel in panels():
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", filled_in(target["expr"])
    for variable in DASHBOARD["templating"]["list"]:
        yield f"variable {variable['name']}", variable["query"]["query"].partition("(")[2].partition(",")[0]
    for annotation in DASHBOARD["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"]


def alerts() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)
