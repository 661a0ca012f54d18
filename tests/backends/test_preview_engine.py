"""The preview engine keeps the contract of image engines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backends.gpu.engine import Engine
from backends.image.engine import ControlMap, ImageRequest, InitImage, LoraUse, Reference
from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.scene_json import scene_from_dict
from backends.image.preview import PreviewEngine
from configs.errors import EngineError

SCENE = LayoutScene("void", "day", (PosedCharacter("Luca", CharacterLook()),), CameraSpec("MCU"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> PreviewEngine:
    made = PreviewEngine(tmp_path_factory.mktemp("characters"), samples=2)
    made.load()
    return made


def test_it_is_an_engine(engine: PreviewEngine) -> None:
    assert isinstance(engine, Engine)
    assert (engine.name, engine.kind) == ("preview", "image")
    assert 100 < engine.need_mib() < 3000
    engine.probe()


def test_generate_draws_the_layout_and_says_how(engine: PreviewEngine) -> None:
    request = ImageRequest("a boy", width=96, height=54, seed=5, layout=SCENE)
    steps: list[tuple[int, int]] = []
    result = engine.generate(request, lambda step, total: steps.append((step, total)))
    assert result.image.shape == (54, 96, 3) and result.image.dtype == np.uint8
    assert (result.engine, result.seed) == ("preview", 5)
    assert result.seconds > 0 and not result.warnings
    params = json.loads(json.dumps(result.params))
    assert scene_from_dict(params["scene"]) == SCENE
    assert params["samples"] == 2 and "mitsuba" in params["versions"]
    assert steps[0] == (0, 4) and steps[-1] == (4, 4)
    again = engine.generate(request)
    assert np.array_equal(result.image, again.image) and result.engine_version == again.engine_version


def test_what_it_ignores_is_reported(engine: PreviewEngine) -> None:
    control = ControlMap("depth", np.zeros((36, 64, 3), np.uint8))
    request = ImageRequest(
        "a boy", width=64, height=36, layout=SCENE, controls=(control,), loras=(LoraUse("x", "/x.safetensors"),)
    )
    assert "control maps and LoRAs" in engine.generate(request).warnings[0]


def test_without_a_layout_it_says_what_is_missing(engine: PreviewEngine) -> None:
    with pytest.raises(EngineError, match="no layout"):
        engine.generate(ImageRequest("a boy", width=64, height=36))


def test_cancelled_by_the_callback_it_works_on(engine: PreviewEngine) -> None:
    def stop(step: int, total: int) -> None:
        raise KeyError(step)

    request = ImageRequest("a boy", width=64, height=36, layout=SCENE)
    with pytest.raises(KeyError):
        engine.generate(request, stop)
    assert engine.generate(request).image.any()


def test_parked_it_refuses_and_restored_it_draws(tmp_path: Path) -> None:
    engine = PreviewEngine(tmp_path, samples=2)
    request = ImageRequest("a boy", width=64, height=36, layout=SCENE)
    with pytest.raises(EngineError, match="not loaded"):
        engine.generate(request)
    with pytest.raises(EngineError, match="never loaded"):
        engine.restore()
    engine.load()
    first = engine.generate(request).image
    engine.park()
    with pytest.raises(EngineError, match="not loaded"):
        _ = engine.renderer
    engine.restore()
    assert np.array_equal(engine.generate(request).image, first)
    engine.unload()
    with pytest.raises(EngineError, match="not loaded"):
        engine.generate(request)


def test_importing_it_loads_no_heavy_library() -> None:
    code = "import sys, backends.image.preview; print([m for m in ('mitsuba', 'cv2', 'torch') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_quality_is_samples_and_the_usual_number_comes_back(tmp_path: Path) -> None:
    made = PreviewEngine(tmp_path, samples=8)
    made.load()
    pictures = {}
    for quality, samples in (("draft", 4), ("standard", 8), ("final", 16)):
        request = ImageRequest("a boy", width=64, height=36, layout=SCENE, quality=quality)  # type: ignore[arg-type]
        result = made.generate(request)
        assert result.params["samples"] == samples and result.params["quality"] == quality
        assert made.renderer.samples == 8
        pictures[quality] = result.image.astype(float)
    assert (
        np.abs(pictures["draft"] - pictures["final"]).mean() > np.abs(pictures["standard"] - pictures["final"]).mean()
    )
    request = ImageRequest("a boy", width=64, height=36, layout=SCENE, quality="final")
    with pytest.raises(KeyError):
        made.generate(request, lambda step, total: {}[step])
    assert made.renderer.samples == 8


def test_all_that_only_diffusion_can_do_is_reported(engine: PreviewEngine) -> None:
    picture = np.zeros((36, 64, 3), np.uint8)
    request = ImageRequest(
        "a boy", width=64, height=36, layout=SCENE, steps=9, guidance=3.0, references=(Reference(picture),),
        init=InitImage(picture),
    )  # fmt: skip
    told = engine.generate(request).warnings[0]
    assert all(words in told for words in ("reference pictures", "the picture to start from", "steps and guidance"))
