"""What pictures will cost: seconds and memory, before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

from backends.image.engine import Quality
from configs.image_tables import model_path
from configs.sdxl_config import load_sdxl_config
from configs.settings import Settings
from tools.spec import Forecast

PREVIEW_SECONDS, PREVIEW_SECONDS_PER_MEGAPIXEL = 1.5, 6.5
"""Measured on two idle cores; the executor replaces them by what it sees."""
SAMPLES_SHARE = 0.4
"""Of the preview's time that grows with its samples."""
UNKNOWN_GPU_SECONDS = 12.0
"""One 1024 px picture of 30 steps on a card of the 16 GB class."""
CPU_SECONDS = 900.0
"""The same without a GPU, at half a teraflop per second."""
STEERING_SECONDS = 3.0
DISK_MIB_PER_MEGAPIXEL = 2.5


@dataclass(frozen=True)
class Pictures:
    """What is to be made, as far as it decides the cost."""

    width: int
    height: int
    count: int
    """All takes of all pictures."""
    quality: Quality = "standard"
    steps: int | None = None
    guidance: float | None = None
    nets: int = 0
    """Control maps that steer each."""
    layouts: int = 0
    """Layouts that are drawn for the maps."""


def preview_cost(wish: Pictures) -> Forecast:
    """By the layout renderer."""
    from backends.image.preview import SAMPLES_OF

    megapixels = wish.width * wish.height / 1e6
    share = 1 + SAMPLES_SHARE * (SAMPLES_OF[wish.quality] - 1)
    each = PREVIEW_SECONDS + PREVIEW_SECONDS_PER_MEGAPIXEL * megapixels * share
    return Forecast(each * wish.count, disk_mib=DISK_MIB_PER_MEGAPIXEL * megapixels * wish.count)


def sdxl_cost(wish: Pictures, settings: Settings) -> Forecast:
    """By SDXL: operations over what this GPU does per second; memory by the planner. Raises UsageError (the table)."""
    from backends.image.sdxl.flops import picture_flops
    from backends.image.sdxl.planner import PlanInput, forecast_seconds, plan
    from backends.image.sdxl.presets import recipe

    config = load_sdxl_config(settings)
    chosen = recipe(config, wish.quality, wish.steps, wish.guidance, partial(model_path, settings))
    flops = picture_flops(wish.width, wish.height, chosen.steps, chosen.guidance, wish.nets)
    usual = flops / picture_flops(1024, 1024, 30, 6.5)
    gpu = gpu_name()
    each = forecast_seconds(flops, gpu) if gpu else CPU_SECONDS * usual
    if each is None:
        each = UNKNOWN_GPU_SECONDS * usual
    budget = float(settings.gpu.vram_budget_mib)
    planned = plan(PlanInput(wish.width, wish.height, nets=wish.nets, guidance=chosen.guidance, budget_mib=budget))
    megapixels = wish.width * wish.height / 1e6
    return Forecast(
        each * wish.count + STEERING_SECONDS * wish.layouts,
        vram_mib=round(planned.peak_mib) if gpu else 0,
        disk_mib=DISK_MIB_PER_MEGAPIXEL * megapixels * wish.count,
    )


@lru_cache(maxsize=1)
def gpu_name() -> str:
    """The first GPU's name as its driver gives it; '' without one."""
    from backends.gpu.monitor import snapshot

    found = snapshot().devices
    return found[0].name if found else ""
