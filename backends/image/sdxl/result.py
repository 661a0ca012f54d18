"""What a picture is told to be made of: JSON-ready, enough to make it again."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backends.image.engine import ImageRequest
from backends.image.sdxl.fingerprint import fingerprint, pixels_sha256
from backends.image.sdxl.flops import TERA, floor_seconds, picture_flops
from backends.image.sdxl.ladder import LADDER
from backends.image.sdxl.ladder import told as told_of_rung
from backends.image.sdxl.work import Painted, Work


@cache
def versions() -> dict[str, str]:
    return {name: version(name) for name in ("diffusers", "torch", "transformers", "peft")}


def engine_version() -> str:
    return f"diffusers {versions()['diffusers']}, torch {versions()['torch']}"


def params_of(
    painted: Painted, *, model: Path, vae: Path | None, adapter: Path, marks: tuple[str, str], dtype: str, device: str
) -> dict[str, Any]:
    """Everything that decides the pixels, and how memory was used.

    `marks`: fingerprints of model and VAE when they were read; their files may be others by now.
    """
    work, rung = painted.work, painted.rung
    request, recipe, asked = work.request, work.recipe, work.frame.asked
    return {
        "prompt": request.prompt, "negative_prompt": request.negative_prompt, "width": asked[0], "height": asked[1],
        "steps": recipe.steps, "guidance": recipe.guidance, "seed": request.seed, "quality": request.quality,
        "mode": work.mode, "steps_done": work.steps_done, "scheduler": work.scheduler,
        "scheduler_name": recipe.scheduler, "timesteps": list(recipe.timesteps), "eta": recipe.eta,
        "few_step": recipe.few_step.name if recipe.few_step is not None else "",
        "model": model.name, "model_fingerprint": marks[0], "vae": vae.name if vae is not None else "",
        "vae_fingerprint": marks[1], "dtype": dtype, "device": device,
        "loras": list(work.loras or ()), "fused": request.fuse and bool(work.uses),
        "controls": _controls(work), "references": _references(request),
        "ip_adapter": _named(adapter) if request.references else None, "init": _init(request),
        "made_width": work.made[0], "made_height": work.made[1],
        "memory_step": rung.name if rung != LADDER[0] else work.setup,
        "vae_tiling": work.vae_tiled, "model_offload": rung.offload, "versions": dict(versions()),
    }  # fmt: skip


def speed_of(painted: Painted, seconds: float, device: str) -> dict[str, Any]:
    """Seconds against the operations of the picture and, on a known GPU, against the time that it cannot go below."""
    work, (width, height) = painted.work, painted.work.made
    told: dict[str, Any] = {"seconds": round(seconds, 3)}
    if work.unchanged is not None or not (width and height):
        return told
    flops = picture_flops(width, height, work.steps_done, work.recipe.guidance, len(work.choice.nets), work.mode)
    gpu = ""
    if device == "cuda":
        import torch

        gpu = torch.cuda.get_device_name()
    floor = floor_seconds(flops, gpu)
    told |= {"tflop": round(flops / TERA, 1), "gpu": gpu}
    return told | ({"floor_s": round(floor, 3), "times_the_floor": round(seconds / floor, 2)} if floor else {})


def warnings_of(painted: Painted, *notes: str) -> tuple[str, ...]:
    """What the user has to know of it: other notes, then what memory was short for."""
    work, rung = painted.work, painted.rung
    foreseen = LADDER[work.least_rung]
    forced = told_of_rung(rung, work.made, work.frame.asked) if rung != foreseen else ()
    planned = work.notes if not forced else tuple(n for n in work.notes if "one at a time" not in n)
    return (*(note for note in notes if note), *planned, *forced)


def _controls(work: Work) -> list[dict[str, Any]]:
    nets, found = work.choice.nets, []
    for i, control in enumerate(work.request.controls):
        net = nets[0] if work.choice.union else nets[i]
        mode = {"mode": work.choice.modes[i]} if work.choice.union else {}
        found.append(
            {
                "kind": control.kind, "scale": control.scale, "start": control.start, "end": control.end,
                "source": control.source, "asset": control.asset, "sha256": pixels_sha256(control.image),
                "net": {**_named(net.path), "union": work.choice.union, **mode},
            }
        )  # fmt: skip
    return found


def _references(request: ImageRequest) -> list[dict[str, Any]]:
    return [
        {
            "asset": r.asset, "scale": r.scale, "sha256": pixels_sha256(r.image),
            "mask_sha256": pixels_sha256(r.mask) if r.mask is not None else "",
        }
        for r in request.references
    ]  # fmt: skip


def _init(request: ImageRequest) -> dict[str, Any] | None:
    init = request.init
    if init is None:
        return None
    return {
        "asset": init.asset, "sha256": pixels_sha256(init.image), "strength": init.strength,
        "mask_sha256": pixels_sha256(init.mask) if init.mask is not None else "",
    }  # fmt: skip


def _named(path: Path) -> dict[str, str]:
    return {"name": path.name, "fingerprint": fingerprint(path)}
