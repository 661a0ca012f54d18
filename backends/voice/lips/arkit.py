"""Mouth cues as ARKit face weights per frame, in the CSV form that Apple's face capture app Live Link Face writes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.lips.visemes import REST, MouthCue
from configs.settings import PROMPT_DIR
from configs.yaml_file import own_table

SHAPES = (
    "EyeBlinkLeft", "EyeLookDownLeft", "EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "EyeSquintLeft",
    "EyeWideLeft", "EyeBlinkRight", "EyeLookDownRight", "EyeLookInRight", "EyeLookOutRight", "EyeLookUpRight",
    "EyeSquintRight", "EyeWideRight", "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel",
    "MouthPucker", "MouthRight", "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft",
    "MouthFrownRight", "MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight",
    "MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight",
    "MouthLowerDownLeft", "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft",
    "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft",
    "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip
"""The 52 of ARFaceAnchor.BlendShapeLocation in Live Link Face's order."""
ROTATIONS = (
    "HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch",
    "RightEyeRoll",
)  # fmt: skip
"""Columns after the shapes; always 0 here."""
_STEP_S = 0.004


def weights(cues: Sequence[MouthCue], fps: float) -> NDArray[np.float32]:
    """(frames, 52) weights 0..1 of SHAPES at the middle of each frame; the frames cover the cues' whole time.

    The weights of each cue are smoothed over time, so that shapes grow into each other as lips do.
    """
    from scipy.ndimage import gaussian_filter1d

    if fps <= 0:
        raise ValueError("fps must be over 0")
    if not cues:
        return np.zeros((0, len(SHAPES)), np.float32)
    duration = cues[-1].end
    at = np.arange(0.0, duration + _STEP_S, _STEP_S)
    which = np.clip(np.searchsorted([cue.start for cue in cues], at, side="right") - 1, 0, len(cues) - 1)
    table = np.stack([_row(cue.shape) for cue in cues])
    smooth = gaussian_filter1d(table[which], _table()["smooth_s"] / _STEP_S, axis=0, mode="nearest")
    frames = max(1, int(np.ceil(duration * fps - 1e-6)))
    places = np.clip(np.rint((np.arange(frames) + 0.5) / fps / _STEP_S).astype(int), 0, len(at) - 1)
    return np.asarray(np.clip(smooth[places], 0.0, 1.0), np.float32)


def arkit_csv(cues: Sequence[MouthCue], fps: float) -> str:
    """One row per frame: timecode (HH:MM:SS:FF.mmm), count of values, 52 weights, nine rotations of 0."""
    count = len(SHAPES) + len(ROTATIONS)
    rows = [",".join(["Timecode", "BlendShapeCount", *SHAPES, *ROTATIONS])]
    still = ["0.0000000000"] * len(ROTATIONS)
    for index, values in enumerate(weights(cues, fps)):
        rows.append(",".join([_timecode(index, fps), str(count), *(f"{value:.10f}" for value in values), *still]))
    return "\n".join(rows) + "\n"


def _timecode(index: int, fps: float) -> str:
    """HH:MM:SS:FF.mmm, frames counted within the second."""
    base = max(1, round(fps))
    seconds, frame = divmod(index, base)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frame:02}.000"


@cache
def _table() -> dict[str, Any]:
    loaded: dict[str, Any] = own_table(PROMPT_DIR / "voice" / "arkit.yaml")
    return loaded


@cache
def _row(shape: str) -> NDArray[np.float64]:
    row = np.zeros(len(SHAPES))
    for name, value in _table()["shapes"].get(shape, _table()["shapes"][REST]).items():
        own = name[0].upper() + name[1:]
        found = [own] if own in SHAPES else [f"{own}Left", f"{own}Right"]
        for one in found:
            row[SHAPES.index(one)] = float(value)
    return row
