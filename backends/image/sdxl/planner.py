"""How much GPU memory a picture will take, computed before anything is loaded, and the fastest way that fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from backends.image.sdxl.flops import peak_flops

Setup = Literal["plain", "vae_tiling", "union", "text_apart", "model_offload", "none"]

MIB = 2**20
NOMINAL = 1024 * 1024
FULL_FP16: Mapping[str, float] = {"text_encoder": 235.0, "text_encoder_2": 1325.0, "unet": 4897.0, "vae": 160.0}
"""MiB by part of SDXL base 1.0 in float16 (123.1, 694.7, 2567.5 and 83.7 M parameters)."""
NET_MIB = 2386.0
"""One ControlNet in float16 (1251 M parameters); a Union has about as many."""
IP_ADAPTER_MIB = 808.0
"""IP-Adapter plus for SDXL in float16; its image encoder is not on the GPU while the UNet works."""
CONTEXT_MIB = 500.0
"""What a CUDA context with cuBLAS and cuDNN takes besides torch's own memory."""
DENOISE_MIB = 640.0
"""Work of the UNet at 1024 px with guidance (two pictures at once), torch's reserve included. Measured on an H100: 5538
MiB of reserve with the UNet alone on the GPU (`studio bench swap`, cap 6800). Live tensors are half of it."""
RESIDUALS_MIB = 110.0
"""What one more ControlNet keeps beside that: its residuals and the map, at 1024 px with guidance."""
DECODE_BYTES = 2250.0
"""Per pixel and byte of a number, for a decode in one piece (H100: 8.5 KiB a pixel in float32, 4.3 in float16)."""
TILE = 512
"""Pixels of a tile's side when the VAE decodes in tiles. Pictures above NOMINAL pixels are always decoded in tiles, of
1024 px when memory allows."""
SLACK_MIB = 256.0
"""Blocks that torch's allocator cannot use again; with it the peaks are those measured for 0 to 2 ControlNets."""
SHARE = 0.4
"""Of the GPU's peak that a picture reaches with SDPA and no compiling (A100, 30 steps at 1024 px: 3.31 s, 40 %)."""
BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}


@dataclass(frozen=True)
class PlanInput:
    """One picture, or a batch that is made at once."""

    width: int = 1024
    height: int = 1024
    weights_mib: Mapping[str, float] = field(default_factory=lambda: dict(FULL_FP16))
    """By part, in `dtype`: text_encoder, text_encoder_2, unet, vae."""
    nets: int = 0
    """Control maps, each with a net of its own."""
    net_mib: float = NET_MIB
    union_mib: float = 0.0
    """Weights of the ControlNet Union that could take all maps; 0 = there is none."""
    ip_adapter_mib: float = 0.0
    loras_mib: float = 0.0
    """LoRAs that are not merged into the weights; merged ones take nothing."""
    batch: int = 1
    guidance: float = 6.5
    """Above 1 the UNet works on two pictures at once."""
    dtype: Literal["float16", "bfloat16", "float32"] = "float16"
    vae_upcast: bool = True
    """Whether the VAE must work in float32 (`force_upcast`); the fp16 fix need not."""
    budget_mib: float | None = None
    """GPU memory for the process, context included; None = as much as it takes (the CPU)."""
    text_apart: bool = True
    """Whether the text encoders may leave the GPU before the UNet works."""


@dataclass(frozen=True)
class Plan:
    setup: Setup
    """'none' when nothing fits."""
    peak_mib: float
    """Highest GPU memory, context included; of the smallest set-up when nothing fits."""
    tiled: bool
    """The VAE decodes in tiles of TILE pixels."""
    offload: bool
    """Only the part that works is on the GPU."""
    union: bool
    """One ControlNet Union in place of the single nets."""
    reason: str
    """Why this one, or why nothing fits and what would."""
    warnings: tuple[str, ...] = ()
    """What the user should know: what was given up for want of memory."""
    peaks: Mapping[Setup, float] = field(default_factory=dict)
    """MiB of every set-up that was looked at, from the fastest to the slowest."""

    @property
    def fits(self) -> bool:
        return self.setup != "none"


GIVEN_UP: Mapping[Setup, str] = {
    "vae_tiling": "Memory is short: the picture is decoded in tiles.",
    "union": "Memory is short: one ControlNet Union steers in place of single nets.",
    "text_apart": "Memory is short: the text encoders leave the GPU while the picture is made.",
    "model_offload": "Memory is short: SDXL's parts are on the GPU one at a time, which is slower.",
}


def setups(wish: PlanInput) -> tuple[Setup, ...]:
    """What can be tried, from the fastest to the slowest."""
    found: list[Setup] = ["plain", "vae_tiling"]
    if wish.nets > 1 and wish.union_mib:
        found.append("union")
    if wish.text_apart:
        found.append("text_apart")
    return (*found, "model_offload")


def plan(wish: PlanInput) -> Plan:
    """The fastest set-up whose peak fits into the budget. Never raises: a plan that does not fit says what would."""
    peaks: dict[Setup, float] = {name: round(peak_mib(wish, name), 1) for name in setups(wish)}
    for name, peak in peaks.items():
        if wish.budget_mib is None or peak <= wish.budget_mib:
            return _chosen(wish, name, peak, peaks)
    return _nothing(wish, peaks)


def peak_mib(wish: PlanInput, setup: Setup) -> float:
    """Highest GPU memory of this set-up: the larger of denoising and decoding, each with what stays beside it."""
    parts, union = wish.weights_mib, setup in ("union", "text_apart", "model_offload") and _has_union(wish)
    texts = parts["text_encoder"] + parts["text_encoder_2"]
    nets = wish.union_mib if union else wish.nets * wish.net_mib
    denoise = parts["unet"] + nets + wish.ip_adapter_mib + wish.loras_mib + _denoise(wish)
    decode = _decode(wish, tiled=setup != "plain")
    encode = texts + wish.loras_mib
    if setup == "model_offload":
        most = max(encode, denoise, parts["vae"] + decode)
    elif setup == "text_apart":
        most = max(
            encode + parts["unet"] + parts["vae"],
            denoise + parts["vae"],
            decode + parts["vae"] + denoise - _denoise(wish),
        )
    else:
        resident = texts + parts["vae"] + denoise - _denoise(wish)
        most = resident + max(_denoise(wish), decode)
    return most + CONTEXT_MIB + SLACK_MIB


def forecast_seconds(flops: float, gpu_name: str, share: float = SHARE) -> float | None:
    """Seconds that a picture of so many operations is likely to take at this share of the peak; None for an unknown
    GPU."""
    peak = peak_flops(gpu_name)
    return flops / (peak * share) if peak else None


def _has_union(wish: PlanInput) -> bool:
    return wish.nets > 1 and wish.union_mib > 0


def _denoise(wish: PlanInput) -> float:
    """Work of the UNet and its nets, which take turns: only a net's residuals stay."""
    area = wish.width * wish.height / NOMINAL * wish.batch * (1.0 if wish.guidance > 1 else 0.5)
    return (DENOISE_MIB + RESIDUALS_MIB * wish.nets) * area * BYTES[wish.dtype] / 2


def _decode(wish: PlanInput, *, tiled: bool) -> float:
    element = 4 if wish.vae_upcast else BYTES[wish.dtype]
    # A VAE that is cast has both versions until the picture is done.
    cast = wish.weights_mib["vae"] * element / BYTES[wish.dtype] if element != BYTES[wish.dtype] else 0.0
    pixels, piece = wish.width * wish.height, TILE * TILE if tiled else NOMINAL
    # In small tiles the pictures of a batch take turns too. All are kept whole, three numbers a pixel, twice.
    at_once = 1 if tiled else wish.batch
    work = min(pixels, piece) * DECODE_BYTES * at_once + pixels * 3 * 2 * wish.batch
    return cast + work * element / MIB


def _chosen(wish: PlanInput, name: Setup, peak: float, peaks: Mapping[Setup, float]) -> Plan:
    union = name in ("union", "text_apart", "model_offload") and _has_union(wish)
    where = "there is no limit" if wish.budget_mib is None else f"{round(wish.budget_mib)} MiB are there"
    reason = f"about {round(peak)} MiB are needed, {where}"
    if name != "plain":
        reason += f"; everything on the GPU at once would take {round(peaks['plain'])} MiB"
    warnings = tuple(GIVEN_UP[step] for step in _given_up(name, union))
    return Plan(name, peak, name != "plain", name == "model_offload", union, reason, warnings, peaks)


def _given_up(name: Setup, union: bool) -> tuple[Setup, ...]:
    """Worst first; tiling alone changes nothing that a user sees and is not told beside worse."""
    if name in ("plain", "vae_tiling"):
        return ()
    return ((name,) if name != "union" else ()) + (("union",) if union else ())


def _nothing(wish: PlanInput, peaks: Mapping[Setup, float]) -> Plan:
    budget = wish.budget_mib or 0.0
    least = min(peaks.values())
    sizes = f"{wish.width}x{wish.height}"
    reason = (
        f"{sizes} needs about {round(least)} MiB even with one part loaded at a time, {round(budget)} MiB are there"
    )
    advice = _what_would(wish)
    return Plan("none", least, True, True, _has_union(wish), f"{reason}; {advice}", (), peaks)


def _what_would(wish: PlanInput) -> str:
    """The smallest sacrifice that fits, as the end of a sentence."""
    budget = wish.budget_mib or 0.0
    last = setups(wish)[-1]
    if wish.batch > 1 and peak_mib(replace(wish, batch=1), last) <= budget:
        return "it would fit with one picture at a time"
    for share in (0.75, 0.5):
        smaller = replace(wish, batch=1, width=_side(wish.width, share), height=_side(wish.height, share))
        if peak_mib(smaller, last) <= budget:
            return f"it would fit at {smaller.width}x{smaller.height}"
    for nets in range(wish.nets - 1, -1, -1):
        if peak_mib(replace(wish, batch=1, nets=nets), last) <= budget:
            return f"it would fit with {nets or 'no'} control map{'' if nets == 1 else 's'}"
    bare = replace(wish, batch=1, nets=0, ip_adapter_mib=0.0, loras_mib=0.0)
    if peak_mib(bare, last) <= budget:
        return "it would fit without reference pictures and LoRAs"
    return f"SDXL needs a GPU with {round(peak_mib(bare, last))} MiB free at this size"


def _side(side: int, share: float) -> int:
    return max(64, round(side * share) // 8 * 8)
