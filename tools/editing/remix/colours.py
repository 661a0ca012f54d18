"""The colours of a remix: which table is laid over the film, and how near it brings it to a reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.media.cielab import lab_of
from backends.media.cube import Table, identity, write_cube
from memory.records import Score
from tools.editing.effects.lut import CUBES
from tools.editing.remix.distance import palette_distance, pixels
from tools.editing.remix.grade import bake, exposure_for
from tools.editing.remix.presets import remix_presets
from tools.editing.remix.reference import Reference, evenly, pictures
from tools.editing.remix.transfer import transfer
from tools.editing.remix.words import Wanted

if TYPE_CHECKING:
    from tools.spec import ToolContext

MEASURE = "sliced Wasserstein distance in CIELAB"


@dataclass(frozen=True)
class Colours:
    """What happens to the film's colours."""

    effect: dict[str, Any] | None
    """The `lut` effect; None when nothing changes."""
    cube: Path | None = None
    """The table's file, when it was made for this film."""
    method: str = ""


def colours_of(
    film: NDArray[np.float64], wanted: Wanted | None, reference: Reference | None, strength: float, ctx: ToolContext
) -> Colours:
    """The table for a film's pixels (N, 3): of the reference when there is one, else of the style."""
    if not strength:
        return Colours(None)
    if reference is not None:
        made = transfer(film, reference.pixels)
        if made.after >= made.before:
            return kept_as_they_are(reference)
        table = _mixed(made.table, strength)
        how = {"statistics": "by statistics", "transport": "by optimal transport"}[made.method]
        return _kept(table, f"from {reference.name} {how}", ctx)
    assert wanted is not None
    grade = wanted.style.grade
    exposure = exposure_for(lab_of(film)[:, 0], grade.middle)
    light = "" if exposure == 1 else f", the film made {'lighter' if exposure > 1 else 'darker'} first"
    if wanted.preset:
        effect: dict[str, Any] = {"name": "lut", "table": wanted.preset}
        effect |= {"strength": strength} if strength < 1 else {}
        effect |= {"exposure": exposure} if exposure != 1 else {}
        return Colours(effect, None, f"of {wanted.preset}{light}")
    return _kept(bake(grade, strength, exposure=exposure), f"{wanted.how}{light}", ctx)


def kept_as_they_are(reference: Reference) -> Colours:
    """No table: every one would lead away from the reference."""
    return Colours(None, None, f"kept, they are as near to {reference.name} as they get")


def nearness(film: Path, seconds: float, before: float, reference: Reference, strength: float) -> Score:
    """How far the finished film is from the reference, with its gate."""
    after = palette_distance(lab_of(pixels(pictures(film, evenly(seconds)))), lab_of(reference.pixels))
    gates = remix_presets().gates
    mark = round(max(gates.near, before * (1 - gates.nearer * strength)), 2)
    note = f"{before:.1f} before, at strength {strength:g}"
    return Score("palette_distance", round(after, 2), "measured", MEASURE, mark, after <= mark, note)


def distance_before(film: NDArray[np.float64], reference: Reference) -> float:
    """How far the film was from the reference."""
    return palette_distance(lab_of(film), lab_of(reference.pixels))


def _mixed(table: Table, strength: float) -> Table:
    plain = identity(table.shape[0])
    return np.asarray(plain + strength * (table - plain), np.float64)


def _kept(table: Table, method: str, ctx: ToolContext) -> Colours:
    file = write_cube(table, ctx.workspace.cache / CUBES)
    return Colours({"name": "lut", "table": file.stem}, file, method)
