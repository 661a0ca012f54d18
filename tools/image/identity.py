"""Who is in a picture: one visible score per character, and the tool that tells and calibrates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import CharacterLook
from memory.records import Score
from tools.spec import Studio, ToolContext


@dataclass(frozen=True)
class Who:
    """One character that a picture should show."""

    name: str
    look: CharacterLook | None = None
    mask: NDArray[np.bool_] | None = None
    """(H, W): its pixels, where a layout tells them."""
    box: tuple[int, int, int, int] | None = None
    """x, y, width, height in pixels, when there is no mask."""


def identity_of(ctx: ToolContext, rgb: NDArray[np.uint8], who: Sequence[Who]) -> tuple[Score, ...]:
    """One score 'identity NAME' per character of `rgb` (H, W, 3) uint8; not measured, with the reason, where it cannot
    be told."""
    reason = "the character is not calibrated: ask check_identity to calibrate it"
    if not any(engine.kind == "encoder" for engine in ctx.engines.values()):
        reason = "the identity engine was not loaded for this picture"
    return tuple(Score(f"identity {one.name}", None, "not measured", "none", note=reason) for one in who)


def wants_identity(studio: Studio) -> bool:
    """Whether a tool that makes pictures should lease the engine 'identity'."""
    return any(entry.data.get("identity") for entry in studio.memory.list_entries("character"))
