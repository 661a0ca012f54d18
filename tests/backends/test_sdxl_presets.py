"""Qualities: which figures win, which few-step LoRA is taken, and schedulers that do what their names say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler

from backends.image.sdxl.presets import SCHEDULERS, make_scheduler, recipe
from configs.sdxl_config import FewStep, Preset, Scheduler, SdxlConfig, load_sdxl_config
from configs.settings import Settings

SDXL: dict[str, Any] = {
    "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "leading",
    "steps_offset": 1,
}  # fmt: skip
"""scheduler/scheduler_config.json of SDXL base 1.0, as far as the classes differ in their defaults."""


@pytest.fixture
def config() -> SdxlConfig:
    return load_sdxl_config(Settings())


def below(folder: Path, *files: str) -> Any:
    """`locate` for a warehouse with these files."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return lambda path: folder / path


def test_the_table_decides(config: SdxlConfig, tmp_path: Path) -> None:
    made = recipe(config, "standard", None, None, below(tmp_path))
    assert (made.steps, made.guidance, made.few_step, made.note) == (30, 6.5, None, "")
    assert recipe(config, "final", None, None, below(tmp_path)).scheduler == "dpmpp_2m_karras"


def test_explicit_figures_win(config: SdxlConfig, tmp_path: Path) -> None:
    made = recipe(config, "standard", 12, 3.0, below(tmp_path))
    assert (made.steps, made.guidance) == (12, 3.0)
    assert recipe(config, "standard", None, 0.0, below(tmp_path)).guidance == 0.0


def test_the_first_few_step_lora_that_is_there(config: SdxlConfig, tmp_path: Path) -> None:
    hyper, dmd2 = config.few_step["hyper"], config.few_step["dmd2"]
    locate = below(tmp_path, dmd2.lora)
    made = recipe(config, "draft", None, None, locate)
    assert made.few_step is not None and made.few_step.name == "dmd2" and made.scheduler == "lcm"
    assert made.few_step.path == str(tmp_path / dmd2.lora)
    assert made.steps == 4 and made.guidance == 1.0 and made.timesteps == (999, 749, 499, 249)
    made = recipe(config, "draft", None, None, below(tmp_path, hyper.lora))
    assert made.few_step is not None and made.few_step.name == "hyper" and made.timesteps == () and made.steps == 8


def test_none_there_is_told_in_one_sentence(config: SdxlConfig, tmp_path: Path) -> None:
    made = recipe(config, "draft", None, None, below(tmp_path))
    assert made.few_step is None and made.steps == 14 and made.guidance == 5.0
    assert "lightning, hyper, dmd2" in made.note and str(tmp_path) in made.note and made.note.count(". ") == 0


def test_other_steps_with_a_few_step_lora(config: SdxlConfig, tmp_path: Path) -> None:
    locate = below(tmp_path, config.few_step["dmd2"].lora)
    made = recipe(config, "draft", 6, None, locate)
    assert made.few_step is not None and made.steps == 6 and made.timesteps == () and "4 steps" in made.note
    for steps, guidance in ((30, None), (None, 7.0)):
        made = recipe(config, "draft", steps, guidance, locate)
        assert made.few_step is None and "not used" in made.note and made.timesteps == ()
        assert made.steps == (steps or 14) and made.guidance == (guidance or 5.0)


def test_tcd_keeps_its_noise(config: SdxlConfig, tmp_path: Path) -> None:
    assert recipe(config, "draft", None, None, below(tmp_path)).eta == 0.0
    spec = FewStep(lora="tcd.safetensors", steps=4, scheduler="tcd")
    draft = Preset(steps=20, guidance=5, few_step=("tcd",))
    table = config.model_copy(update={"qualities": {**config.qualities, "draft": draft}, "few_step": {"tcd": spec}})
    made = recipe(table, "draft", None, None, below(tmp_path, spec.lora))
    assert made.eta == 0.3 and made.few_step is not None


# -- schedulers -------------------------------------------------------------------------------------------------------


def test_every_name_of_the_table_has_a_scheduler() -> None:
    assert set(SCHEDULERS) == set(get_args(Scheduler)) - {""}


@pytest.mark.parametrize("name", get_args(Scheduler))
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_models_noise_schedule_is_kept(name: Any, prediction: str) -> None:
    base = EulerDiscreteScheduler(**SDXL, prediction_type=prediction)
    made = make_scheduler(name, base)
    assert made is not base and torch.equal(made.alphas_cumprod, base.alphas_cumprod)
    assert made.config.prediction_type == prediction
    made.set_timesteps(8)
    assert base.num_inference_steps is None


@pytest.mark.parametrize("name", ["euler_trailing", "ddim_trailing"])
def test_distilled_loras_begin_at_the_last_timestep(name: Any) -> None:
    made = make_scheduler(name, EulerDiscreteScheduler(**SDXL))
    made.set_timesteps(8)
    assert [round(float(t)) for t in made.timesteps] == [999, 874, 749, 624, 499, 374, 249, 124]
    leading = make_scheduler("", EulerDiscreteScheduler(**SDXL))
    leading.set_timesteps(8)
    assert float(leading.timesteps[0]) < 900


def test_dmd2s_timesteps_are_taken() -> None:
    made = make_scheduler("lcm", EulerDiscreteScheduler(**SDXL))
    made.set_timesteps(timesteps=[999, 749, 499, 249])
    assert made.timesteps.tolist() == [999, 749, 499, 249]


def test_karras_sigmas_only_where_named() -> None:
    karras = EulerDiscreteScheduler(**SDXL, use_karras_sigmas=True)
    plain = EulerDiscreteScheduler(**SDXL)
    for base in (karras, plain):
        assert not make_scheduler("euler", base).config.use_karras_sigmas
        assert make_scheduler("dpmpp_2m_karras", base).config.use_karras_sigmas
        assert not make_scheduler("dpmpp_2m", base).config.use_karras_sigmas
    assert make_scheduler("", karras).config.use_karras_sigmas
    made = make_scheduler("dpmpp_2m_karras", plain)
    made.set_timesteps(14)
    # rho = 7 spacing between the model's largest and smallest sigma (arXiv 2206.00364, equation 5)
    least, most = (float(f(((1 - plain.alphas_cumprod) / plain.alphas_cumprod) ** 0.5)) for f in (torch.min, torch.max))
    expected = (most ** (1 / 7) + np.linspace(0, 1, 14) * (least ** (1 / 7) - most ** (1 / 7))) ** 7
    assert np.allclose(made.sigmas[:-1], expected, rtol=1e-3)


def test_ddim_does_not_clip_latents() -> None:
    """Without a word in the model's config DDIM would limit them to -1..1, as if they were pixels."""
    assert DDIMScheduler.from_config(EulerDiscreteScheduler(**SDXL).config).config.clip_sample
    made = make_scheduler("ddim_trailing", EulerDiscreteScheduler(**SDXL))
    made.set_timesteps(2)
    sample = torch.full((1, 4, 2, 2), 5.0)
    assert float(made.step(torch.zeros_like(sample), made.timesteps[0], sample).pred_original_sample.max()) > 5
