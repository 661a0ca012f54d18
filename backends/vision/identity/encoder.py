"""What every identity encoder is: a picture of one character in, a unit vector out; alike characters point alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8 sRGB."""
Mask = NDArray[np.bool_]
"""(H, W) True where the character is seen."""
Vector = NDArray[np.float32]
"""(D,) of length 1: the dot product of two is their cosine similarity."""
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

ENCODERS = ("arcface", "clip", "dinov2", "colour")
DEFAULT_THRESHOLD = {"arcface": 0.65}
"""Pass marks without a calibration. 0.65 is stricter than the 0.48-0.5 at which insightface users take two photographs
for the same person; a cosine of another encoder means something else, so none has a default."""
SMALLEST = 8
"""Pixels a side; less of a character cannot be told from another."""


@dataclass(frozen=True)
class Encoding:
    """What an encoder made of one character in one picture."""

    vector: Vector | None
    detected: bool
    """False: nothing was found to encode (no face, an empty mask); never to be read as 'another character'."""
    note: str = ""
    box: Box | None = None
    """Where a face was found, when the encoder looks for one."""


@runtime_checkable
class IdentityEncoder(Protocol):
    """Tells characters apart. `encode` may be called from several threads."""

    name: str
    licence: str
    """Of the weights, as the user must be told."""
    needs_face: bool
    """True: works on a human face only, and is `undetected` where it finds none."""

    @property
    def version(self) -> str:
        """Changes whenever the same picture gives another vector. Raises EngineError when it is not installed."""

    def missing(self) -> str:
        """'' when it can be used here, else what it lacks."""

    def available(self) -> bool:
        """Whether it can be used here."""

    def encode(self, rgb: Rgb, box: Box | None = None, mask: Mask | None = None) -> Encoding:
        """The vector of the character in `box` or `mask` (both None: of the whole picture). Raises EngineError."""

    def unload(self) -> None:
        """Give its model's memory back; the next `encode` loads it again."""


def unit(values: NDArray[np.float32] | NDArray[np.float64]) -> Vector:
    """`values` scaled to length 1; zeros stay zeros."""
    flat = np.asarray(values, np.float32).ravel()
    length = float(np.linalg.norm(flat))
    return flat / np.float32(length) if length > 1e-12 else flat


def region(shape: tuple[int, ...], box: Box | None, mask: Mask | None, margin: float = 0.0) -> Box | None:
    """The box of the character within a picture of `shape`, widened by `margin` of its size; None when it is empty.

    The mask counts before the box; with neither it is the whole picture.
    """
    height, width = shape[:2]
    if mask is not None:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        x0, x1, y0, y1 = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    elif box is not None:
        x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
    else:
        return (0, 0, width, height)
    wide, high = round((x1 - x0) * margin), round((y1 - y0) * margin)
    x0, y0 = max(0, x0 - wide), max(0, y0 - high)
    x1, y1 = min(width, x1 + wide), min(height, y1 + high)
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None
