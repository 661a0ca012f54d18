"""Qwen3-TTS as a voice engine: cloning, Italian included, by a worker process in an environment of its own."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.gpu.engine import EngineState
from backends.gpu.servers.server import Plan
from backends.voice.engines.cloned import Sound, choose_reference, is_silent, left_to_prosody, perform, segments_of
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceCapabilities
from backends.voice.engines.qwen3_client import Qwen3Client
from backends.voice.engines.references import PreparedReference, prepare_reference
from backends.voice.engines.stamp import stamp
from backends.voice.engines.voice_server import ServerFailed, VoiceServer
from backends.voice.workers import qwen3_tts as worker
from configs.errors import EngineError
from configs.models import EngineSpec, ProcessSpec
from configs.tts_config import Qwen3Options

NAME = "qwen3_tts"
LANGUAGES = {
    "en": "English", "it": "Italian", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "de": "German",
    "fr": "French", "ru": "Russian", "pt": "Portuguese", "es": "Spanish",
}  # fmt: skip
"""What the model calls them (Qwen3-TTS README)."""
TRIES = 3
BESIDE_MIB = 1000
"""CUDA's context, its kernels, and the keys and values of a long line."""
SEEDS = 2**31
INSTALL = "See docs/voices.md for how to install it, or correct its path in tts_config.yaml"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


class Qwen3TtsEngine(VoiceServer):
    """VoiceEngine around `workers/qwen3_tts.py`."""

    def __init__(self, spec: EngineSpec, options: Qwen3Options, *, warehouse: Path, run_dir: Path, home: Path) -> None:
        root = warehouse.expanduser().resolve()
        self._python, self._model = _below(root, options.python), _below(root, options.model)
        command = (
            str(self._python), worker.__file__, "--port", "{port}", "--model", str(self._model),
            "--device", options.device, "--dtype", options.dtype,
        )  # fmt: skip
        process = ProcessSpec(command=command, env=OFFLINE, ready="ping", start_seconds=options.start_seconds)
        spec = spec.model_copy(update={"process": process})
        super().__init__(NAME, spec, warehouse=warehouse, run_dir=run_dir, home=home)
        self._options = options
        self._client: Qwen3Client | None = None
        self._lock = threading.Lock()

    # -- Engine ----------------------------------------------------------------------------------------------------

    def adopt(self) -> EngineState:
        state = super().adopt()
        if state in (EngineState.ACTIVE, EngineState.PARKED):
            self._attach(fresh=False)
        return state

    def _plan(self) -> Plan:
        for what, path, there in (
            ("Python", self._python, self._python.is_file()),
            ("model", self._model, self._model.is_dir()),
        ):
            if not there:
                raise EngineError(f"'{self.name}' is not installed", f"there is no {what} at {path}", INSTALL)
        packages = sorted(self._python.parent.parent.glob("lib/python3*/site-packages"))
        if packages and not any((folder / "qwen_tts").is_dir() for folder in packages):
            raise EngineError(
                f"'{self.name}' is not whole", f"there is no qwen_tts in {packages[-1]}",
                f"Install the package qwen-tts with {self._python}",
            )  # fmt: skip
        key = secrets.token_hex(16)
        return dataclasses.replace(super()._plan(), key=key, loose_env={worker.KEY: key})

    def _answers(self, path: str, seconds: float) -> bool:
        """It speaks no HTTP: a ping in its own language."""
        return Qwen3Client(self._server.port, self._server.key).answers(seconds)

    def _attach(self, *, fresh: bool) -> None:
        self._client = Qwen3Client(self._server.port, self._server.key)

    def need_mib(self) -> int:
        """The table's figure, or what the files of a larger model need."""
        files = self._model.rglob("*.safetensors") if self._model.is_dir() else ()
        size = sum(file.stat().st_size for file in files) // 2**20  # bf16, as published
        return max(self._spec.need_mib, (2 * size if self._options.dtype == "float32" else size) + BESIDE_MIB)

    # -- VoiceEngine -----------------------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The model's files with their times of change: lines of another model are not the same lines."""
        return stamp(self._options.dtype, self._model)

    def capabilities(self) -> VoiceCapabilities:
        return VoiceCapabilities(
            languages=frozenset(self._options.languages),
            clones=True,
            emotion=frozenset({"reference", "prosody"}),
            timings=False,
            sample_rate=self._options.sample_rate,
            memory_mib=self.need_mib(),
        )

    def speak(self, request: SpeechRequest) -> SpeechResult:
        """One line in a cloned voice. Raises EngineError; never gives silence."""
        return self._kept_alive(lambda: self._line(request))

    def _line(self, request: SpeechRequest) -> SpeechResult:
        started = time.perf_counter()
        if self._client is None or not self.base_url:
            raise EngineError(f"'{self.name}' is not loaded", fix="Load the engine first")
        client = self._client
        segments_of(request)
        language = self._language(request.language)
        chosen, recorded = choose_reference(request, NAME)
        prepared = prepare_reference(chosen, self._own_folder / "references")
        seeds: list[int] = []

        def say(text: str) -> Sound:
            samples, rate, seed = self._sounding(client, text, language, prepared, request.seed)
            seeds.append(seed)
            return samples, rate

        manner = left_to_prosody(request, recorded)
        with self._lock:
            made = perform(request, say, usual_rate=self._options.sample_rate, manner=manner)
        warnings = (
            ()
            if prepared.text
            else ("The words of the voice's recording are not written down: only its sound is taken.",)
        )
        params = {
            "model": self._model.name,
            "reference": prepared.path.stem,
            "recorded_emotion": recorded,
            "seeds": seeds,
            "sounds": list(made.sounds),
        }
        seconds = time.perf_counter() - started
        return SpeechResult(
            made.samples, made.sample_rate, NAME, self._model.name, seconds=seconds, params=params,
            warnings=(*warnings, *made.warnings),
        )  # fmt: skip

    def _sounding(
        self, client: Qwen3Client, text: str, language: str, prepared: PreparedReference, first_seed: int
    ) -> tuple[NDArray[np.float32], int, int]:
        """Samples, sample rate and the seed that served; silence is asked for again with other seeds."""
        for number in range(TRIES):
            seed = (first_seed + number) % SEEDS
            samples, rate = client.speak(
                text, language, str(prepared.path), prepared.text, seed, self._options.line_seconds
            )  # fmt: skip
            if not is_silent(samples):
                return samples, rate, seed
        raise ServerFailed(
            "Qwen3-TTS answered with silence",
            f"{TRIES} times, for '{text[:40]}'",
            "Try other words or another recording",
        )

    def _language(self, language: str) -> str:
        tag = language.strip().lower().replace("_", "-").split("-")[0]
        if tag not in self._options.languages or tag not in LANGUAGES:
            raise EngineError(
                f"Qwen3-TTS does not speak '{language}'",
                f"it knows {', '.join(self._options.languages)}",
                "Let the built-in voice speak it",
            )
        return LANGUAGES[tag]


def _below(root: Path, path: str) -> Path:
    given = Path(path.replace("{warehouse}", str(root))).expanduser()
    return given if given.is_absolute() else root / given
