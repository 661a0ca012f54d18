"""The studio's settings: `configs/studio.yaml`, a `studio.yaml` of the user's, then `STUDIO_*` variables."""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from configs.errors import UsageError

CONFIG_DIR = Path(__file__).parent
PROMPT_DIR = CONFIG_DIR.parent / "prompts"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LlmSettings(Section):
    """Where a language model is served, if anywhere."""

    base_url: str = ""
    """OpenAI-compatible endpoint that runs on its own, e.g. http://127.0.0.1:8000/v1; '' = none."""
    service: str = ""
    """Service of `configs/llm_services.yaml` that the studio starts and parks itself ('default' is one); '' = none."""
    services_file: str = ""
    """A file of your own in place of `configs/llm_services.yaml`; '' = that one."""
    model: str = ""
    """'' = the first model that the endpoint lists."""
    api_key: str = "none"
    timeout_s: float = Field(60.0, gt=0)
    connect_timeout_s: float = Field(3.0, gt=0)
    retries: int = Field(3, ge=1, le=10)
    temperature: float = Field(0.2, ge=0, le=2)
    strict_tools: bool = True


class ImageSettings(Section):
    engine: Literal["auto", "sdxl", "preview"] = "auto"
    sdxl_path: str = ""
    """A diffusers folder or a single .safetensors file."""
    sdxl_config: str = ""
    """For a single file: a diffusers SDXL folder that gives configs and tokenizers."""
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    width: int = Field(1024, ge=64, le=4096)
    height: int = Field(576, ge=64, le=4096)
    preview_samples: int = Field(12, ge=1, le=1024)
    """Mitsuba samples per pixel of the preview engine."""
    quality: Literal["draft", "standard", "final"] = "standard"
    """Preset of `configs/sdxl_config.yaml` when nobody asks for another."""
    tables_dir: str = ""
    """Folder with sdxl_config, lora_registry, controlnet_config and character_presets.yaml of your own; '' = those in
    `<home>/configs`, else the packaged ones."""
    steer: Literal["auto", "never"] = "auto"
    """'auto': SDXL pictures are steered by the studio's own layout of the shot when ControlNets are there."""
    best_of: int = Field(1, ge=1, le=8)
    """Pictures made per asked picture; the best one is handed on, all are kept."""

    def resolved_engine(self) -> str:
        """'sdxl' when asked for, or when 'auto' finds its weights; else 'preview'."""
        if self.engine != "auto":
            return self.engine
        return "sdxl" if self.sdxl_path and Path(self.sdxl_path).expanduser().exists() else "preview"


class VisionSettings(Section):
    """Models that look at pictures: local folders only, '' = not there."""

    arcface: str = "vision/insightface/buffalo_l"
    """insightface model pack (a folder of .onnx files; non-commercial licence), below the warehouse unless absolute."""
    clip: str = "vision/clip-vit-large-patch14"
    dinov2: str = "vision/dinov2-base"
    judge: Literal["off", "auto"] = "off"
    """'auto': a vision model that is served (llm.service or llm.base_url) also judges pictures."""


class VoiceSettings(Section):
    engine: Literal["auto", "espeak", "gpt_sovits", "qwen3_tts"] = "auto"
    """'auto': each character's own, else the first of `configs/tts_config.yaml` that can speak the line."""
    gpt_sovits_url: str = ""
    """A GPT-SoVITS server (api_v2.py) that runs on its own, e.g. http://127.0.0.1:9880; '' = the studio starts one."""
    language: str = "en"
    loudness_lufs: float = Field(-18.0, ge=-40, le=-6)
    recogniser: str = "voice/faster-whisper-small"
    """A faster-whisper model folder (CTranslate2), below the warehouse unless absolute: writes down what is said where
    no subtitles tell it. '' = none."""
    recogniser_device: Literal["cpu", "cuda", "auto"] = "cpu"
    """Where the recogniser runs. It stays loaded between lines, beside the engines that share the GPU's memory and
    unknown to them: only a GPU with room to spare should hold it."""
    speaker_encoder: str = ""
    """A folder, below the warehouse unless absolute, with one .onnx speaker model (WeSpeaker, CAM++) or a transformers
    x-vector model (WavLM): tells voices apart. '' = the GE2E encoder packaged in resemblyzer."""
    naturalness: str = "voice/utmos"
    """A folder, below the warehouse unless absolute, with one .onnx predictor of mean opinion scores (UTMOS exported:
    16 kHz samples in, one score out). '' or not there = naturalness is not measured."""
    diariser: str = "voice/speaker-diarization-community-1"
    """A pyannote.audio pipeline's folder: who speaks when. '' or not there = clustering of speaker vectors."""
    separator: str = "voice/separator"
    """A folder with weights of demucs (htdemucs) or audio-separator: voices without the music. '' = none."""

    def resolved_engine(self) -> str:
        """What speaks for whoever has no cloned voice; `tools.voice.routing` chooses line by line."""
        return "espeak"


class FilmSettings(Section):
    width: int = Field(1280, ge=64, le=3840)
    height: int = Field(720, ge=64, le=2160)
    fps: int = Field(24, ge=1, le=60)
    loudness_lufs: float = Field(-16.0, ge=-40, le=-6)


class MemorySettings(Section):
    embedder: str = "auto"
    """'auto' = the packaged MiniLM, or a path to a local sentence-transformers folder."""
    index: Literal["chroma", "numpy"] = "chroma"


class BudgetSettings(Section):
    """Limits of one turn."""

    model_calls: int = Field(12, ge=1)
    tool_calls: int = Field(16, ge=1)
    rounds: int = Field(3, ge=1)
    """Tries at a step whose gate fails, the first one included."""
    seconds: float = Field(1800.0, gt=0)
    message_characters: int = Field(20000, ge=100)


class ApprovalSettings(Section):
    mode: Literal["always", "costly", "never"] = "costly"
    above_seconds: float = Field(20.0, ge=0)
    """In mode 'costly', plans forecast above this ask first; overwriting and deleting always do."""


class UploadSettings(Section):
    max_mib: int = Field(500, ge=1)
    max_pixels: int = Field(64_000_000, ge=1)
    """Larger pictures are refused before they are decoded."""
    max_video_seconds: float = Field(4 * 3600, gt=0)


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8400, ge=1, le=65535)
    names: tuple[str, ...] = ()
    """Host names that requests may use, so that no foreign page can reach the studio under a name of its own, besides
    this machine's own; () = those alone where only this machine can reach it, else any."""
    metrics: Literal["off", "local", "private", "all"] = "local"
    """Who may read /metrics: nobody, this machine, also private networks (a Prometheus in another container), all."""


class GatewaySettings(Section):
    """The OpenAI-compatible gateway in front of the language models; times in seconds."""

    require_key: Literal["auto", "always", "never"] = "auto"
    """'auto': a key is asked for unless the server listens on this machine's own address only."""
    max_body_mib: float = Field(32.0, gt=0)
    max_waiting: int = Field(64, ge=0)
    """Requests that may wait for one model; more are answered 429."""
    max_running: int = Field(64, ge=1)
    """Requests that one model works on at a time; more wait."""
    connect_s: float = Field(3.0, gt=0)
    first_token_s: float = Field(120.0, gt=0)
    total_s: float = Field(600.0, gt=0)
    load_s: float = Field(900.0, gt=0)
    """Longest wait for a model to come up."""
    idle_client_s: float = Field(60.0, gt=0)
    """A client that takes no byte for this long is dropped."""
    keepalive_s: float = Field(10.0, gt=0)
    """Between two comments of a stream that waits for its model."""
    retries: int = Field(2, ge=0, le=10)
    cache: Literal["off", "opt_in", "deterministic"] = "deterministic"
    """Answers that may be kept: none; those asked with 'x-studio-cache: on'; also those at temperature 0."""
    cache_ttl_s: float = Field(86400.0, gt=0)
    cache_entries: int = Field(1000, ge=1)
    """Answers kept in this process when no Redis is set."""


class GpuSettings(Section):
    run_dir: str = ""
    """Records of started servers and the lock of the GPU; '' = the user's runtime folder."""
    vram_budget_mib: int = Field(15_500, ge=1)
    """Never above this on a GPU."""
    cpu_budget_mib: int = Field(0, ge=0)
    """Memory budget for engines without a GPU; 0 = 60 % of what the machine has."""
    lease_seconds: float = Field(60.0, gt=0)
    """A lease without a heartbeat for this long expires."""


class Settings(BaseSettings):
    """Everything a user may set. Unknown keys and wrong values are refused with the nearest right one."""

    model_config = SettingsConfigDict(
        env_prefix="STUDIO_", env_nested_delimiter="__", extra="forbid", yaml_file=CONFIG_DIR / "studio.yaml"
    )

    home: Path = Path("workspace")
    warehouse: Path = Path("~/ai-warehouse")
    """One folder for all model files, shared by all engines: llm/, image/, voice/, vision/."""
    cache_url: str = ""
    """Redis for the gateway's cache, e.g. redis://127.0.0.1:6379/0; '' = in this process."""
    brain: Literal["auto", "offline", "llm"] = "auto"
    llm: LlmSettings = LlmSettings()
    image: ImageSettings = ImageSettings()
    vision: VisionSettings = VisionSettings()
    voice: VoiceSettings = VoiceSettings()
    film: FilmSettings = FilmSettings()
    memory: MemorySettings = MemorySettings()
    budget: BudgetSettings = BudgetSettings()
    approval: ApprovalSettings = ApprovalSettings()
    uploads: UploadSettings = UploadSettings()
    server: ServerSettings = ServerSettings()
    gpu: GpuSettings = GpuSettings()
    gateway: GatewaySettings = GatewaySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=_yaml_files())


def _yaml_files() -> list[Path]:
    """The packaged defaults, then the file named by STUDIO_CONFIG (later ones win)."""
    files = [CONFIG_DIR / "studio.yaml"]
    if own := os.environ.get("STUDIO_CONFIG"):
        files.append(Path(own).expanduser())
    return files


def load_settings(**overrides: Any) -> Settings:
    """Settings from files and environment, with `overrides` on top.

    Raises UsageError in one sentence naming the wrong key and the nearest right one.
    """
    own = os.environ.get("STUDIO_CONFIG")
    if own and not Path(own).expanduser().is_file():
        raise UsageError(f"The settings file {own} does not exist", "STUDIO_CONFIG names it", "Correct or unset it")
    try:
        return Settings(**overrides)
    except yaml.YAMLError as error:
        raise UsageError("A settings file is not valid YAML", " ".join(str(error).split()), "Correct it") from error
    except ValidationError as error:
        raise _explain(error) from error


def _explain(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, sorted(known_keys()), n=1, cutoff=0.4)
        return UsageError(
            f"There is no setting '{where}'", fix=f"Did you mean '{near[0]}'?" if near else "See configs/studio.yaml"
        )
    return UsageError(
        f"The setting '{where}' is wrong",
        f"{first['msg']}, got {first.get('input')!r}",
        "Correct it in studio.yaml or STUDIO_*",
    )


@lru_cache
def known_keys() -> frozenset[str]:
    """All settings as dotted keys."""
    keys: set[str] = set()
    for name, info in Settings.model_fields.items():
        keys.add(name)
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            keys |= {f"{name}.{key}" for key in kind.model_fields}
    return frozenset(keys)
