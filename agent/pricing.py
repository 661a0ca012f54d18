"""From the brain's tool calls to a plan with its price: seconds, memory, model swaps, what is overwritten."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.events import PlanProposed, PlanStep
from agent.lineup import engines_to_load, in_order
from agent.state import TurnContext
from configs.errors import StudioError
from configs.headlines import shortened
from tools.registry import get_tool
from tools.repair import repair_args

_REF = re.compile(r"^\$(\d+)$")
RISKY = ("overwrite", "delete", "spend")


@dataclass(frozen=True)
class Refusal:
    """A call that cannot be planned, and why."""

    call_id: str
    error: StudioError


def make_steps(
    calls: Sequence[Mapping[str, Any]],
    done: int,
    ctx: TurnContext,
    told: Sequence[str] | None = None,
    *,
    possible: bool = True,
) -> tuple[list[dict[str, Any]], list[Refusal]]:
    """Steps for a batch of tool calls; `done` steps came before, so '$1' of this batch becomes '$<done+1>'.

    told: the user's words that a brain's calls answer; None: the arguments are the user's own.
    possible: refuse a call that is bound to fail; False where it is only priced.
    """
    steps: list[dict[str, Any]] = []
    refused: list[Refusal] = []
    for number, call in enumerate(calls, start=done + 1):
        try:
            args = _shift(dict(call["args"]), done)
            tool = get_tool(call["name"])
            if told is not None:
                args = tool.only_said(repair_args(tool, args)[0], told)
            forecast, needs, mended = ctx.executor.forecast(call["name"], args)
            if possible and not ctx.dry:
                ctx.executor.check_possible(call["name"], mended, [s["tool"] for s in steps])
        except StudioError as error:
            refused.append(Refusal(call["id"], error))
            continue
        step = PlanStep(
            id=str(number),
            tool=tool.name,
            args=mended,
            title=title_of(tool.name, mended),
            effect=tool.effect,
            engines=tuple(sorted(needs)),
            seconds=round(forecast.seconds, 1),
            vram_mib=forecast.vram_mib,
            after=tuple(sorted({ref for value in mended.values() for ref in refs(value)})),
            basis=forecast.basis,
        )
        steps.append({**asdict(step), "call_id": call["id"], "status": "pending", "assets": []})
    return steps, refused


def propose(steps: Sequence[Mapping[str, Any]], ctx: TurnContext, asked_for: str = "") -> PlanProposed:
    """The plan as an event, in the order in which it will run."""
    fields = PlanStep.__dataclass_fields__
    rows = [PlanStep(**{k: _tupled(s[k]) for k in fields}) for s in in_order(steps, ctx.executor.arbiter)]
    loads = engines_to_load([*(s.engines for s in rows), *_brain_again(ctx)], ctx.executor.arbiter)
    return PlanProposed(
        thread=ctx.thread,
        steps=tuple(rows),
        seconds=round(sum(s.seconds for s in rows) + sum(map(ctx.executor.swap_seconds, loads)), 1),
        vram_mib=max((s.vram_mib for s in rows), default=0),
        swaps=len(loads),
        overwrites=tuple(s.title for s in rows if s.effect in RISKY),
        needs_approval=bool(approval_reason(rows, ctx, asked_for)),
    )


def _brain_again(ctx: TurnContext) -> list[tuple[str, ...]]:
    """A served language model that the steps displace comes back for the reply."""
    model = ctx.capabilities.model
    return [(model,)] if model in ctx.executor.arbiter.active() else []


def approval_reason(rows: Sequence[PlanStep], ctx: TurnContext, asked_for: str = "") -> str:
    """Why the user must agree first; '' when the plan may run. `asked_for`: the tool that the user named outright."""
    if ctx.yes or ctx.dry:
        return ""
    for row in rows:
        if row.effect in ("delete", "spend") or (row.effect == "overwrite" and row.tool != asked_for):
            return f"'{row.title}' would {row.effect} something"
    making = [r for r in rows if r.effect != "read"]
    rule = ctx.studio.settings.approval
    if ctx.approve == "auto" or rule.mode == "never" or not making:
        return ""
    seconds = sum(r.seconds for r in rows)
    if rule.mode == "always":
        return "You asked to approve every plan"
    if seconds > rule.above_seconds:
        return f"It will take about {seconds:.0f} s"
    return ""


def refs(value: Any) -> list[str]:
    """Step ids that an argument refers to."""
    if isinstance(value, str):
        found = _REF.match(value)
        return [found.group(1)] if found else []
    if isinstance(value, (list, tuple)):
        return [r for item in value for r in refs(item)]
    return []


def fill_refs(value: Any, assets: Mapping[str, str]) -> Any:
    """`value` with '$n' replaced by the asset that step n made."""
    if isinstance(value, str) and (found := _REF.match(value)):
        return assets.get(found.group(1), value)
    if isinstance(value, (list, tuple)):
        return [fill_refs(item, assets) for item in value]
    return value


def title_of(tool: str, args: Mapping[str, Any]) -> str:
    """A step in a few words, for people."""
    main = next((str(v) for v in args.values() if isinstance(v, str) and v), "")
    verb = tool.replace("_", " ")
    short = shortened(main, 60)
    return f"{verb}: {short}" if short and not _REF.match(short) else verb


def _shift(args: dict[str, Any], by: int) -> dict[str, Any]:
    def move(value: Any) -> Any:
        if isinstance(value, str) and (found := _REF.match(value)):
            return f"${int(found.group(1)) + by}"
        return [move(v) for v in value] if isinstance(value, list) else value

    return {k: move(v) for k, v in args.items()}


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
