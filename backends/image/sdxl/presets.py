"""What a quality means for one picture: steps, guidance, scheduler, few-step LoRA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.image.engine import LoraUse, Quality
from configs.sdxl_config import FewStep, Scheduler, SdxlConfig

MOST_FEW_STEPS = 16
"""More steps than any distilled LoRA was trained for; from there on plain SDXL is better."""
MOST_GUIDANCE = 3.0
"""Above it a distilled LoRA burns the picture: guidance is trained into it."""
TCD_ETA = 0.3
"""Noise that TCD adds in each step (gamma in arXiv 2402.19159, diffusers' own default of `TCDScheduler.step`)."""


@dataclass(frozen=True)
class Recipe:
    """How one picture is denoised."""

    steps: int
    guidance: float
    scheduler: Scheduler
    """'' = the model's own."""
    few_step: LoraUse | None
    """A distilled LoRA that goes with these figures; None = plain SDXL."""
    timesteps: tuple[int, ...]
    """Fixed timesteps in place of the scheduler's own; () = its own."""
    note: str
    """One sentence for the user when the quality is made otherwise than the table says; '' = as it says."""
    eta: float = 0.0
    """`eta` of the pipeline's call: it would override the scheduler's default by 0."""


def recipe(
    config: SdxlConfig,
    quality: Quality,
    steps: int | None = None,
    guidance: float | None = None,
    locate: Callable[[str], Path] | None = None,
) -> Recipe:
    """What is asked explicitly wins; then the first few-step LoRA whose file is there; then the preset's own figures.

    Args:
        steps, guidance: as asked by the user; None = as the quality says.
        locate: from a path of the table to the file; None = as it is written.
    """
    preset = config.qualities[quality]
    found, note = _few_step(config, preset.few_step, locate or Path)
    if found is not None:
        name, spec, file = found
        if (steps or 0) > MOST_FEW_STEPS or (guidance or 0.0) > MOST_GUIDANCE:
            note = (
                f"The few-step LoRA '{name}' is not used: it works with at most {MOST_FEW_STEPS} steps and guidance "
                f"{MOST_GUIDANCE:g}."
            )
        else:
            return _fast(name, spec, file, steps, guidance)
    return Recipe(
        preset.steps if steps is None else steps, preset.guidance if guidance is None else guidance,
        preset.scheduler, None, (), note, _eta(preset.scheduler),
    )  # fmt: skip


def make_scheduler(name: Scheduler, base: Any) -> Any:
    """A fresh scheduler (they keep state from call to call) by the model's own noise schedule.

    Args:
        name: '' = the model's own kind.
        base: the scheduler that came with the model; it is not changed.
    """
    import diffusers

    if not name:
        return type(base).from_config(base.config)
    kind, options = SCHEDULERS[name]
    return getattr(diffusers, kind).from_config(base.config, **options)


LATENT: dict[str, Any] = {"clip_sample": False, "thresholding": False}
"""Latents are not limited to -1..1 as pixels are; DDIM would clip them unless the model's config says otherwise."""
PLAIN_SIGMAS: dict[str, Any] = {
    "use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False,
}  # fmt: skip
"""A model's own scheduler may have been one with Karras sigmas; a named one is what its name says."""
TRAILING: dict[str, Any] = {"timestep_spacing": "trailing"}
"""Distilled LoRAs were trained on timesteps that begin at the last one, 999 (arXiv 2305.08891, section 3.3)."""
SCHEDULERS: dict[Scheduler, tuple[str, dict[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", PLAIN_SIGMAS),
    "euler_trailing": ("EulerDiscreteScheduler", {**PLAIN_SIGMAS, **TRAILING}),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2, **PLAIN_SIGMAS}),
    "dpmpp_2m_karras": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "solver_order": 2, **PLAIN_SIGMAS, "use_karras_sigmas": True},
    ),
    "unipc": ("UniPCMultistepScheduler", PLAIN_SIGMAS),
    "ddim_trailing": ("DDIMScheduler", {**LATENT, **TRAILING, "set_alpha_to_one": False}),
    "lcm": ("LCMScheduler", {**LATENT}),
    "tcd": ("TCDScheduler", {**LATENT}),
}
"""diffusers' class and what is set besides the model's own config.

Sources: ByteDance/SDXL-Lightning (Euler, trailing, no guidance), ByteDance/Hyper-SD (DDIM, trailing), tianweiy/DMD2
(LCM at 999, 749, 499, 249), h1t/TCD-SDXL-LoRA (TCD, eta 0.3)."""


def _few_step(
    config: SdxlConfig, names: tuple[str, ...], locate: Callable[[str], Path]
) -> tuple[tuple[str, FewStep, Path] | None, str]:
    for name in names:
        spec = config.few_step[name]
        file = locate(spec.lora)
        if file.is_file():
            return (name, spec, file), ""
    if not names:
        return None, ""
    return None, (
        f"None of the few-step LoRAs is there ({', '.join(names)}), so that the picture takes more steps; "
        f"the first belongs at {locate(config.few_step[names[0]].lora)}."
    )


def _fast(name: str, spec: FewStep, file: Path, steps: int | None, guidance: float | None) -> Recipe:
    chosen = spec.steps if steps is None else steps
    fixed = spec.timesteps if chosen == len(spec.timesteps) else ()
    note = ""
    if spec.timesteps and not fixed:
        note = f"The few-step LoRA '{name}' was made for {len(spec.timesteps)} steps; with {chosen} it may look worse."
    return Recipe(
        chosen, spec.guidance if guidance is None else guidance, spec.scheduler,
        LoraUse(name, str(file), spec.weight, spec.sha256), fixed, note, _eta(spec.scheduler),
    )  # fmt: skip


def _eta(scheduler: Scheduler) -> float:
    return TCD_ETA if scheduler == "tcd" else 0.0
