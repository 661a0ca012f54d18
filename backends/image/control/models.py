"""What looks at pictures to make maps of them: Canny always, depth and pose where their model files are."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backends.image.control.depth import DepthFinder
from backends.image.control.pose import PoseFinder
from backends.image.engine import MapKind
from configs.controlnet_config import Preprocessors, load_controlnets
from configs.image_tables import model_path
from configs.settings import Settings


class MapModels:
    """The preprocessors of `controlnet_config.yaml`. Keep one for a run; its models go with it."""

    def __init__(self, settings: Settings) -> None:
        """Raises UsageError for a wrong table. Nothing is loaded."""
        self._settings = settings
        self.table: Preprocessors = load_controlnets(settings).preprocessors

    @cached_property
    def depth_finder(self) -> DepthFinder:
        return DepthFinder(model_path(self._settings, self.table.depth) if self.table.depth else None)

    @cached_property
    def pose_finder(self) -> PoseFinder:
        places = [
            model_path(self._settings, path) if path else None
            for path in (self.table.pose.detector, self.table.pose.pose)
        ]
        return PoseFinder(*places)

    def missing(self, kind: MapKind) -> str:
        """'' when maps of this kind can be made of any picture, else one sentence: what to put where."""
        if kind == "pose":
            return self.pose_finder.missing()
        return "" if kind == "canny" else self.depth_finder.missing()

    def depth(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """(H, W) inverse depth 0..1, 1 = near; None when there is no depth model. Raises EngineError."""
        return None if self.depth_finder.missing() else self.depth_finder.nearness(rgb)

    def joints(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]] | None:
        """Per person (18, 3): x px, y px, confidence; None when there is no pose model. Raises EngineError."""
        return None if self.pose_finder.missing() else [table[:18] for table in self.pose_finder.joints(rgb)]
