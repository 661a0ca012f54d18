"""A source's colours brought to the film's: BT.709 in video range, whatever they are stored as."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from backends.media.cube import SIZE, Table, identity, write_cube
from backends.media.ffmpeg import filter_value
from backends.media.hdr import BITS, TRANSFERS, to_sdr
from tools.editing.cut import Source

FLOATS = "format=gbrpf32le"
"""What the table of an HDR source is looked up in; the scaler leads there from any depth without a loss."""
BT2020, RGB = "bt2020", "rgb"


def colour_options(source: Source) -> str:
    """The scaler's options; `film_format` has what must follow."""
    if source.hdr:
        return f"in_color_matrix={BT2020}"
    if source.matrix == RGB or source.info.kind == "image":
        return "out_range=tv:out_color_matrix=bt709"
    if source.matrix:
        return f"out_range=tv:in_color_matrix={source.matrix}:out_color_matrix=bt709"
    return "out_range=tv"


def film_format(source: Source, tables: Path, form: str = "yuv420p") -> list[str]:
    """Filters after the scaler that give the film's pixels (`form`, BT.709); an HDR source's brightness is rolled off.

    tables: folder in which the table of an HDR source is kept. Raises StudioError when it cannot be written there.
    """
    if not source.hdr:
        return [f"format={form}"]
    file = write_cube(_ordinary(source.hdr), tables)
    looked_up = f"lut3d=file={filter_value(file)}:interp=tetrahedral"
    return [FLOATS, looked_up, "scale=out_color_matrix=bt709:out_range=tv", f"format={form}"]


@cache
def _ordinary(transfer: int) -> Table:
    """(N, N, N, 3) BT.709 R'G'B' 0-1 of each HDR R'G'B'. transfer: a key of `hdr.TRANSFERS`."""
    assert transfer in TRANSFERS
    codes = (identity(SIZE) * (2**BITS - 1)).round().astype(np.uint16)
    flat = to_sdr(np.ascontiguousarray(codes.reshape(SIZE, SIZE * SIZE, 3)), transfer)
    return (flat.astype(np.float64) / 255).reshape(SIZE, SIZE, SIZE, 3)
