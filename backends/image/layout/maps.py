"""Control maps of a drawn shot, exact and of the frame's own size: never to be preprocessed again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.control import normals
from backends.image.control.openpose import COLORS, LIMBS, Person, draw_people
from backends.image.layout.frame import LayoutFrame
from backends.image.layout.mesh import JOINTS

__all__ = ["COLORS", "LIMBS", "DepthSpan", "canny_map", "depth_map", "depth_span", "normal_map", "pose_map", "posed"]

Map = NDArray[np.uint8]

FAR_REACH = 2.2
"""The map runs out to black this many times as far away as the farthest character: beyond, only order is kept."""
NEAR_REACH = 0.75
"""What is nearer than this share of the nearest character's distance is white: a leaf before the lens must not make
everybody dark."""
BEYOND = 0.08
"""Share of the greys that order what lies beyond the far end."""
FEATHERED = ("bird", "seagull")
"""They stand on two legs, but have wings where a skeleton of OpenPose has arms."""
FACE = tuple(JOINTS.index(name) for name in ("nose", "r_eye", "l_eye", "r_ear", "l_ear"))
"""Joints that are drawn only where they are seen: their absence tells the net that a head is turned away."""


@dataclass(frozen=True)
class DepthSpan:
    """Metres along the view axis that a depth map calls white and black."""

    near: float
    far: float


def depth_span(frame: LayoutFrame) -> DepthSpan | None:
    """What the map is normalised over: the foreground, that is the characters, or everything where nobody is seen.

    Their greys therefore compare between the shots of a film: in each the nearest character lies between 62 % and 100 %
    white, and things 2.2 times as far away as the farthest one are black. None when only sky is seen.
    """
    depth = frame.depth
    seen = np.isfinite(depth)
    if not seen.any():
        return None
    people = seen & (frame.owner > 1)
    near = float(np.percentile(depth[seen], 0.5))
    if people.any():
        near = max(near, NEAR_REACH * float(np.percentile(depth[people], 1)))
    basis = depth[people] if people.any() else depth[seen]
    return DepthSpan(near, max(float(np.percentile(basis, 99.5)) * FAR_REACH, near * 1.5))


def depth_map(frame: LayoutFrame, span: DepthSpan | None = None) -> Map:
    """(H, W, 3) uint8: near = white, far = black, the sky black.

    Inverse depth, as the estimators give that depth ControlNets were trained on. `span`: another shot's, for maps in
    which one grey means one distance.
    """
    depth = frame.depth
    seen = np.isfinite(depth)
    result = np.zeros(depth.shape, np.float32)
    span = span or depth_span(frame)
    if span is not None:
        low, high = 1 / span.far, 1 / span.near
        inside = np.clip((1 / depth[seen] - low) / (high - low), 0, 1)
        result[seen] = BEYOND * np.clip(span.near / depth[seen], 0, 1) + (1 - BEYOND) * inside
    return np.repeat(np.rint(result * 255).astype(np.uint8)[..., None], 3, 2)


def normal_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: camera-space normals, red = left, green = up, blue = to the camera (see control/normals.py); the
    sky faces the camera."""
    local = np.zeros_like(frame.normal)
    if frame.kept is not None:
        local = frame.normal @ frame.kept.camera.axes.T.astype(np.float32)
    local[~np.isfinite(frame.depth)] = (0, 0, -1)
    return normals.encode(local)


def posed(frame: LayoutFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(who has a skeleton in the pose map, who is seen but has none: no human's build, or too little seen)."""
    drawn = tuple(name for name, person in _people(frame) if np.isfinite(person.body[:, 0]).sum() >= 2)
    seen = [name for name in frame.owners[2:] if frame.mask(name).any()]
    return drawn, tuple(name for name in seen if name not in drawn)


def pose_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: OpenPose skeletons (COCO-18, its colours) on black.

    Everybody of a human's build in the true proportions of the body: humans, robots, monsters, cats and dogs that stand
    on two legs; no birds. A joint that another body or a thing hides is left out, and so are features of a face that is
    turned away; an arm behind the own body is drawn, as pose estimators do. Farther people are drawn first.
    """
    height, width = frame.depth.shape
    return draw_people([person for _, person in _people(frame)], width, height)


def _people(frame: LayoutFrame) -> list[tuple[str, Person]]:
    kinds = {posed.name: posed.look.kind for posed in frame.scene.characters}
    found = []
    for name, table in frame.joints.items():
        has_legs = np.isfinite(table[[JOINTS.index("r_knee"), JOINTS.index("l_knee")], 0]).any()
        if kinds.get(name) in FEATHERED or not has_legs:
            continue
        own = frame.mask(name)
        if own.any():
            distance = float(np.median(frame.depth[own]))
            found.append((distance, name, Person(_drawn_joints(table, own))))
    return [(name, person) for _, name, person in sorted(found, key=lambda item: (-item[0], item[1]))]


def _drawn_joints(table: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(18, 2) px, NaN for what is not to be drawn."""
    body = table[:, :2].copy()
    height, width = own.shape
    reach = max(2, round(height / 120))  # a thin limb's joint may lie a pixel beside it
    for index, (x, y, seen) in enumerate(table.tolist()):
        if not np.isfinite(x) or seen == 1:
            continue
        column, row = int(np.floor(x)), int(np.floor(y))
        outside = not (0 <= column < width and 0 <= row < height)
        around = own[max(0, row - reach) : max(0, row + reach + 1), max(0, column - reach) : max(0, column + reach + 1)]
        if index in FACE or not (outside or around.any()):
            body[index] = np.nan
    return body


EDGE_THRESHOLDS = (90, 200)
"""Canny's on Sobel gradients of 8-bit channels."""


def canny_map(frame: LayoutFrame) -> Map:
    """(H, W, 3) uint8: thin white lines on black where one thing ends before another (owner, depth), where a form bends
    (normals), and where a character's surface changes its colour (clothes, lips, irises)."""
    import cv2

    people = frame.owner > 1
    width = people.shape[1]
    forms = normal_map(frame)
    # Grass and leaves bend in every pixel: the set's forms are looked at smoothed, the characters' as they are.
    calm = np.where(people[..., None], forms, cv2.GaussianBlur(forms, (0, 0), max(0.4, 1.3 * width / 1024)))
    grey = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
    inside = cv2.erode(people.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    everywhere = np.ones(people.shape, bool)
    channels = [
        *((channel, everywhere) for channel in (*np.moveaxis(calm, 2, 0), _tones(frame.owner))),
        (_flat_colours(frame, grey), inside),
        (cv2.GaussianBlur(grey, (0, 0), 0.7), inside),
        (_nearness(frame.depth), _jumps(frame.depth)),
    ]
    strongest = np.zeros((2, *people.shape), np.float32)
    for channel, where in channels:
        found = np.stack(
            [cv2.Sobel(channel.astype(np.float32), cv2.CV_32F, *axis, ksize=3) for axis in ((1, 0), (0, 1))]
        )
        better = np.abs(found).sum(0) > np.abs(strongest).sum(0)
        strongest = np.where(better & where, found, strongest)
    dx, dy = np.clip(strongest, -8000, 8000).astype(np.int16)
    lines = cv2.Canny(np.ascontiguousarray(dx), np.ascontiguousarray(dy), *EDGE_THRESHOLDS) > 0
    kept = (lines & people) | _longer_than(lines, round(width / 80))
    return np.repeat((kept * np.uint8(255))[..., None], 3, 2)


def _tones(owner: NDArray[np.int32]) -> NDArray[np.float32]:
    """Levels far enough apart that any two owners' border is an edge."""
    return np.asarray(owner * 180, np.float32)


def _flat_colours(frame: LayoutFrame, grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W): each mesh in its mean level, so that neither light nor the joints of one skin make lines."""
    part = frame.part.ravel() % len(frame.labels)  # the sky may be -1, the last label
    count = np.bincount(part, minlength=len(frame.labels))
    total = np.bincount(part, weights=grey.ravel(), minlength=len(frame.labels))
    return np.asarray((total / np.maximum(count, 1))[part].reshape(grey.shape), np.float32)


def _nearness(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.where(np.isfinite(depth), 1000 / np.maximum(depth, 0.1), 0), np.float32)


def _jumps(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W): where the distance changes by more than 4 % from pixel to pixel, and not because a floor runs away."""
    near = _nearness(depth)
    jump = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        step = np.abs(np.diff(near, axis=axis))
        before, after = (np.roll(step, shift, axis) for shift in (1, -1))
        high = np.maximum(np.delete(near, 0, axis), np.delete(near, -1, axis))
        sudden = (step > 0.04 * high) & (step > 3 * np.minimum(before, after))
        pad = ((1, 0), (0, 0)) if axis == 0 else ((0, 0), (1, 0))
        jump |= np.pad(sudden, pad) | np.pad(sudden, tuple((b, a) for a, b in pad))
    return jump


def _longer_than(lines: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """(H, W): connected lines of more than `pixels` pixels."""
    import cv2

    _, labels, facts, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8), connectivity=8)
    long = facts[:, cv2.CC_STAT_AREA] > pixels
    long[0] = False  # the background
    return np.asarray(long[labels])
