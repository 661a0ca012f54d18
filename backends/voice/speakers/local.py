"""Speaker encoders from folders of the user's own: ONNX models of WeSpeaker or 3D-Speaker, transformers x-vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from backends.vision.identity.local_files import fingerprint
from backends.voice.speakers.encoder import ENCODER_RATE, Samples, Vectors, WindowedEncoder
from backends.voice.wav import resample
from configs.errors import EngineError

_SILENT = 10 ** (-75 / 20)
_BATCH = 16
_THREADS = 1
"""Pieces of 3 s are too small for several: they wait for each other in a loop, and take the cores of others."""


class _CutEncoder(WindowedEncoder):
    """Cuts the pieces and hands them to the network in batches of one length."""

    _hop_s = 1.5
    window_s = 3.0

    def __init__(self) -> None:
        self._net: Any = None
        self._lock = Lock()

    def embed_windows(self, samples: Samples, rate: int, starts: Sequence[float], seconds: float) -> Vectors:
        """See `SpeakerEncoder.embed_windows`."""
        mono = resample(np.asarray(samples, np.float32), rate, ENCODER_RATE)
        size = max(1, round(seconds * ENCODER_RATE))
        firsts = [round(start * ENCODER_RATE) for start in starts]
        mono = np.pad(mono, (0, max(0, max(firsts, default=0) + size - len(mono))))
        made: list[Vectors] = []
        with self._lock:
            for begin in range(0, len(firsts), _BATCH):
                pieces = np.stack([mono[first : first + size] for first in firsts[begin : begin + _BATCH]])
                made.append(self._embed_batch(pieces))
        return np.concatenate(made) if made else np.zeros((0, 1), np.float32)

    def _embed_batch(self, pieces: Samples) -> Vectors:
        try:
            vectors = self._run(pieces)
        except Exception as error:  # onnxruntime and transformers share no base class of their errors
            why = " ".join(str(error).split())[:200]
            raise EngineError(f"The speaker encoder {self.name} failed", why, "Set voice.speaker_encoder") from error
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        vectors[np.sqrt((pieces**2).mean(axis=1)) < _SILENT] = 0.0
        return np.asarray(vectors, np.float32)

    @abstractmethod
    def _run(self, pieces: Samples) -> Vectors:
        """(B, N) samples -> (B, D), of any length."""


class OnnxEncoder(_CutEncoder):
    """One .onnx file that takes (batch, frames, 80) Kaldi filter banks less their mean and gives (batch, D).

    WeSpeaker's models are given samples of 16 bit size and a Hamming window, 3D-Speaker's (CAM++, ERes2Net) samples
    of size 1 and Povey's window; the metadata that sherpa-onnx writes (`framework`) tells, else the input's name
    ('feats' is WeSpeaker's).
    """

    def __init__(self, model: Path) -> None:
        super().__init__()
        self.name = f"{model.stem} ({fingerprint([model])})"
        self._model = model
        self._wespeaker = True

    def _run(self, pieces: Samples) -> Vectors:
        if self._net is None:
            self._net = self._session()
        features = np.stack([self._features(piece) for piece in pieces])
        found = self._net.run(None, {self._net.get_inputs()[0].name: features})[-1]
        return np.asarray(found, np.float32).reshape(len(pieces), -1)

    def _session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = _THREADS
        session = onnxruntime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
        told = session.get_modelmeta().custom_metadata_map.get("framework", "")
        self._wespeaker = told == "wespeaker" if told else session.get_inputs()[0].name == "feats"
        return session

    def _features(self, piece: Samples) -> Samples:
        from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

        bands = mel_filter_bank(
            257, 80, 20, ENCODER_RATE / 2, ENCODER_RATE, mel_scale="kaldi", triangularize_in_mel_space=True
        )
        logs = spectrogram(
            piece * (1 << 15) if self._wespeaker else piece,
            window_function(400, "hamming" if self._wespeaker else "povey", periodic=False),
            frame_length=400, hop_length=160, fft_length=512, power=2.0, center=False, preemphasis=0.97,
            mel_filters=bands, log_mel="log", mel_floor=1.192092955078125e-07, remove_dc_offset=True,
        ).T  # fmt: skip
        return np.asarray(logs - logs.mean(axis=0, keepdims=True), np.float32)


class XvectorEncoder(_CutEncoder):
    """A transformers model with an x-vector head (WavLM-base-plus-sv, UniSpeech-SAT-SV), safetensors only."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.name = f"{folder.name} ({fingerprint(sorted(folder.glob('*.safetensors')))})"
        self._folder = folder
        self._extract: Any = None

    def _run(self, pieces: Samples) -> Vectors:
        import torch

        if self._net is None:
            self._load()
        inputs = self._extract(list(pieces), sampling_rate=ENCODER_RATE, return_tensors="pt", padding=True)
        with torch.inference_mode():
            return np.asarray(self._net(**inputs).embeddings.numpy(), np.float32)

    def _load(self) -> None:
        from transformers import AutoFeatureExtractor, AutoModelForAudioXVector

        self._extract = AutoFeatureExtractor.from_pretrained(str(self._folder), local_files_only=True)
        self._net = AutoModelForAudioXVector.from_pretrained(
            str(self._folder), local_files_only=True, use_safetensors=True
        ).eval()
