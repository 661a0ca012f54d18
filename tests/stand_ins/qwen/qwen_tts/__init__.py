"""A stand-in for the package `qwen-tts`: its calls and its refusals, with eSpeak in place of the model.

Shapes follow `qwen_tts/inference/qwen3_tts_model.py` of QwenLM/Qwen3-TTS. The file `faults.json` in the model's
folder is read at each call: {"silent": n, "hang": s, "die": true, "die_once": true, "nan": n, "chatter": true, "full": true}.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from espeak_stand_in import speak_like
from numpy.typing import NDArray
from torch import SEED

RATE = 24000
SUPPORTED = {
    "english": "en", "italian": "it", "chinese": "cmn", "japanese": "ja", "korean": "ko", "german": "de",
    "french": "fr", "russian": "ru", "portuguese": "pt", "spanish": "es",
}  # fmt: skip


@dataclass
class VoiceClonePromptItem:
    ref_code: Any
    ref_spk_embedding: Any
    x_vector_only_mode: bool
    icl_mode: bool
    ref_text: str | None = None


class Qwen3TTSModel:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **kwargs: Any) -> Qwen3TTSModel:
        folder = Path(pretrained_model_name_or_path)
        if not (folder / "config.json").is_file():
            raise OSError(f"{folder} does not appear to have a file named config.json.")
        assert set(kwargs) == {"device_map", "dtype"}
        return cls(folder)

    def create_voice_clone_prompt(
        self, ref_audio: Any, ref_text: str | None = None, x_vector_only_mode: bool = False
    ) -> list[VoiceClonePromptItem]:
        samples, rate = ref_audio
        if not x_vector_only_mode and not ref_text:
            raise ValueError("ref_text is required when x_vector_only_mode=False (ICL mode). Bad index=0")
        if np.abs(samples[-int(0.4 * rate) :]).max() > 0:
            raise ValueError("the stand-in wants its references padded with silence")
        return [VoiceClonePromptItem(None, (samples, rate), x_vector_only_mode, not x_vector_only_mode, ref_text)]

    def generate_voice_clone(
        self, text: str, language: str | None = None, voice_clone_prompt: list[VoiceClonePromptItem] | None = None
    ) -> tuple[list[NDArray[np.float32]], int]:
        if str(language).lower() not in SUPPORTED:
            raise ValueError(f"Unsupported languages: {[language]}. Supported: {sorted(SUPPORTED)}")
        assert voice_clone_prompt is not None
        faults = self._faults()
        if faults.get("die") or faults.pop("die_once", None):
            self._keep(faults)
            os._exit(9)
        time.sleep(float(faults.get("hang", 0)))
        if faults.get("chatter"):
            print('{"ok": true}\n' * 500, flush=True)
        if faults.get("full"):
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 3.95 GiB total capacity)")
        if faults.get("nan"):
            faults["nan"] -= 1
            self._keep(faults)
            return [np.array([0.1, np.nan, 0.2] * RATE, dtype=np.float32)], RATE
        if faults.get("silent"):
            faults["silent"] -= 1
            self._keep(faults)
            return [np.zeros(RATE, dtype=np.float32)], RATE
        samples, rate = voice_clone_prompt[0].ref_spk_embedding
        return [speak_like(text, SUPPORTED[str(language).lower()], samples, rate, b"", RATE, seed=SEED[0])], RATE

    def _faults(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self._folder / "faults.json").read_text()))
        except (OSError, ValueError):
            return {}

    def _keep(self, faults: dict[str, Any]) -> None:
        (self._folder / "faults.json").write_text(json.dumps(faults))
