"""One SDXL picture from prompt to pixels, with less and less memory until it works."""

from __future__ import annotations

import gc
import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.metrics import arbiter_metrics
from backends.gpu.weights.arena import free_cached, is_out_of_memory
from backends.image.sdxl.frame import SMALLEST, composed
from backends.image.sdxl.ladder import LADDER, Ladder, Rung
from backends.image.sdxl.models import Models
from backends.image.sdxl.presets import make_scheduler
from backends.image.sdxl.prompt import encode, guided
from backends.image.sdxl.reference import ADAPTER, ENCODER
from backends.image.sdxl.stages import Drawing, denoise, timesteps_of
from backends.image.sdxl.vae import Tiling, decode, encode_init
from backends.image.sdxl.work import Painted, Work
from configs.errors import EngineError, StudioError

LOG = logging.getLogger("studio.sdxl")
TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
TILED_ABOVE = 1024 * 1024
"""Pixels above which the VAE works in tiles anyway."""
DECODE_BYTES = 2250
"""GPU memory per pixel and byte of a number for a decode in one piece, torch's reserve included. Measured on an H100
(torch 2.11) at 1024x576 and 1024x1024: 8.8 and 8.5 KiB a pixel in float32, 4.3 KiB in float16."""


class Painter:
    """The models at work. After every picture, finished or not, all weights are where their arenas have them."""

    def __init__(self, models: Models, ladder: Ladder, room_mib: float | None = None) -> None:
        """`room_mib`: memory for weights and work on the device; None = as much as it takes."""
        self._models, self._ladder, self._room_mib = models, ladder, room_mib
        self._parts, self._pipe = models.parts, models.pipe
        self._tiling = Tiling(models.pipe.vae)

    def paint(self, work: Work) -> Painted:
        """Raises EngineOutOfMemory at the end of the ladder, EngineError when SDXL fails; callbacks' own go through."""
        asked, beside = work.frame.asked, len(self._steering(work))
        if work.unchanged is not None:
            work.made = asked
            return Painted(work.unchanged.copy(), work, LADDER[0])
        index = max(self._ladder.start(*asked, beside), work.least_rung)
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
                self._ladder.worked(*asked, index, beside)
                return Painted(_finished(made, work), work, rung)
            # Outside the handler: the error's frames would keep the activations alive that have to go now.
            self._free(work)
            index = self._next(work, index, cause)

    def _next(self, work: Work, index: int, cause: str) -> int:
        following, frame = self._ladder.after(index, work.stage), work.frame
        if following is None or (LADDER[following].scale < 1 and min(frame.size(LADDER[following].scale)) < SMALLEST):
            (width, height), (last_width, last_height) = frame.asked, frame.size(LADDER[index].scale)
            raise EngineOutOfMemory(
                f"SDXL ran out of memory at {width}x{height}",
                f"even with one part loaded at a time, at {last_width}x{last_height}: {cause}",
                "Ask for a smaller picture, or end other programs on the GPU",
            )
        step, shape = LADDER[index].name, "{}x{}".format(*frame.size(LADDER[index].scale))
        LOG.warning(
            "SDXL ran out of memory (%s at %s, %s): %s; going on with %s",
            work.stage, shape, step, cause, LADDER[following].name,
        )  # fmt: skip
        arbiter_metrics().fallbacks.labels("sdxl", LADDER[following].name).inc()
        return following

    def _stages(self, work: Work, rung: Rung) -> NDArray[np.float32]:
        """All that is not done yet."""
        request, size = work.request, work.frame.size(rung.scale)
        try:
            net = self._gathered(work)
            work.stage = "load"
            self._hold(work, rung, *(TEXT_ENCODERS if work.prompt is None else ()))
            if work.prompt is None:
                work.stage = "text"
                work.prompt = encode(self._pipe, request.prompt, request.negative_prompt, work.recipe.guidance)
            if request.references and work.references is None:
                work.stage = "references"
                self._look(work, rung)
            if work.mode != "text" and (work.init is None or work.init_size != size):
                work.stage = "init"
                self._start_from(work, rung, size)
            if work.latents is None or work.made != size:
                work.stage, work.made, work.latents = "denoise", size, None
                self._hold(work, rung, "unet", *self._steering(work))
                work.latents = self._denoised(work, size, net)
            work.stage = "decode"
            self._hold(work, rung, "vae")
            self._tile(work, rung, size)
            return decode(self._pipe.vae, self._pipe.image_processor, work.latents)
        finally:
            self._parts.rebind()
            self._models.pipelines.release()

    def _gathered(self, work: Work) -> Any:
        """LoRAs in the weights, all nets read; the pipeline's `controlnet`, None without one."""
        models = self._models
        self._parts.keep(*self._steering(work))
        if work.loras is None:
            work.stage = "lora"
            work.loras = models.adapters.use(work.uses, fuse=work.request.fuse)
        work.stage = "nets"
        net = models.nets.get(work.choice)
        if work.request.references:
            models.references.load()
        else:
            models.references.idle()
        return net

    def _look(self, work: Work, rung: Rung) -> None:
        """Reference pictures to embeddings; the image encoder is on the device for that only."""
        references, pictures = self._models.references, work.request.references
        if not references.known(pictures):
            self._parts.keep()
            self._hold(work, rung, ENCODER)
        work.references = references.encode(pictures, guided=guided(self._pipe, work.recipe.guidance))
        self._parts.keep(*self._steering(work))

    def _start_from(self, work: Work, rung: Rung, size: tuple[int, int]) -> None:
        start, frame = work.start, work.frame
        assert start is not None
        self._hold(work, rung, "vae")
        self._tile(work, rung, size)
        mask = None if start.mask is None else frame.filled(start.mask, size, hard=True)
        work.init = encode_init(
            self._pipe.vae, frame.filled(start.image, size), mask, self._pipe.unet.dtype, masked=work.inpaint_unet
        )
        work.init_size = size
        self._parts.rebind()  # the VAE may be in float32 now

    def _denoised(self, work: Work, size: tuple[int, int], net: Any) -> Any:
        request, recipe, models, frame = work.request, work.recipe, self._models, work.frame
        assert work.prompt is not None
        scheduler = timesteps_of(make_scheduler(recipe.scheduler, models.scheduler), recipe.timesteps)
        work.scheduler = type(scheduler).__name__
        pipe = models.pipelines.get(work.mode, scheduler, net, work.steering)
        controls = tuple(replace(c, image=frame.filled(c.image, size)) for c in request.controls)
        references = tuple(
            r if r.mask is None else replace(r, mask=frame.filled(r.mask, size, hard=True)) for r in request.references
        )
        looked_at: AbstractContextManager[dict[str, Any]] = (
            models.references.attached(references, *size) if references else nullcontext({})
        )
        with looked_at as others:
            drawing = Drawing(
                work.prompt, size, recipe.steps, recipe.guidance, request.seed, work.mode, work.init, work.strength,
                controls, work.choice.modes, work.references, (("eta", recipe.eta), *others.items()),
            )  # fmt: skip
            return denoise(pipe, drawing, work.stepped)

    def _steering(self, work: Work) -> tuple[str, ...]:
        """Names of the parts that work beside the UNet."""
        nets = tuple(dict.fromkeys(net.name for net in work.choice.nets))
        return (*nets, ADAPTER) if work.request.references else nets

    def _hold(self, work: Work, rung: Rung, *needed: str) -> None:
        """What this stage needs onto the device; what does not fit beside it from it."""
        if rung.offload:
            self._parts.hold(*needed)
        elif work.text_apart:
            early = {*TEXT_ENCODERS, ENCODER}
            nets = () if early.issuperset(needed) else self._steering(work)
            self._parts.hold(*dict.fromkeys(("unet", "vae", *nets, *needed)))
        else:
            self._parts.restore(*(name for name in needed if name in self._parts.names))

    def _tile(self, work: Work, rung: Rung, size: tuple[int, int]) -> None:
        small = rung.tiled or work.tiled or self._is_tight(size)
        large = size[0] * size[1] > TILED_ABOVE
        work.vae_tiled = small or large
        self._tiling.set(tiled=large, small=small)

    def _is_tight(self, size: tuple[int, int]) -> bool:
        """Whether a decode in one piece would not fit beside the weights: foreseen, it need not fail first."""
        if self._room_mib is None:
            return False
        vae = self._pipe.vae
        element = 4 if vae.config.force_upcast else vae.dtype.itemsize
        beside = self._parts.device_bytes + self._models.adapters.mib * 2**20
        return beside + DECODE_BYTES * element * size[0] * size[1] > self._room_mib * 2**20

    def _free(self, work: Work) -> None:
        self._models.forget(*(net.name for net in work.choice.nets), references=bool(work.request.references))
        gc.collect()
        if self._parts.device.type == "cuda":
            free_cached()


def _finished(made: NDArray[np.float32], work: Work) -> NDArray[np.uint8]:
    pixels, init = work.frame.cut(made), work.request.init
    return pixels if init is None or init.mask is None else composed(pixels, init.image, init.mask)
