"""Depth of any picture by Depth Anything through transformers, from a local folder of safetensors."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.registry.descriptions import check_description
from backends.image.registry.pretrained import read_model, told_as
from configs.errors import EngineError

WANTED = "the folder of Depth-Anything-V2-Small-hf (config.json, preprocessor_config.json, model.safetensors)"


class DepthFinder:
    """Loads its model when first asked; works on the CPU, so it needs no room beside SDXL."""

    def __init__(self, folder: Path | None) -> None:
        """`folder`: where the table says that the model is; None when it says nothing."""
        self._folder = folder
        self._loaded: tuple[Any, Any] | None = None

    def missing(self) -> str:
        """'' when depth can be found, else one sentence: what to put where."""
        if self._folder is None:
            return "no depth model is set: name its folder at preprocessors.depth of controlnet_config.yaml"
        if not (self._folder / "config.json").is_file() or not any(self._folder.glob("*.safetensors")):
            return f"no depth model is installed: put {WANTED} at {self._folder}"
        return "" if importlib.util.find_spec("transformers") else "the package transformers is not installed"

    def nearness(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W) inverse depth of (H, W, 3) uint8 RGB, 1 = the nearest, 0 = the farthest. Raises EngineError."""
        import cv2
        import torch

        processor, model = self._model()
        inputs = processor(rgb, return_tensors="pt")
        with torch.inference_mode():
            found = model(pixel_values=inputs["pixel_values"]).predicted_depth[0].float().numpy()
        if not np.isfinite(found).all():
            raise self._unusable("it gave values that are no numbers")
        if getattr(model.config, "depth_estimation_type", "relative") == "metric":
            found = 1 / np.maximum(found, 1e-3)  # metres: far is large
        found = cv2.resize(found, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_CUBIC)
        low, high = float(found.min()), float(found.max())
        return np.asarray((found - low) / max(high - low, 1e-9), np.float32)

    def _model(self) -> tuple[Any, Any]:
        if self._loaded is None:
            if lacks := self.missing():
                raise EngineError("The depth of this picture cannot be found", lacks, "")
            from transformers import AutoConfig, AutoModelForDepthEstimation

            assert self._folder is not None
            check_description(self._folder)
            with told_as(self._unusable):
                kind = AutoConfig.from_pretrained(
                    self._folder, local_files_only=True, trust_remote_code=False
                ).model_type
            if kind != "depth_anything":
                # Other families give depth the other way round, or on another scale.
                raise self._unusable(f"its config.json says '{kind}', not 'depth_anything'")
            model = read_model(AutoModelForDepthEstimation, self._folder, self._unusable)
            with told_as(self._unusable):
                self._loaded = (_processor(self._folder), model)
        return self._loaded

    def _unusable(self, cause: str) -> EngineError:
        return EngineError(f"The depth model in {self._folder} cannot be used", cause, f"Put {WANTED} there")


def _processor(folder: Path | None) -> Any:
    """The folder's own resizing and normalising; the variant that needs no torchvision where there is one."""
    try:
        from transformers import DPTImageProcessorPil as Processor
    except ImportError:
        from transformers import DPTImageProcessor as Processor
    return Processor.from_pretrained(folder, local_files_only=True)
