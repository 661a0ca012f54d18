"""The format of evaluation cases (docs: design of the suites): a suite is a YAML list of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import UsageError

SUITES = Path(__file__).parent / "suites"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AnyOf(_Strict):
    any_of: list[str] = Field(min_length=1)


class ExpectedCall(_Strict):
    tool: str | AnyOf
    args: dict[str, Any] = {}
    """Name -> plain value or one matcher: contains, any_of, approx + tol, present."""


class Turn(_Strict):
    say: str
    intent: str | AnyOf | None = None
    """The first tool that serves the wish, `clarify` or `decline`."""
    calls: list[ExpectedCall] = []
    forbid: list[str] = []
    clarify: bool | None = None
    attach: list[str] = []
    """Names from setup.files for this turn only; empty: all of them with the first turn."""


class Entry(_Strict):
    name: str
    description: str = ""
    aliases: list[str] = []


class MemoryItem(_Strict):
    character: Entry | None = None
    style: Entry | None = None
    note: Entry | None = None


class Setup(_Strict):
    memory: list[MemoryItem] = []
    files: list[str] = []


class ExpectedAsset(_Strict):
    kind: str
    min_seconds: float | None = None
    max_seconds: float | None = None
    count: int = 1


class Success(_Strict):
    assets: list[ExpectedAsset] = []
    asset: ExpectedAsset | None = None
    reply: Any = None
    """A matcher for the last reply."""

    def wanted(self) -> list[ExpectedAsset]:
        return [*self.assets, *([self.asset] if self.asset else [])]


class Case(_Strict):
    id: str
    tags: list[str] = []
    setup: Setup = Setup()
    turns: list[Turn] = Field(min_length=1)
    success: Success | None = None


def load_suite(name: str | Path) -> list[Case]:
    """The cases of a suite, by its name under evals/suites or by path.

    Raises UsageError in one sentence naming the case and the key that is wrong.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = SUITES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in SUITES.glob("*.yaml")))
        raise UsageError(f"There is no suite '{name}'", fix=f"Known are {known}; or give the path of a YAML file")
    try:
        rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"The suite {path} is not valid YAML", " ".join(str(error).split())[:200]) from error
    if not isinstance(rows, list):
        raise UsageError(f"The suite {path} is no list of cases", "a suite is a YAML list")
    cases = [_case(row, path) for row in rows]
    ids = [c.id for c in cases]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise UsageError(f"The suite {path} has the case '{twice[0]}' twice")
    return cases


def _case(row: Any, path: Path) -> Case:
    try:
        return Case.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        name = row.get("id", "?") if isinstance(row, dict) else "?"
        raise UsageError(f"The case '{name}' of {path} is wrong at '{where}'", first["msg"]) from error
