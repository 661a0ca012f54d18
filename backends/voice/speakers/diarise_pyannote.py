"""pyannote.audio's diarisation from a folder on this machine; nothing is downloaded, nothing is reported home.

Checked against pyannote.audio 4.0's documented interface; its gated weights are the user's to fetch.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.identity.local_files import model_folder
from backends.voice.speakers.activity import RATE
from configs.errors import EngineError
from configs.settings import Settings

Heard = tuple[list[tuple[float, float, str]], list[tuple[float, float]]]
"""(start, end, label) turns that do not overlap, and where two speak at once."""


def find_pyannote(settings: Settings) -> tuple[Path | None, str]:
    """The pipeline's folder, or None and why it cannot be used."""
    folder = model_folder(settings, settings.voice.diariser)
    if folder is None:
        return None, "no diariser is set (voice.diariser)"
    try:
        installed = importlib.util.find_spec("pyannote.audio") is not None
    except ModuleNotFoundError:
        installed = False
    if not installed:
        return None, "pyannote.audio is not installed"
    if not (folder / "config.yaml").is_file():
        return None, f"the diariser has no weights here ({folder} lacks config.yaml)"
    return folder, ""


def pyannote_turns(folder: Path, mono: NDArray[np.float32], speakers: int | None, cancel: Callable[[], None]) -> Heard:
    """Turns of (N,) mono samples at RATE.

    The waveform is handed over in memory, so that neither torchcodec nor ffmpeg opens the file. Pickled weights are
    read with weights_only alone. Raises EngineError when the pipeline cannot be loaded or fails.
    """
    cancel()
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    before = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        return _run(folder, mono, speakers)
    except Exception as error:  # whatever a pipeline of foreign parts raises
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise EngineError(
            "pyannote's diariser failed", why, "Check the folder in voice.diariser, or set it to '' for clustering"
        ) from error
    finally:
        if before is None:
            os.environ.pop("TORCH_FORCE_WEIGHTS_ONLY_LOAD", None)
        else:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = before


def _run(folder: Path, mono: NDArray[np.float32], speakers: int | None) -> Heard:
    import torch
    from pyannote.audio import Pipeline

    pipeline: Any = Pipeline.from_pretrained(str(folder))
    if pipeline is None:
        raise ValueError("the folder holds no pipeline")
    if torch.cuda.is_available():
        pipeline.to(torch.device("cuda"))
    known = {"num_speakers": speakers} if speakers else {}
    found = pipeline({"waveform": torch.from_numpy(mono)[None], "sample_rate": RATE}, **known)
    exclusive = getattr(found, "exclusive_speaker_diarization", None)
    whole = getattr(found, "speaker_diarization", found)
    chosen = exclusive if exclusive is not None else whole
    turns = [(float(part.start), float(part.end), str(label)) for part, _, label in chosen.itertracks(yield_label=True)]
    overlaps = [(float(part.start), float(part.end)) for part in whole.get_overlap()]
    return sorted(turns), overlaps
