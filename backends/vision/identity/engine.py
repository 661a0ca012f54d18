"""The engine `identity`: all encoders of this machine behind one name; each loads its model when first asked."""

from __future__ import annotations

import numpy as np

from backends.gpu.engine import EngineKind
from backends.vision.identity.arcface import ArcFaceEncoder
from backends.vision.identity.colour import ColourEncoder
from backends.vision.identity.encoder import ENCODERS, IdentityEncoder
from backends.vision.identity.local_files import model_folder
from backends.vision.identity.transformer import ClipEncoder, DinoEncoder
from configs.errors import EngineError, UsageError
from configs.settings import Settings

_BASE_MIB = 150
"""onnxruntime and the pictures at work."""


class IdentityEngine:
    """Encoders on the CPU, shared between threads."""

    name = "identity"
    kind: EngineKind = "encoder"

    def __init__(self, settings: Settings) -> None:
        vision = settings.vision
        self._encoders: dict[str, IdentityEncoder] = {
            "arcface": ArcFaceEncoder(model_folder(settings, vision.arcface)),
            "clip": ClipEncoder(model_folder(settings, vision.clip)),
            "dinov2": DinoEncoder(model_folder(settings, vision.dinov2)),
            "colour": ColourEncoder(),
        }
        self._folders = [model_folder(settings, path) for path in (vision.arcface, vision.clip, vision.dinov2)]
        self._active = False

    def installed(self) -> tuple[str, ...]:
        """Names of the encoders that can be used here; 'colour' always can."""
        return tuple(name for name in ENCODERS if self._encoders[name].available())

    def encoder(self, name: str) -> IdentityEncoder:
        """One encoder. Raises EngineError when the engine is not loaded or the encoder is not installed, UsageError."""
        found = self._encoders.get(name)
        if found is None:
            raise UsageError(f"There is no identity encoder '{name}'", fix=f"Choose among {', '.join(ENCODERS)}")
        if not self._active:
            raise EngineError("The identity engine is not loaded", "", "Load it through the arbiter first")
        if lacks := found.missing():
            raise EngineError(f"The encoder {name} cannot be used", lacks, "Use 'auto', or install it")
        return found

    def lacks(self) -> dict[str, str]:
        """Encoder -> what it lacks, those that can be used left out."""
        return {name: lacks for name in ENCODERS if (lacks := self._encoders[name].missing())}

    def load(self) -> None:
        """Usable; models are loaded by the encoders that are really asked."""
        self._active = True
        self.probe()

    def park(self) -> None:
        """Give the models' memory back."""
        for encoder in self._encoders.values():
            encoder.unload()
        self._active = False

    def restore(self) -> None:
        self._active = True

    def unload(self) -> None:
        self.park()

    def probe(self) -> None:
        """Encode a made-up picture without weights. Raises EngineError when that fails."""
        rgb = np.zeros((32, 32, 3), np.uint8)
        rgb[8:24, 8:24] = (200, 80, 40)
        if self._encoders["colour"].encode(rgb, (8, 8, 16, 16)).vector is None:
            raise EngineError("The identity engine is not usable", "its weightless encoder gave nothing", "Reinstall")

    def need_mib(self) -> int:
        """Main memory with every installed model loaded: weights as float32, packs of .onnx as they are."""
        total = _BASE_MIB
        for folder in self._folders:
            if folder is not None and folder.is_dir():
                files = [*folder.glob("*.onnx"), *folder.glob("*.safetensors"), *folder.glob("*/*.onnx")]
                total += sum(file.stat().st_size for file in files) >> 20
        return total
