"""Characters in pictures and films that the studio made itself: its layouts tell exactly where each one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene_json import scene_from_dict
from backends.image.layout.seen import Seen, characters_seen
from backends.vision.composition.figures import shares
from backends.vision.composition.result import Figure
from configs.errors import StudioError
from memory.records import Asset
from tools.film.animate import cover
from tools.film.camera_move import CameraMove
from tools.film.layers import Layers, load_layers
from tools.film.shot import Shot

if TYPE_CHECKING:
    from tools.editing.program import Cut
    from tools.spec import ToolContext

Window = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the drawn picture: what the frame shows of it."""
_SMALLEST = 0.02
"""Of the frame's height: less of somebody is nobody."""
_SAME_SHAPE = 0.02
_NECK, _SHOULDERS = 0.4, 0.1
"""Less than the first, in heads, below a chin is neck and shoulders, however short the body: counted as the second."""


@dataclass(frozen=True)
class Drawn:
    """A picture that a layout decided."""

    width: int
    height: int
    seen: tuple[Seen, ...]
    layers: Layers | None
    """None when they are no longer kept: there are no masks then."""

    @property
    def whole(self) -> Window:
        return 0.0, 0.0, float(self.width), float(self.height)

    def figures(self, window: Window) -> list[Figure]:
        """Who is in the window, whom the camera frames first; boxes are shares of the window."""
        found = [(one, one.box(window)) for one in self.seen]
        figures = [_figure(one, box, window) for one, box in found if box is not None]
        return [one for one in figures if one.box[3] - one.box[1] > _SMALLEST]

    def mask(self, name: str, window: Window, size: tuple[int, int]) -> NDArray[np.bool_] | None:
        """(H, W) of `size` (width, height): the pixels of a character in the window; None without layers."""
        import cv2

        if self.layers is None:
            return None
        x0, y0, x1, y1 = window
        scale = ((x1 - x0) / size[0], (y1 - y0) / size[1])
        matrix = np.array([[scale[0], 0, x0], [0, scale[1], y0]])
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        own = self.layers.mask(name).astype(np.uint8)
        return np.asarray(cv2.warpAffine(own, matrix, size, flags=flags)) > 0


@dataclass(frozen=True)
class Moment:
    """What a film shows at one time."""

    drawn: Drawn
    window: Window


At = Callable[[float], Moment | None]
"""What is on screen at a time in seconds; None where nothing is known of it."""


def known_moments(asset: Asset, ctx: ToolContext) -> At | None:
    """What the studio knows of a picture or a film by its making; None when it did not make it from layouts."""
    if asset.kind == "image":
        drawn = drawn_picture(asset, ctx)
        return None if drawn is None else (lambda _: Moment(drawn, drawn.whole))
    if asset.kind != "video":
        return None
    if asset.engine == "animator":
        return _clip(asset, ctx)
    return _film(asset, ctx)


def drawn_picture(asset: Asset, ctx: ToolContext) -> Drawn | None:
    """Where the characters of a picture are, when a layout decided it and it was not edited since."""
    params = asset.params
    steered = bool(params.get("controls"))
    if not params.get("scene") or params.get("edits") or not (asset.engine == "preview" or steered):
        return None
    width, height = int(params.get("width") or 0), int(params.get("height") or 0)
    if width < 16 or height < 16 or params.get("drawn_size") not in (None, [width, height]):
        return None
    try:
        scene = scene_from_dict(params["scene"])
        seen = characters_seen(scene, width, height, ctx.workspace.cache / "layout")
    except StudioError as error:
        ctx.warn(f"Where the characters of '{asset.name}' are is not known: {error.sentence}")
        return None
    return Drawn(width, height, seen, _kept_layers(asset, (height, width), ctx))


def _kept_layers(asset: Asset, shape: tuple[int, int], ctx: ToolContext) -> Layers | None:
    kept = ctx.memory.get_asset(str(asset.params.get("layers", "")))
    if kept is None:
        return None
    try:
        layers = load_layers(ctx.path(kept))
    except StudioError:  # a damaged file costs the masks only
        return None
    return layers if layers.owner.shape == shape else None


def _clip(asset: Asset, ctx: ToolContext) -> At | None:
    """A picture that was brought to life: the camera's window at each time, as `animate_shot` moves it."""
    picture = next((found for one in asset.parents if (found := ctx.memory.get_asset(one)) is not None), None)
    if picture is None or picture.kind != "image":
        return None
    drawn, params = drawn_picture(picture, ctx), asset.params
    frames, fps = int(params.get("frames") or 0), float(params.get("fps") or 0)
    size = int(params.get("width") or 0), int(params.get("height") or 0)
    if drawn is None or frames < 1 or fps <= 0 or min(size) < 2:
        return None
    left, top, right, bottom = cover(drawn.width, drawn.height, size)
    layers = drawn.layers.crop(left, top, right, bottom) if drawn.layers is not None else None
    move = _move(picture, asset, layers, (right - left, bottom - top))
    if move is None:
        return None

    def at(seconds: float) -> Moment:
        index = min(frames - 1, max(0, round(seconds * fps)))
        window = move.at(index / max(1, frames - 1), index / fps)
        wide, high = (right - left) / window.zoom / 2, (bottom - top) / window.zoom / 2
        x, y = left + window.x, top + window.y
        return Moment(drawn, (x - wide, y - high, x + wide, y + high))

    return at


def _move(picture: Asset, clip: Asset, layers: Layers | None, size: tuple[int, int]) -> CameraMove | None:
    """The move as it was made: around the faces, towards their middle."""
    try:
        shot = Shot.model_validate(picture.params.get("shot") or {"id": "shot-1", "description": picture.name})
        camera = shot.camera.model_validate({**shot.camera.model_dump(), "move": clip.params.get("move")})
    except ValueError:
        return None
    width, height = size
    faces = list(layers.face_box.values()) if layers is not None else []
    inside = [one for one in faces if one[2] > 0 and one[0] < width and one[3] > 0 and one[1] < height]
    middle = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in inside]
    x, y = np.mean(middle, axis=0) if middle else (width / 2, height / 2)
    return CameraMove(camera.move, width, height, faces, (float(x), float(y)), clip.seed or 0)


def _film(asset: Asset, ctx: ToolContext) -> At | None:
    """A film that was rendered from a timeline: each clip's own moments, on the film's time."""
    from tools.editing.program import read_program
    from tools.editing.sources import SourceFinder, cut_of
    from tools.editing.timeline_file import load_timeline

    cut = cut_of(asset, ctx)
    if cut is None:
        return None
    try:
        program = read_program(load_timeline(ctx.path(cut)), SourceFinder(ctx).find)
    except StudioError as error:
        ctx.warn(f"The timeline of '{asset.name}' tells nothing of its characters: {error.sentence}")
        return None
    clips: dict[str, At | None] = {}
    for one in program.video:
        if one.source is not None and one.source.asset_id not in clips:
            source = ctx.memory.get_asset(one.source.asset_id)
            same = abs(one.source.info.width * program.height / (one.source.info.height * program.width) - 1)
            fits = source is not None and same < _SAME_SHAPE
            clips[one.source.asset_id] = known_moments(source, ctx) if source is not None and fits else None
    if not any(clips.values()):
        return None

    def at(seconds: float) -> Moment | None:
        frame = int(seconds * program.fps + 1e-6)
        on = next((one for one in program.video if one.start <= frame < one.end), None)
        moments = clips.get(on.source.asset_id) if on is not None and on.source is not None else None
        return moments(_time_in_source(on, frame, float(program.fps))) if on is not None and moments else None

    return at


def _time_in_source(cut: Cut, frame: int, fps: float) -> float:
    passed = (frame - cut.start) / fps
    if cut.backwards:
        passed = cut.frames / fps - passed
    return float(cut.source_in) + passed * float(cut.speed)


def _figure(seen: Seen, box: Window, window: Window) -> Figure:
    """A character in a window; box and window in pixels."""
    x0, y0, x1, y1 = window
    wide, high = x1 - x0, y1 - y0
    left, top, right, bottom = (box[0] - x0) / wide, (box[1] - y0) / high, (box[2] - x0) / wide, (box[3] - y0) / high
    below = y1 - seen.chin
    shown = float(np.clip(below / max(seen.feet - seen.chin, 1e-6), 0, 1))
    if below < _NECK * seen.head:
        shown = min(shown, _SHOULDERS)
    return Figure(
        kind="figure", box=shares((left, top, right, bottom)), character=seen.name, by="layout", shown=round(shown, 3)
    )
