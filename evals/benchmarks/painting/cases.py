"""What is painted in the SDXL benchmark: random models in one folder, and the kinds of pictures made with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backends.image.engine import ControlMap, ImageRequest, LoraUse
from backends.image.sdxl.engine import SdxlEngine
from configs.controlnet_config import ControlNetConfig, NetSpec
from configs.sdxl_config import FewStep, Preset, SdxlConfig
from evals.benchmarks.swapping.random_sdxl import Size

PROMPT = "a boy on a beach at sunset"
SEED = 7
FAST = "fast"
FAST_STEPS = 8
GUIDANCE = 6.5
LORA_RANK: Mapping[Size, int] = {"tiny": 4, "full": 32}
WEIGHT = 0.6
SCALE = 0.6
"""Of each control map."""
KINDS = ("depth", "canny")


@dataclass(frozen=True)
class World:
    """Files of one SDXL with all that goes with it."""

    sdxl: Path
    loras: tuple[Path, ...]
    few_step: Path
    nets: Mapping[str, Path]

    def engine(self, device: str, cap_mib: int = 0) -> SdxlEngine:
        """The studio's engine for it, not loaded."""
        draft = Preset(steps=FAST_STEPS, guidance=1.0, few_step=(FAST,))
        plain = Preset(steps=30, guidance=GUIDANCE)
        fast = FewStep(lora=str(self.few_step), steps=FAST_STEPS, guidance=1.0, scheduler="euler_trailing")
        return SdxlEngine(
            self.sdxl, device=device, cap_mib=cap_mib,
            config=SdxlConfig(
                qualities={"draft": draft, "standard": plain, "final": plain}, few_step={FAST: fast}
            ),
            controlnets=ControlNetConfig(
                nets={kind: NetSpec(path=str(path)) for kind, path in self.nets.items()}  # type: ignore[misc]
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One kind of picture."""

    name: str
    loras: int = 0
    fused: bool = False
    nets: int = 0
    fast: bool = False
    """With the few-step LoRA: FAST_STEPS steps without guidance."""

    @property
    def guidance(self) -> float:
        return 1.0 if self.fast else GUIDANCE

    def steps(self, usual: int) -> int:
        return FAST_STEPS if self.fast else usual

    def request(self, world: World, side: int, steps: int, seed: int = SEED) -> ImageRequest:
        """For the engine; `side` in pixels."""
        return ImageRequest(
            PROMPT, width=side, height=side, seed=seed, steps=None if self.fast else steps,
            guidance=None if self.fast else GUIDANCE, quality="draft" if self.fast else "standard", fuse=self.fused,
            loras=tuple(LoraUse(path.stem, str(path), WEIGHT) for path in world.loras[: self.loras]),
            controls=tuple(ControlMap(kind, map_of(kind, side), SCALE) for kind in KINDS[: self.nets]),
        )  # fmt: skip


CASES = (
    Case("plain"), Case("lora_2", loras=2), Case("lora_2_fused", loras=2, fused=True), Case("controlnet_1", nets=1),
    Case("controlnet_2", nets=2), Case("few_step", fast=True), Case("few_step_fused", fast=True, fused=True),
)  # fmt: skip


def map_of(kind: str, side: int) -> np.ndarray:
    """A map with something in it, (side, side, 3) uint8: a ramp as depth, a grid of lines as edges."""
    rows, columns = np.mgrid[:side, :side]
    plane = rows * 255 // side if kind == "depth" else ((rows % 32 == 0) | (columns % 32 == 0)) * 255
    return np.repeat(plane[..., None], 3, axis=2).astype(np.uint8)


def build_world(folder: Path, size: Size, dtype: str, device: str) -> World:
    """Random weights of the real shapes ('full') or tiny ones; `device`: where they are drawn."""
    from evals.benchmarks.painting.random_loras import build_random_lora
    from evals.benchmarks.swapping.random_nets import build_random_controlnet
    from evals.benchmarks.swapping.random_sdxl import build_random_sdxl

    sdxl = build_random_sdxl(folder, size, dtype=dtype, device=device)
    config = sdxl / "vae" / "config.json"  # as the fp16 fix: in one piece and in half precision
    config.write_text(json.dumps(json.loads(config.read_text(encoding="utf-8")) | {"force_upcast": False}))
    rank = LORA_RANK[size]
    loras = tuple(
        build_random_lora(folder / "loras", sdxl, rank=rank, seed=seed, dtype=dtype, strength=0.05, name=f"lora-{seed}")
        for seed in (1, 2)
    )
    few_step = build_random_lora(
        folder / "loras", sdxl, "peft", 2 * rank, 3, text=False, dtype=dtype, strength=0.05, name="few-step"
    )
    nets = {
        kind: build_random_controlnet(folder / kind, size, seed=seed, dtype=dtype, device=device)
        for seed, kind in enumerate(KINDS)
    }
    return World(sdxl, loras, few_step, nets)
