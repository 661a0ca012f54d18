"""The protocol of picture engines: one request, one or more pictures with how they were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import Engine
from backends.image.layout.scene import LayoutScene

StepCallback = Callable[[int, int], None]
"""Called with (step, steps); raising inside it cancels the generation."""

MapKind = Literal["depth", "pose", "canny", "normal"]
Quality = Literal["draft", "standard", "final"]
MapSource = Literal["given", "preprocessed", "layout"]


@dataclass(frozen=True)
class ControlMap:
    """A ready-made map that steers a picture; never preprocessed again."""

    kind: str
    """depth | pose | canny | normal."""
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB, same size as the picture."""
    scale: float = 0.7
    start: float = 0.0
    """Share of the steps after which the map begins to steer."""
    end: float = 1.0
    """Share of the steps after which it no longer steers."""
    source: MapSource = "given"
    asset: str = ""
    """Id of the map's asset, '' when it has none."""


@dataclass(frozen=True)
class LoraUse:
    """One LoRA at one strength. The engine checks file and hash before it loads it."""

    name: str
    """Its id in the LoRA registry."""
    path: str
    """Absolute path of the .safetensors file."""
    weight: float = 0.8
    sha256: str = ""
    """Expected hash of the file; '' = any (what was found is in the result's params)."""
    blocks: Mapping[str, Any] = field(default_factory=dict)
    """Strength per block as in diffusers' set_adapters, e.g. {'unet': {'down': 0.5, 'mid': 0.2}}; {} = everywhere."""


@dataclass(frozen=True)
class Reference:
    """A picture whose content or style is to be taken over (IP-Adapter)."""

    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB of any size."""
    scale: float = 0.6
    mask: NDArray[np.uint8] | None = None
    """(H, W) uint8 of the picture's size: where it counts (255); None = everywhere."""
    asset: str = ""


@dataclass(frozen=True)
class InitImage:
    """A picture to start from: image-to-image, or inpainting with a mask."""

    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB of the request's size."""
    strength: float = 0.6
    """0 keeps it, 1 only keeps its size."""
    mask: NDArray[np.uint8] | None = None
    """(H, W) uint8: 255 is painted anew, 0 stays pixel for pixel; soft edges in between. None = everywhere."""
    asset: str = ""


@dataclass(frozen=True)
class ImageRequest:
    prompt: str
    negative_prompt: str = ""
    width: int = 1024
    height: int = 1024
    seed: int = 0
    steps: int | None = None
    """None: as `quality` says."""
    guidance: float | None = None
    """None: as `quality` says."""
    layout: LayoutScene | None = None
    """The 3D blocking of the shot; the preview engine draws it, others may take maps from it."""
    controls: tuple[ControlMap, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    quality: Quality = "standard"
    """Preset of steps, guidance, scheduler and few-step LoRA (`configs/sdxl_config.yaml`)."""
    references: tuple[Reference, ...] = ()
    init: InitImage | None = None
    fuse: bool = False
    """Merge the LoRAs into the weights: worth it for many pictures with the same ones. Recorded: a picture that is made
    again must be made the same way to have the same pixels."""


@dataclass(frozen=True)
class ImageResult:
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    engine: str
    engine_version: str
    seed: int
    seconds: float
    params: dict[str, Any] = field(default_factory=dict)
    """All that is needed to make the same picture again, JSON-ready."""
    warnings: tuple[str, ...] = ()
    speed: dict[str, Any] = field(default_factory=dict)
    """How long it took and, of a model, against what: seconds, tflop, gpu, floor_s, times_the_floor. No part of params:
    it differs from run to run."""


class ImageEngine(Engine, Protocol):
    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """One picture. Same request, same engine version -> same pixels. Raises EngineError."""
