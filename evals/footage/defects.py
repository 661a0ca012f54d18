"""Made shots with known defects of temporal coherence, and clean ones: seeded, in memory, of any strength.

Strength 1 is what a viewer notices at once; one half is what an attentive one notices.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.footage.defects_actors import Mask, actor
from evals.footage.defects_scenes import SIZE, Drawing, Rgb, Scene, Thing, draw, scene

DEFECTS = ("boil", "wobble", "flicker", "regional_flicker", "jump", "teleport", "colour_drift", "identity")
BOIL_LEVELS = 6.0
"""RMS of the texture noise at strength 1, levels."""
WOBBLE_PIXELS = 2.0
"""RMS displacement at strength 1, pixels of 640."""
FLICKER_SHARE = 0.05
"""RMS of the brightness jitter at strength 1, share of the brightness."""
DRIFT_LAB = 10.0
"""Change of colour over the shot at strength 1, LAB units."""
PART_SECONDS = 1.4
"""Every other boil, wobble or flicker lasts no longer than this."""


@dataclass(frozen=True)
class Clip:
    """A made shot with its truth."""

    frames: tuple[Rgb, ...]
    """Of SIZE."""
    fps: float
    kind: str
    defect: str = ""
    strength: float = 0.0
    spans: tuple[tuple[float, float], ...] = ()
    """Seconds within which the defect shows; of a jump its frames."""
    masks: tuple[dict[str, Mask], ...] = ()
    """Who is where, per frame."""

    def small(self, width: int = 320) -> list[Rgb]:
        """The frames as a pass over the film would hand them around."""
        import cv2

        size = (width, 2 * round(SIZE[0] * width / SIZE[1] / 2))
        return [np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8) for rgb in self.frames]


def clean(kind: str, seed: int) -> Clip:
    """A clean shot of one of `defects_scenes.CLEAN`."""
    return _filmed(scene(kind, seed), "", 0.0, seed)


def faulty(kind: str, seed: int, defect: str, strength: float = 1.0) -> Clip:
    """The same shot with one of DEFECTS."""
    if defect not in DEFECTS:
        raise ValueError(f"no defect '{defect}'")
    of = scene(kind, seed)
    pick = np.random.default_rng(seed + 1)
    if defect in ("jump", "teleport") and not of.things and of.actor is None:
        thing = Thing(int(pick.integers(1 << 30)), (200.0, 150.0), (60.0, 25.0), float(pick.uniform(18, 48)))
        of = replace(of, things=(thing,))
    if defect == "identity" and of.actor is None:
        of = replace(of, actor=actor(int(pick.integers(1 << 30)), 240.0), role="walk")
    return _filmed(of, defect, strength, seed)


def _filmed(of: Scene, defect: str, strength: float, seed: int) -> Clip:
    pick = np.random.default_rng(seed + 2)
    drawings, spans = _drawings(of, defect, strength, pick)
    pictures = [drawing.rgb for drawing in drawings]
    spoil = _SPOIL.get(defect)
    if spoil is not None:
        spoilt = spoil(pictures, strength, of.fps / of.hold, pick)
        first, last = _when(len(pictures), of, defect, pick)
        pictures = [*pictures[:first], *spoilt[first:last], *pictures[last:]]
        spans = [(of.time_of(first), of.time_of(last))]
    pictures = _lit(pictures, of, pick)
    frames = [picture for picture in pictures for _ in range(of.hold)]
    frames = _exposed(frames, of, pick)
    if of.crf is not None:
        frames = _coded(frames, of.fps, of.crf)
    masks = tuple(drawing.masks for drawing in drawings for _ in range(of.hold))
    return Clip(tuple(frames), of.fps, of.kind, defect, strength, tuple(spans), masks)


def _when(count: int, of: Scene, defect: str, pick: np.random.Generator) -> tuple[int, int]:
    """The first drawing with the defect and the first without: all of them, or PART_SECONDS; a drift has no end."""
    if defect == "colour_drift" or pick.random() < 0.5:
        return 0, count
    length = min(count, round(PART_SECONDS * of.fps / of.hold))
    first = int(pick.integers(0, count - length + 1))
    return first, first + length


def _drawings(
    of: Scene, defect: str, strength: float, pick: np.random.Generator
) -> tuple[list[Drawing], list[tuple[float, float]]]:
    """All drawings; objects jump and clothes change while they are drawn."""
    count = of.drawings
    at = int(pick.integers(count // 3, 2 * count // 3))
    step = of.hold / of.fps
    if defect in ("jump", "teleport"):
        last = at + 1 if defect == "jump" else count
        number, far = _whose(of, strength, pick)
        drawn = [draw(of, k, moved={number: far} if at <= k < last else None) for k in range(count)]
        return drawn, [(at * step, (at + 1) * step)]
    if defect == "identity" and of.actor is not None:
        other = actor(int(pick.integers(1 << 30)))
        shirt = _between(of.actor.shirt, _opposite(of.actor.shirt), strength)
        new = of.actor.dressed(shirt, _between(of.actor.trousers, other.trousers, strength))
        return [draw(of, k, clothes=new if k >= at else None) for k in range(count)], [(at * step, count * step)]
    return [draw(of, k) for k in range(count)], []


def _whose(of: Scene, strength: float, pick: np.random.Generator) -> tuple[int, tuple[float, float]]:
    """Which thing jumps (-1: the actor), and by how many pixels: 1.5 times its size at strength 1."""
    if of.things:
        number = int(pick.integers(len(of.things)))
        reach = 3.0 * of.things[number].radius * strength
        x, y = of.things[number].at(of.seconds / 2)
        return number, (reach if x < SIZE[1] / 2 else -reach, 0.4 * reach if y < SIZE[0] / 2 else -0.4 * reach)
    assert of.actor is not None
    return -1, (min(0.4 * of.actor.height, 120.0) * strength * float(pick.choice((-1, 1))), 0.0)


def _opposite(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    top, bottom = max(colour), min(colour)
    return (top + bottom - colour[0], top + bottom - colour[1], top + bottom - colour[2])


def _between(one: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    mixed = np.clip(np.array(one) + (np.array(other) - one) * min(share, 1.0), 0, 255).astype(int)
    return (int(mixed[0]), int(mixed[1]), int(mixed[2]))


def _boil(pictures: list[Rgb], strength: float, rate: float, pick: np.random.Generator) -> list[Rgb]:
    """Texture that is made anew with each drawing, as when each frame is diffused alone; patchy, some colour in it."""
    import cv2

    grain = float(pick.uniform(1.5, 5))
    where = 0.35 + 0.65 * _patches(pick, 90)
    where = (where / np.sqrt((where**2).mean()))[..., None]
    made = []
    for picture in pictures:
        # Made at half the size: its grain is coarser than that anyway.
        noise = pick.standard_normal((SIZE[0] // 2, SIZE[1] // 2, 3), np.float32) * np.float32(0.3)
        noise += pick.standard_normal((SIZE[0] // 2, SIZE[1] // 2, 1), np.float32)
        noise = cv2.resize(cv2.GaussianBlur(noise, (0, 0), grain / 2), SIZE[::-1], interpolation=cv2.INTER_LINEAR)
        made.append(_levels(picture + BOIL_LEVELS * strength / noise.std() * noise * where))
    return made


def _wobble(pictures: list[Rgb], strength: float, rate: float, pick: np.random.Generator) -> list[Rgb]:
    """Shapes that bend and bend back three to six times a second, in waves of a tenth to a quarter of the width."""
    import cv2

    height, width = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = []
    for axis in (0, 0, 1, 1):
        length, angle = float(pick.uniform(64, 160)), float(pick.uniform(0, np.pi))
        phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + pick.uniform(0, 2 * np.pi)
        waves.append((axis, phase, float(pick.uniform(3, 6)), float(pick.uniform(0, 2 * np.pi))))
    made = []
    for number, picture in enumerate(pictures):
        shift = np.zeros((2, height, width), np.float32)
        for axis, phase, hertz, start in waves:
            shift[axis] += np.sin(phase) * np.float32(np.sin(2 * np.pi * hertz * number / rate + start))
        # Two waves an axis, each sine has an RMS of 1/2 over space and time.
        shift *= WOBBLE_PIXELS * strength / np.sqrt(2 * 0.25)
        made.append(cv2.remap(picture, x + shift[0], y + shift[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))
    return [np.asarray(picture, np.uint8) for picture in made]


def _flicker(pictures: list[Rgb], strength: float, rate: float, pick: np.random.Generator) -> list[Rgb]:
    return [_levels(p * (1 + j)) for p, j in zip(pictures, _jitter(len(pictures), strength, rate, pick), strict=True)]


def _regional_flicker(pictures: list[Rgb], strength: float, rate: float, pick: np.random.Generator) -> list[Rgb]:
    """In one part of the picture, about a fifth of it."""
    height, width = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cx, cy = pick.uniform(0.2, 0.8) * width, pick.uniform(0.2, 0.8) * height
    where = np.exp(-(((x - cx) / (0.2 * width)) ** 2 + ((y - cy) / (0.25 * height)) ** 2))[..., None]
    jitter = _jitter(len(pictures), 1.5 * strength, rate, pick)
    return [_levels(p * (1 + j * where)) for p, j in zip(pictures, jitter, strict=True)]


def _jitter(count: int, strength: float, rate: float, pick: np.random.Generator) -> NDArray[np.float64]:
    """Random from drawing to drawing, or a beat of four to eight a second; RMS FLICKER_SHARE times strength."""
    if pick.random() < 0.5:
        return np.asarray(pick.normal(0, FLICKER_SHARE * strength, count))
    hertz = float(pick.uniform(4, 8))
    return np.asarray(np.sqrt(2) * FLICKER_SHARE * strength * np.sin(2 * np.pi * hertz * np.arange(count) / rate))


def _colour_drift(pictures: list[Rgb], strength: float, rate: float, pick: np.random.Generator) -> list[Rgb]:
    """A cast that grows, or colours that grow stronger or paler, evenly over the shot."""
    import cv2

    angle, cast = float(pick.uniform(0, 2 * np.pi)), bool(pick.random() < 0.7)
    sign = float(pick.choice((-1, 1)))
    made = []
    for number, picture in enumerate(pictures):
        share = strength * number / max(1, len(pictures) - 1)
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        if cast:
            lab[..., 1] += DRIFT_LAB * share * np.cos(angle)
            lab[..., 2] += DRIFT_LAB * share * np.sin(angle)
        else:
            chroma = max(float(np.hypot(lab[..., 1], lab[..., 2]).mean()), 8.0)
            lab[..., 1:] *= max(0.0, 1 + sign * DRIFT_LAB * share / chroma)
        made.append(_levels(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)))
    return made


_SPOIL: dict[str, Any] = {
    "boil": _boil, "wobble": _wobble, "flicker": _flicker, "regional_flicker": _regional_flicker,
    "colour_drift": _colour_drift,
}  # fmt: skip


def _lit(pictures: list[Rgb], of: Scene, pick: np.random.Generator) -> list[Rgb]:
    """A light that passes, a fade, a dark place."""
    if "light" in of.finish:
        return _passing_light(pictures, pick)
    if "fade" in of.finish:
        ends = (1.0, float(pick.uniform(0.15, 0.35)))
        ends = ends if pick.random() < 0.5 else ends[::-1]
        return [_levels(p * g) for p, g in zip(pictures, np.linspace(*ends, len(pictures)), strict=True)]
    if "dark" in of.finish:
        level = float(pick.uniform(0.16, 0.3))
        return [_levels(p * level) for p in pictures]
    return pictures


def _passing_light(pictures: list[Rgb], pick: np.random.Generator) -> list[Rgb]:
    height, width = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    gain = float(pick.uniform(0.25, 0.6)) * np.array((1.0, 0.95, 0.85))
    cy, reach = float(pick.uniform(60, 300)), float(pick.uniform(90, 200))
    made = []
    for cx, picture in zip(np.linspace(-200, width + 200, len(pictures)), pictures, strict=True):
        where = np.exp(-(((x - cx) / reach) ** 2 + ((y - cy) / (0.8 * reach)) ** 2))[..., None]
        made.append(_levels(picture * (1 + gain * where)))
    return made


def _exposed(frames: list[Rgb], of: Scene, pick: np.random.Generator) -> list[Rgb]:
    """Film grain or the noise of a camera, new in every frame."""
    import cv2

    sigma = {"grain": float(pick.uniform(4, 8)), "fine_grain": 2.0}.get(of.finish[-1] if of.finish else "", 0.0)
    if not sigma:
        return frames
    made = []
    for frame in frames:
        noise = cv2.GaussianBlur(pick.normal(0, 1, SIZE).astype(np.float32), (0, 0), 0.6)
        made.append(_levels(frame + sigma * (noise / noise.std())[..., None]))
    return made


def _coded(frames: list[Rgb], fps: float, crf: int) -> list[Rgb]:
    """Through H.264 and back."""
    from backends.media.frames import read_frames
    from evals.footage.world import write_clip

    with tempfile.TemporaryDirectory(prefix="studio-footage-") as folder:
        path = write_clip(Path(folder) / "clip.mp4", frames, fps=fps, crf=crf)
        return [rgb for _, rgb in read_frames(path)]


def _patches(pick: np.random.Generator, size: float) -> NDArray[np.float32]:
    """(H, W) 0-1, smooth patches of about `size` pixels."""
    import cv2

    cells = (max(2, round(SIZE[1] / size)), max(2, round(SIZE[0] / size)))
    grid = pick.uniform(0, 1, cells[::-1]).astype(np.float32)
    return np.asarray(np.clip(cv2.resize(grid, SIZE[::-1], interpolation=cv2.INTER_CUBIC), 0, 1), np.float32)


def _levels(values: NDArray[Any]) -> Rgb:
    return np.asarray(np.clip(np.round(values), 0, 255), np.uint8)
