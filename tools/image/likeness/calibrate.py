"""Calibrating a character: pictures of it and of others through every encoder, and what that says, kept in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.scene import CharacterLook
from backends.vision.identity.calibration import Calibration, calibrate, own_scores, similarity, unlike
from backends.vision.identity.encoder import IdentityEncoder, Vector
from configs.errors import UsageError
from memory.records import Entry
from tools.image.likeness import views
from tools.image.likeness.pictures import pictures_of, pictures_of_others, vector_of_picture
from tools.image.likeness.record import Domain, basis, store
from tools.image.likeness.vectors import vector_of

if TYPE_CHECKING:
    from tools.spec import ToolContext


@dataclass(frozen=True)
class Calibrated:
    """One calibration with the scores that it was made from, for the sheet."""

    domain: Domain
    calibration: Calibration
    own: NDArray[np.float64]
    others: dict[str, NDArray[np.float64]]
    """By the other character's name."""


class _Gathered:
    """Vectors by encoder."""

    def __init__(self) -> None:
        self.own: dict[str, list[Vector]] = defaultdict(list)
        self.others: dict[str, dict[str, list[Vector]]] = defaultdict(lambda: defaultdict(list))
        self.undetected: dict[str, int] = defaultdict(int)

    def add(self, encoder: str, name: str, is_own: bool, vector: Vector | None) -> None:
        """Others in whom nothing is found are no false accepts, and are left out."""
        if is_own and vector is None:
            self.undetected[encoder] += 1
        elif is_own and vector is not None:
            self.own[encoder].append(vector)
        elif vector is not None:
            self.others[encoder][name].append(vector)

    def once(self, encoder: str) -> None:
        """Each picture once, and none on both sides: a copy would be recognised whoever it shows."""
        own = self.own[encoder] = unlike(self.own[encoder])
        self.others[encoder] = defaultdict(
            list, {name: fresh for name, many in self.others[encoder].items() if (fresh := unlike(many, own))}
        )


def calibrate_on_layouts(
    ctx: ToolContext, entry: Entry, look: CharacterLook, encoders: Sequence[IdentityEncoder], renderer: Any
) -> list[Calibrated]:
    """Draw the look and others in their views, encode all, store and return a calibration per encoder.

    Every drawing and vector is kept as soon as it is made, so that a stopped calibration goes on where it was.
    """
    others = views.others_of(entry.name, look, ctx.memory)
    scenes = {name: views.scenes_of(one, views.views_of_other(at)) for at, (name, one) in enumerate(others.items())}
    scenes = {"": views.scenes_of(look), **scenes}
    total, gathered = sum(map(len, scenes.values())), _Gathered()
    for done, (name, sample) in enumerate(views.drawn(renderer, scenes, ctx.workspace)):
        ctx.progress(done, total, f"{entry.name}: view {done + 1} of {total}")
        for encoder in encoders:
            vector = vector_of(ctx.workspace, encoder, sample.key, lambda s=sample: (s.rgb, s.mask))  # type: ignore[misc]
            gathered.add(encoder.name, name, name == "", vector)
    return _kept(ctx, entry, "layout", basis("layout", look), encoders, gathered)


def calibrate_on_pictures(ctx: ToolContext, entry: Entry, encoders: Sequence[IdentityEncoder]) -> list[Calibrated]:
    """The same with painted or attached pictures; the colour encoder, which needs masks, is left out."""
    own, others = pictures_of(ctx, entry.name), pictures_of_others(ctx, entry.name)
    fit = [encoder for encoder in encoders if encoder.name != "colour"]
    every = [("", asset) for asset in own] + [(name, asset) for name, assets in others.items() for asset in assets]
    gathered = _Gathered()
    for done, (name, asset) in enumerate(every):
        ctx.progress(done, len(every), f"{entry.name}: picture {done + 1} of {len(every)}")
        for encoder in fit:
            gathered.add(encoder.name, name, name == "", vector_of_picture(ctx, encoder, asset))
    for encoder in fit:
        gathered.once(encoder.name)
    return _kept(ctx, entry, "pictures", basis("pictures", None, [asset.sha256 for asset in own]), fit, gathered)


def _kept(
    ctx: ToolContext, entry: Entry, domain: Domain, on: str, encoders: Sequence[IdentityEncoder], gathered: _Gathered
) -> list[Calibrated]:
    made: list[Calibrated] = []
    vectors: dict[str, tuple[Calibration, NDArray[np.float32]]] = {}
    for encoder in encoders:
        own, others = gathered.own[encoder.name], gathered.others[encoder.name]
        if not own:
            continue
        found = calibrate(encoder.name, encoder.version, own, others, gathered.undetected[encoder.name])
        matrix = np.stack(own)
        vectors[encoder.name] = (found, matrix)
        scores = {name: np.array([similarity(one, matrix) for one in many]) for name, many in others.items()}
        made.append(Calibrated(domain, found, own_scores(matrix), scores))
    if not made:
        names = ", ".join(encoder.name for encoder in encoders) or "none"
        raise UsageError(
            f"{entry.name} cannot be calibrated", f"the encoders ({names}) find nothing in its pictures",
            "Add clear pictures of it to character_presets.yaml, or use another encoder",
        )  # fmt: skip
    store(ctx.memory, ctx.workspace, entry, domain, on, vectors)
    return made
