"""Tables that the user may write: read, checked, and what is wrong with them in one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from configs.errors import UsageError

T = TypeVar("T", bound=BaseModel)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names of engines become names of files, containers and models."""


def read_table(path: Path, kind: type[T], what: str, parts: Iterable[type[BaseModel]] = ()) -> T:
    """The file as `kind`.

    Args:
        what: how the file is called in messages, e.g. 'engine table'.
        parts: models inside of `kind`, whose keys are suggested for unknown ones.

    Raises UsageError that names the place, e.g. 'services.qwen3-8b.contxt'.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The {what} {path} cannot be read", error.strerror or str(error), "Correct its path"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"The {what} {path} is no YAML", " ".join(str(error).split())[:300], "Correct it") from error
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _told(path, what, error, (kind, *parts)) from error


def refuse_name(name: str, path: Path) -> None:
    """Raises UsageError for a name that cannot be one of a file or a container."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{path} has the name {name[:80]!r}",
            "a name is up to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
            "Choose another; what is shown to people goes into 'about'",
        )


def _told(path: Path, what: str, error: ValidationError, models: Iterable[type[BaseModel]]) -> UsageError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    if not where:
        return UsageError(
            f"The {what} {path} is wrong", "it is empty or no table of keys", "Start from the packaged one"
        )
    problem = f"{path} is wrong at {where}"
    match first["type"]:
        case "extra_forbidden":
            known = sorted({key for model in models for key in model.model_fields})
            near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0.5)
            return UsageError(problem, "there is no such key", f"Did you mean '{near[0]}'?" if near else "Remove it")
        case "missing":
            return UsageError(problem, "the key is missing", "Add it")
    return UsageError(problem, f"{first['msg']}, got {str(first.get('input'))[:80]!r}", "Correct it")
