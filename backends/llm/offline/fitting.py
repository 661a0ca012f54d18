"""Extracted arguments made to fit a tool's schema: unknown ones are left out, single values become lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rapidfuzz import fuzz, process

_NEAR = 60.0
"""rapidfuzz ratio from which on a word stands for an allowed value."""


def fit_args(args: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the schema knows, in its types; step references ('$1') are left as they are."""
    properties: Mapping[str, Any] = schema.get("properties", {})
    fitted = {}
    for name, value in args.items():
        if name in properties:
            found = _fit(value, properties[name])
            if found is not None:
                fitted[name] = found
    return fitted


def _fit(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return [value] if _types(schema) == {"array"} else value
    types = _types(schema)
    if isinstance(value, list):
        if "array" in types or not types:
            item: Mapping[str, Any] = next((option["items"] for option in _options(schema) if "items" in option), {})
            return [found for entry in value if (found := _fit_item(entry, item)) is not None] or None
        return _fit(value[0], schema) if value else None
    if types == {"array"}:
        return _fit([value], schema)
    allowed = [choice for option in _options(schema) for choice in option.get("enum", [])]
    if allowed:
        return _allowed(value, allowed)
    if types == {"string"} and not isinstance(value, (str, dict)):
        return str(value)
    if types and types <= {"integer"} and isinstance(value, float):
        return round(value)
    return value


def _fit_item(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and schema.get("properties"):
        return fit_args(value, schema)
    return _fit(value, schema) if schema else value


def _allowed(value: Any, allowed: list[Any]) -> Any:
    if value in allowed:
        return value
    best = process.extractOne(
        str(value).lower(), [str(choice) for choice in allowed], scorer=fuzz.ratio, score_cutoff=_NEAR
    )
    return allowed[best[2]] if best else None


def _options(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [schema, *(option for key in ("anyOf", "oneOf") for option in schema.get(key, []))]


def _types(schema: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    for option in _options(schema):
        kind = option.get("type")
        found |= set(kind) if isinstance(kind, list) else {kind} if kind else set()
    return found - {"null"}
