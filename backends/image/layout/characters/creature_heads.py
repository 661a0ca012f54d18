"""Heads of animals and monsters, in head radii: the surface, the parts stuck on it, and where eyes and mouth sit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.creature_head import CreatureHead, cone_ears, near, sockets, soft, whiskers
from backends.image.layout.characters.creature_heads_wild import bear_head, fox_head, rabbit_head
from backends.image.layout.characters.mouth import MouthPlace
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import turn
from backends.image.layout.characters.surface import Mesh, joined, polygonise
from backends.image.layout.characters.sweep import ball, spline, tube


def cat_head() -> CreatureHead:
    """Wide cheeks, pointed ears, small pink nose."""
    eye, r = (0.41, 0.0, 0.60), 0.29
    skull = sdf.ellipsoid((0, 0.04, 0), (1.00, 0.90, 0.88))
    cheeks = sdf.pair(lambda s: sdf.ellipsoid((s * 0.58, -0.42, 0.28), (0.50, 0.40, 0.46)))
    muzzle = sdf.pair(lambda s: sdf.ellipsoid((s * 0.15, -0.40, 0.78), (0.27, 0.22, 0.22)))
    face = sdf.union([sdf.union([skull, cheeks], 0.30), muzzle], 0.20)
    face = sockets(face, eye, r)
    face = sdf.union([face, cone_ears((0.58, 0.66, 0.02), (0.80, 1.30, 0.0), 0.27, 0.03)], 0.08)

    def tint(p: NDArray) -> NDArray:
        x = np.abs(p[:, 0])
        muzzle_tint = near(p, (0, -0.55, 0.85), (0.50, 0.36, 0.5))
        inner = (p[:, 1] > 0.80) * soft(p[:, 2], 0.02, 0.12) * (np.abs(x - 0.70) < 0.22)
        return np.asarray(np.maximum(muzzle_tint, inner * 0.9))

    def extras() -> dict[str, Mesh]:
        nose = sdf.union(
            [sdf.ellipsoid((0, -0.235, 0.985), (0.125, 0.07, 0.08)), sdf.sphere((0, -0.285, 0.985), 0.05)], 0.06
        )
        return {"nose": polygonise(nose, (-0.2, -0.4, 0.8), (0.2, -0.1, 1.15), 0.022), "whiskers": whiskers()}

    return CreatureHead(face, tint, eye, r, 0.74, MouthPlace(-0.56, 0.27, 0.035), 0.44, extras)


def dog_head() -> CreatureHead:
    """A broad muzzle with a black nose, hanging ears."""
    eye, r = (0.35, 0.10, 0.62), 0.25
    skull = sdf.ellipsoid((0, 0.12, -0.04), (0.88, 0.88, 0.86))
    jaw = sdf.ellipsoid((0, -0.42, 0.30), (0.72, 0.50, 0.62))
    muzzle = sdf.ellipsoid((0, -0.42, 0.72), (0.54, 0.40, 0.56))
    face = sdf.union([sdf.union([skull, jaw], 0.30), muzzle], 0.20)
    face = sockets(face, eye, r)

    def tint(p: NDArray) -> NDArray:
        patch = near(p, (0.36, 0.12, 0.7), (0.34, 0.40, 0.6))
        return np.asarray(np.maximum(near(p, (0, -0.48, 0.95), (0.58, 0.42, 0.62)), 0.0 * patch))

    def extras() -> dict[str, Mesh]:
        nose = sdf.union(
            [sdf.ellipsoid((0, -0.20, 1.22), (0.20, 0.125, 0.13)), sdf.sphere((0, -0.29, 1.23), 0.07)], 0.08
        )

        def ear(s: float) -> Field:
            return sdf.chain(
                [(s * 0.62, 0.72, -0.05), (s * 0.96, 0.52, -0.02), (s * 1.04, 0.02, 0.06), (s * 0.98, -0.34, 0.12)],
                [0.15, 0.20, 0.26, 0.17], 0.06,
            )  # fmt: skip

        return {
            "nose": polygonise(nose, (-0.3, -0.45, 1.0), (0.3, 0.0, 1.45), 0.026),
            "ears": polygonise(sdf.pair(ear), (-1.4, -0.6, -0.35), (1.4, 1.0, 0.45), 0.045),
        }

    return CreatureHead(face, tint, eye, r, 0.68, MouthPlace(-0.60, 0.30, 0.035), 0.52, extras)


def monster_head() -> CreatureHead:
    """A friendly monster: one wide blob with horns and two fangs."""
    eye, r = (0.38, 0.18, 0.62), 0.34
    skull = sdf.union(
        [sdf.ellipsoid((0, 0.06, 0), (0.96, 0.94, 0.88)), sdf.ellipsoid((0, -0.50, 0.08), (1.06, 0.54, 0.84))], 0.30
    )
    face = sockets(skull, eye, r)

    def tint(p: NDArray) -> NDArray:
        rng = np.random.default_rng(4)
        spots = np.zeros(len(p))
        for az, el, size in zip(
            rng.uniform(50, 310, 16), rng.uniform(-20, 80, 16), rng.uniform(0.10, 0.2, 16), strict=True
        ):
            a, e = np.radians(az), np.radians(el)
            at = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)]) * 0.95
            spots = np.maximum(spots, 1 - soft(np.linalg.norm(p - at, axis=1), size * 0.8, size))
        return 0.85 * spots

    def extras() -> dict[str, Mesh]:
        horns = []
        for s in (1.0, -1.0):
            p, rr = spline(
                [(s * 0.52, 0.74, 0.0), (s * 0.78, 1.06, 0.0), (s * 0.76, 1.42, 0.06)], [0.19, 0.145, 0.012], 22
            )
            horns.append(tube(p, rr * (1 + 0.06 * np.sin(np.arange(22) * 1.9)), 20))
        tuft = sdf.union(
            [
                sdf.capsule((x, 0.90, 0.05), (1.9 * x, 1.30 - 0.6 * abs(x), 0.12), 0.13, 0.02)
                for x in (-0.16, -0.05, 0.07, 0.17)
            ],
            0.05,
        )
        return {"horns": joined(horns), "tuft": polygonise(tuft, (-0.5, 0.7, -0.2), (0.5, 1.45, 0.35), 0.032)}

    return CreatureHead(face, tint, eye, r, 0.60, MouthPlace(-0.52, 0.46, 0.05), 0.66, extras)


def bird_head() -> CreatureHead:
    """A round head with a tuft; its beak is in beaks.py."""
    eye, r = (0.44, 0.12, 0.60), 0.29
    face = sdf.union(
        [sdf.ellipsoid((0, 0.03, 0), (0.94, 0.95, 0.92)), sdf.ellipsoid((0, -0.6, 0.0), (0.82, 0.5, 0.78))], 0.3
    )
    face = sockets(face, eye, r)

    def tint(p: NDArray) -> NDArray:
        cheek = near(np.abs(p) * [1, 0, 0] + p * [0, 1, 1], (0.52, -0.32, 0.72), (0.20, 0.14, 0.3))
        return 0.5 * cheek

    def extras() -> dict[str, Mesh]:
        feathers = [
            sdf.chain(
                [(x, 0.86, -0.05), (x * 1.5, 1.16, -0.10), (x * 2.2, 1.36 - abs(x), -0.30)], [0.12, 0.10, 0.02], 0.03
            )
            for x in (-0.12, 0.0, 0.13)
        ]
        return {"tuft": polygonise(sdf.union(feathers, 0.04), (-0.5, 0.6, -0.6), (0.5, 1.55, 0.2), 0.032)}

    return CreatureHead(
        face, tint, eye, r, 0.66, MouthPlace(-0.25, 0.3, 0.05), 0.52, extras, has_mouth=False, cant=14.0
    )


def seagull_head() -> CreatureHead:
    """Sleeker than the bird, without a tuft."""
    eye, r = (0.46, 0.16, 0.52), 0.27
    face = sdf.union(
        [sdf.ellipsoid((0, 0.05, 0), (0.86, 0.93, 0.90)), sdf.ellipsoid((0, -0.62, -0.05), (0.76, 0.5, 0.70))], 0.35
    )
    face = sockets(face, eye, r)

    def extras() -> dict[str, Mesh]:
        return {"tuft": ball((0.10, 0.05, 0.16), 10, 14).moved(turn(-20), (0, 0.97, -0.1))}

    return CreatureHead(
        face,
        lambda p: np.zeros(len(p)),
        eye,
        r,
        0.62,
        MouthPlace(-0.25, 0.3, 0.05),
        0.54,
        extras,
        has_mouth=False,
        cant=18.0,
    )


HEADS: dict[str, Callable[[], CreatureHead]] = {
    "cat": cat_head, "dog": dog_head, "fox": fox_head, "rabbit": rabbit_head, "bear": bear_head,
    "monster": monster_head, "bird": bird_head, "seagull": seagull_head,
}  # fmt: skip
