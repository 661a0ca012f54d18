"""make_control_maps: depth, pose, edges and normals of a picture or a shot, ready to steer another picture."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from backends.image.control.check import Fit, check_says_something, fit_map
from backends.image.control.models import MapModels
from backends.image.engine import MapKind
from backends.image.layout.scene import LayoutScene
from backends.image.layout.scene_json import scene_from_dict
from configs.errors import EngineError, StudioError, UsageError
from memory.records import Asset
from tools.film.layout import cast_looks, layout_scene
from tools.film.shot import CastMember, Shot
from tools.film.storyboard import load_board
from tools.image.map_sources import (
    KINDS,
    SHEET,
    Finished,
    Made,
    finished,
    layout_maps,
    map_kinds,
    save_map,
    studio_drew,
)
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

LAYOUT_SECONDS_PER_MEGAPIXEL = 12.0
"""Measured on two idle cores."""
MODEL_SECONDS = 3.0
"""A depth or pose model on the CPU, its start included."""


class MakeControlMapsArgs(ToolArgs):
    image: str = Field("", max_length=500, description="The picture: asset id, attached file or path")
    shot: dict[str, Any] | str | None = Field(
        None, description="Instead of a picture: a storyboard's shot, or its number in the latest storyboard"
    )
    cast: list[dict[str, Any]] = Field(default_factory=list, description="The storyboard's characters, with a shot")
    kinds: list[MapKind] = Field(
        default_factory=lambda: list(KINDS), description="Which maps: depth, pose, canny, normal"
    )
    width: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the picture's own, or the setting image.width")
    height: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the picture's own, or the setting image.height")
    fit: Fit = Field(
        "", description="When a size is asked that the picture lacks: crop what sticks out, or pad with an empty rim"
    )
    take_as: Literal["auto", "picture", "map"] = Field(
        "auto", description="Whether the image is a picture to make maps of, or a finished map; auto = by its look"
    )


class MakeControlMaps(Tool):
    name: ClassVar[str] = "make_control_maps"
    description: ClassVar[str] = (
        "Makes depth, pose, canny edge and normal maps of a picture or a shot, to steer another picture: exact ones of "
        "what the studio drew; of other pictures edges, and the rest where models are installed."
    )
    Args: ClassVar[type[ToolArgs]] = MakeControlMapsArgs
    makes = "map"

    def needs(self, args: MakeControlMapsArgs, studio: Studio) -> frozenset[str]:
        drawn = args.shot is not None or bool(args.image and studio_drew(args.image, studio))
        return frozenset({"preview"}) if drawn and args.take_as != "map" else frozenset()

    def forecast(self, args: MakeControlMapsArgs, studio: Studio) -> Forecast:
        image = studio.settings.image
        megapixels = (args.width or image.width) * (args.height or image.height) / 1e6
        if self.needs(args, studio):
            return Forecast(seconds=2.0 + LAYOUT_SECONDS_PER_MEGAPIXEL * megapixels, disk_mib=2.0 * megapixels)
        models = sum(kind != "canny" for kind in args.kinds)
        return Forecast(seconds=0.3 + MODEL_SECONDS * models, disk_mib=1.0)

    def run(self, args: MakeControlMapsArgs, ctx: ToolContext) -> ToolResult:
        if not args.kinds:
            raise UsageError("No kind of map was asked for", fix=f"Choose among {', '.join(KINDS)}")
        kinds = map_kinds(list(args.kinds))
        if args.shot is not None:
            scene, name = _shot_scene(args, ctx)
            return _result(_of_layout(scene, kinds, _size(args, {}, ctx), ctx), name, None, ctx)
        if not args.image:
            raise UsageError("There is nothing to make maps of", fix="Name a picture or give a shot")
        source = ctx.asset(args.image, "image", "map")
        rgb = _pixels(source, ctx)
        known = _known(args, source, rgb)
        if known is not None:
            return _of_finished(known, args, source, rgb, ctx)
        stored = source.params.get("scene")
        if stored and "preview" in ctx.engines:
            made = _of_layout(scene_from_dict(stored), kinds, _size(args, source.params, ctx), ctx)
        else:
            made = _of_pixels(kinds, _asked_size(args, rgb, source), ctx)
        return _result(made, source.name, source, ctx)


def _shot_scene(args: MakeControlMapsArgs, ctx: ToolContext) -> tuple[LayoutScene, str]:
    if isinstance(args.shot, str):
        return _stored_shot(args.shot, ctx)
    try:
        shot = Shot.model_validate(args.shot)
        cast = tuple(CastMember.model_validate(one) for one in args.cast)
    except ValidationError as error:
        raise UsageError("The shot is wrong", str(error.errors()[0]["msg"]), "Give a storyboard's shot") from error
    return layout_scene(shot, cast_looks(cast)), shot.id


def _stored_shot(word: str, ctx: ToolContext) -> tuple[LayoutScene, str]:
    """A shot of the latest storyboard, by number or id."""
    try:
        asset = ctx.asset("last", "storyboard")
    except UsageError as error:
        raise UsageError(
            f"There is no shot '{word}'", "no storyboard was made here yet", "Make one with write_storyboard first"
        ) from error
    board = load_board(ctx.path(asset))
    wanted = f"shot-{word.strip()}" if word.strip().isdigit() else word.strip()
    for shot in board.shots:
        if shot.id == wanted:
            return layout_scene(shot, cast_looks(board.characters)), f"{asset.name}, {shot.id}"
    raise UsageError(
        f"There is no shot '{word}' in '{asset.name}'", fix=f"It has {', '.join(one.id for one in board.shots[:20])}"
    )


def _size(args: MakeControlMapsArgs, own: dict[str, Any], ctx: ToolContext) -> tuple[int, int]:
    width = args.width or int(own.get("width", 0)) or ctx.settings.image.width
    height = args.height or int(own.get("height", 0)) or ctx.settings.image.height
    if width < 64 or height < 64:
        raise UsageError(f"Maps of {width}x{height} pixels are too small", fix="Ask for at least 64x64")
    return width, height


def _pixels(source: Asset, ctx: ToolContext) -> NDArray[np.uint8]:
    from backends.media.images import load_image

    return np.asarray(load_image(ctx.path(source)))


def _known(args: MakeControlMapsArgs, source: Asset, rgb: NDArray[np.uint8]) -> Finished | None:
    """What kind of finished map the image is; None when maps are to be made of it."""
    if args.take_as == "picture":
        return None
    if args.take_as == "map" and source.kind != "map":
        if len(set(args.kinds)) != 1:
            raise UsageError("It is not said what kind of map this is", fix=f"Give one kind: {', '.join(KINDS)}")
        return Finished(args.kinds[0], True, "so it was said")
    known = finished(source, rgb)
    asked = "kinds" in args.model_fields_set
    if known is None or not asked or known.kind in args.kinds:
        return known
    if not known.certain:
        return None  # only its pixels look like a depth map, and something else is asked of it
    raise UsageError(
        f"'{source.name}' is a finished {known.kind} map",
        f"{known.why}; a map is never preprocessed again",
        f"Ask for {known.kind}, name the picture itself, or say take_as: picture",
    )


def _of_finished(
    known: Finished, args: MakeControlMapsArgs, source: Asset, rgb: NDArray[np.uint8], ctx: ToolContext
) -> ToolResult:
    """A finished map as it is: checked, typed, in another size only when that is asked for."""
    check_says_something(rgb, known.kind, source.name)
    height, width = rgb.shape[:2]
    size = (args.width or width, args.height or height)
    image = fit_map(rgb, known.kind, size, args.fit, source.name)
    summary = f"'{source.name}' is a finished {known.kind} map ({known.why}): used as it is, nothing was computed."
    if image is rgb and source.kind == "map":
        return ToolResult(summary, (source,), {"maps": 1})
    made = Made(
        known.kind,
        image,
        "opencv" if image is not rgb else source.engine or "given",
        "given",
        {"fit": args.fit} if args.fit else {},
    )
    if image is not rgb:
        summary = f"'{source.name}' is a finished {known.kind} map ({known.why}): fitted to {size[0]}x{size[1]}."
    return ToolResult(summary, (save_map(made, source.name, (source.id,), ctx),), {"maps": 1})


def _of_layout(
    scene: LayoutScene, kinds: tuple[MapKind, ...], size: tuple[int, int], ctx: ToolContext
) -> tuple[Made, ...]:
    def on_step(step: int, steps: int) -> None:
        ctx.progress(step / max(steps, 1), 1, "layout")

    return layout_maps(scene, kinds, size, ctx, on_step)


def _asked_size(args: MakeControlMapsArgs, rgb: NDArray[np.uint8], source: Asset) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    size = (args.width or width, args.height or height)
    if size == (width, height) or args.fit:
        return fit_map(rgb, "depth", size, args.fit, source.name)
    raise UsageError(
        f"'{source.name}' is {width}x{height}, not {size[0]}x{size[1]}",
        "nothing is stretched or cut unasked",
        "Leave width and height out, or say fit: crop or pad",
    )


def _of_pixels(kinds: tuple[MapKind, ...], rgb: NDArray[np.uint8], ctx: ToolContext) -> tuple[Made, ...]:
    """Maps of a picture that has no layout: what cannot be made is told, the rest is made."""
    from backends.image.control.preprocess import make_map

    models = MapModels(ctx.settings)
    made: list[Made] = []
    failed: list[tuple[MapKind, StudioError]] = []
    for number, kind in enumerate(kinds):
        ctx.progress(number, len(kinds), kind)
        if lacks := models.missing(kind):
            cause = f"the picture has no layout, for the studio did not draw it, and {lacks}"
            failed.append((kind, EngineError(f"The {kind} map was not made", cause)))
            continue
        try:
            found = make_map(kind, rgb, models)
        except (UsageError, EngineError) as trouble:
            failed.append((kind, trouble))
            continue
        made.append(Made(kind, found.image, found.by, "preprocessed", note=found.note))
    if not made:
        first = failed[0][1]
        rest = f"; nor {', '.join(kind for kind, _ in failed[1:])}" if failed[1:] else ""
        fix = first.fix or ("Ask for canny, which needs no model" if "canny" not in kinds else "")
        raise type(first)(first.problem + rest, first.cause, fix)
    for _, error in failed:
        ctx.warn(error.sentence)
    return tuple(made)


_IN_WORDS = {"opencv": "OpenCV", "layout renderer": "the layout renderer"}


def _result(made: tuple[Made, ...], name: str, source: Asset | None, ctx: ToolContext) -> ToolResult:
    """Save the maps, and before them a sheet that shows them all when there are several."""
    if not made:
        raise UsageError(
            f"No map of '{name}' could be made", "nobody is in it who has a pose", "Ask for depth or canny"
        )
    for one in made:
        if one.note:
            ctx.warn(one.note)
    parents = (source.id,) if source else ()
    saved = tuple(save_map(one, name, parents, ctx) for one in made)
    kinds = ", ".join(one.kind for one in made)
    by = " and ".join(dict.fromkeys(_IN_WORDS.get(one.by, one.by) for one in made))
    sheet = (_sheet(made, saved, name, source, ctx),) if len(made) > 1 else ()
    height, width = made[0].image.shape[:2]
    summary = f"Made {kinds} of '{name}' ({width}x{height}) by {by}."
    return ToolResult(summary[:1000], (*sheet, *saved), {"maps": len(made)})


def _sheet(
    made: tuple[Made, ...], saved: tuple[Asset, ...], name: str, source: Asset | None, ctx: ToolContext
) -> Asset:
    from backends.media.images import contact_sheet, save_png

    pictures = [one.image for one in made]
    captions = [f"{one.kind} ({one.by})" for one in made]
    if source is not None:
        pictures.insert(0, _pixels(source, ctx))
        captions.insert(0, source.name)
    file = ctx.scratch(".png")
    save_png(file, contact_sheet(pictures, captions, columns=2 if len(pictures) <= 4 else 3))
    params = {"kind": SHEET, "maps": [asset.id for asset in saved]}
    return ctx.save(
        file, "map", f"maps of {name}", engine=made[0].by, params=params, parents=tuple(asset.id for asset in saved),
        summary=f"Sheet that shows {', '.join(one.kind for one in made)} of {name}",
    )  # fmt: skip
