"""Who is in a picture: one visible score per character per picture, for the tools that make pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import CharacterLook
from backends.vision.identity.engine import IdentityEngine
from backends.vision.identity.local_files import model_folder
from configs.character_presets import load_presets
from configs.errors import EngineError
from memory.records import Score
from tools.image.likeness.judge import judge, undecided
from tools.image.likeness.record import Domain, has_record
from tools.spec import Studio, ToolContext


@dataclass(frozen=True)
class Who:
    """One character that a picture should show."""

    name: str
    look: CharacterLook | None = None
    mask: NDArray[np.bool_] | None = None
    """(H, W): its pixels, where a layout tells them."""
    box: tuple[int, int, int, int] | None = None
    """x, y, width, height in pixels; counts only without a mask."""


def identity_of(ctx: ToolContext, rgb: NDArray[np.uint8], who: Sequence[Who]) -> tuple[Score, ...]:
    """One score 'identity NAME' per character of `rgb` (H, W, 3) uint8, by the best encoder that is calibrated for it.

    Value None and status 'not measured' where it cannot be told (no face found, no calibration, no engine), with the
    reason as note; `passed` is None where the calibration is too weak to judge by. Nothing is drawn or calibrated here.
    """
    engine = ctx.engines.get("identity")
    if not isinstance(engine, IdentityEngine):
        return tuple(undecided(one.name, "the identity engine was not loaded for this picture").score for one in who)
    domain: Domain = "pictures" if "sdxl" in ctx.engines else "layout"
    scores = []
    for one in who:
        try:
            made = judge(ctx, engine, rgb, one.name, one.look, domain, box=one.box, mask=one.mask)
        except EngineError as error:  # an encoder that is gone costs the figure, not the picture
            made = undecided(one.name, error.sentence)
        scores.append(made.score)
    return tuple(scores)


def wants_identity(studio: Studio) -> bool:
    """Whether a tool that makes pictures should lease the engine 'identity': somebody could be recognised.

    That is: a character is calibrated, or characters have reference pictures and an encoder for such is installed.
    """
    if any(has_record(entry) for entry in studio.memory.list_entries("character")):
        return True
    vision = studio.settings.vision
    folders = [model_folder(studio.settings, path) for path in (vision.arcface, vision.clip, vision.dinov2)]
    if not any(folder is not None and folder.is_dir() for folder in folders):
        return False
    return any(preset.references for preset in load_presets(studio.settings).characters.values())
