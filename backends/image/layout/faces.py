"""Redrawing a talking face: only its region, in the frame's own light, for every mouth shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backends.image.layout.geometry import F32, join
from backends.image.layout.mesh import MeshPart
from backends.image.layout.picture import Subject, draw
from backends.image.layout.render import Box, FacePatch, FaceVariant, LayoutFrame
from backends.image.layout.trace import Tracer
from configs.errors import UsageError

MARGIN = 24
"""Pixels round the patch that are lit for the filters' sake."""
FEATHER = 0.08
"""Share of the patch's smaller side over which it fades into the frame."""


def redraw(
    frame: LayoutFrame, character: str, variants: Sequence[FaceVariant], tracer: Tracer, samples: int
) -> list[FacePatch]:
    """One patch per variant. Raises UsageError."""
    from backends.image.layout.characters.build import build_face

    kept = frame.kept
    posed = next((p for p in frame.scene.characters if p.name == character), None)
    if posed is None or kept is None:
        raise UsageError(f"'{character}' is not in this frame", "", f"Present: {', '.join(frame.owners[2:])}")
    window = _window(frame.face_box.get(character, (0, 0, 0, 0)), frame)
    if window is None:
        return []
    x, y, w, h = window
    patches = []
    base = frame.rgb[y : y + h, x : x + w]
    blend = _feather(w, h, window, frame)
    for variant in variants:
        wanted = replace(posed, mouth=variant.mouth, blink=variant.blink,
                         expression=variant.expression or posed.expression)  # fmt: skip
        face = build_face(wanted, look_target=kept.look_targets.get(character))
        parts = exchange(kept.parts, face)
        traced = tracer.scene(parts, kept.sky.light_map(), kept.stage.lamps)
        subject = Subject(join(parts), traced, kept.stage.surfaces, kept.sky, kept.camera)
        drawing = draw(subject, tracer, window, samples, frame.scene.seed, glow=kept.glow[y : y + h, x : x + w],
                       margin=MARGIN)  # fmt: skip
        drawn = drawing.rgb[: base.shape[0], : base.shape[1]].astype(np.float32)
        mixed = base + (drawn - base) * blend[: base.shape[0], : base.shape[1], None]
        patches.append(FacePatch(np.rint(mixed).astype(np.uint8), x, y, variant))
    return patches


def exchange(parts: Sequence[MeshPart], face: Sequence[MeshPart]) -> tuple[MeshPart, ...]:
    """`parts` with those that share a label with a part of `face` replaced; new ones come last."""
    fresh = {part.label: part for part in face}
    kept = [fresh.pop(part.label) if part.label in fresh else part for part in parts]
    return (*kept, *fresh.values())


def _window(box: Box, frame: LayoutFrame) -> Box | None:
    """The face's box on even pixels, or None when nothing of it is in the picture."""
    x, y, w, h = box
    if w < 2 or h < 2:
        return None
    height, width = frame.depth.shape
    x0, y0 = x - x % 2, y - y % 2
    x1, y1 = min(x + w + (x + w) % 2, width + width % 2), min(y + h + (y + h) % 2, height + height % 2)
    return x0, y0, x1 - x0, y1 - y0


def _feather(w: int, h: int, window: Box, frame: LayoutFrame) -> F32:
    """(h, w) 1 inside, falling to 0 at the sides that do not lie on the picture's border."""
    reach = max(2.0, FEATHER * min(w, h))
    height, width = frame.depth.shape
    x, y = window[0], window[1]
    left = np.arange(w) + 0.5 if x > 0 else np.full(w, reach)
    right = np.arange(w)[::-1] + 0.5 if x + w < width else np.full(w, reach)
    top = np.arange(h) + 0.5 if y > 0 else np.full(h, reach)
    bottom = np.arange(h)[::-1] + 0.5 if y + h < height else np.full(h, reach)
    across = np.clip(np.minimum(left, right) / reach, 0, 1)
    down = np.clip(np.minimum(top, bottom) / reach, 0, 1)
    return np.asarray(np.minimum(across[None, :], down[:, None]), np.float32)
