"""Stage 7: what was made, its scores, what fell short; then the turn is remembered."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.runtime import Runtime

from agent.events import Failed, Question, StageEntered
from agent.stages.understand import whole_wish
from agent.state import State, TurnContext, job_of
from configs.errors import QuestionOpen
from configs.headlines import shortened

TITLE_LIMIT = 60
TURNS_KEPT = 5
CALLS_KEPT = 12
DONE = ("done", "reused")


async def reply(state: State, runtime: Runtime[TurnContext]) -> dict[str, Any]:
    """The closing text. Never claims more than the calls gave."""
    ctx = runtime.context
    ctx.emit(StageEntered(thread=ctx.thread, stage="reply"))
    error = _open_error(state)
    asked = _asked(state, error)
    question, error = state.get("question") or asked, None if asked else error
    if question:
        text = str(question["text"])
        ctx.emit(Question(thread=ctx.thread, text=text, choices=tuple(question.get("choices", ()))))
    elif error and not state["reply"]:
        text = " ".join(f"{part.rstrip('.')}." for part in (error["problem"], error["cause"], error["fix"]) if part)
    elif state["decision"].get("action") == "cancel":
        text = "Cancelled; nothing was made."
    else:
        text = state["reply"] or "Done."
    if error:
        ctx.emit(Failed(thread=ctx.thread, **{k: error[k] for k in ("problem", "cause", "fix", "exit_code")}))
    await asyncio.to_thread(_remember, state, ctx)
    answer = {"reply": text, "error": error, "open_question": question, "history": [AIMessage(text)],
              "earlier": _earlier(state)}  # fmt: skip
    return {**answer, "question": question} if asked else answer


def _earlier(state: State) -> list[dict[str, Any]]:
    """What was done in the turns that the brain is still shown, this one included."""
    now = [{"turn": state["turn"], "tool": c["tool"], "args": c["args"]} for c in state["calls"] if c["status"] in DONE]
    known = [c for c in state.get("earlier", ()) if c["turn"] > state["turn"] - TURNS_KEPT]
    return [*known, *now][-CALLS_KEPT:]


def _asked(state: State, error: dict[str, Any] | None) -> dict[str, Any] | None:
    """A tool's own question (who agreed to a voice?), which the next message answers; None when none asked."""
    if error is None or error["exit_code"] != QuestionOpen.exit_code:
        return None
    text = QuestionOpen(error["problem"], error["cause"], error["fix"]).sentence
    return {
        "text": text,
        "choices": list(error.get("choices", ())),
        "wish": whole_wish(state, answers=state["understanding"].get("answers")),
    }


def _open_error(state: State) -> dict[str, Any] | None:
    """The turn's error, unless the same tool succeeded after it (the brain mended its call)."""
    error = state.get("error")
    if not error or not state["calls"]:
        return error
    last = {c["tool"]: c["status"] for c in state["calls"]}
    return error if any(s in ("asked", "failed", "refused", "cancelled", "skipped") for s in last.values()) else None


def _remember(state: State, ctx: TurnContext) -> None:
    memory = ctx.studio.memory
    memory.upsert_thread(ctx.thread, shortened(state["wish"], TITLE_LIMIT))
    if state["calls"]:
        failed = any(c["status"] in ("asked", "failed", "cancelled") for c in state["calls"])
        memory.finish_job(job_of(state, ctx.thread), "failed" if failed else "done")
