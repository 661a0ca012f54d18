"""A photographer's studio: seamless paper and soft light."""

from __future__ import annotations

import numpy as np

from backends.image.layout import shapes
from backends.image.layout.mesh import Material
from backends.image.layout.sky import Backdrop
from backends.image.layout.stage import Stage

PAPER = {
    "day": (0.66, 0.84, 0.86),
    "sunset": (0.95, 0.76, 0.62),
    "night": (0.24, 0.29, 0.46),
    "storm": (0.56, 0.60, 0.64),
}


def build(time_of_day: str, seed: int) -> Stage:
    """Paper that curves up 6 m behind the middle; `seed` changes nothing."""
    del seed
    angle = np.linspace(0, np.pi / 2, 26)
    z = np.concatenate([[30.0, 15.0, 6.0, 0.0, -4.0], -6.0 - 4.0 * np.sin(angle)[1:], [-10.0]])
    y = np.concatenate([np.zeros(5), 4.0 - 4.0 * np.cos(angle)[1:], [30.0]])
    x = np.linspace(-60, 60, 5)
    vertices = np.stack(
        [np.broadcast_to(x, (len(z), 5)), np.repeat(y[:, None], 5, 1), np.repeat(z[:, None], 5, 1)], -1
    ).reshape(-1, 3)
    faces = shapes.sheet(len(z), 5)
    normals = shapes.smooth_normals(vertices, faces)
    if normals[0, 1] < 0:
        faces, normals = faces[:, ::-1], -normals
    paper = shapes.part("set/paper", (vertices, faces, normals), Material(PAPER[time_of_day], specular=0.0))
    gains = {"rim": 1.1, "fill": 1.25, "key": 0.95, "haze": 100.0}
    return Stage((paper,), {}, backdrop=Backdrop(indoor=True, studio=PAPER[time_of_day], gains=gains))
