"""The deployment files as data, and what Docker would make of their variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "configs" / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def variables() -> dict[str, tuple[str, str]]:
    """Name -> (operator, its text) of every variable of the compose file: ':-' gives a default, ':?' demands one."""
    text = "\n".join(line for line in (DEPLOY / "compose.yaml").read_text().splitlines() if not _is_comment(line))
    return {name: (operator, rest) for name, operator, rest in _VARIABLE.findall(text)}


def filled(text: object, values: dict[str, str] | None = None) -> str:
    """`text` with variables replaced as Docker does: a value that is given and not empty, else the default."""
    given = values or {}
    return _VARIABLE.sub(lambda m: given.get(m[1]) or (m[3] if m[2] == ":-" else ""), str(text))


def example_env() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.strip() and not _is_comment(line))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
