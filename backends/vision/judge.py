"""A served vision model as judge of a picture."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backends.vision.vlm import SIDE, TIMEOUT_S, VisionModel, fenced, find_vision_model, takes_pictures
from configs.errors import StudioError
from configs.settings import PROMPT_DIR, LlmSettings

__all__ = ["SIDE", "TIMEOUT_S", "Judgement", "VisionJudge", "find_judge", "read_verdict", "takes_pictures"]

WISH_LENGTH = 2000
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_REMIND = 'Answer with {"score": 1 to 5, "faults": []} and nothing else.'


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

    def __init__(self, vision: VisionModel) -> None:
        self._vision, self.model = vision, vision.name
        self._gone = ""

    def judge(self, rgb: NDArray[np.uint8], wish: str) -> Judgement:
        """Look at (H, W, 3) uint8 RGB that was made for `wish`. Never raises for what the model or server does.

        After a failure of the server it is not asked again.
        """
        if self._gone:
            return Judgement(None, self.model, reason=self._gone)
        # the wish is data: it must not be able to close the fence that it stands in
        text = f"<wish>{fenced(wish, WISH_LENGTH)}</wish>\nThe picture:"
        try:
            verdict, why = self._vision.ask(_instructions(), text, [rgb], read_verdict, _REMIND)
        except StudioError as error:
            self._gone = error.sentence
            return Judgement(None, self.model, reason=self._gone)
        if verdict is None:
            return Judgement(None, self.model, reason=why)
        faults = tuple(" ".join(fault.split())[:100] for fault in verdict.faults[:5])
        return Judgement(verdict.score, self.model, faults)


def find_judge(llm: LlmSettings, known: Collection[str] = ()) -> tuple[VisionJudge | None, str]:
    """The judge behind `llm.base_url`, or None and why there is none; see `find_vision_model`."""
    found, why = find_vision_model(llm, known)
    return (VisionJudge(found), "") if found is not None else (None, why)


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
