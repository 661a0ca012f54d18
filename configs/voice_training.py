"""`configs/voice_training.yaml`: what a reference must be like, and how GPT-SoVITS is trained."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.settings import CONFIG_DIR, Settings
from configs.yaml_file import read_table, users_table

Version = Literal["v2ProPlus", "v2Pro", "v2", "v3", "v4"]
NAME = "voice_training.yaml"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cloning(Part):
    """What is asked of a recording; seconds, dB and shares of 1."""

    shortest_s: float = Field(gt=0)
    longest_s: float = Field(gt=0)
    wanted_s: float = Field(gt=0)
    pause_s: float = Field(gt=0)
    edge_s: float = Field(ge=0)
    least_snr_db: float
    clipped_share: float = Field(ge=0, le=1)
    silent_dbfs: float
    heard_minutes: float = Field(gt=0)
    low_rate_hz: int
    two_voices: dict[str, float]
    """By the beginning of the encoder's name."""
    two_voices_windows: int
    two_voices_few: float
    """Taken off where there are fewer windows."""
    two_voices_share: float
    test_line: dict[str, str]
    similarity_wanted: float


class Trained(Part):
    """One version of GPT-SoVITS."""

    s2G: str
    s2D: str = ""
    s1: str
    config: str
    script: str
    speaker_net: bool = False
    lora: bool = False
    large: bool = False
    epochs: int = Field(ge=1)
    save_every: int = Field(ge=1)


class PerClip(Part):
    plain: int
    large: int


class Cost(Part):
    """What a training is expected to take, before one was seen on this machine."""

    start_s: float = Field(20.0, gt=0)
    """Of each script: its Python, torch and base models."""
    prepare_s: float = Field(0.25, gt=0)
    """Per clip and preparation step."""
    sovits_s: float = Field(0.6, gt=0)
    """Per clip and epoch."""
    gpt_s: float = Field(0.2, gt=0)
    repeated_to: int = Field(100, ge=1)
    """Clips that the loaders repeat a smaller dataset to."""
    without_gpu: float = Field(30.0, ge=1)
    """Times as long on a CPU."""
    optimiser_mib: float = Field(3400.0, ge=0)
    """What is kept to go on from: both nets of SoVITS and GPT with Adam's moments, 12 bytes a parameter."""
    sovits_mib: float = Field(310.0, ge=0)
    """One file of saved weights, in 16 bit."""
    gpt_mib: float = Field(160.0, ge=0)
    features_mib_s: float = Field(0.35, ge=0)
    """Per second of speech: the clips twice, HuBERT's features, who speaks."""


class GptSovits(Part):
    """Where its parts are and with what it is trained."""

    root: str
    python: str
    languages: tuple[str, ...]
    parts: int = Field(ge=1, le=16)
    bert: str
    hubert: str
    speaker_net: str
    python_path: tuple[str, ...]
    stop_s: float = Field(gt=0)
    quiet_minutes: float = Field(gt=0)
    log_interval: int = Field(ge=1)
    text_low_lr_rate: float
    lora_rank: int
    grad_ckpt: bool
    gpt_epochs: int = Field(ge=1)
    gpt_save_every: int = Field(ge=1)
    dpo: bool
    mib_per_clip: PerClip
    versions: dict[Version, Trained]
    s1_config: str
    s1_script: str
    prepare: str
    cost: Cost = Cost()


class Dataset(Part):
    """What is asked of a dataset."""

    least_clips: int = Field(ge=2)
    least_seconds: float
    wanted_seconds: float
    letters_per_second: tuple[float, float]
    lost_share: float = Field(ge=0, le=1)
    held_out_share: float = Field(ge=0, le=0.5)
    held_out_from: int
    held_out_most: int


class VoiceTraining(Part):
    cloning: Cloning
    gpt_sovits: GptSovits
    dataset: Dataset

    def root(self, settings: Settings) -> Path:
        """GPT-SoVITS' folder, absolute."""
        text = self.gpt_sovits.root.replace("{warehouse}", str(settings.warehouse.expanduser()))
        return Path(text).expanduser().absolute()


def load_voice_training(settings: Settings) -> VoiceTraining:
    """`<home>/configs/voice_training.yaml` where the user has a copy, else the packaged one.

    Raises UsageError that names the place of what is wrong.
    """
    path = users_table(settings.home, NAME, CONFIG_DIR)
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> VoiceTraining:
    return read_table(
        path, VoiceTraining, "table of voice training", (Cloning, GptSovits, Trained, Dataset, PerClip, Cost)
    )
