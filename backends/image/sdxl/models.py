"""Everything of SDXL that is loaded: one set of weights and what is put to it for a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.gpu.weights.arena import HostArena
from backends.image.sdxl.adapters import Adapters
from backends.image.sdxl.controlnets import ControlNets
from backends.image.sdxl.parts import Parts
from backends.image.sdxl.pipelines import Pipelines
from backends.image.sdxl.reference import References
from backends.image.sdxl.weights import COMPONENTS
from configs.sdxl_config import SdxlConfig


class Models:
    """Made of the text-to-image pipeline that was read, its weights on the CPU; afterwards they are in arenas."""

    def __init__(self, pipe: Any, device: str, config: SdxlConfig, locate: Callable[[str], Path]) -> None:
        self.pipe = pipe
        self.scheduler = pipe.scheduler
        """The model's own; pictures get copies."""
        self.arena = HostArena({name: getattr(pipe, name) for name in COMPONENTS}, device)
        self.parts = Parts(self.arena, COMPONENTS)
        self.pipelines = Pipelines(pipe)
        self.adapters = Adapters(pipe, self.arena)
        self.nets = ControlNets(pipe.unet, self.parts, pipe.unet.dtype)
        spec = config.ip_adapter
        self.references = References(pipe, self.parts, spec, locate(spec.path), locate(spec.image_encoder))

    @property
    def inpaint_unet(self) -> bool:
        """Whether the UNet was made for inpainting: mask and masked picture come in beside the latents."""
        return bool(self.pipe.unet.config.in_channels == 9)

    def forget(self, *nets: str, references: bool) -> None:
        """Give up what the picture at hand does not use: all ControlNets but these, the adapter unless wanted."""
        self.nets.forget(*nets)
        if not references:
            self.references.forget()
