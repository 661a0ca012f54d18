"""Mouth cues for Moho (Anime Studio) switch layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from backends.voice.lips.visemes import REST, MouthCue

HEADER = "MohoSwitch1"
PRESTON_BLAIR = {
    "A": "MBP", "B": "etc", "C": "E", "D": "AI", "E": "O", "F": "U", "G": "FV", "H": "L", REST: "rest",
}  # fmt: skip
"""Rhubarb's letters as Moho's own switch layers are named (Rhubarb Lip Sync, exporters/DatExporter.cpp)."""


def moho_dat(cues: Sequence[MouthCue], fps: float) -> str:
    """Switch keys, one line of frame number and layer each; frame 1 is the first, as Moho and Rhubarb count.

    A cue begins at the frame whose start is nearest; of two in one frame the later shows. The last line is the end.

    Args:
        fps: frames per second of the film, over 0.
    """
    if fps <= 0:
        raise ValueError("fps must be over 0")
    keys: dict[int, str] = {}
    for cue in cues:
        keys[1 + round(cue.start * fps)] = PRESTON_BLAIR[cue.shape]
    if cues:
        keys.setdefault(1 + round(cues[-1].end * fps), PRESTON_BLAIR[REST])
    return "\n".join([HEADER, *(f"{frame} {name}" for frame, name in sorted(keys.items()))]) + "\n"


def cues_from_dat(text: str, fps: float) -> tuple[MouthCue, ...]:
    """Read `moho_dat` (or Rhubarb's .dat, letters or names) back. Raises ValueError when it has another form."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != [HEADER]:
        raise ValueError("not a Moho switch file")
    letters = {name: letter for letter, name in PRESTON_BLAIR.items()}
    if all(line[-1] in PRESTON_BLAIR for line in lines[1:]):
        # 'E' is a name too (of C): only files without any other name are in letters.
        letters = {letter: letter for letter in PRESTON_BLAIR}
    try:
        keys = [((int(frame) - 1) / fps, letters[name]) for frame, name in lines[1:]]
    except (KeyError, ValueError) as error:
        raise ValueError("not a Moho switch file") from error
    return tuple(MouthCue(start, after[0], shape) for (start, shape), after in pairwise(keys))
