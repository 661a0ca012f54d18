"""Runs with the engines at work: success is checked on the files; pictures for the report."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from scripted_brain import SCRIPTED, ScriptedBrain, calls, says, understands

from configs.errors import UsageError
from configs.settings import Settings
from evals.case import Case
from evals.pictures import WIDTH, thumbnail
from evals.runner import run_suite
from evals.samples import make_sample


@pytest.mark.parametrize(("least", "most", "fits"), [(0.5, 20, True), (60, 90, False), (0.01, 0.1, False)])
def test_a_spoken_line_is_measured(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, least: float, most: float, fits: bool
) -> None:
    brain = ScriptedBrain().enqueue(understands("speak"), calls(("speak", {"text": "Good evening."})), says("done"))
    monkeypatch.setattr("agent.build.make_brain", lambda settings, embed=None: (brain, SCRIPTED, None))
    case = {
        "id": "line",
        "turns": [{"say": "say good evening", "calls": [{"tool": "speak"}]}],
        "success": {"asset": {"kind": "audio", "min_seconds": least, "max_seconds": most}},
    }
    report = run_suite([Case.model_validate(case)], settings, dry=False)
    row = report["cases"][0]
    assert row["turns"][0]["wrong"] == [] and row["error"] == ""
    assert row["success"] is fits and row["passed"] is fits and report["task_success"]["value"] == float(fits)


def test_a_promise_without_a_file_is_no_success(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    brain = ScriptedBrain().enqueue(understands("chat"), says("I made it!"))
    monkeypatch.setattr("agent.build.make_brain", lambda settings, embed=None: (brain, SCRIPTED, None))
    case = {
        "id": "c",
        "setup": {"files": ["a.wav"]},
        "turns": [{"say": "hi"}],
        "success": {"assets": [{"kind": "audio"}]},
    }
    assert run_suite([Case.model_validate(case)], settings, dry=False)["cases"][0]["passed"] is False


def test_pictures_become_small(tmp_path: Path) -> None:
    Image.new("RGBA", (1280, 720), (200, 30, 30, 255)).save(tmp_path / "big.png")
    head, _, data = thumbnail(tmp_path / "big.png", "image").partition(",")
    with Image.open(BytesIO(base64.b64decode(data))) as small:
        assert head == "data:image/jpeg;base64" and small.size == (WIDTH, 180)
        assert small.getpixel((10, 10)) == pytest.approx((200, 30, 30), abs=6)


def test_a_video_shows_its_middle(tmp_path: Path) -> None:
    clip = make_sample("clip.mp4", tmp_path)
    assert thumbnail(clip, "video", 6.0).startswith("data:image/jpeg;base64,")
    assert thumbnail(clip, "video", 6.0) != thumbnail(clip, "video", 1.0)


def test_what_is_no_picture_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"garbage")
    assert thumbnail(tmp_path / "x.png", "image") == "" and thumbnail(tmp_path / "x.png", "video") == ""
    assert thumbnail(tmp_path / "gone.png", "image") == ""


@pytest.mark.parametrize(
    "name",
    ["a.mp4", "a.mov", "a.webm", "a.wav", "a.mp3", "a.flac", "a.png", "a.jpg", "a.webp", "a.otio", "a.srt", "a.vtt",
     "a.txt"],
)  # fmt: skip
def test_samples_are_what_their_names_say(tmp_path: Path, name: str) -> None:
    from backends.media.guard import sniff

    kinds = {"mp4": "video", "mov": "video", "webm": "video", "wav": "audio", "mp3": "audio", "flac": "audio",
             "png": "image", "jpg": "image", "webp": "image", "otio": "timeline", "srt": "subtitle",
             "vtt": "subtitle", "txt": "text"}  # fmt: skip
    assert sniff(make_sample(name, tmp_path)).kind == kinds[name.split(".")[1]]


def test_a_sample_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no sample of kind '\.xyz'"):
        make_sample("a.xyz", tmp_path)
