"""remake_image: the same pixels from the recipe, or the reason why not; real preview engine and a tiny SDXL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_loras import build_lora
from tiny_sdxl import build_tiny_sdxl

from backends.media.images import load_image, save_png
from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Executor, Run
from tools.image import fingerprint
from tools.intake import attach
from tools.opening import opened_executor
from tools.spec import ToolOutcome

SIZE = {"width": 64, "height": 64}
QUICK = {name: {"steps": 2, "guidance": 4.0} for name in ("draft", "standard", "final")}


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("remade") / "home", brain="offline", image={"preview_samples": 1},
        budget={"rounds": 1}, memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with opened_executor(settings) as made:
        yield made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    return build_lora(tmp_path_factory.mktemp("lora"), model, name="luca")


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory, model: Path, lora: Path) -> Iterator[Executor]:
    home = tmp_path_factory.mktemp("sdxl") / "home"
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "sdxl_config.yaml").write_text(yaml.safe_dump({"qualities": QUICK, "fuse_from": 2}))
    luca = {"category": "character", "path": str(lora), "triggers": ["luca_boy"], "words": ["Luca"], "weight": 0.5}
    (home / "configs" / "lora_registry.yaml").write_text(yaml.safe_dump({"loras": {"luca_v1": luca}}))
    settings = load_settings(
        home=home, brain="offline", image={"engine": "sdxl", "sdxl_path": str(model)}, budget={"rounds": 1},
        vision={"clip": "", "arcface": "", "dinov2": ""}, memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with opened_executor(settings) as made:
        yield made


def call(executor: Executor, tool: str, **args: Any) -> ToolOutcome:
    return executor.run(tool, args, Run(thread="t"))


def made(outcome: ToolOutcome) -> Asset:
    assert outcome.error is None, outcome.error
    return outcome.assets[0]


def pixels(executor: Executor, asset: Asset) -> np.ndarray:
    return np.asarray(load_image(executor.studio.workspace.home / asset.path))


@pytest.fixture(scope="module")
def drawn(preview: Executor) -> Asset:
    return made(call(preview, "generate_image", prompt="a boy named Luca waving in the park", width=96, height=64))


def told(outcome: ToolOutcome) -> dict[str, Any]:
    assert outcome.error is None and outcome.result is not None, outcome.error
    return outcome.result.measurements


# -- the same picture ----------------------------------------------------------------------------------------------


def test_a_layout_picture_is_the_same_again(preview: Executor, drawn: Asset) -> None:
    again = call(preview, "remake_image", image=drawn.id)
    assert told(again) == {"identical": True, "max_difference": 0, "mean_difference": 0.0, "changed_share": 0.0}
    assert again.engine == "preview" and "identical, pixel for pixel" in again.result.summary  # type: ignore[union-attr]
    new = again.assets[0]
    assert new.id != drawn.id and new.parents == (drawn.id,) and (pixels(preview, new) == pixels(preview, drawn)).all()
    assert new.params["recipe"] == drawn.params["recipe"] and new.scores[-1].passed is True
    # its own remake and 'last' work as well
    assert told(call(preview, "remake_image", image="last"))["identical"] is True


def test_an_sdxl_picture_with_a_lora_is_the_same_again(sdxl: Executor) -> None:
    first = made(call(sdxl, "generate_image", prompt="Luca waves", quality="final", seed=3, **SIZE))
    assert first.params["recipe"]["loras"][0]["sha256"] and first.params["recipe"]["model"]["sha256"]
    again = call(sdxl, "remake_image", image=first.id)
    assert told(again)["identical"] is True and again.engine == "sdxl"


def test_pictures_of_a_batch_with_merged_loras_are_the_same_again(sdxl: Executor) -> None:
    batch = call(sdxl, "generate_batch", prompt="Luca runs on the beach", count=2, **SIZE)
    first = [asset for asset in batch.assets if asset.tool == "generate_image"]
    assert batch.error is None and [one.params["recipe"]["fuse"] for one in first] == [True, True]
    assert told(call(sdxl, "remake_image", image=first[1].id))["identical"] is True


def test_a_change_is_the_same_again(preview: Executor, drawn: Asset) -> None:
    edited = made(call(preview, "edit_image", image=drawn.id, instruction="make his shirt red"))
    again = call(preview, "remake_image", image=edited.id)
    assert told(again)["identical"] is True and again.assets[0].tool == "edit_image"


# -- how far apart, and why ----------------------------------------------------------------------------------------


def test_a_lost_file_comes_back_and_is_compared_by_its_hash(preview: Executor, drawn: Asset) -> None:
    path = preview.studio.workspace.home / drawn.path
    kept = path.read_bytes()
    try:
        path.unlink()
        again = call(preview, "remake_image", image=drawn.id)
        assert told(again)["identical"] is True
        assert any("compared by the hash" in text for text in again.result.warnings)  # type: ignore[union-attr]
        changed = load_image(preview.studio.workspace.home / again.assets[0].path).copy()
        changed[0, 0] += 9
        save_png(path, changed)
        other = call(preview, "remake_image", image=drawn.id)
        assert told(other)["max_difference"] == 9 and told(other)["changed_share"] == pytest.approx(1 / (96 * 64))
        assert any("kept file was changed" in text for text in other.result.warnings)  # type: ignore[union-attr]
    finally:
        path.write_bytes(kept)


def test_a_difference_is_measured_and_its_cause_named(preview: Executor, drawn: Asset) -> None:
    engine = {**drawn.params["recipe"]["used"], "samples": 64}
    twin = preview.studio.memory.add_asset(
        Asset("", "image", drawn.path, "other", drawn.sha256, drawn.bytes, "preview", "0", "generate_image",
              {**drawn.params, "recipe": {**drawn.params["recipe"], "used": engine, "engine_version": "0",
                                          "scene": {**drawn.params["recipe"]["scene"], "set": "beach"}}},
              drawn.seed)
    )  # fmt: skip
    again = call(preview, "remake_image", image=twin.id)
    found = told(again)
    assert found["identical"] is False and found["max_difference"] > 20 and 0 < found["changed_share"] <= 1
    assert again.result is not None
    assert "the engine (0, now " in again.result.summary and "the samples per pixel (64, now" in again.result.summary
    assert any("its pixels may differ" in text for text in again.result.warnings)
    assert again.assets[0].scores[-1].passed is False


# -- refusals ------------------------------------------------------------------------------------------------------


def test_undoing_a_remake_leaves_the_takes_of_the_original(preview: Executor) -> None:
    first = made(call(preview, "generate_image", prompt="a cat in the park", best_of=2, **SIZE))
    (other,) = first.params["takes"]
    again = made(call(preview, "remake_image", image=first.id))
    assert not {"take", "takes"} & set(again.params)
    preview.run("undo", {}, Run(thread="t"))
    memory = preview.studio.memory
    shown = {one.id: one.hidden for one in map(memory.get_asset, (again.id, first.id, other)) if one is not None}
    assert shown == {again.id: True, first.id: False, other: False}


def test_what_cannot_be_made_again_says_why(preview: Executor, drawn: Asset, tmp_path: Path) -> None:
    studio = preview.studio
    save_png(tmp_path / "mine.png", np.zeros((64, 64, 3), np.uint8))
    upload = attach(tmp_path / "mine.png", studio.workspace, studio.memory, studio.settings, "t")
    damaged = {**drawn.params["recipe"], "scene": {"set": "nowhere"}}
    for params, words in (
        ({"recipe": {**drawn.params["recipe"], "recipe": 99}}, "cannot be read"),
        ({"recipe": {**drawn.params["recipe"], "engine": "dall-e"}}, "no engine here is called 'dall-e'"),
        ({"recipe": {**drawn.params["recipe"], "width": "wide"}}, "damaged"),
        ({"recipe": {**drawn.params["recipe"], "kind": "edit", "call": {"tool": "undo", "args": {}}}}, "names no tool"),
        ({"recipe": damaged}, "scene"),
        ({}, "no recipe"),
    ):
        asset = Asset("", "image", drawn.path, "x", drawn.sha256, 1, "preview", "1", "generate_image", params)
        outcome = call(preview, "remake_image", image=studio.memory.add_asset(asset).id)
        assert outcome.error is not None and words in outcome.error.sentence, outcome
        assert outcome.error.exit_code == 2
    outcome = call(preview, "remake_image", image=upload.id)
    assert outcome.error is not None and "it was taken in" in outcome.error.sentence
    unknown = call(preview, "remake_image", image="img-nothing")
    assert unknown.error is not None and "Nearest" in unknown.error.sentence


def test_another_model_and_another_lora_are_refused(sdxl: Executor, model: Path, lora: Path) -> None:
    first = made(call(sdxl, "generate_image", prompt="Luca sits", seed=4, **SIZE))
    good = lora.read_bytes()
    other = build_lora(lora.parent / "other", model, seed=9, name="luca")
    try:
        lora.write_bytes(other.read_bytes())
        outcome = call(sdxl, "remake_image", image=first.id)
        assert outcome.error is not None and "LoRA 'luca_v1' is another file now" in outcome.error.sentence
        lora.unlink()
        outcome = call(sdxl, "remake_image", image=first.id)
        assert outcome.error is not None and "LoRA 'luca_v1' is gone" in outcome.error.sentence
    finally:
        lora.write_bytes(good)
    weights = next((model / "unet").glob("*.safetensors"))
    kept = weights.with_suffix(".kept")
    shutil.copy2(weights, kept)
    try:
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        outcome = call(sdxl, "remake_image", image=first.id)
        assert outcome.error is not None and "another model" in outcome.error.sentence
    finally:
        shutil.move(kept, weights)
    assert told(call(sdxl, "remake_image", image=first.id))["identical"] is True


def test_hashes_of_models_are_kept_between_processes(sdxl: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint.model_sha256(sdxl.studio)
    monkeypatch.setattr("backends.image.registry.hashing.file_sha256", _never)
    assert fingerprint.model_sha256(sdxl.studio) == first and len(first) == 64


def _never(path: Path, on_bytes: Any = None) -> str:
    raise AssertionError(f"{path} was read again")
