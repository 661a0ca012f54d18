"""SDXL through diffusers: weights in a page-locked arena, native SDPA attention, no downloads."""

from __future__ import annotations

import gc
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from backends.gpu.arena import HostArena, free_cached, is_out_of_memory
from backends.gpu.engine import EngineOutOfMemory, OnStart, StartPhase, StartProgress
from backends.image.engine import ImageRequest, ImageResult, StepCallback
from backends.image.sdxl_ladder import LADDER, OFFLOAD, Ladder, Rung, Stage, told
from backends.image.sdxl_stages import PromptTensors, Tiling, decode, denoise, encode
from backends.image.sdxl_weights import COMPONENTS, check_weights, read_pipeline
from configs.errors import EngineError, StudioError

if TYPE_CHECKING:
    from backends.gpu.engine import EngineKind

__all__ = ["SdxlEngine", "check_weights"]

LOG = logging.getLogger("studio.sdxl")
DEFAULT_STEPS = 30
DEFAULT_GUIDANCE = 6.5
WEIGHTS_MIB = 6620
"""fp16 weights of the full model: UNet 2567.5 M, text encoders 818 M, VAE 84 M parameters."""
PEAK_MIB = 9000
"""Weights and activations of one 1024 px picture in fp16 with SDPA (about 9.0 GB)."""
CONTEXT_MIB = 500
"""What a CUDA context with cuBLAS and cuDNN takes besides torch's own memory; as `parked_mib` in models.yaml."""
TILED_ABOVE = 1024 * 1024
"""Pixels above which the VAE decodes in tiles."""
MULTIPLE = 8
"""The VAE halves the sides three times."""
SMALLEST = 64
"""Pixels; no fallback makes a smaller side."""


@dataclass
class _Work:
    """One picture on its way; what is done stays done when a later stage has to be tried again."""

    request: ImageRequest
    asked: tuple[int, int]
    """The request's size, rounded up to MULTIPLE."""
    steps: int
    guidance: float
    on_step: StepCallback | None
    stage: Stage = "load"
    prompt: PromptTensors | None = None
    latents: Any = None
    made: tuple[int, int] = (0, 0)
    """Size of `latents`, in pixels."""

    def size(self, rung: Rung) -> tuple[int, int]:
        """What is made on this rung."""
        width, height = (-(-round(side * rung.scale) // MULTIPLE) * MULTIPLE for side in self.asked)
        return width, height


class SdxlEngine:
    """ImageEngine 'sdxl'. One picture per call; the same request on the same device gives the same pixels.

    On a machine without a GPU the same code runs; a second buffer in main memory plays the GPU.
    """

    name = "sdxl"
    kind: EngineKind = "image"

    def __init__(
        self,
        path: Path,
        *,
        dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto",
        config_dir: Path | None = None,
        device: str = "auto",
        cap_mib: int = 0,
    ) -> None:
        """
        Args:
            path: a diffusers folder, or one .safetensors file.
            dtype: 'auto' is float16 on a GPU and float32 on the CPU.
            config_dir: diffusers folder with configs and tokenizers, needed for a single file (never downloaded).
            device: 'auto', 'cuda' or 'cpu'.
            cap_mib: most GPU memory that this process may take, context included; 0 = no limit of its own.
        """
        self._path, self._dtype, self._config, self._wanted = path, dtype, config_dir, device
        self._cap_mib = cap_mib
        self._pipe: Any = None
        self._arena: HostArena | None = None
        self._tiling: Tiling | None = None
        self._active = False
        self._ladder = Ladder()
        self.on_start: OnStart | None = None

    @property
    def device(self) -> str:
        """'cuda' or 'cpu', as wanted and available."""
        if self._wanted != "auto":
            return self._wanted
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    # -- life ------------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read the weights. Raises EngineError when they are missing, no SDXL, or would need unpickling."""
        self._tell("load", 0.0)
        try:
            self._pipe = read_pipeline(
                self._path, self._config, dtype=self._dtype_name(), device=self.device,
                on_component=lambda share, note: self._tell("load", 0.9 * share, note),
            )  # fmt: skip
            self._apply_cap()
            self._tell("load", 0.9, "into one buffer")
            parts = {n: getattr(self._pipe, n) for n in COMPONENTS if getattr(self._pipe, n) is not None}
            self._arena = HostArena(parts, self.device)
            self._tiling = Tiling(self._pipe.vae)
            self._ladder.forget()
            self.restore()
        except BaseException:
            self.unload()
            raise

    def park(self) -> None:
        """The GPU's memory back; the weights stay in main memory, nothing is copied."""
        self._active = False
        if self._arena is not None:
            self._arena.park()

    def restore(self) -> None:
        """Weights back to the GPU. Raises EngineOutOfMemory, the parked weights untouched, when it is too full."""
        arena = self._loaded()
        self._tell("load", 0.95, "to the GPU")
        if self._ladder.floor < OFFLOAD:
            arena.restore(lambda share: self._tell("load", 0.95 + 0.05 * share, "to the GPU"))
        else:
            arena.hold("text_encoder", "text_encoder_2")
        self._ladder.forget_smaller()
        self._active = True
        self._tell("ready", 1.0, arena.warning)

    def unload(self) -> None:
        """Forget the weights."""
        arena, self._arena, self._pipe, self._tiling, self._active = self._arena, None, None, None, False
        if arena is not None:
            arena.release()
        del arena
        gc.collect()
        if self.device == "cuda":
            free_cached()

    def probe(self) -> None:
        """One step at the smallest size. Raises EngineError."""
        self.generate(ImageRequest("probe", width=SMALLEST, height=SMALLEST, steps=1, guidance=1.0))

    # -- memory ----------------------------------------------------------------------------------------------------

    def need_mib(self) -> int:
        """What the loaded weights and one picture take; the full model's figure before loading."""
        if self._arena is None:
            return PEAK_MIB
        whole = self._arena.nbytes / 2**20
        held = whole
        if self._ladder.floor >= OFFLOAD:
            held = max(self._arena.part_bytes(name) for name in ("unet", "text_encoder_2", "vae")) / 2**20
        picture = whole * (PEAK_MIB - WEIGHTS_MIB) / WEIGHTS_MIB
        # Without a GPU the master copy is in the same memory as the one that works.
        master = whole if self.device == "cpu" else 0.0
        return round(held + picture + master) + 1

    def peak_mib(self) -> int | None:
        """Highest GPU memory since the last call, the context included; None on the CPU, where it is not told apart."""
        if self.device != "cuda":
            return None
        import torch

        peak = torch.cuda.max_memory_reserved() / 2**20
        torch.cuda.reset_peak_memory_stats()
        return round(peak) + CONTEXT_MIB

    def shrink(self) -> str:
        """Have only the part that works on the GPU from the next load on; '' when that was given up before."""
        return self._ladder.shrink()

    def grow_back(self) -> None:
        """Everything on the GPU again."""
        self._ladder = Ladder()

    # -- pictures --------------------------------------------------------------------------------------------------

    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """One picture of exactly the asked size. Raises EngineError; what `on_step` raises goes through.

        When memory runs out it goes down the ladder: VAE in tiles, one part on the GPU at a time, a smaller picture
        that is enlarged, EngineOutOfMemory. What was done is in the result's warnings and params.
        """
        self._loaded()
        if not self._active:
            raise EngineError("SDXL is parked", fix="Ask for it through the arbiter")
        began = time.perf_counter()
        asked = (-(-request.width // MULTIPLE) * MULTIPLE, -(-request.height // MULTIPLE) * MULTIPLE)
        guidance = DEFAULT_GUIDANCE if request.guidance is None else request.guidance
        work = _Work(request, asked, request.steps or DEFAULT_STEPS, guidance, on_step)
        rung, pixels = self._down_the_ladder(work)
        tiled = rung.tiled or work.made[0] * work.made[1] > TILED_ABOVE
        return ImageResult(
            image=_fitted(pixels, asked, request), engine=self.name, engine_version=_versions(), seed=request.seed,
            seconds=time.perf_counter() - began, warnings=(*self._warnings(request), *told(rung, work.made, asked)),
            params={
                "prompt": request.prompt, "negative_prompt": request.negative_prompt, "width": asked[0],
                "height": asked[1], "steps": work.steps, "guidance": work.guidance, "seed": request.seed,
                "model": self._path.name, "dtype": self._dtype_name(), "device": self.device, "vae_tiling": tiled,
                "model_offload": rung.offload, "made_width": work.made[0], "made_height": work.made[1],
                "memory_step": rung.name, "scheduler": type(self._pipe.scheduler).__name__,
            },
        )  # fmt: skip

    def _down_the_ladder(self, work: _Work) -> tuple[Rung, NDArray[np.float32]]:
        index = self._ladder.start(*work.asked)
        while True:
            rung = LADDER[index]
            try:
                pixels = self._draw(work, rung)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise _sentence(error) from error
                cause = str(error).split("\n")[0].split(". ")[0][:200]
            else:
                self._ladder.worked(*work.asked, index)
                return rung, pixels
            # Outside the handler: the error's frames would keep the activations alive that have to go now.
            self._free()
            following = self._ladder.after(index, work.stage)
            if following is None or min(work.size(LADDER[following])) < SMALLEST:
                raise EngineOutOfMemory(
                    f"SDXL ran out of memory at {work.asked[0]}x{work.asked[1]}",
                    f"{cause} (with one part loaded at a time, at {work.made[0]}x{work.made[1]})",
                    "Ask for a smaller picture, or end other programs on the GPU",
                )
            LOG.warning("SDXL: %s during %s at %s, next try: %s", cause, work.stage, rung.name, LADDER[following])
            index = following

    def _draw(self, work: _Work, rung: Rung) -> NDArray[np.float32]:
        """All stages that are not done yet. Leaves every weight where the arena has it, whatever happens."""
        arena, request, size = self._loaded(), work.request, work.size(rung)
        assert self._tiling is not None
        try:
            work.stage = "load"
            if not rung.offload:
                arena.restore()
            if work.prompt is None:
                if rung.offload:
                    arena.hold("text_encoder", "text_encoder_2")
                work.stage = "text"
                work.prompt = encode(self._pipe, request.prompt, request.negative_prompt, work.guidance)
            if work.latents is None or work.made != size:
                work.latents, work.made, work.stage = None, size, "denoise"
                if rung.offload:
                    arena.hold("unet")
                work.latents = denoise(
                    self._pipe, work.prompt, *size, steps=work.steps, guidance=work.guidance, seed=request.seed,
                    on_step=lambda step: work.on_step(step, work.steps) if work.on_step is not None else None,
                )  # fmt: skip
            work.stage = "decode"
            if rung.offload:
                arena.hold("vae")
            self._tiling.set(tiled=size[0] * size[1] > TILED_ABOVE, small=rung.tiled)
            return decode(self._pipe, work.latents)
        finally:
            arena.rebind()

    def _free(self) -> None:
        gc.collect()
        if self.device == "cuda":
            free_cached()

    def _loaded(self) -> HostArena:
        if self._arena is None:
            raise EngineError("SDXL is not loaded", fix="Ask for it through the arbiter")
        return self._arena

    def _apply_cap(self) -> None:
        if self._cap_mib <= 0 or self.device != "cuda":
            return
        import torch

        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory / 2**20
        torch.cuda.set_per_process_memory_fraction(min(1.0, max(0.0, (self._cap_mib - CONTEXT_MIB) / total)))

    def _tell(self, phase: StartPhase, share: float, note: str = "") -> None:
        if self.on_start is not None:
            self.on_start(StartProgress(self.name, phase, share, note))

    def _dtype_name(self) -> str:
        if self._dtype != "auto":
            return self._dtype
        return "float16" if self.device == "cuda" else "float32"

    def _warnings(self, request: ImageRequest) -> tuple[str, ...]:
        found = []
        limit = self._pipe.tokenizer.model_max_length
        if len(self._pipe.tokenizer(request.prompt).input_ids) > limit:
            found.append(f"The prompt is longer than SDXL reads ({limit} tokens); its end had no effect.")
        if request.controls or request.loras:
            found.append("Control maps and LoRAs are not used by this engine yet.")
        return tuple(found)


def _fitted(made: NDArray[np.float32], asked: tuple[int, int], request: ImageRequest) -> NDArray[np.uint8]:
    """The picture in the request's own size: enlarged where a smaller one was made, then the middle cut out."""
    if not np.isfinite(made).all():
        raise EngineError(
            "SDXL made an unusable picture", "its values are not finite numbers (the VAE overflows in float16)",
            "Set image.dtype to bfloat16, or use the fp16-fix VAE",
        )  # fmt: skip
    pixels = (made.clip(0, 1) * 255).round().astype(np.uint8)
    if pixels.shape[:2] != (asked[1], asked[0]):
        from PIL import Image

        pixels = np.asarray(Image.fromarray(pixels).resize(asked, Image.Resampling.LANCZOS))
    top, left = (asked[1] - request.height) // 2, (asked[0] - request.width) // 2
    return np.ascontiguousarray(pixels[top : top + request.height, left : left + request.width])


def _sentence(error: Exception) -> Exception:
    """What goes to the user: our own errors and those of callbacks as they are, torch's as one sentence."""
    if isinstance(error, StudioError) or not isinstance(error, RuntimeError | ValueError):
        return error
    return EngineError("SDXL failed", " ".join(str(error).split())[:240], "Run 'studio doctor'")


def _versions() -> str:
    from importlib.metadata import version

    return f"diffusers {version('diffusers')}, torch {version('torch')}"
