"""A reference's colours for a film: lightness by quantiles, colours by optimal transport, as one smooth table.

Statistics alone (mean and covariance) carry a cast and a contrast; sliced optimal transport (Rabin et al. 2011, Pitie
et al. 2007) also carries separate colours. Its displacements are known at the film's own pixels only and are rough:
they are spread over the table with wide kernels, and fade into the statistics where the film has no colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.media.cielab import lab_of, within_srgb
from backends.media.cube import SIZE, Table, identity, look_up
from tools.editing.remix.distance import ordered, palette_distance
from tools.editing.remix.grade import skin, smoothstep

Floats = NDArray[np.float64]
QUANTILES = np.linspace(0, 1, 33)
_SLOPES = (0.45, 1.9)
"""Of the lightness curve: less would be flat, more would show noise and bands."""
_STRETCH = (0.35, 2.2)
"""Of the colours' spread along its main directions."""
_ROUNDS, _STEP = 24, 0.7
_KERNEL = 11.0
"""CIELAB units over which displacements are averaged."""
_BELIEF = 6.0
"""As many pixels within a kernel as make its mean count by half."""
_NODES = 17
_SPARED_GREY, _GREY_CHROMA = 0.3, 9.0
_THIN = 4
"""Every fourth pixel's displacement is enough to average."""
_GREY = 4.0
"""CIELAB chroma below which nearly all of a reference lies that is black and white."""
_OWN_CONTRAST = 0.7
"""How much of its own contrast a film keeps towards a reference of one flat lightness."""
_MANY_COLOURS = (3.0, 14.0)
"""Spread of a reference's colours, CIELAB units, from which skin begins to be spared: among many hues it stays skin, in
black and white and in one colour it would stand out as a patch."""
_BETTER = 0.97
"""Transport must come nearer than this share of what statistics reach, or the simpler table is taken."""


@dataclass(frozen=True)
class Transfer:
    """A table that brings a film near to a reference."""

    table: Table
    method: str
    """'statistics' or 'transport'."""
    before: float
    """Distance of the film to the reference, see `palette_distance`."""
    after: float


def transfer(film: Floats, reference: Floats, spared_skin: float = 0.4, size: int = SIZE) -> Transfer:
    """The table for (N, 3) and (M, 3) sRGB 0-1 pixels. Same pixels, same table."""
    film_lab, wanted = lab_of(film), lab_of(reference)
    goal_lab = _readable(film_lab, wanted)
    spared_skin *= float(smoothstep(np.hypot(*wanted[:, 1:].std(axis=0)), *_MANY_COLOURS))
    grey = bool(np.quantile(np.hypot(wanted[:, 1], wanted[:, 2]), 0.95) < _GREY)
    statistics = _statistics(film_lab, goal_lab)
    nodes = lab_of(identity(size))
    plain = _table(nodes, statistics(nodes), spared_skin, grey)
    moved = _transported(statistics(film_lab), goal_lab) - statistics(film_lab)
    spread = statistics(nodes) + _spread(nodes, film_lab, moved)
    spread[..., 0] = _rising(spread[..., 0])
    fine = _table(nodes, spread, spared_skin, grey)
    before = palette_distance(film_lab, wanted)
    near = {
        name: palette_distance(lab_of(look_up(table, film)), wanted)
        for name, table in (("statistics", plain), ("transport", fine))
    }
    if near["transport"] < _BETTER * near["statistics"]:
        return Transfer(fine, "transport", before, near["transport"])
    return Transfer(plain, "statistics", before, near["statistics"])


def _readable(film: Floats, goal: Floats) -> Floats:
    """The reference with contrast from the film where it has much less: a wall of one blue is a tint, not a fog."""
    ratio = float(goal[:, 0].std() / max(1e-6, film[:, 0].std()))
    kept = _OWN_CONTRAST * max(0.0, 1 - ratio)
    if not kept:
        return goal
    ranks = goal[:, 0].argsort(kind="stable").argsort(kind="stable")
    own = ordered(film[:, :1], len(goal))[:, 0] - np.median(film[:, 0])
    made = goal.copy()
    made[:, 0] = (goal[:, 0] + kept * own[ranks]).clip(0, 100)
    return made


def _table(lab: Floats, goal: Floats, spared_skin: float, black_and_white: bool = False) -> Table:
    """Skin and greys keep a part of their own colour; of black and white nothing keeps any."""
    if black_and_white:
        return np.asarray(within_srgb(goal * (1.0, 0.0, 0.0)), np.float64)
    grey = np.exp(-((np.hypot(lab[..., 1], lab[..., 2]) / _GREY_CHROMA) ** 2))
    spared = 1 - np.maximum(spared_skin * skin(lab), _SPARED_GREY * grey)
    mixed = goal.copy()
    mixed[..., 1:] = lab[..., 1:] + spared[..., None] * (goal[..., 1:] - lab[..., 1:])
    return np.asarray(within_srgb(mixed), np.float64)


def _statistics(film: Floats, goal: Floats) -> Callable[[Floats], Floats]:
    """Lightness by quantiles with bounded slopes; a and b by the Monge-Kantorovich linear map (Pitie, Kokaram 2007)."""
    tone = _tone(film[:, 0], goal[:, 0])
    matrix = _linear_map(film[:, 1:], goal[:, 1:])
    middle, wanted = film[:, 1:].mean(axis=0), goal[:, 1:].mean(axis=0)

    def change(lab: Floats) -> Floats:
        made = lab.copy()
        made[..., 0] = tone(lab[..., 0])
        made[..., 1:] = (lab[..., 1:] - middle) @ matrix.T + wanted
        # A cast has no place in black and white.
        room = smoothstep(made[..., 0], 0, 14) * (1 - smoothstep(made[..., 0], 92, 100))
        made[..., 1:] *= (0.25 + 0.75 * room)[..., None]
        return made

    return change


def _tone(film: Floats, goal: Floats) -> Callable[[Floats], Floats]:
    ins, outs = np.quantile(film, QUANTILES), np.quantile(goal, QUANTILES)
    grid = np.linspace(0, 100, 101)
    keep, inverse = np.unique(ins.round(3), return_inverse=True)
    means = np.bincount(inverse, outs) / np.bincount(inverse)
    wanted = np.interp(grid, keep, means) if len(keep) > 1 else grid + means[0] - keep[0]
    slopes = np.diff(wanted)
    known = (grid[:-1] >= keep[0] - 1) & (grid[1:] <= keep[-1] + 1)
    slopes = np.where(known, slopes, 1.0).clip(*_SLOPES)
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 5.0) ** 2)
    smooth = np.convolve(np.pad(slopes, 12, mode="edge"), kernel / kernel.sum(), mode="valid")
    curve = np.concatenate([[0.0], np.cumsum(smooth)])
    # The slopes say how it bends; the median says where it lies.
    middle = float(np.median(film))
    curve += float(np.median(goal)) - float(np.interp(middle, grid, curve))
    low, high = curve[0], curve[-1]
    if low < 0:
        curve = np.where(grid < middle, np.interp(grid, [0, middle], [-low, 0.0]) + curve, curve)
    if high > 100:
        curve = np.where(grid > middle, curve - np.interp(grid, [middle, 100], [0.0, high - 100]), curve)
    curve = np.maximum.accumulate(curve.clip(0, 100))
    return lambda light: np.interp(light, grid, curve)


def _linear_map(film: Floats, goal: Floats) -> Floats:
    have, want = (np.cov(rows.T) + 1.5 * np.eye(2) for rows in (film, goal))
    root = _power(have, 0.5)
    inverse = np.linalg.inv(root)
    matrix = inverse @ _power(root @ want @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * values.clip(*_STRETCH)) @ vectors.T, np.float64)


def _power(matrix: Floats, exponent: float) -> Floats:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T, np.float64)


def _transported(film: Floats, goal: Floats) -> Floats:
    """The film's pixels moved onto the goal's, one set of three right-angled directions a round."""
    rng = np.random.default_rng(7)
    moved = film.copy()
    for _ in range(_ROUNDS):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        places, wanted = moved @ axes, ordered(goal @ axes, len(film))
        ranks = places.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        moved += _STEP * (np.take_along_axis(wanted, ranks, axis=0) - places) @ axes.T
    return moved


def _spread(nodes: Floats, film: Floats, moved: Floats) -> Floats:
    """Displacements of the film's pixels, averaged with a wide kernel at the nodes (S, S, S, 3) of a table."""
    from scipy.ndimage import zoom
    from scipy.spatial.distance import cdist

    size = nodes.shape[0]
    coarse = lab_of(identity(_NODES)).reshape(-1, 3)
    weight = np.exp(cdist(coarse, film[::_THIN], "sqeuclidean") / (-2 * _KERNEL**2))
    made = weight @ moved[::_THIN] / (weight.sum(axis=1, keepdims=True) + _BELIEF)
    cube = made.reshape(_NODES, _NODES, _NODES, 3)
    return np.stack([zoom(cube[..., axis], size / _NODES, order=1, grid_mode=False) for axis in range(3)], axis=-1)


def _rising(light: Floats) -> Floats:
    """Lightness (S, S, S) that never falls while all three of red, green and blue rise."""
    made = light.copy()
    for step in range(1, made.shape[0]):
        for plane, last in (
            (made[step, step:, step:], made[step - 1, step - 1 : -1, step - 1 : -1]),
            (made[step:, step, step:], made[step - 1 : -1, step - 1, step - 1 : -1]),
            (made[step:, step:, step], made[step - 1 : -1, step - 1 : -1, step - 1]),
        ):
            np.maximum(plane, last, out=plane)
    return made
