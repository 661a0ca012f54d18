"""One character stays itself at every scale, angle and light, and differs from the others: measured on its pixels."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest

from backends.image.layout import raster
from backends.image.layout.frame import LayoutFrame
from backends.image.layout.geometry import join
from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene import TIMES, CameraSpec, CharacterLook, LayoutScene, PosedCharacter

WHO = {
    "Rosso": CharacterLook(hair=(0.85, 0.70, 0.20), hair_style="short", top_color=(0.80, 0.18, 0.14),
                           bottom_color=(0.16, 0.32, 0.66)),
    "Verde": CharacterLook(skin=(0.45, 0.29, 0.20), hair=(0.12, 0.09, 0.08), hair_style="afro", top="hoodie",
                           top_color=(0.20, 0.58, 0.26), bottom_color=(0.50, 0.24, 0.58)),
    "Viola": CharacterLook(skin=(0.95, 0.82, 0.74), hair=(0.72, 0.30, 0.12), hair_style="bob", top="dress",
                           top_color=(0.42, 0.26, 0.66)),
    "Bip": CharacterLook(kind="robot", body=(0.28, 0.72, 0.70), accent=(0.95, 0.62, 0.20)),
}  # fmt: skip
"""Four with their own colours."""
VIEWS = (
    ("street", "day", "CU", "eye", 0.0), ("beach", "sunset", "MS", "low", 0.0), ("park", "night", "MLS", "eye", 35.0),
    ("forest", "storm", "MS", "eye", -60.0), ("room", "night", "LS", "high", 20.0),
    ("snow", "storm", "MLS", "dutch", 0.0),
    ("castle", "sunset", "LS", "eye", 0.0), ("piazza", "day", "ELS", "eye", 0.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> LayoutRenderer:
    return LayoutRenderer(tmp_path_factory.mktemp("characters"), samples=4)


@cache
def shot(renderer: LayoutRenderer, name: str, view: tuple[str, str, str, str, float]) -> LayoutFrame:
    place, time, scale, angle, yaw = view
    posed = PosedCharacter(name, WHO[name], expression="happy", facing_deg=15.0)
    camera = CameraSpec(scale, angle, 40.0, None, yaw)  # type: ignore[arg-type]
    return renderer.render(LayoutScene(place, time, (posed,), camera), 176, 100)


def colours(frame: LayoutFrame, name: str, parts: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Mean sRGB (0..1) of a character's named parts, where they are seen."""
    assert frame.kept is not None
    geometry = join(frame.kept.parts)
    height, width = frame.depth.shape
    window = (0, 0, width, height)
    triangle = raster.centres(raster.prepare(geometry, frame.kept.camera, window), frame.kept.camera, window)
    found = {}
    for label in parts:
        index = next((i for i, p in enumerate(geometry.parts) if p.label == f"{name}/{label}"), None)
        if index is None:
            continue
        own = (triangle >= 0) & (geometry.part[np.maximum(triangle, 0)] == index)
        if own.sum() >= 8:
            found[label] = frame.rgb[own].mean(0) / 255
    return found


def hue(rgb: Iterable[float]) -> float:
    """Degrees, cut in the magentas so that reds keep their place below yellow."""
    return (colorsys.rgb_to_hsv(*rgb)[0] * 360 + 30) % 360


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: "-".join(map(str, v)))
def test_main_colours_keep_their_order_of_hue(renderer: LayoutRenderer, view: tuple[str, str, str, str, float]) -> None:
    seen = colours(shot(renderer, "Rosso", view), "Rosso", ("top", "hair", "bottom"))
    assert {"top", "hair"} <= set(seen)
    order = sorted(seen, key=lambda part: hue(seen[part]))
    assert order == [part for part in ("top", "hair", "bottom") if part in seen], {k: hue(v) for k, v in seen.items()}


def signature(frame: LayoutFrame, name: str) -> np.ndarray:
    """Share of a character's pixels per hue, grey ones apart: (13,)."""
    pixels = frame.rgb[frame.mask(name)].astype(float) / 255
    high, low = pixels.max(1), pixels.min(1)
    hues = np.array([hue(p) for p in pixels.tolist()])  # numpy's own numbers are several times slower
    bins = np.where((high - low) / np.maximum(high, 1e-6) < 0.18, 12, (hues // 30).astype(int))
    counts = np.bincount(bins, minlength=13).astype(float)
    blurred = counts.copy()
    blurred[:12] += 0.6 * (np.roll(counts[:12], 1) + np.roll(counts[:12], -1))
    return np.asarray(np.sqrt(blurred / blurred.sum()))


def test_everybody_is_told_from_the_others_in_every_view(renderer: LayoutRenderer) -> None:
    known = {name: signature(shot(renderer, name, ("void", "day", "LS", "eye", 0.0)), name) for name in WHO}
    right = total = 0
    for view in VIEWS[1:]:
        for name in WHO:
            own = signature(shot(renderer, name, view), name)
            total += 1
            right += max(known, key=lambda other: float(known[other] @ own)) == name
    assert right / total >= 0.9, f"{right} of {total}"


@pytest.mark.parametrize("time_of_day", TIMES)
def test_faces_are_never_dark_nor_burnt(renderer: LayoutRenderer, time_of_day: str) -> None:
    for name in ("Rosso", "Verde"):
        for yaw in (0.0, 75.0):
            posed = PosedCharacter(name, WHO[name], facing_deg=yaw)
            scene = LayoutScene("street", time_of_day, (posed,), CameraSpec("CU", "eye", 40.0, None, yaw))
            skin = colours(renderer.render(scene, 176, 100), name, ("head",))["head"]
            light = float(skin @ [0.2126, 0.7152, 0.0722])
            assert (0.30 if name == "Rosso" else 0.10) < light < 0.90, (yaw, light)
