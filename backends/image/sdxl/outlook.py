"""A request looked at before anything is loaded for it: its recipe, its nets, and the set-up that fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backends.image.engine import ImageRequest
from backends.image.sdxl.frame import MULTIPLE, Frame
from backends.image.sdxl.ladder import OFFLOAD
from backends.image.sdxl.nets import Choice, UnionUse, choose_nets, numbers, union_file
from backends.image.sdxl.planner import BYTES, MIB, PlanInput, plan
from backends.image.sdxl.presets import Recipe, recipe
from backends.image.sdxl.reference import GRID
from backends.image.sdxl.work import Work
from configs.controlnet_config import ControlNetConfig
from configs.errors import EngineError
from configs.sdxl_config import SdxlConfig


@dataclass(frozen=True)
class Outlook:
    """What is known of the engine before a picture."""

    config: SdxlConfig
    controlnets: ControlNetConfig
    locate: Callable[[str], Path]
    weights_mib: Mapping[str, float]
    """By part, as loaded."""
    dtype: Literal["float16", "bfloat16", "float32"]
    vae_upcast: bool
    inpaint_unet: bool
    budget_mib: float | None
    """GPU memory for the process, context included; None on the CPU."""

    def work(self, request: ImageRequest) -> Work:
        """The picture to make. Raises EngineError: a net or LoRA that is missing, or nothing that fits and why."""
        found = recipe(self.config, request.quality, request.steps, request.guidance, self.locate)
        choice = self._nets(request, "never" if self.inpaint_unet else "as set")
        masked = len(request.references) > 1 or any(r.mask is not None for r in request.references)
        frame = Frame(request.width, request.height, GRID if masked else MULTIPLE)
        work = Work(request, found, frame, choice, self.inpaint_unet)
        self._plan(work, found)
        return work

    def _plan(self, work: Work, found: Recipe) -> None:
        request, (width, height) = work.request, work.frame.asked
        spare = None
        if not (work.choice.union or self.inpaint_unet):
            spare = union_file(self.controlnets, self.locate, request.controls)
        sizes = {net.name: self._mib(net.weights) for net in work.choice.nets}
        adapter = self._mib(self.locate(self.config.ip_adapter.path)) if request.references else 0.0
        wish = PlanInput(
            width, height, self.weights_mib, nets=len(sizes), net_mib=max(sizes.values(), default=0.0),
            union_mib=self._mib(spare.weights) if spare is not None and request.controls else 0.0,
            ip_adapter_mib=adapter, loras_mib=0.0 if request.fuse else sum(_file_mib(u.path) for u in work.uses),
            guidance=found.guidance, dtype=self.dtype, vae_upcast=self.vae_upcast, budget_mib=self.budget_mib,
        )  # fmt: skip
        chosen = plan(wish)
        if not chosen.fits:
            raise EngineError(
                "The picture does not fit into the GPU's memory", chosen.reason,
                "Ask for less of it, or end other programs on the GPU",
            )  # fmt: skip
        if chosen.union and not work.choice.union:
            work.choice = self._nets(request, "always")
        work.setup, work.notes, work.tiled = chosen.setup, chosen.warnings, chosen.tiled
        work.text_apart = chosen.setup == "text_apart"
        work.least_rung = OFFLOAD if chosen.offload else 0

    def _nets(self, request: ImageRequest, union: UnionUse) -> Choice:
        return choose_nets(self.controlnets, self.locate, request.controls, union) if request.controls else Choice(())

    def _mib(self, file: Path) -> float:
        return numbers(file) * BYTES[self.dtype] / MIB


def _file_mib(path: str) -> float:
    try:
        return Path(path).stat().st_size / MIB
    except OSError:
        return 0.0
