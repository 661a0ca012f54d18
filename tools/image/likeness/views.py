"""Layout drawings of a character for identity: the same views of everybody, kept on disk so that a stop loses none."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import RGB, CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.preview import LOOK_VERSION
from backends.vision.identity.encoder import region
from tools.film.layout import scene_key
from tools.film.lexicon import lexicon
from tools.film.look import describe_look, look_from_data

if TYPE_CHECKING:
    from configs.workspace import Workspace
    from memory.store import Memory

_NAME = "character"
"""Of everybody in these scenes: equal looks share their drawings, whatever they are called."""
_MARGIN = 0.2
"""Kept around the character, of its size; face detectors need some."""


@dataclass(frozen=True)
class Sample:
    """One picture of one character."""

    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None
    key: str
    """Names the picture's content."""


def scenes_of(look: CharacterLook, which: tuple[int, ...] | None = None) -> list[LayoutScene]:
    """The calibration's scenes of one look, all or those of these numbers."""
    views: list[dict[str, Any]] = lexicon("identity")["views"]
    return [_scene(look, views[at % len(views)]) for at in (which or range(len(views)))]


def quick_views() -> tuple[int, ...]:
    """Numbers of the few views that a character without a calibration is compared with."""
    return tuple(range(int(lexicon("identity")["quick_views"])))


def views_of_other(number: int) -> tuple[int, ...]:
    """Which views are drawn of the other character of this number: spread, so that together they cover all."""
    table = lexicon("identity")
    return tuple((number + 3 * step) % len(table["views"]) for step in range(int(table["views_of_others"])))


def others_of(name: str, look: CharacterLook, memory: Memory) -> dict[str, CharacterLook]:
    """Whom `name` must not be taken for, by name: remembered characters, strangers, and its own look-alikes."""
    table = lexicon("identity")
    found: dict[str, CharacterLook] = {}
    for entry in memory.list_entries("character"):
        stored = entry.data.get("look")
        if entry.name != name and isinstance(stored, dict) and stored:
            other = look_from_data(stored)
            found |= {entry.name: other} if other != look else {}
    nearest = sorted(found, key=lambda other: unlikeness(look, found[other]))
    found = {other: found[other] for other in nearest[: int(table["others"])]}
    for stranger, words in table["strangers"].items():
        if len(found) >= int(table["others"]):
            break
        found[str(stranger)] = describe_look(str(stranger), str(words))
    return {**found, **look_alikes(name, look)}


def look_alikes(name: str, look: CharacterLook) -> dict[str, CharacterLook]:
    """`look` with one thing changed that makes it somebody else: other hair, other clothes, another body colour."""
    if look.kind != "human":
        return {f"{name} in another colour": replace(look, body=_other_colour(look.body))}
    style = "long" if look.hair_style != "long" else "bob"
    return {
        f"{name} with other hair": replace(look, hair_style=style, hair=_other_colour(look.hair, "hair_colours")),
        f"{name} in other clothes": replace(
            look, top_color=_other_colour(look.top_color), bottom_color=_other_colour(look.bottom_color)
        ),
    }


def unlikeness(one: CharacterLook, other: CharacterLook) -> float:
    """How far two looks are apart: 1 per differing word (4 for the kind), colours by their distance in sRGB."""
    total = 0.0
    for field in fields(CharacterLook):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, tuple) and a and isinstance(a[0], float):
            total += sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) ** 0.5
        elif isinstance(a, float):
            total += abs(a - b)
        else:
            total += (4.0 if field.name == "kind" else 1.0) * (a != b)
    return total


def draw(renderer: Any, scene: LayoutScene, workspace: Workspace) -> Sample:
    """The scene's one character, from disk or drawn now by the layout `renderer`. Raises StudioError."""
    width, height = lexicon("identity")["size"]
    key = scene_key(scene, width, height, f"{LOOK_VERSION}/{_samples()}")
    file = workspace.cache / "identity" / "views" / f"{key}.npz"
    if (kept := _kept(file, key)) is not None:
        return kept
    before, renderer.samples = renderer.samples, _samples()
    try:
        frame = renderer.render(scene, width, height)
    finally:
        renderer.samples = before
    mask = frame.mask(_NAME)
    x, y, wide, high = region(frame.rgb.shape, None, mask, _MARGIN) or (0, 0, width, height)
    area = (slice(y, y + high), slice(x, x + wide))
    rgb, mask = np.ascontiguousarray(frame.rgb[area]), np.ascontiguousarray(mask[area])
    file.parent.mkdir(parents=True, exist_ok=True)
    half = workspace.scratch(".npz")
    try:
        np.savez_compressed(half, rgb=rgb, mask=mask)
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
    return Sample(rgb, mask, key)


def drawn(renderer: Any, looks: Mapping[str, list[LayoutScene]], workspace: Workspace) -> Iterator[tuple[str, Sample]]:
    """(name, sample) of all scenes, one light after the other: the renderer keeps what it built for a light."""
    order = [(scene.time_of_day, name, scene) for name, scenes in looks.items() for scene in scenes]
    for _, name, scene in sorted(order, key=lambda one: one[0]):
        yield name, draw(renderer, scene, workspace)


def _scene(look: CharacterLook, view: Mapping[str, Any]) -> LayoutScene:
    posed = PosedCharacter(_NAME, look, str(view.get("pose", "standing")), str(view.get("expression", "neutral")))
    camera = CameraSpec(view["scale"], view.get("angle", "eye"), yaw_deg=float(view.get("yaw", 0)))
    return LayoutScene("void", str(view["time"]), (posed,), camera)


def _samples() -> int:
    return int(lexicon("identity")["samples"])


def _kept(file: Path, key: str) -> Sample | None:
    try:
        with np.load(file, allow_pickle=False) as data:
            rgb, mask = data["rgb"], data["mask"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    right = rgb.dtype == np.uint8 and mask.dtype == np.bool_ and rgb.shape == (*mask.shape, 3)
    return Sample(rgb, mask, key) if right else None


def _other_colour(own: RGB, palette: str = "colours") -> RGB:
    """A named colour clearly unlike `own`, yet not the most unlike: that one would be told apart too easily."""

    def unlike(colour: RGB) -> float:
        return sum((a - b) ** 2 for a, b in zip(colour, own, strict=True))

    colours = sorted({_rgb(str(code)) for code in lexicon("looks")[palette].values()}, key=unlike)
    return colours[len(colours) * 6 // 10]


def _rgb(code: str) -> RGB:
    return (int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255)
