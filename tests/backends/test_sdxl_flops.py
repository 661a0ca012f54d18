"""Operations of a picture against what torch counts, on models without memory, and the table of GPUs."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backends.image.sdxl.flops import (
    CONTROLNET,
    TERA,
    TEXT,
    UNET,
    VAE_DECODE,
    VAE_ENCODE,
    floor_seconds,
    peak_flops,
    picture_flops,
)
from backends.image.sdxl.result import speed_of
from evals.benchmarks.painting.counted import counted, full_models

KNOWN = {512: (97.8, 140.6, 183.3), 768: (224.2, 321.9, 419.6), 1024: (416.1, 597.4, 778.6)}
"""TFLOP of 30 steps with guidance, with 0 to 2 ControlNets."""


@cache
def models() -> dict[str, Any]:
    return full_models()


@pytest.mark.parametrize("side", KNOWN)
@pytest.mark.parametrize("nets", [0, 1, 2])
def test_known_figures(side: int, nets: int) -> None:
    assert picture_flops(side, side, 30, 6.5, nets) / TERA == pytest.approx(KNOWN[side][nets], rel=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (1344, 768)])
def test_torch_counts_the_same(width: int, height: int) -> None:
    found = counted(models(), width, height)
    for name, cost in {"unet": UNET, "controlnet": CONTROLNET, "decode": VAE_DECODE, "encode": VAE_ENCODE}.items():
        assert cost.at(width, height) == pytest.approx(found[name], rel=0.001), name
    assert pytest.approx(found["text"], rel=0.001) == TEXT


def test_the_models_that_are_counted_have_the_real_sizes() -> None:
    sizes = {name: sum(p.numel() for p in model.parameters()) / 1e6 for name, model in models().items()}
    assert sizes["unet"] == pytest.approx(2567.5, abs=0.1) and sizes["controlnet"] == pytest.approx(1251.0, abs=0.1)
    assert sizes["vae"] == pytest.approx(83.7, abs=0.1)
    assert all(p.device == torch.device("meta") for model in models().values() for p in model.parameters())


def test_what_modes_and_guidance_add() -> None:
    plain = picture_flops(1024, 1024, 30, 6.5)
    decode = VAE_DECODE.at(1024, 1024) * TERA
    assert picture_flops(1024, 1024, 30, 1.0) - decode == pytest.approx((plain - decode) / 2)
    image, inpaint = (picture_flops(1024, 1024, 30, 6.5, mode=mode) for mode in ("image", "inpaint"))
    assert inpaint - image == pytest.approx(image - plain) == pytest.approx(VAE_ENCODE.at(1024, 1024) * TERA)
    # a few-step LoRA: 4 to 8 steps without guidance (37 to 65 TFLOP)
    assert 36 < picture_flops(1024, 1024, 4, 1.0) / TERA < 66 and 36 < picture_flops(1024, 1024, 8, 1.0) / TERA < 66


@given(
    width=st.integers(8, 256).map(lambda n: n * 8), height=st.integers(8, 256).map(lambda n: n * 8),
    steps=st.integers(1, 150), nets=st.integers(0, 4),
)  # fmt: skip
def test_more_is_never_less(width: int, height: int, steps: int, nets: int) -> None:
    here = picture_flops(width, height, steps, 6.5, nets)
    assert here > 0
    assert picture_flops(width + 64, height, steps, 6.5, nets) > here
    assert picture_flops(width, height, steps + 1, 6.5, nets) > here
    assert picture_flops(width, height, steps, 6.5, nets + 1) > here
    assert picture_flops(height, width, steps, 6.5, nets) == here


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA GeForce RTX 5080", 113), ("NVIDIA GeForce RTX 5060 Ti", 51), ("NVIDIA GeForce RTX 5070 Ti", 87.9),
        ("NVIDIA GeForce RTX 5070", 61.7), ("NVIDIA GeForce RTX 4090", 165), ("NVIDIA GeForce RTX 3090", 71),
        ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA A100 80GB PCIe", 312), ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756), ("NVIDIA H100 NVL", 835), ("NVIDIA H200", 989), ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121), ("Tesla T4", 65), ("Tesla V100-SXM2-16GB", 125), ("NVIDIA RTX A6000", 155),
    ],
)  # fmt: skip
def test_cards_by_their_drivers_name(name: str, tera: float) -> None:
    assert peak_flops(name) == pytest.approx(tera * TERA)


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 3090 Ti", "NVIDIA GeForce RTX 4080 SUPER",
        "NVIDIA GeForce RTX 4090 D", "NVIDIA A10G", "Intel Arc", "",
    ],
)  # fmt: skip
def test_other_cards_are_not_guessed(name: str) -> None:
    assert peak_flops(name) is None and floor_seconds(1e12, name) is None


def test_the_floor_of_the_users_card() -> None:
    seconds = [floor_seconds(picture_flops(1024, 1024, 30, 6.5, nets), "NVIDIA GeForce RTX 5080") for nets in range(3)]
    assert seconds == [pytest.approx(3.7, abs=0.05), pytest.approx(5.3, abs=0.05), pytest.approx(6.9, abs=0.05)]


def test_a_picture_tells_its_time_against_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, choice = SimpleNamespace(guidance=6.5), SimpleNamespace(nets=("depth",))
    work = SimpleNamespace(
        made=(1024, 1024), steps_done=30, recipe=recipe, choice=choice, mode="text", unchanged=None
    )  # fmt: skip
    painted: Any = SimpleNamespace(work=work)
    assert speed_of(painted, 90.0, "cpu") == {"seconds": 90.0, "tflop": 597.6, "gpu": ""}
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA GeForce RTX 5080")
    told = speed_of(painted, 13.2, "cuda")
    assert told["floor_s"] == pytest.approx(597.6 / 113, rel=0.01) and told["times_the_floor"] == pytest.approx(
        2.5, 0.01
    )
    work.unchanged = object()
    assert speed_of(painted, 0.1, "cuda") == {"seconds": 0.1}
