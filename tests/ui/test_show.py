"""`studio show` and `studio remake` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_process import studio_here

from backends.media.images import save_png
from configs.errors import UsageError
from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Run
from tools.opening import opened_executor
from ui.commands.show import run_show

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shown") / "home"


@pytest.fixture(scope="module")
def made(home: Path) -> dict[str, Asset]:
    settings = load_settings(
        home=home, brain="offline", image={"preview_samples": 1}, budget={"rounds": 1},
        memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with opened_executor(settings) as executor:
        wish = {"prompt": "a boy named Luca waving in the park", "width": 96, "height": 64}
        picture = executor.run("generate_image", wish, Run(thread="t")).assets[0]
        story = {"story": "Luca waves in the park.", "shots": 1, "draw": False}
        board = executor.run("write_storyboard", story, Run(thread="t")).assets[0]
        depth = executor.run("make_control_maps", {"image": picture.id, "kinds": ["depth"]}, Run(thread="t")).assets[0]
        executor.studio.memory.hide_assets([board.id])
    return {"picture": picture, "board": board, "depth": depth}


ENV = {"STUDIO_MEMORY__INDEX": "numpy", "STUDIO_MEMORY__EMBEDDER": "letters", "STUDIO_IMAGE__PREVIEW_SAMPLES": "1"}


def studio(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return studio_here(*words, "--home", str(home), **ENV)


def in_a_process(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ui.cli", *words, "--home", str(home)]
    env = {**os.environ, **ENV}
    return subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True, timeout=240, check=False)


def shown(home: Path, *words: str) -> dict[str, Any]:
    done = studio(home, "show", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_picture_tells_how_it_was_made(home: Path, made: dict[str, Asset]) -> None:
    picture = made["picture"]
    text = studio(home, "show", picture.id).stdout
    for words in (
        "[image]", "generate_image · preview", f"seed {picture.seed}", "96x64", "exposure: ", "passed  [measured by",
        "used in", made["depth"].id, picture.path, "wish        a boy named Luca waving in the park",
    ):  # fmt: skip
        assert words in text, words
    data = shown(home, picture.id)
    assert data["id"] == picture.id and data["exists"] is True and data["params"]["recipe"]["seed"] == picture.seed
    assert data["children"] == [{"id": made["depth"].id, "kind": "map", "name": made["depth"].name}]


def test_any_kind_of_asset_also_an_undone_one(home: Path, made: dict[str, Asset]) -> None:
    depth = studio(home, "show", made["depth"].id).stdout
    assert "[map]" in depth and made["picture"].id in depth
    board = studio(home, "show", made["board"].id).stdout
    assert "[storyboard]" in board and "(undone)" in board


def test_last_is_the_last_picture(home: Path, made: dict[str, Asset], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_show("last", True, home) == 0
    assert json.loads(capsys.readouterr().out)["id"] == made["picture"].id


def test_a_file_that_left_the_studio(home: Path, made: dict[str, Asset], tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes((home / made["picture"].path).read_bytes())
    text = studio(home, "show", str(copy)).stdout
    assert "nothing of it was checked" in text and f"seed {made['picture'].seed}" in text and "exposure" in text
    assert shown(home, str(copy))["studio"]["engine"] == "preview"
    inside = shown(home, str(home / made["picture"].path))
    assert inside["id"] == made["picture"].id


def test_terminal_commands_in_a_file_are_not_obeyed(home: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.png"
    data = {"prompt": "red \x1b[31m\x07 title \x1b]0;owned\x07", "engine": "x\x9b2J", "scores": [1, {"name": "a"}]}
    save_png(evil, np.zeros((8, 8, 3), np.uint8), {"studio": json.dumps(data)})
    done = studio(home, "show", str(evil))
    assert done.returncode == 0 and not set(done.stdout) & {"\x1b", "\x07", "\x9b"} and "red " in done.stdout


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"parents": 5}, "prompt      -"),
        ({"parents": {"a": 1}, "scores": 7}, "prompt      -"),
        ({"scores": [{"name": "blur", "value": 10**400, "threshold": 10**400}]}, "blur: not measured"),
        ({"scores": [{"name": "blur", "value": 0.25}]}, "blur: 0.25"),
        ({"recipe": [1], "prompt": ["x"]}, "['x']"),
    ],
)
def test_whatever_a_file_says_it_is_shown(
    said: dict[str, Any], shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "said.png"
    save_png(file, np.zeros((8, 8, 3), np.uint8), {"studio": json.dumps(said)})
    assert run_show(str(file), False, tmp_path / "home") == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize("ref", ["~nobody-of-this-name/x.png", "a" * 3000])
def test_a_name_that_no_file_can_have_is_unknown(ref: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        run_show(ref, False, tmp_path / "home")


def test_what_is_not_known_gets_one_sentence(home: Path, made: dict[str, Asset], tmp_path: Path) -> None:
    done = studio(home, "show", "a boy named Luce waving")
    assert done.returncode == 2 and "Nearest: " in done.stderr and "Luca" in done.stderr
    plain = tmp_path / "plain.png"
    save_png(plain, np.zeros((8, 8, 3), np.uint8))
    done = studio(home, "show", str(plain))
    assert done.returncode == 2 and "says nothing of its making" in done.stderr
    done = studio(home, "show", str(Path(__file__)))
    assert done.returncode == 2 and "cannot be read as a PNG" in done.stderr
    assert "Traceback" not in done.stderr


def test_remake_tells_that_it_is_identical(home: Path, made: dict[str, Asset]) -> None:
    done = in_a_process(home, "remake", made["picture"].id)
    assert done.returncode == 0 and "identical, pixel for pixel" in done.stdout, done.stderr
    done = studio(home, "remake", made["depth"].id, "--json")
    assert done.returncode == 2 and json.loads(done.stdout)["error"]["problem"]


def test_speed_is_told_against_the_floor_of_the_gpu() -> None:
    from ui.commands.show import speed_in_words

    speed = {"seconds": 9.1, "tflop": 416.4, "gpu": "RTX 5080", "floor_s": 3.7, "times_the_floor": 2.5}
    assert speed_in_words(speed) == "9.1 s, 416.4 TFLOP, 2.5 times what an RTX 5080 needs at least (3.7 s)"
    assert speed_in_words({"seconds": 3.0}) == "3.0 s"
