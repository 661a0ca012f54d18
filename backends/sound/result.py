"""What is heard, as it is recorded."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backends.vision.part import Part

Hearing = Literal["silence", "speech", "music", "speech+music", "noise"]


class SoundSegment(Part):
    start: float
    end: float
    label: Hearing
    confidence: float = Field(ge=0, le=1)
    bpm: float | None = Field(None, description="Tempo of its music; None without a steady beat.")


class Words(Part):
    """A line that is said or shown."""

    start: float
    end: float
    text: str
    by: str = Field("", description="subtitles, or the recogniser's name.")


class ShotSound(Part):
    """One shot's part of the sound."""

    loudness_lufs: float | None = None
    label: Hearing = "silence"
    speech_share: float = 0.0
    music_share: float = 0.0
    beats: int = 0


class Sound(Part):
    """A film's or a file's sound track."""

    seconds: float
    sample_rate: int = 0
    channels: int = 0
    loudness_lufs: float | None = Field(None, description="Integrated, ITU-R BS.1770-4; None for silence.")
    loudness_range_lu: float | None = Field(None, description="EBU Tech 3342.")
    peak_dbfs: float | None = None
    clipped_share: float = 0.0
    noise_dbfs: float | None = Field(None, description="The level that a tenth of the sounding track stays below.")
    bpm: float | None = None
    bpm_confidence: float = 0.0
    beats: tuple[float, ...] = ()
    onsets: tuple[float, ...] = ()
    segments: tuple[SoundSegment, ...] = Field((), description="Cover the track without gaps.")
    curve_step: float = Field(0.1, description="Seconds.")
    curve_dbfs: tuple[float, ...] = Field((), description="RMS per step; thinned so that there are at most 6000.")
    words: tuple[Words, ...] = ()
    not_measured: dict[str, str] = Field(default_factory=dict)
