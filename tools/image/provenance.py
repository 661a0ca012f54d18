"""What a picture file says about its own making: PNG text that galleries read, and the studio's own facts as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from configs.errors import UsageError
from memory.records import Score

FORM = 1
TEXT_LIMIT = 2**20
"""Bytes of one text chunk; readers (Pillow's own limit is the same) refuse longer ones."""
SAMPLERS: dict[str, tuple[str, str]] = {
    "euler": ("Euler", ""),
    "euler_trailing": ("Euler", "SGM Uniform"),
    "euler_ancestral": ("Euler a", ""),
    "dpmpp_2m": ("DPM++ 2M", ""),
    "dpmpp_2m_karras": ("DPM++ 2M", "Karras"),
    "unipc": ("UniPC", ""),
    "ddim_trailing": ("DDIM", "SGM Uniform"),
    "lcm": ("LCM", "SGM Uniform"),
    "tcd": ("TCD", "SGM Uniform"),
    "EulerDiscreteScheduler": ("Euler", ""),
    "EulerAncestralDiscreteScheduler": ("Euler a", ""),
    "DPMSolverMultistepScheduler": ("DPM++ 2M", ""),
    "UniPCMultistepScheduler": ("UniPC", ""),
    "DDIMScheduler": ("DDIM", ""),
    "LCMScheduler": ("LCM", ""),
    "TCDScheduler": ("TCD", ""),
}
"""Scheduler of `sdxl_config.yaml`, or class of diffusers -> sampler and schedule type of the web UI
(AUTOMATIC1111, modules/sd_samplers_kdiffusion.py and sd_schedulers.py, version 1.10)."""
CONTROL_MODULES = {"layout": "studio_layout", "preprocessed": "preprocessed", "given": "none"}
_MARKS = re.compile(r"(negative prompt|steps)(:)", re.IGNORECASE)
"""Galleries cut a text at these wherever they stand."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True)
class PictureFacts:
    """All that is written into a picture. Nothing of it tells when, where or by whom it was made."""

    recipe: Mapping[str, Any]
    """From `recipe_of` or `recipe_of_call`."""
    scores: tuple[Score, ...] = ()
    parents: tuple[str, ...] = ()
    tool: str = ""
    wish: str = ""
    """The user's own words."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More facts, JSON-ready."""


def png_text(facts: PictureFacts) -> dict[str, str]:
    """PNG text by keyword.

    'parameters': the form of AUTOMATIC1111's web UI (modules/infotext_utils.py), in which a text has one line each for
    prompt, negative prompt and settings. Line ends in prompts become spaces, and where a prompt itself holds the marks
    'Negative prompt:' or 'Steps:', a space goes before the colon: parsers would cut the text there.
    'studio': the facts as JSON with the unchanged texts, the scores and the recipe.
    """
    return {"parameters": _infotext(facts.recipe), "studio": _own_json(facts)}


def read_facts(path: Path) -> dict[str, Any]:
    """'parameters' (text) and 'studio' (dict) of a PNG, each only when it is there and readable.

    What a file says of itself is data, never trusted. Nothing is decoded, so that a huge picture costs nothing.
    Raises UsageError for anything that is no PNG.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            said = {key: image.info.get(key) for key in ("parameters", "studio")}
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UsageError(f"'{path.name}' cannot be read as a PNG", " ".join(str(error).split())[:160],
                         "Name a picture that the studio made") from error  # fmt: skip
    found: dict[str, Any] = {}
    if isinstance(said["parameters"], str) and len(said["parameters"]) <= TEXT_LIMIT:
        found["parameters"] = str(said["parameters"])
    own = said["studio"]
    if isinstance(own, str) and len(own) <= TEXT_LIMIT:
        try:
            data = json.loads(own)
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            found["studio"] = data
    return found


# -- the web UI's form ---------------------------------------------------------------------------------------------


def _infotext(recipe: Mapping[str, Any]) -> str:
    used = _dict(recipe.get("used"))
    loras = [one for one in recipe.get("loras") or () if isinstance(one, Mapping)]
    tags = [f"<lora:{one.get('name')}:{_number(one.get('weight'))}>" for one in loras]
    prompt = " ".join([_line(recipe.get("prompt", "")), *tags]).strip()
    negative = _line(recipe.get("negative_prompt", ""))
    settings = ", ".join(f"{key}: {quoted(value)}" for key, value in _settings(recipe, used, loras))
    return f"{prompt}\n{f'Negative prompt: {negative}' if negative else ''}".rstrip() + f"\n{settings}"


def _settings(
    recipe: Mapping[str, Any], used: Mapping[str, Any], loras: list[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    engine = str(recipe.get("engine", ""))
    scheduler = str(used.get("scheduler_name") or used.get("scheduler") or used.get("sampler") or engine)
    sampler, schedule = SAMPLERS.get(scheduler, (scheduler, ""))
    steps = used.get("steps") or recipe.get("steps") or used.get("samples") or 1
    guidance = used.get("guidance", recipe.get("guidance"))
    model = _dict(recipe.get("model"))
    rows: list[tuple[str, Any]] = [
        ("Steps", steps),
        ("Sampler", sampler),
        ("Schedule type", schedule),
        ("CFG scale", 1 if guidance is None else guidance),
        ("Seed", recipe.get("seed", 0)),
        ("Size", f"{recipe.get('width', 0)}x{recipe.get('height', 0)}"),
    ]
    init = recipe.get("init")
    if isinstance(init, Mapping):
        rows.append(("Denoising strength", init.get("strength")))
    hashes = [f"{one.get('name')}: {str(one['sha256'])[:10]}" for one in loras if one.get("sha256")]
    rows.append(("Lora hashes", ", ".join(hashes)))
    for number, one in enumerate(one for one in recipe.get("controls") or () if isinstance(one, Mapping)):
        rows.append((f"ControlNet {number}", _control(one)))
    # last, because simple parsers cut quoted values, too, and would take a ControlNet's model for the picture's
    named = f"{engine} {recipe.get('engine_version', '')}".strip()
    rows += [
        ("Model hash", str(model.get("sha256", ""))[:10]),
        ("Model", str(model["name"]).removesuffix(".safetensors") if model.get("name") else named),
        ("Version", "Animation AI Studio"),
    ]
    return [(key, _number(value)) for key, value in rows if value not in ("", None)]


def _control(one: Mapping[str, Any]) -> str:
    """As the web UI's ControlNet extension writes a unit (sd-webui-controlnet, scripts/infotext.py)."""
    return ", ".join(
        f"{key}: {_number(value)}"
        for key, value in (
            ("Module", CONTROL_MODULES.get(str(one.get("source")), "none")),
            ("Model", _dict(one.get("net")).get("name") or one.get("kind")),
            ("Weight", one.get("scale")),
            ("Resize Mode", "Just Resize"),
            ("Guidance Start", one.get("start")),
            ("Guidance End", one.get("end")),
            ("Pixel Perfect", "True"),
            ("Control Mode", "Balanced"),
        )
    )


def quoted(value: str) -> str:
    """A value in the web UI's way: JSON-quoted when it holds what separates values."""
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:\n"') else value


def _line(text: object) -> str:
    """A prompt as one line without control characters, its marks defused."""
    return _MARKS.sub(r"\1 \2", " ".join(_CONTROL.sub(" ", str(text)).split()))


def _number(value: object) -> str:
    """Numbers as the web UI writes them: 7, 6.5, 0.8."""
    return f"{value:.10g}" if isinstance(value, float) else _CONTROL.sub(" ", str(value))


# -- the studio's own ----------------------------------------------------------------------------------------------


def _own_json(facts: PictureFacts) -> str:
    recipe = dict(facts.recipe)
    used = _dict(recipe.get("used"))
    data: dict[str, Any] = {
        "studio": FORM,
        **{key: recipe.get(key) for key in ("engine", "engine_version", "model", "prompt", "negative_prompt", "width",
                                            "height", "seed", "quality", "loras")},
        "steps": used.get("steps", recipe.get("steps")),
        "guidance": used.get("guidance", recipe.get("guidance")),
        "scheduler": used.get("scheduler", ""),
        "controls": recipe.get("controls") or [],
        "tool": facts.tool,
        "wish": facts.wish,
        "parents": list(facts.parents),
        "scores": [asdict(score) for score in facts.scores],
        **facts.extra,
        "recipe": recipe,
    }  # fmt: skip
    text = _json(data)
    if len(text.encode()) <= TEXT_LIMIT:
        return text
    # The catalogue has the recipe in any case; a text that no reader takes would lose all of it.
    return _json({**data, "recipe": {}, "controls": [], "wish": facts.wish[:2000], "recipe_left_out": True})[
        :TEXT_LIMIT
    ]


def _json(data: Mapping[str, Any]) -> str:
    """Characters that are no text (halves of surrogate pairs, NUL) are written as JSON escapes."""
    text = json.dumps(data, ensure_ascii=False, default=str, sort_keys=True)
    return re.sub(r"[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
