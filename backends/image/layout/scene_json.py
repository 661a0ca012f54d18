"""LayoutScene <-> plain JSON data, strictly: what cannot be right is refused by its path."""

from __future__ import annotations

import dataclasses
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from backends.image.layout.scene import (
    BOTTOMS,
    EXPRESSIONS,
    HAIR_STYLES,
    KINDS,
    MOUTHS,
    POSES,
    SETS,
    TIMES,
    TOPS,
    CharacterLook,
    LayoutScene,
    PosedCharacter,
)
from configs.errors import UsageError

VOCABULARY: dict[tuple[type, str], tuple[str, ...]] = {
    (CharacterLook, "kind"): KINDS, (CharacterLook, "hair_style"): HAIR_STYLES, (CharacterLook, "top"): TOPS,
    (CharacterLook, "bottom"): BOTTOMS, (PosedCharacter, "pose"): POSES, (PosedCharacter, "expression"): EXPRESSIONS,
    (PosedCharacter, "mouth"): MOUTHS, (LayoutScene, "set"): SETS, (LayoutScene, "time_of_day"): TIMES,
}  # fmt: skip
"""The strings that are choices, though their fields are plain str."""


def scene_to_dict(scene: LayoutScene) -> dict[str, Any]:
    """JSON-ready: only dicts, lists, strings, numbers, None."""
    return {str(key): _plain(value) for key, value in dataclasses.asdict(scene).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def scene_from_dict(data: object) -> LayoutScene:
    """The scene that `scene_to_dict` wrote; missing fields take their defaults.

    Raises UsageError naming the first wrong field by its path.
    """
    scene: LayoutScene = _object(LayoutScene, data, "scene")
    return scene


def _object(kind: type, data: object, where: str) -> Any:
    if not isinstance(data, dict):
        raise _wrong(where, "an object", data)
    hints = get_type_hints(kind)
    known = {item.name for item in dataclasses.fields(kind)}
    for key in data:
        if key not in known:
            raise UsageError(f"'{where}' has no field '{key}'", "", f"Known: {', '.join(sorted(known))}")
    values = {}
    for key, value in data.items():
        at = f"{where}.{key}"
        values[key] = _value(hints[key], value, at)
        choices = VOCABULARY.get((kind, key))
        if choices is not None and values[key] is not None and values[key] not in choices:
            raise _wrong(at, f"one of {', '.join(choices)}", value)
    bare = (f for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING)
    missing = {f.name for f in bare} - set(values)
    if missing:
        raise UsageError(f"'{where}' lacks '{sorted(missing)[0]}'", "", "Add it")
    return kind(**values)


def _value(hint: Any, value: object, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        options = [item for item in get_args(hint) if item is not type(None)]
        return None if value is None else _value(options[0], value, where)
    if origin is Literal:
        if value not in get_args(hint):
            raise _wrong(where, f"one of {', '.join(map(str, get_args(hint)))}", value)
        return value
    if origin is tuple:
        return _tuple(get_args(hint), value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _object(hint, value, where)
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
            raise _wrong(where, "a number", value)
        return float(value)
    if not isinstance(value, hint) or isinstance(value, bool):
        raise _wrong(where, {"str": "a text", "int": "a whole number"}.get(hint.__name__, hint.__name__), value)
    return value


def _tuple(hints: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, "a list", value)
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_value(hints[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if len(value) != len(hints):
        raise _wrong(where, f"a list of {len(hints)}", value)
    return tuple(_value(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(zip(hints, value, strict=True)))


def _wrong(where: str, wanted: str, got: object) -> UsageError:
    return UsageError(f"'{where}' is wrong", f"it must be {wanted}, not {str(got)[:60]!r}", "Correct it")
