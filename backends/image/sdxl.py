"""SDXL through diffusers: weights from a local folder or one safetensors file, native SDPA attention, no downloads."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from backends.image.engine import ImageRequest, ImageResult, StepCallback
from configs.errors import EngineError, StudioError

if TYPE_CHECKING:
    from backends.gpu.engine import EngineKind

DEFAULT_STEPS = 30
DEFAULT_GUIDANCE = 6.5
WEIGHTS_MIB = 6620
"""fp16 weights of the full model: UNet 2567.5 M, text encoders 818 M, VAE 84 M parameters."""
PEAK_MIB = 9000
"""Weights and activations of one 1024 px picture in fp16 with SDPA (about 9.0 GB)."""
TILED_ABOVE = 1024 * 1024
"""Pixels above which the VAE decodes in tiles."""
MULTIPLE = 8
"""The VAE halves the sides three times."""
SDXL_KEY = "conditioner.embedders.1.model."
"""Only single-file SDXL checkpoints carry OpenCLIP bigG under this prefix."""
HEADER_LIMIT = 100 * 2**20


class SdxlEngine:
    """ImageEngine 'sdxl'. One picture per call; the same request on the same device gives the same pixels."""

    name = "sdxl"
    kind: EngineKind = "image"

    def __init__(
        self,
        path: Path,
        *,
        dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto",
        config_dir: Path | None = None,
        device: str = "auto",
    ) -> None:
        """
        Args:
            path: a diffusers folder, or one .safetensors file.
            dtype: 'auto' is float16 on a GPU and float32 on the CPU.
            config_dir: diffusers folder with configs and tokenizers, needed for a single file (never downloaded).
            device: 'auto', 'cuda' or 'cpu'.
        """
        self._path, self._dtype, self._config, self._wanted = path, dtype, config_dir, device
        self._pipe: Any = None

    def load(self) -> None:
        """Read the weights. Raises EngineError when they are missing, no SDXL, or would need unpickling."""
        try:
            import torch
            from diffusers import StableDiffusionXLPipeline
        except ImportError as error:
            raise EngineError(
                "SDXL needs packages that are not installed", str(error), 'pip install -c constraints.txt -e ".[gpu]"'
            ) from error
        check_weights(self._path)
        dtype = getattr(torch, self._dtype_name())
        try:
            if self._path.is_dir():
                pipe = StableDiffusionXLPipeline.from_pretrained(
                    str(self._path), dtype=dtype, local_files_only=True, use_safetensors=True, add_watermarker=False
                )
            else:
                if self._config is None or not self._config.is_dir():
                    raise EngineError(
                        f"'{self._path.name}' is a single file and needs the configs and tokenizers of SDXL",
                        "image.sdxl_config names no folder",
                        "Set image.sdxl_config to a diffusers SDXL folder (its weights are not needed)",
                    )
                pipe = StableDiffusionXLPipeline.from_single_file(
                    str(self._path), config=str(self._config), dtype=dtype, local_files_only=True, add_watermarker=False
                )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            cause = " ".join(str(error).split())[:240]
            raise EngineError(
                f"The SDXL weights in {self._path} cannot be loaded", cause, "Check the download"
            ) from error
        pipe.set_progress_bar_config(disable=True)
        self._pipe = pipe
        self._to(self.device)

    @property
    def device(self) -> str:
        """'cuda' or 'cpu', as wanted and available."""
        if self._wanted != "auto":
            return self._wanted
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def park(self) -> None:
        """Weights to main memory."""
        self._to("cpu")

    def restore(self) -> None:
        """Weights back to the GPU."""
        self._to(self.device)

    def unload(self) -> None:
        """Forget the weights."""
        self._pipe = None
        if self.device == "cuda":
            import torch

            torch.cuda.empty_cache()

    def probe(self) -> None:
        """One step at the smallest size. Raises EngineError."""
        self.generate(ImageRequest("probe", width=64, height=64, steps=1, guidance=1.0))

    def need_mib(self) -> int:
        """What the loaded weights and one picture take; the full model's figure before loading."""
        if self._pipe is None:
            return PEAK_MIB
        parts = [c for c in self._pipe.components.values() if hasattr(c, "parameters")]
        weights = sum(p.numel() * p.element_size() for part in parts for p in part.parameters()) / 2**20
        return round(float(weights) * PEAK_MIB / WEIGHTS_MIB) + 1

    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """One picture of exactly the asked size. Raises EngineError; what `on_step` raises goes through."""
        if self._pipe is None:
            raise EngineError("SDXL is not loaded", fix="Ask for it through the arbiter")
        import torch

        steps, guidance = request.steps or DEFAULT_STEPS, request.guidance
        guidance = DEFAULT_GUIDANCE if guidance is None else guidance
        width, height = (-(-side // MULTIPLE) * MULTIPLE for side in (request.width, request.height))
        tiled = width * height > TILED_ABOVE
        (self._pipe.vae.enable_tiling if tiled else self._pipe.vae.disable_tiling)()
        began = time.perf_counter()

        def stepped(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if on_step is not None:
                on_step(index + 1, steps)
            return tensors

        try:
            made = self._pipe(
                prompt=request.prompt,
                negative_prompt=request.negative_prompt or None,
                width=width,
                height=height,
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=torch.Generator("cpu").manual_seed(request.seed),
                output_type="np",
                callback_on_step_end=stepped,
            ).images[0]
        except StudioError:
            raise
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EngineError(
                f"SDXL ran out of GPU memory at {width}x{height}", str(error).split(".")[0], "Ask for a smaller picture"
            ) from error
        except (RuntimeError, ValueError) as error:
            raise EngineError("SDXL failed", " ".join(str(error).split())[:240], "Run 'studio doctor'") from error
        if not np.isfinite(made).all():
            raise EngineError(
                "SDXL made an unusable picture", "its values are not finite numbers (the VAE overflows in float16)",
                "Set image.dtype to bfloat16, or use the fp16-fix VAE",
            )  # fmt: skip
        pixels = (made.clip(0, 1) * 255).round().astype(np.uint8)
        top, left = (height - request.height) // 2, (width - request.width) // 2
        pixels = np.ascontiguousarray(pixels[top : top + request.height, left : left + request.width])
        return ImageResult(
            image=pixels, engine=self.name, engine_version=_versions(), seed=request.seed,
            seconds=time.perf_counter() - began, warnings=self._warnings(request),
            params={
                "prompt": request.prompt, "negative_prompt": request.negative_prompt, "width": request.width,
                "height": request.height, "steps": steps, "guidance": guidance, "seed": request.seed,
                "model": self._path.name, "dtype": self._dtype_name(), "device": self.device, "vae_tiling": tiled,
                "scheduler": type(self._pipe.scheduler).__name__,
            },
        )  # fmt: skip

    def _to(self, device: str) -> None:
        if self._pipe is None:
            return
        import torch

        self._pipe.to(device)
        if device == "cpu" and torch.cuda.is_available():
            torch.cuda.empty_cache()

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


def check_weights(path: Path) -> None:
    """Raises EngineError unless `path` is a diffusers SDXL folder or an SDXL safetensors file. Reads headers only."""
    if not path.exists():
        raise EngineError(f"There are no SDXL weights at {path}", "the path does not exist", "Set image.sdxl_path")
    if path.is_dir():
        _check_folder(path)
        return
    if path.suffix != ".safetensors":
        raise EngineError(
            f"'{path.name}' is not loaded", "only .safetensors files are read; other formats can run code when opened",
            "Use the safetensors version of the model",
        )  # fmt: skip
    if not any(key.startswith(SDXL_KEY) for key in safetensors_keys(path)):
        raise EngineError(
            f"'{path.name}' is no SDXL checkpoint", "it lacks SDXL's second text encoder", "Use an SDXL model"
        )


def _check_folder(path: Path) -> None:
    index = path / "model_index.json"
    try:
        described = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{path} is no diffusers folder", "its model_index.json is missing or unreadable", "Set image.sdxl_path"
        ) from error
    if "text_encoder_2" not in described:
        raise EngineError(f"{path} is no SDXL model", f"it is a {described.get('_class_name', 'different model')}")
    if not any((path / "unet").glob("*.safetensors")):
        raise EngineError(f"{path} has no safetensors weights", "only safetensors are read", "Download that variant")


def safetensors_keys(path: Path) -> list[str]:
    """Tensor names from a file's header (8 bytes little-endian length, then JSON). Raises EngineError."""
    try:
        with path.open("rb") as handle:
            (length,) = struct.unpack("<Q", handle.read(8))
            if length > min(HEADER_LIMIT, path.stat().st_size):
                raise ValueError("its header is longer than the file")
            header = json.loads(handle.read(length))
    except (OSError, ValueError, struct.error) as error:
        raise EngineError(f"'{path.name}' is no safetensors file", str(error), "Download it again") from error
    return [key for key in header if key != "__metadata__"]


def _versions() -> str:
    from importlib.metadata import version

    return f"diffusers {version('diffusers')}, torch {version('torch')}"
