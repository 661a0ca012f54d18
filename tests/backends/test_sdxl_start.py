"""How SDXL comes up and goes: what is read, in which precision, what is told meanwhile, and what is left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_sdxl import build_tiny_sdxl

from backends.gpu.engine import EngineOutOfMemory, Measured, Reporting, Shrinkable, StartProgress
from backends.gpu.weights.arena import HostArena
from backends.image.engine import ImageRequest
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.weights import COMPONENTS
from configs.errors import EngineError

SMALL = ImageRequest("a boy on a beach", width=64, height=64, steps=1, seed=7)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


def test_it_tells_how_its_start_goes(tiny: Path) -> None:
    engine = SdxlEngine(tiny, device="cpu")
    assert isinstance(engine, Reporting) and isinstance(engine, Measured) and isinstance(engine, Shrinkable)
    told: list[StartProgress] = []
    engine.on_start = told.append
    engine.load()
    shares = [p.share for p in told]
    assert shares == sorted(shares, key=lambda s: s or 0.0) and told[-1].phase == "ready" and told[-1].share == 1.0
    assert [p.note for p in told if p.note in COMPONENTS] == list(COMPONENTS)
    assert engine.peak_mib() is None
    engine.unload()


def test_half_precision_files_are_read_where_they_are(tiny: Path, tmp_path: Path) -> None:
    halves = tmp_path / "halves"
    shutil.copytree(tiny, halves)
    for file in [*halves.glob("*/diffusion_pytorch_model.safetensors"), *halves.glob("*/model.safetensors")]:
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    engine, whole = SdxlEngine(halves, device="cpu"), SdxlEngine(tiny, device="cpu")
    engine.load()
    whole.load()
    assert np.array_equal(engine.generate(SMALL).image, whole.generate(SMALL).image)


def test_a_folder_may_not_name_any_class_to_load(tiny: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(tiny, odd)
    index = json.loads((odd / "model_index.json").read_text())
    for kind in (["subprocess", "Popen"], ["diffusers", "DDIMScheduler"]):
        (odd / "model_index.json").write_text(json.dumps({**index, "unet": kind}))
        with pytest.raises(EngineError, match=f"its unet is a {kind[0]}"):
            SdxlEngine(odd, device="cpu").load()
    (odd / "model_index.json").write_text(json.dumps({**index, "text_encoder": [None, None]}))
    with pytest.raises(EngineError, match="it has no text_encoder"):
        SdxlEngine(odd, device="cpu").load()


def test_unloaded_it_gives_its_memory_back(tiny: Path) -> None:
    engine = SdxlEngine(tiny, device="cpu")
    engine.load()
    arena, weight = engine._arena, next(engine._pipe.unet.parameters())
    assert arena is not None
    engine.unload()
    assert weight.data_ptr() and arena.parked and arena.pinned_mib == 0


def test_a_full_device_while_loading_leaves_it_cold(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SdxlEngine(tiny, device="cpu")
    with monkeypatch.context() as full:
        full.setattr(
            HostArena, "_allocate", lambda s, n: (_ for _ in ()).throw(torch.OutOfMemoryError("out of memory"))
        )
        with pytest.raises(EngineOutOfMemory):
            engine.load()
    assert engine._pipe is None and engine._arena is None
    engine.load()
    engine.probe()
