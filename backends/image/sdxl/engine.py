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
from backends.image.sdxl.fingerprint import fingerprint
from backends.image.sdxl.frame import SMALLEST, check_inputs
from backends.image.sdxl.ladder import OFFLOAD, Ladder
from backends.image.sdxl.models import Models
from backends.image.sdxl.outlook import Outlook
from backends.image.sdxl.painter import TEXT_ENCODERS, Painter
from backends.image.sdxl.prompt import is_cut, most_tokens
from backends.image.sdxl.result import engine_version, params_of, speed_of, warnings_of
from backends.image.sdxl.weights import COMPONENTS, check_config, check_packages, check_weights, read_pipeline
from backends.image.sdxl.work import Work
from configs.controlnet_config import ControlNetConfig
from configs.errors import EngineError
from configs.sdxl_config import Preset, SdxlConfig

if TYPE_CHECKING:
    from backends.gpu.engine import EngineKind

__all__ = ["SdxlEngine", "check_weights"]

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
        self._models: Models | None = None
        self._painter: Painter | None = None
        self._outlook: Outlook | None = None
        self._told: set[str] = set()
        """Notes on qualities that were said before."""
        self._active = False
        self._marks = ("", "")
        """Fingerprints of model and VAE as they were read."""
        self._ladder = Ladder()
        self._thread = OwnThread("sdxl")
        self._sizes: tuple[float, float] = (WEIGHTS_MIB, UNET_MIB)
        """MiB of all weights and of the largest part; the full model's until the real ones were seen."""
        self.on_start: OnStart | None = None

    @property
    def _pipe(self) -> Any:
        return self._models.pipe if self._models is not None else None

    @property
    def _arena(self) -> HostArena | None:
        return self._models.arena if self._models is not None else None

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
        table, dtype = self._table, self._dtype_name()
        self._marks = fingerprint(self._path), fingerprint(self._vae) if self._vae is not None else ""
        try:
            pipe = read_pipeline(
                self._path, self._config, dtype=dtype, device=self.device, vae=self._vae,
                on_component=lambda share, note: self._tell("load", 0.9 * share, note),
            )  # fmt: skip
            room = self._room()
            self._tell("load", 0.9, "into one buffer")
            self._models = models = Models(pipe, self.device, table, self._locate)
            sizes = {name: models.arena.part_bytes(name) / 2**20 for name in COMPONENTS}
            self._sizes = (models.arena.nbytes / 2**20, max(sizes.values()))
            self._ladder.forget()
            self._painter = Painter(models, self._ladder, room)
            self._outlook = Outlook(
                table, self._controlnets, self._locate, sizes, dtype, pipe.vae.config.force_upcast,
                models.inpaint_unet, None if room is None else room + CONTEXT_MIB,
            )  # fmt: skip
            self.restore()
        except BaseException:
            self.unload()
            raise

    def park(self) -> None:
        """The GPU's memory back; the weights stay in main memory, nothing is copied."""
        self._active = False
        if self._models is not None:
            self._models.parts.park()

    def restore(self) -> None:
        """Weights back to the GPU. Raises EngineOutOfMemory, the parked weights untouched, when it is too full."""
        arena = self._loaded().arena
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
        models, self._models, self._painter, self._outlook, self._active = self._models, None, None, None, False
        if models is not None:
            models.parts.release()
        del models
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
        master = beside = 0.0
        if self._models is not None:
            parts = self._models.parts
            master = parts.nbytes / 2**20 if self.device == "cpu" else 0.0
            beside = parts.bytes_of(parts.names & parts.on_device) / 2**20 + self._models.adapters.mib
        return round(held + beside + whole * (PEAK_MIB - WEIGHTS_MIB) / WEIGHTS_MIB + master + 0.5)

    def peak_mib(self) -> int | None:
        """Highest GPU memory since the last call, the context included; None on the CPU, where it is not told apart."""
        if self.device != "cuda":
            return None
        import torch

        peak = torch.cuda.max_memory_reserved() / 2**20
        torch.cuda.reset_peak_memory_stats()
        return round(peak) + CONTEXT_MIB

    def pinned_mib(self) -> int:
        """Page-locked main memory of the weights, those of LoRAs included."""
        if self._models is None:
            return 0
        return round(self._models.parts.pinned_mib + self._models.adapters.pinned_mib)

    def shrink(self) -> str:
        """Have only the part that works on the GPU from the next load on; '' when that was given up before."""
        return self._ladder.shrink()

    def grow_back(self) -> None:
        """Everything on the GPU again."""
        self._ladder.grow_back()

    # -- pictures --------------------------------------------------------------------------------------------------

    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """One picture of exactly the asked size. Raises EngineError; what `on_step` raises goes through.

        The recipe, the nets and the set-up that fits are chosen first (`outlook.py`). When memory runs out all the
        same it goes down the ladder: VAE in tiles, one part on the GPU at a time, a smaller picture that is enlarged,
        EngineOutOfMemory. What was done is in the result's warnings and params.
        """
        models, painter, outlook = self._loaded(), self._painter, self._outlook
        assert painter is not None and outlook is not None
        if not self._active:
            raise EngineError("SDXL is parked", fix="Ask for it through the arbiter")
        began = time.perf_counter()
        check_inputs(request)
        if request.references:
            models.references.check()
        work = outlook.work(request)
        work.on_step = on_step
        painted = self._thread.call(lambda: painter.paint(work))
        adapter = self._locate(self._table.ip_adapter.path)
        seconds = time.perf_counter() - began
        return ImageResult(
            image=painted.pixels, engine=self.name, engine_version=engine_version(), seed=request.seed,
            seconds=seconds, speed=speed_of(painted, seconds, self.device),
            warnings=warnings_of(painted, *self._notes(request, work)),
            params=params_of(
                painted, model=self._path, vae=self._vae, adapter=adapter, marks=self._marks, dtype=self._dtype_name(),
                device=self.device,
            ),
        )  # fmt: skip

    def _loaded(self) -> Models:
        if self._models is None:
            raise EngineError("SDXL is not loaded", fix="Ask for it through the arbiter")
        return self._models

    @property
    def _vae(self) -> Path | None:
        return self._locate(self._table.vae) if self._table.vae else None

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

    def _dtype_name(self) -> Literal["float16", "bfloat16", "float32"]:
        if self._dtype != "auto":
            return self._dtype
        return "float16" if self.device == "cuda" else "float32"

    def _notes(self, request: ImageRequest, work: Work) -> tuple[str, ...]:
        found = []
        texts = {"prompt": request.prompt}
        if work.recipe.guidance > 1:
            texts["negative prompt"] = request.negative_prompt
        for what, text in texts.items() if work.unchanged is None else ():
            if is_cut(self._pipe, text):
                limit = most_tokens(self._pipe)
                found.append(f"The {what} is longer than SDXL reads ({limit} tokens); its end had no effect.")
        if request.negative_prompt and work.recipe.guidance <= 1:
            found.append("What should not be in the picture had no effect: this quality works without guidance.")
        if work.unchanged is not None:
            found.append("The picture is as it was: the strength is 0, or the mask is empty.")
        elif request.init is not None and work.strength > request.init.strength:
            found.append(
                f"The strength {request.init.strength:g} leaves none of {work.recipe.steps} steps: one step was made, "
                f"which is a strength of {1 / work.recipe.steps:.2g}."
            )
        found += work.idle_maps()
        note = work.recipe.note
        if note and note not in self._told:
            self._told.add(note)
            found.append(note)
        return tuple(found)
