"""The mouth of a sound: from phonemes that were kept with it, from its text laid over it, or from its loudness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.alignment.align import LETTERS_PER_SECOND, MAX_SECONDS, Aligned, align
from backends.voice.engines.protocol import Phoneme
from backends.voice.lips.energy import EnergyMouth, cues_from_energy
from backends.voice.lips.visemes import MouthCue, cues_from_phonemes
from backends.voice.measures.loudness import peak_dbfs
from backends.voice.speakers.activity import speech_spans
from backends.voice.texts.language import detect_language, language_tag
from backends.voice.texts.script import read_line
from configs.errors import EngineError, UsageError
from memory.records import Asset
from tools.spec import ToolContext
from tools.voice.asked import find_speaker
from tools.voice.labels import speaks_alone_with

RATE = 22050
"""Enough for energy and alignment; the file itself is not changed."""
_SPOKEN_SHARE = 0.1
"""Less speech than this in a sound: its loudness hardly comes from a mouth."""
_MOST_CHARACTERS = 40_000
_SILENT_DBFS = -80.0
_SHORTEST_S = 0.1
_BLOCK_S = 60.0
"""Of a long sound, heard at once."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """What the caller knows of the sound; each may be ''."""

    text: str = ""
    character: str = ""
    language: str = ""


@dataclass(frozen=True)
class FoundMouth:
    cues: tuple[MouthCue, ...]
    source: str
    """phonemes | text | energy."""
    engine: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Line:
    """A line within the sound."""

    start: float
    end: float
    text: str
    language: str
    phonemes: tuple[int, int] | None = None
    """Which of the sound's phonemes are its own, where the sound tells: lines may overlap."""

    def own(self, stored: Sequence[Phoneme]) -> list[Phoneme]:
        if self.phonemes is not None:
            return list(stored[slice(*self.phonemes)])
        return [p for p in stored if self.start <= p.start < self.end]


def find_mouth(asset: Asset, said: Said, samples: Samples, ctx: ToolContext) -> FoundMouth:
    """Cues over the whole of (N,) samples at RATE. What is less than could be is warned of.

    Raises UsageError when the character has no line, or the text cannot be laid over a sound.
    """
    duration = len(samples) / RATE
    lines, known, kept = _kept(asset, said, duration)
    if kept is not None:
        return kept
    if peak_dbfs(samples) < _SILENT_DBFS:
        ctx.warn(f"'{asset.name}' is silent, so the mouth rests.")
        return FoundMouth((MouthCue(0.0, duration, "X"),), "energy")
    if any(_words(line) for line in lines):
        found = _from_lines(asset, lines, known, samples, said, ctx)
        if found is not None:
            return found
    elif said.text:
        raise UsageError("The text holds no words to align", fix="Give the words that are said in the sound")
    else:
        ctx.warn(f"'{asset.name}' has no phonemes and no text was given, so the mouth follows its loudness.")
    return _by_loudness(asset, samples, ctx)


def find_long_mouth(asset: Asset, path: Path, said: Said, duration: float, ctx: ToolContext) -> FoundMouth:
    """The same for hours of sound, in little memory: by the phonemes kept with it, else by its loudness.

    Raises UsageError for a text, which is not laid over so much at once.
    """
    from backends.media.audio import sound_blocks

    *_, kept = _kept(asset, said, duration)
    if kept is not None:
        return kept
    if said.text or str(asset.params.get("text") or ""):
        raise UsageError(
            f"'{asset.name}' is too long for its text to be laid over it",
            f"it has {duration / 60:.0f} minutes, at most {MAX_SECONDS / 60:.0f} are aligned at once",
            "Cut it into scenes first, or leave the text out: the mouth then follows the loudness",
        )
    ctx.warn(f"'{asset.name}' has no phonemes and no text was given, so the mouth follows its loudness.")
    mouth, spoken, loudest = EnergyMouth(RATE), 0.0, 0.0
    for block in sound_blocks(path, RATE, _BLOCK_S):
        ctx.cancel.check()
        mouth.take(block)
        loudest = max(loudest, float(np.max(np.abs(block), initial=0.0)))
        spoken += sum(end - start for start, end in speech_spans(block, RATE))
        ctx.progress(1 + mouth.seconds / max(duration, mouth.seconds), 3, f"{mouth.seconds / 60:.0f} minutes heard")
    if loudest < 10 ** (_SILENT_DBFS / 20):
        ctx.warn(f"'{asset.name}' is silent, so the mouth rests.")
        return FoundMouth((MouthCue(0.0, mouth.seconds, "X"),), "energy")
    return FoundMouth(mouth.cues(), "energy", facts=_speech_share(asset, spoken / mouth.seconds, ctx))


def _kept(asset: Asset, said: Said, duration: float) -> tuple[list[_Line], list[list[Phoneme]], FoundMouth | None]:
    """The lines, the phonemes kept with each, and the mouth where these are all that is needed."""
    lines = _lines(asset, said, duration)
    stored = [Phoneme(float(start), float(end), str(ipa)) for start, end, ipa in asset.params.get("phonemes") or ()]
    known = [line.own(stored) for line in lines]
    if lines and all(phonemes or not _words(line) for phonemes, line in zip(known, lines, strict=True)):
        phonemes = [p for part in known for p in part]
        if phonemes:
            return lines, known, FoundMouth(cues_from_phonemes(phonemes, duration), "phonemes", asset.engine)
    return lines, known, None


def _lines(asset: Asset, said: Said, duration: float) -> list[_Line]:
    """The lines whose mouth is wanted: of the dialogue, or the one text of the sound, given or kept with it."""
    rows: Sequence[Any] = asset.params.get("lines") or ()
    if rows and not said.text:
        wanted = said.character.casefold()
        own = [row for row in rows if not wanted or str(row.get("character")).casefold() == wanted]
        if not own:
            names = sorted({str(row.get("character")) for row in rows})
            raise UsageError(
                f"'{said.character}' has no line in '{asset.name}'", fix=f"Speakers there: {', '.join(names)}"
            )
        return [_of_row(row) for row in own]
    if said.text:
        return [_Line(0.0, duration, said.text, said.language)]
    return [_Line(0.0, duration, str(asset.params.get("text") or ""), str(asset.params.get("language") or ""))]


def _of_row(row: Mapping[str, Any]) -> _Line:
    span = row.get("phonemes")
    own = (int(span[0]), int(span[1])) if span else None
    return _Line(float(row["start"]), float(row["end"]), str(row.get("text", "")), str(row.get("language") or ""), own)


def _words(line: _Line) -> str:
    """What is spoken of a line, without its sounds and directions."""
    return " ".join(one.text for one in read_line(line.text) if one.kind == "speech")


def _from_lines(
    asset: Asset, lines: list[_Line], known: list[list[Phoneme]], samples: Samples, said: Said, ctx: ToolContext
) -> FoundMouth | None:
    """By alignment of the lines that have no phonemes; None, with a warning, when no text fits."""
    duration = len(samples) / RATE
    phonemes: list[Phoneme] = []
    found: list[Aligned] = []
    for number, (line, own) in enumerate(zip(lines, known, strict=True)):
        text = _words(line)
        part = samples[round(line.start * RATE) : round(line.end * RATE)]
        if own or not text or len(part) < _SHORTEST_S * RATE or peak_dbfs(part) < _SILENT_DBFS:
            phonemes += own
            continue
        made = _laid_over(asset, text, _language(said, line, text, ctx), part, ctx, number / len(lines), len(lines))
        if made is None:
            continue
        found.append(made)
        phonemes += [Phoneme(p.start + line.start, p.end + line.start, p.ipa) for p in made.phonemes]
    if not phonemes:
        return None
    fits = [one.fit for one in found if one.fit is not None]
    paces = [one.letters_per_second for one in found]
    facts = {
        "fit": min(fits) if fits else "not measured",
        "letters_per_second": round(float(np.median(paces)), 1) if paces else "not measured",
    }
    return FoundMouth(cues_from_phonemes(phonemes, duration), "text", "espeak", facts)


def _laid_over(
    asset: Asset, text: str, language: str, samples: Samples, ctx: ToolContext, before: float, of: int
) -> Aligned | None:
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(
            f"The text has {len(text):,} characters, too many to be laid over one sound",
            f"at most {_MOST_CHARACTERS:,} are read",
            "Cut the sound and its text into scenes first",
        )

    def on_progress(done: float, total: float) -> None:
        ctx.progress(1 + before + done / max(total, 1e-6) / of, 3, "laying the text over the sound")

    try:
        own = speaks_alone_with(ctx.path(asset), "espeak")
        found = align(samples, RATE, text, language, own_voice=own, on_progress=on_progress)
    except EngineError as error:
        ctx.warn(f"{error.sentence} So the mouth follows the loudness.")
        return None
    pace = f"{found.letters_per_second:.0f} letters a second"
    slow, fast = LETTERS_PER_SECOND
    if not slow <= found.letters_per_second <= fast:
        ctx.warn(f"The text cannot be what is said in '{asset.name}' ({pace}), so the mouth follows its loudness.")
        return None
    if not found.fits:
        ctx.warn(
            f"The text hardly fits the sound (likeness {found.fit}, under {found.mark}; {pace}): the mouth may be off."
        )
    return found


def _by_loudness(asset: Asset, samples: Samples, ctx: ToolContext) -> FoundMouth:
    spoken = sum(end - start for start, end in speech_spans(samples, RATE)) / (len(samples) / RATE)
    return FoundMouth(cues_from_energy(samples, RATE), "energy", facts=_speech_share(asset, spoken, ctx))


def _speech_share(asset: Asset, spoken: float, ctx: ToolContext) -> dict[str, Any]:
    if spoken < _SPOKEN_SHARE:
        ctx.warn(f"Hardly any speech is heard in '{asset.name}' ({spoken:.0%}): the mouth would follow other sounds.")
    return {"speech_share": round(spoken, 3)}


def _language(said: Said, line: _Line, text: str, ctx: ToolContext) -> str:
    from backends.voice.engines.espeak_library import language_voices

    if said.language.strip():
        known = {tag.split("-")[0] for tag in language_voices()} or {"en", "it"}
        return language_tag(said.language, known)
    if line.language:
        return line.language
    own = find_speaker(ctx, said.character).language if said.character else ""
    return detect_language(text, default=own or ctx.settings.voice.language)
