"""Who speaks: vectors that lie close for one voice and apart for two, from encoders whose weights are on this machine.

The default is the GE2E network packaged in resemblyzer (Apache-2.0; Wan et al. 2018, "Generalized End-to-End Loss for
Speaker Verification"). Only its weights file is read: the package's own code asks for librosa and webrtcvad.
Vectors of different encoders must never be compared.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.vision.identity.local_files import fingerprint, model_folder
from backends.voice.speakers.encoder import (
    ENCODER_RATE,
    SHORTEST_S,
    Samples,
    SpeakerEncoder,
    Vectors,
    WindowedEncoder,
    centroid,
    cosine,
)
from backends.voice.wav import resample
from configs.errors import EngineError
from configs.settings import Settings

__all__ = [
    "ENCODER_RATE", "SHORTEST_S", "Ge2eEncoder", "Samples", "SpeakerEncoder", "Vectors", "centroid", "cosine",
    "find_encoder", "ge2e_weights", "mel_power",
]  # fmt: skip


def find_encoder(settings: Settings) -> tuple[SpeakerEncoder | None, str]:
    """The encoder that this machine has and '', or a note of what it stands in for; else None and why there is none.

    Nothing is loaded before the first use, nothing is ever downloaded.
    """
    note = ""
    if folder := model_folder(settings, settings.voice.speaker_encoder):
        if found := _in_folder(folder):
            return found, ""
        note = f"the speaker encoder's folder {folder} holds no .onnx model and no transformers model"
    if (weights := ge2e_weights()) is not None:
        return _ge2e(weights), f"{note}: GE2E is used" if note else ""
    return None, note or "no speaker encoder is here (resemblyzer's weights are not installed)"


def ge2e_weights() -> Path | None:
    """Resemblyzer's pretrained.pt, found without importing the package; None when it is not installed."""
    spec = importlib.util.find_spec("resemblyzer")
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(place) / "pretrained.pt").is_file():
            return file
    return None


@lru_cache(maxsize=4)
def _ge2e(weights: Path) -> SpeakerEncoder:
    return Ge2eEncoder(weights)


@lru_cache(maxsize=4)
def _in_folder(folder: Path) -> SpeakerEncoder | None:
    from backends.voice.speakers.local import OnnxEncoder, XvectorEncoder

    if models := sorted(folder.glob("*.onnx")):
        return OnnxEncoder(models[0])
    if (folder / "config.json").is_file() and list(folder.glob("*.safetensors")):
        return XvectorEncoder(folder)
    return None


class Ge2eEncoder(WindowedEncoder):
    """GE2E: 40 mel bands, three LSTM layers of 256, 256 numbers of which none is negative."""

    _BATCH = 256
    _LEVEL_DB = -30.0
    """dBFS that each window is brought to, as in training (resemblyzer/hparams.py: audio_norm_target_dBFS)."""
    _SILENT_DB = -75.0

    def __init__(self, weights: Path) -> None:
        self.name = f"GE2E (resemblyzer, {fingerprint([weights])})"
        self._weights = weights
        self._net: Any = None
        self._lock = Lock()

    def embed_windows(self, samples: Samples, rate: int, starts: Sequence[float], seconds: float) -> Vectors:
        """See `SpeakerEncoder.embed_windows`."""
        import torch

        mono = resample(np.asarray(samples, np.float32), rate, ENCODER_RATE)
        mels = mel_power(mono)
        width = max(1, round(seconds / HOP_S))
        firsts = [round(start / HOP_S) for start in starts]
        mels = np.pad(mels, ((0, max(0, max(firsts, default=0) + width - len(mels))), (0, 0)))
        energy = np.concatenate([[0.0], np.cumsum(mono.astype(np.float64) ** 2)])
        vectors = np.zeros((len(firsts), 256), np.float32)
        net = self._loaded()
        for begin in range(0, len(firsts), self._BATCH):
            part = firsts[begin : begin + self._BATCH]
            power = np.array([_mean_power(energy, first, width) for first in part])
            batch = np.stack([mels[first : first + width] for first in part])
            gain = 10 ** (self._LEVEL_DB / 10) / np.maximum(power, 1e-12)
            with torch.inference_mode():
                found = net(torch.from_numpy(batch * gain[:, None, None].astype(np.float32))).numpy()
            found[power < 10 ** (self._SILENT_DB / 10)] = 0.0
            vectors[begin : begin + len(part)] = found
        return vectors

    def _loaded(self) -> Any:
        with self._lock:
            if self._net is None:
                self._net = _load_ge2e(self._weights)
            return self._net


HOP_S = 0.01
_WINDOW, _HOP, _MELS = 400, 160, 40


def mel_power(mono: Samples) -> Samples:
    """(N,) at 16 kHz to (frames, 40): power in mel bands, as librosa.feature.melspectrogram gives it.

    Frames of 25 ms every 10 ms, centred, periodic Hann window, Slaney's mel scale and area norm, not logarithmic.
    """
    from scipy import fft, signal

    padded = np.pad(mono, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = signal.get_window("hann", _WINDOW).astype(np.float32)
    bands = _mel_bands()
    made = np.empty((len(frames), _MELS), np.float32)
    for begin in range(0, len(frames), 4096):  # a whole film's spectrum would take gigabytes
        spectrum = fft.rfft(frames[begin : begin + 4096] * window, axis=1)
        made[begin : begin + 4096] = (spectrum.real**2 + spectrum.imag**2) @ bands
    return made


@lru_cache(maxsize=1)
def _mel_bands() -> Samples:
    from transformers.audio_utils import mel_filter_bank

    bands = mel_filter_bank(
        _WINDOW // 2 + 1, _MELS, 0.0, ENCODER_RATE / 2, ENCODER_RATE, norm="slaney", mel_scale="slaney"
    )
    return np.asarray(bands, np.float32)


def _mean_power(energy: NDArray[np.float64], first: int, width: int) -> float:
    begin = min(first * _HOP, len(energy) - 1)
    end = min(begin + width * _HOP, len(energy) - 1)
    return float(energy[end] - energy[begin]) / max(1, end - begin)


def _load_ge2e(weights: Path) -> Any:
    import torch
    from torch import nn

    class Ge2e(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(_MELS, 256, 3, batch_first=True)
            self.linear = nn.Linear(256, 256)

        def forward(self, mels: torch.Tensor) -> torch.Tensor:
            raw = torch.relu(self.linear(self.lstm(mels)[1][0][-1]))
            return nn.functional.normalize(raw, dim=1)

    try:
        state = torch.load(weights, weights_only=True, map_location="cpu")["model_state"]
        net = Ge2e()
        net.load_state_dict({key: value for key, value in state.items() if key.startswith(("lstm.", "linear."))})
    except Exception as error:  # torch, pickle and zip errors: all mean an unusable file
        why = " ".join(str(error).split())[:200]
        raise EngineError("The speaker encoder cannot be loaded", why, "Install resemblyzer again") from error
    return net.eval()
