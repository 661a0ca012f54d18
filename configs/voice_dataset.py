"""`voice_dataset.yaml`: how voice datasets are cut, and what a clip must be."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from configs.yaml_file import read_table

_FILE = Path(__file__).parent / "voice_dataset.yaml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cutting(_Section):
    """Lengths of clips in seconds."""

    shortest_s: float = Field(gt=0)
    longest_s: float = Field(gt=0, le=54)
    joined_pause_s: float = Field(ge=0)
    edge_s: float = Field(ge=0, le=0.5)
    sample_rate: int = Field(ge=8000, le=48_000)
    enough_s: float = Field(ge=0)


class Gates(_Section):
    """What a clip must be."""

    snr_db: float
    dnsmos_overall: float = Field(ge=1, le=5)
    clipped_share: float = Field(ge=0, le=1)
    quietest_dbfs: float = Field(le=0)
    overlap_s: float = Field(ge=0)
    cer: float = Field(ge=0, le=1)


class Clustering(_Section):
    """How voices are told apart with one encoder; cosines."""

    together: float = Field(0.0, ge=0, le=1)
    """Average cosine above which two groups of windows are one voice; 0: from the film itself."""
    same_voice: float = Field(0.0, ge=0, le=1)
    clip_p5: float = Field(0.0, ge=0, le=1)
    reference: float = Field(0.0, ge=0, le=1)
    certainty: float = Field(gt=0)
    """What a cosine of 1 more weighs, against the costs of a change."""
    change_in_speech: float = Field(ge=0)
    change_at_pause: float = Field(ge=0)
    ambiguous: float = Field(ge=0, le=1)
    """Share of a voice's usual lead over the next one, below which a window may hold both."""
    lead_beside: float = Field(0.0, ge=0, le=1)
    """Lead over any other voice that a clip needs beside somebody else's turn; 0 asks for none more than elsewhere."""
    least_s: float = Field(ge=0)
    least_share: float = Field(ge=0, le=1)
    """A voice with less speech than both is nobody's: its windows go to the nearest."""


class VoiceDatasetTable(_Section):
    clips: Cutting
    gates: Gates
    encoders: dict[str, Clustering]

    def clustering(self, encoder: str) -> tuple[Clustering, bool]:
        """The limits of an encoder by its name's beginning, and whether they were measured for it."""
        for name, limits in self.encoders.items():
            if name != "other" and encoder.startswith(name):
                return limits, True
        return self.encoders["other"], False


@cache
def voice_dataset_table() -> VoiceDatasetTable:
    """The table. Raises UsageError that names the wrong key."""
    return read_table(_FILE, VoiceDatasetTable, "voice dataset table", (Cutting, Gates, Clustering))
