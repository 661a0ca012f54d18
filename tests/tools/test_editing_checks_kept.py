"""What the checks of a render remember: the same bytes are not looked at twice, others always are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from editing_context import EditingStudio

from configs.errors import Cancelled
from memory.records import Asset
from tools.editing import in_frame, sheet
from tools.editing.encode import side_by_side
from tools.editing.specs import CaptionSpec, ClipSpec
from tools.editing.timeline import build_timeline, save_timeline


def film(studio: EditingStudio, clip: Asset, second: str, name: str) -> dict[str, Any]:
    """Two clips of half a second with a caption each; the facts of the render."""
    video = [ClipSpec(clip.id, Path(clip.path), n / 2, 0.5, 0.5 - n / 2) for n in range(2)]
    captions = [CaptionSpec(0.1, 0.4, "One"), CaptionSpec(0.5, 0.9, second)]
    timeline = build_timeline("t", 24, 160, 90, video, {}, captions)
    file = save_timeline(timeline, studio.workspace.home / f"{name}.otio").name
    made, outcome = studio.make("render_timeline", timeline=file)
    assert outcome.result is not None
    return {"bytes": made.read_bytes(), **outcome.result.measurements}


def test_only_what_changed_is_looked_at_again(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    drawn: list[int] = []
    real_decoded, real_drawn = sheet._decoded, in_frame._drawn
    monkeypatch.setattr(sheet, "_decoded", lambda *args: decoded.append(1) or real_decoded(*args))
    monkeypatch.setattr(in_frame, "_drawn", lambda words, *rest: drawn.append(len(words)) or real_drawn(words, *rest))
    first = film(studio, counting, "Two", "first")
    assert (len(decoded), drawn) == (2, [2])
    again = film(studio, counting, "Two", "again")
    assert (len(decoded), drawn) == (2, [2]) and again["bytes"] == first["bytes"]
    assert again["pieces_as_drawn"] == again["captions_in_frame"] == 1.0
    changed = film(studio, counting, "Three", "changed")
    assert (len(decoded), drawn) == (3, [2, 1]) and changed["captions_in_frame"] == 1.0


def test_a_caption_that_failed_fails_again(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_frame, "THIN", 255)
    assert film(studio, counting, "Two", "first")["captions_in_frame"] == 0.0
    assert film(studio, counting, "Two", "again")["captions_in_frame"] == 0.0


def wait_for(check: Callable[[], None]) -> None:
    for _ in range(500):
        check()
        threading.Event().wait(0.01)


@pytest.mark.parametrize("first", ["work", "job"])
def test_of_two_that_work_side_by_side_the_failure_of_one_stops_the_other(first: str) -> None:
    stopped: list[str] = []

    def run(name: str, check: Callable[[], None]) -> None:
        if name == first:
            raise OSError("no space left")
        try:
            wait_for(check)
        except Cancelled:
            stopped.append(name)
            raise

    with pytest.raises(OSError, match="no space left"):
        side_by_side(lambda check: run("work", check), lambda check: run("job", check), lambda: None)
    assert stopped == ["job" if first == "work" else "work"]


def test_both_results_are_waited_for() -> None:
    done: list[str] = []
    assert side_by_side(lambda check: "seen", lambda check: done.append("joined"), lambda: None) == "seen"
    assert done == ["joined"]
