"""A tiny SDXL in its arena with LoRA files for it, without the rest of the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_loras import build_lora

from backends.gpu.weights.arena import HostArena
from backends.image.engine import LoraUse
from backends.image.sdxl.adapters import Adapters
from backends.image.sdxl.weights import COMPONENTS, read_pipeline


class Bench:
    """A pipeline in its arena with adapters, without the rest of the engine."""

    def __init__(self, path: Path, dtype: str = "float32") -> None:
        self.pipe: Any = read_pipeline(path, None, dtype=dtype, device="cpu")
        self.arena = HostArena({name: getattr(self.pipe, name) for name in COMPONENTS}, "cpu")
        self.arena.restore()
        self.adapters = Adapters(self.pipe, self.arena)

    def picture(self) -> np.ndarray:
        generator = torch.Generator().manual_seed(5)
        made = self.pipe(
            "a boy on a beach", width=64, height=64, num_inference_steps=2, generator=generator, output_type="np"
        )
        return np.asarray(made.images[0])

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Address and bytes of every tensor, by its name."""
        return {
            f"{part}.{name}": (t.data_ptr(), t.detach().contiguous().view(torch.uint8).numpy().tobytes())
            for part in COMPONENTS
            for name, t in getattr(self.pipe, part).state_dict().items()
        }


def lora_files(tiny: Path) -> dict[str, Path]:
    """Of both forms, with and without text encoders, of several ranks; 'locon' has convolutions."""
    folder = tiny.parent / "loras"
    return {
        "kohya": build_lora(folder, tiny, "kohya", seed=1, alpha=2.0),
        "peft": build_lora(folder, tiny, "peft", rank=8, seed=2),
        "unet": build_lora(folder, tiny, "peft", seed=3, text=False),
        "locon": build_lora(folder, tiny, "kohya", seed=4, text=False, convolutions=True, name="locon"),
    }


def use(path: Path, weight: float = 0.8, **more: Any) -> LoraUse:
    return LoraUse(path.stem, str(path), weight, **more)
