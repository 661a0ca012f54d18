"""What a served vision model says of a picture: asked with measured facts, its answer made plain text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.llm.answers import without_thoughts
from backends.llm.facts import facts_block
from backends.vision.vlm import VisionModel
from configs.settings import PROMPT_DIR

LIMIT = 300
"""Characters of a caption."""
_REMIND = 'Answer with {"text": "..."} and nothing else.'
_FENCE = re.compile(r"^```\w*\s*(.*?)\s*```$", re.DOTALL)
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_LABEL = re.compile(r"^(?:caption|description|answer|text|shot \d+)\s*[:\-]\s*", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\b(?:as an ai|i(?:'m| am) (?:sorry|unable|not able)|i can(?:no|')?t|unable to (?:see|view|describe)|"
    r"no (?:image|picture) (?:was|is|has)|(?:did not|didn't|cannot) (?:see|receive) (?:an?|any|the) picture)\b",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[.!?…][\"')\u2019\u201d]?\s")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cs"})
"""Unicode's categories of what is not seen, or turns the writing round."""
_WORDS = re.compile(r"[^\W\d_]{2,}")
_FEWEST_WORDS, _OPENING = 2, 60
"""A text with fewer words says nothing; one that begins with a refusal describes nothing."""


def describe(
    model: VisionModel, prompt: str, facts: Mapping[str, Any], pictures: Sequence[NDArray[np.uint8]], limit: int = LIMIT
) -> tuple[str, str]:
    """The model's text of at most `limit` characters, or '' and why there is none.

    Args:
        prompt: name of a file in prompts/, without its ending.
        facts: what was measured, JSON-ready; strings in it may come from anywhere.
        pictures: (H, W, 3) uint8 RGB each.

    Raises StudioError when the server or the model fails.
    """
    read: Callable[[str], tuple[str | None, str]] = partial(read_caption, limit=limit)
    text, why = model.ask(_instructions(prompt), facts_block(facts), pictures, read, _REMIND)
    return (text, "") if text is not None else ("", why)


def read_caption(said: str, limit: int = LIMIT) -> tuple[str | None, str]:
    """The caption in an answer that is JSON or plain text; or None and what is wrong with it."""
    text = without_thoughts(said).strip()
    if fence := _FENCE.match(text):
        text = fence.group(1)
    if found := _OBJECT.search(text):
        try:
            value = json.loads(found.group())
        except (json.JSONDecodeError, RecursionError):
            return None, "it is not valid JSON"
        told = value.get("text") if isinstance(value, dict) else None
        if not isinstance(told, str):
            return None, "'text' is missing or no string"
        text = told
    elif "{" in text or text.startswith("["):
        return None, "it is not valid JSON"
    text = plain(text, limit)
    if _REFUSAL.search(text[:_OPENING]):
        return None, "it describes nothing; describe what the picture shows"
    if len(_WORDS.findall(text)) < _FEWEST_WORDS:
        return None, "it holds no sentence"
    return text, ""


def plain(text: str, limit: int = LIMIT) -> str:
    """A model's text on one line, without Markdown, labels and quotes around it; see `one_line`."""
    bare = re.sub(r"[*_`#~|\\]+", "", one_line(text, 10 * limit)).strip()
    return one_line(_LABEL.sub("", bare).strip().strip("\"'\u201c\u201d"), limit)


def one_line(text: str, limit: int = LIMIT) -> str:
    """`text` without control characters and angle brackets, cut at a sentence's or word's end."""
    visible = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    line = " ".join(visible.replace("<", "(").replace(">", ")").split())
    if len(line) <= limit:
        return line
    ends = [found.end() for found in _ENDS.finditer(line[: limit + 1])]
    if ends and ends[-1] > limit // 2:
        return line[: ends[-1]].strip()
    return line[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:-") + "\u2026"


@cache
def _instructions(prompt: str) -> str:
    return (PROMPT_DIR / f"{prompt}.md").read_text(encoding="utf-8").strip()
