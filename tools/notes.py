"""Sentences for the user that say the same with other figures."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FIGURE = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def without_figures(sentence: str) -> str:
    """Equal for sentences that differ in their figures alone."""
    return _FIGURE.sub("#", sentence)


def one_of_each(sentences: Iterable[str]) -> list[str]:
    """Of sentences that differ in their figures alone the last one: two that contradict each other help nobody."""
    return list({without_figures(sentence): sentence for sentence in sentences}.values())
