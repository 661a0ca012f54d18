"""One picture on its way, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ImageRequest, InitImage, LoraUse, StepCallback
from backends.image.sdxl.frame import Frame
from backends.image.sdxl.ladder import Rung, Stage
from backends.image.sdxl.nets import Choice
from backends.image.sdxl.pipelines import Mode, Steering
from backends.image.sdxl.presets import Recipe
from backends.image.sdxl.prompt import PromptTensors
from backends.image.sdxl.stages import least_strength
from backends.image.sdxl.vae import InitTensors

GREY = 127


@dataclass
class Work:
    """What is done stays done when a later stage has to be tried again."""

    request: ImageRequest
    recipe: Recipe
    frame: Frame
    choice: Choice = field(default_factory=lambda: Choice(()))
    inpaint_unet: bool = False
    """The UNet reads a masked picture beside the latents, always."""
    text_apart: bool = False
    """The text encoders leave the device once the prompt is read."""
    tiled: bool = False
    """The VAE works in small tiles, whatever the rung."""
    setup: str = "plain"
    """How it was planned (`planner.py`)."""
    least_rung: int = 0
    """Where the ladder begins by the plan."""
    notes: tuple[str, ...] = ()
    """What the plan gave up."""
    on_step: StepCallback | None = None

    stage: Stage = "load"
    loras: tuple[dict[str, Any], ...] | None = None
    """What is in the weights, as the result tells it; None while it was not put there."""
    prompt: PromptTensors | None = None
    references: Any = None
    init: InitTensors | None = None
    init_size: tuple[int, int] = (0, 0)
    latents: Any = None
    made: tuple[int, int] = (0, 0)
    """Width and height of `latents`, in pixels."""
    steps_done: int = 0
    vae_tiled: bool = False
    scheduler: str = ""

    @property
    def uses(self) -> tuple[LoraUse, ...]:
        """The LoRAs, that of the recipe first."""
        few_step = self.recipe.few_step
        return (*((few_step,) if few_step is not None else ()), *self.request.loras)

    @property
    def mode(self) -> Mode:
        if self.inpaint_unet or (self.request.init is not None and self.request.init.mask is not None):
            return "inpaint"
        return "text" if self.request.init is None else "image"

    @property
    def steering(self) -> Steering:
        return "" if not self.choice.nets else "union" if self.choice.union else "single"

    @property
    def start(self) -> InitImage | None:
        """The picture to start from; for an inpainting UNet without one, a grey one that is all painted anew."""
        init, size = self.request.init, (self.request.height, self.request.width)
        if not self.inpaint_unet or (init is not None and init.mask is not None):
            return init
        whole = np.full(size, 255, np.uint8)
        if init is None:
            return InitImage(np.full((*size, 3), GREY, np.uint8), strength=1.0, mask=whole)
        return InitImage(init.image, init.strength, whole, init.asset)

    @property
    def strength(self) -> float:
        """Of `start`, enough for one step at least."""
        start = self.start
        return 1.0 if start is None else least_strength(self.recipe.steps, start.strength)

    @property
    def unchanged(self) -> NDArray[np.uint8] | None:
        """The first picture, when nothing of it is to be painted: strength 0, or an empty mask."""
        init = self.request.init
        if init is None or (init.strength > 0 and (init.mask is None or init.mask.any())):
            return None
        return init.image

    def idle_maps(self) -> list[str]:
        """A sentence for each map that steered in none of the steps that were made: diffusers' own rule."""
        count, found = self.steps_done, []
        for control in self.request.controls if count else ():
            if not any(i / count >= control.start and (i + 1) / count <= control.end for i in range(count)):
                steps = "the only step" if count == 1 else f"none of the {count} steps"
                lies = "does not lie" if count == 1 else "lies"
                found.append(
                    f"The {control.kind} map had no effect: {steps} {lies} wholly between {control.start:g} and "
                    f"{control.end:g} of the way."
                )
        return found

    def stepped(self, step: int, steps: int) -> None:
        self.steps_done = step
        if self.on_step is not None:
            self.on_step(step, steps)


@dataclass(frozen=True)
class Painted:
    pixels: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB of the request's own size."""
    work: Work
    rung: Rung
