"""What a picture is made of, kept beside it for animation: depth, who is where, faces with other mouths and lids."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import MOUTHS, LayoutScene
from configs.errors import StudioError

VERSION = 1
REST = "X"
_SMALLEST_FACE = 0.06
"""Share of the picture's height; in smaller faces lids and lips cannot be seen."""
_JAW = 0.22
"""How far an open mouth reaches below the head's box, share of its height."""
_FAR = 6.0e4
"""Metres; sky is stored as this, the greatest depth that half precision holds well."""


@dataclass(frozen=True)
class Patch:
    """A piece of the picture that replaces the face: one mouth shape, or closed lids."""

    character: str
    mouth: str | None
    blink: float
    x: int
    y: int
    rgb: NDArray[np.uint8]


@dataclass(frozen=True)
class Layers:
    """All (H, W) maps have the picture's size."""

    depth: NDArray[np.float32]
    """Metres along the view axis; sky is very far."""
    owner: NDArray[np.uint8]
    """Index into `owners` per pixel."""
    owners: tuple[str, ...]
    face_box: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    """x0, y0, x1, y1 in pixels."""
    patches: tuple[Patch, ...] = ()

    def mask(self, name: str) -> NDArray[np.bool_]:
        """(H, W) bool: the pixels of one character."""
        if name not in self.owners:
            return np.zeros(self.owner.shape, bool)
        return np.asarray(self.owner == self.owners.index(name))

    def crop(self, left: int, top: int, right: int, bottom: int) -> Layers:
        """The layers of a part of the picture; face patches that are cut by its border are left out."""
        boxes = {name: (x0 - left, y0 - top, x1 - left, y1 - top) for name, (x0, y0, x1, y1) in self.face_box.items()}
        whole = [
            one
            for one in self.patches
            if one.x >= left
            and one.y >= top
            and one.x + one.rgb.shape[1] <= right
            and one.y + one.rgb.shape[0] <= bottom
        ]
        moved = tuple(replace(one, x=one.x - left, y=one.y - top) for one in whole)
        area = (slice(top, bottom), slice(left, right))
        return Layers(self.depth[area], self.owner[area], self.owners, boxes, moved)

    def patch(self, character: str, mouth: str | None, blink: float = 0.0) -> Patch | None:
        """The stored variant, or None."""
        return next(
            (one for one in self.patches if one.character == character and one.mouth == mouth and one.blink == blink),
            None,
        )


def collect_layers(renderer: Any, frame: Any, scene: LayoutScene, mouths: Mapping[str, Sequence[str]]) -> Layers:
    """Layers of a rendered layout frame: the wanted mouth shapes per character, lids for all faces in view.

    renderer: the layout renderer that made `frame`; drawing the faces takes a fraction of a picture's time.
    """
    from backends.image.layout.frame import FaceVariant

    patches: list[Patch] = []
    height = frame.rgb.shape[0]
    for character in scene.characters:
        box = frame.face_box.get(character.name)
        if box is None or min(box[2], box[3]) < _SMALLEST_FACE * height:
            continue
        lids = [(None, 1.0)]
        shapes = [(mouth, 0.0) for mouth in mouths.get(character.name, ()) if mouth in MOUTHS]
        wanted = [FaceVariant(mouth, blink, character.expression) for mouth, blink in (*shapes, *lids)]
        roomy = replace(frame, face_box={**frame.face_box, character.name: _with_chin(box, frame.rgb.shape[:2])})
        for made in renderer.render_faces(roomy, character.name, wanted):
            variant = made.variant
            patches.append(
                Patch(
                    character.name, variant.mouth, float(variant.blink), int(made.x), int(made.y), np.asarray(made.rgb)
                )
            )
    depth = np.asarray(frame.depth, np.float32)
    depth = np.where(np.isfinite(depth) & (depth > 0), depth, _FAR)
    boxes = {name: (float(x), float(y), float(x + w), float(y + h)) for name, (x, y, w, h) in frame.face_box.items()}
    owner = np.asarray(frame.owner).astype(np.uint8)
    return Layers(depth, owner, tuple(str(one) for one in frame.owners), boxes, tuple(patches))


def _with_chin(box: Sequence[int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """x, y, w, h of a head's box with the open jaw below it, within the picture (height, width)."""
    x, y, w, h = box
    aside = round(0.06 * w)
    left, right = max(0, x - aside), min(size[1], x + w + aside)
    return left, y, right - left, min(size[0], y + round(h * (1 + _JAW))) - y


def save_layers(layers: Layers, path: Path) -> None:
    """Write a compressed .npz."""
    facts = {
        "version": VERSION,
        "owners": list(layers.owners),
        "face_box": {name: list(box) for name, box in layers.face_box.items()},
        "patches": [[one.character, one.mouth, one.blink, one.x, one.y] for one in layers.patches],
    }
    arrays: dict[str, Any] = {f"patch{number}": one.rgb for number, one in enumerate(layers.patches)}
    arrays |= {"depth": np.minimum(layers.depth, _FAR).astype(np.float16), "owner": layers.owner}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_layers(path: Path) -> Layers:
    """Read what `save_layers` wrote. Raises StudioError when the file is damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as data:
            facts: Mapping[str, Any] = json.loads(bytes(data["facts"]).decode())
            if facts.get("version") != VERSION:
                raise ValueError(f"version {facts.get('version')}")
            patches = tuple(
                Patch(str(who), mouth, float(blink), int(x), int(y), data[f"patch{number}"])
                for number, (who, mouth, blink, x, y) in enumerate(facts["patches"])
            )
            boxes = {name: (float(a), float(b), float(c), float(d)) for name, (a, b, c, d) in facts["face_box"].items()}
            return Layers(data["depth"].astype(np.float32), data["owner"], tuple(facts["owners"]), boxes, patches)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise StudioError(
            f"The layers of the picture ({path.name}) cannot be read", str(error)[:120], "Make the picture again"
        ) from error
