"""The format of evaluation cases (docs: design of the suites): a suite is a YAML list of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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

    def tools(self) -> list[str]:
        return self.tool.any_of if isinstance(self.tool, AnyOf) else [self.tool]


class Turn(_Strict):
    say: str
    intent: str | AnyOf | None = None
    """The first tool that serves the wish, `clarify`, `decline`, `chat` or `forecast`."""
    calls: list[ExpectedCall] = []
    forbid: list[str] = []
    allow: list[str] = []
    """Tools whose further calls are no fault (another good way to serve the wish)."""
    clarify: bool | None = None
    attach: list[str] = []
    """Names from setup.files for this turn; empty: with the first turn all that no later turn attaches."""


class Entry(_Strict):
    name: str
    description: str = ""
    aliases: list[str] = []


class MemoryItem(_Strict):
    character: Entry | None = None
    style: Entry | None = None
    note: Entry | None = None


class Sample(_Strict):
    """A text file with given contents, e.g. one that tries to give orders."""

    name: str
    text: str


class Setup(_Strict):
    memory: list[MemoryItem] = []
    files: list[str | Sample] = []
    """Names; small valid files of their kind are made."""

    def names(self) -> list[str]:
        return [f.name if isinstance(f, Sample) else f for f in self.files]


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

    @model_validator(mode="after")
    def _files_exist(self) -> Self:
        for turn in self.turns:
            if missing := sorted(set(turn.attach) - set(self.setup.names())):
                raise ValueError(f"'{missing[0]}' is attached, but not in setup.files")
        return self

    def attached(self, number: int) -> list[str]:
        """Names of the files that come with a turn."""
        later = {name for turn in self.turns[1:] for name in turn.attach}
        first = [n for n in self.setup.names() if n not in later] if number == 0 else []
        return self.turns[number].attach or first


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
    if not rows:
        raise UsageError(f"The suite {path} has no cases")
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
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"The case '{name}' of {path} is wrong at '{where or 'turns'}'", reason) from error
