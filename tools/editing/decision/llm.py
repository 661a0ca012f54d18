"""A wish that no rule knows, planned by the served language model over ids and measured facts; checked, mended once."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import StudioError, UsageError
from configs.settings import PROMPT_DIR
from tools.editing.arrange import apply_all, arrange
from tools.editing.arrangement import Arrangement, Part
from tools.editing.decide import decide
from tools.editing.decision.facts import Facts
from tools.editing.decision.pieces import Piece, room
from tools.editing.operations import Highlight, Keep, Operation, Remove
from tools.editing.program import Source

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

    from tools.editing.decision.looking import Looking
    from tools.spec import ToolContext

PLAN = "plan_cut"
SLACK_S = 0.15
"""A time this far outside its shot is rounding, and moved inside."""
MOST_SHOTS = 120
"""Shots that the model is told about; of more, the liveliest."""
TEXT, WORDS = 160, 120
"""Characters of a shot's description and words that the model is told."""


class PiecePlan(BaseModel):
    """A stretch of a shot."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    shot: str = Field(description="Id of the shot, e.g. 'c1s3'.")
    start: float = Field(description="Seconds of the clip.")
    end: float = Field(description="Seconds of the clip.")
    why: str = Field(description="One sentence with a measured figure.", max_length=300)


class CutPlan(BaseModel):
    """What the model answers."""

    model_config = ConfigDict(extra="forbid")

    pieces: list[PiecePlan] = Field(default_factory=list, max_length=200)
    steps: list[str] = Field(default_factory=list, max_length=12)
    question: str = Field("", max_length=300)


@dataclass(frozen=True)
class Planned:
    """A checked plan, done."""

    made: Arrangement
    operations: list[Operation]
    model: str


def decide_by_model(
    instruction: str,
    sources: Sequence[tuple[Source, str, str]],
    known: Looking,
    ctx: ToolContext,
    unclear: UsageError,
) -> Planned:
    """Ask the model, check its plan against the shots, let it mend the plan once, and do it.

    Raises `unclear` when no model is served, UsageError with the model's question, or saying that twice nothing could
    be made of its answer.
    """
    if ctx.settings.brain == "offline" or not ctx.settings.llm.base_url:
        raise unclear
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    from backends.llm.facts import facts_block
    from backends.llm.remote import make_llm_brain

    try:
        brain, about = make_llm_brain(ctx.settings.llm)
    except StudioError as error:
        ctx.warn(f"The language model was not asked: {error.sentence}")
        raise unclear from error
    whole = arrange(sources, [], known.lively, known)
    clips = {part.source.asset_id: known.described(part) for part in whole.parts}
    shots = Shots(whole, clips)
    rules = (PROMPT_DIR / "editing" / "plan.md").read_text(encoding="utf-8")
    asked: list[BaseMessage] = [SystemMessage(f"{rules}\n\n{facts_block(shots.told())}"), HumanMessage(instruction)]
    planner = brain.bind_tools([_tool()], tool_choice=PLAN)
    messages, wrong = asked, ""
    for _ in range(2):
        ctx.progress(0, 1, f"asking {about.model} for a plan")
        answer = planner.invoke(messages)
        ctx.cancel.check()
        try:
            plan = _read(answer)
            if plan.question:
                raise _Asked(plan.question)
            return _done(plan, shots, known, about.model)
        except _Wrong as error:
            wrong = str(error)
        said = str(answer.tool_calls[0]["args"])[:1500] if answer.tool_calls else str(answer.content)[:1500]
        messages = [
            *asked,
            AIMessage(said or "(nothing)"),
            HumanMessage(f"This plan cannot be used: {wrong}. Plan again."),
        ]
    raise UsageError(
        unclear.problem, f"the language model's plan could not be used twice: {wrong}", unclear.fix
    ) from unclear


class _Wrong(Exception):
    """What is wrong with a plan, in words that the model can act on."""


class _Asked(UsageError):
    """The model's question to the user."""

    def __init__(self, question: str) -> None:
        super().__init__(" ".join(question.split())[:300], fix="Nothing was changed yet: say it in the next wish")


class Shots:
    """The shots that a plan may name."""

    def __init__(self, whole: Arrangement, clips: dict[str, Facts]) -> None:
        self.whole = whole
        self.known: dict[str, tuple[Part, Facts, float, float]] = {}
        self._clips = list(clips.values())
        for part in whole.parts:
            facts = clips[part.source.asset_id]
            for shot in facts.record.shots:
                self.known[facts.shot_id(shot)] = (part, facts, shot.start, shot.end)

    def told(self) -> dict[str, Any]:
        """Measured facts of all shots, JSON-ready."""
        made = [self._shot(name) for name in self.known]
        if len(made) > MOST_SHOTS:
            liveliest = sorted(made, key=lambda shot: -float(shot["lively"]))[:MOST_SHOTS]
            kept = {shot["id"] for shot in liveliest}
            made = [shot for shot in made if shot["id"] in kept]
        clips = [
            {
                "clip": f"c{facts.number}",
                "name": facts.name[:80],
                "seconds": facts.seconds,
                "sound": facts.sound is not None,
            }
            for facts in self._clips
        ]
        return {"clips": clips, "shots": made}

    def _shot(self, name: str) -> dict[str, Any]:
        _, facts, start, end = self.known[name]
        shot = next(one for one in facts.record.shots if facts.shot_id(one) == name)
        told: dict[str, Any] = {"id": name, "start": round(start, 2), "end": round(end, 2)}
        told["lively"] = round(facts.interest(start, end) / facts.mean_interest, 2)
        if shot.motion is not None:
            told["motion"] = shot.motion
        if shot.luma is not None:
            told["brightness"] = round(shot.luma)
        if shot.camera is not None:
            told["camera"] = f"{shot.camera.move} {shot.camera.direction}".strip()
        if shot.composition is not None:
            told["scale"] = shot.composition.scale
            told["faces"] = sum(figure.kind == "face" for figure in shot.composition.figures)
        if shot.sound is not None:
            told["sound"] = shot.sound.label
            told["loudness"] = shot.sound.loudness_lufs
        if shot.words:
            told["words"] = " / ".join(" ".join(words.text.split()) for words in shot.words)[:WORDS]
        if shot.text:
            told["shows"] = shot.text[:TEXT]
        return told

    def part(self, piece: PiecePlan) -> Part:
        """A piece as a part in whole frames. Raises _Wrong when it does not lie in its shot."""
        found = self.known.get(piece.shot)
        if found is None:
            near = difflib.get_close_matches(piece.shot, self.known, n=1)
            hint = f"; did you mean {near[0]}" if near else f"; the shots are {', '.join(list(self.known)[:20])}"
            raise _Wrong(f"there is no shot '{piece.shot[:20]}'{hint}")
        part, _, start, end = found
        if piece.start < start - SLACK_S or piece.end > end + SLACK_S:
            raise _Wrong(
                f"{piece.start:g} to {piece.end:g} does not lie in {piece.shot}, which is from {start:.2f} to {end:.2f}"
            )
        rate = self.whole.rate
        first, last = room(part, rate)
        begin = max(first, round(max(piece.start, start) * rate))
        stop = min(last, round(min(piece.end, end) * rate))
        if stop <= begin:
            raise _Wrong(f"the piece of {piece.shot} from {piece.start:g} to {piece.end:g} is empty")
        return Piece(part, begin, stop - begin, " ".join(piece.why.split())[:300]).made(rate)


def _read(answer: AIMessage) -> CutPlan:
    call = next((call for call in answer.tool_calls if call["name"] == PLAN), None)
    if call is None:
        raise _Wrong(f"call {PLAN}")
    try:
        return CutPlan.model_validate(call["args"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _Wrong(f"{'.'.join(str(at) for at in first['loc'])}: {first['msg']}") from None


def _done(plan: CutPlan, shots: Shots, known: Looking, model: str) -> Planned:
    if not plan.pieces and not plan.steps:
        raise _Wrong("it has neither pieces nor steps nor a question")
    operations: list[Operation] = []
    for step in plan.steps:
        try:
            operations += decide(step)
        except UsageError as error:
            raise _Wrong(f"the step '{step[:60]}' is not known ({error.problem[:120]})") from None
    if plan.pieces and any(isinstance(one, (Keep, Remove, Highlight)) for one in operations):
        raise _Wrong("choose what is shown by pieces, not by steps")
    made = shots.whole
    if plan.pieces:
        made = replace(made, parts=tuple(shots.part(piece) for piece in plan.pieces))
    return Planned(apply_all(made, operations, known.lively, known), operations, model)


def _tool() -> dict[str, Any]:
    schema = CutPlan.model_json_schema()
    schema.pop("title", None)
    return {
        "type": "function",
        "function": {
            "name": PLAN,
            "description": "Say which pieces are shown, and what is done.",
            "parameters": schema,
        },
    }
