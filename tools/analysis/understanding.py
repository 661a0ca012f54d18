"""What an analysis knows beyond measures: who is in the film, what is said, and its shots in words and in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tools.analysis.aspects import Aspect

if TYPE_CHECKING:
    from backends.sound.result import Words
    from backends.vision.record import Shot
    from memory.records import Asset
    from tools.analysis.reading import FilmReading
    from tools.spec import ToolContext

_BESIDE = 50
"""Subtitle files looked at to tell whether the words may have changed."""


class Understanding:
    """Of one film, for one analysis."""

    def __init__(self, film: Asset, aspects: Sequence[Aspect], ctx: ToolContext) -> None:
        from tools.analysis.characters import finder_for

        self._film, self._ctx = film, ctx
        self._content = "content" in aspects
        self.not_measured: dict[str, str] = {}
        self.figures: Any = None
        if self._content or {"shots", "composition"} & set(aspects):
            self.figures, self.not_measured = finder_for(film, ctx)

    def fingerprint(self) -> dict[str, Any]:
        """All but the film and the wish that the answer depends on, JSON-ready."""
        facts: dict[str, Any] = {"figures": self.not_measured if self.figures is not None else None}
        if self._content:
            memory, llm = self._ctx.memory, self._ctx.settings.llm
            facts |= {
                "characters": [(one.id, one.updated_at) for one in memory.list_entries("character")],
                "subtitles": [one.id for one in memory.list_assets("subtitle", None, _BESIDE)],
                "model": [llm.base_url, llm.model],
            }
        return facts

    def told(self, reading: FilmReading) -> FilmReading:
        """The reading with what is said, and a text per shot."""
        from configs.llm_services import vision_models
        from tools.analysis.captions import describe_shots
        from tools.analysis.words import words_of

        record, missing = reading.record, dict(reading.record.not_measured)
        if not self._content:
            return reading
        words, why = words_of(self._film, self._ctx)
        if not words and why:
            missing["words"] = why
        shots = with_words(record.shots, words)
        sound = record.sound.model_copy(update={"words": words}) if record.sound is not None else None
        record = record.model_copy(update={"shots": tuple(shots), "sound": sound, "not_measured": missing})
        texts, told = describe_shots(
            record,
            reading.keyframes,
            llm=self._ctx.settings.llm,
            known=vision_models(self._ctx.settings),
            cancel=self._ctx.cancel.check,
            on_progress=lambda done, total: self._ctx.progress(done, total, "describing shots"),
            warn=self._ctx.warn,
        )
        if told:
            missing["text"] = told
        shots = [
            shot.model_copy(update={"text": text, "text_by": by})
            for shot, (text, by) in zip(record.shots, texts, strict=True)
        ]
        return replace(reading, record=record.model_copy(update={"shots": tuple(shots), "not_measured": missing}))

    def remember(self, reading: FilmReading) -> int:
        """Put the shots into the film database; how many. An analysis without contents leaves what is known there."""
        from tools.analysis.database import remember_shots

        if not self._content and self._ctx.memory.shots(self._film.id):
            return 0
        return remember_shots(reading.record, self._film, reading.keyframes, self._ctx)


def with_words(shots: Sequence[Shot], words: Sequence[Words]) -> list[Shot]:
    """The shots with the lines that begin in them, or that begin before the first."""
    starts = [shot.start for shot in shots]
    lines: list[list[Words]] = [[] for _ in shots]
    for line in words:
        lines[max(0, bisect_right(starts, line.start) - 1)].append(line)
    return [shot.model_copy(update={"words": tuple(said)}) for shot, said in zip(shots, lines, strict=True)]
