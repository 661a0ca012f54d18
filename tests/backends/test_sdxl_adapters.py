"""LoRAs on the tiny SDXL: both forms of files, strengths, merging, and the same bits as before when they are gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from lora_bench import Bench, lora_files, use
from safetensors.torch import load_file, save_file
from tiny_loras import build_lora
from tiny_sdxl import build_tiny_sdxl

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.weights.arena import HostArena
from backends.image.sdxl.lora_file import PARTS, check_lora, read_lora
from evals.benchmarks.swapping.random_sdxl import random_modules

TOLERANCE = 1e-5
"""Merged against beside, float32, values of a picture in 0..1."""


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


def plain_diffusers(tiny: Path, loras: list[tuple[Path, Any]]) -> np.ndarray:
    """What diffusers itself makes of these files."""
    other = Bench(tiny)
    for number, (path, _) in enumerate(loras):
        other.pipe.load_lora_weights(str(path), adapter_name=f"a{number}")
    other.pipe.set_adapters([f"a{i}" for i in range(len(loras))], [weight for _, weight in loras])
    return other.picture()


@pytest.mark.parametrize("form", ["kohya", "peft", "unet", "locon"])
def test_it_does_what_diffusers_does(clean: Bench, tiny: Path, files: dict[str, Path], form: str) -> None:
    plain = clean.picture()
    (facts,) = clean.adapters.use([use(files[form], 0.7)])
    made = clean.picture()
    assert np.abs(made - plain).mean() > 0.01
    assert np.abs(made - plain_diffusers(tiny, [(files[form], 0.7)])).max() < TOLERANCE
    assert facts["rank"] == (8 if form == "peft" else 4) and facts["weight"] == 0.7 and not facts["fused"]
    assert facts["file"] == files[form].name and len(facts["sha256"]) == 64 and facts["ignored_layers"] == 0
    json.dumps(facts)


def test_without_loras_the_weights_are_bit_for_bit_as_they_were(clean: Bench, files: dict[str, Path]) -> None:
    before, picture = clean.state(), clean.picture()
    kohya, peft = use(files["kohya"]), use(files["peft"], 0.5)
    for fuse in (False, True, False):
        clean.adapters.use([kohya, peft], fuse=fuse)
        assert not np.array_equal(clean.picture(), picture)
        assert clean.adapters.use(()) == ()
        assert clean.state() == before
        assert np.array_equal(clean.picture(), picture)
        assert not any(hasattr(m, "lora_A") for part in PARTS for m in getattr(clean.pipe, part).modules())
        assert clean.adapters.mib == 0


def test_merged_equals_beside(clean: Bench, files: dict[str, Path]) -> None:
    loras = [use(files["kohya"]), use(files["peft"], -0.4), use(files["locon"], 0.6)]
    clean.adapters.use(loras)
    beside = clean.picture()
    facts = clean.adapters.use(loras, fuse=True)
    assert np.abs(clean.picture() - beside).max() < TOLERANCE
    assert all(fact["fused"] for fact in facts) and clean.adapters.mib == 0


def test_merged_again_after_every_way_to_the_device(clean: Bench, files: dict[str, Path]) -> None:
    clean.adapters.use([use(files["kohya"])], fuse=True)
    state, picture = clean.state(), clean.picture()
    clean.arena.park()
    clean.arena.restore()
    assert {k: v[1] for k, v in clean.state().items()} == {k: v[1] for k, v in state.items()}
    clean.arena.hold("text_encoder")
    clean.arena.hold("unet")
    clean.arena.restore()
    assert np.array_equal(clean.picture(), picture)


def test_the_layers_go_where_their_part_goes(clean: Bench, files: dict[str, Path]) -> None:
    clean.adapters.use([use(files["kohya"])])
    picture = clean.picture()
    guest = clean.arena._guests[0]
    assert guest.on_device == {"unet", "text_encoder", "text_encoder_2"} and clean.adapters.mib > 0
    clean.arena.hold("unet", "vae")
    assert guest.on_device == {"unet"}
    clean.arena.park()
    assert guest.parked
    clean.arena.restore()
    assert guest.on_device == {"unet", "text_encoder", "text_encoder_2"}
    assert np.array_equal(clean.picture(), picture)


def test_put_on_while_parked(clean: Bench, files: dict[str, Path]) -> None:
    clean.adapters.use([use(files["kohya"]), use(files["unet"])])
    picture = clean.picture()
    clean.adapters.use(())
    clean.arena.park()
    clean.adapters.use([use(files["kohya"]), use(files["unet"])])
    assert clean.arena._guests[0].parked
    clean.arena.restore()
    assert np.array_equal(clean.picture(), picture)


def test_what_is_no_longer_used_is_deleted(clean: Bench, files: dict[str, Path]) -> None:
    alone, both = [use(files["unet"])], [use(files["unet"]), use(files["kohya"])]
    clean.adapters.use(alone)
    picture, size = clean.picture(), clean.adapters.mib
    clean.adapters.use(both)
    assert len(clean.arena._guests) == 2 and clean.adapters.mib > size
    clean.adapters.use(alone)
    assert len(clean.arena._guests) == 1 and clean.adapters.mib == size
    layers = [m for m in clean.pipe.unet.modules() if hasattr(m, "lora_A")]
    assert layers and all(len(m.lora_A) == 1 for m in layers)
    assert not any(hasattr(m, "lora_A") for m in clean.pipe.text_encoder.modules())
    assert np.array_equal(clean.picture(), picture)


def test_the_order_of_loading_does_not_matter_the_order_asked_does(clean: Bench, files: dict[str, Path]) -> None:
    one, two = use(files["unet"]), use(files["kohya"])
    clean.adapters.use([one, two])
    picture = clean.picture()
    clean.adapters.use(())
    clean.adapters.use([two])
    clean.adapters.use([one, two])
    assert np.array_equal(clean.picture(), picture)


BLOCKS: list[dict[str, Any]] = [
    {"unet": {"down": 0.5, "mid": 0.2, "up": {"block_0": [1.0, 0.0, 0.3]}}},
    {"unet": {"down": 0.0, "mid": 0.0}, "text_encoder": 0.0, "text_encoder_2": 0.5},
    {"unet": 0.3},
]


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("fuse", [False, True])
def test_strengths_per_block_are_those_of_diffusers(
    clean: Bench, tiny: Path, files: dict[str, Path], blocks: dict[str, Any], fuse: bool
) -> None:
    clean.adapters.use([use(files["kohya"], 1.0, blocks=blocks)], fuse=fuse)
    assert np.abs(clean.picture() - plain_diffusers(tiny, [(files["kohya"], blocks)])).max() < TOLERANCE


def test_blocks_are_shares_of_the_weight(clean: Bench, files: dict[str, Path]) -> None:
    clean.adapters.use([use(files["kohya"], 0.5, blocks={"unet": {"down": 1.0}, "text_encoder": 1.0})])
    named = clean.picture()
    clean.adapters.use([use(files["kohya"], 0.5)])
    assert np.array_equal(clean.picture(), named)


def test_a_weight_of_nothing_changes_nothing(clean: Bench, files: dict[str, Path]) -> None:
    picture = clean.picture()
    (fact,) = clean.adapters.use([use(files["kohya"], 0.0)])
    assert np.array_equal(clean.picture(), picture) and fact["weight"] == 0.0


def test_alpha_in_the_header_of_peft_files_counts(clean: Bench, tiny: Path, files: dict[str, Path]) -> None:
    told = {"unet.r": 8, "unet.lora_alpha": 2, "unet.target_modules": ["to_q"], "unet.lora_dropout": 0.0}
    half = tiny.parent / "alpha.safetensors"
    source = load_file(build_lora(tiny.parent / "loras", tiny, "peft", rank=8, seed=9, text=False, name="whole"))
    save_file(source, half, {"format": "pt", "lora_adapter_metadata": json.dumps(told)})
    clean.adapters.use([use(half, 1.0)])
    made = clean.picture()
    clean.adapters.use([use(tiny.parent / "loras" / "whole.safetensors", 0.25)])
    assert np.abs(clean.picture() - made).max() < TOLERANCE


def test_half_precision_stays_and_merging_rounds_once(tiny: Path, files: dict[str, Path]) -> None:
    bench = Bench(tiny, "bfloat16")
    before = bench.state()
    bench.adapters.use([use(files["kohya"])])
    assert {t.dtype for t in bench.pipe.unet.parameters()} == {torch.bfloat16}
    beside = bench.picture()
    bench.adapters.use([use(files["kohya"])], fuse=True)
    assert np.abs(bench.picture() - beside).mean() < 0.02
    weight = bench.pipe.unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn1.to_q").weight
    bench.adapters.use(())
    assert weight.dtype is torch.bfloat16 and bench.state() == before


@pytest.mark.parametrize("fuse", [False, True])
def test_the_same_again_reads_nothing(
    clean: Bench, files: dict[str, Path], fuse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = [use(files["kohya"]), use(files["peft"])]
    facts = clean.adapters.use(loras, fuse=fuse)
    picture = clean.picture()
    for name in ("read_lora", "put_in", "set_strengths", "merge"):
        monkeypatch.setattr(f"backends.image.sdxl.adapters.{name}", None)
    assert clean.adapters.use(loras, fuse=fuse) == facts
    monkeypatch.undo()
    assert np.array_equal(clean.picture(), picture)
    clean.adapters.use([use(files["kohya"], 0.3), use(files["peft"])], fuse=fuse)
    assert not np.array_equal(clean.picture(), picture)


@pytest.mark.parametrize("broken", ["HostArena", "set_strengths", "merge"])
def test_a_failure_half_way_leaves_no_lora(
    clean: Bench, files: dict[str, Path], broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = clean.state()
    clean.adapters.use([use(files["unet"])], fuse=broken == "merge")

    def full(*_: Any, **__: Any) -> None:
        raise EngineOutOfMemory("There is too little main memory")

    monkeypatch.setattr(f"backends.image.sdxl.adapters.{broken}", full)
    with pytest.raises(EngineOutOfMemory):
        clean.adapters.use([use(files["unet"]), use(files["kohya"])], fuse=broken == "merge")
    monkeypatch.undo()
    assert clean.state() == before and not clean.arena._guests
    assert not any(hasattr(m, "lora_A") for part in PARTS for m in getattr(clean.pipe, part).modules())
    clean.adapters.use([use(files["unet"]), use(files["kohya"])])


@pytest.mark.parametrize("fuse", [False, True])
def test_no_part_is_on_the_device_with_half_its_loras(
    clean: Bench, files: dict[str, Path], fuse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merging, or bringing the layers of LoRAs, may fail for want of memory when weights come back to the device."""
    clean.adapters.use([use(files["kohya"])], fuse=fuse)
    picture = clean.picture()
    clean.arena.park()
    allocate = HostArena._allocate

    def full(*given: Any, **_: Any) -> Any:
        if given[0] is clean.arena:
            return allocate(*given)
        raise torch.OutOfMemoryError("CUDA out of memory")

    place = "backends.image.sdxl.adapters.merge" if fuse else "backends.gpu.weights.arena.HostArena._allocate"
    monkeypatch.setattr(place, full)
    with pytest.raises((torch.OutOfMemoryError, EngineOutOfMemory)):
        clean.arena.restore()
    assert clean.arena.parked and all(guest.parked for guest in clean.arena._guests)
    monkeypatch.undo()
    clean.arena.restore()
    assert np.array_equal(clean.picture(), picture)


@pytest.mark.parametrize("form", ["kohya", "peft"])
def test_all_layers_of_a_real_files_names_are_found_in_the_real_model(tmp_path: Path, form: Any) -> None:
    """722, 72 and 192: what sd-scripts trains in SDXL. On the meta device: names and sizes alone."""
    with torch.device("meta"):
        models = random_modules("full")
    shapes = {part: {k: tuple(t.shape) for k, t in models[part].state_dict().items()} for part in PARTS}
    path = build_lora(tmp_path, shapes, form, rank=1)
    pipe = SimpleNamespace(**models, lora_state_dict=StableDiffusionXLPipeline.lora_state_dict)
    found = read_lora(check_lora(use(path)), pipe)
    assert {part: len(pairs) for part, pairs in found.parts.items()} == {
        "unet": 722, "text_encoder": 72, "text_encoder_2": 192,
    }  # fmt: skip
    assert found.ignored == 0 and found.rank == 1
