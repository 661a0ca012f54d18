"""Changes of content by diffusion: a part of a picture painted anew, the rest kept pixel for pixel."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ImageRequest, ImageResult, InitImage, LoraUse, Quality
from backends.media.adjust import blend, pad, resize
from tools.film.lexicon import lexicon, word_index
from tools.film.words import find_phrase
from tools.image.edit_plan import EditPlan
from tools.image.edit_shape import Side
from tools.image.regions import Mask, Region, characters_mask, find_region, foreground, grown

Rgb = NDArray[np.uint8]
WORK_PIXELS = 1024 * 1024
"""SDXL was trained at about this size; parts are brought to it, whatever their own size is."""
MOST_UPSCALED_PART = 4.0
STRENGTH = {"background": 0.97, "remove": 0.97, "change": 0.78, "whole": 0.5, "extend": 1.0, "enlarge": 0.28}
"""How much is painted anew: high where something else comes, low where only detail does."""
TILE, OVERLAP = 1024, 128
_VERBS = re.compile(
    r"^(?:(?:please|can you|could you|edit|modify|change|make|give|add|put|let|turn|draw|paint|rendi|cambia|aggiungi)"
    r"\b\s*)+", re.I
)  # fmt: skip
_WORN_ON_HEAD = frozenset({"glasses", "hat", "cap", "crown", "beard", "moustache", "bow", "freckles"})


@dataclass(frozen=True)
class Brush:
    """What all strokes of one edit share."""

    generate: Callable[[ImageRequest], ImageResult]
    prompt: str
    """Of the picture that is changed; '' when it has none."""
    negative: str
    seed: int
    quality: Quality
    loras: tuple[LoraUse, ...] = ()
    strength: float | None = None
    """In place of the usual one."""


@dataclass(frozen=True)
class Stroke:
    """A picture after a change."""

    rgb: Rgb
    told: str
    """What was painted, in words."""
    results: tuple[ImageResult, ...]
    mask: Mask | None = None


def area_of(plan: EditPlan, rgb: Rgb, frame: Any = None) -> Region | None:
    """Where a content change happens; None = the whole picture."""
    size = (rgb.shape[1], rgb.shape[0])
    if plan.content == "background":
        front = characters_mask(frame) if frame is not None else foreground(rgb)
        return Region("the background", 255 - front, frame is not None) if front is not None else None
    worn = {key for _, key, _ in find_phrase(plan.what, word_index("looks", "accessories"))}
    if worn & _WORN_ON_HEAD and frame is not None:
        head = find_region(f"{plan.what} head", size, frame=frame)
        hair = find_region(f"{plan.what} hair", size, frame=frame)
        parts = [one.mask for one in (head, hair) if one is not None]
        if parts:
            both = np.maximum.reduce(parts)
            reach = 0.35 * np.sqrt(float((both > 0).sum()))
            return Region("the head", grown(both, reach), True)
    return find_region(plan.what, size, frame=frame, rgb=rgb)


def paint(plan: EditPlan, rgb: Rgb, region: Region | None, brush: Brush) -> Stroke:
    """The content change of `plan`. Raises EngineError; what the callbacks raise goes through."""
    prompt, negative = _words(plan, brush)
    if region is None:
        strength = STRENGTH["whole"] if brush.strength is None else brush.strength
        whole, made = _run(rgb, None, prompt, negative, strength, brush)
        return Stroke(whole, "the whole picture (the part that is meant could not be told apart)", (made,))
    usual = STRENGTH[plan.content or "change"]
    strength = usual if brush.strength is None else brush.strength
    side = min(rgb.shape[:2])
    wide = 0.012 * side if region.exact else 0.02 * side
    mask = grown(region.mask, -0.004 * side if plan.content == "background" else wide, 0.006 * side)
    painted, result = _part(rgb, mask, prompt, negative, strength, brush)
    return Stroke(painted, region.name, (result,), mask)


def extended(rgb: Rgb, sides: dict[Side, float]) -> tuple[int, int]:
    """Width and height of the larger canvas."""
    left, top, right, bottom = _added(rgb, sides)
    return rgb.shape[1] + left + right, rgb.shape[0] + top + bottom


def extend(rgb: Rgb, sides: dict[Side, float], brush: Brush) -> Stroke:
    """The picture on a larger canvas, the new part painted to continue it."""
    height, width = rgb.shape[:2]
    canvas, mask = pad(rgb, *_added(rgb, sides))
    strength = STRENGTH["extend"] if brush.strength is None else brush.strength
    soft = grown(mask, 0.01 * min(height, width), 0.008 * min(height, width))
    painted, result = _run(canvas, soft, brush.prompt or "the scene continues", brush.negative, strength, brush)
    kept = blend(painted, canvas, 255 - soft)
    return Stroke(kept, f"{canvas.shape[1]}x{canvas.shape[0]} pixels", (result,), soft)


def enlarge(rgb: Rgb, width: int, height: int, brush: Brush, on_tile: Callable[[int, int], None]) -> Stroke:
    """Lanczos, then every tile painted over lightly, so that there is detail; tiles fade into each other.

    on_tile: called with (done, all) before each tile; may raise to cancel.
    """
    large = resize(rgb, width, height)
    strength = STRENGTH["enlarge"] if brush.strength is None else brush.strength
    total = np.zeros(large.shape, np.float32)
    weight = np.zeros(large.shape[:2], np.float32)
    places = [(top, left) for top in _starts(height) for left in _starts(width)]
    results = []
    for number, (top, left) in enumerate(places):
        on_tile(number, len(places))
        area = (slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width)))
        painted, result = _run(large[area], None, brush.prompt, brush.negative, strength, brush, number)
        results.append(result)
        share = _fade(painted.shape[0])[:, None] * _fade(painted.shape[1])[None]
        total[area] += painted * share[..., None]
        weight[area] += share
    made = (total / weight[..., None]).round().clip(0, 255).astype(np.uint8)
    return Stroke(made, f"{width}x{height} pixels, {len(places)} tile(s)", tuple(results))


def _added(rgb: Rgb, sides: dict[Side, float]) -> tuple[int, int, int, int]:
    """Pixels at the left, top, right and bottom, in eights as the engine draws."""
    height, width = rgb.shape[:2]
    left, right = (round(sides.get(side, 0.0) * width / 8) * 8 for side in ("left", "right"))
    top, bottom = (round(sides.get(side, 0.0) * height / 8) * 8 for side in ("top", "bottom"))
    return left, top, right, bottom


# -- inside ------------------------------------------------------------------------------------------------------------


def _words(plan: EditPlan, brush: Brush) -> tuple[str, str]:
    """Prompt and negative prompt for the part: what is new first, then what the picture shows."""
    base, negative = brush.prompt, brush.negative
    if plan.content == "remove":
        gone = re.sub(r"^(?:the|a|an|his|her|il|la|lo|i|le|gli)\s+", "", plan.what, flags=re.I)
        left = ", ".join(part for part in base.split(", ") if gone.lower() not in part.lower())
        return left or "the same place, nothing else", ", ".join(part for part in (gone, negative) if part)
    new = plan.what
    if plan.content == "change":
        new = _VERBS.sub("", plan.what)
        pictures = "|".join(map(re.escape, lexicon("edits")["picture"]))
        new = re.sub(rf"\b(?:in|to|of|on)\s+(?:this|the|that|my)\s+(?:last\s+)?(?:{pictures})\b", "", new, flags=re.I)
        new = " ".join(new.split()).strip(" ,.!") or plan.what
    return ", ".join(part for part in (new, base) if part), negative


def _part(rgb: Rgb, mask: Mask, prompt: str, negative: str, strength: float, brush: Brush) -> tuple[Rgb, ImageResult]:
    """Only the surroundings of the mask are given to the engine, at its own size: small things get full detail."""
    top, bottom, left, right = _window(mask)
    area = (slice(top, bottom), slice(left, right))
    painted, result = _run(rgb[area], mask[area], prompt, negative, strength, brush)
    whole = rgb.copy()
    whole[area] = blend(rgb[area], painted, mask[area])
    return whole, result


def _window(mask: Mask) -> tuple[int, int, int, int]:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    least = min(height, width, 256)
    tall, wide = max(least, round(1.6 * (bottom - top))), max(least, round(1.6 * (right - left)))
    # no part more than twice as long as wide: the engine was trained on ordinary shapes
    tall, wide = max(tall, wide // 2), max(wide, tall // 2)
    if tall * wide > 0.6 * height * width:
        return 0, height, 0, width
    y, x = (top + bottom) // 2, (left + right) // 2
    top, left = (
        int(np.clip(y - tall // 2, 0, max(0, height - tall))),
        int(np.clip(x - wide // 2, 0, max(0, width - wide))),
    )
    return top, min(height, top + tall), left, min(width, left + wide)


def _run(
    rgb: Rgb, mask: Mask | None, prompt: str, negative: str, strength: float, brush: Brush, number: int = 0
) -> tuple[Rgb, ImageResult]:
    height, width = rgb.shape[:2]
    scale = float(np.sqrt(WORK_PIXELS / (height * width)))
    scale = min(scale, MOST_UPSCALED_PART)
    wide, tall = (max(64, round(side * scale / 8) * 8) for side in (width, height))
    init = InitImage(resize(rgb, wide, tall), strength, None if mask is None else _fit_mask(mask, wide, tall))
    result = brush.generate(
        ImageRequest(
            prompt,
            negative,
            wide,
            tall,
            (brush.seed + number) % 2**31,
            loras=brush.loras,
            quality=brush.quality,
            init=init,
        )
    )
    return resize(result.image, width, height), result


def _fit_mask(mask: Mask, width: int, height: int) -> Mask:
    import cv2

    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _starts(side: int) -> list[int]:
    if side <= TILE:
        return [0]
    count = -(-(side - OVERLAP) // (TILE - OVERLAP))
    return [round(at) for at in np.linspace(0, side - TILE, count)]


def _fade(length: int) -> NDArray[np.float32]:
    ramp = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)).astype(np.float32)
    return np.minimum(ramp / OVERLAP, 1.0)
