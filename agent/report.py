"""The turn as one object: the shape of `studio ask --json` and of `agent.invoke()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agent.events import PlanStep
from configs.errors import QuestionOpen
from memory.records import Asset
from memory.store import Memory
from tools.spec import ToolOutcome

_PLAN_FIELDS = tuple(PlanStep.__dataclass_fields__)


def asset_row(asset: Asset) -> dict[str, Any]:
    """An asset for the user: where it is, what made it, how it scored."""
    scores = {s.name: {k: v for k, v in asdict(s).items() if k != "name" and v not in (None, "")} for s in asset.scores}
    row = {
        "id": asset.id,
        "kind": asset.kind,
        "name": asset.name,
        "path": asset.path,
        "engine": asset.engine,
        "scores": scores,
    }
    if asset.kind == "audio" and asset.params.get("text") and asset.params.get("character"):
        # who says what, and how
        row["said"] = {name: str(asset.params.get(name, "")) for name in ("character", "text", "emotion")}
    return row


def call_row(outcome: ToolOutcome) -> dict[str, Any]:
    """One row of `calls` in the report."""
    return {
        "tool": outcome.tool,
        "args": outcome.args,
        "status": outcome.status,
        "seconds": round(outcome.seconds, 3),
        "engine": outcome.engine,
    }


def outcome_report(outcome: ToolOutcome) -> dict[str, Any]:
    """One call as `studio tool --json` prints it, whatever happened: what was made, asked or went wrong."""
    shape: dict[str, Any] = {**call_row(outcome), "assets": [asset_row(a) for a in outcome.assets]}
    if (result := outcome.result) is not None:
        shape |= {"summary": result.summary, "measurements": result.measurements, "warnings": list(result.warnings)}
    if isinstance(outcome.error, QuestionOpen):
        shape |= {"questions": [outcome.error.sentence], "choices": list(outcome.error.choices)}
    elif (error := outcome.error) is not None:
        shape["error"] = {
            "problem": error.problem, "cause": error.cause, "fix": error.fix, "exit_code": error.exit_code,
        }  # fmt: skip
    return shape


def turn_report(
    state: Mapping[str, Any], memory: Memory, *, thread: str, brain: str, home: str, waiting: str = ""
) -> dict[str, Any]:
    """The report of a finished (or waiting) turn. `waiting`: why the plan needs the user's approval."""
    assets = [a for i in state.get("assets", []) if (a := memory.get_asset(i)) is not None]
    questions = [state["question"]["text"]] if state.get("question") else []
    if waiting:
        questions.append(f"{waiting}. Approve the plan?")
    steps = [{**{k: s[k] for k in _PLAN_FIELDS}, "status": s["status"]} for s in state.get("steps", [])]
    return {
        "reply": state.get("reply", ""),
        "assets": [asset_row(a) for a in assets],
        "calls": list(state.get("calls", [])),
        "plan": steps,
        "questions": questions,
        "choices": list((state.get("question") or {}).get("choices", [])),
        "swaps": state.get("swaps", 0),
        "brain": brain,
        "thread": thread,
        "intent": state.get("understanding", {}).get("intent", ""),
        "notices": list(state.get("notices", [])),
        "error": state.get("error"),
        "home": home,
    }


def exit_code(report: Mapping[str, Any]) -> int:
    """0 done, 3 a question is open, else the error's own code."""
    if report["questions"]:
        return 3
    return int(report["error"]["exit_code"]) if report["error"] else 0
