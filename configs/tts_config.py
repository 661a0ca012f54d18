"""`configs/tts_config.yaml`: what each voice engine can do, where its parts are, and which is preferred."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from configs.settings import CONFIG_DIR, Settings
from configs.yaml_file import read_table, users_table

VoiceEngineName = Literal["espeak", "gpt_sovits", "qwen3_tts"]
ANY_LANGUAGE = "default"
PRIMARY_TAG = re.compile(r"[a-z]{2,3}")


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TtsEngine(Part):
    """What can be said of every engine."""

    clones: ClassVar[bool] = False
    languages: tuple[str, ...] = ()
    """Primary tags; () = the engine is asked."""
    licence: str = ""

    @field_validator("languages")
    @classmethod
    def _lower(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tag.strip().lower() for tag in languages)


class EspeakOptions(TtsEngine):
    licence: str = "GPL-3.0"


class Sampling(Part):
    """How GPT-SoVITS draws its tokens (`api_v2.py`)."""

    top_k: int = Field(15, ge=1, le=100)
    top_p: float = Field(1.0, gt=0, le=1)
    temperature: float = Field(1.0, gt=0, le=2)
    repetition_penalty: float = Field(1.35, ge=1, le=2)
    text_split_method: Literal["cut0", "cut1", "cut2", "cut3", "cut4", "cut5"] = "cut5"
    sample_steps: int = Field(32, ge=4, le=128)
    fragment_interval: float = Field(0.3, ge=0, le=2)
    """Seconds of silence after each sentence, the last one included."""


class GptSovitsOptions(TtsEngine):
    clones: ClassVar[bool] = True
    languages: tuple[str, ...] = ("en", "zh", "ja", "yue", "ko")
    licence: str = "MIT"
    version: Literal["v1", "v2", "v3", "v4", "v2Pro", "v2ProPlus"] = "v2ProPlus"
    device: str = "cuda"
    half: bool = True
    gpt_weights: str = "GPT_SoVITS/pretrained_models/s1v3.ckpt"
    """Base weights, from the program's own folder."""
    sovits_weights: str = "GPT_SoVITS/pretrained_models/v2Pro/s2Gv2ProPlus.pth"
    sample_rate: int = Field(32000, ge=16001)
    """Of the version; 16 kHz is what the server's failures have."""
    line_seconds: float = Field(120.0, gt=0, le=3600)
    tries: int = Field(3, ge=1, le=10)
    sampling: Sampling = Sampling()
    shared_here: str = ""
    """A folder that a server elsewhere sees too; '' = it sees this machine's files."""
    shared_there: str = ""

    @model_validator(mode="after")
    def _both_ends(self) -> GptSovitsOptions:
        if bool(self.shared_here) != bool(self.shared_there):
            raise ValueError("shared_here and shared_there are two names of one folder: give both or none")
        return self


class Qwen3Options(TtsEngine):
    clones: ClassVar[bool] = True
    languages: tuple[str, ...] = ("en", "it", "zh", "ja", "ko", "de", "fr", "ru", "pt", "es")
    licence: str = "Apache-2.0"
    python: str = "qwen-tts/.venv/bin/python"
    model: str = "voice/Qwen3-TTS-12Hz-0.6B-Base"
    device: str = "cuda:0"
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    sample_rate: int = Field(24000, ge=8000)
    line_seconds: float = Field(180.0, gt=0, le=3600)
    start_seconds: float = Field(300.0, gt=0, le=7200)


class TtsEngines(Part):
    espeak: EspeakOptions = EspeakOptions()
    gpt_sovits: GptSovitsOptions = GptSovitsOptions()
    qwen3_tts: Qwen3Options = Qwen3Options()


class TtsConfig(Part):
    engines: TtsEngines = TtsEngines()
    order: dict[str, tuple[VoiceEngineName, ...]]

    @field_validator("order")
    @classmethod
    def _tags(cls, order: dict[str, tuple[VoiceEngineName, ...]]) -> dict[str, tuple[VoiceEngineName, ...]]:
        """Languages are looked up by their primary tag, lower case."""
        plain = {tag.strip().lower(): engines for tag, engines in order.items()}
        for tag in plain:
            if tag != ANY_LANGUAGE and not PRIMARY_TAG.fullmatch(tag):
                raise ValueError(f"'{tag[:40]}' is no language; give a tag such as it or en, or {ANY_LANGUAGE}")
        if len(plain) < len(order):
            raise ValueError("a language is there twice")
        return plain

    @model_validator(mode="after")
    def _every_language(self) -> TtsConfig:
        if ANY_LANGUAGE not in self.order:
            raise ValueError(f"'order' lacks '{ANY_LANGUAGE}', which serves every language without an order of its own")
        return self

    def engine(self, name: str) -> TtsEngine | None:
        """What the table says of an engine; None for one that it does not know."""
        found = getattr(self.engines, name, None) if name in TtsEngines.model_fields else None
        return found if isinstance(found, TtsEngine) else None

    def preferred(self, language: str) -> tuple[VoiceEngineName, ...]:
        """Engines for `language` (a tag such as 'it' or 'it-IT'), best first."""
        return self.order.get(language.split("-", maxsplit=1)[0].lower(), self.order[ANY_LANGUAGE])


def voice_table(settings: Settings, name: Literal["tts_config", "character_voices"]) -> Path:
    """`<home>/configs/<name>.yaml` where the user has a copy, else the packaged one."""
    return users_table(settings.home, f"{name}.yaml", CONFIG_DIR)


def load_tts(settings: Settings) -> TtsConfig:
    """Raises UsageError that names the place of what is wrong."""
    path = voice_table(settings, "tts_config")
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> TtsConfig:
    parts = (TtsEngines, EspeakOptions, GptSovitsOptions, Qwen3Options, Sampling)
    return read_table(path, TtsConfig, "table of voice engines", parts)
