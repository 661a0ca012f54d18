"""The command line as a user runs it: exit codes, one sentence for each wrong use, real processes where they matter."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from in_process import studio_here

ENV = {k: v for k, v in os.environ.items() if not k.startswith("STUDIO_")} | {"HF_HUB_OFFLINE": "1", "COLUMNS": "200"}


def studio(*args: str, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ui.cli", *args],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**ENV, **env},
        check=False,
    )


def one_sentence(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert all(w in result.stderr for w in words), result.stderr


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    shown = studio("--help").stdout
    assert all(f" {name} " in shown for name in ("ask", "tools", "tool", "chat", "eval", "bench", "doctor", "memory"))
    heavy_ones = "('torch', 'langgraph', 'chainlit', 'mitsuba', 'cv2')"
    probe = f"import sys, ui.cli; print([m for m in {heavy_ones} if m in sys.modules])"
    heavy = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=ENV, check=True)
    assert heavy.stdout.strip() == "[]"


def test_tools_lists_the_schemas() -> None:
    tools = {t["name"]: t for t in json.loads(studio("tools", "--json").stdout)["tools"]}
    assert {"generate_image", "speak", "edit_video", "make_film", "undo"} <= set(tools)
    assert tools["speak"]["parameters"]["required"] == ["text"]


def test_a_tool_runs_and_answers_in_json(tmp_path: Path) -> None:
    result = studio(
        "tool", "speak", "--args", '{"text": "Hello there", "character": "Boo"}', "--json", "--home", str(tmp_path)
    )
    answer = json.loads(result.stdout)
    assert result.returncode == 0 and answer["status"] == "done" and answer["tool"] == "speak"
    asset = answer["assets"][0]
    assert asset["kind"] == "audio" and asset["engine"] == "espeak" and (tmp_path / asset["path"]).stat().st_size > 1000


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["tool", "spek"], ["There is no tool 'spek'", "'speak'"]),
        (["tool", "speak", "--args", "{"], ["not valid JSON"]),
        (["tool", "speak", "--args", '{"txt": "a"}'], ["no argument 'txt'", "'text'"]),
        (
            ["tool", "edit_video", "--args", '{"video": "/etc/passwd", "instruction": "first 2 seconds"}'],
            ["/etc/passwd"],
        ),
        (["eval", "nothing"], ["There is no suite 'nothing'"]),
        (["bench", "serch"], ["There is no benchmark 'serch'", "'search'"]),
        (["ask", ""], ["The wish is empty"]),
        (["ask", "x" * 100_000], ["100,000 characters"]),
        (["ask", "cut it", "--attach", "nowhere.mp4"], ["'nowhere.mp4' does not exist"]),
    ],
)
def test_wrong_use_is_told_and_ends_with_two(tmp_path: Path, args: list[str], words: list[str]) -> None:
    if args[0] in ("tool", "ask"):
        args = [*args, "--home", str(tmp_path)]
    one_sentence(studio_here(*args), 2, *words)


def test_a_wrong_setting_names_the_right_one(tmp_path: Path) -> None:
    own = tmp_path / "studio.yaml"
    own.write_text("film: {fsp: 12}")
    one_sentence(
        studio_here("doctor", "--home", str(tmp_path / "h"), STUDIO_CONFIG=str(own)), 2, "film.fsp", "film.fps"
    )


def test_memory_by_command_line(tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / "a")]
    assert studio("memory", "add", "character", "Luca", "a boy with curly brown hair", *home).returncode == 0
    hits = json.loads(studio("memory", "search", "curly hair", "--json", *home).stdout)["hits"]
    assert hits[0]["name"] == "Luca"
    light = {"STUDIO_MEMORY__INDEX": "numpy", "STUDIO_MEMORY__EMBEDDER": "letters"}  # the search loaded the real ones
    assert "Luca" in studio_here("memory", "list", "character", *home, **light).stdout
    assert studio_here("memory", "export", str(tmp_path / "all.jsonl"), *home, **light).returncode == 0
    other = ["--home", str(tmp_path / "b")]
    assert studio_here("memory", "import", str(tmp_path / "all.jsonl"), *other, **light).returncode == 0
    assert "Luca" in studio_here("memory", "list", *other, **light).stdout
    assert "1 records" in studio_here("memory", "rebuild", *other, **light).stdout


def test_the_doctor_finds_what_is_missing_and_says_how_to_get_it(tmp_path: Path) -> None:
    result = studio("doctor", "--json", "--home", str(tmp_path))
    report = json.loads(result.stdout)
    checks = {c["name"]: c for c in report["checks"]}
    assert result.returncode == 0 and report["ok"] and checks["ffmpeg"]["ok"] and checks["mitsuba"]["ok"]
    assert not checks["SDXL weights"]["ok"] and "image.sdxl_path" in checks["SDXL weights"]["fix"]
    shown = studio_here("doctor", "--home", str(tmp_path), COLUMNS="80", STUDIO_LLM__SERVICE="qwen4").stdout
    assert all(line[:8].strip() in ("ok", "absent", "MISSING", "") for line in shown.splitlines()[:-1]), "columns"
    assert " ".join(shown.split()).count("Did you mean 'qwen3-4b'?") == 1
    (tmp_path / "studio.db").write_bytes(b"this is no database" * 100)
    broken = studio_here("doctor", "--json", "--home", str(tmp_path))
    checks = {c["name"]: c for c in json.loads(broken.stdout)["checks"]}
    assert broken.returncode == 4 and not checks["memory"]["ok"]


def test_a_second_studio_on_one_home_is_refused(tmp_path: Path) -> None:
    hold = (
        "import sys, time; from configs.workspace import Workspace; from memory.store import Memory;"
        "m = Memory.open(Workspace.open(sys.argv[1]), index='numpy', embedder='letters');"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=ENV
    ) as owner:
        assert owner.stdout is not None and owner.stdout.readline().strip() == "held"
        try:
            one_sentence(studio_here("memory", "list", "--home", str(tmp_path)), 4, str(owner.pid))
        finally:
            owner.kill()


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        one_sentence(studio_here("chat", "--port", port, "--home", str(tmp_path)), 2, port, "--port")
    assert list(tmp_path.iterdir()) == [], "no studio was opened"


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    one_sentence(studio_here("ask", "draw Luca", "--home", str(tmp_path / "file")), 4, "cannot be written", "--home")
