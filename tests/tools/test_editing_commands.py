"""`studio timeline ...`: in words and as JSON, on assets and on files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from editing_context import EditingStudio, counting_film
from timelines import a_cut, ids
from typer.testing import CliRunner, Result

from configs.settings import Settings
from tools.editing.timeline_file import save_timeline
from ui.cli import app


@pytest.fixture(autouse=True)
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_MEMORY__INDEX", "numpy")
    monkeypatch.setenv("STUDIO_MEMORY__EMBEDDER", "letters")


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    studio = EditingStudio(settings)
    studio.attach(counting_film(tmp_path / "counting.mp4", 24))
    studio.make("edit_video", video="counting.mp4", instruction="keep the first 0.5 seconds")
    studio.close()
    return settings.home


def run(home: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["timeline", *arguments, "--home", str(home)], input=text)


def shown(home: Path, *arguments: str) -> dict[str, object]:
    result = run(home, *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_change_show_diff_undo_redo(home: Path) -> None:
    facts = shown(home, "show", "counting-edit.otio")
    clip = facts["tracks"][0]["clips"][0]["id"]  # type: ignore[index]
    wanted = json.dumps([{"op": "trim", "clip": clip, "tail": 0.25}, {"op": "grade", "clip": clip, "look": "sepia"}])
    made = run(home, "change", "counting-edit.otio", wanted, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["assets"][0]["kind"] == "timeline"

    text = run(home, "show", "counting-edit.otio").stdout
    assert "version 2 of 2" in text and "changed: Trimmed" in text and "sepia" in text and clip in text
    said = [row["text"] for row in shown(home, "diff", "counting-edit.otio")["differences"]]  # type: ignore[index, attr-defined]
    assert any("lasts 0.25 s instead of 0.50 s" in each for each in said) and any("sepia" in each for each in said)

    back = run(home, "undo", "counting-edit.otio")
    assert back.exit_code == 0 and "version 1 now" in back.stdout and "Undone: Trimmed" in back.stdout
    assert shown(home, "show", "counting-edit.otio")["version"] == 1
    assert run(home, "undo", "counting-edit.otio").exit_code == 2
    again = shown(home, "redo", "counting-edit.otio")
    assert again["number"] == 2 and Path(str(again["path"])).is_file()
    run(home, "undo", "counting-edit.otio")
    run(home, "change", "counting-edit.otio", json.dumps([{"op": "reverse", "clip": clip}]))
    assert "version 2 of 2 (1 undone)" in run(home, "show", "counting-edit.otio").stdout


def test_changes_from_standard_input_and_wrong_ones(home: Path) -> None:
    clip = shown(home, "show", "last")["tracks"][0]["clips"][0]["id"]  # type: ignore[index]
    text = json.dumps({"op": "reverse", "clip": clip})
    assert run(home, "change", "last", "-", text=text).exit_code == 0
    for wrong, told in (("nonsense", "no JSON and no file"), ("[1", "no JSON"), ('[{"op": "fly"}]', "Change 1")):
        result = run(home, "change", "last", wrong)
        assert result.exit_code == 2 and told in result.output, result.output
    assert shown(home, "show", "last")["version"] == 2


def test_files_are_shown_and_compared_without_the_studio(home: Path, tmp_path: Path) -> None:
    one = save_timeline(a_cut(), tmp_path / "one.otio")
    other = a_cut()
    del other.tracks[0][3]
    two = save_timeline(other, tmp_path / "two.otio")
    text = run(home, "show", str(one)).stdout
    assert "cut: 6.0 s, 320x180 at 24 fps" in text and "dissolve 0.5 s" in text and ids(a_cut())[0] in text
    assert "'c'" in run(home, "diff", str(one), str(two)).stdout
    assert run(home, "diff", str(one)).exit_code == 2
    assert "Nothing is different." in run(home, "diff", str(one), str(one)).stdout


def test_help_has_examples() -> None:
    for command in ("show", "diff", "change", "undo", "redo"):
        assert "studio timeline" in CliRunner().invoke(app, ["timeline", command, "--help"]).output
