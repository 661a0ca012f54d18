"""LoRAs on the tiny SDXL: both forms of files, strengths, merging, and the same bits as before when they are gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_loras import build_foreign_lora, build_lora
from tiny_sdxl import build_tiny_sdxl

from backends.gpu.engine import EngineOutOfMemory
from backends.gpu.weights.arena import HostArena
from backends.image.engine import LoraUse
from backends.image.sdxl.adapters import Adapters
from backends.image.sdxl.lora_file import PARTS
from backends.image.sdxl.weights import COMPONENTS, read_pipeline
from configs.errors import EngineError

TOLERANCE = 1e-5
"""Merged against beside, float32, values of a picture in 0..1."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))


@pytest.fixture(scope="module")
def files(tiny: Path) -> dict[str, Path]:
    folder = tiny.parent / "loras"
    return {
        "kohya": build_lora(folder, tiny, "kohya", seed=1, alpha=2.0),
        "peft": build_lora(folder, tiny, "peft", rank=8, seed=2),
        "unet": build_lora(folder, tiny, "peft", seed=3, text=False),
        "locon": build_lora(folder, tiny, "kohya", seed=4, text=False, convolutions=True, name="locon"),
    }


class Bench:
    """A pipeline in its arena with adapters, without the rest of the engine."""

    def __init__(self, path: Path, dtype: str = "float32") -> None:
        self.pipe: Any = read_pipeline(path, None, dtype=dtype, device="cpu")
        self.arena = HostArena({name: getattr(self.pipe, name) for name in COMPONENTS}, "cpu")
        self.arena.restore()
        self.adapters = Adapters(self.pipe, self.arena)

    def picture(self) -> np.ndarray:
        generator = torch.Generator().manual_seed(5)
        made = self.pipe(
            "a boy on a beach", width=64, height=64, num_inference_steps=2, generator=generator, output_type="np"
        )
        return np.asarray(made.images[0])

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Address and bytes of every tensor, by its name."""
        return {
            f"{part}.{name}": (t.data_ptr(), t.detach().contiguous().view(torch.uint8).numpy().tobytes())
            for part in COMPONENTS
            for name, t in getattr(self.pipe, part).state_dict().items()
        }


@pytest.fixture(scope="module")
def bench(tiny: Path) -> Bench:
    return Bench(tiny)


@pytest.fixture
def clean(bench: Bench) -> Iterator[Bench]:
    yield bench
    bench.adapters.clear()


def use(path: Path, weight: float = 0.8, **more: Any) -> LoraUse:
    return LoraUse(path.stem, str(path), weight, **more)


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


# -- what is refused --------------------------------------------------------------------------------------------------


def refused(bench: Bench, lora: LoraUse, words: str, tmp: Path | None = None) -> None:
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
