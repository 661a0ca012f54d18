"""Whatever a timeline holds, as many frames come out as it says, and of plain clips the very ones it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from editing_context import EditingStudio, counting_film, numbers
from hypothesis import HealthCheck, given, settings, strategies
from media_fixtures import make_png

from configs.settings import Settings
from memory.records import Asset
from tools.editing.specs import CaptionSpec, ClipSpec, Key, Place, TitleSpec
from tools.editing.timeline import build_timeline, save_timeline

RATE = 24
KINDS = ("cut", "dissolve", "fade", "fade_white", "wipe", "push", "whip", "zoom")
EFFECTS: tuple[tuple[dict[str, Any], ...], ...] = (
    (),
    ({"name": "speed", "factor": 1.7},),
    ({"name": "ramp", "factor": 0.6, "factor_end": 1.9},),
    ({"name": "reverse"},),
    ({"name": "freeze"},),
    ({"name": "grade", "look": "noir"}, {"name": "fade_out", "seconds": 0.1}),
)
PART = strategies.tuples(
    strategies.integers(1, 9),
    strategies.integers(0, 20),
    strategies.sampled_from(KINDS),
    strategies.integers(1, 6),
    strategies.sampled_from(EFFECTS),
    strategies.integers(0, 5),
    strategies.sampled_from(["film", "film", "picture", "card"]),
)
"""Frames, first frame in the source, transition and its frames, effects, gap before it in frames, what it shows."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EditingStudio, Asset, Asset]]:
    folder = tmp_path_factory.mktemp("exact")
    studio = EditingStudio(Settings(home=folder / "home"))
    film = studio.attach(counting_film(folder / "counting.mp4", 28))
    still = studio.attach(make_png(folder / "still.png", 160, 90, (60, 90, 200)))
    yield studio, film, still
    studio.close()


# How fast a busy machine draws examples is no matter here: `too_slow` would fail the test for it.
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=SLOW)
@given(parts=strategies.lists(PART, min_size=1, max_size=4), overlay=strategies.integers(0, 8))
def test_rendered_frames_are_the_timelines(
    stage: tuple[EditingStudio, Asset, Asset], parts: list[Any], overlay: int
) -> None:
    studio, film, still = stage
    video: list[ClipSpec | TitleSpec] = []
    plain: dict[int, int] = {}
    cursor = 0
    for number, (frames, first, kind, mixed, effects, gap, what) in enumerate(parts):
        cursor += gap if number else 0
        start, seconds = cursor / RATE, frames / RATE
        change: dict[str, Any] = {"transition": kind, "transition_seconds": mixed / RATE} if number else {}
        if what == "card":
            video.append(TitleSpec(start, seconds, "A card", **change))
        else:
            asset = film if what == "film" else still
            video.append(ClipSpec(asset.id, Path(asset.path), start, seconds, first / RATE, effects=effects, **change))
        if what == "film" and not effects and all(part[2] == "cut" for part in parts):
            plain |= {cursor + n: first + n for n in range(frames) if first + n < 28}
        cursor += frames
    if overlay:
        place = Place((Key(0, 0.1, 0.1, 0.1), Key(0.2, 0.2, 0.1, 0.2)))
        video.append(ClipSpec(still.id, Path(still.path), 0, min(overlay, cursor) / RATE, place=place))
    captions = [CaptionSpec(0, max(1, cursor // 2) / RATE, "Words")]
    sound = {"source": [clip for clip in video if isinstance(clip, ClipSpec) and clip.asset_id == film.id]}
    timeline = build_timeline("exact", RATE, 160, 90, video, sound, captions)
    file = save_timeline(
        timeline, studio.workspace.home / f"exact{len(list(studio.workspace.home.glob('*.otio')))}.otio"
    )
    made, outcome = studio.make("render_timeline", timeline=file.name)
    assert outcome.result is not None
    assert outcome.result.measurements["frames"] == cursor
    shown = numbers(made)
    assert len(shown) == cursor
    assert {at: shown[at] for at in plain} == plain
