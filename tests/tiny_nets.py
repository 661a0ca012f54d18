"""Tiny nets that go with the tiny SDXL (`tiny_sdxl.py`), and the tables that name them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from kept_folders import kept_folder
from numpy.typing import NDArray

from backends.image.engine import ControlMap
from backends.image.sdxl.engine import SdxlEngine
from configs.controlnet_config import ControlNetConfig, NetSpec, UnionSpec
from configs.sdxl_config import IpAdapter, Preset, SdxlConfig
from evals.benchmarks.swapping.random_nets import build_random_controlnet, build_random_ip_adapter, build_random_vae

KINDS = ("depth", "pose", "canny")


@dataclass(frozen=True)
class TinyNets:
    """Where they are: `depth`, `pose` and `canny` are ControlNets, all below one folder."""

    folder: Path
    union: Path
    ip_adapter: Path
    image_encoder: Path
    vae: Path

    def locate(self, path: str) -> Path:
        """As `configs.image_tables.model_path` does below the warehouse."""
        return self.folder / path


@cache
def _built() -> TinyNets:
    folder = kept_folder()
    for seed, kind in enumerate(KINDS):
        build_random_controlnet(folder / kind, seed=seed + 10)
    ip_adapter, image_encoder = build_random_ip_adapter(folder / "ip")
    return TinyNets(
        folder, build_random_controlnet(folder / "union", union=True, seed=20), ip_adapter, image_encoder,
        build_random_vae(folder / "vae"),
    )  # fmt: skip


def build_tiny_nets(folder: Path) -> TinyNets:
    """Each call gives a copy of its own to change."""
    kept = _built()
    shutil.copytree(kept.folder, folder, dirs_exist_ok=True)
    return TinyNets(*(folder / getattr(kept, field.name).relative_to(kept.folder) for field in fields(kept)))


def tiny_controlnets(kinds: tuple[str, ...] = KINDS, *, union: bool = True, use_from: int = 3) -> ControlNetConfig:
    """A table of these single nets, and of the Union."""
    nets = {kind: NetSpec(path=kind, scale=0.8) for kind in kinds}
    spec = UnionSpec(path="union" if union else "", use_from=use_from)
    return ControlNetConfig.model_validate({"nets": nets, "union": spec})


def tiny_config(nets: TinyNets | None = None, *, vae: bool = False) -> SdxlConfig:
    """Two steps for each quality; the IP-Adapter (and the VAE) of `nets`."""
    return SdxlConfig(
        vae="vae" if vae else "",
        qualities={
            "draft": Preset(steps=1, guidance=2.0, scheduler="dpmpp_2m_karras"),
            "standard": Preset(steps=2, guidance=5.0),
            "final": Preset(steps=3, guidance=5.0),
        },
        ip_adapter=IpAdapter(path=str(nets.ip_adapter), image_encoder=str(nets.image_encoder)) if nets else IpAdapter(),
    )


def picture(seed: int, width: int = 64, height: int = 64) -> NDArray[np.uint8]:
    """(H, W, 3) noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def maps(*kinds: str, scale: float = 0.7, start: float = 0.0, end: float = 1.0) -> tuple[ControlMap, ...]:
    """One map of noise per kind, 64 x 64, always the same for a kind."""
    return tuple(ControlMap(kind, picture(sum(map(ord, kind))), scale, start, end) for kind in kinds)


def square(low: int = 16, high: int = 48, side: int = 64) -> NDArray[np.uint8]:
    """(side, side) mask: a hard square."""
    mask = np.zeros((side, side), np.uint8)
    mask[low:high, low:high] = 255
    return mask


def tiny_engine(
    model: Path, nets: TinyNets | None = None, *, controlnets: ControlNetConfig | None = None,
    config: SdxlConfig | None = None, dtype: Literal["float16", "bfloat16", "float32"] = "float32",
) -> SdxlEngine:  # fmt: skip
    """The shipping engine on the CPU, loaded, with all nets unless told otherwise."""
    engine = SdxlEngine(
        model, dtype=dtype, device="cpu", config=config or tiny_config(nets),
        controlnets=controlnets or (tiny_controlnets() if nets else None), locate=nets.locate if nets else None,
    )  # fmt: skip
    engine.load()
    return engine
