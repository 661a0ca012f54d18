"""make_control_maps: depth, pose, edges and normals of a picture or a shot, ready to steer another picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from backends.image.layout.scene import LayoutScene
from backends.image.layout.scene_json import scene_from_dict
from configs.errors import UsageError
from memory.records import Asset
from tools.film.layout import cast_looks, layout_scene
from tools.film.shot import CastMember, Shot
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

Kind = Literal["depth", "pose", "canny", "normal"]
KINDS: tuple[Kind, ...] = ("depth", "pose", "canny", "normal")
EDGES = (80, 170)
"""Canny's thresholds on blurred 8-bit luma, the middle of what ControlNet's own preprocessing uses (100, 200)."""


class MakeControlMapsArgs(ToolArgs):
    image: str = Field("", max_length=500, description="The picture: asset id, attached file or path")
    shot: dict[str, Any] | None = Field(None, description="A storyboard's shot, instead of a picture")
    cast: list[dict[str, Any]] = Field(default_factory=list, description="The storyboard's characters, with a shot")
    kinds: list[Kind] = Field(default_factory=lambda: list(KINDS), description="Which maps: depth, pose, canny, normal")
    width: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the picture's own, or the setting image.width")
    height: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the picture's own, or the setting image.height")


class MakeControlMaps(Tool):
    name: ClassVar[str] = "make_control_maps"
    description: ClassVar[str] = (
        "Makes depth, pose, canny edge and normal maps of a picture that the studio drew or of a shot. "
        "Of any other picture it makes the edges only."
    )
    Args: ClassVar[type[ToolArgs]] = MakeControlMapsArgs
    makes = "map"

    def needs(self, args: MakeControlMapsArgs, studio: Studio) -> frozenset[str]:
        if args.shot is not None:
            return frozenset({"preview"})
        known = studio.memory.get_asset(args.image)
        foreign = known is not None and not known.params.get("scene")
        return frozenset() if foreign or set(args.kinds) == {"canny"} else frozenset({"preview"})

    def forecast(self, args: MakeControlMapsArgs, studio: Studio) -> Forecast:
        return Forecast(seconds=6.0 if self.needs(args, studio) else 0.3, disk_mib=1.0)

    def run(self, args: MakeControlMapsArgs, ctx: ToolContext) -> ToolResult:
        if not args.kinds:
            raise UsageError("No kind of map was asked for", fix=f"Choose among {', '.join(KINDS)}")
        source = ctx.asset(args.image, "image") if args.image else None
        if source is None and args.shot is None:
            raise UsageError("There is nothing to make maps of", fix="Name a picture or give a shot")
        scene = _scene(args, source)
        kinds = list(dict.fromkeys(args.kinds))
        if scene is not None and ctx.engines:
            maps = _from_layout(scene, kinds, _size(args, source, ctx), ctx)
            made_by = "layout renderer"
        else:
            maps = _from_pixels(kinds, source, ctx)
            made_by = "opencv"
        assets = tuple(_save(kind, picture, source, made_by, ctx) for kind, picture in maps.items())
        name = source.name if source else str((args.shot or {}).get("id", "the shot"))
        return ToolResult(f"Made {', '.join(maps)} of '{name}' by the {made_by}.", assets, {"maps": len(assets)})


def _scene(args: MakeControlMapsArgs, source: Asset | None) -> LayoutScene | None:
    if args.shot is not None:
        try:
            shot = Shot.model_validate(args.shot)
            cast = tuple(CastMember.model_validate(one) for one in args.cast)
        except ValidationError as error:
            raise UsageError("The shot is wrong", str(error.errors()[0]["msg"]), "Give a storyboard's shot") from error
        return layout_scene(shot, cast_looks(cast))
    stored = source.params.get("scene") if source else None
    return scene_from_dict(stored) if stored else None


def _size(args: MakeControlMapsArgs, source: Asset | None, ctx: ToolContext) -> tuple[int, int]:
    own = source.params if source else {}
    width = args.width or int(own.get("width", 0)) or ctx.settings.image.width
    height = args.height or int(own.get("height", 0)) or ctx.settings.image.height
    if width < 64 or height < 64:
        raise UsageError(f"Maps of {width}x{height} pixels are too small", fix="Ask for at least 64x64")
    return width, height


def _from_layout(
    scene: LayoutScene, kinds: list[Kind], size: tuple[int, int], ctx: ToolContext
) -> dict[Kind, NDArray[np.uint8]]:
    from backends.image.layout.maps import canny_map, depth_map, normal_map, pose_map

    makers: dict[Kind, Callable[[Any], Any]] = {
        "depth": depth_map,
        "pose": pose_map,
        "canny": canny_map,
        "normal": normal_map,
    }

    def on_step(step: int, steps: int) -> None:
        ctx.progress(step / max(steps, 1), 1, "layout")

    frame = ctx.engine("image").renderer.render(scene, *size, on_step=on_step)
    return {kind: np.asarray(makers[kind](frame), np.uint8) for kind in kinds}


def _from_pixels(kinds: list[Kind], source: Asset | None, ctx: ToolContext) -> dict[Kind, NDArray[np.uint8]]:
    """Edges are in the pixels; depth, pose and normals of a foreign picture would need models that are not here."""
    import cv2

    from backends.media.images import load_image

    missing = [kind for kind in kinds if kind != "canny"]
    if source is None or "canny" not in kinds:
        raise UsageError(
            f"{' and '.join(missing).capitalize()} of this picture cannot be made",
            "it was not drawn by the studio, so it has no layout, and no depth or pose model is installed",
            "Ask for canny, or for maps of a picture that generate_image made",
        )
    if missing:
        ctx.warn(f"{', '.join(missing)}: not made, the picture has no layout and no such model is installed")
    grey = cv2.cvtColor(np.asarray(load_image(ctx.path(source))), cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(cv2.GaussianBlur(grey, (0, 0), 1.2), *EDGES)
    return {"canny": np.repeat(np.asarray(edges, np.uint8)[..., None], 3, axis=2)}


def _save(kind: Kind, picture: NDArray[np.uint8], source: Asset | None, made_by: str, ctx: ToolContext) -> Asset:
    from backends.media.images import save_png

    file = ctx.scratch(".png")
    save_png(file, picture, {"studio": f'{{"map": "{kind}", "engine": "{made_by}"}}'})
    name = f"{kind} of {source.name}" if source else f"{kind} map"
    params = {"kind": kind, "width": picture.shape[1], "height": picture.shape[0]}
    return ctx.save(
        file,
        "map",
        name,
        engine=made_by,
        params=params,
        parents=(source.id,) if source else (),
        summary=f"{kind} map, {picture.shape[1]}x{picture.shape[0]}",
    )
