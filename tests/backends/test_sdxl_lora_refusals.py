"""LoRAs that cannot be used: one sentence each, and the weights as they were."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lora_bench import Bench, lora_files, use
from safetensors.torch import load_file, save_file
from tiny_loras import build_foreign_lora
from tiny_sdxl import build_tiny_sdxl

from backends.image.engine import LoraUse
from configs.errors import EngineError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def files(tiny: Path) -> dict[str, Path]:
    return lora_files(tiny)


@pytest.fixture(scope="module")
def bench(tiny: Path) -> Bench:
    return Bench(tiny)


@pytest.fixture
def clean(bench: Bench) -> Iterator[Bench]:
    yield bench
    bench.adapters.clear()


def refused(bench: Bench, lora: LoraUse, words: str) -> None:
    """One sentence with these words; afterwards no LoRA is active and the weights are as before."""
    bench.adapters.use(())
    before = bench.state()
    for fuse in (False, True):
        with pytest.raises(EngineError, match=words) as caught:
            bench.adapters.use([lora], fuse=fuse)
        assert "\n" not in caught.value.sentence
        assert bench.state() == before


@pytest.mark.parametrize("weight", [50.0, -2.1, float("nan"), float("inf")])
def test_a_weight_out_of_range(clean: Bench, files: dict[str, Path], weight: float) -> None:
    refused(clean, use(files["kohya"], weight), "not between -2 and 2")


def test_files_that_are_none(clean: Bench, files: dict[str, Path], tmp_path: Path) -> None:
    refused(clean, use(tmp_path / "none.safetensors"), "there is no file")
    whole = files["kohya"].read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-1000])
    refused(clean, use(tmp_path / "cut.safetensors"), "cut off")
    torch.save({"a": torch.zeros(1)}, tmp_path / "pickle.safetensors")
    refused(clean, use(tmp_path / "pickle.safetensors"), "pickle")
    shutil.copy(files["kohya"], tmp_path / "lora.bin")
    refused(clean, use(tmp_path / "lora.bin"), r"no \.safetensors file")


def test_a_changed_file(clean: Bench, files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    shutil.copy(files["kohya"], path)
    (fact,) = clean.adapters.use([use(path)])
    clean.adapters.use([use(path, sha256=fact["sha256"].upper())])
    shutil.copy(files["peft"], path)
    refused(clean, use(path, sha256=fact["sha256"]), "has changed")


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(("kind", "words"), [("sd15", "Stable Diffusion 1.5"), ("flux", "Flux")])
def test_other_models(clean: Bench, tmp_path: Path, kind: Any, words: str, header: bool) -> None:
    refused(clean, use(build_foreign_lora(tmp_path, kind, header=header)), words)


def test_a_lora_of_another_width(clean: Bench, tiny: Path, tmp_path: Path, files: dict[str, Path]) -> None:
    tensors = load_file(files["unet"])
    wider = {k: torch.cat([t, t], 1).contiguous() if "lora_A" in k else t for k, t in tensors.items()}
    save_file(wider, tmp_path / "wide.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    refused(clean, use(tmp_path / "wide.safetensors"), "the model's has")


def test_values_that_are_no_numbers(clean: Bench, tmp_path: Path, files: dict[str, Path]) -> None:
    tensors = load_file(files["unet"])
    name = sorted(tensors)[3]
    tensors[name][0, 0] = float("nan")
    save_file(tensors, tmp_path / "nan.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    refused(clean, use(tmp_path / "nan.safetensors"), "not numbers")


def test_layers_that_do_not_exist(clean: Bench, tmp_path: Path, files: dict[str, Path]) -> None:
    tensors = load_file(files["unet"])
    moved = {k.replace("down_blocks.1", "down_blocks.7"): t for k, t in tensors.items()}
    save_file(moved, tmp_path / "some.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    (fact,) = clean.adapters.use([use(tmp_path / "some.safetensors")])
    assert fact["ignored_layers"] > 0
    none = {k: t for k, t in moved.items() if "down_blocks.7" in k}
    save_file(none, tmp_path / "none.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    refused(clean, use(tmp_path / "none.safetensors"), "none of its layers")


def test_half_a_layer(clean: Bench, tmp_path: Path, files: dict[str, Path]) -> None:
    tensors = load_file(files["unet"])
    tensors.pop(next(k for k in sorted(tensors) if "lora_B" in k))
    save_file(tensors, tmp_path / "half.safetensors", {"ss_base_model_version": "sdxl_base_v1-0"})
    refused(clean, use(tmp_path / "half.safetensors"), "one half")


def test_the_same_file_twice(clean: Bench, files: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "other-name.safetensors"
    shutil.copy(files["unet"], copy)
    with pytest.raises(EngineError, match="asked for twice"):
        clean.adapters.use([use(files["unet"]), use(copy)])


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ({"vae": 1.0}, "no part 'vae'"),
        ({"unet": {"middle": 1.0}}, "no 'middle'"),
        ({"unet": {"down": {"block_9": 1.0}}}, "no 'block_9'"),
        ({"unet": {"down": "much"}}, "no number"),
        ({"unet": {"up": {"block_0": []}}}, "empty"),
        ({"text_encoder": {"down": 1.0}}, "has no blocks"),
        ({"unet": 9}, "between -2 and 2"),
    ],
)
def test_blocks_that_are_wrong(clean: Bench, files: dict[str, Path], blocks: dict[str, Any], words: str) -> None:
    refused(clean, use(files["unet"], blocks=blocks), words)
