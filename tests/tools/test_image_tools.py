"""generate_image with the real preview engine at tiny sizes; gates on made-up pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backends.media.images import load_image
from configs.settings import load_settings
from memory.records import Score
from tools.executor import Executor, Run
from tools.film.look import describe_look
from tools.image.gates import colours_found, picture_scores
from tools.image.ranking import total
from tools.opening import opened_executor
from tools.spec import ToolOutcome

SIZE = {"width": 160, "height": 96}


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("images") / "home",
        brain="offline",
        image={"preview_samples": 4},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with opened_executor(settings) as made:
        yield made


def _call(executor: Executor, tool: str, **args: object) -> ToolOutcome:
    return executor.run(tool, args, Run(thread="t"))


@pytest.fixture(scope="module")
def waving(executor: Executor) -> ToolOutcome:
    return _call(executor, "generate_image", prompt="a boy named Luca with curly brown hair waving in the park", **SIZE)


def _path(executor: Executor, outcome: ToolOutcome, number: int = 0) -> Path:
    return executor.studio.workspace.home / outcome.assets[number].path


def test_a_picture_with_its_facts(executor: Executor, waving: ToolOutcome) -> None:
    assert waving.error is None
    asset = waving.assets[0]
    assert asset.engine == "preview" and asset.kind == "image" and asset.seed is not None
    assert load_image(_path(executor, waving)).shape == (96, 160, 3)
    assert asset.params["scene"]["set"] == "park" and asset.params["scene"]["characters"][0]["pose"] == "waving"
    with Image.open(_path(executor, waving)) as image:
        assert "Negative prompt:" in image.text["parameters"] and "preview" in image.text["parameters"]  # type: ignore[attr-defined]
        assert json.loads(image.text["studio"])["engine"] == "preview"  # type: ignore[attr-defined]
    assert {"exposure", "sharpness", "colours Luca"} <= {score.name for score in asset.scores}


def test_the_same_request_gives_the_same_pixels(executor: Executor, waving: ToolOutcome) -> None:
    twin = executor.run(
        "generate_image",
        {"prompt": "a boy named Luca with curly brown hair waving in the park", **SIZE},
        Run(thread="other"),
    )
    assert (load_image(_path(executor, twin)) == load_image(_path(executor, waving))).all()
    assert twin.assets[0].seed == waving.assets[0].seed


def test_a_remembered_character_keeps_its_look(executor: Executor, waving: ToolOutcome) -> None:
    again = _call(executor, "generate_image", prompt="running on the beach", character="luca", **SIZE)
    first, second = (one.assets[0].params["scene"]["characters"][0] for one in (waving, again))
    assert first["look"] == second["look"] and second["name"] == "Luca" and second["pose"] == "running"


def test_variants_differ(executor: Executor) -> None:
    made = _call(executor, "generate_image", prompt="a red robot in space", count=2, **SIZE)
    assert len(made.assets) == 2 and made.assets[0].seed != made.assets[1].seed
    one, two = (load_image(_path(executor, made, n)).astype(float) for n in (0, 1))
    assert np.abs(one - two).mean() > 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"prompt": ""}, "nothing to draw"),
        ({"prompt": "a cat", "width": 32, "height": 32}, "too small"),
        ({"prompt": "a cat", "count": 99}, "count"),
    ],
)
def test_wrong_requests_get_one_sentence(executor: Executor, args: dict[str, object], words: str) -> None:
    out = _call(executor, "generate_image", **args)
    assert out.error is not None and out.error.exit_code == 2 and words in out.error.sentence


@pytest.mark.parametrize(
    ("picture", "failed"),
    [
        (np.zeros((90, 160, 3), np.uint8), "exposure"),
        (np.full((90, 160, 3), 255, np.uint8), "clipping"),
        (np.full((90, 160, 3), 120, np.uint8), "sharpness"),
    ],
)
def test_empty_pictures_fail(picture: np.ndarray, failed: str) -> None:
    scores = {score.name: score.passed for score in picture_scores(picture)}
    assert scores[failed] is False


def test_colours_tell_characters_apart() -> None:
    rng = np.random.default_rng(1)
    red = describe_look("A", "a red robot")
    pixels = np.clip(np.array([200, 64, 47]) + rng.normal(0, 9, (3000, 3)), 0, 255).astype(np.uint8)
    human = describe_look("B", "a boy with blonde hair in a blue shirt")
    assert colours_found(pixels, red, face=False) == 1.0
    found = colours_found(pixels, human, face=False)
    assert found is not None and found < 1.0
    assert colours_found(pixels[:10], red, face=False) is None


def test_the_best_try_is_told_by_its_scores() -> None:
    good = (Score("a", 5.0, "measured", "x", 4.0, True), Score("b", None, "not measured", "none"))
    bad = (Score("a", 2.0, "measured", "x", 4.0, False),)
    assert total(good) == 1.0 and total(bad) == pytest.approx(0.5) and total(()) == 0.0
