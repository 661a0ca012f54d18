"""check_voice: a test line in a cloned or trained voice, and how like the recordings it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backends.voice.engines.protocol import Reference, VoiceSource
from backends.voice.measures.figures import similarity
from backends.voice.speakers.likeness import SpeakerEncoder, find_encoder
from backends.voice.wav import read_wav, voice_tags, write_wav
from configs.errors import UsageError
from configs.voice_training import load_voice_training
from memory.records import Score
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import find_speaker
from tools.voice.consent import CLONING, consent_of
from tools.voice.line import synthesise_line
from tools.voice.routing import route
from tools.voice.weights import usable_weights

Sound = tuple[NDArray[np.float32], int]
"""(N,) mono samples and their rate in Hz."""
MEASURE = "cos(spoken, real) / cos(real, held-out real)"


class CheckVoiceArgs(ToolArgs):
    character: str = Field(description="Whose cloned voice: a remembered character's name.")
    text: str = Field("", description="The test line; '' takes one of the studio's.")
    language: str = Field("", description="Language of the line, such as en or it; '' takes the recording's.")
    emotion: str = Field("neutral", description="Which of the character's recordings is used.")
    weights: dict[str, str] = Field(
        default_factory=dict, description="Trained weights to try before they are kept: 'gpt' and 'sovits', files."
    )
    reference: str = Field("", description="The recording to speak after, an asset; '' takes the character's own.")
    reference_text: str = Field("", description="What is said in that recording.")
    consent: str = Field("", description="Id of the consent that it is spoken under; '' takes the character's own.")
    held_out: list[str] = Field(
        default_factory=list, description="Further recordings of the same person, paths in the workspace, to compare."
    )


class CheckVoice(Tool):
    name = "check_voice"
    description = (
        "Speak a test line in a character's cloned voice and measure how like the person's recordings it is. "
        "Use it to judge a voice that was cloned or trained."
    )
    Args = CheckVoiceArgs
    makes = "audio"
    time_limit_s = 600.0

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        """None where no engine can speak so: then `run` tells why, and no plan is refused for it."""
        try:
            return frozenset({_engine(args, studio)})
        except UsageError:
            return frozenset()

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        return Forecast(seconds=8.0, disk_mib=0.5)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        _engine(args, Studio(ctx.settings, ctx.workspace, ctx.memory))
        engine, speaker = ctx.engine("voice"), find_speaker(ctx, args.character)
        entry = ctx.memory.resolve_character(args.character)
        kept = consent_of(entry.data) if entry is not None else None
        consent = args.consent or (kept.id if kept is not None else "")
        source = _source(args, ctx)
        reference = source.reference(args.emotion)
        if reference is None:
            raise UsageError(f"{speaker.name} has no recording to compare with", fix="Clone the voice first")
        language = args.language or reference.language or speaker.language or ctx.settings.voice.language
        lines = load_voice_training(ctx.settings).cloning.test_line
        text = args.text or lines.get(language.split("-", maxsplit=1)[0], lines["en"])
        ctx.progress(0, 2, "speaking a test line")
        line = synthesise_line(
            engine, text, speaker.voice, language=language, emotion=args.emotion, source=source,
            target_lufs=ctx.settings.voice.loudness_lufs, on_try=lambda number, tries: ctx.cancel.check(),
        )  # fmt: skip
        ctx.progress(1, 2, "comparing it with the recordings")
        held_out = [read_wav(ctx.workspace.inside(path)) for path in args.held_out]
        wanted = load_voice_training(ctx.settings).cloning.similarity_wanted
        encoder, why = find_encoder(ctx.settings)
        score = likeness(encoder, why, (line.samples, line.sample_rate), [_read(reference), *held_out], wanted)
        file = ctx.scratch(".wav")
        write_wav(
            file, line.samples, line.sample_rate,
            tags=voice_tags(line.engine, speaker.name, consent),
        )  # fmt: skip
        summary = f"{speaker.name} says a test line with {line.engine}: {in_words(score)}."
        asset = ctx.save(
            file, "audio", f"{speaker.name}: test line", engine=line.engine, engine_version=line.engine_version,
            params={**line.params(), "character": speaker.name, "consent": consent},
            seed=line.request.seed, summary=summary,
            scores=(*(one for one in line.scores if one.name != score.name), score),
        )  # fmt: skip
        return ToolResult(
            summary=summary,
            assets=(asset,),
            measurements={"similarity": score.value if score.value is not None else "not measured"},
            warnings=line.warnings,
            data={
                "similarity": score.value,
                "by": score.by,
                "note": score.note,
                "engine": line.engine,
                "details": [f"Similarity: {score.by}; {score.note}."],
            },
        )


def in_words(score: Score) -> str:
    """The likeness for people; how it was measured is in the score."""
    if score.value is None:
        return f"how like the person it is was not measured ({score.note})"
    if score.passed is None:
        return f"cosine {score.value:.2f} to the recording; a second recording would say whether that is much"
    mark = "as wanted" if score.passed else f"short of the {score.threshold:g} wanted"
    return f"likeness {score.value:.2f}, {mark} (1 = as like as the person's own recordings are to each other)"


def likeness(
    encoder: SpeakerEncoder | None, why_none: str, spoken: Sound, real: Sequence[Sound], wanted: float
) -> Score:
    """How like a person's recordings a spoken line is, against how like they are to each other.

    With one recording alone the bare cosine is given, which has no pass mark: it depends on the encoder.
    """
    if encoder is None:
        return Score("similarity", None, "not measured", MEASURE, wanted, None, why_none)
    found = similarity(spoken, real, encoder)
    if found.value is None:
        note = "there is no second recording to set it against"
        return Score(
            "similarity", found.cosine, "measured", f"cosine to the recording, {found.encoder}", None, None, note
        )
    note = f"{found.cosine:.3f} / {found.ceiling:.3f} over {len(real)} recordings"
    by = f"{MEASURE}, {found.encoder}"
    return Score("similarity", found.value, "measured", by, wanted, found.value >= wanted, note)


def _engine(args: Any, studio: Studio) -> str:
    if args.weights:
        return "gpt_sovits"
    found = route(studio, args.character, args.language, args.emotion)
    if found.engine not in CLONING or found.source is None:
        notes = " ".join(found.notes) or f"{args.character} has no cloned voice."
        raise UsageError(f"No cloning engine can speak as {args.character}", notes, "The built-in voice stands in")
    return found.engine


def _source(args: Any, ctx: ToolContext) -> VoiceSource:
    if not args.weights and not args.reference:
        found = route(Studio(ctx.settings, ctx.workspace, ctx.memory), args.character, args.language, args.emotion)
        assert found.source is not None, "needs() has refused this"
        return found.source
    asset = ctx.asset(args.reference, "audio")
    reference = Reference(str(ctx.path(asset)), args.reference_text, args.language)
    return VoiceSource("gpt_sovits" if args.weights else "", _weights(args, ctx), {args.emotion: reference})


def _weights(args: Any, ctx: ToolContext) -> dict[str, str]:
    """Raises UsageError for what lies elsewhere than trained weights do, an attached file too."""
    notes: list[str] = []
    studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
    found = usable_weights(studio, args.character, args.weights, notes)
    if notes:
        raise UsageError(notes[0].rstrip("."), fix="Name weights that train_voice made")
    return found


def _read(reference: Reference) -> Sound:
    from pathlib import Path

    return read_wav(Path(reference.path))
