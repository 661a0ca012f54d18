"""The protocol of picture engines: one request, one or more pictures with how they were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import Engine
from backends.image.layout.scene import LayoutScene

StepCallback = Callable[[int, int], None]
"""Called with (step, steps); raising inside it cancels the generation."""


@dataclass(frozen=True)
class ControlMap:
    """A ready-made map that steers a picture; never preprocessed again."""

    kind: str
    """depth | pose | canny | normal."""
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB, same size as the picture."""
    scale: float = 0.7


@dataclass(frozen=True)
class ImageRequest:
    prompt: str
    negative_prompt: str = ""
    width: int = 1024
    height: int = 1024
    seed: int = 0
    steps: int | None = None
    """None: the engine's default."""
    guidance: float | None = None
    layout: LayoutScene | None = None
    """The 3D blocking of the shot; the preview engine draws it, others may take maps from it."""
    controls: tuple[ControlMap, ...] = ()
    loras: tuple[tuple[str, float], ...] = ()


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


class ImageEngine(Engine, Protocol):
    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """One picture. Same request, same engine version -> same pixels. Raises EngineError."""
