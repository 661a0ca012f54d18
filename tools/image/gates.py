"""Measured pass marks of a picture: it is whole, it shows who it should, it follows its maps, it is a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.image.engine import ControlMap
from backends.image.layout.scene import RGB, CharacterLook, LayoutScene
from backends.vision.identity.local_files import model_folder
from configs.errors import EngineError
from configs.settings import Settings
from memory.records import Score, ScoreStatus
from tools.film.lexicon import lexicon
from tools.image.identity import Who, identity_of
from tools.spec import ToolContext

if TYPE_CHECKING:
    from backends.image.control.models import MapModels
    from backends.image.layout.frame import LayoutFrame

_COLOUR_REACH = 24.0
"""CIE76 distance in a and b (lightness left out) within which a lit pixel still counts as a surface's colour."""


@dataclass(frozen=True)
class Against:
    """What a picture is measured against, besides the marks that hold for every picture."""

    prompt: str = ""
    """The user's words, for the prompt score; '' = not asked."""
    who: tuple[Who, ...] = ()
    """Characters whose identity is asked for."""
    controls: tuple[ControlMap, ...] = ()
    """Maps that steered it."""
    frame: LayoutFrame | None = None
    """The layout's own buffers, when the picture is a layout."""
    scene: LayoutScene | None = None
    earlier: Mapping[str, str] = field(default_factory=dict)
    """Name -> perceptual hash of pictures that it must differ from."""
    models: MapModels | None = None
    """What reads depth and poses from a picture, for the maps."""


def measured(rgb: NDArray[Any], against: Against, ctx: ToolContext) -> tuple[Score, ...]:
    """All scores of a picture (H, W, 3), uint8 RGB or floats 0-1: technical, layout, maps, identity, prompt.

    A figure whose model is not here is 'not measured' with the reason, and passes nothing.
    """
    pixels = _as_bytes(rgb)
    scores = [*picture_scores(rgb)]
    if against.earlier:
        scores.append(duplicate_score(pixels, against.earlier))
    if against.frame is not None and against.scene is not None:
        scores += identity_scores(against.frame, against.scene)
    scores += adherence_scores(pixels, against.controls, against.models)
    encoder = "identity" in ctx.engines
    if against.who and (encoder or against.frame is None):
        scores += identity_of(ctx, pixels, against.who)
    if against.prompt and against.frame is None:
        scores.append(prompt_score(pixels, against.prompt, ctx))
    return tuple(scores)


def picture_scores(rgb: NDArray[Any]) -> tuple[Score, ...]:
    """Exposure, contrast, sharpness, blur and clipping of a picture (H, W, 3), each against its pass mark.

    rgb: uint8, or floats 0-1, whose values that are not numbers are a failed gate of their own.
    """
    from backends.vision.quality import measure_image

    marks = lexicon("gates")["picture"]
    seen = measure_image(rgb)
    mean, contrast = float(seen["mean_luma"]), float(seen["contrast"])
    sharp, clipped, blur = float(seen["sharpness"]), float(seen["clipped_share"]), float(seen["blur"])
    scores = [
        _score("exposure", mean, marks["black_luma"], marks["black_luma"] <= mean <= marks["white_luma"], "mean luma"),
        _score("contrast", contrast, marks["contrast"], contrast >= marks["contrast"], "deviation of luma"),
        _score("sharpness", sharp, marks["sharpness"], sharp >= marks["sharpness"], "variance of the Laplacian"),
        _score("blur", blur, marks["blur"], blur <= marks["blur"], "blur effect"),
        _score("clipping", clipped, marks["clipped"], clipped <= marks["clipped"], "share of burnt-out pixels"),
    ]
    if np.issubdtype(rgb.dtype, np.floating):
        scores.append(_score("broken values", float(seen["nan_share"]), 0.0, not seen["nan_share"], "share of NaN"))
    return tuple(scores)


def duplicate_score(rgb: NDArray[np.uint8], earlier: Mapping[str, str]) -> Score:
    """Bits by which a picture's perceptual hash differs from the most alike of `earlier` (name -> hash)."""
    from backends.vision.hashes import nearest, perceptual_hash

    mark = lexicon("gates")["picture"]["duplicate"]
    found = nearest(perceptual_hash(rgb), earlier)
    if found is None:
        return Score("difference", None, "not measured", "none", note="there is no earlier picture")
    name, bits = found
    return _score("difference", float(bits), float(mark), bits >= mark, "perceptual hash", f"nearest is '{name}'")


def adherence_scores(
    rgb: NDArray[np.uint8], controls: Sequence[ControlMap], models: MapModels | None = None
) -> list[Score]:
    """Per control map how far the picture follows it, 0-1; not measured where no model can tell."""
    if not controls:
        return []
    from backends.vision.adherence import adherence

    marks = lexicon("gates")["picture"]["adherence"]
    scores = []
    for control in controls:
        name = f"adherence {control.kind}"
        value = adherence(control, rgb, models) if control.image.shape == rgb.shape else None
        if value is None:
            note = f"no model here reads {control.kind} from a picture, or the map has nothing to compare"
            scores.append(Score(name, None, "not measured", "none", note=note))
            continue
        by_outlines = control.kind == "depth" and (models is None or bool(models.missing("depth")))
        mark = float(marks["outlines" if by_outlines else control.kind])
        by = "outlines of the depth map" if by_outlines else f"{control.kind} map"
        scores.append(_score(name, value, mark, value >= mark, by))
    return scores


def prompt_score(rgb: NDArray[np.uint8], text: str, ctx: ToolContext) -> Score:
    """CLIP's cosine of picture and words, where its weights are there; it has no pass mark."""
    from backends.vision.prompt_score import prompt_scorer

    engine: Any = ctx.engines.get("identity")
    if engine is None or "clip" not in engine.installed():
        return Score("prompt match", None, "not measured", "none", note="CLIP is not installed (vision.clip)")
    folder = model_folder(ctx.settings, ctx.settings.vision.clip)
    assert folder is not None
    try:
        found = prompt_scorer(folder).score(rgb, text, engine.encoder("clip"))
    except EngineError as error:
        return Score("prompt match", None, "not measured", "none", note=error.sentence)
    status: ScoreStatus = "measured" if found.value is not None else "not measured"
    value = None if found.value is None else round(found.value, 4)
    return Score("prompt match", value, status, found.by, note=found.note)


def wants_clip(settings: Settings) -> bool:
    """Whether CLIP's weights are here, so that pictures can be compared with their words."""
    folder = model_folder(settings, settings.vision.clip)
    return folder is not None and (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def identity_scores(frame: LayoutFrame, scene: LayoutScene) -> tuple[Score, ...]:
    """Per framed character of a layout picture: its colours are there, it is seen, its face is inside the frame.

    Of a shot that frames one character, only that one is asked for.
    """
    marks = lexicon("gates")["identity"]
    focus = scene.camera.target
    scores: list[Score] = []
    for character in scene.characters:
        if focus is not None and character.name != focus:
            continue
        mask = frame.mask(character.name)
        share = float(mask.mean())
        by = f"layout mask of {character.name}"
        scores.append(_score(f"visible {character.name}", share, marks["visible"], share >= marks["visible"], by))
        inside = face_inside(frame, character.name)
        if inside is not None and abs(character.facing_deg) < 100 and scene.camera.scale != "ECU":
            scores.append(
                _score(f"face {character.name}", inside, marks["face_inside"], inside >= marks["face_inside"], by)
            )
        found = colours_found(
            np.asarray(frame.rgb)[mask], character.look, face=scene.camera.scale in ("ECU", "CU", "MCU")
        )
        if found is not None:
            scores.append(_score(f"colours {character.name}", found, marks["colours"], found >= marks["colours"], by))
    return tuple(scores)


def face_inside(frame: LayoutFrame, name: str) -> float | None:
    """About which share of the head lies in the frame; None when it is outside or faces away.

    The renderer cuts boxes at the frame's border. A box that touches none is whole; one that does shows its share by
    how far it is from a head's shape, which is nearly square.
    """
    box = frame.face_box.get(name)
    if box is None:
        return None
    x, y, width, height = box
    whole = x > 0 and y > 0 and x + width < frame.rgb.shape[1] and y + height < frame.rgb.shape[0]
    return 1.0 if whole else float(min(width, height) / max(width, height))


def colours_found(pixels: NDArray[np.uint8], look: CharacterLook, face: bool) -> float | None:
    """Share of the look's main colours that occur in `pixels` (N, 3) uint8, by hue and chroma under any light.

    Light tints everything, so the pixels' mean tint is moved to the look's before comparing.
    """
    if len(pixels) < 40:
        return None
    wanted = _main_colours(look, face)
    lab = _lab(pixels[:: max(1, len(pixels) // 4000)].astype(np.float32) / np.float32(255))
    goal = _lab(np.asarray(wanted, np.float32))
    shift: NDArray[np.float32] = np.median(lab[:, 1:], axis=0) - goal[:, 1:].mean(axis=0)
    found = 0
    for colour in goal:
        near = np.minimum(np.hypot(*(lab[:, 1:] - colour[1:]).T), np.hypot(*(lab[:, 1:] - shift - colour[1:]).T))
        found += bool((near < _COLOUR_REACH).mean() > 0.01)
    return found / len(wanted)


def _main_colours(look: CharacterLook, face: bool) -> list[RGB]:
    if look.kind != "human":
        return [look.body]
    colours = [look.skin]
    if look.hair_style != "bald":
        colours.append(look.hair)
    return colours if face else [*colours, look.top_color]


def _lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.cvtColor(rgb.reshape(-1, 1, 3), cv2.COLOR_RGB2LAB).reshape(-1, 3))


def _as_bytes(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    if not np.issubdtype(rgb.dtype, np.floating):
        return np.asarray(rgb, np.uint8)
    finite = np.nan_to_num(rgb, nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray((np.clip(finite, 0, 1) * 255).round(), np.uint8)


def _score(name: str, value: float, threshold: float, passed: bool, by: str, note: str = "") -> Score:
    return Score(name, round(value, 4), "measured", by, float(threshold), bool(passed), note)
