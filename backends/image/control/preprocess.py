"""A control map of any picture: edges, depth, normals, pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.image.control import edges, normals
from backends.image.control.models import MapModels
from backends.image.control.openpose import draw_people
from backends.image.engine import MapKind
from configs.errors import EngineError, UsageError


@dataclass(frozen=True)
class MadeMap:
    """A map of a picture, of the picture's size."""

    kind: MapKind
    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB."""
    by: str
    """What made it: 'opencv', 'depth-anything', 'rtmlib'."""
    note: str = ""
    """How far it may be trusted, '' when there is nothing to say."""


def make_map(kind: MapKind, rgb: NDArray[np.uint8], models: MapModels) -> MadeMap:
    """The map of (H, W, 3) uint8 RGB.

    Raises EngineError when its model is absent or unusable, UsageError when the picture has nothing of that kind.
    """
    if kind == "canny":
        image = edges.canny_map(rgb, models.table.canny)
        if not image.any():
            raise UsageError(
                "No edge was found in the picture", "its contrast is below canny's thresholds",
                "Lower preprocessors.canny in controlnet_config.yaml, or choose another picture",
            )  # fmt: skip
        return MadeMap(kind, image, "opencv")
    if lacks := models.missing(kind):
        raise EngineError(f"The {kind} of this picture cannot be found", lacks, "Edges (canny) need no model")
    if kind == "pose":
        people = models.pose_finder.people(rgb)
        if not people:
            raise UsageError(
                "Nobody was found in the picture", "the detector knows people, not animals or things",
                "Choose a picture of a person, or another kind of map",
            )  # fmt: skip
        return MadeMap(kind, draw_people(people, rgb.shape[1], rgb.shape[0]), "rtmlib")
    nearness = models.depth_finder.nearness(rgb)
    if float(np.ptp(nearness)) < 1e-3:
        raise UsageError("No depth was found in the picture", "everything is equally near", "Choose another picture")
    if kind == "depth":
        grey = np.rint(nearness * 255).astype(np.uint8)
        return MadeMap(kind, np.repeat(grey[..., None], 3, axis=2), "depth-anything")
    note = "normals are estimated from the estimated depth: shapes are right, angles roughly"
    return MadeMap(kind, normals.from_nearness(nearness), "depth-anything", note)
