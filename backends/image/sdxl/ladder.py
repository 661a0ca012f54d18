"""What SDXL gives up, step by step, when memory runs out, and what it remembers of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["lora", "nets", "load", "text", "references", "init", "denoise", "decode"]
VAE_STAGES = ("init", "decode")

SMALL_TILE = 512
"""Pixels of a tile's side when memory is short; SDXL's own tiles are 1024, which splits nothing at the usual size."""


@dataclass(frozen=True)
class Rung:
    """One way to work; each one gives up all that the earlier ones did."""

    name: Literal["plain", "vae_tiling", "model_offload", "smaller"]
    tiled: bool = False
    """The VAE decodes in small tiles, one picture at a time."""
    offload: bool = False
    """Only the part that works is on the device."""
    scale: float = 1.0
    """Side of the picture that is made, as a share of the asked one."""


LADDER = (
    Rung("plain"),
    Rung("vae_tiling", tiled=True),
    Rung("model_offload", tiled=True, offload=True),
    Rung("smaller", tiled=True, offload=True, scale=0.75),
    Rung("smaller", tiled=True, offload=True, scale=0.5),
)
OFFLOAD = 2
"""Index of the first rung that does not need all parts at once."""


class Ladder:
    """Remembers what worked for which size, so that the next picture does not fail its way down again."""

    def __init__(self) -> None:
        self.floor = 0
        """Where every picture starts; the arbiter raises it when the engine must do with less."""
        self._worked: dict[tuple[int, int, int], int] = {}

    def start(self, width: int, height: int, beside: int = 0) -> int:
        """Index of the first rung to try: what this size needed with so many nets beside, or less than that did."""
        known = (i for (w, h, n), i in self._worked.items() if w * h <= width * height and n <= beside)
        return max(self.floor, *known, 0)

    def after(self, index: int, stage: Stage) -> int | None:
        """The next rung to try, None at the end. Tiling helps the VAE only and is no try of its own elsewhere."""
        following = index + 1
        if following < OFFLOAD and stage not in VAE_STAGES:
            following = OFFLOAD
        return following if following < len(LADDER) else None

    def worked(self, width: int, height: int, index: int, beside: int = 0) -> None:
        """Note that a picture of this size, with so many nets beside, was made so."""
        if index > self.floor:
            self._worked[width, height, beside] = index

    def forget_smaller(self) -> None:
        """After the engine was away the memory may be free again; a smaller picture is a loss worth one more try."""
        self._worked = {size: min(index, OFFLOAD) for size, index in self._worked.items()}

    def forget(self) -> None:
        self._worked.clear()

    def grow_back(self) -> None:
        """Start at the top again."""
        self.floor = 0
        self._worked.clear()

    def shrink(self) -> str:
        """Start one rung lower from now on, sizes kept; what is given up, '' when nothing is left."""
        if self.floor >= OFFLOAD:
            return ""
        self.floor = OFFLOAD
        return "SDXL keeps only the part that works on the GPU"


def told(rung: Rung, made: tuple[int, int], asked: tuple[int, int]) -> tuple[str, ...]:
    """What a user has to know of a picture that was made on this rung."""
    sentences = []
    if rung.offload:
        sentences.append("Memory was short: SDXL's parts were on the GPU one at a time, which is slower.")
    if rung.tiled:
        sentences.append("Memory was short: the picture was decoded in tiles.")
    if rung.scale < 1:
        sizes = f"made at {made[0]}x{made[1]} and enlarged to {asked[0]}x{asked[1]}"
        sentences.append(f"Memory was short: the picture was {sizes}, so that it has less detail.")
    return tuple(reversed(sentences))
