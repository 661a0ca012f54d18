"""Whether the words of the clips are right: a recogniser listens to those that subtitles tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from configs.errors import EngineError, UsageError
from configs.voice_dataset import VoiceDatasetTable
from tools.voice.dataset.build import Built, Source
from tools.voice.dataset.judging import Judged, cer

if TYPE_CHECKING:
    from backends.voice.speakers.recogniser import Recogniser
    from tools.spec import ToolContext


def check_words(
    built: Built, sources: Sequence[Source], language: str, table: VoiceDatasetTable, ctx: ToolContext
) -> tuple[Built, str]:
    """The same with the character error rate of each kept clip, and where the words are from, for people."""
    from backends.voice.speakers.recogniser import find_recogniser

    by = sorted({words.by for source in sources for words in source.words if words.by})
    if not by:
        _, why = find_recogniser(ctx.settings)
        ctx.warn(
            f"The clips have no transcripts: there are no subtitles, and {why or 'the recogniser heard no words'}."
        )
        return built, f"not measured ({why or 'no words were heard'})"
    recogniser, why = find_recogniser(ctx.settings)
    if recogniser is None:
        return built, f"{', '.join(by)}; not checked ({why})"
    if by == [recogniser.name]:
        return built, recogniser.name
    made = list(built.judged)
    kept = [index for index, one in enumerate(made) if one.kept and one.piece.text_by != recogniser.name]
    for count, index in enumerate(kept):
        ctx.progress(count, len(kept), "checking the words")
        try:
            made[index] = _checked(made[index], built, index, recogniser, language, table.gates.cer)
        except (EngineError, UsageError) as error:
            ctx.cancel.check()
            ctx.warn(f"The words were not checked: {error.sentence}")
            return built, f"{', '.join(by)}; not checked (the recogniser failed)"
    return replace(built, judged=tuple(made)), f"{', '.join(by)}; checked by {recogniser.name}"


def _checked(one: Judged, built: Built, index: int, recogniser: Recogniser, language: str, limit: float) -> Judged:
    heard = recogniser.write_down(built.cuts[index].file, language)
    rate = round(cer(one.piece.text, " ".join(words.text for words in heard)), 3)
    found = one.measured(cer=rate)
    return found.rejected("transcript differs", f"CER {rate:.2f}, {limit:g} at most") if rate > limit else found
