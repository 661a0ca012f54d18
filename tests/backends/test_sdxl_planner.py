"""The planner of memory: measured peaks, and what must hold for every wish."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.image.sdxl.flops import picture_flops
from backends.image.sdxl.planner import (
    FULL_FP16,
    NET_MIB,
    PlanInput,
    forecast_seconds,
    peak_mib,
    plan,
    setups,
)

CARD = 15_500.0
FIXED_VAE = PlanInput(vae_upcast=False, budget_mib=CARD)

wishes = st.builds(
    PlanInput,
    width=st.integers(8, 256).map(lambda n: n * 8),
    height=st.integers(8, 256).map(lambda n: n * 8),
    nets=st.integers(0, 5),
    union_mib=st.sampled_from([0.0, NET_MIB, 2600.0]),
    ip_adapter_mib=st.sampled_from([0.0, 808.0]),
    loras_mib=st.floats(0, 2000),
    batch=st.integers(1, 8),
    guidance=st.sampled_from([0.0, 1.0, 6.5]),
    dtype=st.sampled_from(["float16", "bfloat16", "float32"]),
    vae_upcast=st.booleans(),
    budget_mib=st.one_of(st.none(), st.floats(1000, 40_000)),
    text_apart=st.booleans(),
)


def test_the_weights_are_those_of_sdxl() -> None:
    assert sum(FULL_FP16.values()) == pytest.approx(6.94e9 / 2**20, rel=0.005)
    assert pytest.approx(2.50e9 / 2**20, rel=0.005) == NET_MIB


@pytest.mark.parametrize(("nets", "gigabytes"), [(0, 9.0), (1, 11.5), (2, 14.0), (3, 16.5)])
def test_peaks_are_those_that_are_known(nets: int, gigabytes: float) -> None:
    """Fp16, everything on the GPU, the fp16-fix VAE in tiles (docs of diffusers and measurements at 1024 px)."""
    peak = peak_mib(replace(FIXED_VAE, nets=nets), "vae_tiling")
    assert peak * 2**20 / 1e9 == pytest.approx(gigabytes, rel=0.03)


def test_the_peak_measured_on_an_h100() -> None:
    """9160 MiB of torch's reserve and 500 of context, with the VAE in float32 and tiles; never forecast too low."""
    assert 9660 <= peak_mib(PlanInput(), "vae_tiling") <= 9660 * 1.05
    assert 5538 + 500 <= peak_mib(PlanInput(), "model_offload") <= (5538 + 500) * 1.05


def test_two_nets_fit_into_16_gb_and_three_take_the_union() -> None:
    assert plan(FIXED_VAE).setup == "plain"
    two = plan(replace(FIXED_VAE, nets=2, union_mib=NET_MIB))
    assert two.setup == "vae_tiling" and not two.union and two.warnings == ()
    three = plan(replace(FIXED_VAE, nets=3, union_mib=NET_MIB))
    assert three.setup == "union" and three.union and any("Union" in w for w in three.warnings)
    without = plan(replace(FIXED_VAE, nets=3))
    assert without.setup == "text_apart" and not without.union
    assert plan(replace(FIXED_VAE, nets=3, text_apart=False)).setup == "model_offload"


def test_nothing_fits_and_what_would() -> None:
    none = plan(PlanInput(budget_mib=6_100, width=1536, height=1536))
    assert not none.fits and none.setup == "none" and none.peak_mib > 6_100
    assert "1536x1536" in none.reason and "it would fit at 768x768" in none.reason
    maps = plan(PlanInput(budget_mib=8_800, nets=3))
    assert "with 1 control map" in maps.reason and "maps" not in maps.reason
    assert "one picture at a time" in plan(PlanInput(budget_mib=6_400, batch=4)).reason
    assert "needs a GPU with" in plan(PlanInput(budget_mib=2_000)).reason
    for found in (none, maps):
        assert "\n" not in found.reason


def test_a_large_picture_is_never_decoded_in_one_piece() -> None:
    """Above 1024 x 1024 pixels the painter decodes in tiles of 1024 px, whatever the set-up."""
    usual, large = (peak_mib(replace(FIXED_VAE, width=side, height=side), "plain") for side in (1024, 2048))
    assert large - usual < 3 * 640 + 100


def test_without_a_limit_everything_is_plain() -> None:
    assert plan(PlanInput(budget_mib=None, nets=5)).setup == "plain"


@given(wish=wishes)
def test_what_is_chosen_fits_and_is_the_fastest_that_does(wish: PlanInput) -> None:
    found = plan(wish)
    order = setups(wish)
    budget = float("inf") if wish.budget_mib is None else wish.budget_mib
    peaks = [round(peak_mib(wish, name), 1) for name in order]
    if found.setup == "none":
        assert all(peak > budget for peak in peaks) and found.reason and found.peak_mib == min(peaks)
        return
    at = order.index(found.setup)
    assert found.peak_mib == peaks[at] <= budget and all(peak > budget for peak in peaks[:at])
    assert found.offload == (found.setup == "model_offload") and found.tiled == (found.setup != "plain")
    assert not found.union or (wish.union_mib and wish.nets > 1)


@given(wish=wishes, more=st.sampled_from(["width", "height", "batch", "nets", "loras_mib", "ip_adapter_mib"]))
def test_more_never_needs_less(wish: PlanInput, more: str) -> None:
    wish = replace(wish, union_mib=max(wish.union_mib, wish.net_mib) if wish.union_mib else 0.0)
    step: Any = {"width": 64, "height": 64, "batch": 1, "nets": 1}.get(more, 100.0)
    larger = replace(wish, **{more: getattr(wish, more) + step})
    for name in setups(wish):
        if name == "union" or (wish.union_mib and more == "nets" and name in ("text_apart", "model_offload")):
            continue  # a Union takes a further map for nothing
        assert peak_mib(larger, name) >= peak_mib(wish, name)


@given(wish=wishes)
def test_each_set_up_needs_no_more_than_the_one_before(wish: PlanInput) -> None:
    """The VAE in tiles may take a little more than a small picture in one piece."""
    peaks = [peak_mib(replace(wish, union_mib=0.0), name) for name in setups(replace(wish, union_mib=0.0))]
    extra = wish.width * wish.height * 24 * wish.batch / 2**20
    assert all(later <= earlier + extra + 0.01 for earlier, later in pairwise(peaks))


@given(wish=wishes)
def test_more_room_never_makes_it_slower(wish: PlanInput) -> None:
    if wish.budget_mib is None:
        return
    order = (*setups(wish), "none")
    more = plan(replace(wish, budget_mib=wish.budget_mib + 1000))
    assert order.index(more.setup) <= order.index(plan(wish).setup)


def test_forecast_of_seconds() -> None:
    """A100, 30 steps at 1024 px with SDPA: 3.31 s (HF sayakpaul/sample-datasets)."""
    flops = picture_flops(1024, 1024, 30, 6.5)
    assert forecast_seconds(flops, "NVIDIA A100-SXM4-80GB") == pytest.approx(3.31, rel=0.02)
    assert forecast_seconds(flops, "an unknown card") is None
