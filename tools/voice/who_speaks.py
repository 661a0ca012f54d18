"""Who speaks when in a sound or film: from the studio's own record of it, else told apart by their voices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.voice.speakers.diarise import Diarisation
from backends.voice.speakers.likeness import centroid, find_encoder
from configs.errors import StudioError, UsageError
from configs.voice_dataset import Clustering, voice_dataset_table
from tools.voice.dataset.who import cluster_all, limits_for, pyannote_all

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.voice.speakers.likeness import SpeakerEncoder
    from backends.voice.speakers.track import VoiceTrack
    from memory.records import Asset
    from tools.spec import ToolContext

SPANS_TOLD = 6
CLEAR_LEAD = 0.05
"""Cosine by which a character must be nearer than every other, to be named."""


@dataclass(frozen=True)
class Voice:
    """One speaker."""

    name: str
    """A character's, where it is known; else 'speaker 1' and so on, the most talkative first."""
    known_by: str
    """'' for one without a name."""
    spans: tuple[tuple[float, float], ...]
    """(start, end) seconds, in order."""

    @property
    def seconds(self) -> float:
        return sum(end - start for start, end in self.spans)


@dataclass(frozen=True)
class Speaking:
    """Everybody who speaks."""

    voices: tuple[Voice, ...]
    method: str
    recorded: bool = False
    """True: the studio made the sound and wrote down who speaks."""
    overlaps: tuple[tuple[float, float], ...] = ()
    """Where two seem to speak at once."""
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people, in one sentence a speaker."""
        if not self.voices:
            return "Nobody speaks in it."
        count = "One voice speaks" if len(self.voices) == 1 else f"{len(self.voices)} voices speak"
        told = [f"{voice.name}{_sure(voice)} {voice.seconds:.1f} s, at {_times(voice.spans)}" for voice in self.voices]
        return f"{count}: {'; '.join(told)}."

    def to_data(self) -> list[dict[str, Any]]:
        """JSON-ready."""
        return [
            {
                "name": voice.name, "known_by": voice.known_by, "seconds": round(voice.seconds, 2),
                "spans": [[round(start, 2), round(end, 2)] for start, end in voice.spans],
            }
            for voice in self.voices
        ]  # fmt: skip


def who_speaks(
    asset: Asset,
    path: Path,
    info: MediaInfo,
    ctx: ToolContext,
    tell: Callable[[float], None] = lambda seconds: None,
    *,
    track: VoiceTrack | None = None,
) -> Speaking:
    """Speakers of a file with their times.

    Args:
        tell: given the seconds that were listened to.
        track: of whoever has listened to the file already, with the encoder that `find_encoder` names.

    Raises UsageError when the file cannot be decoded or no speaker encoder is here, Cancelled through `ctx.cancel`.
    """
    if (recorded := _recorded(asset)) is not None:
        return recorded
    encoder, why = find_encoder(ctx.settings)
    if encoder is None:
        raise UsageError("Who speaks cannot be told here", why, "Install a speaker encoder; see docs/voice-datasets.md")
    from backends.voice.speakers.track import track_voices

    if track is None:
        track = track_voices(path, encoder, info=info, cancel=ctx.cancel.check, on_progress=tell)
    limits, measured = voice_dataset_table().clustering(encoder.name)
    limits = limits_for([track], limits, measured)
    who, notes = _told_apart(track, path, limits, ctx)
    names = _names(who, encoder, limits, ctx)
    voices = []
    for speaker in range(len(who.centroids)):
        spans = tuple((turn.start, turn.end) for turn in who.turns if turn.speaker == speaker)
        name, by = names.get(speaker, (f"speaker {speaker + 1}", ""))
        voices += [Voice(name, by, spans)] if spans else []
    return Speaking(tuple(voices), f"{who.method}, {encoder.name}", False, who.overlaps, (*notes, *who.notes))


def _told_apart(
    track: VoiceTrack, path: Path, limits: Clustering, ctx: ToolContext
) -> tuple[Diarisation, tuple[str, ...]]:
    from backends.voice.speakers.diarise_pyannote import find_pyannote

    folder, _ = find_pyannote(ctx.settings)
    notes: tuple[str, ...] = ()
    if folder is not None and len(track.vectors):
        try:
            (found,) = pyannote_all([track], [path], folder, limits, None, ctx.cancel.check)
            if len(found.centroids):
                return found, ()
        except StudioError as error:
            ctx.cancel.check()
            notes = (f"Speakers were told apart by clustering: {error.sentence}",)
    (made,) = cluster_all([track], limits, None)
    return made, notes


def _recorded(asset: Asset) -> Speaking | None:
    """What the studio wrote down when it made the sound; None for other files."""
    rows = asset.params.get("lines")
    if asset.tool not in ("speak", "speak_dialogue"):
        return None
    if not isinstance(rows, list):
        rows = [{"character": asset.params.get("character"), "start": 0.0, "end": asset.params.get("duration")}]
    spans: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        times = [row.get("start"), row.get("end")]
        if not row.get("character") or not all(isinstance(one, int | float) for one in times):
            return None
        spans.setdefault(str(row["character"]), []).append((float(times[0]), float(times[1])))
    voices = [Voice(name, "the studio spoke it", tuple(sorted(found))) for name, found in spans.items()]
    return Speaking(tuple(sorted(voices, key=lambda voice: -voice.seconds)), "as the studio spoke it", True)


def _names(
    who: Diarisation, encoder: SpeakerEncoder, limits: Clustering, ctx: ToolContext
) -> dict[int, tuple[str, str]]:
    """Speaker -> (character, how it is known), for those that clearly sound like a character's own recordings."""
    known = dict(_characters(encoder, ctx))
    if not known or not len(who.centroids):
        return {}
    likeness = who.centroids @ np.stack(list(known.values())).T
    names = list(known)
    found: dict[int, tuple[str, str]] = {}
    for speaker, row in enumerate(likeness):
        best = int(row.argmax())
        rivals = [*np.delete(row, best), *np.delete(likeness[:, best], speaker)]
        if row[best] >= limits.reference and all(row[best] - rival >= CLEAR_LEAD for rival in rivals):
            found[speaker] = (names[best], f"like {names[best]}'s recordings, cosine {row[best]:.2f}")
    return found


def _characters(encoder: SpeakerEncoder, ctx: ToolContext) -> list[tuple[str, np.ndarray]]:
    """Characters with recordings, and the vector of their voice."""
    from backends.voice.wav import read_wav
    from tools.spec import Studio
    from tools.voice.routing import voice_source

    studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
    made = []
    for entry in ctx.memory.list_entries("character"):
        source = voice_source(studio, entry.name)
        vectors = []
        for reference in source.references.values() if source is not None else ():
            ctx.cancel.check()
            try:
                vectors.append(encoder.embed(*read_wav(Path(reference.path))))
            except StudioError:
                continue
        if vectors:
            made.append((entry.name, centroid(np.stack(vectors))))
    return made


def _sure(voice: Voice) -> str:
    return f" ({voice.known_by})" if voice.known_by.startswith("like ") else ""


def _times(spans: Sequence[tuple[float, float]]) -> str:
    from tools.analysis.sound_words import clock

    told = ", ".join(f"{clock(start)} to {clock(end)}" for start, end in spans[:SPANS_TOLD])
    return f"{told} and {len(spans) - SPANS_TOLD} times more" if len(spans) > SPANS_TOLD else told
