"""Prompts of any length: within one window as diffusers reads them, longer ones in several."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_nets import TinyNets, maps, picture, square, tiny_engine
from tiny_sdxl import build_tiny_sdxl

from backends.image.engine import ImageRequest, InitImage, Reference
from backends.image.sdxl.engine import SdxlEngine
from backends.image.sdxl.prompt import MOST_WINDOWS, encode, is_cut, most_tokens, windows_of

PLAIN = ImageRequest("a boy", width=64, height=64, seed=7, steps=2, guidance=5.0)
WORD = "sun "
"""Three tokens of the tiny tokenizer, which knows letters only."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, nets: TinyNets) -> SdxlEngine:
    model: Path = build_tiny_sdxl(tmp_path_factory.mktemp("sdxl"))
    return tiny_engine(model, nets)


def test_one_window_has_the_bits_of_diffusers_own_call(engine: SdxlEngine) -> None:
    pipe = engine._pipe
    for prompt, negative in (("a boy", ""), (WORD * 25, "rain"), ("", WORD * 25)):
        assert windows_of(pipe, prompt) == windows_of(pipe, negative) == 1
        wanted = pipe.encode_prompt(prompt, negative_prompt=negative or None, device=pipe.place)
        found = encode(pipe, prompt, negative, 5.0)
        assert all(torch.equal(a, b) for a, b in zip(vars(found).values(), wanted, strict=True))


def test_the_end_of_a_long_prompt_counts(engine: SdxlEngine) -> None:
    long = WORD * 30
    one, other = (engine.generate(replace(PLAIN, prompt=long + end)) for end in ("a boy", "a robot"))
    assert not np.array_equal(one.image, other.image) and one.warnings == ()
    cold, warm = (engine.generate(replace(PLAIN, negative_prompt=long + end)).image for end in ("rain", "snow"))
    assert not np.array_equal(cold, warm)


def test_windows_follow_each_other_and_the_first_is_pooled(engine: SdxlEngine) -> None:
    pipe = engine._pipe
    first, second = WORD * 25, WORD * 3 + "and a boat"
    found = encode(pipe, first + second, "rain", 5.0)
    assert found.prompt_embeds.shape[1] == found.negative_prompt_embeds.shape[1] == 2 * 77
    pieces = [pipe.encode_prompt(text, negative_prompt=None, device=pipe.place) for text in (first, second, "rain", "")]
    joined = torch.cat([piece[0] for piece in pieces[:2]], dim=1)
    assert torch.allclose(found.prompt_embeds, joined, atol=1e-5)
    assert torch.allclose(found.pooled_prompt_embeds, pieces[0][2], atol=1e-5)
    # the shorter one is filled with empty windows
    assert torch.allclose(found.negative_prompt_embeds, torch.cat([pieces[2][0], pieces[3][0]], dim=1), atol=1e-5)
    assert torch.allclose(found.negative_pooled_prompt_embeds, pieces[2][2], atol=1e-5)


def test_without_a_negative_prompt_it_is_zero_as_in_a_short_one(engine: SdxlEngine) -> None:
    pipe = engine._pipe
    assert pipe.config.force_zeros_for_empty_prompt
    found = encode(pipe, WORD * 40, "", 5.0)
    assert found.prompt_embeds.any() and not found.negative_prompt_embeds.any()
    assert found.negative_prompt_embeds.shape == found.prompt_embeds.shape
    alone = encode(pipe, WORD * 40, WORD * 200, 1.0)
    assert alone.negative_prompt_embeds is None and torch.equal(alone.prompt_embeds, found.prompt_embeds)


def test_only_what_no_window_is_left_for_is_told(engine: SdxlEngine, caplog: pytest.LogCaptureFixture) -> None:
    pipe = engine._pipe
    longest = WORD * (most_tokens(pipe) // 3)
    assert windows_of(pipe, longest) == MOST_WINDOWS and not is_cut(pipe, longest)
    with caplog.at_level(logging.WARNING):
        assert engine.generate(replace(PLAIN, prompt=longest)).warnings == ()
    assert not caplog.records
    cut = engine.generate(replace(PLAIN, prompt=longest + "a boy"))
    negative = engine.generate(replace(PLAIN, negative_prompt=longest + "a boy"))
    assert cut.warnings == ("The prompt is longer than SDXL reads (300 tokens); its end had no effect.",)
    assert negative.warnings == ("The negative prompt is longer than SDXL reads (300 tokens); its end had no effect.",)
    assert np.array_equal(cut.image, engine.generate(replace(PLAIN, prompt=longest + "a robot")).image)


@pytest.mark.parametrize("negative", ["", "rain"])
def test_long_prompts_go_with_every_mode(engine: SdxlEngine, negative: str) -> None:
    long = replace(PLAIN, prompt=WORD * 60, negative_prompt=negative)
    for request in (
        replace(long, controls=maps("depth")),
        replace(long, controls=maps("depth", "pose", "canny"), init=InitImage(picture(3), 0.6, square())),
        replace(long, references=(Reference(picture(2)), Reference(picture(4), mask=square()))),
        replace(long, guidance=1.0, init=InitImage(picture(3), 0.6)),
    ):
        assert np.array_equal(engine.generate(request).image, engine.generate(request).image)


def test_a_prompt_of_a_hundred_thousand_characters_is_cut_and_told(engine: SdxlEngine) -> None:
    assert any("longer than SDXL reads" in w for w in engine.generate(replace(PLAIN, prompt=WORD * 25_000)).warnings)
