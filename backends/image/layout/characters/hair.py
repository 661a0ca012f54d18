"""Hair styles as fields in head radii: a cap over the skull, locks, curls, tails; grooves run out from the crown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backends.image.layout.characters import sdf
from backends.image.layout.characters.human_head import HeadShape, skull_field
from backends.image.layout.characters.sdf import Distance, Field, Points
from backends.image.layout.characters.surface import Mesh, polygonise
from backends.image.layout.characters.sweep import spline


@dataclass(frozen=True)
class Hair:
    """A style: the hair itself and its ties, with the box that holds it."""

    body: Field
    lo: tuple[float, float, float]
    hi: tuple[float, float, float]
    ties: tuple[Field, ...] = field(default=())


def on_skull(shape: HeadShape, azimuth: float, elevation: float, grow: float = 0.0) -> NDArray[np.float64]:
    """Point above the skull; azimuth 0 = front, 90 = the character's left, elevation 90 = top, degrees."""
    a, e = np.radians(azimuth), np.radians(elevation)
    d = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    radii = np.array([0.895 * shape.width, 0.86, 0.93]) + grow
    p: NDArray[np.float64] = np.array([0, 0.14, -0.06]) + d * radii
    return p


def _grooves(count: float, depth: float, crown: tuple[float, float] = (0.0, -0.25)) -> Callable[[Points], Distance]:
    def height(p: Points) -> Distance:
        x, z = p[0] - np.float32(crown[0]), p[2] - np.float32(crown[1])
        around = np.arctan2(x, z)
        away = np.sqrt(x * x + z * z)
        wave = np.sin(count * around + 1.3 * np.sin(3 * around)) + 0.5 * np.sin(2.3 * count * around + 1.0)
        return np.asarray((np.float32(depth) * wave * np.clip(away * 1.6 - 0.15, 0, 1)), dtype=np.float32)

    return height


def _cap(shape: HeadShape, thick: float, front: float = 0.66, nape: float = -0.62, k: float = 0.10) -> Field:
    """Hair lying on the skull behind a hairline from the forehead (height `front`) to the nape."""
    grown = skull_field(shape, thick)
    line = np.array([0.0, nape - front, -0.80 - 0.80])
    normal = np.array([0.0, line[2], -line[1]])
    cut = sdf.halfspace((0, front, 0.80), -normal if normal[2] < 0 else normal)
    neck = sdf.ellipsoid((0, -0.42, -0.42), (0.66 * shape.width, 0.42, 0.42))
    return sdf.union([sdf.intersect(grown, cut, k), neck], 0.20)


def _lock(points: list[ArrayLike], radii: list[float], count: int = 7) -> Field:
    p, r = spline(points, radii, count)
    return sdf.chain(list(p), [float(v) for v in np.maximum(r, 0.012)], 0.03)


def _sweep_from(
    shape: HeadShape, root: tuple[float, float], ends: Sequence[tuple[float, float]], fat: float, lift: float
) -> list[Field]:
    locks = []
    for i, (az, el) in enumerate(ends):
        a0, e0 = root[0] + 2.0 * i, root[1] - 1.5 * i
        middle = on_skull(shape, 0.45 * a0 + 0.55 * az, 0.5 * (e0 + el) + 7, lift + 0.045)
        locks.append(
            _lock(
                [on_skull(shape, a0, e0, 0.05), middle, on_skull(shape, az, el, lift * 0.75)],
                [fat * 0.8, fat, fat * 0.30],
            )
        )
    return locks


def _short(shape: HeadShape) -> Hair:
    cap = sdf.displaced(_cap(shape, 0.105, front=0.70), _grooves(13, 0.022), 0.12)
    ends = [(-72, 16), (-57, 28), (-43, 35), (-29, 39), (-14, 42), (2, 45), (18, 47)]
    fringe = _sweep_from(shape, (46, 60), ends, 0.185, 0.15)
    fringe += _sweep_from(shape, (46, 58), [(58, 32), (72, 16)], 0.15, 0.09)
    sides = [
        _lock(
            [on_skull(shape, s * 84, 40, 0.04), on_skull(shape, s * 86, 14, 0.10), on_skull(shape, s * 78, -9, 0.06)],
            [0.14, 0.14, 0.05],
        )
        for s in (1.0, -1.0)
    ]
    tuft = [
        _lock(
            [on_skull(shape, a, 62, 0.02), on_skull(shape, a, 70, 0.17), on_skull(shape, a - 40, 76, 0.30)],
            [0.15, 0.11, 0.02],
        )
        for a in (150.0, 195.0)
    ]
    body = sdf.union([cap, sdf.union([*fringe, *sides, *tuft], 0.035)], 0.06)
    return Hair(body, (-1.2, -0.95, -1.25), (1.2, 1.45, 1.3))


def _blobs(
    shape: HeadShape, count: int, grow: float, size: tuple[float, float], front: float, seed: int
) -> list[Field]:
    rng = np.random.default_rng(seed)
    i = np.arange(count) + 0.5
    el = np.degrees(np.arcsin(1 - 1.75 * i / count))
    az = np.degrees(np.pi * (1 + 5**0.5) * i) % 360 - 180
    blobs = []
    for a, e in zip(az, el, strict=True):
        jitter, big, out = rng.normal(0, 4.0, 2), rng.uniform(*size), rng.uniform(-0.03, 0.05)
        at = on_skull(shape, a + jitter[0], e + jitter[1], grow + out)
        # The hairline again: nothing on the face or in front of the ears.
        if at[1] < front + (at[2] - 0.80) * 0.66 or (at[2] > -0.05 and at[1] < 0.12):
            continue
        blobs.append(sdf.sphere(at, big))
    return blobs


def _curly(shape: HeadShape) -> Hair:
    blobs = _blobs(shape, 150, 0.11, (0.135, 0.195), 0.78, 3)
    rng = np.random.default_rng(5)
    for az in (-58, -43, -29, -14, 1, 16, 30, 45, 59):
        el = 45 - 0.0052 * az * az + rng.uniform(-4, 4)
        blobs.append(sdf.sphere(on_skull(shape, az, el, 0.085), rng.uniform(0.125, 0.165)))
    curls = sdf.union([_cap(shape, 0.10), *blobs], 0.035)
    return Hair(curls, (-1.3, -1.0, -1.35), (1.3, 1.42, 1.2))


def _afro(shape: HeadShape) -> Hair:
    ball = sdf.intersect(
        sdf.ellipsoid((0, 0.36, -0.16), (1.22 * shape.width, 1.08, 1.12)),
        sdf.halfspace((0, 0.66, 0.82), (0, -0.83, 0.72)),
        0.30,
    )

    def fluff(p: Points) -> Distance:
        n = np.sin(15 * p[0] + 2 * np.sin(9 * p[1])) * np.sin(15 * p[1] + 2 * np.sin(9 * p[2])) * np.sin(15 * p[2])
        return np.asarray((0.030 * n), dtype=np.float32)

    return Hair(sdf.displaced(ball, fluff, 0.12), (-1.4, -0.95, -1.45), (1.4, 1.6, 1.25))


def _spiky(shape: HeadShape) -> Hair:
    rng = np.random.default_rng(8)
    spikes = []
    for el, azimuths, long in (
        (45, (-54, -28, -2, 24, 50), 0.30), (60, (-75, -35, 5, 45, 85), 0.42), (80, (-120, 0, 120), 0.46),
        (38, (-100, 100), 0.30), (48, (-140, 140, 180), 0.42), (14, (-118, 118, -150, 150, 180), 0.34),
        (-12, (-135, 135, -165, 165), 0.24),
    ):  # fmt: skip
        for az in azimuths:
            root = on_skull(shape, az, el, 0.0)
            out = (root - np.array([0, 0.1, -0.1])) / np.linalg.norm(root)
            lean = np.array([0.16 * rng.uniform(-1, 1), 0.42, -0.10 if abs(az) > 60 else 0.22])
            tip = root + (out + lean) / np.linalg.norm(out + lean) * (long + 0.16 + 0.08 * rng.uniform(-1, 1))
            spikes.append(sdf.capsule(root, tip, 0.225, 0.012))
    body = sdf.union([_cap(shape, 0.09, front=0.72), sdf.union(spikes, 0.06)], 0.07)
    return Hair(body, (-1.55, -1.0, -1.55), (1.55, 1.75, 1.4))


def _parted(shape: HeadShape, side: float, fat: float = 0.15) -> list[Field]:
    """Two swoops from a parting, framing the forehead."""
    left = _sweep_from(shape, (side, 60), [(24, 50), (42, 40), (57, 26), (71, 8)], fat, 0.10)
    right = _sweep_from(shape, (side - 6, 60), [(-8, 52), (-26, 48), (-43, 39), (-58, 25), (-71, 8)], fat, 0.10)
    return left + right


def _curtain(shape: HeadShape, low: float, tuck: float, inner: float, fat: float) -> list[Field]:
    """Locks hanging round the back of the head from ear to ear down to height `low`."""
    locks = []
    for az in (*range(78, 180, 17), 180, *range(-78, -180, -17)):
        top = on_skull(shape, az, 34, 0.02)
        ear = on_skull(shape, az, -4, 0.12)
        front = 1.0 if abs(az) < 90 else 0.0
        a = np.radians(az)
        out = np.array([np.sin(a) * 0.98 * shape.width, 0.0, np.cos(a) * 0.86 - 0.14])
        mid = np.array([0, -0.55, 0]) + out * (1.0 + 0.05 * front)
        end = np.array([0, low + 0.10 * front + 0.04 * np.sin(5 * a), 0]) + out * tuck
        locks.append(_lock([top, ear, mid, end], [fat * 0.7, fat, fat * 0.98, fat * inner], 8))
    return locks


def _long(shape: HeadShape) -> Hair:
    body = sdf.union([_cap(shape, 0.11), *_parted(shape, 14)], 0.07)
    body = sdf.union([body, sdf.union(_curtain(shape, -1.42, 0.86, 0.35, 0.215), 0.07)], 0.06)
    return Hair(sdf.displaced(body, _grooves(13, 0.022), 0.12), (-1.35, -1.85, -1.45), (1.35, 1.25, 1.2))


def _bob(shape: HeadShape) -> Hair:
    bangs = [
        _lock(
            [
                on_skull(shape, 0.6 * az, 70, 0.04),
                on_skull(shape, az, 50, 0.14),
                on_skull(shape, az * 1.06, 33 - 0.0035 * az * az, 0.11),
            ],
            [0.13, 0.145, 0.085],
        )
        for az in (-58, -44, -30, -15, 0, 15, 30, 44, 58)
    ]
    body = sdf.union([_cap(shape, 0.12), sdf.union(bangs, 0.05)], 0.07)
    body = sdf.union([body, sdf.union(_curtain(shape, -0.78, 0.80, 0.75, 0.225), 0.08)], 0.06)
    return Hair(sdf.displaced(body, _grooves(13, 0.020), 0.12), (-1.35, -1.2, -1.4), (1.35, 1.25, 1.25))


def _ponytail(shape: HeadShape) -> Hair:
    body = sdf.union(
        [
            _cap(shape, 0.105),
            sdf.union(
                _sweep_from(
                    shape,
                    (34, 60),
                    [(-70, 12), (-55, 27), (-40, 37), (-23, 43), (-5, 46), (58, 28), (71, 12)],
                    0.145,
                    0.11,
                ),
                0.06,
            ),
        ],
        0.07,
    )
    tail = _lock(
        [(0.02, 0.84, -0.78), (0.20, 1.10, -1.06), (0.72, 0.86, -1.22), (0.98, 0.16, -1.08), (0.88, -0.62, -0.84)],
        [0.15, 0.24, 0.30, 0.25, 0.03],
        12,
    )
    tie = sdf.torus((0.08, 0.93, -0.87), 0.165, 0.062, np.array([[1, 0, 0], [0, 0.69, 0.72], [0, -0.72, 0.69]]).T)
    body = sdf.displaced(sdf.union([body, tail], 0.05), _grooves(13, 0.020), 0.12)
    return Hair(body, (-1.15, -1.15, -1.7), (1.45, 1.6, 1.25), (tie,))


def _braids(shape: HeadShape) -> Hair:
    body = sdf.union([_cap(shape, 0.105), sdf.union(_parted(shape, 3, 0.145), 0.06)], 0.07)
    beads, ties = [], []
    for s in (1.0, -1.0):
        p, _ = spline(
            [(s * 0.84, -0.30, -0.22), (s * 1.00, -0.72, -0.06), (s * 0.93, -1.14, 0.20), (s * 0.84, -1.52, 0.34)],
            [1, 1, 1, 1],
            8,
        )
        for i, at in enumerate(p):
            twist = 0.5 * (1 if i % 2 else -1)
            turn = np.array([[np.cos(twist), -np.sin(twist), 0], [np.sin(twist), np.cos(twist), 0], [0, 0, 1]])
            beads.append(sdf.ellipsoid(at, np.array([0.175, 0.135, 0.165]) * (1 - 0.035 * i), turn))
        ties.append(sdf.torus(p[-1] + [0, -0.10, 0.03], 0.095, 0.055))
        beads.append(sdf.capsule(p[-1] + [0, -0.14, 0.03], p[-1] + [s * 0.02, -0.34, 0.06], 0.11, 0.04))
    body = sdf.displaced(body, _grooves(13, 0.020), 0.12)
    return Hair(sdf.union([body, sdf.union(beads, 0.03)], 0.03), (-1.3, -2.1, -1.25), (1.3, 1.25, 1.25), tuple(ties))


def _bun(shape: HeadShape) -> Hair:
    body = sdf.union(
        [
            _cap(shape, 0.105),
            sdf.union(
                _sweep_from(
                    shape,
                    (24, 60),
                    [(-70, 12), (-54, 28), (-38, 39), (-20, 46), (40, 42), (56, 28), (70, 12)],
                    0.14,
                    0.10,
                ),
                0.06,
            ),
        ],
        0.07,
    )
    knot = sdf.ellipsoid((0, 1.16, -0.46), (0.40, 0.35, 0.40))
    tie = sdf.torus((0, 0.93, -0.40), 0.27, 0.06, np.array([[1, 0, 0], [0, 0.94, 0.34], [0, -0.34, 0.94]]).T)
    body = sdf.union([body, sdf.displaced(knot, _grooves(9, 0.02, (0.0, -0.46)), 0.12)], 0.04)
    return Hair(sdf.displaced(body, _grooves(15, 0.016), 0.12), (-1.15, -0.95, -1.25), (1.15, 1.6, 1.25), (tie,))


_STYLES: dict[str, Callable[[HeadShape], Hair]] = {
    "curly": _curly, "short": _short, "long": _long, "bob": _bob, "ponytail": _ponytail, "braids": _braids,
    "bun": _bun, "spiky": _spiky, "afro": _afro,
}  # fmt: skip


def hair_field(shape: HeadShape, style: str) -> Field | None:
    """The surface of a style; None for bald."""
    return None if style == "bald" else _STYLES[style](shape).body


def hair_meshes(shape: HeadShape, style: str, under_hat: float | None = None) -> dict[str, Mesh]:
    """Meshes 'hair' and 'ties' of a style in the head's frame; empty for bald.

    Args:
        shape: The head.
        style: One of scene.HAIR_STYLES.
        under_hat: Height of a hat's brim: hair above it is pressed onto the skull.

    Raises:
        KeyError: Unknown style.
    """
    if style == "bald":
        return {}
    made = _STYLES[style](shape)
    body = made.body
    if under_hat is not None:
        flat = skull_field(shape, 0.07)
        above = sdf.halfspace((0, under_hat, 0), (0, -1, 0))
        body = sdf.subtract(body, sdf.subtract(above, flat), 0.05)
    out = {"hair": polygonise(body, made.lo, made.hi, 0.053 if style not in ("long", "afro", "bob") else 0.060)}
    if made.ties:
        ties = sdf.union(made.ties)
        out["ties"] = polygonise(ties, made.lo, made.hi, 0.035)
    return out
