"""A recipe as JSON and back: everything that decides pixels, nothing that a recipe from outside may widen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from backends.image.engine import ControlMap, ImageRequest, ImageResult, InitImage, LoraUse, Reference
from backends.image.layout.scene import LayoutScene
from backends.media.images import save_png
from configs.errors import UsageError
from configs.settings import load_settings
from memory.records import Asset
from tools.executor import Executor, Run
from tools.image.recipe import pixel_hash, recipe_of, request_from
from tools.intake import attach
from tools.opening import opened_executor


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    settings = load_settings(
        home=tmp_path_factory.mktemp("recipes") / "home", brain="offline", image={"preview_samples": 1},
        memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with opened_executor(settings) as made:
        yield made


def test_all_that_goes_into_a_request_comes_back(preview: Executor, tmp_path: Path) -> None:
    """Maps, references with masks, a starting picture with a soft mask, blocks of a LoRA, a scene."""
    studio = preview.studio
    lora = tmp_path / "luca.safetensors"
    lora.write_bytes(b"only its hash counts here")
    random = np.random.default_rng(0)

    def kept(name: str) -> tuple[np.ndarray, str]:
        rgb = random.integers(0, 255, (64, 64, 3), np.uint8)
        save_png(tmp_path / f"{name}.png", rgb)
        return rgb, attach(tmp_path / f"{name}.png", studio.workspace, studio.memory, studio.settings, "t").id

    (depth, depth_id), (face, face_id), (base, base_id) = kept("depth"), kept("face"), kept("base")
    soft = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    use = LoraUse("luca_v1", str(lora), 0.3, "", {"unet": {"down": 0.5}})
    request = ImageRequest(
        "a boy", "blur", 64, 64, 9, 12, 3.5, LayoutScene("beach", "sunset"),
        (ControlMap("depth", depth, 0.6, 0.1, 0.9, "given", depth_id),), (use,), "draft",
        (Reference(face, 0.4, soft, face_id),), InitImage(base, 0.5, soft, base_id), True,
    )  # fmt: skip
    result = ImageResult(base, "sdxl", "", 9, 1.0, {"loras": [{"name": "luca_v1", "sha256": ""}]})
    recipe = json.loads(json.dumps(recipe_of(request, result)))
    (studio.workspace.home / "configs").mkdir(exist_ok=True)
    registry = {"loras": {"luca_v1": {"category": "character", "path": str(lora), "words": ["nobody at all"]}}}
    (studio.workspace.home / "configs" / "lora_registry.yaml").write_text(yaml.safe_dump(registry))
    context = _Context(preview)
    back = request_from(recipe, context)  # type: ignore[arg-type]
    for field in (
        "prompt",
        "negative_prompt",
        "width",
        "height",
        "seed",
        "steps",
        "guidance",
        "layout",
        "quality",
        "fuse",
    ):
        assert getattr(back, field) == getattr(request, field), field
    (control,), (reference,) = back.controls, back.references
    assert (control.image == depth).all() and (control.scale, control.start, control.end) == (0.6, 0.1, 0.9)
    assert (reference.image == face).all() and reference.mask is not None and (reference.mask == soft).all()
    assert back.init is not None and back.init.mask is not None and (back.init.mask == soft).all()
    assert (back.init.image == base).all() and back.loras[0].blocks == {"unet": {"down": 0.5}}
    for key, change, words in (
        ("controls", {"asset": "map-none"}, "depth map of this picture is gone"),
        ("controls", {"pixels": "0"}, "depth map of this picture is not what it was"),
        ("references", {"asset": ""}, "reference picture of this picture is gone"),
        ("loras", {"name": "luca_v3"}, "the nearest is 'luca_v1'"),
        ("loras", {"sha256": "f" * 64}, "another file now"),
    ):
        broken = {**recipe, key: [{**recipe[key][0], **change}]}
        with pytest.raises(UsageError, match=words):
            request_from(broken, context)  # type: ignore[arg-type]
    large = random.integers(0, 255, (600, 600), np.uint8)
    assert recipe_of(_with_mask(request, large), result)["init"]["mask"]["png"] == ""
    with pytest.raises(UsageError, match="mask of this picture was not kept"):
        request_from(json.loads(json.dumps(recipe_of(_with_mask(request, large), result))), context)  # type: ignore[arg-type]


def _with_mask(request: ImageRequest, mask: np.ndarray) -> ImageRequest:
    assert request.init is not None
    return replace(request, init=replace(request.init, mask=mask))


class _Context:
    """What request_from uses of a context: settings, memory, files, warnings; all of the real studio."""

    def __init__(self, executor: Executor) -> None:
        self.settings, self.workspace = executor.studio.settings, executor.studio.workspace
        self.memory, self.warnings = executor.studio.memory, []

    def path(self, asset: Asset) -> Path:
        return self.workspace.inside(asset.path)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 10**7}, {"height": True}, {"seed": -1}, {"seed": 2**80}, {"quality": "huge"}, {"quality": ["draft"]},
        {"steps": 10**9}, {"steps": 0}, {"guidance": "a"}, {"guidance": float("nan")}, {"controls": "abc"},
        {"controls": [5]}, {"init": {"asset": 5}},
    ],
)  # fmt: skip
def test_a_recipe_from_outside_asks_for_nothing_odd(preview: Executor, change: dict[str, Any]) -> None:
    request = ImageRequest("a boy", "", 64, 64, 9, layout=LayoutScene("beach", "day"))
    recipe = recipe_of(request, ImageResult(np.zeros((64, 64, 3), np.uint8), "preview", "", 9, 1.0, {}))
    with pytest.raises(UsageError, match=r"damaged|is gone"):
        request_from({**recipe, **change}, _Context(preview))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "recipe",
    [
        {"recipe": 1, "kind": "generate", "engine": ["x"]}, {"recipe": 1, "kind": ["generate"], "engine": {"a": 1}},
        {"recipe": 1, "kind": "edit", "call": {"tool": ["edit_image"], "args": {}}},
        {"recipe": 1, "kind": "edit", "call": {"tool": "make_film", "args": {}}},
    ],
)  # fmt: skip
def test_a_recipe_names_only_what_may_make_pictures(preview: Executor, recipe: dict[str, Any]) -> None:
    asset = Asset("", "image", "assets/none.png", "odd", "0" * 64, 1, "preview", "1", "x", {"recipe": recipe})
    stored = preview.studio.memory.add_asset(asset)
    outcome = preview.run("remake_image", {"image": stored.id}, Run(thread="t"))
    assert outcome.error is not None and "cannot be made again" in outcome.error.sentence


def test_equal_pixels_have_equal_hashes() -> None:
    rgb = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert pixel_hash(rgb) == pixel_hash(rgb.copy()) == pixel_hash(np.asfortranarray(rgb))
    assert pixel_hash(rgb) != pixel_hash(rgb.reshape(2, 8, 3))
