"""Forecasts follow what the work is done on: a long film is not promised in the time of a short clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from editing_context import EditingStudio, counting_film

from configs.settings import Settings
from tools.registry import get_tool
from tools.repair import validate_args

WORK: dict[str, dict[str, Any]] = {
    "edit_video": {"instruction": "keep the first second"},
    "add_captions": {"text": "Ciao"},
    "add_effects": {"effect": "film grain"},
    "remix_style": {"style": "noir"},
    "make_parody": {"seconds": 6},
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("films")
    return counting_film(folder / "short.mp4", 12), counting_film(folder / "long.mp4", 600)


@pytest.fixture
def studio(settings: Settings, films: tuple[Path, Path]) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    for film in films:
        made.attach(film)
    yield made
    made.close()


def seconds(studio: EditingStudio, tool: str, **args: Any) -> float:
    found = get_tool(tool)
    return found.forecast(validate_args(found, args), studio.executor.studio).seconds


@pytest.mark.parametrize("tool", WORK)
def test_an_edit_costs_by_its_frames(studio: EditingStudio, tool: str) -> None:
    short, long = (seconds(studio, tool, video=name, **WORK[tool]) for name in ("short.mp4", "long.mp4"))
    assert short < long
    assert seconds(studio, tool, video="$1", **WORK[tool]) > short, "what is not made yet is taken for usual footage"


def test_a_timeline_costs_by_its_length(studio: EditingStudio) -> None:
    _, made = studio.make("edit_video", video="short.mp4", instruction="keep the first 0.4 seconds")
    cut = made.assets[1].id
    whole, preview = (
        seconds(studio, "render_timeline", timeline=cut),
        seconds(studio, "render_timeline", timeline=cut, preview=True),
    )
    assert preview < whole < seconds(studio, "render_timeline", timeline="$1")
    silent = seconds(studio, "change_timeline", timeline=cut, changes=[{"op": "trim", "clip": "x", "head": 1}])
    assert silent <= whole


def test_what_was_measured_on_a_clip_is_not_promised_for_a_film(studio: EditingStudio) -> None:
    args = {"video": "short.mp4", "instruction": "keep the first 0.2 seconds"}
    for _ in range(3):
        assert studio.run("edit_video", **args).error is None
    executor = studio.executor
    assert executor.forecast("edit_video", args)[0].basis == "measured"
    assert executor.forecast("edit_video", {**args, "video": "long.mp4"})[0].basis == "estimated"


def test_a_long_text_is_not_promised_in_the_time_of_a_short_one(studio: EditingStudio) -> None:
    for number in range(3):
        assert studio.run("remember", kind="note", name="n", text=f"short {number}").error is None
    executor = studio.executor
    assert executor.forecast("remember", {"kind": "note", "text": "short"})[0].basis == "measured"
    assert executor.forecast("remember", {"kind": "note", "text": "long " * 200})[0].basis == "estimated"
