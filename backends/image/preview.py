"""The preview engine: draws a request's layout on the CPU, with no weights and no GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from backends.gpu.engine import EngineKind
from backends.image.engine import ImageRequest, ImageResult, Quality, StepCallback
from backends.image.layout.frame import LayoutFrame
from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene_json import scene_to_dict
from configs.errors import EngineError

LOOK_VERSION = "2"
"""Raised whenever the same scene gives other pixels."""
NEED_MIB = 1000
"""Main memory: measured peak of a 1280x720 picture with two characters, above what the process had before."""
SAMPLES_OF: dict[Quality, float] = {"draft": 0.5, "standard": 1.0, "final": 2.0}
"""Light samples per pixel against the setting image.preview_samples."""
LEAST_SAMPLES = 2


class PreviewEngine:
    """Renders ImageRequest.layout. What only diffusion can do (maps, LoRAs, references, ...) is reported as ignored."""

    name = "preview"
    kind: EngineKind = "image"

    def __init__(self, cache_dir: Path | None = None, samples: int = 12) -> None:
        """`cache_dir` keeps meshed characters between runs; `samples` are Mitsuba's per half-size pixel."""
        self._cache_dir, self._samples = cache_dir, samples
        self._renderer: LayoutRenderer | None = None
        self._parked = False

    @property
    def renderer(self) -> LayoutRenderer:
        """The renderer, for frames with buffers and for face patches. Raises EngineError when not loaded."""
        if self._renderer is None or self._parked:
            raise EngineError("The preview engine is not loaded", "", "Load it through the arbiter first")
        return self._renderer

    def load(self) -> None:
        """Import Mitsuba and draw a tiny picture. Raises EngineError."""
        if self._renderer is None:
            self._renderer = LayoutRenderer(self._cache_dir, self._samples)
        self._parked = False
        try:
            self.probe()
        except EngineError:
            self.unload()
            raise

    def park(self) -> None:
        """Give the kept meshes and sets back; only the imported libraries stay."""
        if self._renderer is not None:
            self._renderer.clear()
            self._parked = True

    def restore(self) -> None:
        """Usable again; sets and meshes are rebuilt when next needed. Raises EngineError when it was never loaded."""
        if self._renderer is None:
            raise EngineError("The preview engine cannot be restored", "it was never loaded", "Load it instead")
        self._parked = False

    def unload(self) -> None:
        """Drop everything."""
        if self._renderer is not None:
            self._renderer.clear()
        self._renderer = None
        self._parked = False

    def probe(self) -> None:
        """Trace a lit ball at 8 x 8 pixels. Raises EngineError when Mitsuba is missing or draws black."""
        from backends.image.layout.trace import probe

        probe()

    def need_mib(self) -> int:
        return NEED_MIB

    @contextmanager
    def quality(self, quality: Quality) -> Iterator[LayoutRenderer]:
        """The renderer with this quality's samples, until the block ends. Raises EngineError when not loaded."""
        renderer = self.renderer
        usual = renderer.samples
        renderer.samples = max(LEAST_SAMPLES, round(self._samples * SAMPLES_OF[quality]))
        try:
            yield renderer
        finally:
            renderer.samples = usual

    def frame(self, request: ImageRequest, on_step: StepCallback | None = None) -> LayoutFrame:
        """The request's layout with all its buffers. Raises EngineError without a layout, UsageError."""
        if request.layout is None:
            raise EngineError("The preview engine has nothing to draw", "the request has no layout",
                              "Describe the shot as a layout, or choose another image engine")  # fmt: skip
        with self.quality(request.quality) as renderer:
            return renderer.render(request.layout, request.width, request.height, on_step=on_step)

    def generate(self, request: ImageRequest, on_step: StepCallback | None = None) -> ImageResult:
        """Draw the request's layout. Raises EngineError, UsageError."""
        began = time.perf_counter()
        frame = self.frame(request, on_step)
        return self.result_of(frame, request, time.perf_counter() - began)

    def result_of(self, frame: LayoutFrame, request: ImageRequest, seconds: float) -> ImageResult:
        """A frame that was drawn for `request`, with all that is needed to draw it again."""
        layout = request.layout
        params = {
            "scene": scene_to_dict(layout) if layout is not None else {}, "prompt": request.prompt,
            "width": request.width, "height": request.height, "sampler": "mitsuba", "quality": request.quality,
            "samples": max(LEAST_SAMPLES, round(self._samples * SAMPLES_OF[request.quality])),
            "versions": {"look": LOOK_VERSION, "mitsuba": version("mitsuba"), "numpy": version("numpy")},
            "phases": {phase: round(seconds, 4) for phase, seconds in frame.seconds.items()},
        }  # fmt: skip
        ignored = ignored_by_preview(request)
        told = f"The preview engine draws the studio's layout: {_listed(ignored)} had no influence" if ignored else ""
        return ImageResult(frame.rgb, self.name, f"{LOOK_VERSION}+mitsuba{version('mitsuba')}", request.seed,
                           seconds, params, (*frame.warnings, *filter(None, [told])))  # fmt: skip


def ignored_by_preview(request: ImageRequest) -> list[str]:
    """What of a request only a diffusion engine can do, in words."""
    asked = (
        ("control maps", request.controls), ("LoRAs", request.loras), ("reference pictures", request.references),
        ("the picture to start from", request.init), ("steps", request.steps), ("guidance", request.guidance),
    )  # fmt: skip
    return [words for words, given in asked if given not in (None, ())]


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
