"""Heads of animals of the wood, in head radii: fox, rabbit, bear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.creature_head import CreatureHead, cone_ears, near, sockets, soft, whiskers
from backends.image.layout.characters.mouth import MouthPlace
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.surface import Mesh, polygonise


def fox_head() -> CreatureHead:
    """A pointed muzzle with a black nose, white cheeks that end in tufts, large upright ears."""
    eye, r = (0.37, 0.08, 0.60), 0.25
    skull = sdf.ellipsoid((0, 0.08, -0.02), (0.92, 0.84, 0.84))
    cheeks = sdf.pair(lambda s: sdf.capsule((s * 0.48, -0.36, 0.22), (s * 1.06, -0.50, 0.04), 0.40, 0.05))
    muzzle = sdf.chain([(0, -0.32, 0.52), (0, -0.38, 0.92), (0, -0.36, 1.14)], [0.44, 0.29, 0.19], 0.10)
    face = sdf.union([sdf.union([skull, cheeks], 0.24), muzzle], 0.22)
    face = sockets(face, eye, r)
    face = sdf.union([face, cone_ears((0.52, 0.66, -0.04), (0.78, 1.46, -0.06), 0.29, 0.03)], 0.08)

    def tint(p: NDArray) -> NDArray:
        x = np.abs(p[:, 0])
        # White below a line that runs from beside the nose up to the tufts.
        low = (1 - soft(p[:, 1] + 0.34 - 0.10 * soft(x, 0.3, 0.9), -0.06, 0.06)) * soft(p[:, 2], -0.30, 0.0)
        inner = (p[:, 1] > 0.82) * soft(p[:, 2], -0.02, 0.08) * (np.abs(x - 0.68) < 0.20)
        return np.asarray(np.maximum(low, inner * 0.9))

    def extras() -> dict[str, Mesh]:
        nose = sdf.union(
            [sdf.ellipsoid((0, -0.25, 1.31), (0.125, 0.09, 0.09)), sdf.sphere((0, -0.30, 1.31), 0.05)], 0.06
        )
        return {"nose": polygonise(nose, (-0.25, -0.45, 1.1), (0.25, -0.1, 1.5), 0.022)}

    return CreatureHead(face, tint, eye, r, 0.70, MouthPlace(-0.54, 0.22, 0.035), 0.48, extras)


def rabbit_head() -> CreatureHead:
    """Round cheeks, a small pink nose, two long ears."""
    eye, r = (0.42, 0.06, 0.58), 0.28
    skull = sdf.ellipsoid((0, 0.06, -0.02), (0.88, 0.92, 0.86))
    cheeks = sdf.pair(lambda s: sdf.ellipsoid((s * 0.46, -0.42, 0.30), (0.50, 0.42, 0.48)))
    muzzle = sdf.pair(lambda s: sdf.ellipsoid((s * 0.14, -0.38, 0.76), (0.24, 0.20, 0.22)))
    face = sdf.union([sdf.union([skull, cheeks], 0.28), muzzle], 0.18)
    face = sockets(face, eye, r)

    def ear(s: float) -> Field:
        blade = sdf.chain(
            [(s * 0.30, 0.74, -0.08), (s * 0.42, 1.20, -0.14), (s * 0.50, 1.62, -0.20), (s * 0.52, 1.90, -0.22)],
            [0.17, 0.22, 0.20, 0.10], 0.05,
        )  # fmt: skip
        hollow = sdf.chain(
            [(s * 0.34, 0.98, 0.10), (s * 0.42, 1.24, 0.04), (s * 0.50, 1.60, -0.02)], [0.10, 0.14, 0.12], 0.05
        )
        return sdf.subtract(blade, hollow, 0.05)

    face = sdf.union([face, sdf.pair(ear)], 0.08)

    def tint(p: NDArray) -> NDArray:
        x = np.abs(p[:, 0])
        inner = (p[:, 1] > 0.95) * soft(p[:, 2], -0.16, -0.06) * (np.abs(x - 0.42) < 0.17)
        return np.asarray(np.maximum(near(p, (0, -0.52, 0.82), (0.46, 0.34, 0.5)), inner))

    def extras() -> dict[str, Mesh]:
        nose = sdf.ellipsoid((0, -0.235, 0.965), (0.11, 0.065, 0.07))
        return {"nose": polygonise(nose, (-0.2, -0.4, 0.8), (0.2, -0.1, 1.1), 0.022), "whiskers": whiskers()}

    return CreatureHead(face, tint, eye, r, 0.76, MouthPlace(-0.55, 0.22, 0.035), 0.48, extras, top=2.1)


def bear_head() -> CreatureHead:
    """Broad and round, a light muzzle with a dark nose, small round ears."""
    eye, r = (0.36, 0.10, 0.70), 0.21
    skull = sdf.ellipsoid((0, 0.06, 0), (1.00, 0.92, 0.90))
    cheeks = sdf.pair(lambda s: sdf.ellipsoid((s * 0.52, -0.40, 0.20), (0.54, 0.44, 0.52)))
    muzzle = sdf.ellipsoid((0, -0.36, 0.74), (0.46, 0.36, 0.46))
    face = sdf.union([sdf.union([skull, cheeks], 0.30), muzzle], 0.16)
    face = sockets(face, eye, r)

    def ear(s: float) -> Field:
        return sdf.subtract(
            sdf.ellipsoid((s * 0.78, 0.78, -0.04), (0.30, 0.30, 0.17)),
            sdf.ellipsoid((s * 0.78, 0.78, 0.16), (0.19, 0.19, 0.14)), 0.05,
        )  # fmt: skip

    face = sdf.union([face, sdf.pair(ear)], 0.08)

    def tint(p: NDArray) -> NDArray:
        x = np.abs(p[:, 0])
        ear = 1 - soft(np.hypot(x - 0.82, p[:, 1] - 0.84), 0.14, 0.19)
        inner = ear * soft(p[:, 2], 0.0, 0.06)
        return np.asarray(np.maximum(near(p, (0, -0.40, 0.95), (0.50, 0.40, 0.44)), inner))

    def extras() -> dict[str, Mesh]:
        nose = sdf.union(
            [sdf.ellipsoid((0, -0.17, 1.15), (0.19, 0.12, 0.10)), sdf.sphere((0, -0.25, 1.16), 0.06)], 0.08
        )
        return {"nose": polygonise(nose, (-0.3, -0.4, 0.95), (0.3, 0.05, 1.35), 0.026)}

    return CreatureHead(face, tint, eye, r, 0.72, MouthPlace(-0.56, 0.28, 0.035), 0.48, extras)
