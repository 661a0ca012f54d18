"""ArcFace through insightface: human faces, from a model pack on this machine; nothing is ever downloaded."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np

from backends.vision.identity.encoder import SMALLEST, Box, Encoding, Mask, Rgb, region, unit
from backends.vision.identity.local_files import fingerprint
from configs.errors import EngineError

DETECTION_STEPS = (0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2)
"""A face is looked for at insightface's own mark first, then lower step by step, as ViStoryBench does from 0.45 down:
drawn faces are found with less certainty than photographed ones."""
_MARGIN = 0.15
"""Of the character's box; the detector needs some room around a head."""
_THREADS = 4


class ArcFaceEncoder:
    """A pack of .onnx files such as buffalo_l: one detector (SCRFD) and one recogniser (112x112 -> 512)."""

    name = "arcface"
    licence = "insightface models: non-commercial research only (the library's code is MIT)"
    needs_face = True

    def __init__(self, folder: Path | None) -> None:
        self._folder = _with_models(folder) if folder is not None else None
        self._lock = threading.Lock()
        self._app: Any = None

    @property
    def version(self) -> str:
        if lacks := self.missing():
            raise EngineError("The face encoder cannot be used", lacks, "Set vision.arcface, or use another encoder")
        assert self._folder is not None
        return f"arcface-{self._folder.name}-{fingerprint(list(self._folder.glob('*.onnx')))}"

    def missing(self) -> str:
        if self._folder is None:
            return "no model pack is set (vision.arcface)"
        if not any(self._folder.glob("*.onnx")):
            return f"there are no .onnx files in {self._folder}"
        for package in ("insightface", "onnx", "onnxruntime"):
            if importlib.util.find_spec(package) is None:
                return f"the package {package} is not installed"
        return ""

    def available(self) -> bool:
        return not self.missing()

    def encode(self, rgb: Rgb, box: Box | None = None, mask: Mask | None = None) -> Encoding:
        """The surest face in the character's box; undetected when there is none."""
        return self.faces(rgb, box, mask, most=1)[0]

    def faces(
        self, rgb: Rgb, box: Box | None = None, mask: Mask | None = None, most: int = 8, lowest: float = 0.0
    ) -> list[Encoding]:
        """The surest faces, at least one entry: a single undetected one when nothing is found. Raises EngineError.

        lowest: detection mark below which none is taken, when it is not known that somebody is there.
        """
        where = region(rgb.shape, box, mask, _MARGIN)
        if where is None or min(where[2:]) < SMALLEST:
            return [Encoding(None, False, "no face found: the character fills too little of the picture")]
        x, y, width, height = where
        bgr = np.ascontiguousarray(rgb[y : y + height, x : x + width, ::-1])
        app = self._loaded()
        # NMS keeps the surer of two boxes, so one pass at the lowest mark holds the answers of all steps.
        boxes, points = app.det_model.detect(bgr, det_thresh=DETECTION_STEPS[-1])
        if points is None:
            raise EngineError(
                "The face detector gives no eyes and mouth", "the pack's detector has no key points",
                "Use a pack such as buffalo_l",
            )  # fmt: skip
        for mark in DETECTION_STEPS:
            found = np.flatnonzero(boxes[:, 4] >= mark) if len(boxes) and mark >= lowest else np.empty(0, int)
            if len(found):
                surest = found[np.argsort(-boxes[found, 4], kind="stable")][:most]
                return [self._recognised(app, bgr, boxes[at], points[at], len(found), (x, y)) for at in surest]
        last = max(lowest, DETECTION_STEPS[-1])
        return [Encoding(None, False, f"no face found, down to a detection mark of {last}")]

    def _recognised(self, app: Any, bgr: Rgb, box: Any, points: Any, count: int, origin: tuple[int, int]) -> Encoding:
        from insightface.app.common import Face

        face = Face(bbox=box[:4], kps=points, det_score=box[4])
        vector = unit(app.models["recognition"].get(bgr, face))
        notes = [f"face found with {float(box[4]):.2f}"]
        notes += [f"one of {count}"] if count > 1 else []
        if not np.isfinite(vector).all() or not vector.any():
            return Encoding(None, False, "the face encoder gave no usable vector")
        x0, y0, x1, y1 = (round(float(value)) for value in box[:4])
        return Encoding(vector, True, ", ".join(notes), (x0 + origin[0], y0 + origin[1], x1 - x0, y1 - y0))

    def unload(self) -> None:
        with self._lock:
            self._app = None

    def _loaded(self) -> Any:
        with self._lock:
            if self._app is None:
                self._app = self._load()
            return self._app

    def _load(self) -> Any:
        if lacks := self.missing():
            raise EngineError("The face encoder cannot be used", lacks, "Set vision.arcface, or use another encoder")
        import onnxruntime
        from insightface.app.face_analysis import FaceAnalysis

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        try:
            # A folder that exists is never looked up in the model zoo.
            app = FaceAnalysis(
                str(self._folder), allowed_modules=["detection", "recognition"],
                providers=["CPUExecutionProvider"], sess_options=options,
            )  # fmt: skip
            app.prepare(ctx_id=-1, det_thresh=DETECTION_STEPS[0])
        except Exception as error:  # onnxruntime, protobuf and assert statements: all mean an unusable pack
            cause = " ".join(str(error).split())[:200] or "the pack has no detector"
            raise EngineError(
                f"The face models in {self._folder} cannot be loaded", cause, "Unpack the model pack again"
            ) from error
        if "recognition" not in app.models:
            raise EngineError(
                f"The face models in {self._folder} cannot be used", "there is no recognition model (112x112) in it",
                "Unpack a pack such as buffalo_l there",
            )  # fmt: skip
        return app


def _with_models(folder: Path) -> Path:
    """`folder`, or the folder of the same name inside it: antelopev2's archive nests one."""
    nested = folder / folder.name
    return nested if not any(folder.glob("*.onnx")) and nested.is_dir() else folder
