"""Which ControlNets are there, and which one a map goes through: by headers, without torch."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_nets import TinyNets, tiny_controlnets

from backends.image.engine import ControlMap
from backends.image.sdxl.nets import UNION, available_maps, choose_nets
from configs.errors import EngineError

MAP = np.zeros((64, 64, 3), np.uint8)


def maps(*kinds: str) -> tuple[ControlMap, ...]:
    return tuple(ControlMap(kind, MAP) for kind in kinds)


def test_the_kinds_that_can_steer(nets: TinyNets) -> None:
    assert available_maps(tiny_controlnets(), nets.locate) == {
        "depth": "single", "pose": "single", "canny": "single", "normal": "union",
    }  # fmt: skip
    assert available_maps(tiny_controlnets(("depth",), union=False), nets.locate) == {"depth": "single"}
    assert available_maps(tiny_controlnets(()), lambda _: Path("/nowhere")) == {}


def test_they_are_found_without_torch(nets: TinyNets) -> None:
    code = "import sys; from backends.image.sdxl import nets; assert 'torch' not in sys.modules and nets.available_maps"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_single_nets_for_few_maps_and_the_union_from_then_on(nets: TinyNets) -> None:
    config = tiny_controlnets()
    assert [n.name for n in choose_nets(config, nets.locate, maps("pose", "depth")).nets] == ["pose", "depth"]
    three = choose_nets(config, nets.locate, maps("pose", "depth", "canny"))
    assert three.union and [n.name for n in three.nets] == [UNION] and three.modes == (0, 1, 3)
    assert choose_nets(tiny_controlnets(use_from=2), nets.locate, maps("pose", "depth")).union
    without = tiny_controlnets(("depth",))
    assert not choose_nets(without, nets.locate, maps("depth")).union
    assert choose_nets(without, nets.locate, maps("pose", "depth")).modes == (0, 1)
    singles = choose_nets(tiny_controlnets(union=False), nets.locate, maps("pose", "depth", "canny"))
    assert not singles.union and len(singles.nets) == 3


def test_a_union_that_does_not_know_a_kind_is_told(nets: TinyNets) -> None:
    config = tiny_controlnets()
    wrong = config.model_copy(update={"union": config.union.model_copy(update={"modes": {"depth": 9, "canny": 3}})})
    assert choose_nets(wrong, nets.locate, maps("depth")).modes == ()
    with pytest.raises(EngineError, match=r"for 'depth' maps: union\.modes\.depth is 9 .* knows kinds 0 to 5"):
        choose_nets(wrong, nets.locate, maps("depth", "canny", "canny"))


def test_a_missing_net_is_told_with_what_to_put_where(nets: TinyNets) -> None:
    with pytest.raises(EngineError, match=r"for 'normal' maps.*nets\.normal"):
        choose_nets(tiny_controlnets(union=False), nets.locate, maps("normal"))
    with pytest.raises(EngineError, match=r"Put an SDXL ControlNet for depth.*/elsewhere/depth"):
        choose_nets(tiny_controlnets(), lambda path: Path("/elsewhere") / path, maps("depth"))


def test_wrong_files_are_refused_with_the_reason(nets: TinyNets, tmp_path: Path) -> None:
    def refused(path: Path, match: str) -> None:
        with pytest.raises(EngineError, match=match):
            choose_nets(tiny_controlnets(("depth",), union=False), lambda _: path, maps("depth"))

    def header(*names: str) -> Path:
        path = tmp_path / "net.safetensors"
        entries = {n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in names}
        raw = json.dumps(entries).encode()
        path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(4))
        return path

    pickled = tmp_path / "net.bin"
    pickled.write_bytes(pickle.dumps({"a": 1}))
    refused(pickled, r"only \.safetensors")
    refused(tmp_path, "no .safetensors file")
    refused(header("some.weight"), "is no ControlNet")
    refused(header("controlnet_cond_embedding.conv_in.weight"), "another model than SDXL")
    refused(nets.union, "is a Union net")
    with pytest.raises(EngineError, match=r"nets\.canny"):
        choose_nets(tiny_controlnets(()), lambda _: nets.folder / "depth", maps("canny"))
    dressed = tmp_path / "dressed.safetensors"
    dressed.write_bytes(pickle.dumps({"a": 1}) + bytes(64))
    refused(dressed, "no safetensors file")
