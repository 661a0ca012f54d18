"""What every picture engine promises; each real one runs it (SDXL as a tiny random model)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_sdxl import build_tiny_sdxl

from backends.gpu.engine import Engine
from backends.image.engine import ImageEngine, ImageRequest
from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.preview import PreviewEngine
from backends.image.sdxl.engine import SdxlEngine
from configs.errors import Cancelled

SCENE = LayoutScene("void", "day", (PosedCharacter("Luca", CharacterLook()),), CameraSpec("MS"))
REQUEST = ImageRequest("a boy", width=96, height=54, seed=3, steps=2, layout=SCENE)


@pytest.fixture(scope="module", params=["preview", "sdxl"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageEngine]:
    folder: Path = tmp_path_factory.mktemp(f"contract-{request.param}")
    made: ImageEngine
    if request.param == "preview":
        made = PreviewEngine(cache_dir=folder, samples=2)
    else:
        made = SdxlEngine(build_tiny_sdxl(folder), device="cpu")
    made.load()
    yield made
    made.unload()


def test_it_is_an_engine_that_says_what_it_is(engine: ImageEngine) -> None:
    assert isinstance(engine, Engine) and engine.kind == "image" and engine.name in ("preview", "sdxl")
    assert engine.need_mib() > 0
    engine.probe()


def test_a_picture_has_the_asked_size_and_carries_how_it_was_made(engine: ImageEngine) -> None:
    result = engine.generate(REQUEST)
    assert result.image.shape == (54, 96, 3) and result.image.dtype == np.uint8
    assert result.engine == engine.name and result.engine_version and result.seconds > 0 and result.seed == 3
    assert json.loads(json.dumps(result.params)) == result.params


def test_the_same_request_gives_the_same_pixels(engine: ImageEngine) -> None:
    assert np.array_equal(engine.generate(REQUEST).image, engine.generate(REQUEST).image)


def test_steps_count_up_and_raising_in_one_cancels(engine: ImageEngine) -> None:
    seen: list[tuple[int, int]] = []
    before = engine.generate(REQUEST, lambda step, steps: seen.append((step, steps))).image
    assert seen and all(0 <= step <= steps for step, steps in seen) and seen == sorted(seen)

    def stop(step: int, steps: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        engine.generate(REQUEST, stop)
    assert np.array_equal(engine.generate(REQUEST).image, before)


def test_parked_and_restored_it_draws_the_same(engine: ImageEngine) -> None:
    before = engine.generate(REQUEST).image
    engine.park()
    engine.restore()
    assert np.array_equal(engine.generate(REQUEST).image, before)


def test_another_size_is_another_picture_of_that_size(engine: ImageEngine) -> None:
    assert engine.generate(replace(REQUEST, width=70, height=90)).image.shape == (90, 70, 3)
