"""`configs/tts_config.yaml`: what each voice engine can do, where its parts are, and which is preferred."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from configs.settings import CONFIG_DIR, Settings
from configs.yaml_file import read_table

VoiceEngineName = Literal["espeak", "gpt_sovits", "qwen3_tts"]
ANY_LANGUAGE = "default"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TtsEngine(Part):
    languages: tuple[str, ...] = ()
    """Primary tags; () = the engine is asked."""
    clones: bool = False
    licence: str = ""


class TtsConfig(Part):
    engines: dict[VoiceEngineName, TtsEngine]
    order: dict[str, tuple[VoiceEngineName, ...]]

    @model_validator(mode="after")
    def _names_exist(self) -> TtsConfig:
        if ANY_LANGUAGE not in self.order:
            raise ValueError(f"'order' lacks '{ANY_LANGUAGE}', which serves every language without an order of its own")
        for language, names in self.order.items():
            for name in names:
                if name not in self.engines:
                    near = difflib.get_close_matches(name, self.engines, n=1, cutoff=0.4)
                    hint = f"; did you mean '{near[0]}'" if near else ""
                    raise ValueError(f"order.{language} names '{name}', which is not among 'engines'{hint}")
        return self

    def preferred(self, language: str) -> tuple[VoiceEngineName, ...]:
        """Engines for `language` (a tag such as 'it' or 'it-IT'), best first."""
        return self.order.get(language.split("-", maxsplit=1)[0].lower(), self.order[ANY_LANGUAGE])


def tts_file(settings: Settings, name: str = "tts_config") -> Path:
    """`<home>/configs/<name>.yaml` where the user has a copy, else the packaged one."""
    own = settings.home.expanduser() / "configs" / f"{name}.yaml"
    return own if own.is_file() else CONFIG_DIR / f"{name}.yaml"


def load_tts(settings: Settings) -> TtsConfig:
    """Raises UsageError that names the place of what is wrong."""
    path = tts_file(settings)
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> TtsConfig:
    return read_table(path, TtsConfig, "table of voice engines", (TtsEngine,))
