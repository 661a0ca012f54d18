"""Control maps for one picture: of a picture or map that the user names, else of the studio's layout of the shot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from backends.image.control.check import Fit, check_says_something, fit_map
from backends.image.control.models import MapModels
from backends.image.engine import ControlMap, MapKind
from backends.image.layout.scene import LayoutScene
from backends.image.layout.scene_json import scene_from_dict
from backends.image.sdxl.nets import available_maps
from configs.controlnet_config import ControlNetConfig, load_controlnets
from configs.errors import UsageError
from configs.image_tables import model_path
from configs.settings import Settings
from memory.records import Asset
from tools.image.map_sources import Finished, Made, finished, layout_maps, map_kinds, save_map, studio_drew
from tools.spec import Studio, ToolContext

UNION_SCALE, UNION_END = 0.6, 0.85
"""Where only the Union net has a kind, the table has no strength for it."""
SAME_SHAPE = 0.01
"""Two pictures whose ratios of width to height differ by no more than this share are of one shape."""


@dataclass(frozen=True)
class ControlWish:
    """What the user asked of the control."""

    image: str = ""
    """A picture or a finished map (asset id, attached file, path); '' = the layout of the shot."""
    kinds: tuple[str, ...] = ()
    """depth | pose | canny | normal; () = what fits."""
    scale: float | None = None
    """Strength of every map, 0..2; None = as controlnet_config.yaml says."""
    fit: Fit = ""
    """What to do with a map of another size than the picture: '' refuses it, 'crop', 'pad'."""

    @property
    def asked(self) -> bool:
        """True when the user said anything about it."""
        return bool(self.image or self.kinds or self.scale is not None)


@dataclass(frozen=True)
class Steering:
    """The maps that steer a picture."""

    controls: tuple[ControlMap, ...] = ()
    parents: tuple[str, ...] = ()
    """Asset ids of the maps."""
    notes: tuple[str, ...] = ()
    """Sentences for the user."""


def steering_needs(studio: Studio, wish: ControlWish) -> frozenset[str]:
    """Engines to lease besides the one that paints: 'preview' when the maps come from a layout."""
    if not _steers(wish, studio.settings) or not _nets(studio.settings):
        return frozenset()
    if wish.image:
        return frozenset({"preview"}) if studio_drew(wish.image, studio) else frozenset()
    return frozenset({"preview"})


def steer(wish: ControlWish, scene: LayoutScene | None, size: tuple[int, int], ctx: ToolContext) -> Steering:
    """Maps of `size` (width, height) for an SDXL picture of `scene`, saved as assets.

    Empty when the settings say so, when no ControlNet is there, or when the preview engine paints.
    Raises UsageError for a map of another size, of a kind that was not asked for, or one that says nothing; EngineError
    for a preprocessor that cannot be used.
    """
    kinds = map_kinds(wish.kinds)
    if wish.scale is not None and not 0 <= wish.scale <= 2:
        raise UsageError(f"A control strength of {wish.scale:g} cannot be", fix="Choose 0 (ignored) to 2, usually 0.5")
    if not _steers(wish, ctx.settings):
        return Steering()
    there = _nets(ctx.settings)
    if not there:
        return Steering(notes=(_no_nets(ctx.settings),) if wish.asked else ())
    if not wish.image and scene is None:
        note = "Nothing steers the picture: there is no layout of it, and no picture or map was named"
        return Steering(notes=(note,) if wish.asked else ())
    notes = [
        f"No ControlNet for {kind} is installed: the picture is not steered by it"
        for kind in kinds
        if kind not in there
    ]
    made, assets, more = (
        _given(wish, kinds, there, size, ctx) if wish.image else _layout(scene, kinds, there, size, ctx)
    )
    table = load_controlnets(ctx.settings)
    controls = tuple(
        _control(one, asset, table, wish.scale) for one, asset in zip(made, assets, strict=True) if one.kind in there
    )
    return Steering(controls, tuple(c.asset for c in controls), tuple(dict.fromkeys((*notes, *more))))


Found = tuple[tuple[Made, ...], tuple[Asset, ...], tuple[str, ...]]
"""Maps, their assets, notes."""


def _layout(
    scene: LayoutScene | None, kinds: tuple[MapKind, ...], there: frozenset[MapKind], size: tuple[int, int],
    ctx: ToolContext, name: str = "", parents: tuple[str, ...] = (),
) -> Found:  # fmt: skip
    """Depth of the layout, and pose when a human is in the shot, unless other kinds are asked for."""
    assert scene is not None
    if "preview" not in ctx.engines:
        return (), (), ("The layout could not steer the picture: the preview engine was not at hand",)
    human = any(one.look.kind == "human" for one in scene.characters)
    wanted = kinds or (("depth", "pose") if human else ("depth",))
    usable = tuple(kind for kind in wanted if kind in there)
    if not usable:
        return (), (), ()
    made = layout_maps(scene, usable, size, ctx, lambda step, steps: ctx.cancel.check())
    who = name or ", ".join(one.name for one in scene.characters) or scene.set
    return made, tuple(save_map(one, who, parents, ctx) for one in made), tuple(one.note for one in made if one.note)


def _given(
    wish: ControlWish, kinds: tuple[MapKind, ...], there: frozenset[MapKind], size: tuple[int, int], ctx: ToolContext
) -> Found:
    from backends.media.images import load_image

    asset = ctx.asset(wish.image, "image", "map")
    rgb = np.asarray(load_image(ctx.path(asset)))
    known = finished(asset, rgb)
    if known is not None and _use_as_it_is(known, kinds, asset):
        return _ready(known, asset, rgb, wish, size, ctx)
    scene = asset.params.get("scene")
    if scene and "preview" in ctx.engines:
        return _layout(scene_from_dict(scene), kinds, there, size, ctx, asset.name, (asset.id,))
    return _preprocessed(asset, rgb, wish, kinds, there, size, ctx)


def _use_as_it_is(known: Finished, kinds: tuple[MapKind, ...], asset: Asset) -> bool:
    """False: only the pixels say 'depth', and edges or poses of it were asked for. Raises UsageError for a mismatch."""
    if not kinds or kinds == (known.kind,):
        return True
    if not known.certain and known.kind not in kinds:
        return False
    raise UsageError(
        f"'{asset.name}' is a finished {known.kind} map, not {' and '.join(kinds)}", known.why,
        f"Use it as {known.kind}, or name the picture itself; a map is never preprocessed again",
    )  # fmt: skip


def _ready(
    known: Finished, asset: Asset, rgb: NDArray[np.uint8], wish: ControlWish, size: tuple[int, int], ctx: ToolContext
) -> Found:
    check_says_something(rgb, known.kind, asset.name)
    image = fit_map(rgb, known.kind, size, wish.fit, asset.name)
    note = (
        ""
        if asset.kind == "map"
        else f"'{asset.name}' is used as the finished {known.kind} map that it is: {known.why}"
    )
    made = Made(known.kind, image, asset.engine, "given")
    if image is not rgb:
        fitted = Made(known.kind, image, "opencv", "given", {"fit": wish.fit})
        return (made,), (save_map(fitted, asset.name, (asset.id,), ctx),), (note,) if note else ()
    return (made,), (asset,), (note,) if note else ()


def _preprocessed(
    asset: Asset, rgb: NDArray[np.uint8], wish: ControlWish, kinds: tuple[MapKind, ...], there: frozenset[MapKind],
    size: tuple[int, int], ctx: ToolContext,
) -> Found:  # fmt: skip
    """Maps of an ordinary picture: its depth, or its edges where no depth model is, unless kinds are asked for."""
    from backends.image.control.preprocess import make_map

    models = MapModels(ctx.settings)
    able = [kind for kind in ("depth", "canny", "pose", "normal") if kind in there and not models.missing(kind)]
    wanted: tuple[MapKind, ...] = tuple(kind for kind in kinds if kind in there) or tuple(able[:1] if not kinds else ())
    made, assets, notes = [], [], []
    sized = _sized(rgb, asset, wish.fit, size)
    for kind in wanted:
        ctx.cancel.check()
        found = make_map(kind, sized, models)
        made.append(Made(kind, found.image, found.by, "preprocessed", note=found.note))
        assets.append(save_map(made[-1], asset.name, (asset.id,), ctx))
        notes += [f"The {kind} map of '{asset.name}': {found.note}"] if found.note else []
    return tuple(made), tuple(assets), tuple(notes)


def _sized(rgb: NDArray[np.uint8], asset: Asset, fit: Fit, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture in the new one's size: scaled when it has its shape, else only as `fit` says."""
    height, width = rgb.shape[:2]
    if fit or abs(width * size[1] / (height * size[0]) - 1) <= SAME_SHAPE:
        from backends.image.control.check import resize_map

        return fit_map(rgb, "depth", size, fit, asset.name) if fit else resize_map(rgb, "depth", size)
    raise UsageError(
        f"'{asset.name}' is {width}x{height}, the picture to be made {size[0]}x{size[1]}",
        "they have different shapes, and nothing is stretched or cut unasked",
        "Ask for a picture of the same shape, or have it fitted (control_fit: crop or pad)",
    )


def _control(made: Made, asset: Asset, table: ControlNetConfig, scale: float | None) -> ControlMap:
    spec = next((net for kind, net in table.nets.items() if kind == made.kind), None)
    usual, start, end = (spec.scale, spec.start, spec.end) if spec else (UNION_SCALE, 0.0, UNION_END)
    return ControlMap(made.kind, made.image, usual if scale is None else scale, start, end, made.source, asset.id)


def _steers(wish: ControlWish, settings: Settings) -> bool:
    return settings.image.resolved_engine() == "sdxl" and (wish.asked or settings.image.steer == "auto")


def _nets(settings: Settings) -> frozenset[MapKind]:
    found = available_maps(load_controlnets(settings), partial(model_path, settings))
    return frozenset(map_kinds(tuple(found)))


def _no_nets(settings: Settings) -> str:
    paths = [str(model_path(settings, net.path)) for net in load_controlnets(settings).nets.values()]
    where = f": put an SDXL ControlNet at {paths[0]}" if paths else ": name one in controlnet_config.yaml"
    return f"No ControlNet is installed, so nothing steers the picture{where}"
