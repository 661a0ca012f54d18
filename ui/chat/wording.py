"""The page's words: titles of steps, a plan in plain language, who answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.forecasting import duration
from configs.headlines import shortened
from configs.yaml_file import own_table

if TYPE_CHECKING:
    from agent.events import PlanProposed, PlanStep
    from agent.studio_agent import StudioAgent

MAIN_LIMIT = 70
"""Characters of the main argument in a title."""
ASSET_ID = re.compile(r"[a-z]{3}-[0-9a-f]{10}")
"""Means nothing to people."""
UNSAID = ("", "auto", "last")
"""Values that stand for what the studio finds out itself."""


@lru_cache
def wording() -> dict[str, Any]:
    """`wording.yaml`, read once."""
    words: dict[str, Any] = own_table(Path(__file__).parent / "wording.yaml")
    return words


def step_title(tool: str, args: Mapping[str, Any]) -> str:
    """A step in plain words: `Make a film: a robot waves in the room`."""
    verb = wording()["titles"].get(tool, tool.replace("_", " ").capitalize())
    said = {k: v for k, v in args.items() if isinstance(v, str) and v not in UNSAID and k != "kind"}
    texts = {k: v for k, v in said.items() if not v.startswith("$")}
    # what is to be done says more than the name of the file that it is done to
    telling = texts.get("instruction") or texts.get(wording()["main"].get(tool, ""))
    main = telling or next((v for v in texts.values() if not ASSET_ID.fullmatch(v)), "")
    main = " ".join(named(main).split())
    main = shortened(main, MAIN_LIMIT)
    return f"{verb}: {main}" if main else str(verb)


def named(value: str) -> str:
    """The name of a recipe or a style as people say it: 'nature documentary' for 'nature_documentary'."""
    return value.replace("_", " ") if re.fullmatch(r"[a-z0-9]+(?:_[a-z0-9]+)+", value) else value


def plan_text(plan: PlanProposed, reason: str) -> str:
    """A plan with its price as Markdown."""
    lines = ["**Here is the plan**", ""]
    lines += [f"{number}. {_line(step)}" for number, step in enumerate(plan.steps, 1)]
    measured = all(step.basis == "measured" for step in plan.steps)
    cost = [f"{'' if measured else 'about '}**{duration(plan.seconds)}**"]
    engines = sorted({engine for step in plan.steps for engine in step.engines})
    cost += [f"engines: {', '.join(engines)}"] if engines else []
    cost += [f"{plan.vram_mib / 1024:.1f} GiB of GPU memory" if plan.vram_mib else "no GPU needed"]
    cost += [f"{plan.swaps} model load{'s' if plan.swaps != 1 else ''}"] if plan.swaps else []
    lines += ["", f"It takes {' · '.join(cost)}."]
    if plan.overwrites:
        lines.append(f"\n⚠️ This changes what exists: {', '.join(plan.overwrites)}.")
    elif reason and not reason.startswith("It will take"):
        lines.append(f"\n{reason}.")
    return "\n".join(lines)


def _line(step: PlanStep) -> str:
    shown = []
    for name, form in wording()["details"].items():
        value = step.args.get(name)
        if isinstance(value, str):
            if ASSET_ID.fullmatch(value) or value.startswith("$"):
                continue
            value = named(value)
        if value not in (None, "", 0, 1, []) and str(value) not in step_title(step.tool, step.args):
            shown.append(form.format(value))
    more = f" ({', '.join(shown)})" if shown else ""
    return f"{_plain(step_title(step.tool, step.args))}{_plain(more)}"


def _plain(text: str) -> str:
    """The user's own words, safe inside Markdown."""
    return "".join("\\" + c if c in "\\`*_[]<>#|" else c for c in text)


def badge(agent: StudioAgent) -> str:
    """Who answers and who draws: `Basic (no language model) · preview pictures`."""
    engine = agent.studio.image_engine()
    return f"{agent.capabilities.badge} · {wording()['pictures'].get(engine, engine)}"


def answer_in_words(text: str) -> str:
    """'approve', 'cancel' or '' for what was typed while a plan waits."""
    said = text.strip().strip(".!").casefold()
    return "approve" if said in wording()["agree"] else "cancel" if said in wording()["refuse"] else ""
