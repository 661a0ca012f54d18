"""Colour tables as .cube files (Adobe Cube LUT 1.0): written once by content, read back, and looked up exactly."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.errors import StudioError, UsageError

Table = NDArray[np.float64]
"""(N, N, N, 3) sRGB 0-1 by red, green and blue of the input."""
SIZE = 33
MOST_BYTES = 16 * 2**20
_DIGITS = 6


def identity(size: int = SIZE) -> Table:
    """The table that changes nothing."""
    axis = np.linspace(0.0, 1.0, size)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def cube_text(table: Table) -> str:
    """The table as the text of a .cube file, red fastest. Raises ValueError unless it is a cube of numbers 0-1."""
    size = table.shape[0]
    if table.shape != (size, size, size, 3) or size < 2:
        raise ValueError(f"a colour table is (N, N, N, 3), not {table.shape}")
    if not np.isfinite(table).all() or table.min() < 0 or table.max() > 1:
        raise ValueError("a colour table holds numbers from 0 to 1")
    rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)
    lines = "\n".join(f"{red:.{_DIGITS}f} {green:.{_DIGITS}f} {blue:.{_DIGITS}f}" for red, green, blue in rows.tolist())
    return f"LUT_3D_SIZE {size}\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n{lines}\n"


def write_cube(table: Table, folder: Path) -> Path:
    """Write a table (33, 33, 33, 3) into `folder`, whole or not at all, named by its content.

    Equal tables give the same file, which is written once. Raises ValueError for no table, StudioError when it cannot
    be written.
    """
    text = cube_text(table)
    target = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.cube"
    if target.exists():
        return target
    draft = folder / f".{uuid.uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="ascii")
        draft.replace(target)
    except OSError as error:
        raise StudioError(
            "The colour table cannot be written", error.strerror or str(error), "Free some space, then try again"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return target


def read_cube(path: Path) -> Table:
    """The table of a .cube file. Raises UsageError when it is none."""
    problem = f"'{path.name}' is not a colour table"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(problem, f"it has more than {MOST_BYTES // 2**20} MiB")
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(problem, str(error)[:120]) from error
    size, rows = 0, []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "LUT_3D_SIZE" and len(words) == 2 and words[1].isdigit():
            size = int(words[1])
        elif words[0][0] in "-+.0123456789":
            rows.append(words)
    try:
        values = np.array(rows, np.float64)
    except ValueError as error:
        raise UsageError(problem, "its rows are not three numbers") from error
    if not 2 <= size <= 128 or values.shape != (size**3, 3) or not np.isfinite(values).all():
        raise UsageError(problem, f"it holds {len(rows)} rows for a size of {size}")
    return np.ascontiguousarray(values.reshape(size, size, size, 3).transpose(2, 1, 0, 3).clip(0, 1))


def look_up(table: Table, rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) sRGB 0-1 through the table, interpolated in tetrahedra as ffmpeg's lut3d does it by default."""
    last = table.shape[0] - 1
    place = rgb.clip(0, 1) * last
    corner = np.minimum(place.astype(np.int64), last - 1)
    part = place - corner
    order = np.argsort(-part, axis=-1, kind="stable")
    shares = np.take_along_axis(part, order, axis=-1)
    made = (1 - shares[..., :1]) * table[corner[..., 0], corner[..., 1], corner[..., 2]]
    step = corner.copy()
    for number in range(3):
        axis = order[..., number : number + 1]
        np.put_along_axis(step, axis, np.take_along_axis(step, axis, axis=-1) + 1, axis=-1)
        weight = shares[..., number] - (shares[..., number + 1] if number < 2 else 0)
        made += weight[..., None] * table[step[..., 0], step[..., 1], step[..., 2]]
    return np.asarray(made, np.float64)
