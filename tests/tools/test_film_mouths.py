"""Mouths in drawn frames are on time: measured in the frames, at the rates of films."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from backends.image.layout.scene import CharacterLook
from tools.film.layers import Layers, Patch
from tools.film.performance import Cue, Speech
from tools.film.shot import Actor, Camera, Shot
from tools.film.shot_frames import ShotFrames

SIZE = (160, 90)
FACE = (50, 20, 110, 80)
OPEN = {"A": 0, "C": 110, "D": 250}
"""Brightness of the drawn mouth of each shape."""
START = 0.137
GOAL_S = 0.040


def _cues() -> tuple[Cue, ...]:
    edges, shapes = [0.0], []
    generator = np.random.default_rng(7)
    for number in range(24):
        shapes.append("ACD"[(number * 2 + int(generator.integers(2))) % 3])
        edges.append(edges[-1] + float(generator.uniform(0.08, 0.22)))
    return tuple(Cue(START + a, START + b, shape) for (a, b), shape in zip(pairwise(edges), shapes, strict=True))


def _frames(fps: float, cues: tuple[Cue, ...]) -> np.ndarray:
    """Brightness of the mouth in every frame."""
    width, height = SIZE
    rgb = np.full((height, width, 3), 128, np.uint8)
    owner = np.zeros((height, width), np.uint8)
    owner[10:, 40:120] = 2
    x0, y0, x1, y1 = FACE
    patches = []
    for shape, level in OPEN.items():
        face = np.full((y1 - y0, x1 - x0, 3), 128, np.uint8)
        face[30:55, 10:50] = level
        patches.append(Patch("Luca", shape, 0.0, x0, y0, face))
    layers = Layers(
        np.full((height, width), 2.0, np.float32), owner, ("sky", "set", "Luca"),
        {"Luca": tuple(float(edge) for edge in FACE)}, tuple(patches),
    )  # fmt: skip
    shot = Shot(id="s", actors=(Actor(name="Luca"),), camera=Camera(scale="CU"))
    seconds = cues[-1].end + 0.4
    speech = Speech("Luca", START, cues[-1].end - START, cues, np.zeros(1, np.float32))
    count = round(seconds * fps)
    drawn = ShotFrames(shot, rgb, layers, {"Luca": CharacterLook()}, [speech], SIZE, fps, count, 1)
    return np.array([drawn.frame(index)[55:70, 68:92].mean() for index in range(count)])


@pytest.mark.parametrize("fps", [12, 24000 / 1001, 24, 25, 30000 / 1001, 30, 50])
def test_the_mouth_is_on_time_in_the_frames(fps: float) -> None:
    cues = _cues()
    seen = _frames(fps, cues)
    at = np.arange(0.0, len(seen) / fps, 0.001)
    shown = seen[np.minimum((at * fps).astype(int), len(seen) - 1)]
    wanted = np.full(len(at), 128.0)
    for cue in cues:
        wanted[(at >= cue.start) & (at < cue.end)] = OPEN[cue.mouth]
    fits = [float(np.corrcoef(np.roll(shown, -late), wanted)[0, 1]) for late in range(-120, 121)]
    late = (int(np.argmax(fits)) - 120) / 1000
    # A frame's own length blurs this by a few milliseconds; half a frame of 12 a second would be 42.
    assert abs(late) <= 0.012 and abs(late) < GOAL_S
    assert max(fits) > 0.9 if fps > 23 else max(fits) > 0.75
