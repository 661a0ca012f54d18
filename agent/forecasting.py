"""What a wish would take, told without doing it: time, memory of the graphics card, model loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import HumanMessage

from agent.briefing import briefing, exposed_tools
from agent.events import PlanStep
from agent.pricing import make_steps, propose
from agent.state import State, TurnContext
from agent.thinking import answer_of
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.price_questions import STAND_INS, in_italian
from backends.llm.understanding import FORECAST, UNDERSTAND, parse_understanding, understand_tool
from configs.errors import StudioError
from tools.registry import get_tool
from tools.schema import function_schema

_MIB_OF_GIB = 1024


def told_forecast(calls: Sequence[Mapping[str, Any]], told: Sequence[str], language: str, ctx: TurnContext) -> str:
    """The forecast of these calls in words. Nothing is planned and nothing runs.

    Args:
        calls: tool calls as a brain makes them.
        told: the user's words that they answer.
        language: 'en' or 'it'; any other is answered in English.

    Raises:
        StudioError: a call that cannot be priced, with the reason.
    """
    steps, refused = make_steps(calls, 0, ctx, told, possible=False)
    if refused:
        raise refused[0].error
    words, hindered = lexicon(), _hindrance(steps, ctx)
    if hindered and _for_nobody(steps, told):
        last = words.say("forecast_who", language)
    elif hindered:
        last = words.say("forecast_hindered", language, error=hindered)
    else:
        last = words.say("forecast_go", language)
    return f"{_told(steps, language, ctx)}. {last}"


def _for_nobody(steps: Sequence[Mapping[str, Any]], told: Sequence[str]) -> bool:
    """Whether a character is needed and none was named: the price was asked with a stand-in."""
    nobody = STAND_INS["character"]
    return any(step["args"].get("character") == nobody for step in steps) and not any(nobody in text for text in told)


def told_of_plan(steps: Sequence[Mapping[str, Any]], question: str, ctx: TurnContext) -> str:
    """What a plan that waits would take, in words; it goes on waiting."""
    language = "it" if in_italian(question) else "en"
    return f"{_told(steps, language, ctx)}. {lexicon().say('forecast_waits', language)}"


async def told_beside(state: State, question: str, ctx: TurnContext) -> str:
    """The answer to a question about what something else would take, while a plan waits; it goes on waiting."""
    aside = cast(
        State,
        {**state, "wish": question, "history": [*state["history"], HumanMessage(question)], "loop": [],
         "open_question": None},
    )  # fmt: skip
    brain = ctx.brain.bind_tools([understand_tool()], tool_choice=UNDERSTAND)
    reading = parse_understanding(await answer_of(brain, briefing("understand", aside, ctx), ctx.cancel))
    waits = lexicon().say("forecast_waits", reading.language)
    names = exposed_tools([reading.intent, *reading.tools])
    if not names or reading.intent != FORECAST:
        return f"{reading.question or reading.reason} {waits}".strip()
    brain = ctx.brain.bind_tools([function_schema(get_tool(name)) for name in names], tool_choice="auto")
    answer = await answer_of(brain, briefing("plan", aside, ctx), ctx.cancel)
    if not answer.tool_calls:
        return f"{answer.text.strip()} {waits}"
    steps, refused = make_steps(answer.tool_calls, 0, ctx, [question], possible=False)
    if refused:
        return f"{refused[0].error.sentence} {waits}"
    return f"{_told(steps, reading.language, ctx)}. {waits}"


def _told(steps: Sequence[Mapping[str, Any]], language: str, ctx: TurnContext) -> str:
    plan, words = propose(steps, ctx), lexicon()
    basis = "measured" if all(step.basis == "measured" for step in plan.steps) else "estimated"
    text = words.say(
        f"forecast_{basis}", language, time=duration(plan.seconds),
        memory=_memory(plan.vram_mib, plan.steps, language, ctx),
        swaps=words.say("forecast_swap" if plan.swaps == 1 else "forecast_swaps", language, count=str(plan.swaps)),
    )  # fmt: skip
    if len(plan.steps) > 1:
        parts = ", ".join(f"{step.tool.replace('_', ' ')} {duration(step.seconds)}" for step in plan.steps)
        text = f"{text} ({parts})"
    return text


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s` or `2 h 5 min`."""
    whole = max(1, round(seconds))
    if whole < 90:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {whole % 60} s" if whole % 60 else f"{minutes} min"


def _memory(vram_mib: int, steps: Sequence[PlanStep], language: str, ctx: TurnContext) -> str:
    words, arbiter = lexicon(), ctx.executor.arbiter
    if not vram_mib:
        return words.say("forecast_no_gpu", language)
    used = f"{vram_mib / _MIB_OF_GIB:.1f}"
    if not any(arbiter.counted_on(name) == "gpu" for step in steps for name in step.engines):
        return words.say("forecast_cpu", language, used=used)  # no card: the main memory holds the engines
    room = arbiter.budget("gpu")
    key = "forecast_gpu_fits" if vram_mib <= room else "forecast_gpu_short"
    return words.say(key, language, used=used, room=f"{room / _MIB_OF_GIB:.1f}")


def _hindrance(steps: Sequence[Mapping[str, Any]], ctx: TurnContext) -> str:
    """Why it could not be started now; '' when it could."""
    if ctx.dry:
        return ""
    try:
        for at, step in enumerate(steps):
            ctx.executor.check_possible(step["tool"], step["args"], [one["tool"] for one in steps[:at]])
    except StudioError as error:
        return error.sentence
    return ""
