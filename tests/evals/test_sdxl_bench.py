"""The SDXL benchmark on tiny models: both sides make the same pictures, and the code for a GPU runs without one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evals.benchmarks.painting import on_gpu, overhead
from evals.benchmarks.painting.bare import Bare
from evals.benchmarks.painting.cases import CASES, FAST_STEPS, Case, World, build_world
from evals.benchmarks.sdxl import run

SIDE, STEPS = 64, 2


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("world"), "tiny", "float32", "cpu")


@pytest.mark.slow
def test_engine_and_script_make_the_same_pictures(world: World) -> None:
    """Else their times could not be compared."""
    engine, bare = world.engine("cpu"), Bare(world, "cpu", "float32")
    engine.load()
    pictures = {}
    for case in CASES:
        bare.prepare(case)
        ours = engine.generate(case.request(world, SIDE, STEPS))
        theirs = bare.picture(case, SIDE, STEPS)
        assert np.abs(ours.image.astype(int) - theirs.astype(int)).max() <= 1, case.name
        assert ours.params["steps"] == (FAST_STEPS if case.fast else STEPS)
        assert len(ours.params["loras"]) == case.loras + case.fast and len(ours.params["controls"]) == case.nets
        pictures[case.name.removesuffix("_fused")] = ours.image.tobytes()
    assert len(set(pictures.values())) == len(pictures)
    engine.unload()


@pytest.mark.slow
def test_the_part_for_a_gpu_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_gpu, "TRIES", 1)
    figures = on_gpu.measure("tiny", "cpu", 32, STEPS, 4, compiled=False)
    json.dumps(figures)
    assert set(figures["engine"]) == {case.name for case in CASES} | {"switching"}
    assert set(figures["diffusers"]) == {case.name for case in CASES if not case.fused}
    for case in CASES:
        assert figures["engine"][case.name]["seconds"] > 0 and figures["engine"][case.name]["times_the_script"] > 0
    assert figures["many"]["first_and_last_the_same"] and figures["many"]["pictures"] == 4


@pytest.mark.slow
def test_the_part_for_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "SIDE", 64)
    monkeypatch.setattr(overhead, "SMALL", 32)
    figures = run(bare_seconds=0.1, pairs=1, rounds=1)
    json.dumps(figures)
    assert set(figures["overhead"]) == {"plain", "lora_2", "controlnet_1", "controlnet_2"}
    assert all(case["largest_difference"] <= 1 for case in figures["overhead"].values())
    assert figures["loras"]["fuse_2_ms"] > 0
    assert figures["flops"]["1024 px"]["tflop_by_nets"] == pytest.approx([416.1, 597.4, 778.6], rel=0.002)


def test_few_step_pictures_have_their_own_steps() -> None:
    assert Case("few_step", fast=True).steps(30) == FAST_STEPS and Case("plain").steps(30) == 30
