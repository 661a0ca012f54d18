"""What a brain is told before it answers: prompt, facts as data, conversation, this turn's calls."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from agent.state import State, TurnContext
from backends.llm.facts import facts_block
from configs.settings import PROMPT_DIR
from memory.records import Asset
from tools.registry import TOOLS, group_of

HISTORY_MESSAGES = 6
"""Small local models lose the thread in long contexts (BFCL multi-turn: 8-12 %); code carries the state instead."""
ASSETS_SHOWN = 12
CHARACTERS_SHOWN = 60
TEXT_LIMIT = 240
ARGUMENT_LIMIT = 2000
EXPOSED_TOOLS = 8
SENSITIVE = frozenset(
    {
        "remember",
        "undo",
        "redo",
        "rate_asset",
        "rename_asset",
        "rename_character",
        "clone_voice",
        "train_voice",
        "train_voice_model",
        "forget_voice",
    }
)
"""Only when the user's own words ask for them: text from files or memory must never trigger these."""


@cache
def stage_prompt(stage: str) -> str:
    return (PROMPT_DIR / f"{stage}.md").read_text(encoding="utf-8")


def briefing(stage: str, state: State, ctx: TurnContext) -> list[AnyMessage]:
    """Messages for one call of the brain."""
    system = SystemMessage(f"{stage_prompt(stage)}\n\n{facts_block(collect_facts(state, ctx))}")
    earlier = list(state.get("history", []))[:-1][-HISTORY_MESSAGES:]
    return [system, *earlier, HumanMessage(state["wish"]), *state.get("loop", [])]


def collect_facts(state: State, ctx: TurnContext) -> dict[str, Any]:
    """The facts block: what is attached, made, known and open. Data for the brain, never instructions."""
    memory = ctx.studio.memory
    attached = [a for i in state.get("attachments", []) if (a := memory.get_asset(i)) is not None]
    # a picture without captions, which cuts are made from, is never the film that somebody means by 'it'
    here = [a for a in memory.list_assets(thread=ctx.thread, limit=ASSETS_SHOWN) if not a.params.get("textless")]
    return {
        "tools": list(TOOLS),
        "attachments": [_file(a) for a in attached],
        "assets": [_file(a) for a in here],
        "characters": [
            {"name": e.name, "aliases": list(e.aliases), "text": e.text[:TEXT_LIMIT]}
            for e in memory.list_entries("character")[:CHARACTERS_SHOWN]
        ],
        "styles": [e.name for e in memory.list_entries("style")[:CHARACTERS_SHOWN]],
        "memory": list(state.get("recalled", [])),
        "calls": [_call(c) for c in state.get("earlier", ())],
        "open_question": state.get("open_question"),
        "language": state.get("understanding", {}).get("language", ""),
    }


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """An earlier call without arguments that are data of their own, such as a storyboard."""
    args = {k: v for k, v in call["args"].items() if not isinstance(v, dict) and len(str(v)) <= ARGUMENT_LIMIT}
    return {"tool": call["tool"], "args": args}


def exposed_tools(wanted: Iterable[str]) -> list[str]:
    """At most eight tools for this wish: those it needs, their neighbours, and looking things up."""
    names = [n for n in wanted if n in TOOLS]
    groups = [group_of(n) for n in names]
    neighbours = [n for n in TOOLS if group_of(n) in groups and n not in SENSITIVE]
    lookups = [n for n in ("search_memory", "list_assets") if n in TOOLS]
    ordered = dict.fromkeys([*names[: EXPOSED_TOOLS - 2], *lookups, *neighbours])
    return list(ordered)[: max(EXPOSED_TOOLS, len(names))]


def _file(asset: Asset) -> dict[str, Any]:
    said = asset.params.get("text") or asset.params.get("prompt") or asset.summary
    kind = "report" if asset.params.get("sheet") else asset.kind  # "the last picture" is no contact sheet
    return {"id": asset.id, "kind": kind, "name": asset.name, "tool": asset.tool, "text": str(said)[:TEXT_LIMIT]}
