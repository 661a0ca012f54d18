"""Pictures of high dynamic range (PQ, HLG; BT.2100) brought to the range and the colours of an ordinary screen."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

TRANSFERS = {16: "PQ", 18: "HLG"}
"""ITU-T H.273 transfer characteristics that are HDR."""
BITS = 10
"""Of the R'G'B' codes that `to_sdr` takes."""
_WHITE_NITS = 203.0
"""Diffuse white of HDR (ITU-R BT.2408), which becomes nearly white on an ordinary screen."""
_PEAK_NITS = 1000.0
"""The brightest that most HDR films are mastered for; what is brighter is white."""
_DISPLAY_GAMMA = 2.2
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""Linear light (ITU-R BT.2087-0)."""


def to_sdr(codes: NDArray[np.uint16], transfer: int) -> NDArray[np.uint8]:
    """(H, W, 3) full-range 10-bit R'G'B' of BT.2020 as (H, W, 3) uint8 of BT.709. transfer: a key of TRANSFERS.

    Highlights are rolled off by the EETF of ITU-R BT.2390-11 (section 5.4.1) from 1000 to 203 nits, per channel.
    """
    import cv2

    light = np.take(_shown_light(transfer), np.minimum(codes, 2**BITS - 1))
    ordinary = cv2.transform(light, _BT2020_TO_BT709)
    return np.asarray(np.take(_screen_code(), np.clip(ordinary * 65535, 0, 65535).astype(np.uint16)), np.uint8)


@cache
def _shown_light(transfer: int) -> NDArray[np.float32]:
    """(1024,) linear light after the roll-off, 1 = the ordinary screen's white, of each 10-bit code."""
    codes = np.arange(2**BITS) / (2**BITS - 1)
    signal = codes if TRANSFERS[transfer] == "PQ" else _pq(_hlg_nits(codes))
    peak, white = _pq(np.array(_PEAK_NITS)), _pq(np.array(_WHITE_NITS))
    return np.asarray(_nits(_rolled_off(signal / peak, float(white / peak)) * peak) / _WHITE_NITS, np.float32)


def _rolled_off(signal: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """BT.2390's Hermite spline: signal and most are PQ values relative to the source's peak."""
    knee = 1.5 * most - 0.5
    at = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * at**3 - 3 * at**2 + 1) * knee + (at**3 - 2 * at**2 + at) * (1 - knee) + (-2 * at**3 + 3 * at**2) * most
    )
    return np.where(signal < knee, signal, spline)


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
"""SMPTE ST 2084."""


def _nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    power = np.maximum(signal, 0) ** (1 / _M2)
    return np.asarray(10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1))


def _pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    power = (nits / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _hlg_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100's HLG on a 1000-nit screen; its system gamma of 1.2 is applied per channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(_PEAK_NITS * scene**1.2)


@cache
def _screen_code() -> NDArray[np.uint8]:
    """(65536,) uint8: the screen's code for linear light in 1/65535."""
    light = np.arange(65536) / 65535
    return np.asarray((255 * light ** (1 / _DISPLAY_GAMMA)).round(), np.uint8)
