"""Who speaks in all sources together: one set of voices, whatever file they are heard in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from backends.voice.speakers.activity import FRAME_S, RATE
from backends.voice.speakers.diarise import Diarisation, Turn, cluster_speakers
from backends.voice.speakers.diarise_pyannote import Heard, pyannote_turns
from backends.voice.speakers.likeness import centroid
from backends.voice.speakers.track import VoiceTrack
from configs.voice_dataset import Clustering

_GAP_S = 10.0
"""Between sources on the common time."""


def limits_for(tracks: Sequence[VoiceTrack], limits: Clustering, measured: bool) -> Clustering:
    """Limits of an encoder that nobody measured, from the recordings: neighbours in running speech are one voice."""
    if measured:
        return limits
    likeness: list[float] = []
    for track in tracks:
        ends = track.starts + track.lengths
        for at in range(len(track.starts)):
            following = np.searchsorted(track.starts, ends[at] - 1e-3)
            if following < len(track.starts) and track.starts[following] - ends[at] < 0.1:
                likeness.append(float(track.vectors[at] @ track.vectors[following]))
    usual = float(np.median(likeness)) if likeness else 0.7
    spread = float(np.median(np.abs(np.array(likeness) - usual))) if likeness else 0.05
    together = min(0.95, max(0.05, usual - 3 * max(spread, 0.02)))
    distance = 1 - together
    return limits.model_copy(
        update={
            "together": together,
            "same_voice": 1 - 0.5 * distance,
            "clip_p5": 1 - 0.4 * distance,
            "reference": 1 - 0.6 * distance,
        }
    )


def cluster_all(tracks: Sequence[VoiceTrack], limits: Clustering, speakers: int | None) -> list[Diarisation]:
    """A diarisation per track, with common numbers and centroids."""
    offsets = _offsets(tracks)
    whole = cluster_speakers(_joined(tracks, offsets), limits, speakers)
    made: list[Diarisation] = []
    for track, offset in zip(tracks, offsets, strict=True):
        end = offset + track.seconds
        turns = tuple(
            Turn(turn.start - offset, turn.end - offset, turn.speaker)
            for turn in whole.turns
            if offset <= turn.start < end
        )
        overlaps = tuple((a - offset, b - offset) for a, b in whole.overlaps if offset <= a < end)
        made.append(replace(whole, turns=turns, overlaps=overlaps))
    return made


def pyannote_all(
    tracks: Sequence[VoiceTrack],
    paths: Sequence[Path],
    folder: Path,
    limits: Clustering,
    speakers: int | None,
    cancel: Callable[[], None],
) -> list[Diarisation]:
    """The same from pyannote's turns; its labels of several files are joined by the encoder's vectors.

    Raises EngineError when pyannote fails.
    """
    heard: list[Heard] = []
    for path in paths:
        heard.append(pyannote_turns(folder, _whole(path, cancel), speakers if len(paths) == 1 else None, cancel))
    groups: list[tuple[int, str, np.ndarray, float]] = []
    for index, (track, (turns, _)) in enumerate(zip(tracks, heard, strict=True)):
        for label in sorted({label for *_, label in turns}):
            inside = np.zeros(len(track.starts), bool)
            for start, end, one in turns:
                if one == label:
                    inside |= (track.starts >= start - 0.1) & (track.starts + track.lengths <= end + 0.1)
            if inside.any():
                groups.append((index, label, centroid(track.vectors[inside]), float(track.lengths[inside].sum())))
    number, centres = _voices(groups, limits.same_voice)
    made: list[Diarisation] = []
    for index, (turns, overlaps) in enumerate(heard):
        known = [(a, b, number[index, label]) for a, b, label in turns if (index, label) in number]
        made.append(
            Diarisation(
                tuple(Turn(a, b, who) for a, b, who in known), tuple(overlaps), centres, f"pyannote {folder.name}"
            )
        )
    return made


def _voices(
    groups: Sequence[tuple[int, str, np.ndarray, float]], limit: float
) -> tuple[dict[tuple[int, str], int], np.ndarray]:
    """Numbers by (file, label), the most talkative first, and their centroids; labels of one file stay apart."""
    voices: list[list[int]] = []
    for at in sorted(range(len(groups)), key=lambda i: -groups[i][3]):
        best, value = -1, limit
        for index, members in enumerate(voices):
            if any(groups[member][0] == groups[at][0] for member in members):
                continue
            likeness = float(centroid(np.stack([groups[m][2] for m in members])) @ groups[at][2])
            if likeness >= value:
                best, value = index, likeness
        if best >= 0:
            voices[best].append(at)
        else:
            voices.append([at])
    voices.sort(key=lambda members: -sum(groups[m][3] for m in members))
    number = {(groups[m][0], groups[m][1]): index for index, members in enumerate(voices) for m in members}
    centres = [centroid(np.stack([groups[m][2] for m in members])) for members in voices]
    return number, np.stack(centres) if centres else np.zeros((0, 1), np.float32)


def _whole(path: Path, cancel: Callable[[], None]) -> np.ndarray:
    from backends.vision.watch import listen

    parts: list[np.ndarray] = []

    class _All:
        def hear(self, block: object) -> None:
            parts.append(block.mono)  # type: ignore[attr-defined]

    listen(path, [_All()], cancel=cancel)
    return np.concatenate(parts) if parts else np.zeros(RATE, np.float32)


def _offsets(tracks: Sequence[VoiceTrack]) -> list[float]:
    """Where each track begins on the common time: whole frames apart."""
    made, at = [], 0
    for track in tracks:
        made.append(at * FRAME_S)
        at += len(track.probability) + round(_GAP_S / FRAME_S)
    return made


def _joined(tracks: Sequence[VoiceTrack], offsets: Sequence[float]) -> VoiceTrack:
    if len(tracks) == 1:
        return tracks[0]
    gap = round(_GAP_S / FRAME_S)
    width = max(track.vectors.shape[1] for track in tracks)
    heard = [track for track in tracks if len(track.starts)]
    silence, quiet = np.zeros(gap, np.float32), np.full(gap, -100.0, np.float32)
    return VoiceTrack(
        offsets[-1] + tracks[-1].seconds,
        np.concatenate([part for track in tracks for part in (track.probability, silence)]),
        np.concatenate([part for track in tracks for part in (track.level_db, quiet)]),
        np.concatenate([t.starts + np.float32(o) for t, o in zip(tracks, offsets, strict=True)]),
        np.concatenate([track.lengths for track in tracks]),
        np.concatenate([track.vectors for track in heard]) if heard else np.zeros((0, width), np.float32),
    )
