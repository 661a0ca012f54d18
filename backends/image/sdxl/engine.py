"""SDXL through diffusers: weights in a page-locked arena, native SDPA attention, no downloads."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backends.gpu.engine import OnStart, StartPhase, StartProgress
from backends.gpu.weights.arena import HostArena, free_cached
from backends.gpu.weights.own_thread import OwnThread
from backends.image.engine import ImageRequest, ImageResult, StepCallback
from backends.image.sdxl.ladder import OFFLOAD, Ladder, told
from backends.image.sdxl.painter import SMALLEST, TEXT_ENCODERS, Painter, Work
from backends.image.sdxl.weights import COMPONENTS, check_config, check_packages, check_weights, read_pipeline
from configs.controlnet_config import ControlNetConfig
from configs.errors import EngineError
from configs.sdxl_config import Preset, SdxlConfig

if TYPE_CHECKING:
    from backends.gpu.engine import EngineKind

__all__ = ["SdxlEngine", "check_weights"]

DEFAULT_STEPS = 30
DEFAULT_GUIDANCE = 6.5
PLAIN = SdxlConfig(
    qualities={
        "draft": Preset(steps=14, guidance=5.0),
        "standard": Preset(steps=30, guidance=6.5),
        "final": Preset(steps=40, guidance=6.5),
    }
)
"""What an engine works by that is given no table."""
WEIGHTS_MIB = 6620
"""fp16 weights of the full model: UNet 2567.5 M, text encoders 818 M, VAE 84 M parameters."""
UNET_MIB = 4897
PEAK_MIB = 9700
"""GPU memory of one 1024 px picture in fp16 with SDPA, the VAE in float32 and in tiles of 512 px, context included
(measured on an H100: 9196 MiB of torch's reserve, `studio bench swap`)."""
CONTEXT_MIB = 500
"""What a CUDA context with cuBLAS and cuDNN takes besides torch's own memory; as `parked_mib` in models.yaml."""


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
        config: SdxlConfig | None = None,
        controlnets: ControlNetConfig | None = None,
        locate: Callable[[str], Path] | None = None,
    ) -> None:
        """
        Args:
            path: a diffusers folder, or one .safetensors file.
            dtype: 'auto' is float16 on a GPU and float32 on the CPU.
            config_dir: diffusers folder with configs and tokenizers, needed for a single file (never downloaded).
            device: 'auto', 'cuda' or 'cpu'.
            cap_mib: most GPU memory that this process may take, context included; 0 = no limit of its own.
            config: qualities, few-step LoRAs, VAE and IP-Adapter; None = the qualities alone, with figures of its own.
            controlnets: which nets there are; None = none.
            locate: from a path of these tables to the file; None = as it is written.
        """
        self._table, self._controlnets = config or PLAIN, controlnets or ControlNetConfig()
        self._locate = locate or Path
        self._path, self._dtype, self._config, self._wanted = path, dtype, config_dir, device
        self._cap_mib = cap_mib
        self._pipe: Any = None
        self._arena: HostArena | None = None
        self._painter: Painter | None = None
        self._active = False
        self._ladder = Ladder()
        self._thread = OwnThread("sdxl")
        self._sizes: tuple[float, float] = (WEIGHTS_MIB, UNET_MIB)
        """MiB of all weights and of the largest part; the full model's until the real ones were seen."""
        self.on_start: OnStart | None = None

    @property
    def device(self) -> str:
        """'cuda' or 'cpu', as wanted and available."""
        if self._wanted != "auto":
            return self._wanted
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    # -- life ------------------------------------------------------------------------------------------------------

    def check_startable(self) -> None:
        """Raises EngineError when the weights or the packages are not there. Reads headers only, imports nothing."""
        check_packages()
        check_weights(self._path)
        check_config(self._path, self._config)

    def load(self) -> None:
        """Read the weights. Raises EngineError when they are missing, no SDXL, or would need unpickling."""
        self._tell("load", 0.0)
        try:
            self._pipe = read_pipeline(
                self._path, self._config, dtype=self._dtype_name(), device=self.device,
                on_component=lambda share, note: self._tell("load", 0.9 * share, note),
            )  # fmt: skip
            room = self._room()
            self._tell("load", 0.9, "into one buffer")
            self._arena = HostArena({name: getattr(self._pipe, name) for name in COMPONENTS}, self.device)
            largest = max(self._arena.part_bytes(name) for name in COMPONENTS)
            self._sizes = (self._arena.nbytes / 2**20, largest / 2**20)
            self._ladder.forget()
            self._painter = Painter(self._pipe, self._arena, self._ladder, room)
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
        arena = self._arena
        if arena is None:
            raise EngineError("SDXL is not loaded", fix="Ask for it through the arbiter")
        if self._ladder.floor < OFFLOAD:
            arena.restore(lambda share: self._tell("load", 0.95 + 0.05 * share, "to the GPU"))
        else:
            arena.hold(*TEXT_ENCODERS)
        self._ladder.forget_smaller()
        self._active = True
        self._tell("ready", 1.0, arena.warning)

    def unload(self) -> None:
        """Forget the weights."""
        self._thread.end()
        arena, self._arena, self._pipe, self._painter, self._active = self._arena, None, None, None, False
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
        whole, largest = self._sizes
        held = largest if self._ladder.floor >= OFFLOAD else whole
        # Without a GPU the master copy is in the same memory as the one that works.
        master = whole if self._arena is not None and self.device == "cpu" else 0.0
        return round(held + whole * (PEAK_MIB - WEIGHTS_MIB) / WEIGHTS_MIB + master + 0.5)

    def peak_mib(self) -> int | None:
        """Highest GPU memory since the last call, the context included; None on the CPU, where it is not told apart."""
        if self.device != "cuda":
            return None
        import torch

        peak = torch.cuda.max_memory_reserved() / 2**20
        torch.cuda.reset_peak_memory_stats()
        return round(peak) + CONTEXT_MIB

    def pinned_mib(self) -> int:
        """Page-locked main memory of the weights."""
        return round(self._arena.pinned_mib) if self._arena is not None else 0

    def shrink(self) -> str:
        """Have only the part that works on the GPU from the next load on; '' when that was given up before."""
        return self._ladder.shrink()

    def grow_back(self) -> None:
        """Everything on the GPU again."""
        self._ladder.grow_back()

    # -- pictures --------------------------------------------------------------------------------------------------

    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """One picture of exactly the asked size. Raises EngineError; what `on_step` raises goes through.

        When memory runs out it goes down the ladder: VAE in tiles, one part on the GPU at a time, a smaller picture
        that is enlarged, EngineOutOfMemory. What was done is in the result's warnings and params.
        """
        painter = self._loaded()
        if not self._active:
            raise EngineError("SDXL is parked", fix="Ask for it through the arbiter")
        began = time.perf_counter()
        guidance = DEFAULT_GUIDANCE if request.guidance is None else request.guidance
        work = Work(request, request.steps or DEFAULT_STEPS, guidance, on_step)
        painted = self._thread.call(lambda: painter.paint(work))
        return ImageResult(
            image=painted.pixels, engine=self.name, engine_version=_versions(), seed=request.seed,
            seconds=time.perf_counter() - began,
            warnings=(*self._warnings(request), *told(painted.rung, painted.made, work.asked)),
            params={
                "prompt": request.prompt, "negative_prompt": request.negative_prompt, "width": work.asked[0],
                "height": work.asked[1], "steps": work.steps, "guidance": guidance, "seed": request.seed,
                "model": self._path.name, "dtype": self._dtype_name(), "device": self.device,
                "vae_tiling": painted.tiled, "model_offload": painted.rung.offload, "made_width": painted.made[0],
                "made_height": painted.made[1], "memory_step": painted.rung.name,
                "scheduler": type(self._pipe.scheduler).__name__,
            },
        )  # fmt: skip

    def _loaded(self) -> Painter:
        if self._painter is None:
            raise EngineError("SDXL is not loaded", fix="Ask for it through the arbiter")
        return self._painter

    def _room(self) -> float | None:
        """MiB that torch may take on the GPU, from now on enforced; None on the CPU."""
        if self.device != "cuda":
            return None
        import torch

        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory / 2**20
        room = (min(self._cap_mib, total) if self._cap_mib > 0 else total) - CONTEXT_MIB
        if self._cap_mib > 0:
            torch.cuda.set_per_process_memory_fraction(max(room, 0.0) / total)
        return float(room)

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


def _versions() -> str:
    from importlib.metadata import version

    return f"diffusers {version('diffusers')}, torch {version('torch')}"
