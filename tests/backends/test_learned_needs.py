"""Learned memory needs: what replaces the guess, what is kept, what a damaged file does."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from arbiter_engines import Bench, MeasuredEngine, until
from hypothesis import given
from hypothesis import strategies as st

from backends.gpu.needs import ENOUGH, KEPT, LearnedNeeds
from configs.errors import EngineError


def taught(*samples: int, path: Path | None = None, shape: str = "") -> LearnedNeeds:
    needs = LearnedNeeds(path)
    for mib in samples:
        needs.add("sdxl", shape, mib, 8000)
    return needs


def test_three_samples_replace_the_guess() -> None:
    assert taught(9000, 9100).need("sdxl") is None
    assert taught(9000, 9100, 9050).need("sdxl") == 10010
    assert taught(9000, 9100, 9050, shape="2048x1152").need("sdxl") is None


@given(st.lists(st.integers(4000, 20000), min_size=ENOUGH, max_size=KEPT))
def test_it_is_the_99th_percentile_with_a_margin(samples: list[int]) -> None:
    needs = taught(*samples)
    below = sum(s <= (needs.peak("sdxl") or 0) for s in samples)
    assert below >= 0.99 * len(samples)
    assert 1.1 * (needs.peak("sdxl") or 0) <= (needs.need("sdxl") or 0) < 1.1 * (needs.peak("sdxl") or 0) + 1.001


def test_old_samples_go() -> None:
    needs = taught(20000, *[9000] * KEPT)
    assert needs.peak("sdxl") == 9000


def test_a_sample_of_an_engine_that_did_nothing_is_not_believed() -> None:
    needs = LearnedNeeds()
    assert not needs.add("sdxl", "", 3000, 8000) and needs.add("sdxl", "", 4000, 8000)
    assert not needs.add("sdxl", "x" * 500, 9000, 8000)


def test_it_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "needs.json"
    first = taught(9000, 9100, 9050, path=path)
    assert first.dirty
    first.save()
    assert not first.dirty and [p.name for p in path.parent.iterdir()] == ["needs.json"]
    again = LearnedNeeds(path)
    assert again.need("sdxl") == 10010
    again.forget("sdxl")
    again.save()
    assert LearnedNeeds(path).need("sdxl") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"samples": {"sdxl": {"": ["a"]}}}', '{"other": 1}'])
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "needs.json"
    path.write_text(content)
    with caplog.at_level(logging.WARNING, "studio.arbiter"):
        needs = taught(9000, 9100, 9050, path=path)
    assert "damaged" in caplog.text and (tmp_path / "needs.json.damaged").read_text() == content
    needs.save()
    assert LearnedNeeds(path).need("sdxl") == 10010


def test_impossible_figures_in_the_file_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "needs.json"
    path.write_text(json.dumps({"samples": {"sdxl": {"": [-5, 0, 10**12, 9000, 9100, 9050]}}}))
    assert LearnedNeeds(path).need("sdxl") == 10010


def test_a_folder_that_refuses_writing_costs_only_the_figures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    needs = taught(9000, path=tmp_path / "file" / "needs.json")
    with caplog.at_level(logging.WARNING, "studio.arbiter"):
        needs.save()
    assert "cannot be saved" in caplog.text


# -- in the arbiter ----------------------------------------------------------------------------------------------


def test_the_margin_alone_never_lifts_a_need_above_the_budget_and_that_is_told() -> None:
    needs = LearnedNeeds()
    for _ in range(3):
        needs.add("sdxl", "", 95, 90)
    b = Bench({"sdxl": 90}, gpu=["sdxl"], card=100, needs=needs)
    try:
        with b.arbiter.lease(["sdxl"], "x") as lease:
            assert b.arbiter.need_mib("sdxl") == 100 and b.row("sdxl")["learned"]
            assert lease.notices == ("sdxl was seen to need nearly all of its budget; there is no margin left",)
    finally:
        b.arbiter.close()


def test_a_measured_need_above_the_budget_is_refused_with_the_way_out(tmp_path: Path) -> None:
    needs = LearnedNeeds(tmp_path / "needs.json")
    for _ in range(3):
        needs.add("sdxl", "2048x1152", 120, 90)
    b = Bench({"sdxl": 90}, gpu=["sdxl"], card=100, needs=needs)
    try:
        with pytest.raises(EngineError) as caught:
            b.arbiter.lease(["sdxl"], "poster", shape="2048x1152")
        told = str(caught.value)
        assert "measured to need 120 MiB for 2048x1152 and the gpu budget is 100 MiB" in told
        assert "smaller size" in told and str(tmp_path / "needs.json") in told
        b.touch("sdxl")
    finally:
        b.arbiter.close()


def test_what_was_learned_is_saved_by_the_arbiter(tmp_path: Path) -> None:
    path = tmp_path / "needs.json"
    b = Bench({"sdxl": 50}, gpu=["sdxl"], card=100, kinds={"sdxl": MeasuredEngine}, needs=LearnedNeeds(path))
    try:
        b.engines["sdxl"].peak = 60
        for _ in range(3):
            b.touch("sdxl", shape="s")
        until(lambda: path.exists() and LearnedNeeds(path).need("sdxl", "s") == 66)
    finally:
        b.arbiter.close()
