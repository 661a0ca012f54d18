"""A served vision model, asked about pictures by the OpenAI protocol: its answer checked, mended once."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from configs.errors import StudioError
from configs.settings import LlmSettings

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from backends.llm.remote import LlmBrain

Rgb = NDArray[np.uint8]
Answer = TypeVar("Answer")
SIDE = 768
"""Pixels of the longer side that the model sees; Qwen-VL makes about 600 tokens of it."""
TIMEOUT_S = 30.0
"""Longest wait for one answer; a model that is slower is left out."""
_SEES = re.compile(
    r"(?<![a-z])(?:vl|vlm|vision|llava|pixtral|internvl|minicpm-?v|molmo|paligemma|gemma-?3|gpt-4o|glm-4\.?\dv)(?![a-z])",
    re.IGNORECASE,
)
"""Names of models that take pictures."""
_ECHO = 500
"""Characters of a wrong answer that the model is shown again."""


class VisionModel:
    """A served model that takes pictures. May be asked from several threads at once."""

    def __init__(self, brain: LlmBrain, name: str) -> None:
        self._brain, self.name = brain, name

    def ask(
        self,
        instructions: str,
        text: str,
        pictures: Sequence[Rgb],
        read: Callable[[str], tuple[Answer | None, str]],
        remind: str,
    ) -> tuple[Answer | None, str]:
        """What `read` makes of the model's answer, or None and why twice nothing could be made of it.

        Args:
            instructions: the system message.
            text: what is said with the pictures; what comes from outside must be fenced in it.
            pictures: (H, W, 3) uint8 RGB each.
            read: gives the answer, or None and what is wrong with it in words that the model can act on.
            remind: what has to be answered, said once more after a wrong answer.

        Raises StudioError when the server or the model fails.
        """
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        parts: list[str | dict[Any, Any]] = [{"type": "text", "text": text}]
        parts += [{"type": "image_url", "image_url": {"url": _data_url(rgb)}} for rgb in pictures]
        messages: list[BaseMessage] = [SystemMessage(instructions), HumanMessage(content=parts)]
        wrong = ""
        for _ in range(2):
            said = str(self._brain.invoke(messages).content)
            answer, wrong = read(said)
            if answer is not None:
                return answer, ""
            complaint = f"Your answer cannot be used: {wrong}. {remind}"
            messages = [*messages[:2], AIMessage(said[:_ECHO] or "(nothing)"), HumanMessage(complaint)]
        return None, f"twice no usable answer: {wrong}"


def find_vision_model(llm: LlmSettings, known: Collection[str] = ()) -> tuple[VisionModel | None, str]:
    """The model behind `llm.base_url` that takes pictures, or None and why there is none.

    Args:
        llm: where models are served; its time limit is cut to TIMEOUT_S.
        known: names of models that take pictures besides those that can be told by their name.
    """
    from backends.llm.remote import make_llm_brain

    name, why = seeing_model(llm, known)
    if not name:
        return None, why
    try:
        brain, _ = make_llm_brain(_quick(llm).model_copy(update={"model": name}))
    except StudioError as error:
        return None, error.sentence
    return VisionModel(brain, name), ""


def seeing_model(llm: LlmSettings, known: Collection[str] = ()) -> tuple[str, str]:
    """The name of the model that `find_vision_model` finds, or '' and why there is none. Only lists what is served."""
    from backends.llm.remote import list_models

    if not llm.base_url:
        return "", "no language model is served beside the picture engine (llm.base_url)"
    try:
        served = list_models(_quick(llm))
    except StudioError as error:
        return "", error.sentence
    name = next((name for name in [llm.model, *served] if name and takes_pictures(name, known)), "")
    return name, "" if name else f"{', '.join(served[:3]) or 'the served model'} takes no pictures"


def _quick(llm: LlmSettings) -> LlmSettings:
    limits = {"timeout_s": min(llm.timeout_s, TIMEOUT_S), "retries": 1, "temperature": 0.0, "strict_tools": False}
    return llm.model_copy(update=limits)


def takes_pictures(name: str, known: Collection[str] = ()) -> bool:
    """Whether a served model of this name is a vision model."""
    return name in known or _SEES.search(name) is not None


def fenced(text: str, limit: int) -> str:
    """`text` on one line, at most `limit` characters, unable to close the fence that it will stand in."""
    return " ".join(text.split())[:limit].replace("<", "(").replace(">", ")")


def _data_url(rgb: Rgb) -> str:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(rgb))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    coded = io.BytesIO()
    image.save(coded, format="JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(coded.getvalue()).decode()}"
