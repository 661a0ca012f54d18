"""A film's record as an editor reads it: events in frames, with the names and the timecode that lists want."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.vision.cuts.result import ShotSpan, Transition
from backends.vision.record import FilmRecord, Shot
from configs.errors import UsageError
from tools.analysis.timecode import FrameRate

REEL_LENGTH = 8
"""Characters of a reel's name in CMX3600."""
_SLACK = 2
"""Frames that a border may lie outside of the transition that belongs to it."""
_RESERVED = ("AX", "BL", "B", "AA")
"""What the format calls auxiliary sources, black and channels."""


@dataclass(frozen=True)
class CutEvent:
    """One shot in frames of the film, from 0."""

    shot: Shot
    first: int
    last: int
    """The first frame after it."""
    transition: Transition | None
    """How it comes in; None for the first shot and for a cut that is not recorded."""
    mix_first: int
    """The first frame that is not purely the shot before: `first` for a cut."""
    mix_last: int
    """The first pure frame of this shot: `first` for a cut."""

    @property
    def mix(self) -> int:
        """Frames of a gradual transition; 0 for a cut."""
        return self.mix_last - self.mix_first


def cut_events(record: FilmRecord, rate: FrameRate) -> list[CutEvent]:
    """The record's shots, in order. Frame numbers of a film of varying frame rate are those of its clock times."""
    joins = joins_by_shot(record.shots, record.transitions)
    events: list[CutEvent] = []
    for at, shot in enumerate(record.shots):
        first = _frame(record, rate, shot.first_frame, shot.start)
        last = _frame(record, rate, shot.first_frame + shot.frames, shot.end)
        change = joins.get(at)
        mix_first = mix_last = first
        if change is not None and change.kind != "cut":
            mix_first = min(first, _frame(record, rate, change.first_frame, change.start))
            mix_last = max(first, _frame(record, rate, change.first_frame + change.frames, change.end))
        before = events[-1].mix_last if events else 0
        events.append(CutEvent(shot, first, max(last, first + 1), change, max(mix_first, before), mix_last))
    return events


def joins_by_shot(shots: Sequence[ShotSpan], transitions: Sequence[Transition]) -> dict[int, Transition]:
    """Each transition between two shots by the place, from 1, of the shot that it leads to."""
    starts = [shot.first_frame for shot in shots]
    found: dict[int, Transition] = {}
    for change in transitions:
        at = _led_to(starts, change)
        if at is not None:
            found[at] = change
    return found


def edge_fades(record: FilmRecord) -> list[Transition]:
    """Transitions that join no two shots: a fade in at the film's beginning, a fade out at its end."""
    joined = [id(change) for change in joins_by_shot(record.shots, record.transitions).values()]
    return [change for change in record.transitions if id(change) not in joined]


def _led_to(starts: Sequence[int], change: Transition) -> int | None:
    """The place of the shot whose first frame lies in the transition's span; None when there is none."""
    middle = change.first_frame + change.frames / 2
    after = bisect_left(starts, middle)
    near = [at for at in (after - 1, after) if 1 <= at < len(starts)]
    best = min(near, key=lambda at: abs(starts[at] - middle), default=None)
    if best is None or abs(starts[best] - middle) > change.frames / 2 + _SLACK:
        return None
    return best


def _frame(record: FilmRecord, rate: FrameRate, frame: int, seconds: float) -> int:
    return rate.frame_at(seconds) if record.film.vfr else frame


def shot_line(shot: Shot) -> str:
    """A shot in a few words: 'SHOT 3, SCENE 1, CU, PAN LEFT'."""
    parts = [f"SHOT {shot.index}", f"SCENE {shot.scene}"]
    if shot.composition is not None and shot.composition.scale != "unknown":
        parts.append(shot.composition.scale)
    if shot.camera is not None and shot.camera.move != "unknown":
        parts.append(f"{shot.camera.move.replace('_', ' ')} {shot.camera.direction}".strip().upper())
    return ", ".join(parts)


def reel_name(film_name: str) -> str:
    """A CMX3600 reel for a file: at most eight of A-Z, 0-9 and _, none of the names with a meaning of their own."""
    plain = one_line(Path(film_name).stem, ascii_only=True).upper()
    kept = re.sub(r"_+", "_", re.sub(r"[^A-Z0-9]", "_", plain)).strip("_")[:REEL_LENGTH].strip("_")
    if not kept:
        return "FILM"
    return f"{kept}_1" if kept in _RESERVED else kept


def one_line(text: str, *, ascii_only: bool = False, limit: int = 200) -> str:
    """Text without line breaks and control characters, cut to a length; letters without accents where asked."""
    if ascii_only:
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3].rstrip() + "..."


def start_timecode(film: Path, rate: FrameRate) -> int:
    """The frame number of a film's first frame as its own timecode track says; 0 when it has none."""
    from backends.media.guard import open_container, sniff

    try:
        with open_container(film, sniff(film).format) as container:
            codes = [container.metadata, *(stream.metadata for stream in container.streams)]
        code = next((tags["timecode"] for tags in codes if "timecode" in tags), "")
        return rate.frame_of(code) if code else 0
    except (UsageError, ValueError):
        return 0
