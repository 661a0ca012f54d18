"""edit_image through the executor: several wishes at once, pictures attached again, names, sizes and scores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from backends.media.images import load_image
from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Executor, Run
from tools.image.generate import GenerateImageArgs
from tools.intake import attach
from tools.opening import opened_executor
from tools.spec import ToolOutcome


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("wishes") / "home",
        brain="offline",
        image={"preview_samples": 2},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with opened_executor(settings) as made:
        yield made


@pytest.fixture(scope="module")
def beach(executor: Executor) -> Asset:
    text = "a boy named Luca with curly brown hair and a small robot on the beach by day"
    made = executor.run("generate_image", {"prompt": text, "width": 192, "height": 108}, Run(thread="t"))
    assert made.error is None, made.error
    return made.assets[0]


def edit(executor: Executor, image: Asset, instruction: str, **more: object) -> ToolOutcome:
    return executor.run("edit_image", {"image": image.id, "instruction": instruction, **more}, Run(thread="t"))


def done(outcome: ToolOutcome) -> Asset:
    assert outcome.error is None, outcome.error
    return outcome.assets[0]


def pixels(executor: Executor, asset: Asset) -> np.ndarray:
    return np.asarray(load_image(executor.studio.workspace.home / asset.path))


def test_all_that_was_asked_happens_and_lasts(executor: Executor, beach: Asset) -> None:
    asset = done(edit(executor, beach, "make the sky purple and give Luca a green hat, then crop it to a square"))
    assert asset.params["changes"] == ["Luca with green hat", "the sky purple", "cropped to 108x108"]
    assert asset.params["edits"] == ["make the sky purple", "crop it to a square"]
    again = done(edit(executor, asset, "make the robot blue"))
    sky = pixels(executor, again)[:12].reshape(-1, 3).astype(int)
    assert np.median(sky[:, 2] - sky[:, 1]) > 15 and pixels(executor, again).shape == (108, 108, 3)


def test_one_wish_that_cannot_be_stops_all_by_name(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "make his shirt red and give him wings of golden light")
    assert outcome.error is not None and not outcome.assets
    assert "wings of golden light" in outcome.error.sentence and "nothing was changed" in outcome.error.sentence


def test_a_blur_that_was_asked_for_is_no_fault(executor: Executor, beach: Asset) -> None:
    asset = done(edit(executor, beach, "make it black and white and blur everything behind"))
    assert asset.params["changes"] == ["grey", "blur (the background)"]
    soft = done(edit(executor, beach, "blur it a lot"))
    smaller = done(edit(executor, soft, "crop it to a square"))
    for one in (asset, soft, smaller):
        scores = {score.name: score for score in one.scores}
        assert scores["sharpness"].value is not None and scores["sharpness"].passed is not False, one.name
    assert next(score for score in soft.scores if score.name == "sharpness").note == "it was asked for"


def test_names_are_short_and_end_with_words(executor: Executor, beach: Asset) -> None:
    asset = done(edit(executor, beach, "make his shirt red, add a cat, and show all of it from a low angle"))
    name = done(edit(executor, asset, "make the sky behind all of them a very dark purple")).name
    first, _, last = name.partition(": ")
    assert asset.name.endswith(": make his shirt red and more")
    assert len(name) < 80 and beach.name.startswith(first) and "make his shirt" not in name
    assert re.match(rf"{re.escape(last)}\b", "make the sky behind all of them a very dark purple")


def test_a_mask_that_is_not_there_is_told_first(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "a broken window", mask="nothing.png")
    assert outcome.error is not None and "'nothing.png'" in outcome.error.sentence


def test_a_picture_of_the_studio_is_known_when_it_is_attached_again(
    executor: Executor, beach: Asset, tmp_path: Path
) -> None:
    studio = executor.studio
    file = studio.workspace.home / beach.path

    def attached(name: str, data: bytes) -> Asset:
        (tmp_path / name).write_bytes(data)
        return attach(tmp_path / name, studio.workspace, studio.memory, studio.settings, "other")

    same = attached("hero.png", file.read_bytes())
    assert same.parents == (beach.id,) and same.name == "hero.png" and same.params["source"] == "upload"
    assert done(edit(executor, same, "make Luca sad")).params["changes"] == ["Luca: sad"]
    # its recipe in the text chunks alone is no proof: the pixels may be others
    image = Image.open(file)
    text = PngInfo()
    for key, value in image.text.items():  # type: ignore[attr-defined]
        text.add_text(key, value)
    image.save(tmp_path / "foreign.png", pnginfo=text, compress_level=1)
    foreign = attached("foreign.png", (tmp_path / "foreign.png").read_bytes())
    assert foreign.params == {"source": "upload"} and not foreign.parents
    assert "has to be painted" in edit(executor, foreign, "make Luca sad").error.sentence  # type: ignore[union-attr]
    # an upload is not made by the studio, however often it comes
    again = attached("again.png", (tmp_path / "foreign.png").read_bytes())
    assert again.params == {"source": "upload"}


def test_a_cropped_picture_is_drawn_larger_and_cropped_again(executor: Executor, beach: Asset) -> None:
    square = done(edit(executor, beach, "crop it to a square"))
    outcome = edit(executor, square, "upscale 2x")
    large = done(outcome)
    assert pixels(executor, large).shape == (216, 216, 3) and not outcome.result.warnings  # type: ignore[union-attr]
    assert large.params["drawn_size"] == [384, 216] and large.params["edits"] == ["crop it to a square"]
    half = done(edit(executor, large, "resize to 108x108"))
    gap = np.abs(pixels(executor, half).astype(int) - pixels(executor, square)).mean()
    assert pixels(executor, half).shape == (108, 108, 3) and gap < 12
    told = edit(executor, half, "upscale 2x").result.warnings  # type: ignore[union-attr]
    assert "interpolation" in told[0] and "SDXL's" not in told[0]


def test_a_file_in_a_prompt_is_nobody(executor: Executor) -> None:
    wish = {"prompt": "Luca waving on the beach, in the pose of hero.png", "width": 96, "height": 64}
    outcome = executor.run("generate_image", wish, Run(thread="t"))
    asset = done(outcome)
    assert [one["name"] for one in asset.params["cast"]] == ["Luca"]
    assert any("needs SDXL and a ControlNet" in text for text in outcome.result.warnings)  # type: ignore[union-attr]
    args = GenerateImageArgs.model_validate(wish)
    assert (args.control, args.control_kinds, args.prompt) == ("hero.png", ["pose"], "Luca waving on the beach")
    assert GenerateImageArgs.model_validate({**wish, "control": "map.png"}).control == "map.png"
    like = executor.run("generate_image", {**wish, "prompt": "Luca in the park like in hero.png"}, Run(thread="t"))
    assert [one["name"] for one in done(like).params["cast"]] == ["Luca"]
    assert "'hero.png' in the prompt was not used" in " ".join(like.result.warnings)  # type: ignore[union-attr]
