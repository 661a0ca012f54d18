"""A served vision model as judge of a picture: asked by the OpenAI protocol, its answer checked, mended once."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configs.errors import StudioError
from configs.settings import PROMPT_DIR, LlmSettings

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from backends.llm.remote import LlmBrain

SIDE = 768
"""Pixels of the longer side that the judge sees; Qwen-VL makes about 600 tokens of it."""
TIMEOUT_S = 30.0
"""Longest wait for one verdict; a judge that is slower is left out."""
WISH_LENGTH = 2000
_SEES = re.compile(
    r"(?<![a-z])(?:vl|vlm|vision|llava|pixtral|internvl|minicpm-?v|molmo|paligemma|gemma-?3|gpt-4o|glm-4\.?\dv)(?![a-z])",
    re.IGNORECASE,
)
"""Names of models that take pictures."""
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class Verdict(BaseModel):
    """What a judge has to answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    score: int = Field(ge=1, le=5)
    faults: tuple[str, ...] = Field((), max_length=20)


@dataclass(frozen=True)
class Judgement:
    """One verdict, or why there is none."""

    score: int | None
    """1 (broken) to 5 (flawless)."""
    model: str
    faults: tuple[str, ...] = ()
    reason: str = ""
    """Why it was not judged."""


class VisionJudge:
    """A served model that takes pictures. What it says ranks pictures; it is never a pass mark."""

    def __init__(self, brain: LlmBrain, model: str) -> None:
        self._brain, self.model = brain, model
        self._gone = ""

    def judge(self, rgb: NDArray[np.uint8], wish: str) -> Judgement:
        """Look at (H, W, 3) uint8 RGB that was made for `wish`. Never raises for what the model or server does.

        After a failure of the server it is not asked again.
        """
        if self._gone:
            return Judgement(None, self.model, reason=self._gone)
        messages = _question(rgb, wish)
        try:
            wrong = ""
            for _ in range(2):
                said = str(self._brain.invoke(messages).content)
                verdict, wrong = read_verdict(said)
                if verdict is not None:
                    faults = tuple(" ".join(fault.split())[:100] for fault in verdict.faults[:5])
                    return Judgement(verdict.score, self.model, faults)
                messages = _again(messages, said, wrong)
        except StudioError as error:
            self._gone = error.sentence
            return Judgement(None, self.model, reason=self._gone)
        return Judgement(None, self.model, reason=f"twice no usable answer: {wrong}")


def find_judge(llm: LlmSettings, known: Collection[str] = ()) -> tuple[VisionJudge | None, str]:
    """The judge behind `llm.base_url`, or None and why there is none.

    Args:
        llm: where models are served; its time limit is cut to TIMEOUT_S.
        known: names of models that take pictures besides those that can be told by their name.
    """
    from backends.llm.remote import list_models, make_llm_brain

    if not llm.base_url:
        return None, "no language model is served beside the picture engine (llm.base_url)"
    limits = {"timeout_s": min(llm.timeout_s, TIMEOUT_S), "retries": 1, "temperature": 0.0, "strict_tools": False}
    quick = llm.model_copy(update=limits)
    try:
        served = list_models(quick)
        model = next((name for name in [llm.model, *served] if name and takes_pictures(name, known)), "")
        if not model:
            return None, f"{', '.join(served[:3]) or 'the served model'} takes no pictures"
        brain, _ = make_llm_brain(quick.model_copy(update={"model": model}))
    except StudioError as error:
        return None, error.sentence
    return VisionJudge(brain, model), ""


def takes_pictures(name: str, known: Collection[str] = ()) -> bool:
    """Whether a served model of this name is a vision model."""
    return name in known or _SEES.search(name) is not None


def read_verdict(said: str) -> tuple[Verdict | None, str]:
    """The verdict in a model's answer; or None and what is wrong with it, in words that the model can act on."""
    found = _OBJECT.search(said)
    if found is None:
        return None, "there is no JSON object in it"
    try:
        return Verdict.model_validate(json.loads(found.group())), ""
    except json.JSONDecodeError as error:
        return None, f"it is not valid JSON ({error.msg})"
    except ValidationError as error:
        first = error.errors()[0]
        return None, f"'{'.'.join(str(part) for part in first['loc'])}': {first['msg']}"


@cache
def _instructions() -> str:
    return (PROMPT_DIR / "judge.md").read_text(encoding="utf-8").strip()


def _question(rgb: NDArray[np.uint8], wish: str) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    # the wish is data: it must not be able to close the fence that it stands in
    text = " ".join(wish.split())[:WISH_LENGTH].replace("<", "(").replace(">", ")")
    parts: list[str | dict[Any, Any]] = [
        {"type": "text", "text": f"<wish>{text}</wish>\nThe picture:"},
        {"type": "image_url", "image_url": {"url": _data_url(rgb)}},
    ]
    return [SystemMessage(_instructions()), HumanMessage(content=parts)]


def _again(messages: list[BaseMessage], said: str, wrong: str) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage

    complaint = f'Your answer cannot be used: {wrong}. Answer with {{"score": 1 to 5, "faults": []}} and nothing else.'
    return [*messages[:2], AIMessage(said[:500] or "(nothing)"), HumanMessage(complaint)]


def _data_url(rgb: NDArray[np.uint8]) -> str:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(rgb))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    coded = io.BytesIO()
    image.save(coded, format="JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(coded.getvalue()).decode()}"
