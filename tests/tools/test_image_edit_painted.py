"""edit_image with SDXL: the real pipelines on a tiny random model, parts from layouts, masks and sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_sdxl import build_tiny_sdxl

from backends.image.engine import ImageRequest, ImageResult
from backends.media.images import load_image, save_png
from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Executor, Run
from tools.image import edit_paint
from tools.image.edit_paint import OVERLAP, TILE, Brush, area_of, enlarge, paint
from tools.image.edit_plan import read_edit
from tools.image.regions import Region
from tools.intake import attach
from tools.opening import opened_executor
from tools.spec import CancelToken, ToolOutcome

SIZE = {"width": 128, "height": 72}


@pytest.fixture(autouse=True)
def _small_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model's pictures need no megapixel."""
    if "executor" in request.fixturenames:
        monkeypatch.setattr(edit_paint, "WORK_PIXELS", 96 * 96)


@pytest.fixture(scope="module")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    folder = tmp_path_factory.mktemp("painted")
    settings = load_settings(
        home=folder / "home",
        brain="offline",
        image={"engine": "sdxl", "sdxl_path": str(build_tiny_sdxl(folder)), "preview_samples": 2, "quality": "draft"},
        memory={"index": "numpy", "embedder": "letters"},
        budget={"rounds": 1},
    )
    with opened_executor(settings) as made:
        yield made


@pytest.fixture(scope="module")
def painted(executor: Executor) -> Asset:
    made = executor.run("generate_image", {"prompt": "a boy named Luca on the beach", **SIZE}, Run(thread="t"))
    assert made.error is None, made.error
    return made.assets[0]


def upload(executor: Executor, folder: Path, name: str, rgb: np.ndarray) -> Asset:
    save_png(folder / name, rgb.astype(np.uint8))
    studio = executor.studio
    return attach(folder / name, studio.workspace, studio.memory, studio.settings, "t")


def edit(executor: Executor, image: Asset, instruction: str, run: Run | None = None, **more: object) -> ToolOutcome:
    args = {"image": image.id, "instruction": instruction, **more}
    return executor.run("edit_image", args, run or Run(thread="t"))


def pixels(executor: Executor, asset: Asset) -> np.ndarray:
    return np.asarray(load_image(executor.studio.workspace.home / asset.path))


def done(outcome: ToolOutcome) -> Asset:
    assert outcome.error is None, outcome.error
    return outcome.assets[0]


def test_only_the_masked_part_is_painted_and_the_way_is_recorded(
    executor: Executor, painted: Asset, tmp_path: Path
) -> None:  # fmt: skip
    mask = np.zeros((72, 128, 3))
    mask[20:50, 30:70] = 255
    given = upload(executor, tmp_path, "mask.png", mask)
    outcome = edit(executor, painted, "a broken window", mask="mask.png", seed=5)
    asset = done(outcome)
    before, after = pixels(executor, painted), pixels(executor, asset)
    changed = (before != after).any(axis=2)
    assert outcome.engine == "sdxl" and asset.engine == "sdxl" and asset.parents == (painted.id, given.id)
    assert changed[25:45, 35:65].mean() > 0.5
    outside = np.ones_like(changed)
    outside[16:54, 26:74] = False
    assert not changed[outside].any()
    call = asset.params["recipe"]["call"]
    assert call["tool"] == "edit_image" and call["args"]["seed"] == 5 and call["args"]["mask"] == given.id
    assert asset.params["recipe"]["prompt"].startswith("a broken window")


def test_a_painted_edit_can_be_made_again(executor: Executor, painted: Asset) -> None:
    asset = done(edit(executor, painted, "make the sky green"))
    again = executor.run("remake_image", {"image": asset.id}, Run(thread="t"))
    assert again.error is None, again.error
    assert "identical" in again.result.summary  # type: ignore[union-attr]


def test_parts_of_a_picture_after_a_layout_are_exact(executor: Executor, painted: Asset) -> None:
    outcome = edit(executor, painted, "make the sky green")
    assert outcome.engine == "preview+sdxl"
    before, after = pixels(executor, painted), pixels(executor, done(outcome))
    changed = (before != after).any(axis=2)
    assert changed[:10].mean() > 0.5 and not changed[-12:].any()
    background = pixels(executor, done(edit(executor, painted, "replace the background with a castle")))
    changed = (before != background).any(axis=2)
    assert 0.3 < changed.mean() < 0.98


def test_a_whole_picture_is_painted_over_when_no_part_is_known(
    executor: Executor, tmp_path: Path
) -> None:  # fmt: skip
    rng = np.random.default_rng(0)
    source = upload(executor, tmp_path, "noise.png", rng.integers(0, 255, (64, 96, 3)))
    outcome = edit(executor, source, "as a watercolour with more birds")
    assert done(outcome).params["width"] == 96 and "whole picture" in outcome.result.summary  # type: ignore[union-attr]
    variants = edit(executor, source, "as a watercolour", count=2)
    assert len(variants.assets) == 2 and variants.assets[0].sha256 != variants.assets[1].sha256
    refused = edit(executor, source, "remove the dragon")
    assert refused.error is not None and "mask" in refused.error.fix


def test_a_picture_is_continued_and_its_own_part_is_kept(executor: Executor, painted: Asset) -> None:
    after = pixels(executor, done(edit(executor, painted, "extend it to the left by 50%")))
    before = pixels(executor, painted)
    assert after.shape == (72, 192, 3)
    # the seam is soft over a few pixels
    assert (after[:, 64 + 6 :] == before[:, 6:]).all()
    assert after[:, :60].std() > 1


def test_an_enlarged_picture_keeps_what_it_shows(executor: Executor, painted: Asset) -> None:
    outcome = edit(executor, painted, "upscale 2x")
    after = pixels(executor, done(outcome))
    assert after.shape == (144, 256, 3) and "new detail" in outcome.result.summary  # type: ignore[union-attr]


def test_cancelled_in_the_middle_nothing_is_kept(executor: Executor, painted: Asset) -> None:
    cancel = CancelToken()
    before = len(executor.studio.memory.list_assets())
    seen: list[object] = []

    def listen(event: object) -> None:
        seen.append(event)
        if len(seen) > 3:
            cancel.cancel()

    outcome = edit(executor, painted, "add a red kite to the sky", Run(thread="t", cancel=cancel, emit=listen))
    assert outcome.status == "cancelled" and len(executor.studio.memory.list_assets()) == before
    assert done(edit(executor, painted, "add a red kite to the sky"))


@pytest.mark.parametrize(
    ("mask", "problem"), [(np.zeros((72, 128, 3)), "black"), (np.full((60, 100, 3), 255), "100x60")]
)
def test_a_mask_that_cannot_be_is_refused(
    executor: Executor, painted: Asset, tmp_path: Path, mask: np.ndarray, problem: str
) -> None:  # fmt: skip
    given = upload(executor, tmp_path, f"bad-{problem}.png", mask)
    outcome = edit(executor, painted, "a red door", mask=given.id)
    assert outcome.error is not None and problem in outcome.error.problem


# -- strokes, with an engine that only notes what it is asked ----------------------------------------------------------


class Noted:
    """Paints a flat colour; requests are kept."""

    def __init__(self) -> None:
        self.requests: list[ImageRequest] = []

    def __call__(self, request: ImageRequest) -> ImageResult:
        self.requests.append(request)
        image = np.full((request.height, request.width, 3), 200, np.uint8)
        return ImageResult(image, "noted", "1", request.seed, 0.0)


def brush(engine: Noted, prompt: str = "a boy on a beach, hat, sunset") -> Brush:
    return Brush(engine, prompt, "blurry", 7, "draft")


def test_a_small_part_is_painted_large_and_put_back() -> None:
    engine, rgb = Noted(), np.zeros((400, 600, 3), np.uint8)
    mask = np.zeros((400, 600), np.uint8)
    mask[100:140, 200:230] = 255
    stroke = paint(read_edit("add a red hat"), rgb, Region("the head", mask, True), brush(engine))
    request = engine.requests[0]
    assert request.width * request.height > 500_000 and request.width % 8 == request.height % 8 == 0
    assert request.init is not None and request.init.mask is not None and request.init.mask.shape == (
        request.height, request.width,
    )  # fmt: skip
    assert (stroke.rgb[105:135, 205:225] == 200).all() and not stroke.rgb[:, 300:].any()
    assert request.prompt == "a red hat, a boy on a beach, hat, sunset" and request.negative_prompt == "blurry"


def test_what_goes_is_in_the_negative_prompt_only() -> None:
    engine = Noted()
    region = Region("the hat", np.full((64, 64), 255, np.uint8), True)
    paint(read_edit("remove the hat"), np.zeros((64, 64, 3), np.uint8), region, brush(engine))
    assert engine.requests[0].prompt == "a boy on a beach, sunset"
    assert engine.requests[0].negative_prompt == "hat, blurry"


def test_tiles_cover_everything_and_fade_into_each_other() -> None:
    engine, told = Noted(), []
    stroke = enlarge(
        np.zeros((500, 900, 3), np.uint8), 1800, 1000, brush(engine), lambda done, tiles: told.append((done, tiles))
    )
    assert stroke.rgb.shape == (1000, 1800, 3) and (stroke.rgb == 200).all()
    assert told == [(0, 2), (1, 2)] and len({request.seed for request in engine.requests}) == 2
    assert TILE > 2 * OVERLAP


def test_the_background_of_a_plain_picture_is_found_by_colour() -> None:
    rng = np.random.default_rng(2)
    rgb = rng.integers(180, 200, (120, 120, 3)).astype(np.uint8)
    rgb[30:110, 45:75] = rng.integers(0, 40, (80, 30, 3))
    region = area_of(read_edit("replace the background with a forest"), rgb)
    assert region is not None and not region.exact and region.mask[:, :30].all() and not region.mask[50:90, 50:70].any()
