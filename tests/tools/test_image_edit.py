"""edit_image through the executor: layout pictures with the real preview engine, uploads, hostile wishes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.media.images import load_image, save_png
from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Executor, Run
from tools.intake import attach
from tools.opening import opened_executor
from tools.spec import ToolOutcome

SIZE = {"width": 192, "height": 108}


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("edits") / "home",
        brain="offline",
        image={"preview_samples": 2},
        memory={"index": "numpy", "embedder": "letters"},
    )
    with opened_executor(settings) as made:
        yield made


@pytest.fixture(scope="module")
def beach(executor: Executor) -> Asset:
    text = "a boy named Luca with curly brown hair and a small robot on the beach by day"
    made = executor.run("generate_image", {"prompt": text, **SIZE}, Run(thread="t"))
    assert made.error is None, made.error
    return made.assets[0]


@pytest.fixture(scope="module")
def upload(executor: Executor, tmp_path_factory: pytest.TempPathFactory) -> Asset:
    y, x = np.mgrid[0:90, 0:120]
    file = tmp_path_factory.mktemp("files") / "hill.png"
    save_png(file, np.dstack([x * 2, y * 2, x + y]).astype(np.uint8))
    studio = executor.studio
    return attach(file, studio.workspace, studio.memory, studio.settings, "t")


def edit(executor: Executor, image: Asset | str, instruction: str, **more: object) -> ToolOutcome:
    ref = image if isinstance(image, str) else image.id
    return executor.run("edit_image", {"image": ref, "instruction": instruction, **more}, Run(thread="t"))


def pixels(executor: Executor, asset: Asset) -> np.ndarray:
    return np.asarray(load_image(executor.studio.workspace.home / asset.path))


def done(outcome: ToolOutcome) -> Asset:
    assert outcome.error is None, outcome.error
    return outcome.assets[0]


def test_a_layout_picture_is_drawn_again_with_what_was_asked(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "make his shirt red and turn it into night")
    asset = done(outcome)
    assert asset.engine == "preview" and asset.parents == (beach.id,) and outcome.engine == "preview"
    assert asset.params["shot"]["time_of_day"] == "night" and asset.params["scene"]["time_of_day"] == "night"
    assert "red top" in outcome.result.summary and "night" in outcome.result.summary  # type: ignore[union-attr]
    assert pixels(executor, asset).mean() < pixels(executor, beach).mean()
    assert {"exposure", "visible Luca"} <= {score.name for score in asset.scores}
    # the old picture and the remembered look stay as they were
    assert executor.studio.memory.get_asset(beach.id) is not None
    remembered = executor.studio.memory.resolve_character("Luca")
    assert remembered is not None and remembered.data["look"]["top_color"] == _member(beach, "Luca")["top_color"]


def test_a_part_is_changed_exactly_and_the_rest_is_kept(executor: Executor, beach: Asset) -> None:
    before, after = pixels(executor, beach), pixels(executor, done(edit(executor, beach, "make the sky purple")))
    changed = np.abs(after.astype(int) - before).max(axis=2) > 8
    assert 0.05 < changed.mean() < 0.6
    sky = after[changed].astype(int)
    assert (sky[:, 2] > sky[:, 1]).mean() > 0.95
    assert not changed[-20:].any()


def test_edits_of_pixels_survive_a_later_change_of_content(executor: Executor, beach: Asset) -> None:
    grey = done(edit(executor, beach, "make it black and white"))
    square = done(edit(executor, grey, "crop it to a square"))
    night = done(edit(executor, square, "at night"))
    rgb = pixels(executor, night).astype(int)
    assert rgb.shape == (108, 108, 3) and np.abs(rgb[..., 0] - rgb[..., 2]).max() <= 1
    assert night.params["edits"] == ["make it black and white", "crop it to a square"]
    assert night.params["shot"]["time_of_day"] == "night" and night.params["width"] == 108


def test_a_masked_change_stays_where_the_mask_is(executor: Executor, beach: Asset, tmp_path: Path) -> None:
    file = tmp_path / "left.png"
    save_png(file, np.dstack([np.where(np.arange(192) < 96, 255, 0)[None].repeat(108, 0)] * 3).astype(np.uint8))
    studio = executor.studio
    mask = attach(file, studio.workspace, studio.memory, studio.settings, "t")
    dark = done(edit(executor, beach, "much darker", mask=mask.id))
    sad = done(edit(executor, dark, "make Luca sad"))
    gap = pixels(executor, sad).astype(int) - pixels(executor, beach)
    assert gap[:, :90].mean() < -20 and abs(gap[:, 102:].mean()) < 4
    large = done(edit(executor, dark, "upscale 2x"))
    assert pixels(executor, large)[:, :180].mean() < pixels(executor, large)[:, 204:].mean() - 15
    executor.studio.memory.hide_assets([mask.id])
    assert done(edit(executor, dark, "make Luca wave")).params["edits"] == [{"text": "much darker", "mask": mask.id}]


def test_earlier_changes_are_done_again_in_their_order(executor: Executor, beach: Asset) -> None:
    square = done(edit(executor, beach, "crop it to a square"))
    half = done(edit(executor, square, "darken the left half"))
    night = done(edit(executor, half, "make Luca sad"))
    gap = pixels(executor, night).astype(int) - pixels(executor, square)
    assert gap[:, :48].mean() < -10 and abs(gap[:, 60:].mean()) < 4


def test_a_picture_is_drawn_again_with_its_own_quality(executor: Executor) -> None:
    wish = {"prompt": "a cat in the park", "quality": "final", "width": 96, "height": 64}
    fine = executor.run("generate_image", wish, Run(thread="t")).assets[0]
    used = done(edit(executor, fine, "at night")).params["recipe"]["used"]
    assert used["samples"] == fine.params["recipe"]["used"]["samples"] == 4
    assert done(edit(executor, fine, "at night", quality="standard")).params["recipe"]["used"]["samples"] == 2


@pytest.mark.parametrize("wish", ["extend it by 200%", "crop it to 99:1"])
def test_a_shape_that_no_picture_has_is_refused(executor: Executor, beach: Asset, wish: str) -> None:
    large = executor.studio.memory.add_asset(
        replace(beach, id="", sha256="f" * 64, name="large", params={**beach.params, "drawn_size": [2000, 400]})
    )
    outcome = edit(executor, large if "extend" in wish else beach, wish)
    assert outcome.error is not None and "a side has 16 to 4096" in outcome.error.sentence


@pytest.mark.parametrize("size", [[10**6, 10**6], 5, ["a", "b"], [0, 0], {"a": 1}])
def test_an_imported_picture_that_names_an_odd_size_is_only_a_file(
    executor: Executor, beach: Asset, size: object
) -> None:
    odd = executor.studio.memory.add_asset(
        replace(beach, id="", sha256="e" * 64, name=f"odd {size}", params={**beach.params, "drawn_size": size})
    )
    assert "has to be painted" in edit(executor, odd, "make Luca sad").error.sentence  # type: ignore[union-attr]


def test_a_layout_picture_grows_with_real_detail(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "upscale 2x")
    asset = done(outcome)
    assert pixels(executor, asset).shape == (216, 384, 3) and not outcome.result.warnings  # type: ignore[union-attr]
    assert asset.params["scene"] == beach.params["scene"]
    wider = done(edit(executor, beach, "extend it to both sides by 25%"))
    assert pixels(executor, wider).shape == (108, 288, 3)


def test_the_same_edit_gives_the_same_pixels(executor: Executor, beach: Asset) -> None:
    first = done(edit(executor, beach, "give Luca glasses"))
    again = executor.run("edit_image", {"image": beach.id, "instruction": "give Luca glasses"}, Run(thread="other"))
    assert (pixels(executor, first) == pixels(executor, done(again))).all()


def test_an_upload_is_changed_without_any_model(executor: Executor, upload: Asset) -> None:
    outcome = edit(executor, "hill.png", "brighter, and crop it to a square")
    asset = done(outcome)
    assert outcome.engine == "" and pixels(executor, asset).shape == (90, 90, 3)
    assert asset.params["changes"] == ["brighter", "cropped to 90x90"]
    outcome = edit(executor, upload, "upscale 2x")
    assert pixels(executor, done(outcome)).shape == (180, 240, 3)
    assert "interpolation" in outcome.result.warnings[0]  # type: ignore[union-attr]
    half = pixels(executor, done(edit(executor, upload, "darken the left half")))
    before = pixels(executor, upload)
    assert (half[:, 66:] == before[:, 66:]).all() and half[:, :54].mean() < before[:, :54].mean() - 5


def test_a_mask_limits_an_adjustment_to_it(executor: Executor, upload: Asset, tmp_path: Path) -> None:
    mask = np.zeros((90, 120, 3), np.uint8)
    mask[:, :30] = 255
    save_png(tmp_path / "mask.png", mask)
    studio = executor.studio
    attach(tmp_path / "mask.png", studio.workspace, studio.memory, studio.settings, "t")
    after = pixels(executor, done(edit(executor, upload, "darker", mask="mask.png")))
    before = pixels(executor, upload)
    assert (after[:, 31:] == before[:, 31:]).all() and after[:, :29].mean() < before[:, :29].mean() - 5


@pytest.mark.parametrize(
    ("instruction", "problem"),
    [
        ("", "nothing to change"),
        ("edit the picture please", "not clear"),
        ("upscale 50x", "cannot be enlarged"),
        ("resize it to 9999x9999", "cannot be made"),
        ("remove the lamp", "has to be painted"),
        ("extend it to the left", "cannot be extended"),
        ("blur the dragon's face", "cannot be found"),
    ],
)
def test_what_cannot_be_done_to_an_upload(
    executor: Executor, upload: Asset, instruction: str, problem: str
) -> None:  # fmt: skip
    outcome = edit(executor, upload, instruction)
    assert outcome.status == "failed" and problem in outcome.error.problem  # type: ignore[union-attr]
    assert not outcome.assets


def test_what_a_layout_has_not_is_told(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "give him wings of golden light")
    assert outcome.error is not None and "SDXL" in outcome.error.fix
    already = edit(executor, done(edit(executor, beach, "make Luca look sad")), "make Luca look sad")
    assert already.error is not None and "sad already" in already.error.cause


def test_what_is_not_there_cannot_be_taken_away(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "remove the hat")
    assert outcome.error is not None and "There is no 'the hat' in this picture" in outcome.error.sentence
    missing = edit(executor, beach, "remove Zoe")
    assert missing.error is not None and "Zoe is not in this picture" in missing.error.sentence


def test_room_at_one_side_of_a_drawn_picture_is_told_to_be_at_both(executor: Executor, beach: Asset) -> None:
    outcome = edit(executor, beach, "extend it to the left by 25%")
    assert any("both sides" in text for text in outcome.result.warnings)  # type: ignore[union-attr]


def test_a_picture_that_is_none_is_refused(executor: Executor) -> None:
    assert edit(executor, "no-such-picture.png", "brighter").error is not None


def _member(asset: Asset, name: str) -> dict[str, object]:
    return next(one["look"] for one in asset.params["cast"] if one["name"] == name)
