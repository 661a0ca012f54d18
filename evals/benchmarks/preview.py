"""Seconds per preview picture of 768x432: wall and CPU, for every set in two lights; the very first one with no meshes
kept; 1280x720 for a light, a middle and a heavy set; and one changed face. On a busy machine CPU seconds are the figure
to compare: two idle cores need a little more than half of them."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

HEAVY = ("beach", "forest", "park")
LIGHTS = ("day", "night")


def _cpu() -> float:
    """CPU seconds of this process, all its threads."""
    times = os.times()
    return times.user + times.system


def run() -> dict[str, Any]:
    """`PreviewEngine.generate` with one character; after a first tiny picture its set and meshes are kept."""
    from backends.image.engine import ImageRequest
    from backends.image.layout.frame import FaceVariant
    from backends.image.layout.scene import SETS, CameraSpec, CharacterLook, LayoutScene, PosedCharacter
    from backends.image.preview import PreviewEngine

    figures: dict[str, Any] = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as cache:
        engine = PreviewEngine(cache_dir=Path(cache))
        engine.load()
        luca = PosedCharacter("Luca", CharacterLook(hair_style="curly"), pose="waving", expression="happy")

        def measure(label: str, scene: LayoutScene, width: int, height: int) -> None:
            began, used = time.perf_counter(), _cpu()
            engine.generate(ImageRequest("", width=width, height=height, layout=scene))
            figures[f"{label}_s"] = round(time.perf_counter() - began, 2)
            figures[f"{label}_cpu_s"] = round(_cpu() - used, 2)

        measure("first_ever_768x432", LayoutScene("beach", "day", (luca,), CameraSpec("MS")), 768, 432)
        for place in SETS:
            for light in LIGHTS:
                scene = LayoutScene(place, light, (luca,), CameraSpec("MS"))
                engine.generate(ImageRequest("", width=96, height=54, layout=scene))
                measure(f"{place}_{light}_768x432", scene, 768, 432)
        walls = [value for name, value in figures.items() if name.endswith("_768x432_s")]
        figures["slowest_768x432_s"] = max(walls)
        figures["slowest_768x432_cpu_s"] = max(v for name, v in figures.items() if name.endswith("_768x432_cpu_s"))
        for place in HEAVY:
            scene = LayoutScene(place, "sunset", (luca,), CameraSpec("MS"))
            measure(f"{place}_sunset_1280x720", scene, 1280, 720)
        frame = engine.frame(ImageRequest("", width=1280, height=720, layout=scene))
        began = time.perf_counter()
        engine.renderer.render_faces(frame, "Luca", [FaceVariant("D")])
        figures["changed_face_1280x720_s"] = round(time.perf_counter() - began, 2)
    return figures
