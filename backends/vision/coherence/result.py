"""Whether a shot holds together over time, as it is recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backends.vision.part import Part

FaultKind = Literal["boil", "wobble", "flicker", "jump", "colour_drift", "identity_drift"]


class Fault(Part):
    kind: FaultKind
    strength: float = Field(description="The measure over its mark; 1 is just a fault.")
    seconds: tuple[float, ...] = Field(description="Frames that show it best, worst first, at most five.")


class Coherence(Part):
    """Within one shot's clean frames. Levels are 0-255 of luma or LAB units; None: not measured."""

    warp_mean: float | None = Field(None, description="Mean error of each frame warped onto the next, where followed.")
    warp_peak_ratio: float | None = Field(None, description="Highest over median of the worst block's warping error.")
    luma_flicker: float | None = Field(None, description="Mean size of the second difference of the mean brightness.")
    lab_drift: float | None = Field(None, description="Slow change of colour of followed places, CIELAB.")
    ssim_warped_min: float | None = Field(None, description="Lowest SSIM of a frame with the warped one before it.")
    occluded_fraction: float | None = Field(None, description="Share of places that are not found in the frame before.")
    identity_drift: dict[str, float] = Field(default_factory=dict, description="Per character: 1 - similarity.")
    verdict: Literal["coherent", "faulty", "unknown"] = "unknown"
    faults: tuple[Fault, ...] = ()
    reason: str = Field("", description="Why it is unknown, or what was left out.")
