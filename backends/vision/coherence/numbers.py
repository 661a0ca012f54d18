"""What is kept of each frame: a few float32 numbers, however long the film is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.vision.coherence.redrawn import REGIONS

PAIR = (
    "luma", "repeated", "unseen", "warp", "worst_block", "ssim", "boil", "bending", "leap", "new", "unfit",
)  # fmt: skip
"""Of each frame and the one before (0 for the first):
luma: mean of the frame, 0-255; repeated: 1 when it shows the same picture; unseen: share of cells that cannot be found
in the frame before; warp: mean error on followed cells, levels; worst_block: largest mean error of a block, levels;
ssim: of followed squares; boil: levels; bending: thousandths of the longer side; leap: hundredths of it, less for small
things; new: share of the picture that was not to be expected; unfit: 1 where too little could be followed for
`bending`."""
_WIDTH = len(PAIR) + REGIONS[0] * REGIONS[1]


class Numbers:
    """Grows by a row per measured frame."""

    def __init__(self) -> None:
        self._frames = array("q")
        self._seconds = array("d")
        self._rows = array("f")

    def add(self, frame: int, seconds: float, values: dict[str, float], light: NDArray[np.float32] | None) -> None:
        """light: brightness gained by each region, None when nothing changed."""
        self._frames.append(frame)
        self._seconds.append(seconds)
        self._rows.fromlist([values.get(name, 0.0) for name in PAIR])
        self._rows.fromlist(light.ravel().tolist() if light is not None else [0.0] * (_WIDTH - len(PAIR)))

    def part(self, frames: slice) -> Part:
        """The numbers of the measured ones among these frames."""
        at = np.frombuffer(self._frames, np.int64)
        rows = slice(*(int(v) for v in np.searchsorted(at, (frames.start, frames.stop))))
        return Part(
            at[rows].copy(),
            np.frombuffer(self._seconds, np.float64)[rows].copy(),
            np.frombuffer(self._rows, np.float32).reshape(-1, _WIDTH)[rows].copy(),
        )


@dataclass(frozen=True)
class Part:
    """The numbers of some frames in order."""

    frames: NDArray[np.int64]
    seconds: NDArray[np.float64]
    rows: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """(n,) one of PAIR."""
        return self.rows[:, PAIR.index(name)]

    @property
    def light(self) -> NDArray[np.float32]:
        """(n, regions) brightness gained since the frame before, levels."""
        return self.rows[:, len(PAIR) :]

    def only(self, kept: NDArray[np.bool_]) -> Part:
        return Part(self.frames[kept], self.seconds[kept], self.rows[kept])
