"""Seconds per preview picture (768x432 and 1280x720) for a light, a middle and a heavy set; one warm-up not counted."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

SETS = ("beach", "forest", "park")
SIZES = ((768, 432), (1280, 720))


def run() -> dict[str, Any]:
    """Wall seconds of `PreviewEngine.generate` with one character whose meshes are cached, and of one changed face."""
    from backends.image.engine import ImageRequest
    from backends.image.layout.render import FaceVariant
    from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
    from backends.image.preview import PreviewEngine

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as cache:
        engine = PreviewEngine(cache_dir=Path(cache))
        engine.load()
        luca = PosedCharacter("Luca", CharacterLook(hair_style="curly"), pose="waving", expression="happy")
        for place in SETS:
            scene = LayoutScene(place, "sunset", (luca,), CameraSpec("MS"))
            engine.generate(ImageRequest("", width=96, height=54, layout=scene))
            for width, height in SIZES:
                began = time.perf_counter()
                engine.generate(ImageRequest("", width=width, height=height, layout=scene))
                figures[f"{place}_{width}x{height}_s"] = round(time.perf_counter() - began, 2)
        frame = engine.frame(ImageRequest("", width=1280, height=720, layout=scene))
        began = time.perf_counter()
        engine.renderer.render_faces(frame, "Luca", [FaceVariant("D")])
        figures["changed_face_1280x720_s"] = round(time.perf_counter() - began, 2)
    return figures
