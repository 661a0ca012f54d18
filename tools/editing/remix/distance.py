"""How far two films are from each other in colour: sliced Wasserstein distance of their pixels in CIELAB."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SAMPLES = 6000
"""Pixels of a film that are compared."""
DIRECTIONS = 48
SEED = 22


def pixels(pictures: Iterable[NDArray[np.uint8]], count: int = SAMPLES) -> Floats:
    """(count, 3) sRGB 0-1 from (H, W, 3) uint8 pictures, the same share of each, evenly spread; bars left out."""
    found = [picture[_inside(picture)].reshape(-1, 3) for picture in pictures]
    found = [rows for rows in found if len(rows)]
    if not found:
        raise ValueError("no pictures")
    each = max(1, -(-count // len(found)))
    rng = np.random.default_rng(SEED)
    taken = [rows[rng.integers(0, len(rows), each)] for rows in found]
    return np.asarray(np.concatenate(taken)[:count] / 255.0, np.float64)


def palette_distance(one: Floats, other: Floats) -> float:
    """Sliced Wasserstein-1 distance of two (N, 3) CIELAB samples: 0 for equal colours, about 100 from black to white.

    Bonneel et al. 2015, with fixed directions: the same samples give the same figure. One unit is about what a
    practised eye just sees. Scaled by 2, the mean length of a unit vector's projection in three dimensions, so that a
    plain shift by d CIELAB units counts as d.
    """
    count = min(len(one), len(other))
    first, second = (ordered(rows @ directions().T, count) for rows in (one, other))
    return float(np.abs(first - second).mean() * 2)


def ordered(values: Floats, count: int) -> Floats:
    """`count` even quantiles of each column of (N, K) values, rising."""
    ranks = np.sort(values, axis=0)
    places = (np.arange(count) + 0.5) / count * len(values) - 0.5
    low = np.floor(places).astype(int).clip(0, len(values) - 1)
    high = np.minimum(low + 1, len(values) - 1)
    part = (places - low).clip(0, 1)[:, None]
    return np.asarray((1 - part) * ranks[low] + part * ranks[high], np.float64)


def directions(count: int = DIRECTIONS) -> Floats:
    """(count, 3) unit vectors spread evenly over the half sphere (a Fibonacci lattice)."""
    number = np.arange(count) + 0.5
    height = 1 - number / count
    angle = np.pi * (1 + 5**0.5) * number
    flat = np.sqrt(1 - height**2)
    return np.stack([height, flat * np.cos(angle), flat * np.sin(angle)], axis=-1)


def _inside(picture: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The picture without black bars at its sides."""
    bright = picture.max(axis=2) > 20
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
