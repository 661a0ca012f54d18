"""Optical flow between small pictures, at the size that it is measured at."""

from __future__ import annotations

from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOW_WHOLE = 91
"""Pixels of the longer side below which flow is measured pixel by pixel."""
_FLOW_CELL = 4
"""Pixels along the side of a cell of flow: DIS's ultrafast preset measures no finer either, and enlarges."""

_STEPS = 6
"""Of gradient descent per patch. The preset's 12 follow the grain of pictures: with 6 the flow of shifted worlds with
grain is off by 0.17 instead of 0.19 pixels, turned and scaled ones by the same, and both ways agree better."""
MORE_STEPS = 12
"""The preset's own."""


def flow_cell(shape: tuple[int, ...]) -> int:
    """Pixels along the side of a cell that flow is measured in, of a picture (H, W)."""
    return _FLOW_CELL if max(shape[:2]) >= FLOW_WHOLE else 1


def coarse(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) uint8 luma made as small as flow is measured at: one pixel for each cell of `flow_cell`."""
    import cv2

    cell = flow_cell(grey.shape)
    if cell == 1:
        return grey
    size = (grey.shape[1] // cell, grey.shape[0] // cell)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def flow_cells_between(
    one: NDArray[np.uint8], other: NDArray[np.uint8], cell: int, *, steps: int = _STEPS
) -> NDArray[np.float32]:
    """(h, w, 2) float32: where each cell of `one` (h, w) is in `other`, pixels of the whole picture.

    one, other: `coarse` pictures; cell: of the whole ones (`flow_cell`). steps: of gradient descent per patch;
    `MORE_STEPS` where pictures lie further apart than neighbours. DIS optical flow (Kroeger et al. 2016) with
    OpenCV's ultrafast preset, which works at a quarter of each side: here its pictures are that small already.
    """
    flow = np.asarray(_flow_of(one.shape, cell, steps).calc(one, other, None), np.float32)
    return flow if cell == 1 else np.multiply(flow, np.float32(cell), out=flow)


def flow_between(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 2) float32 pixels: where each pixel of `one` (H, W) is in `other`; of `flow_cells_between`."""
    return made_large(flow_cells_between(coarse(one), coarse(other), flow_cell(one.shape)), one.shape)


def made_large(cells: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(H, W, 2) of cells (h, w, 2), for a picture of `shape` (H, W); its unit stays."""
    if cells.shape[:2] == shape[:2]:
        return cells
    import cv2

    return np.asarray(cv2.resize(cells, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


_OF_THREAD = local()
_SIZES_KEPT = 8


def _flow_of(shape: tuple[int, ...], cell: int, steps: int) -> Any:
    """One for each thread, whose pyramids it keeps between calls, and for each size: small pictures change its scales
    for good, and the same pair of larger ones would give another flow afterwards.
    """
    flows: dict[tuple[int, ...], Any] = _OF_THREAD.__dict__.setdefault("flows", {})
    key = (*shape, cell, steps)
    if key not in flows:
        import cv2

        if len(flows) >= _SIZES_KEPT:
            flows.clear()
        flows[key] = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        flows[key].setGradientDescentIterations(steps)
        if cell == _FLOW_CELL:
            flows[key].setFinestScale(0)
    return flows[key]
