"""Stage 6: measure what was made; try again while the score gains, and keep the best, not the last."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from agent.events import Scored, StageEntered
from agent.gates import check_asset, failed_gates, in_words
from agent.state import State, TurnContext
from memory.records import Asset
from tools.registry import get_tool

SEED_STRIDE = 1009
"""A prime, so that retries of neighbouring seeds do not meet."""


async def evaluate(state: State, runtime: Runtime[TurnContext]) -> Command[Literal["act", "plan", "reply"]]:
    """Gates on every asset of this turn; one more try of a seeded step whose gate failed, within the budget."""
    ctx = runtime.context
    ctx.emit(StageEntered(thread=ctx.thread, stage="evaluate"))
    update: dict[str, Any] = {}
    assets = await asyncio.to_thread(_measured, state["assets"], ctx)
    if any(c["status"] == "cancelled" for c in state["calls"]):
        return Command(goto="reply")
    retry = _retry(state, assets, ctx)
    if retry is not None:
        return Command(goto="act", update={"steps": [*state["steps"], retry], "rounds": state["rounds"] + 1})
    dropped = _losers(state["steps"], assets)
    if dropped:
        update["assets"] = [i for i in state["assets"] if i not in dropped]
    short = [f"Fell short: {in_words(a, s)}." for a, s in failed_gates(a for a in assets if a.id not in dropped)]
    update["notices"] = list(dict.fromkeys([*state["notices"], *short]))
    return Command(goto="plan", update=update)


def _measured(ids: list[str], ctx: TurnContext) -> list[Asset]:
    memory = ctx.studio.memory
    assets = []
    for identity in ids:
        asset = memory.get_asset(identity)
        if asset is None:
            continue
        found = check_asset(asset, ctx.studio)
        if found:
            memory.set_scores(asset.id, (*asset.scores, *found))
            for score in found:
                ctx.emit(Scored(thread=ctx.thread, asset_id=asset.id, score=score))
            asset = memory.get_asset(asset.id) or asset
        assets.append(asset)
    return assets


def _retry(state: State, assets: list[Asset], ctx: TurnContext) -> dict[str, Any] | None:
    """A new step like the failed one with another seed, while rounds are left and the last retry gained."""
    if state["rounds"] + 1 >= ctx.studio.settings.budget.rounds:
        return None
    by_id = {a.id: a for a in assets}
    for step in reversed(state["steps"]):
        made = [by_id[i] for i in step["assets"] if i in by_id]
        if step["status"] != "done" or not failed_gates(made):
            continue
        tries = [s for s in state["steps"] if s.get("retry_of", s["id"]) == step.get("retry_of", step["id"])]
        tool = get_tool(step["tool"])
        if step is not tries[-1] or "seed" not in tool.Args.model_fields or not tool.retried:
            continue
        marks = [_mark([by_id[i] for i in s["assets"] if i in by_id]) for s in tries]
        if len(marks) > 1 and marks[-1] <= max(marks[:-1]):
            continue  # the last round gained nothing
        seeds = [a.seed for a in made if a.seed is not None]
        seed = (seeds[0] if seeds else 0) + SEED_STRIDE
        number = str(len(state["steps"]) + 1)
        first = step.get("retry_of", step["id"])
        args = {**step["args"], "seed": seed}
        return {**step, "id": number, "args": args, "status": "pending", "assets": [], "retry_of": first}
    return None


def _mark(assets: list[Asset]) -> tuple[int, float]:
    """Order of tries: fewer failed gates first, then the higher mean of measured values."""
    values = [s.value for a in assets for s in a.scores if s.value is not None and s.passed is not None]
    return -len(failed_gates(assets)), sum(values) / len(values) if values else 0.0


def _losers(steps: list[dict[str, Any]], assets: list[Asset]) -> set[str]:
    """Ids of the assets whose try was not the best of its step (kept in the memory, not in the reply)."""
    by_id = {a.id: a for a in assets}
    dropped: set[str] = set()
    groups: dict[str, list[dict[str, Any]]] = {}
    for step in steps:
        groups.setdefault(step.get("retry_of", step["id"]), []).append(step)
    for tries in groups.values():
        if len(tries) > 1:
            best = max(
                tries, key=lambda s: _mark([by_id[i] for i in s["assets"] if i in by_id]) if s["assets"] else (-99, 0.0)
            )
            dropped |= {i for s in tries if s is not best for i in s["assets"]} - set(best["assets"])
    return dropped
