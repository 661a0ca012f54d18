"""The frames of a living shot: camera move, parallax, characters that breathe, blink and speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import CharacterLook
from tools.film.atmosphere import Atmosphere
from tools.film.camera_move import CameraMove, Window
from tools.film.layers import Layers, Patch
from tools.film.lexicon import lexicon
from tools.film.performance import MouthMix, Performer, Speech
from tools.film.plates import Cutout, take_apart
from tools.film.shot import Shot

_COARSE = 4
"""Warps are computed on a grid this much coarser than the frame and interpolated: they are smooth."""
_PAD = 28


@dataclass
class _Body:
    """A cut-out with what animates it."""

    cutout: Cutout
    performer: Performer
    feet: float
    height: float
    patches: dict[tuple[str | None, float], Patch]
    lit: NDArray[np.uint8] | None
    dirty: tuple[slice, slice] | None = None
    clean: NDArray[np.uint8] | None = None


class ShotFrames:
    """Frames of one shot.

    rgb: (H, W, 3) uint8, the picture, at least as large as the film. layers: None for a picture without a layout; then
    only the camera moves.
    """

    def __init__(
        self,
        shot: Shot,
        rgb: NDArray[np.uint8],
        layers: Layers | None,
        looks: Mapping[str, CharacterLook],
        speeches: Sequence[Speech],
        size: tuple[int, int],
        fps: int,
        frames: int,
        seed: int,
    ) -> None:
        self.width, self.height = size
        self.fps, self.count = fps, frames
        names = [actor.name for actor in shot.actors]
        self._plates = take_apart(rgb, layers, names, shot.camera.focus)
        self._source = rgb.shape[1], rgb.shape[0]
        faces = list(layers.face_box.values()) if layers else []
        self._camera = CameraMove(shot.camera.move, *self._source, faces, self._subject(faces), seed)
        self._air = Atmosphere(shot.set, shot.time_of_day, self.width, self.height, seed)
        seconds = frames / fps
        self._bodies = [self._body(one, shot, layers, looks, speeches, seconds, seed) for one in self._plates.cutouts]
        self._grid = self._coarse_grid()
        self._outdoors = shot.set not in ("room", "kitchen", "castle", "void")

    def _subject(self, faces: list[tuple[float, float, float, float]]) -> tuple[float, float]:
        width, height = self._source
        seen = [face for face in faces if face[2] > 0 and face[0] < width and face[3] > 0 and face[1] < height]
        if seen:
            return (
                float(np.mean([(face[0] + face[2]) / 2 for face in seen])),
                float(np.mean([(face[1] + face[3]) / 2 for face in seen])),
            )
        boxes = [one.box for one in self._plates.cutouts]
        if boxes:
            return float(np.mean([(box[0] + box[2]) / 2 for box in boxes])), float(
                np.mean([(box[1] + box[3]) / 2 for box in boxes])
            )
        return width / 2, height / 2

    def _body(
        self,
        cutout: Cutout,
        shot: Shot,
        layers: Layers | None,
        looks: Mapping[str, CharacterLook],
        speeches: Sequence[Speech],
        seconds: float,
        seed: int,
    ) -> _Body:
        actor = shot.actor(cutout.name)
        look = looks.get(cutout.name)
        performer = Performer(
            cutout.name, seconds, speeches, actor.pose if actor else "standing", look.kind if look else "human", seed
        )
        _x0, y0, _x1, y1 = cutout.box
        height = float(y1 - y0)
        feet = float(y1)
        if y1 >= self._source[1] - 2:  # cut by the frame: the feet are somewhere below
            height, feet = height * 1.6, y0 + height * 1.6
        patches = {}
        if layers is not None:
            patches = {(one.mouth, one.blink): one for one in layers.patches if one.character == cutout.name}
        lit = (
            _lit(cutout, look)
            if look and look.kind == "robot" and any(one.character == cutout.name for one in speeches)
            else None
        )
        return _Body(cutout, performer, feet, height, patches, lit)

    def _coarse_grid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Frame coordinates (u, v) at the centres of the coarse cells."""
        columns, rows = max(2, self.width // _COARSE), max(2, self.height // _COARSE)
        u = (np.arange(columns, dtype=np.float32) + 0.5) * (self.width / columns) - 0.5
        v = (np.arange(rows, dtype=np.float32) + 0.5) * (self.height / rows) - 0.5
        return np.meshgrid(u, v)  # type: ignore[return-value]

    def frame(self, index: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB of frame `index`."""
        seconds = index / self.fps
        window = self._camera.at(index / max(1, self.count - 1), seconds)
        frame = self._background(window, seconds)
        # A frame shows until the next: the mouth of its middle is on time, that of its start half a frame late.
        middle = seconds + 0.5 / self.fps
        for body in self._bodies:
            self._act(body, middle)
            self._place(frame, body, window, seconds)
        self._air.draw(frame, seconds, shift_x=-window.shift_x * 0.6)
        return frame

    # -- background ----------------------------------------------------------------------------------------------

    def _background(self, window: Window, seconds: float) -> NDArray[np.uint8]:
        import cv2

        u, v = self._grid
        plates = self._plates
        x, y = self._project(u, v, window, np.float32(1.0))
        low_w, low_h = plates.nearness.shape[1], plates.nearness.shape[0]
        at_x, at_y = (x + 0.5) * (low_w / self._source[0]) - 0.5, (y + 0.5) * (low_h / self._source[1]) - 0.5
        near = cv2.remap(plates.nearness, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        x, y = self._project(u, v, window, near)
        if self._outdoors:
            sky = cv2.remap(plates.sky, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            x = x + sky * np.float32(
                lexicon("motion")["sky_drift"] * self._source[0] * (seconds - self.count / self.fps / 2)
            )
        full = (self.width, self.height)
        map_x, map_y = (
            cv2.resize(x, full, interpolation=cv2.INTER_LINEAR),
            cv2.resize(y, full, interpolation=cv2.INTER_LINEAR),
        )
        return np.asarray(
            cv2.remap(plates.background, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        )

    def _project(
        self, u: NDArray[np.float32], v: NDArray[np.float32], window: Window, near: NDArray[np.float32] | np.float32
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where frame points lie in the picture, for things at `near` (1 = the subject's depth, 0 = far away)."""
        width, height = self._source
        zoom = window.far_zoom + (window.zoom - window.far_zoom) * near
        half_w, half_h = width / window.far_zoom / 2, height / window.far_zoom / 2
        far_x, far_y = min(max(window.x, half_w), width - half_w), min(max(window.y, half_h), height - half_h)
        centre_x = far_x + (window.x - far_x) * near
        centre_y = far_y + (window.y - far_y) * near
        x = centre_x + (u - (self.width - 1) / 2) * (width / self.width) / zoom - window.shift_x * (1 - near)
        y = centre_y + (v - (self.height - 1) / 2) * (height / self.height) / zoom - window.shift_y * (1 - near)
        return np.asarray(x, np.float32), np.asarray(y, np.float32)

    # -- characters ----------------------------------------------------------------------------------------------

    def _act(self, body: _Body, seconds: float) -> None:
        """Put the mouth and lids of this moment into the cut-out."""
        if body.dirty is not None and body.clean is not None:
            body.cutout.rgb[body.dirty] = body.clean
            body.dirty = None
        mouth, blink = body.performer.mouth(seconds), body.performer.blink(seconds)
        if not body.patches or (mouth.before is None and mouth.after is None and blink < 0.05):
            return
        face = self._face(body, mouth, blink)
        if face is None:
            return
        patch, area = face
        body.clean = body.cutout.rgb[area].copy()
        body.dirty = area
        body.cutout.rgb[area] = patch

    def _face(self, body: _Body, mouth: MouthMix, blink: float) -> tuple[NDArray[np.uint8], tuple[slice, slice]] | None:
        first = next(iter(body.patches.values()))
        height, width = first.rgb.shape[:2]
        area = (slice(first.y, first.y + height), slice(first.x, first.x + width))
        own = body.cutout.rgb[area]
        if own.shape != first.rgb.shape:
            return None
        face = _blend(self._variant(body, mouth.before, own), self._variant(body, mouth.after, own), mouth.part)
        if blink >= 0.05:
            closed = body.patches.get((None, 1.0))
            if closed is not None:
                # a patch differs from the picture only where something moves, so lids and lips do not meet
                face = np.where(_lowered(own, closed.rgb, blink)[..., None], closed.rgb, face)
        return face, area

    @staticmethod
    def _variant(body: _Body, mouth: str | None, own: NDArray[np.uint8]) -> NDArray[np.uint8]:
        patch = body.patches.get((mouth, 0.0)) if mouth is not None else None
        return own if patch is None else patch.rgb

    def _place(self, frame: NDArray[np.uint8], body: _Body, window: Window, seconds: float) -> None:
        import cv2

        cutout = body.cutout
        area = self._frame_area(cutout, window)
        if area is None:
            return
        left, top, right, bottom = area
        columns, rows = max(2, (right - left) // _COARSE), max(2, (bottom - top) // _COARSE)
        u = left + (np.arange(columns, dtype=np.float32) + 0.5) * ((right - left) / columns) - 0.5
        v = top + (np.arange(rows, dtype=np.float32) + 0.5) * ((bottom - top) / rows) - 0.5
        grid_u, grid_v = np.meshgrid(u, v)
        x, y = self._project(grid_u, grid_v, window, np.float32(cutout.nearness))
        x, y = self._moved(body, x, y, seconds)
        size = (right - left, bottom - top)
        map_x, map_y = (
            cv2.resize(x, size, interpolation=cv2.INTER_LINEAR),
            cv2.resize(y, size, interpolation=cv2.INTER_LINEAR),
        )
        rgb = cutout.rgb
        pulse = body.performer.pulse(seconds) if body.lit is not None else 0.0
        if pulse > 0.02 and body.lit is not None:
            x0, y0, x1, y1 = cutout.box
            rgb = rgb.copy()
            rgb[y0:y1, x0:x1] = _blend(rgb[y0:y1, x0:x1], np.maximum(body.lit, rgb[y0:y1, x0:x1]), pulse)
        colour = cv2.remap(rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.remap(cutout.alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        region = np.ascontiguousarray(frame[top:bottom, left:right])
        frame[top:bottom, left:right] = cv2.blendLinear(colour, region, alpha, 1 - alpha)

    def _frame_area(self, cutout: Cutout, window: Window) -> tuple[int, int, int, int] | None:
        """Frame rectangle that the moved cut-out can touch, or None when it is out of view."""
        width, height = self._source
        zoom = window.far_zoom + (window.zoom - window.far_zoom) * cutout.nearness
        scale_x, scale_y = zoom * self.width / width, zoom * self.height / height
        x0, y0, x1, y1 = cutout.box
        pad = _PAD + 0.06 * (y1 - y0) * scale_y
        shift_x, shift_y = window.shift_x * (1 - cutout.nearness), window.shift_y * (1 - cutout.nearness)
        reach = abs(shift_x) + abs(shift_y) + 0.06 * width * abs(1 - cutout.nearness)
        left = int((x0 - window.x) * scale_x + self.width / 2 - pad - reach)
        top = int((y0 - window.y) * scale_y + self.height / 2 - pad - reach)
        right = int((x1 - window.x) * scale_x + self.width / 2 + pad + reach)
        bottom = int((y1 - window.y) * scale_y + self.height / 2 + pad + reach)
        bottom = self.height if y1 >= height - 2 else bottom
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, self.width), min(bottom, self.height)
        return (left, top, right, bottom) if right - left > 3 and bottom - top > 3 else None

    @staticmethod
    def _moved(
        body: _Body, x: NDArray[np.float32], y: NDArray[np.float32], seconds: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Picture points from which the moved body takes its pixels (so movements enter with the opposite sign)."""
        who = body.performer
        rise = np.clip((body.feet - y) / body.height, 0.0, 1.2)
        dx = who.sway(seconds) * body.height * rise**1.6
        dy = -(who.breath(seconds) * rise + who.lift(seconds)) * body.height
        nod = who.nod(seconds)
        if nod and body.cutout.face is not None:
            x0, y0, x1, y1 = body.cutout.face
            tall = max(y1 - y0, 1.0)
            reach = np.exp(-((x - (x0 + x1) / 2) ** 2 + (y - (y0 + y1) / 2) ** 2) / (2 * (0.8 * tall) ** 2))
            dy = dy + nod * tall * reach
        return (x - dx).astype(np.float32), (y - dy).astype(np.float32)


def _lowered(own: NDArray[np.uint8], closed: NDArray[np.uint8], part: float) -> NDArray[np.bool_]:
    """(h, w) bool: where the lid is, `part` of its way down; lids slide, a cross-fade would look like a ghost."""
    moved = np.asarray((closed != own).any(axis=2), bool)
    rows = np.flatnonzero(moved.any(axis=1))
    if not len(rows):
        return moved
    edge = rows[0] + part * (rows[-1] + 1 - rows[0])
    return np.asarray(moved & (np.arange(len(moved))[:, None] < edge), bool)


def _blend(a: NDArray[np.uint8], b: NDArray[np.uint8], part: float) -> NDArray[np.uint8]:
    import cv2

    if part <= 0.01 or a is b:
        return a
    if part >= 0.99:
        return b
    return np.asarray(cv2.addWeighted(a, 1 - part, b, part, 0))


def _lit(cutout: Cutout, look: CharacterLook) -> NDArray[np.uint8]:
    """The cut-out's box with its lamps bright: pixels near the accent colour glow, with bloom around them."""
    import cv2

    plan = lexicon("motion")["glow"]
    x0, y0, x1, y1 = cutout.box
    crop = cutout.rgb[y0:y1, x0:x1].astype(np.float32) / 255
    accent = np.asarray(look.accent, np.float32)
    chroma = crop / np.maximum(crop.sum(axis=2, keepdims=True), 1e-4)
    goal = accent / max(float(accent.sum()), 1e-4)
    bright = crop.max(axis=2) > 0.55
    lamp = np.clip(1 - np.abs(chroma - goal).sum(axis=2) / 0.16, 0, 1) * bright * (cutout.alpha[y0:y1, x0:x1] > 0.5)
    lamp = cv2.GaussianBlur(lamp.astype(np.float32), (0, 0), 1.2)
    bloom = cv2.GaussianBlur(lamp, (0, 0), max(2.0, 0.05 * (y1 - y0)))
    light = (plan["strength"] * lamp + plan["bloom"] * bloom)[..., None] * (0.35 + 0.65 * accent)
    return np.asarray(np.clip((crop + (1 - crop) * light) * 255, 0, 255), np.uint8)
