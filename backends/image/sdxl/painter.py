"""One SDXL picture from prompt to pixels, with less and less memory until it works."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.metrics import arbiter_metrics
from backends.gpu.weights.arena import HostArena, free_cached, is_out_of_memory
from backends.image.engine import ImageRequest, StepCallback
from backends.image.sdxl.ladder import LADDER, Ladder, Rung, Stage
from backends.image.sdxl.stages import PromptTensors, Tiling, decode, denoise, encode
from configs.errors import EngineError, StudioError

LOG = logging.getLogger("studio.sdxl")
TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
TILED_ABOVE = 1024 * 1024
"""Pixels above which the VAE decodes in tiles anyway."""
DECODE_BYTES = 2250
"""GPU memory per pixel and byte of a number for a decode in one piece, torch's reserve included. Measured on an H100
(torch 2.11) at 1024x576 and 1024x1024: 8.8 and 8.5 KiB a pixel in float32, 4.3 KiB in float16."""
MULTIPLE = 8
"""The VAE halves the sides three times."""
SMALLEST = 64
"""Pixels; no fallback makes a smaller side."""


@dataclass
class Work:
    """One picture on its way; what is done stays done when a later stage has to be tried again."""

    request: ImageRequest
    steps: int
    guidance: float
    on_step: StepCallback | None = None
    stage: Stage = "load"
    prompt: PromptTensors | None = None
    latents: Any = None
    made: tuple[int, int] = (0, 0)
    """Width and height of `latents`, in pixels."""

    @property
    def asked(self) -> tuple[int, int]:
        """The request's width and height, rounded up to MULTIPLE."""
        return self.size(LADDER[0])

    def size(self, rung: Rung) -> tuple[int, int]:
        """Width and height of what is made on this rung."""
        return _rounded(self.request.width, rung.scale), _rounded(self.request.height, rung.scale)

    def stepped(self, step: int) -> None:
        if self.on_step is not None:
            self.on_step(step, self.steps)


@dataclass(frozen=True)
class Painted:
    pixels: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB of the request's own size."""
    rung: Rung
    made: tuple[int, int]
    """Width and height that SDXL worked at."""
    tiled: bool


class Painter:
    """The pipeline with its weights. After every picture, finished or not, all weights are where the arena has them."""

    def __init__(self, pipe: Any, arena: HostArena, ladder: Ladder, room_mib: float | None = None) -> None:
        """`room_mib`: memory for weights and work on the device; None = as much as it takes."""
        self._pipe, self._arena, self._ladder, self._room_mib = pipe, arena, ladder, room_mib
        self._tiling = Tiling(pipe.vae)

    def paint(self, work: Work) -> Painted:
        """Raises EngineOutOfMemory at the end of the ladder, EngineError when SDXL fails; callbacks' own go through."""
        index = self._ladder.start(*work.asked)
        while True:
            rung = LADDER[index]
            try:
                made = self._stages(work, rung)
            except Exception as error:
                if not is_out_of_memory(error):
                    if isinstance(error, StudioError) or not isinstance(error, RuntimeError | ValueError):
                        raise
                    cause = " ".join(str(error).split())[:240]
                    raise EngineError("SDXL failed", cause, "Run 'studio doctor'") from error
                cause = str(error).split("\n")[0].split(". ")[0][:200]
            else:
                self._ladder.worked(*work.asked, index)
                tiled = rung.tiled or _is_large(work.made) or self._is_tight(work.made)
                return Painted(_fitted(made, work), rung, work.made, tiled)
            # Outside the handler: the error's frames would keep the activations alive that have to go now.
            self._free()
            index = self._next(work, index, cause)

    def _next(self, work: Work, index: int, cause: str) -> int:
        following = self._ladder.after(index, work.stage)
        if following is None or (LADDER[following].scale < 1 and min(work.size(LADDER[following])) < SMALLEST):
            (width, height), (last_width, last_height) = work.asked, work.size(LADDER[index])
            raise EngineOutOfMemory(
                f"SDXL ran out of memory at {width}x{height}",
                f"even with one part loaded at a time, at {last_width}x{last_height}: {cause}",
                "Ask for a smaller picture, or end other programs on the GPU",
            )
        step, shape = LADDER[index].name, "{}x{}".format(*work.size(LADDER[index]))
        LOG.warning(
            "SDXL ran out of memory (%s at %s, %s): %s; going on with %s",
            work.stage, shape, step, cause, LADDER[following].name,
        )  # fmt: skip
        arbiter_metrics().fallbacks.labels("sdxl", LADDER[following].name).inc()
        return following

    def _stages(self, work: Work, rung: Rung) -> NDArray[np.float32]:
        """All that is not done yet."""
        request, size = work.request, work.size(rung)
        try:
            work.stage = "load"
            if not rung.offload:
                self._arena.restore()
            if work.prompt is None:
                work.stage = "text"
                self._hold(rung, *TEXT_ENCODERS)
                work.prompt = encode(self._pipe, request.prompt, request.negative_prompt, work.guidance)
            if work.latents is None or work.made != size:
                work.stage, work.made, work.latents = "denoise", size, None
                self._hold(rung, "unet")
                work.latents = denoise(
                    self._pipe, work.prompt, *size,
                    steps=work.steps, guidance=work.guidance, seed=request.seed, on_step=work.stepped,
                )  # fmt: skip
            work.stage = "decode"
            self._hold(rung, "vae")
            self._tiling.set(tiled=_is_large(size), small=rung.tiled or self._is_tight(size))
            return decode(self._pipe, work.latents)
        finally:
            self._arena.rebind()

    def _is_tight(self, size: tuple[int, int]) -> bool:
        """Whether a decode in one piece would not fit beside the weights: foreseen, it need not fail first."""
        if self._room_mib is None:
            return False
        vae = self._pipe.vae
        element = 4 if vae.config.force_upcast else vae.dtype.itemsize
        return self._arena.nbytes + DECODE_BYTES * element * size[0] * size[1] > self._room_mib * 2**20

    def _hold(self, rung: Rung, *parts: str) -> None:
        if rung.offload:
            self._arena.hold(*parts)

    def _free(self) -> None:
        gc.collect()
        if self._arena.device.type == "cuda":
            free_cached()


def _rounded(side: int, scale: float) -> int:
    return -(-round(side * scale) // MULTIPLE) * MULTIPLE


def _is_large(size: tuple[int, int]) -> bool:
    return size[0] * size[1] > TILED_ABOVE


def _fitted(made: NDArray[np.float32], work: Work) -> NDArray[np.uint8]:
    """The picture in the request's own size: enlarged where a smaller one was made, then the middle cut out."""
    if not np.isfinite(made).all():
        raise EngineError(
            "SDXL made an unusable picture", "its values are not finite numbers (the VAE overflows in float16)",
            "Set image.dtype to bfloat16, or use the fp16-fix VAE",
        )  # fmt: skip
    pixels = (made.clip(0, 1) * 255).round().astype(np.uint8)
    width, height = work.request.width, work.request.height
    asked = work.asked
    if work.made != asked:
        from PIL import Image

        pixels = np.asarray(Image.fromarray(pixels).resize(asked, Image.Resampling.LANCZOS))
    top, left = (asked[1] - height) // 2, (asked[0] - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])
