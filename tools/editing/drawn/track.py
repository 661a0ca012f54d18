"""Where a face is over time: found again and again, followed by its look in between, and joined to a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.editing.moments import Box, area

if TYPE_CHECKING:
    from backends.vision.composition.figures import FigureFinder
    from memory.records import Asset
    from tools.editing.decision.known import Face, Faces
    from tools.spec import ToolContext

Grey = NDArray[np.uint8]
LOOKS_PER_SECOND = 5.0
"""Faces are looked for this often; between two looks they move along a line."""
MOST_LOOKS = 400
KNOWN_PER_SECOND, MOST_KNOWN = 24.0, 2000
"""The same where it is known and need not be looked for: every frame, so that nothing glides over a cut."""
LOOK_WIDTH = 320
"""Pixels that a picture is wide in which a face is followed by its look."""
ALIKE = 0.6
"""Normalised correlation from which what is seen is still the face that was seen before (Lewis 1995)."""
REACH = 0.6
"""Sizes of the face that it moves at most from one look to the next."""
STRAIGHT = 0.004
"""Keys that lie this near to the line between their neighbours are left out, shares of the frame."""


Keys = tuple[tuple[float, float, float, float, float], ...]
"""(seconds of the film, x0, y0, x1, y1 as shares of the picture), in order of time."""


@dataclass(frozen=True)
class Track:
    """A face's path."""

    keys: Keys
    found: int
    """In how many of the looks."""
    looks: int
    followed: int = 0
    """In how many more it was followed by its look."""
    known: tuple[tuple[float, Face], ...] = ()
    """The face itself at each look, in a film that the studio made."""

    @property
    def box(self) -> Box:
        """Its usual size, around the middle of its path."""
        middle = np.median(np.array([key[1:] for key in self.keys]), axis=0)
        return float(middle[0]), float(middle[1]), float(middle[2]), float(middle[3])

    @property
    def face(self) -> Face:
        """As it is in the middle of its path."""
        from tools.editing.decision.known import Face

        return self.known[len(self.known) // 2][1] if self.known else Face.found(self.box)

    @property
    def eyes(self) -> Keys:
        """The path of the eyes; where the face looks away, that of where they would be."""
        from tools.editing.decision.known import Face

        if not self.known:
            return tuple((key[0], *_eyes(Face.found(key[1:]))) for key in self.keys)
        return _thinned([(at, *_eyes(face)) for at, face in self.known])


def face_track(film: Asset, start: float, end: float, near: Box | None, ctx: ToolContext) -> Track | None:
    """The path of one face between two times of a film: the one at `near`, else the largest; None when none is found.

    Raises Cancelled when stopped.
    """
    from tools.analysis.characters import finder_for
    from tools.editing.decision.known import known_faces

    faces = known_faces(film, ctx)
    known = known_path(faces, start, end, near) if faces is not None else None
    if known is not None:
        return known
    finder, _ = finder_for(film, ctx)
    looks, pictures = _looks(film, start, end, finder, ctx)
    return path_of(looks, near, pictures)


def known_path(faces: Faces, start: float, end: float, near: Box | None) -> Track | None:
    """The path of a face in a film that the studio made, which knows where each is; None when there is none."""
    count = max(2, min(MOST_KNOWN, round((end - start) * KNOWN_PER_SECOND) + 1))
    seen: list[tuple[float, Face]] = []
    last = near
    for at in np.linspace(start, max(start, end - 1e-3), count):
        here = sorted(faces(float(at)), key=lambda face: face.eyes is None)
        if not here:
            continue
        # After a cut it is whoever the camera frames then.
        near_by = [(_apart(face.box, last), face) for face in here] if last is not None else []
        shift, face = min(near_by, key=lambda one: one[0], default=(0.0, here[0]))
        face = face if shift < 1.0 else here[0]
        last = face.box
        seen.append((float(at), face))
    if not seen:
        return None
    return Track(_thinned([(at, *face.box) for at, face in seen]), count, count, known=tuple(seen))


def _eyes(face: Face) -> Box:
    """Where they are, or would be."""
    from tools.editing.decision.known import Face

    return face.eyes or Face.found(face.box).eyes or face.box


def _thinned(rows: Sequence[tuple[float, float, float, float, float]]) -> Keys:
    table = np.array(rows)
    return tuple(rows[n] for n in _corners(table[:, 0], table[:, 1:]))


def path_of(
    looks: Sequence[tuple[float, Sequence[Box]]], near: Box | None, pictures: Sequence[Grey] = ()
) -> Track | None:
    """Joins what each look (seconds, faces) found to the path of one face, smoothed and thinned.

    pictures: (H, W) luma of each look; with them the face is followed by its look where no finder sees it.
    """
    times, boxes = [], []
    seeds = [(area(box), n, box) for n, (_, faces) in enumerate(looks) for box in faces]
    if near is not None:
        seeds = [(-_apart(box, near), n, box) for _, n, box in seeds if _apart(box, near) < 2.0]
    if not seeds:
        return None
    _, first, box = max(seeds)
    followed = 0
    for step in (range(first, len(looks)), range(first - 1, -1, -1)):
        last, seen, shown = box, looks[first][0], first
        for n in step:
            at, faces = looks[n]
            same = [one for one in faces if _apart(one, last) < 1.0 + 2.0 * abs(at - seen)]
            found = min(same, key=lambda one: _apart(one, last)) if same else None
            if found is None and pictures:
                found = _again(pictures[shown], pictures[n], last)
                followed += found is not None
            if found is not None:
                last, seen, shown = found, at, n
                times.append(at)
                boxes.append(last)
    order = np.argsort(times)
    moments, path = np.array(times)[order], _smoothed(np.array(boxes)[order])
    rows = [(float(moments[n]), *(float(value) for value in path[n])) for n in _corners(moments, path)]
    return Track(
        tuple((row[0], row[1], row[2], row[3], row[4]) for row in rows), len(times) - followed, len(looks), followed
    )


def _again(before: Grey, now: Grey, box: Box) -> Box | None:
    """Where what `box` shows in the picture before is in this one, near by; None when nothing there looks like it."""
    import cv2

    high, wide = before.shape
    x0, y0 = max(0, round(box[0] * wide)), max(0, round(box[1] * high))
    x1, y1 = min(wide, round(box[2] * wide)), min(high, round(box[3] * high))
    if x1 - x0 < 6 or y1 - y0 < 6 or before[y0:y1, x0:x1].std() < 2.0:
        return None
    off_x, off_y = round(REACH * (x1 - x0)), round(REACH * (y1 - y0))
    left, top = max(0, x0 - off_x), max(0, y0 - off_y)
    around = now[top : y1 + off_y, left : x1 + off_x]
    likeness = np.asarray(cv2.matchTemplate(around, before[y0:y1, x0:x1], cv2.TM_CCOEFF_NORMED))
    row, column = np.unravel_index(int(likeness.argmax()), likeness.shape)
    if likeness[row, column] < ALIKE:
        return None
    x, y = (left + int(column) - x0) / wide, (top + int(row) - y0) / high
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _looks(
    film: Asset, start: float, end: float, finder: FigureFinder, ctx: ToolContext
) -> tuple[list[tuple[float, list[Box]]], list[Grey]]:
    import cv2

    from backends.media.frames import read_frames

    step = max(1 / LOOKS_PER_SECOND, (end - start) / MOST_LOOKS)
    found: list[tuple[float, list[Box]]] = []
    pictures: list[Grey] = []
    due = start
    for at, rgb in read_frames(ctx.path(film), start=max(0.0, start - 0.02)):
        if at >= end - 0.02:
            break  # the next shot's first frame is another face
        if at < due - 1e-3:
            continue
        ctx.cancel.check()
        ctx.progress(at - start, max(end - start, 1e-3), "following a face")
        faces = [one for one in finder.find(rgb, at) if one.kind == "face"]
        found.append((at, [one.box for one in faces]))
        size = (LOOK_WIDTH, max(1, round(LOOK_WIDTH * rgb.shape[0] / rgb.shape[1])))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8))
        due = at + step
    return found, pictures


def _smoothed(
    path: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Each value as the mean of three looks: finders jump by some pixels on a still head."""
    if len(path) < 3:
        return path
    padded = np.concatenate((path[:1], path, path[-1:]))
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3, np.float64)


def _corners(times: NDArray[np.float64], path: NDArray[np.float64]) -> list[int]:
    """Of a path, the keys that it cannot do without (Douglas and Peucker 1973, in time)."""
    kept, open_spans = {0, len(times) - 1}, [(0, len(times) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        if last - first < 2:
            continue
        share = (times[first + 1 : last] - times[first]) / max(times[last] - times[first], 1e-9)
        line = path[first] + share[:, None] * (path[last] - path[first])
        away = np.abs(path[first + 1 : last] - line).max(axis=1)
        worst = int(away.argmax())
        if away[worst] > STRAIGHT:
            middle = first + 1 + worst
            kept.add(middle)
            open_spans += [(first, middle), (middle, last)]
    return sorted(kept)


def _apart(one: Box, other: Box) -> float:
    """Distance of two boxes' middles, in the size of the larger."""
    size = max(one[2] - one[0], other[2] - other[0], 1e-6), max(one[3] - one[1], other[3] - other[1], 1e-6)
    return max(abs(one[n] + one[n + 2] - other[n] - other[n + 2]) / 2 / size[n] for n in (0, 1))
