"""Deterministic repair of a model's tool arguments, before the schema decides."""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError

from configs.errors import UsageError
from memory.names import whole_letters
from tools.spec import Tool, ToolArgs

ALIASES = {
    "text": ("line", "sentence", "words"),
    "prompt": ("description", "subject"),
    "video": ("clip", "file", "input"),
    "story": ("script", "plot", "prompt"),
    "seconds": ("duration", "length"),
    "query": ("q", "search"),
    "character": ("speaker", "voice", "name"),
    "instruction": ("edit", "instructions", "prompt"),
}


def repair_args(tool: Tool, raw: Mapping[str, Any] | str) -> tuple[dict[str, Any], list[str]]:
    """Arguments with the usual slips of small models mended, and what was mended.

    JSON given as a string, other names for a known argument, null for a default, numbers as text, one value where a
    list is wanted, a near miss in a choice. Unknown arguments stay, so that validation names them.
    """
    mended: list[str] = []
    args: dict[str, Any] = _whole(_as_dict(tool, raw))
    fields = tool.Args.model_fields
    for key in [k for k in args if k not in fields]:
        target = next((f for f, names in ALIASES.items() if key in names and f in fields and f not in args), None)
        if target:
            args[target] = args.pop(key)
            mended.append(f"{key} -> {target}")
    for key, info in fields.items():
        if key not in args:
            continue
        if args[key] is None and not info.is_required():
            del args[key]
            continue
        value = _fit(args[key], info.annotation)
        if value is not args[key]:
            mended.append(f"{key}: {args[key]!r} -> {value!r}")
            args[key] = value
    return args, mended


def _whole(value: Any) -> Any:
    """The same with whole letters: a model's "\\ud83d", or a file name that is no UTF-8, is no text for a database."""
    match value:
        case str():
            return value if value.isascii() else whole_letters(value)
        case list():
            return [_whole(one) for one in value]
        case dict():
            return {_whole(key): _whole(one) for key, one in value.items()}
    return value


def validate_args(tool: Tool, args: Mapping[str, Any]) -> ToolArgs:
    """The argument model. Raises UsageError in one sentence with the wrong argument and what is allowed."""
    try:
        return tool.Args.model_validate(dict(args))
    except ValidationError as error:
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        where = ".".join(str(p) for p in first["loc"]) or "arguments"
        if first["type"] == "missing":
            described = tool.Args.model_fields[str(first["loc"][0])].description or ""
            raise UsageError(f"{tool.name} needs '{where}'", described) from error
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(where, tool.Args.model_fields, n=1)
            known = ", ".join(tool.Args.model_fields)
            fix = f"Did you mean '{near[0]}'?" if near else f"It takes {known}"
            raise UsageError(f"{tool.name} has no argument '{where}'", fix=fix) from error
        got = repr(first.get("input"))
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{tool.name}: '{where}' cannot be {got[:80]}", message) from error


def _as_dict(tool: Tool, raw: Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw or "{}")
        except json.JSONDecodeError as error:
            raise UsageError(
                f"The arguments of {tool.name} are not valid JSON", str(error), 'Example: \'{"query": "Luca"}\''
            ) from error
    if not isinstance(raw, Mapping):
        raise UsageError(f"The arguments of {tool.name} must be a JSON object", f"got {type(raw).__name__}")
    return dict(raw)


def _fit(value: Any, annotation: Any) -> Any:
    """`value` in the shape that `annotation` wants, or itself."""
    options = _options(annotation)
    if isinstance(value, str):
        text = value.strip()
        choices = [c for o in options if get_origin(o) is Literal for c in get_args(o)]
        if choices and value not in choices:
            near = difflib.get_close_matches(text.lower(), [str(c) for c in choices], n=1, cutoff=0.7)
            return near[0] if near else value
        if str in options or choices:
            return value
        if text[:1] in "[{":
            try:
                return json.loads(text)
            except json.JSONDecodeError:
                return value
    wants_list = any(get_origin(o) in (list, tuple) or o in (list, tuple) for o in options)
    if wants_list and not isinstance(value, (list, tuple)) and not any(isinstance(value, o) for o in _plain(options)):
        return [value]
    return value


def _options(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(o for a in get_args(annotation) for o in _options(a))
    return (annotation,)


def _plain(options: tuple[Any, ...]) -> tuple[type, ...]:
    return tuple(o for o in options if isinstance(o, type))
