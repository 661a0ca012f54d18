"""Layout scenes as JSON in asset parameters, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from backends.image.layout.scene import CameraSpec, LayoutScene, PosedCharacter
from configs.errors import UsageError
from tools.film.look import look_from_data, look_to_data


def scene_to_data(scene: LayoutScene) -> dict[str, Any]:
    """JSON-ready fields of a scene."""
    data = asdict(scene)
    for stored, character in zip(data["characters"], scene.characters, strict=True):
        stored["look"] = look_to_data(character.look)
    data["characters"], data["props"] = list(data["characters"]), list(data["props"])
    return data


def scene_from_data(data: Mapping[str, Any]) -> LayoutScene:
    """The scene of such fields. Raises UsageError when they are no scene."""
    try:
        known = {field.name for field in fields(LayoutScene)}
        values: dict[str, Any] = {key: value for key, value in data.items() if key in known}
        values["camera"] = CameraSpec(**data.get("camera", {}))
        values["props"] = tuple(data.get("props", ()))
        values["characters"] = tuple(
            PosedCharacter(**{**one, "look": look_from_data(one.get("look", {}))}) for one in data.get("characters", ())
        )
        return LayoutScene(**values)
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError("The stored layout cannot be read", str(error)[:160], "Make the picture again") from error
