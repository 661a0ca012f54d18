"""What an analysis knows beyond measures: who is in the film, what is said, and its shots in words and in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tools.analysis.aspects import PLAN, Aspect
from tools.analysis.captions_measured import MEASURED

if TYPE_CHECKING:
    from backends.sound.result import Words
    from backends.vision.record import Shot
    from memory.records import Asset
    from tools.analysis.reading import FilmReading
    from tools.spec import ToolContext, ToolResult

_SAME_SHOT = 0.25
"""Seconds by which a shot's start may differ from its plan."""
_BESIDE = 50
"""Subtitle files looked at to tell whether the words may have changed."""
_MOMENT = 0.002
"""Seconds: the database keeps milliseconds."""


class Understanding:
    """Of one film, for one analysis."""

    def __init__(self, film: Asset, aspects: Sequence[Aspect], ctx: ToolContext) -> None:
        from tools.analysis.characters import finder_for
        from tools.analysis.looks import Looks, looks_of

        self._film, self._ctx = film, ctx
        self._content = "content" in aspects
        self.not_measured: dict[str, str] = {}
        self.figures: Any = None
        if self._content or {"shots", "composition"} & set(aspects):
            self.figures, self.not_measured = finder_for(film, ctx)
        self.looks = Looks()
        if "coherence" in aspects:
            self.looks = looks_of(film, ctx)
            if self.looks.reason:
                self.not_measured.setdefault("identity", self.looks.reason)

    def fingerprint(self) -> dict[str, Any]:
        """All but the film and the wish that the answer depends on, JSON-ready."""
        memory, settings = self._ctx.memory, self._ctx.settings
        facts: dict[str, Any] = {"figures": None}
        if self.figures is not None:
            known = [(one.id, one.updated_at) for one in memory.list_entries("character")]
            facts = {"figures": self.not_measured, "characters": known}
        facts["looks"] = [self.looks.track is not None, self.looks.mark]
        if self._content:
            from backends.vision.vlm import seeing_model
            from backends.voice.speakers.recogniser import find_recogniser
            from configs.llm_services import vision_models

            recogniser, _ = find_recogniser(settings)
            facts |= {
                "subtitles": [one.id for one in memory.list_assets("subtitle", None, _BESIDE)],
                "model": [settings.llm.base_url, seeing_model(settings.llm, vision_models(settings))[0]],
                "recogniser": recogniser.name if recogniser is not None else "",
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
            for shot, (text, by) in zip(record.shots, self._planned(record.shots, texts), strict=True)
        ]
        return replace(reading, record=record.model_copy(update={"shots": tuple(shots), "not_measured": missing}))

    def _planned(self, shots: Sequence[Shot], texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The texts; a storyboard tells more of a shot than its measures do."""
        known = {one.number: one for one in self._ctx.memory.shots(self._film.id) if one.text_by == PLAN}
        kept: list[tuple[str, str]] = []
        for shot, (text, by) in zip(shots, texts, strict=True):
            plan = known.get(shot.index)
            same = plan is not None and abs(plan.start - shot.start) < _SAME_SHOT
            kept.append((plan.text, PLAN) if plan is not None and same and by == MEASURED else (text, by))
        return kept

    def remember(self, reading: FilmReading) -> int:
        """Put the shots into the film database; how many.

        An analysis without contents replaces only what others without contents measured, and no more than it did.
        """
        from tools.analysis.database import figures_of, remember_shots

        kept = self._ctx.memory.shots(self._film.id)
        if kept and not self._content:
            measured = {name for shot in reading.record.shots for name in figures_of(shot)}
            if any(one.text_by != MEASURED or not one.data.keys() <= measured for one in kept):
                return 0
        return remember_shots(reading.record, self._film, reading.keyframes, self._ctx)

    def remember_again(self, result: ToolResult) -> int:
        """Put the shots of a kept analysis back where another of the same film took their place; how many."""
        from backends.vision.record import FilmRecord
        from tools.analysis.database import remember_shots

        kept = [(one.start, one.end, one.text) for one in self._ctx.memory.shots(self._film.id)]
        found = [(one["start"], one["end"], one["text"]) for one in result.data["shots"]]
        facts = next((asset for asset in result.assets if asset.path.endswith(".json")), None)
        if not self._content or facts is None or _alike(kept, found):
            return 0
        record = FilmRecord.model_validate_json(self._ctx.path(facts).read_bytes())
        return remember_shots(record, self._film, (), self._ctx)


def _alike(one: Sequence[tuple[float, float, str]], other: Sequence[tuple[float, float, str]]) -> bool:
    return len(one) == len(other) and all(
        a[2] == b[2] and abs(a[0] - b[0]) < _MOMENT and abs(a[1] - b[1]) < _MOMENT
        for a, b in zip(one, other, strict=True)
    )


def with_words(shots: Sequence[Shot], words: Sequence[Words]) -> list[Shot]:
    """The shots with the lines that begin in them, or that begin before the first."""
    starts = [shot.start for shot in shots]
    lines: list[list[Words]] = [[] for _ in shots]
    for line in words:
        lines[max(0, bisect_right(starts, line.start) - 1)].append(line)
    return [shot.model_copy(update={"words": tuple(said)}) for shot, said in zip(shots, lines, strict=True)]
