"""What the graph carries between stages and across turns; plain data only, files as asset ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

from tools.events import Event
from tools.executor import Executor
from tools.spec import CancelToken, Studio

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from backends.llm.understanding import Capabilities


class State(TypedDict, total=False):
    """One thread's state. Everything below `earlier` belongs to the current turn."""

    history: Annotated[list[AnyMessage], add_messages]
    """The conversation: the user's messages and the replies."""
    open_question: dict[str, Any] | None
    """{text, choices, wish} of the last turn when it ended with a question."""
    earlier: list[dict[str, Any]]
    """Calls of the turns before that did their work, oldest first: {turn, tool, args}."""
    turn: int
    job: str
    """Under which finished steps are kept; that of the stopped turn when its wish is said again."""
    wish: str
    attachments: list[str]
    """Asset ids of this turn's uploads."""
    understanding: dict[str, Any]
    recalled: list[dict[str, str]]
    loop: list[AnyMessage]
    """This turn's tool calls and their results, as the brain sees them."""
    steps: list[dict[str, Any]]
    """The plan: PlanStep fields, assets, status (pending, done, reused, failed, refused, cancelled, skipped)."""
    decision: dict[str, Any]
    """The user's answer to the last plan; {} before it."""
    calls: list[dict[str, Any]]
    """Finished calls: {tool, args, status, seconds, engine}."""
    assets: list[str]
    model_calls: int
    rounds: int
    swaps: int
    notices: list[str]
    reply: str
    question: dict[str, Any] | None
    error: dict[str, Any] | None
    started_at: float


@dataclass(frozen=True)
class Decision:
    """The user's answer to a proposed plan."""

    action: Literal["approve", "cancel", "edit", "ask"]
    """'ask': what it would take; the plan goes on waiting."""
    edits: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Step id -> arguments to change ('edit')."""
    change: str = ""
    """Or the change in words ('edit'): the plan is made again. The question ('ask')."""


@dataclass(frozen=True)
class TurnContext:
    """What the stages of one turn work with; never stored."""

    studio: Studio
    executor: Executor
    brain: BaseChatModel
    capabilities: Capabilities
    thread: str
    emit: Callable[[Event], None]
    cancel: CancelToken
    approve: Literal["ask", "auto"] = "ask"
    """'auto': creating needs no approval; what overwrites, deletes or spends still does."""
    yes: bool = False
    """True: the user approved everything in advance."""
    dry: bool = False


def fresh_turn(turn: int, wish: str, attachments: list[str], started_at: float, job: str = "") -> dict[str, Any]:
    """The turn's fields at its start."""
    return {
        "turn": turn,
        "job": job,
        "wish": wish,
        "attachments": attachments,
        "understanding": {},
        "recalled": [],
        "loop": [],
        "steps": [],
        "decision": {},
        "calls": [],
        "assets": [],
        "model_calls": 0,
        "rounds": 0,
        "swaps": 0,
        "notices": [],
        "reply": "",
        "question": None,
        "error": None,
        "started_at": started_at,
    }


def job_of(state: State, thread: str) -> str:
    """The job that this turn's steps belong to."""
    return state.get("job") or f"{thread}#{state['turn']}"


def users_words(state: State) -> list[str]:
    """What the user said that this turn answers, oldest first: the wish, and before it the one that was asked about."""
    asked = (state.get("open_question") or {}).get("wish")
    answers = state.get("understanding", {}).get("answers") is not False
    return [str(asked), state["wish"]] if asked and answers else [state["wish"]]


def was_stopped(state: State) -> bool:
    """Whether the user ended the turn in the middle of a step."""
    return any(call["status"] == "cancelled" for call in state.get("calls", ()))
