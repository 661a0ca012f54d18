"""Colours as people name them, and whether two regions could be the same thing by colour and shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.thresholds import thresholds
from configs.settings import CONFIG_DIR
from configs.yaml_file import own_table

Rgb = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_SAMPLE_PIXELS = 5_000
_CLUSTERS = 10
"""More clusters than colours asked for: those that get the same name are joined."""
_ROUNDS, _SETTLED = 8, 1.0
"""k-means ends after so many rounds, or when no centre moves further than this in CIELAB."""
_FINE = 4
"""Bits of red, green and blue that pixels are counted by before they are clustered: a tenth of the points, and colours
that lie nearer have one name."""


@dataclass(frozen=True)
class NamedColour:
    name: str
    hex: str
    """'#rrggbb', sRGB."""
    share: float
    """Of the pixels, 0-1."""


def dominant_colours(rgb: Rgb, mask: Mask | None = None, count: int | None = None) -> list[NamedColour]:
    """The main colours of (H, W, 3) uint8 RGB, largest first: k-means in CIELAB, joined by name.

    mask: (H, W) bool, only these pixels. count: at most this many (`palette.colours`). Same pixels, same answer.
    """
    pixels = rgb[mask] if mask is not None else rgb.reshape(-1, 3)
    return named(colour_clusters(pixels[:: max(1, len(pixels) // _SAMPLE_PIXELS)]), count)


def colour_clusters(pixels: NDArray[np.uint8], most: int = _CLUSTERS) -> NDArray[np.float32]:
    """(K, 4): mean red, green, blue (0-255) and share (0-1) of at most `most` clusters of (N, 3) uint8 sRGB pixels.

    k-means in CIELAB, which begins with slices of equal size by lightness: the same pixels give the same answer.
    """
    if not len(pixels):
        return np.zeros((0, 4), np.float32)
    return shade_clusters(shades_of(pixels), most)


@dataclass(frozen=True)
class Shades:
    """The colours of some pixels, those that are nearly alike as one."""

    of: NDArray[np.intp]
    """(N,) which shade each pixel has."""
    sizes: NDArray[np.float32]
    """(M,) pixels of each shade."""
    rgb: NDArray[np.float32]
    """(M, 3) their means, 0-255."""
    lab: NDArray[np.float32]
    """(M, 3) the same in CIELAB."""


def shades_of(pixels: NDArray[np.uint8]) -> Shades:
    """The shades of (N, 3) uint8 sRGB pixels, N at least 1; of few colours each is a shade of its own."""
    import cv2

    red, green, blue = (pixels[:, channel].astype(np.int32) for channel in range(3))
    packed = (red >> 8 - _FINE << 2 * _FINE) + (green >> 8 - _FINE << _FINE) + (blue >> 8 - _FINE)
    counts = np.bincount(packed, minlength=1 << 3 * _FINE)
    used = np.flatnonzero(counts)
    if len(used) <= _CLUSTERS:  # perhaps so few that none should be joined
        distinct, whole = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
        if len(distinct) <= _CLUSTERS:
            packed, counts, used = whole, np.bincount(whole), np.arange(len(distinct))
    sums = np.stack([np.bincount(packed, channel)[used] for channel in (red, green, blue)], axis=1)
    rgb = (sums / counts[used, None]).astype(np.float32)
    lab = cv2.cvtColor(rgb[None] / 255, cv2.COLOR_RGB2LAB)[0]
    places = np.cumsum(counts > 0) - 1
    return Shades(places[packed], counts[used].astype(np.float32), rgb, np.asarray(lab, np.float32))


def shade_clusters(shades: Shades, most: int = _CLUSTERS) -> NDArray[np.float32]:
    """(K, 4) as `colour_clusters`."""
    count = len(shades.sizes)
    labels = np.arange(count)
    if count > most:
        labels = k_means(shades.lab, shades.sizes, most, _ROUNDS, _SETTLED)[1]
    sizes = np.bincount(labels, shades.sizes)
    sums = np.stack([np.bincount(labels, shades.sizes * shades.rgb[:, channel]) for channel in range(3)], axis=1)
    found = sizes > 0
    means = sums[found] / sizes[found, None]
    return np.concatenate([means, sizes[found, None] / shades.sizes.sum()], axis=1).astype(np.float32)


def k_means(
    points: NDArray[np.float32], sizes: NDArray[np.float32], count: int, rounds: int, settled: float
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """(count, k) centres and the label of each of (N, k) points, of which each counts `sizes` (N,) times (Lloyd 1982).

    It begins with slices of equal size by the first coordinate, and ends after so many rounds or when no centre moves
    further than `settled`. A cluster that gets nothing is begun anew at the point that is the worst off.
    """
    order = np.argsort(points[:, 0], kind="stable")
    places = np.cumsum(sizes[order]) - sizes[order] / 2
    labels = np.empty(len(points), np.intp)
    labels[order] = np.minimum(places * (count / float(sizes.sum())), count - 1)
    ones = np.eye(count, dtype=np.float32)
    weighed = np.concatenate([points * sizes[:, None], sizes[:, None]], axis=1)
    longer = np.concatenate([points, np.ones((len(points), 1), np.float32)], axis=1)
    centres = np.full((count, points.shape[1]), np.inf, np.float32)
    for _ in range(rounds):
        sums = ones[labels].T @ weighed
        moved = sums[:, :-1] / np.maximum(sums[:, -1:], 1e-9)
        empty = np.flatnonzero(sums[:, -1] == 0)
        if len(empty):
            off = sizes * np.square(points - moved[labels]).sum(axis=1)
            moved[empty] = points[np.argsort(-off, kind="stable")[: len(empty)]]
        way, centres = np.square(moved - centres).sum(axis=1).max(), moved
        if way <= settled * settled:
            break
        # The points' own squares are the same for all centres.
        far = longer @ np.concatenate([-2 * centres, np.square(centres).sum(axis=1, keepdims=True)], axis=1).T
        labels = far.argmin(axis=1)
    return centres, labels


def named(clusters: NDArray[np.float32], count: int | None = None) -> list[NamedColour]:
    """Clusters (K, 4) as `colour_clusters` gives them, of one or of many pictures, joined by name, largest first.

    Shares are of all clusters together; those below `palette.min_share` are left out. count: as in `dominant_colours`.
    """
    if not len(clusters):
        return []
    table = thresholds().palette
    names = _names_of(clusters[:, :3].round().astype(np.uint8))
    total = float(clusters[:, 3].sum())
    shares: dict[str, float] = {}
    largest: dict[str, tuple[float, str]] = {}
    for name, cluster in zip(names, clusters, strict=True):
        shares[name] = shares.get(name, 0.0) + float(cluster[3]) / total
        code = "#{:02x}{:02x}{:02x}".format(*cluster[:3].round().astype(int))
        largest[name] = max(largest.get(name, (0.0, "")), (float(cluster[3]), code))
    ordered = sorted(shares, key=lambda name: -shares[name])
    kept = [name for name in ordered if shares[name] >= table.min_share] or ordered[:1]
    return [NamedColour(name, largest[name][1], round(shares[name], 4)) for name in kept[: count or table.colours]]


def colour_name(rgb: NDArray[np.uint8]) -> str:
    """The nearest name of `configs/colours.yaml` for (3,) uint8 RGB, by CIEDE2000 in CIELAB."""
    return _names_of(rgb[None])[0]


def _names_of(rgb: NDArray[np.uint8]) -> list[str]:
    from skimage.color import deltaE_ciede2000

    names, _ = named_colours()
    distance = deltaE_ciede2000(_table_lab()[None], to_lab(rgb)[:, None])
    return [names[at] for at in np.argmin(distance, axis=1)]


def to_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 3) uint8 sRGB as CIELAB (L 0-100, a and b about -100..100), D65."""
    from skimage.color import rgb2lab

    lab: NDArray[np.float64] = rgb2lab(pixels.reshape(-1, 1, 3)).reshape(-1, 3)
    return lab


@cache
def named_colours() -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    """Names of `configs/colours.yaml` and their sRGB, (N, 3) uint8; a name is there once for each of its colours."""
    table: dict[str, str | list[str]] = own_table(CONFIG_DIR / "colours.yaml")
    pairs = [(name, code) for name, codes in table.items() for code in ([codes] if isinstance(codes, str) else codes)]
    values = np.asarray([[int(code[at : at + 2], 16) for at in (1, 3, 5)] for _, code in pairs], np.uint8)
    return tuple(name for name, _ in pairs), values


@cache
def _table_lab() -> NDArray[np.float64]:
    return to_lab(named_colours()[1])


_BANDS = 4
"""Slices from top to bottom: hair, face, clothes and legs are compared each with its like."""
_BINS = (8, 16, 16)
"""Of L (12.5 each), a and b (10 each)."""
_SMOOTHING = (1.6, 1.0, 1.0)
"""Bins. Wide in brightness, because the light changes from shot to shot; narrow in hue."""
_COLOUR_WEIGHT, _BAND_WEIGHT, _SHAPE_WEIGHT = 0.35, 0.5, 0.15


def region_similarity(rgb_a: Rgb, mask_a: Mask, rgb_b: Rgb, mask_b: Mask) -> float:
    """How alike two regions are in colours, in where the colours sit from top to bottom, and in outline: 0..1.

    rgb: (H, W, 3) uint8; mask: (H, W) bool, the character's pixels. A measure for preview characters without any
    weights: it knows colours and outlines, not faces. 1 is the same region; an empty one gives 0. Histograms are
    smoothed, so a small shift of light costs little, and compared by the Bhattacharyya coefficient (1943).
    """
    if not mask_a.any() or not mask_b.any():
        return 0.0
    a, b = _cut_out(rgb_a, mask_a), _cut_out(rgb_b, mask_b)
    colour = _alike(_histogram(*a), _histogram(*b))
    bands = [
        _alike(_histogram(*_band(*a, index)), _histogram(*_band(*b, index)))
        for index in range(_BANDS)
        if _band(*a, index)[1].any() and _band(*b, index)[1].any()
    ]
    banded = float(np.mean(bands)) if bands else colour
    return _COLOUR_WEIGHT * colour + _BAND_WEIGHT * banded + _SHAPE_WEIGHT * _outline_overlap(a[1], b[1])


def _cut_out(rgb: Rgb, mask: Mask) -> tuple[Rgb, Mask]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return rgb[box], mask[box]


def _band(rgb: Rgb, mask: Mask, index: int) -> tuple[Rgb, Mask]:
    first, last = index * len(mask) // _BANDS, (index + 1) * len(mask) // _BANDS
    return rgb[first:last], mask[first:last]


def _histogram(rgb: Rgb, mask: Mask) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    pixels = rgb[mask]
    lab = to_lab(pixels[:: max(1, len(pixels) // _SAMPLE_PIXELS)])
    counts, _ = np.histogramdd(lab, bins=_BINS, range=((0, 100), (-80, 80), (-80, 80)))
    smooth: NDArray[np.float64] = gaussian_filter(counts, sigma=_SMOOTHING, mode="constant")
    return np.asarray(smooth / max(float(smooth.sum()), 1e-12))


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.sqrt(one * other).sum())


def _outline_overlap(one: Mask, other: Mask) -> float:
    """Overlap of the outlines in a common square (intersection over union), the better of as it is and mirrored."""
    import cv2

    def square(mask: Mask) -> NDArray[Any]:
        height, width = mask.shape
        side = max(height, width)
        padded = np.zeros((side, side), np.uint8)
        top, left = side - height, (side - width) // 2
        padded[top : top + height, left : left + width] = mask
        return np.asarray(cv2.resize(padded * 255, (64, 64), interpolation=cv2.INTER_AREA)) > 127

    first, second = square(one), square(other)

    def overlap(mask: NDArray[Any]) -> float:
        return float((first & mask).sum() / max(1, (first | mask).sum()))

    return max(overlap(second), overlap(second[:, ::-1]))
