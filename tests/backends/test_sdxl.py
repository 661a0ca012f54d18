"""The SDXL engine on a tiny random model: the shipping code path, from loading to pixels."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_sdxl import build_tiny_sdxl

from backends.image.engine import ImageRequest
from backends.image.sdxl.engine import SdxlEngine, check_weights
from configs.errors import Cancelled, EngineError

REQUEST = ImageRequest("a boy on a beach", width=64, height=64, steps=2, guidance=5.0, seed=7)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def engine(tiny: Path) -> SdxlEngine:
    engine = SdxlEngine(tiny, device="cpu")
    engine.load()
    return engine


def test_it_makes_a_picture_of_the_asked_size_and_says_how(engine: SdxlEngine) -> None:
    result = engine.generate(replace(REQUEST, width=70, height=66))
    assert result.image.shape == (66, 70, 3) and result.image.dtype == np.uint8 and result.image.std() > 1
    assert result.engine == "sdxl" and "diffusers" in result.engine_version
    assert result.params["seed"] == 7 and result.params["steps"] == 2 and result.params["dtype"] == "float32"
    json.dumps(result.params)
    assert result.speed["seconds"] > 0 and result.speed["tflop"] > 0 and "speed" not in result.params


def test_seed_and_prompt_decide_the_pixels(engine: SdxlEngine) -> None:
    one, two = engine.generate(REQUEST), engine.generate(REQUEST)
    assert np.array_equal(one.image, two.image)
    assert not np.array_equal(one.image, engine.generate(replace(REQUEST, seed=8)).image)
    assert not np.array_equal(one.image, engine.generate(replace(REQUEST, prompt="a robot")).image)


def test_steps_are_told_and_cancel_leaves_it_usable(engine: SdxlEngine) -> None:
    seen: list[tuple[int, int]] = []
    engine.generate(REQUEST, lambda step, steps: seen.append((step, steps)))
    assert seen == [(1, 2), (2, 2)]

    def stop(step: int, steps: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        engine.generate(REQUEST, stop)
    assert np.array_equal(engine.generate(REQUEST).image, engine.generate(REQUEST).image)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"steps": 0}, "no picture in 0 steps"),
        ({"steps": -1}, "no picture in -1 steps"),
        ({"steps": 5000}, "Use 1 to 1000"),
        ({"guidance": float("nan")}, "guidance of nan"),
        ({"guidance": -1.0}, "guidance of -1"),
        ({"guidance": 1e9}, r"guidance of 1e\+09"),
        ({"seed": 2**70}, "more than 64 bits"),
        ({"prompt": "a \ud800 boy"}, "prompt cannot be read"),
        ({"negative_prompt": "\udfff"}, "negative prompt cannot be read"),
    ],
)
def test_figures_and_words_that_cannot_be_used_are_one_sentence(
    engine: SdxlEngine, change: dict[str, Any], match: str
) -> None:
    with pytest.raises(EngineError, match=match) as caught:
        engine.generate(replace(REQUEST, **change))
    assert "\n" not in caught.value.sentence


def test_the_model_is_told_as_it_was_read(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    engine = SdxlEngine(copy, device="cpu")
    engine.load()
    before = engine.generate(REQUEST).params["model_fingerprint"]
    shutil.rmtree(copy)
    assert engine.generate(REQUEST).params["model_fingerprint"] == before != ""
    engine.unload()


def test_park_restore_and_unload(tiny: Path) -> None:
    engine = SdxlEngine(tiny, device="cpu")
    engine.load()
    engine.probe()
    before = engine.generate(REQUEST).image
    engine.park()
    engine.restore()
    assert np.array_equal(engine.generate(REQUEST).image, before)
    assert 0 < engine.need_mib() < 100
    engine.unload()
    with pytest.raises(EngineError, match="not loaded"):
        engine.generate(REQUEST)


def test_half_precision_is_kept(tiny: Path) -> None:
    import torch

    engine = SdxlEngine(tiny, dtype="bfloat16", device="cpu")
    engine.load()
    assert engine._pipe.unet.dtype is torch.bfloat16 and engine.generate(REQUEST).image.shape == (64, 64, 3)


def test_a_prompt_that_is_too_long_is_told(engine: SdxlEngine) -> None:
    assert any("longer than SDXL reads" in w for w in engine.generate(replace(REQUEST, prompt="sun " * 200)).warnings)


def test_values_that_are_not_numbers_are_refused(tiny: Path) -> None:
    import torch

    engine = SdxlEngine(tiny, device="cpu")
    engine.load()
    with torch.no_grad():
        next(engine._pipe.vae.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(EngineError, match="not finite"):
        engine.generate(REQUEST)


def test_wrong_weights_are_refused_with_the_reason(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(EngineError, match="does not exist"):
        check_weights(tmp_path / "none")
    with pytest.raises(EngineError, match="no diffusers folder"):
        check_weights(tmp_path)
    pickled = tmp_path / "model.ckpt"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(EngineError, match=r"only \.safetensors"):
        check_weights(pickled)
    dressed = tmp_path / "model.safetensors"
    dressed.write_bytes(pickle.dumps({"a": 1}) + bytes(64))
    with pytest.raises(EngineError, match="no safetensors file"):
        check_weights(dressed)
    header = json.dumps({"unet.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    dressed.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(EngineError, match="no SDXL checkpoint"):
        check_weights(dressed)
    plain = tmp_path / "sd15"
    shutil.copytree(tiny, plain)
    index = json.loads((plain / "model_index.json").read_text())
    del index["text_encoder_2"]
    (plain / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(EngineError, match="no SDXL model"):
        check_weights(plain)


def test_a_truncated_weight_file_is_told(tmp_path: Path, tiny: Path) -> None:
    broken = tmp_path / "sdxl"
    shutil.copytree(tiny, broken)
    weights = next((broken / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(EngineError, match="cannot be loaded"):
        SdxlEngine(broken, device="cpu").load()
