"""Opinion scores foretold by networks whose weights are on this machine: cleanliness (DNSMOS) and naturalness (UTMOS).

DNSMOS (Reddy et al. 2022, "DNSMOS P.835") is packaged in the speechmos wheel; only its ONNX files are read. It tells
how clean a recording is, not how natural a voice. For naturalness a predictor exported to ONNX in a local folder is
used, such as UTMOS (Saeki et al. 2022); without one, naturalness is not measured.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.identity.local_files import model_folder
from backends.voice.wav import resample
from configs.errors import EngineError
from configs.settings import Settings

RATE = 16_000
_INPUT_S, _HOP_S = 9.01, 1.0
_MOST_WINDOWS = 8
_SIGNAL = (-0.08397278, 1.22083953, 0.0052439)
_BACKGROUND = (-0.13166888, 1.60915514, -0.39604546)
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""Polynomials from raw to opinion score (DNS-Challenge, dnsmos_local.py: not personalised)."""
_lock = Lock()


@dataclass(frozen=True)
class Cleanliness:
    """DNSMOS P.835, each 1 to 5."""

    overall: float
    signal: float
    background: float
    by: str = "DNSMOS P.835"


def cleanliness(samples: NDArray[np.float32], rate: int) -> Cleanliness | None:
    """DNSMOS of (N,) samples, -1..1; short clips are repeated to 9 s as Microsoft's script does.

    None when its weights are not installed or there is no sound. Raises EngineError when the network fails.
    """
    weights = _dnsmos_weights()
    if weights is None or not len(samples):
        return None
    mono = np.clip(resample(np.asarray(samples, np.float32), rate, RATE), -1.0, 1.0)
    size = int(_INPUT_S * RATE)
    if len(mono) < size:
        mono = np.tile(mono, -(-size // len(mono)))
    count = min(_MOST_WINDOWS, 1 + int((len(mono) - size) / (_HOP_S * RATE)))
    firsts = np.linspace(0, len(mono) - size, count).astype(int)
    with _lock:
        try:
            raw = np.concatenate(
                [_session(weights).run(None, {"input_1": mono[None, first : first + size]})[0] for first in firsts]
            )
        except (RuntimeError, ValueError) as error:
            raise EngineError("DNSMOS could not measure the sound", " ".join(str(error).split())[:120]) from error
    return Cleanliness(
        round(float(np.polyval(_OVERALL, raw[:, 2]).mean()), 2),
        round(float(np.polyval(_SIGNAL, raw[:, 0]).mean()), 2),
        round(float(np.polyval(_BACKGROUND, raw[:, 1]).mean()), 2),
    )


def cleanliness_is_here() -> bool:
    return _dnsmos_weights() is not None and importlib.util.find_spec("onnxruntime") is not None


class NaturalnessPredictor:
    """An ONNX network with one input (1, N) float32 at 16 kHz and one output, the mean opinion score."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.name = file.parent.name if file.stem == "model" else file.stem

    def score(self, samples: NDArray[np.float32], rate: int) -> float:
        """1 to 5. Raises EngineError when the network cannot be used."""
        mono = resample(np.asarray(samples, np.float32), rate, RATE)
        with _lock:
            try:
                net = _session(self._file)
                made = net.run(None, {net.get_inputs()[0].name: mono[None]})[0]
            except (RuntimeError, ValueError, OSError, ImportError) as error:
                why = " ".join(str(error).split())[:120]
                raise EngineError(
                    "The naturalness predictor failed", why, "Set voice.naturalness to another"
                ) from error
        return round(float(np.mean(made)), 2)


def find_naturalness(settings: Settings) -> tuple[NaturalnessPredictor | None, str]:
    """The predictor whose weights are on this machine, or None and why. Nothing is loaded or downloaded."""
    folder = model_folder(settings, settings.voice.naturalness)
    if folder is None:
        return None, "no naturalness predictor is set (voice.naturalness)"
    files = sorted(folder.glob("*.onnx"))
    if not files:
        return None, f"no naturalness predictor has weights here ({folder} holds no .onnx file)"
    if importlib.util.find_spec("onnxruntime") is None:
        return None, "the naturalness predictor needs onnxruntime, which is not installed"
    return _predictor(files[0]), ""


@lru_cache(maxsize=2)
def _predictor(file: Path) -> NaturalnessPredictor:
    return NaturalnessPredictor(file)


def _dnsmos_weights() -> Path | None:
    spec = importlib.util.find_spec("speechmos")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(place) / "dnsmos_models" / "sig_bak_ovr.onnx").is_file():
            return file
    return None


@lru_cache(maxsize=2)
def _session(weights: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
