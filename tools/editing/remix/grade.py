"""A look's colours: a tone curve, tints and a palette in CIELAB, baked into a table that ffmpeg looks up.

Lightness comes out of the tone curve alone, which only rises; what sRGB lacks loses chroma and never lightness. So a
ramp stays a ramp: no bands, no shadows brighter than what they fall from.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from backends.media.cielab import lab_of, rgb_of, within_srgb
from backends.media.cube import SIZE, Table, identity

Floats = NDArray[np.float64]
Hex = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]
_NEUTRAL_CHROMA = 9.0
"""CIELAB chroma around which a colour begins to count as one."""
_SKIN_HUES, _SKIN_SOFT = (25.0, 75.0), 14.0
"""Degrees of CIELAB hue of human skin, light and dark (Xiao et al. 2017: means from 41 to 67), and their softness."""
_SKIN_CHROMA = (6.0, 12.0, 58.0, 72.0)
"""Photographed skin has up to 40, painted and drawn skin, and skin in warm light, up to 60."""
_SKIN_LIGHT = (12.0, 28.0, 88.0, 96.0)
_EXPOSURES = (0.8, 2.6)
"""How far a film's own light is corrected, as the slope at black; more would show the noise of its shadows."""
_NEAR = (6.0, 16.0)
"""So much darker or lighter than its style wants it, CIELAB units, a film keeps its own light."""
_DEEPER = 0.5
"""Power to which chroma follows lightness when the light is corrected; without it dark colours would turn grey."""
_PALETTE_REACH = 26.0
"""CIELAB units over which a palette colour draws others to itself."""


class Tint(BaseModel):
    """A colour added to a part of the tones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    colour: Hex
    amount: float = Field(ge=0, le=1.5)


class Grade(BaseModel):
    """What a look does to colours."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tone: tuple[tuple[float, float], ...] = ((0.0, 0.0), (100.0, 100.0))
    """Lightness in, lightness out, 0-100; rising."""
    middle: float = Field(0.0, ge=0, le=80)
    """Lightness that the middle of a film should have before the tone curve, so that a film by night is seen in a style
    that is dark itself; 0 = as it is."""
    mix: tuple[float, float, float] | None = None
    """Black and white through a coloured glass: how much red, green and blue count. None = as light as they look."""
    saturation: float = Field(1.0, ge=0, le=2.5)
    shadows: Tint | None = None
    midtones: Tint | None = None
    highlights: Tint | None = None
    palette: tuple[Hex, ...] = ()
    """Colours that others are drawn to."""
    pull: float = Field(0.0, ge=0, le=1)
    """How far."""
    skin: float = Field(0.5, ge=0, le=1)
    """How much of a change of hue and chroma skin is spared."""
    neutrals: float = Field(0.5, ge=0, le=1)
    """How much of the tints greys are spared; pulls never reach them."""

    @property
    def plain_grey(self) -> bool:
        """Whether all that comes out is untinted grey: then a curve of luma is near enough to a table."""
        tinted = self.shadows or self.midtones or self.highlights or (self.palette and self.pull)
        return self.saturation == 0 and self.mix is None and not tinted

    @field_validator("tone")
    @classmethod
    def _rises(cls, tone: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        ins, outs = [at for at, _ in tone], [to for _, to in tone]
        if len(tone) < 2 or ins[0] != 0 or ins[-1] != 100 or any(b <= a for a, b in pairwise(ins)):
            raise ValueError("a tone curve goes from 0 to 100 in rising steps")
        if any(b < a for a, b in pairwise(outs)) or outs[0] < 0 or outs[-1] > 100:
            raise ValueError("a tone curve only rises, from 0 or more to 100 or less")
        return tone

    @field_validator("mix")
    @classmethod
    def _a_mix(cls, mix: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if mix is not None and (min(mix) < 0 or abs(sum(mix) - 1) > 1e-6):
            raise ValueError("red, green and blue count 0 or more, and 1 together")
        return mix


def bake(grade: Grade, strength: float = 1.0, size: int = SIZE, exposure: float = 1.0) -> Table:
    """The grade as a table (size, size, size, 3) of sRGB 0-1; strength 0 changes nothing."""
    return np.asarray(graded(identity(size), grade, strength, exposure), np.float64)


def graded(rgb: Floats, grade: Grade, strength: float = 1.0, exposure: float = 1.0) -> Floats:
    """(..., 3) sRGB 0-1 graded exactly, without a table, after the film's own light was corrected by `exposure`."""
    lab = lab_of(rgb)
    goal = lab.copy()
    goal[..., 0] = exposed(_through_glass(rgb, grade.mix) if grade.mix else lab[..., 0], exposure)
    deeper = (goal[..., 0] + 1) / (lab[..., 0] + 1)
    goal[..., 1:] *= (deeper**_DEEPER if exposure != 1 else np.ones_like(deeper))[..., None]
    light, chroma = goal[..., 0], np.hypot(goal[..., 1], goal[..., 2])
    goal[..., 0] = curve(grade.tone)(light)
    spared = 1 - grade.skin * skin(lab)
    # Black and white is black and white, skin included.
    kept = spared if grade.saturation else np.ones_like(spared)
    goal[..., 1:] *= (1 + (grade.saturation - 1) * kept)[..., None]
    if grade.palette and grade.pull:
        shift = _palette_shift(goal, _labs(grade.palette))
        reach = grade.pull * spared * smoothstep(chroma, _NEUTRAL_CHROMA / 2, 2.5 * _NEUTRAL_CHROMA)
        goal[..., 1:] += shift * reach[..., None]
    grey = 1 - grade.neutrals * np.exp(-((chroma / _NEUTRAL_CHROMA) ** 2))
    out = goal[..., 0]
    for tint, weight in (
        (grade.shadows, _bump(out, 0, 24, 62)),
        (grade.midtones, _bump(out, 8, 52, 96)),
        (grade.highlights, _bump(out, 42, 80, 100)),
    ):
        if tint is not None:
            colour = _labs((tint.colour,))[0, 1:]
            goal[..., 1:] += (tint.amount * weight * grey * (0.5 + 0.5 * spared))[..., None] * colour
    return within_srgb(lab + strength * (goal - lab))


def exposure_for(light: Floats, middle: float) -> float:
    """How much lighter (above 1) or darker a film with these lightnesses (N,) has to be made for its middle to lie at
    `middle`: the slope at black of `exposed`. Films that are near enough stay as they are."""
    have = float(np.mean(np.quantile(light, [0.3, 0.5, 0.7])))
    if not middle or -_NEAR[0] < have - middle < _NEAR[1] or not 0 < have < 100:
        return 1.0
    slope = 1 / max(1e-3, 1 + (have / middle - 1) / (1 - have / 100))
    return round(float(np.clip(slope, *_EXPOSURES)), 2)


def exposed(light: Floats, exposure: float) -> Floats:
    """Lightness 0-100 in more or less light: black and white stay, `exposure` is the slope at black (Schlick 1994)."""
    return np.asarray(light / (1 + (1 / exposure - 1) * (1 - light / 100)), np.float64)


def _through_glass(rgb: Floats, mix: tuple[float, float, float]) -> Floats:
    """Lightness of what a black and white film sees through a coloured glass."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ np.array(mix)
    return lab_of(np.repeat(_encoded(linear)[..., None], 3, axis=-1))[..., 0]


def _encoded(linear: Floats) -> Floats:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


def curve(points: tuple[tuple[float, float], ...]) -> Any:
    """A smooth curve through rising points that never falls (PCHIP: Fritsch and Carlson 1980)."""
    from scipy.interpolate import PchipInterpolator

    ins, outs = zip(*points, strict=True)
    return PchipInterpolator(ins, outs)


def skin(lab: Floats) -> Floats:
    """How much each CIELAB colour (..., 3) could be human skin, 0-1."""
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    inside = _trapezoid(hue, (_SKIN_HUES[0] - _SKIN_SOFT, *_SKIN_HUES, _SKIN_HUES[1] + _SKIN_SOFT))
    return inside * _trapezoid(chroma, _SKIN_CHROMA) * _trapezoid(lab[..., 0], _SKIN_LIGHT)


def smoothstep(value: Floats, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    share = ((value - low) / (high - low)).clip(0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float64)


def hex_of(lab: Floats) -> str:
    """A CIELAB colour (3,) as '#rrggbb'."""
    return "#{:02x}{:02x}{:02x}".format(*(within_srgb(lab[None])[0] * 255).round().astype(int))


def _trapezoid(value: Floats, edges: tuple[float, float, float, float]) -> Floats:
    return smoothstep(value, edges[0], edges[1]) * (1 - smoothstep(value, edges[2], edges[3]))


def _bump(light: Floats, low: float, top: float, high: float) -> Floats:
    """A hill over the tones; black and white, where a tint would show as a cast, get none."""
    return np.where(light < top, smoothstep(light, low, top), 1 - smoothstep(light, top, high))


def _labs(colours: tuple[str, ...]) -> Floats:
    rgb = np.array([[int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)] for code in colours])
    return lab_of(rgb)


def _palette_shift(lab: Floats, palette: Floats) -> Floats:
    """To the weighted mean of the palette's hues and chromas around each colour; lightness counts half."""
    away = lab[..., None, :] - palette
    far = (away[..., 0] / 2) ** 2 + away[..., 1] ** 2 + away[..., 2] ** 2
    weight = np.exp(-(far - far.min(axis=-1, keepdims=True)) / (2 * _PALETTE_REACH**2))
    weight /= weight.sum(axis=-1, keepdims=True)
    return np.asarray((weight[..., None] * palette[:, 1:]).sum(axis=-2) - lab[..., 1:], np.float64)


def lightness_falls(table: Table) -> float:
    """The most by which lightness falls, CIELAB, from one step of a table to the next brighter one; 0 is right."""
    light = lab_of(table)[..., 0]
    steps = light[1:, 1:, 1:] - light[:-1, :-1, :-1]
    return float(max(0.0, -steps.min()))


def steepest(table: Table) -> float:
    """The most CIELAB units per CIELAB unit along the greys: a slope that shows noise and bands of 8 bit."""
    last = table.shape[0]
    greys = np.arange(last)
    light = lab_of(table[greys, greys, greys])[:, 0]
    flat = lab_of(np.repeat(np.linspace(0, 1, last)[:, None], 3, axis=1))[:, 0]
    return float((np.diff(light) / np.diff(flat)).max())


__all__ = [
    "Grade",
    "Tint",
    "bake",
    "curve",
    "exposed",
    "exposure_for",
    "graded",
    "hex_of",
    "lightness_falls",
    "rgb_of",
    "skin",
    "steepest",
]
