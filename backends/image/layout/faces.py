"""Redrawing a talking face: only what moves in it, in the frame's own light, for every mouth shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from backends.image.layout import raster
from backends.image.layout.camera import Camera
from backends.image.layout.gbuffer import dense
from backends.image.layout.geometry import F32, Geometry, join
from backends.image.layout.mesh import MeshPart
from backends.image.layout.picture import Subject, draw
from backends.image.layout.render import Box, FacePatch, FaceVariant, LayoutFrame
from backends.image.layout.trace import Tracer
from configs.errors import UsageError

MARGIN = 16
"""Pixels round a redrawn region that are lit too, for the filters' sake."""
REACH = 10
"""Pixels by which a region exceeds what changed: the change of light next to a moving lip, and room for the fade."""
FADE = 6
"""Pixels over which a region fades into the frame."""
APART = 0.004
"""Share of the depth by which a surface must move to count as changed."""


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
    own = {part.label for part in build_face(posed, look_target=target)}
    rest = tuple(part for part in kept.parts if part.label not in own)
    near = clipped(rest, kept.camera, _grow(window, MARGIN + REACH, frame))
    x, y, w, h = window
    patches = []
    for variant in variants:
        wanted = replace(posed, mouth=variant.mouth, blink=variant.blink,
                         expression=variant.expression or posed.expression)  # fmt: skip
        face = tuple(build_face(wanted, look_target=target))
        rgb = frame.rgb.astype(np.float32)[y : y + h, x : x + w]
        geometry = join((*near, *face))
        regions = _regions(_moved(frame, geometry, window), window, frame)
        if regions:
            traced = tracer.scene((*rest, *face), kept.sky.light_map(), kept.stage.lamps)
            subject = Subject(geometry, traced, kept.stage.surfaces, kept.sky, kept.camera)
            for region in regions:
                _paste(rgb, window, region, subject, tracer, samples, frame)
        patches.append(FacePatch(np.rint(rgb).astype(np.uint8), x, y, variant))
    return patches


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


def _moved(frame: LayoutFrame, geometry: Geometry, window: Box) -> NDArray[np.bool_]:
    """(h, w) where the variant shows another surface than the frame."""
    kept = frame.kept
    if kept is None:
        return np.zeros((window[3], window[2]), bool)
    tris = raster.prepare(geometry, kept.camera, window)
    now = dense(geometry, tris, kept.camera, raster.centres(tris, kept.camera, window), window)
    height, width = frame.depth.shape
    x, y, w, h = window
    rows, columns = slice(0, min(y + h, height) - y), slice(0, min(x + w, width) - x)
    before, normal = frame.depth[y : y + h, x : x + w], frame.normal[y : y + h, x : x + w]
    depth = now.depth[rows, columns]
    both = np.isfinite(before) & np.isfinite(depth)
    moved = np.isfinite(before) != np.isfinite(depth)
    gap = np.abs(np.where(both, depth, 0) - np.where(both, before, 0))
    moved |= gap > APART * np.where(both, before, 1)
    moved |= both & (np.einsum("ijk,ijk->ij", now.normal[rows, columns], normal) < 0.97)
    labels = np.array([*(part.label for part in geometry.parts), ""])
    moved |= labels[now.part[rows, columns]] != kept.labels[kept.part[y : y + h, x : x + w]][rows, columns]
    return np.asarray(moved)


def _regions(moved: NDArray[np.bool_], window: Box, frame: LayoutFrame) -> list[Box]:
    """Boxes on even pixels of the picture that hold what moved, a little wider, not overlapping."""
    import cv2

    if not moved.any():
        return []
    grown = cv2.dilate(moved.astype(np.uint8), np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    boxes = [tuple(int(v) for v in stats[i, :4]) for i in range(1, count)]
    # Boxes of separate shapes may still overlap; then one box for both is simpler than two seams.
    merged: list[Box] = []
    for x, y, w, h in sorted(boxes):
        clash = [b for b in merged if x < b[0] + b[2] and b[0] < x + w and y < b[1] + b[3] and b[1] < y + h]
        for b in clash:
            merged.remove(b)
        x0, y0 = min([x, *(b[0] for b in clash)]), min([y, *(b[1] for b in clash)])
        x1, y1 = max([x + w, *(b[0] + b[2] for b in clash)]), max([y + h, *(b[1] + b[3] for b in clash)])
        merged.append((x0, y0, x1 - x0, y1 - y0))
    return [_even((window[0] + x, window[1] + y, w, h), frame) for x, y, w, h in merged]


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
