"""Measured pass marks of a picture: it shows something, and it shows who it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import RGB, CharacterLook, LayoutScene
from memory.records import Score
from tools.film.lexicon import lexicon

if TYPE_CHECKING:
    from backends.image.layout.render import LayoutFrame

_COLOUR_REACH = 24.0
"""CIE76 distance in a and b (lightness left out) within which a lit pixel still counts as a surface's colour."""


def picture_scores(rgb: NDArray[np.uint8]) -> tuple[Score, ...]:
    """Exposure, contrast, sharpness and clipping of a picture (H, W, 3) uint8 RGB, each against its pass mark."""
    from backends.vision.quality import measure_image

    marks = lexicon("gates")["picture"]
    seen = measure_image(rgb)
    mean, contrast = float(seen["mean_luma"]), float(seen["contrast"])
    sharp, clipped = float(seen["sharpness"]), float(seen["clipped_share"])
    return (
        _score("exposure", mean, marks["black_luma"], marks["black_luma"] <= mean <= marks["white_luma"], "mean luma"),
        _score("contrast", contrast, marks["contrast"], contrast >= marks["contrast"], "deviation of luma"),
        _score("sharpness", sharp, marks["sharpness"], sharp >= marks["sharpness"], "variance of the Laplacian"),
        _score("clipping", clipped, marks["clipped"], clipped <= marks["clipped"], "share of burnt-out pixels"),
    )


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


def identity_not_measured(scene: LayoutScene, engine: str) -> tuple[Score, ...]:
    """A diffusion picture has no layout masks: say that nobody checked who is in it."""
    note = f"{engine} gives no masks and no identity model is installed"
    return tuple(Score(f"identity {one.name}", None, "not measured", "none", note=note) for one in scene.characters)


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


def _score(name: str, value: float, threshold: float, passed: bool, by: str) -> Score:
    return Score(name, round(value, 4), "measured", by, float(threshold), bool(passed))


def total(scores: tuple[Score, ...]) -> float:
    """How good a try is, for keeping the best: passed gates count one, a failed one by how near it came."""
    parts = []
    for score in scores:
        if score.value is None or score.passed is None:
            continue
        near = score.value / score.threshold if score.threshold else 0.0
        parts.append(1.0 if score.passed else min(0.9, max(0.0, near if near < 1 else 1 / near)))
    return sum(parts) / len(parts) if parts else 0.0
