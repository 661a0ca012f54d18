"""SDXL as one .safetensors file in the original naming: the same weights and pictures as from a diffusers folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_sdxl import build_tiny_sdxl
from tiny_single_file import split_text_encoders, write_single_file

from backends.image.engine import ImageRequest
from backends.image.sdxl.engine import SdxlEngine
from configs.errors import EngineError

REQUEST = ImageRequest("a boy on a beach", "blurry", width=64, height=64, steps=2, guidance=4.0, seed=5)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A diffusers folder, the same model as one file, and its configs without weights."""
    from diffusers import StableDiffusionXLPipeline

    root = tmp_path_factory.mktemp("single")
    pipe = StableDiffusionXLPipeline.from_pretrained(str(build_tiny_sdxl(root)), local_files_only=True)
    split_text_encoders(pipe)
    pipe.save_pretrained(root / "folder", safe_serialization=True)
    file = write_single_file(pipe, root / "tiny.safetensors")
    shutil.copytree(root / "folder", root / "configs", ignore=shutil.ignore_patterns("*.safetensors"))
    return root / "folder", file, root / "configs"


def test_a_file_draws_as_its_folder_does(both: tuple[Path, Path, Path]) -> None:
    folder, file, configs = both
    pictures = []
    for engine in (SdxlEngine(folder, device="cpu"), SdxlEngine(file, device="cpu", config_dir=configs)):
        engine.check_startable()
        engine.load()
        pictures.append(engine.generate(REQUEST).image)
        engine.park()
        engine.restore()
        assert np.array_equal(engine.generate(REQUEST).image, pictures[-1])
        engine.unload()
    assert np.array_equal(*pictures)


def test_half_precision_is_kept(both: tuple[Path, Path, Path]) -> None:
    _, file, configs = both
    engine = SdxlEngine(file, device="cpu", config_dir=configs, dtype="float16")
    engine.load()
    pipe = engine._models.pipe  # type: ignore[union-attr]
    for part in ("text_encoder", "text_encoder_2", "unet", "vae"):
        assert {one.dtype for one in getattr(pipe, part).parameters()} == {torch.float16}, part
    engine.unload()


@pytest.mark.parametrize("lost", ["model.diffusion_model.out.2.weight", "first_stage_model.decoder.conv_in.weight",
                                  "conditioner.embedders.1.model.ln_final.weight"])  # fmt: skip
def test_a_file_that_lacks_weights_is_refused(both: tuple[Path, Path, Path], tmp_path: Path, lost: str) -> None:
    _, file, configs = both
    weights = load_file(file)
    del weights[lost]
    save_file(weights, tmp_path / "less.safetensors")
    engine = SdxlEngine(tmp_path / "less.safetensors", device="cpu", config_dir=configs)
    with pytest.raises(EngineError, match=r"less\.safetensors") as told:
        engine.load()
    assert "bytes" not in str(told.value)
