"""Redrawing a talking face: only what moves in it, in the frame's own light, for every mouth shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backends.image.layout import raster
from backends.image.layout.camera import Camera
from backends.image.layout.frame import Box, FacePatch, FaceVariant, LayoutFrame
from backends.image.layout.geometry import F32, join
from backends.image.layout.mesh import MeshPart
from backends.image.layout.picture import Subject, draw
from backends.image.layout.trace import Tracer
from configs.errors import UsageError

MARGIN = 16
"""Pixels round a redrawn region that are lit too, for the filters' sake."""
REACH = 10
"""Pixels by which a region exceeds what changed: the change of light next to a moving lip, and room for the fade."""
FADE = 6
"""Pixels over which a region fades into the frame."""


def redraw(
    frame: LayoutFrame, character: str, variants: Sequence[FaceVariant], tracer: Tracer, samples: int
) -> list[FacePatch]:
    """One patch per variant, of the face's box; pixels where nothing moves are the frame's own. Raises UsageError."""
    from backends.image.layout.characters.build import build_face

    kept = frame.kept
    posed = next((p for p in frame.scene.characters if p.name == character), None)
    if posed is None or kept is None:
        raise UsageError(f"'{character}' is not in this frame", "", f"Present: {', '.join(frame.owners[2:])}")
    window = _window(frame.face_box.get(character, (0, 0, 0, 0)), frame)
    if window is None:
        return []
    target = kept.look_targets.get(character)
    own = tuple(build_face(posed, look_target=target))
    labels = {part.label for part in own}
    rest = tuple(part for part in kept.parts if part.label not in labels)
    near = clipped(rest, kept.camera, _grow(window, MARGIN + REACH, frame))
    x, y, w, h = window
    patches = []
    for variant in variants:
        wanted = replace(posed, mouth=variant.mouth, blink=variant.blink,
                         expression=variant.expression or posed.expression)  # fmt: skip
        face = tuple(build_face(wanted, look_target=target))
        rgb = frame.rgb[y : y + h, x : x + w].astype(np.float32)
        regions = _regions(changed(own, face), window, frame)
        if regions:
            traced = tracer.scene((*rest, *face), kept.sky.light_map(), kept.stage.lamps)
            subject = Subject(join((*near, *face)), traced, kept.stage.surfaces, kept.sky, kept.camera)
            for region in regions:
                _paste(rgb, window, region, subject, tracer, samples, frame)
        patches.append(FacePatch(np.rint(rgb).astype(np.uint8), x, y, variant))
    return patches


def changed(before: Sequence[MeshPart], after: Sequence[MeshPart]) -> tuple[MeshPart, ...]:
    """The parts of either face that the other does not have in the same form."""
    old, new = {part.label: part for part in before}, {part.label: part for part in after}
    moved = [
        label
        for label in old.keys() | new.keys()
        if label not in old or label not in new or not np.array_equal(old[label].vertices, new[label].vertices)
    ]
    return tuple(face[label] for label in sorted(moved) for face in (old, new) if label in face)


def _paste(
    rgb: F32, window: Box, region: Box, subject: Subject, tracer: Tracer, samples: int, frame: LayoutFrame
) -> None:
    """Draw `region` and fade it into `rgb`, the picture of `window`."""
    x, y, w, h = region
    glow = frame.kept.glow[y : y + h, x : x + w] if frame.kept is not None else None
    drawn = draw(subject, tracer, region, samples, frame.scene.seed, glow=glow, margin=MARGIN).rgb.astype(np.float32)
    top, left = max(y - window[1], 0), max(x - window[0], 0)
    inside = rgb[top : y + h - window[1], left : x + w - window[0]]
    cut = (slice(max(window[1] - y, 0), max(window[1] - y, 0) + inside.shape[0]),
           slice(max(window[0] - x, 0), max(window[0] - x, 0) + inside.shape[1]))  # fmt: skip
    share = _fade(w, h)[cut][..., None]
    inside += (drawn[cut] - inside) * share


def _fade(w: int, h: int) -> F32:
    """(h, w) 1 inside, falling to 0 at the rim."""
    across = np.minimum(np.arange(w), np.arange(w)[::-1]) + 0.5
    down = np.minimum(np.arange(h), np.arange(h)[::-1]) + 0.5
    return np.asarray(np.clip(np.minimum(across[None, :], down[:, None]) / FADE, 0, 1), np.float32)


def _regions(moved: Sequence[MeshPart], window: Box, frame: LayoutFrame) -> list[Box]:
    """Boxes on even pixels, within the face's window, that hold the parts; not overlapping."""
    merged: list[Box] = []
    if frame.kept is None:
        return merged
    for part in moved:
        spots = frame.kept.camera.project(part.vertices)[:, :2]
        if not np.isfinite(spots).all():
            continue
        low, high = np.floor(spots.min(0)) - REACH, np.ceil(spots.max(0)) + REACH
        x0, y0 = max(int(low[0]), window[0]), max(int(low[1]), window[1])
        x1, y1 = min(int(high[0]), window[0] + window[2]), min(int(high[1]), window[1] + window[3])
        if x1 - x0 < 2 or y1 - y0 < 2:
            continue
        # Boxes that overlap become one: simpler than a seam between them.
        for box in [b for b in merged if x0 < b[0] + b[2] and b[0] < x1 and y0 < b[1] + b[3] and b[1] < y1]:
            merged.remove(box)
            x0, y0, x1, y1 = min(x0, box[0]), min(y0, box[1]), max(x1, box[0] + box[2]), max(y1, box[1] + box[3])
        merged.append((x0, y0, x1 - x0, y1 - y0))
    return [_even(box, frame) for box in merged]


def _grow(box: Box, margin: int, frame: LayoutFrame) -> Box:
    x, y, w, h = box
    return _even((x - margin, y - margin, w + 2 * margin, h + 2 * margin), frame)


def _even(box: Box, frame: LayoutFrame) -> Box:
    """The box within the picture, widened to even pixels (the light is drawn at half size)."""
    height, width = frame.depth.shape
    x0, y0 = max(box[0], 0), max(box[1], 0)
    x1, y1 = min(box[0] + box[2], width), min(box[1] + box[3], height)
    x0, y0, x1, y1 = x0 - x0 % 2, y0 - y0 % 2, x1 + x1 % 2, y1 + y1 % 2
    return x0, y0, x1 - x0, y1 - y0


def _window(box: Box, frame: LayoutFrame) -> Box | None:
    """The face's box on even pixels within the picture, or None when nothing of it is seen."""
    if box[2] < 4 or box[3] < 4:
        return None
    x, y, w, h = _even(box, frame)
    height, width = frame.depth.shape
    return x, y, min(w, width - x), min(h, height - y)


def clipped(parts: Sequence[MeshPart], camera: Camera, window: Box) -> tuple[MeshPart, ...]:
    """`parts` reduced to the triangles that may fall into `window`: the rest need not be looked at again."""
    geometry = join(parts)
    index = raster.prepare(geometry, camera, window).index
    part = geometry.part[index]
    first = np.searchsorted(geometry.part, np.arange(len(geometry.parts)))
    result = []
    for i, item in enumerate(geometry.parts):
        chosen = item.faces[index[part == i] - first[i]]
        if not len(chosen):
            continue
        used, faces = np.unique(chosen, return_inverse=True)
        result.append(replace(
            item, vertices=item.vertices[used], faces=faces.reshape(-1, 3).astype(np.uint32),
            normals=None if item.normals is None else item.normals[used],
            colors=None if item.colors is None else item.colors[used]))  # fmt: skip
    return tuple(result)
