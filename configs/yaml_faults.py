"""What pydantic found wrong in a user's table, in one sentence: the place, the range, the nearest right word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeGuard, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from configs.errors import UsageError

OUT_OF_RANGE = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"})
CONTAINERS = (dict, tuple, list)


def fault_of(path: Path, what: str, error: ValidationError, models: Sequence[type[BaseModel]]) -> UsageError:
    """The first fault, a misspelt key before the one that it leaves missing.

    Args:
        models: the table's model, then those inside of it.
    """
    faults = error.errors(include_url=False)
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    # pydantic names the keys of mappings and the branches of unions in the place, too
    place = tuple(part for part in first["loc"] if part != "[key]" and not str(part).startswith("literal["))
    where = ".".join(str(part) for part in place)
    if first["type"] == "value_error":
        return UsageError(f"{path} is wrong{f' at {where}' if where else ''}", str(first["ctx"]["error"]), "Correct it")
    if not where:
        return UsageError(
            f"The {what} {path} is wrong", "it is empty or no table of keys", "Start from the packaged one"
        )
    problem = f"{path} is wrong at {where}"
    got = f"got {str(first.get('input'))[:80]!r}"
    owner = _model_at(models[0], place[:-1])
    if first["type"] == "extra_forbidden":
        known = owner.model_fields if owner else {key for model in models for key in model.model_fields}
        return UsageError(problem, "there is no such key", _nearest(str(place[-1]), known) or "Remove it")
    if first["type"] == "missing":
        return UsageError(problem, "the key is missing", "Add it")
    if first["type"] == "literal_error":
        expected = str(first["ctx"]["expected"])
        near = _nearest(str(first.get("input")), re.findall(r"'([^']*)'", expected))
        return UsageError(problem, f"it must be {expected}, {got}", near or "Correct it")
    info = owner.model_fields.get(str(place[-1])) if owner else None
    if first["type"] in OUT_OF_RANGE and info is not None and (span := _range(info)):
        return UsageError(problem, f"it must be {span}, {got}", "Correct it")
    return UsageError(problem, f"{first['msg']}, {got}", "Correct it")


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else ""


def _model_at(kind: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel] | None:
    """The model at a place of a table, None where there is none."""
    at: Any = kind
    for part in place:
        if _is_model(at):
            info = at.model_fields.get(str(part))
            at = info.annotation if info else None
        else:  # dict[str, X] or tuple[X, ...]
            inside = [one for one in get_args(at) if one is not Ellipsis]
            at = inside[-1] if get_origin(at) in CONTAINERS and inside else None
        if get_origin(at) not in CONTAINERS:  # X | None
            at = next((one for one in get_args(at) if _is_model(one)), at)
    return at if _is_model(at) else None


def _is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _range(info: FieldInfo) -> str:
    """What numbers a field takes: 'from -2 to 2', 'above 0, up to 2', 'at least 1'."""
    found = {
        key: getattr(rule, key) for rule in info.metadata for key in ("gt", "ge", "lt", "le") if hasattr(rule, key)
    }
    low = f"greater than {found['gt']:g}" if "gt" in found else f"at least {found['ge']:g}" if "ge" in found else ""
    high = f"below {found['lt']:g}" if "lt" in found else f"at most {found['le']:g}" if "le" in found else ""
    if "ge" in found and "le" in found:
        return f"a number from {found['ge']:g} to {found['le']:g}"
    return f"a number {' and '.join(part for part in (low, high) if part)}" if low or high else ""
