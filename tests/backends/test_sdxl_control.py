"""Control maps in SDXL: strength, range of steps, which nets are read and when they go again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from tiny_nets import TinyNets, build_tiny_nets, maps, picture, tiny_controlnets, tiny_engine

from backends.image.engine import ControlMap, ImageRequest, InitImage, Reference
from backends.image.sdxl.controlnets import IDLE
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.nets import UNION
from configs.errors import EngineError
from evals.benchmarks.swapping.random_nets import build_random_controlnet, build_random_ip_adapter

PLAIN = ImageRequest("a boy on a beach", width=64, height=64, seed=7, steps=4)


@pytest.fixture(scope="module")
def engine(model: Path, nets: TinyNets) -> SdxlEngine:
    return tiny_engine(model, nets)


def net_of(engine: SdxlEngine, name: str) -> Any:
    assert engine._models is not None
    return engine._models.nets._nets[name][-1]


@contextmanager
def counted(engine: SdxlEngine, name: str) -> Iterator[list[int]]:
    """The net's runs: how many maps each had."""
    runs: list[int] = []
    net = net_of(engine, name)
    hook = net.controlnet_cond_embedding.register_forward_hook(lambda *_: runs.append(1))
    try:
        yield runs
    finally:
        hook.remove()


def test_a_map_without_strength_is_no_map(engine: SdxlEngine) -> None:
    plain = engine.generate(PLAIN).image
    for kinds in (("depth",), ("depth", "pose"), ("depth", "pose", "canny")):
        none = engine.generate(replace(PLAIN, controls=maps(*kinds, scale=0.0)))
        full = engine.generate(replace(PLAIN, controls=maps(*kinds)))
        assert np.array_equal(none.image, plain) and not np.array_equal(full.image, plain)


def test_outside_its_steps_a_map_costs_no_work_and_changes_nothing(engine: SdxlEngine) -> None:
    engine.generate(replace(PLAIN, controls=maps("depth")))
    with counted(engine, "depth") as runs:
        half = engine.generate(replace(PLAIN, controls=maps("depth", end=0.5))).image
    assert len(runs) == 2
    mixed = (*maps("depth", end=0.5), *maps("pose", scale=0.0))
    assert np.array_equal(engine.generate(replace(PLAIN, controls=mixed)).image, half)
    engine.generate(replace(PLAIN, controls=maps("depth", "pose", "canny")))
    with counted(engine, UNION) as runs:
        first = (*maps("depth", end=0.5), *maps("pose", "canny", start=0.5))
        engine.generate(replace(PLAIN, controls=first))
    assert len(runs) == 2 * 1 + 2 * 2


def test_a_map_that_steers_in_no_step_is_told(engine: SdxlEngine) -> None:
    """With few steps, or a weak change of a picture, nothing may be left of its range."""
    early = maps("depth", end=0.7)
    one = engine.generate(replace(PLAIN, steps=1, controls=early))
    assert one.warnings == (
        "The depth map had no effect: the only step does not lie wholly between 0 and 0.7 of the way.",
    )
    assert np.array_equal(one.image, engine.generate(replace(PLAIN, steps=1)).image)
    weak = engine.generate(replace(PLAIN, controls=early, init=InitImage(picture(3), 0.25)))
    assert weak.params["steps_done"] == 1 and "the only step" in weak.warnings[0]
    late = engine.generate(replace(PLAIN, controls=maps("depth", start=0.8)))
    assert "none of the 4 steps lies wholly between 0.8 and 1" in late.warnings[0]
    for controls in (early, maps("depth", "pose", "canny", start=0.5)):
        assert engine.generate(replace(PLAIN, controls=controls)).warnings == ()


def test_a_union_steers_with_the_maps_of_the_moment_alone(engine: SdxlEngine) -> None:
    three = replace(PLAIN, steps=1, controls=(*maps("depth"), *maps("pose", "canny", scale=0.0)))
    one = tiny_controlnets((), use_from=1)
    alone = SdxlEngine(
        engine._path, device="cpu", config=engine._table, controlnets=one, locate=engine._locate
    )  # fmt: skip
    alone.load()
    assert np.array_equal(
        alone.generate(replace(PLAIN, steps=1, controls=maps("depth"))).image, engine.generate(three).image
    )
    alone.unload()


def test_what_steered_is_told(engine: SdxlEngine, nets: TinyNets) -> None:
    control = ControlMap("depth", picture(5), 0.6, 0.1, 0.9, source="layout", asset="img-1")
    told = engine.generate(replace(PLAIN, controls=(control, *maps("pose")))).params["controls"]
    assert told[0] | {"sha256": "", "net": {}} == {
        "kind": "depth", "scale": 0.6, "start": 0.1, "end": 0.9, "source": "layout", "asset": "img-1", "sha256": "",
        "net": {},
    }  # fmt: skip
    assert len(told[0]["sha256"]) == 64 and told[0]["sha256"] != told[1]["sha256"]
    assert told[0]["net"]["name"] == "depth" and told[0]["net"]["fingerprint"] != told[1]["net"]["fingerprint"]
    union = engine.generate(replace(PLAIN, controls=maps("depth", "pose", "canny"))).params["controls"]
    assert [c["net"]["mode"] for c in union] == [1, 0, 3] and union[0]["net"]["union"] is True


def test_unused_nets_leave_the_device_at_once_and_main_memory_later(model: Path, nets: TinyNets) -> None:
    engine = tiny_engine(model, nets)
    assert engine._models is not None
    parts, need = engine._models.parts, engine.need_mib()
    small = replace(PLAIN, steps=1, width=32, height=32)
    one = tuple(replace(c, image=c.image[:32, :32]) for c in maps("depth"))
    assert parts.names == frozenset()
    engine.generate(replace(small, controls=one))
    assert parts.names == {"depth"} and "depth" in parts.on_device and engine.need_mib() >= need
    whole = parts.nbytes
    engine.generate(small)
    assert parts.names == {"depth"} and "depth" not in parts.on_device
    for _ in range(IDLE):
        engine.generate(small)
    assert parts.names == frozenset() and parts.nbytes < whole and engine.need_mib() == need
    engine.unload()


def test_a_single_file_is_read_as_the_folder_is(
    engine: SdxlEngine, model: Path, nets: TinyNets, tmp_path: Path
) -> None:
    for kind in ("depth", "pose"):
        shutil.copy(nets.folder / kind / "diffusion_pytorch_model.safetensors", tmp_path / f"{kind}.safetensors")
    shutil.copytree(nets.union, tmp_path / UNION)  # its config.json tells what the tensors do not

    def locate(path: str) -> Path:
        return (
            tmp_path / UNION / "diffusion_pytorch_model.safetensors"
            if path == UNION
            else tmp_path / f"{path}.safetensors"
        )

    single = SdxlEngine(
        model, device="cpu", config=engine._table, controlnets=tiny_controlnets(("depth", "pose")), locate=locate
    )
    single.load()
    for kinds in (("depth",), ("depth", "pose"), ("canny",)):
        asked = replace(PLAIN, steps=1, controls=maps(*kinds))
        expected = engine if kinds != ("canny",) else tiny_engine(model, nets, controlnets=tiny_controlnets(()))
        assert np.array_equal(single.generate(asked).image, expected.generate(asked).image)
    single.unload()


def test_nets_that_do_not_fit_the_model_are_told(model: Path, nets: TinyNets, tmp_path: Path) -> None:
    folder = tmp_path / "depth"
    shutil.copytree(nets.folder / "depth", folder)
    engine = SdxlEngine(
        model,
        device="cpu",
        config=None,
        controlnets=tiny_controlnets(("depth",), union=False),
        locate=lambda p: tmp_path / p,
    )
    engine.load()
    before = engine.generate(replace(PLAIN, steps=1)).image
    asked = replace(PLAIN, steps=1, controls=maps("depth"))
    weights = folder / "diffusion_pytorch_model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(weights).items()}  # not of the file below
    config = json.loads((folder / "config.json").read_text())

    def fails(match: str) -> None:
        with pytest.raises(EngineError, match=match) as caught:
            engine.generate(asked)
        assert "\n" not in caught.value.sentence

    (folder / "config.json").write_text(json.dumps({**config, "cross_attention_dim": 32}))
    fails("cannot be loaded|does not fit")
    (folder / "config.json").write_text("{}")
    fails("cannot be loaded")
    (folder / "config.json").write_text(json.dumps(config))
    weights.write_bytes(weights.read_bytes()[:-1000])
    fails("cannot be used")
    save_file({k: v for k, v in tensors.items() if "mid_block" not in k}, weights)
    fails("cannot be loaded")
    shutil.rmtree(folder)
    fails("Put an SDXL ControlNet for depth")
    assert np.array_equal(engine.generate(replace(PLAIN, steps=1)).image, before)
    engine.unload()


def test_a_net_or_adapter_that_changed_on_the_disk_is_read_again(
    model: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What the result tells of it is of the file as it is."""
    nets = build_tiny_nets(tmp_path_factory.mktemp("changing"))
    engine = tiny_engine(model, nets)
    steered = replace(PLAIN, steps=1, controls=maps("depth"))
    looked = replace(PLAIN, steps=1, references=(Reference(picture(2)),))
    first = [engine.generate(request) for request in (steered, looked)]
    build_random_controlnet(nets.folder / "depth", seed=99)
    build_random_ip_adapter(nets.folder / "ip", seed=99)
    again = [engine.generate(request) for request in (steered, looked)]
    for one, other, key in zip(first, again, ("controls", "ip_adapter"), strict=True):
        assert one.params[key] != other.params[key] and not np.array_equal(one.image, other.image)
    fresh = tiny_engine(model, nets)
    for request, result in zip((steered, looked), again, strict=True):
        assert np.array_equal(fresh.generate(request).image, result.image)
    fresh.unload()
    engine.unload()


@pytest.mark.parametrize(
    ("control", "match"),
    [
        (ControlMap("depth", picture(0, 64, 32)), "depth map cannot be used: it is 64x32, the picture 64x64"),
        (ControlMap("depth", picture(0)[..., 0]), "wrong form"),
        (ControlMap("depth", picture(0), scale=float("nan")), "cannot steer so"),
        (ControlMap("depth", picture(0), scale=50), "cannot steer so"),
        (ControlMap("depth", picture(0), start=0.6, end=0.4), "0 <= start < end <= 1"),
        (ControlMap("sketch", picture(0)), "No ControlNet for 'sketch' maps is set"),
    ],
)
def test_maps_that_cannot_steer_are_refused_before_anything_is_loaded(
    engine: SdxlEngine, control: ControlMap, match: str
) -> None:
    with pytest.raises(EngineError, match=match):
        engine.generate(replace(PLAIN, controls=(control,)))


def test_a_black_map_and_odd_sizes_make_a_picture(engine: SdxlEngine) -> None:
    black = ControlMap("depth", np.zeros((66, 70, 3), np.uint8))
    result = engine.generate(replace(PLAIN, steps=1, width=70, height=66, controls=(black,)))
    assert result.image.shape == (66, 70, 3) and result.image.std() > 1
