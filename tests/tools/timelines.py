"""Timelines for tests of changes and hand-off: three clips with their sound, voices, music, captions, a marker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio

from tools.editing.change.apply import SourceFacts
from tools.editing.outline import outline, studio_data
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec
from tools.editing.timeline import build_timeline

FPS = 24
SOURCE_SECONDS = 10.0


def clip(name: str, start: float, seconds: float, **more: Any) -> ClipSpec:
    more = {"source_seconds": SOURCE_SECONDS, "source_in": 2.0, "name": name, **more}
    return ClipSpec(f"vid-{name}", Path(f"assets/{name}.mp4"), start, seconds, **more)


def a_cut(fps: float = FPS) -> otio.schema.Timeline:
    """a 0-2 s, b 2-5 s (after a dissolve), c 5-6 s; each with its sound; a voice in b, music under all."""
    shots = [
        clip("a", 0, 2),
        clip("b", 2, 3, transition="dissolve", transition_seconds=0.5),
        clip("c", 5, 1),
    ]
    sound = [clip("a", 0, 2), clip("b", 2, 3), clip("c", 5, 1)]
    return build_timeline(
        "cut",
        fps,
        320,
        180,
        shots,
        {
            "source": sound,
            "dialogue": [clip("voice", 2.5, 1.5, source_in=0)],
            "music": [clip("song", 0, 6, source_in=0, gain_db=-12, effects=({"name": "fade_out", "seconds": 1.0},))],
        },
        [CaptionSpec(0.5, 1.5, "one"), CaptionSpec(2.5, 4, "two", "meme", "top"), CaptionSpec(5.25, 5.75, "three")],
        [MarkerSpec(0, "shot 1"), MarkerSpec(2, "shot 2"), MarkerSpec(5, "shot 3")],
    )


def find_asset(ref: str) -> SourceFacts:
    """Any asset; what its id begins with says what it is."""
    kind = {"vid": "video", "img": "image", "aud": "audio"}[ref[:3]]
    suffix = {"video": "mp4", "image": "png", "audio": "wav"}[kind]
    seconds = 0.0 if kind == "image" else SOURCE_SECONDS
    return SourceFacts(ref, Path(f"assets/{ref[4:]}.{suffix}"), f"{ref[4:]}.{suffix}", kind, seconds, kind == "video")


def ids(timeline: otio.schema.Timeline, role: str = "video") -> list[str]:
    return [fact["id"] for track in outline(timeline)["tracks"] if track["role"] == role for fact in track["clips"]]


def places(timeline: otio.schema.Timeline, role: str = "video") -> list[tuple[str, int, int, float]]:
    """(name, start, frames, first source frame) of the clips of a role."""
    rows = []
    for track in timeline.tracks:
        if studio_data(track).get("role", "") == role:
            for one in track.find_clips():
                span = one.trimmed_range_in_parent()
                rows.append((str(one.name), round(span.start_time.value), round(span.duration.value),
                             float(one.source_range.start_time.value)))  # fmt: skip
    return rows
