"""sRGB and CIELAB (D65), both ways and without clipping, and colours brought back into sRGB at their own lightness.

The matrices and the curve are those of IEC 61966-2-1; CIELAB is CIE 15:2004.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_FROM_XYZ = np.linalg.inv(_TO_XYZ)
_WHITE = _TO_XYZ.sum(axis=1)
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27
_HALVINGS = 14
_TOLERANCE = 1e-6


def lab_of(rgb: Floats) -> Floats:
    """(..., 3) sRGB 0-1 as CIELAB: L 0-100, a and b about -100..100."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _EPSILON, np.cbrt(np.maximum(xyz, 0)), (_KAPPA * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def rgb_of(lab: Floats) -> Floats:
    """(..., 3) CIELAB as sRGB; colours that sRGB does not have come out below 0 or above 1."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA) * _WHITE
    linear = xyz @ _FROM_XYZ.T
    curved = 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, curved), np.float64)


def within_srgb(lab: Floats) -> Floats:
    """(..., 3) CIELAB as sRGB 0-1: what sRGB lacks loses chroma, never lightness or hue, until it fits."""
    lab = np.concatenate([np.clip(lab[..., :1], 0, 100), lab[..., 1:]], axis=-1)
    rgb = rgb_of(lab)
    outside = ((rgb < -_TOLERANCE) | (rgb > 1 + _TOLERANCE)).any(axis=-1)
    if outside.any():
        wild = lab[outside]
        low, high = np.zeros(len(wild)), np.ones(len(wild))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tried = rgb_of(_with_chroma(wild, middle))
            fits = ((tried >= -_TOLERANCE) & (tried <= 1 + _TOLERANCE)).all(axis=-1)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        rgb[outside] = rgb_of(_with_chroma(wild, low))
    return np.asarray(rgb.clip(0, 1), np.float64)


def _with_chroma(lab: Floats, share: Floats) -> Floats:
    return np.stack([lab[:, 0], lab[:, 1] * share, lab[:, 2] * share], axis=-1)
