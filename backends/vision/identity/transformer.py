"""CLIP and DINOv2 through transformers, from local folders of safetensors: what a picture shows as one vector."""

from __future__ import annotations

import importlib.util
import json
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.registry.pretrained import read_model
from backends.vision.identity.encoder import SMALLEST, Box, Encoding, Mask, Rgb, region, unit
from backends.vision.identity.local_files import fingerprint
from configs.errors import EngineError

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_MARGIN = 0.05
_CROP_OF_DINO = 224
"""Side in pixels: DINOv2's own preprocessing crops to this, though its positions are stored for 518."""


class _TransformerEncoder(ABC):
    """A vision transformer; the character is cut out on grey, centred in a square, so that its set counts little."""

    name = ""
    licence = ""
    needs_face = False
    _mean, _std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(self, folder: Path | None, setting: str) -> None:
        self._folder, self._setting = folder, setting
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def version(self) -> str:
        if lacks := self.missing():
            raise self._unusable(lacks)
        assert self._folder is not None
        return f"{self.name}-{fingerprint([self._folder / 'config.json', *self._folder.glob('*.safetensors')])}"

    def missing(self) -> str:
        if self._folder is None:
            return f"no folder is set ({self._setting})"
        if not (self._folder / "config.json").is_file():
            return f"there is no model in {self._folder}"
        if not any(self._folder.glob("*.safetensors")):
            return f"there are no .safetensors weights in {self._folder}"
        return "" if importlib.util.find_spec("transformers") else "the package transformers is not installed"

    def available(self) -> bool:
        return not self.missing()

    def encode(self, rgb: Rgb, box: Box | None = None, mask: Mask | None = None) -> Encoding:
        """The vector of the cut-out character, of the box, or of the whole picture."""
        import torch

        where = region(rgb.shape, box, mask, _MARGIN if mask is not None else 0.0)
        if where is None or min(where[2:]) < SMALLEST:
            return Encoding(None, False, "the character fills too little of the picture")
        model, size, mean, std = self._loaded()
        pixels = square(rgb, where, mask, size)
        values = (pixels.astype(np.float32) / 255 - np.float32(mean)) / np.float32(std)
        with torch.inference_mode():
            out = self._features(model, torch.from_numpy(values.transpose(2, 0, 1)[None].copy()))
        vector = unit(out.float().numpy())
        if not np.isfinite(vector).all() or not vector.any():
            return Encoding(None, False, f"{self.name} gave no usable vector")
        return Encoding(vector, True, "" if mask is not None or box is not None else "of the whole picture")

    def unload(self) -> None:
        with self._lock:
            self._model = None

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> tuple[Any, int, Any, Any]:
        """The model in evaluation mode, the side of its input, mean and deviation of its pixels."""
        if lacks := self.missing():
            raise self._unusable(lacks)
        assert self._folder is not None
        model = read_model(self._architecture(), self._folder, self._unusable)
        return model, self._side(model.config), *self._statistics(self._folder)

    @abstractmethod
    def _architecture(self) -> Any:
        """The model's class."""

    def _side(self, config: Any) -> int:
        """Of the square that the model looks at, pixels."""
        return int(config.image_size)

    @abstractmethod
    def _features(self, model: Any, pixels: Any) -> Any:
        """What the model tells of pixels, one vector."""

    def _unusable(self, cause: str) -> EngineError:
        return EngineError(
            f"The encoder {self.name} cannot be used", cause, f"Set {self._setting} to a folder with its safetensors"
        )

    def _statistics(self, folder: Path) -> tuple[Any, Any]:
        """Mean and deviation from the folder's preprocessor, else the model family's own."""
        file = folder / "preprocessor_config.json"
        try:
            facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
            mean, std = facts.get("image_mean", self._mean), facts.get("image_std", self._std)
            if len(mean) == len(std) == 3 and min(std) > 0:
                return tuple(map(float, mean)), tuple(map(float, std))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise self._unusable(f"preprocessor_config.json is damaged ({error})") from error
        raise self._unusable("preprocessor_config.json has a mean or deviation that cannot be")


class ClipEncoder(_TransformerEncoder):
    """CLIP's image tower: what ViStoryBench compares all drawn characters by."""

    name = "clip"
    licence = "CLIP weights: MIT (OpenAI); others as their folder says"
    _mean, _std = CLIP_MEAN, CLIP_STD

    def __init__(self, folder: Path | None) -> None:
        super().__init__(folder, "vision.clip")

    def _architecture(self) -> Any:
        from transformers import CLIPVisionModelWithProjection

        return CLIPVisionModelWithProjection

    def _features(self, model: Any, pixels: Any) -> Any:
        return model(pixel_values=pixels).image_embeds


class DinoEncoder(_TransformerEncoder):
    """DINOv2's class token: no words, so it tells one thing from its like better than CLIP."""

    name = "dinov2"
    licence = "DINOv2 weights: Apache-2.0 (Meta)"

    def __init__(self, folder: Path | None) -> None:
        super().__init__(folder, "vision.dinov2")

    def _architecture(self) -> Any:
        from transformers import Dinov2Model

        return Dinov2Model

    def _side(self, config: Any) -> int:
        side, patch = min(int(config.image_size), _CROP_OF_DINO), int(config.patch_size)
        return max(patch, side - side % patch)

    def _features(self, model: Any, pixels: Any) -> Any:
        return model(pixel_values=pixels).last_hidden_state[:, 0]


def square(rgb: Rgb, where: Box, mask: Mask | None, size: int) -> NDArray[np.uint8]:
    """(size, size, 3): the box centred on mid grey, what is outside the mask grey too."""
    from PIL import Image

    x, y, width, height = where
    cut = rgb[y : y + height, x : x + width]
    if mask is not None:
        cut = np.where(mask[y : y + height, x : x + width, None], cut, np.uint8(127))
    side = max(width, height)
    canvas = Image.new("RGB", (side, side), (127, 127, 127))
    canvas.paste(Image.fromarray(np.ascontiguousarray(cut)), ((side - width) // 2, (side - height) // 2))
    return np.asarray(canvas.resize((size, size), Image.Resampling.BICUBIC))
