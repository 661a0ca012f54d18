"""`studio ask`: the report, open questions, a language model that is down, hostile attachments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_process import studio_here
from media_fixtures import make_png_header, make_video
from test_cli import one_sentence, studio

KEYS = {"reply", "assets", "calls", "plan", "questions", "swaps", "brain", "thread"}
FAST = {"STUDIO_MEMORY__EMBEDDER": "letters", "STUDIO_MEMORY__INDEX": "numpy"}


def test_a_wish_gives_the_promised_object(tmp_path: Path) -> None:
    result = studio("ask", "Say 'Good morning, sea' as Luca, happily", "--json", "--home", str(tmp_path), **FAST)
    report = json.loads(result.stdout)
    assert result.returncode == 0 and set(report) >= KEYS
    assert report["brain"] == "offline" and report["questions"] == [] and report["swaps"] == 1
    call = report["calls"][0]
    assert set(call) >= {"tool", "args", "status", "seconds", "engine"} and call["tool"] == "speak"
    assert call["args"]["text"] == "Good morning, sea" and call["engine"] == "espeak"
    asset = report["assets"][0]
    assert set(asset) >= {"id", "kind", "path", "engine", "scores"} and (tmp_path / asset["path"]).is_file()
    assert all(s.get("passed") is not False for s in asset["scores"].values())


def test_an_edit_without_a_clip_is_an_open_question(tmp_path: Path) -> None:
    result = studio_here("ask", "make it black and white", "--json", "--home", str(tmp_path), **FAST)
    report = json.loads(result.stdout)
    assert result.returncode == 3 and report["questions"] and report["calls"] == []


def test_a_costly_plan_waits_and_yes_runs_it(tmp_path: Path) -> None:
    wish = ["ask", "Make a 60 second film about a robot in the room", "--json", "--home", str(tmp_path)]
    result = studio_here(*wish, "--thread", "f", **FAST)
    report = json.loads(result.stdout)
    assert result.returncode == 3 and report["plan"][0]["tool"] == "make_film" and report["plan"][0]["seconds"] > 20
    assert report["plan"][0]["engines"] == ["preview"] and report["assets"] == [], "nobody speaks in it"


def test_an_attached_clip_is_edited(tmp_path: Path) -> None:
    clip = make_video(tmp_path / "clip.mp4", 4.0)
    result = studio_here(
        "ask", "Keep the first 2 seconds of this clip and make it black and white", "--attach", str(clip), "--yes",
        "--json", "--home", str(tmp_path / "home"), **FAST,
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert result.returncode == 0, report
    video = next(a for a in report["assets"] if a["kind"] == "video")
    assert video["scores"]["seconds"]["value"] == pytest.approx(2.0, abs=0.1)
    assert clip.is_file(), "the user's own file stays"


def hostile(folder: Path) -> dict[str, Path]:
    secret = make_video(folder / "secret.mp4", 0.5)
    files = {
        "garbage.bin": bytes(range(256)) * 40,
        "text.mp4": b"I am no film at all, only words.\n",
        "list.mp4": f"ffconcat version 1.0\nfile '{secret}'\n".encode(),
        "stream.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n".encode(),
        "empty.png": b"",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    make_png_header(folder / "huge.png", 20_000, 20_000)
    return {name: folder / name for name in [*files, "huge.png"]}


@pytest.mark.parametrize("name", ["garbage.bin", "text.mp4", "list.mp4", "stream.mp4", "empty.png", "huge.png"])
def test_hostile_attachments_are_refused_and_nothing_is_kept(tmp_path: Path, name: str) -> None:
    path = hostile(tmp_path)[name]
    home = tmp_path / "home"
    result = studio_here("ask", "cut this to 2 seconds", "--attach", str(path), "--home", str(home), **FAST)
    one_sentence(result, 2, name)
    assert list((home / "assets").iterdir()) == []


def test_a_language_model_that_is_down_is_told_or_replaced(tmp_path: Path) -> None:
    down = {"STUDIO_LLM__BASE_URL": "http://127.0.0.1:9/v1", "STUDIO_LLM__CONNECT_TIMEOUT_S": "0.5", **FAST}
    home = ["--home", str(tmp_path)]
    one_sentence(studio_here("ask", "hello", "--brain", "llm", *home, **down), 4, "127.0.0.1:9")
    report = json.loads(studio_here("ask", "hello", "--json", *home, **down).stdout)
    assert report["brain"] == "offline" and any("built-in brain" in n for n in report["notices"])


def test_python_needs_one_call(tmp_path: Path) -> None:
    from agent import build_agent
    from configs.settings import load_settings

    small = {"width": 256, "height": 144, "preview_samples": 2}
    settings = load_settings(home=tmp_path, image=small, memory={"index": "numpy", "embedder": "letters"})
    with build_agent(settings) as agent:
        report = agent.invoke({"messages": [("user", "draw Luca waving")]})
    assert report["reply"] and [a["kind"] for a in report["assets"]] == ["image"]
    picture = report["assets"][0]
    assert picture["engine"] == "preview" and (tmp_path / picture["path"]).read_bytes().startswith(b"\x89PNG")
