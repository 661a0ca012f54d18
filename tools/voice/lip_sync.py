"""lip_sync: mouth shapes over time for a spoken sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backends.voice.engine import Phoneme, SpeechRequest
from backends.voice.language import detect_language
from backends.voice.loudness import speech_span
from backends.voice.visemes import MouthCue, cues_from_energy, cues_from_phonemes, rhubarb_json, rhubarb_tsv
from configs.errors import UsageError
from memory.records import Asset
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.gates import gates
from tools.voice.line import check_text
from tools.voice.speak import find_speaker

RATE = 22050
"""Enough for energy and speech span; the file itself is not changed."""


class LipSyncArgs(ToolArgs):
    audio: str = Field(description="The spoken sound (or a video with sound): asset id, attached file or path.")
    text: str = Field("", description="What is said in it, when it was not made by speak; '' goes by loudness.")
    character: str = Field("", description="Whose lines to follow in a dialogue; '' is everybody.")


@dataclass(frozen=True)
class _Found:
    cues: tuple[MouthCue, ...]
    source: str
    """phonemes | text | energy."""
    engine: str = ""


class LipSync(Tool):
    name = "lip_sync"
    description = (
        "Work out the mouth shapes (Rhubarb letters A to H and X) for a spoken sound, from its phonemes, "
        "its text, or its loudness. Gives JSON and TSV for animation."
    )
    Args = LipSyncArgs
    makes = "lipsync"

    def needs(self, args: Any, studio: Studio) -> frozenset[str]:
        """The voice engine, only when a text has to be timed."""
        if not args.text.strip():
            return frozenset()
        known = studio.memory.get_asset(args.audio)
        return frozenset() if known is not None and _phonemes_of(known, "") else frozenset({studio.voice_engine()})

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        return Forecast(seconds=0.3, disk_mib=0.1)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        from backends.media.audio import read_audio

        asset = ctx.asset(args.audio, "audio", "video")
        ctx.progress(0, 3, "reading the sound")
        path = ctx.path(asset)
        samples = read_audio(path, RATE)
        duration = len(samples) / RATE
        if not len(samples):
            raise UsageError(f"'{asset.name}' holds no sound", fix="Give a file that plays")
        ctx.progress(1, 3, "finding mouth shapes")
        found = self._cues(asset, args, samples, duration, ctx)
        saved = self._save(asset, path.name, found, duration, ctx)
        ctx.progress(3, 3, f"{len(found.cues)} mouth shapes")
        return ToolResult(
            summary=f"{len(found.cues)} mouth shapes for '{asset.name}' ({duration:.1f} s), from its {found.source}",
            assets=saved,
            measurements={
                "source": found.source,
                "cues": len(found.cues),
                "duration_s": round(duration, 3),
                "cues_per_second": round(len(found.cues) / duration, 2),
                "rest_share": round(sum(c.end - c.start for c in found.cues if c.shape == "X") / duration, 3),
            },
            data={"cues": [[round(c.start, 3), round(c.end, 3), c.shape] for c in found.cues], "duration": duration},
        )

    @staticmethod
    def _cues(asset: Asset, args: Any, samples: NDArray[np.float32], duration: float, ctx: ToolContext) -> _Found:
        stored = _phonemes_of(asset, args.character)
        if stored:
            return _Found(cues_from_phonemes(stored, duration), "phonemes", asset.engine)
        if args.character and asset.params.get("lines"):
            names = sorted({str(row.get("character")) for row in asset.params["lines"]})
            raise UsageError(
                f"'{args.character}' has no line in '{asset.name}'", fix=f"Speakers there: {', '.join(names)}"
            )
        if args.text.strip():
            timed = _timed_text(args.text.strip(), args.character, samples, ctx)
            return _Found(cues_from_phonemes(timed, duration), "text", ctx.engine("voice").name)
        ctx.warn(f"'{asset.name}' has no phonemes and no text was given, so the mouth follows its loudness.")
        return _Found(cues_from_energy(samples, RATE), "energy")

    @staticmethod
    def _save(asset: Asset, file_name: str, found: _Found, duration: float, ctx: ToolContext) -> tuple[Asset, Asset]:
        params = {"source": found.source, "audio": asset.id, "duration": round(duration, 4), "cues": len(found.cues)}
        saved: list[Asset] = []
        for suffix, text in (
            (".json", rhubarb_json(found.cues, file_name, duration)),
            (".tsv", rhubarb_tsv(found.cues)),
        ):
            file = ctx.scratch(suffix)
            file.write_text(text, encoding="utf-8")
            saved.append(
                ctx.save(
                    file,
                    "lipsync",
                    f"mouth of {asset.name}",
                    engine=found.engine,
                    params={**params, "form": f"rhubarb {suffix[1:]}"},
                    parents=(asset.id,),
                    summary=f"{len(found.cues)} mouth shapes from {found.source}",
                )
            )
        return saved[0], saved[1]


def _phonemes_of(asset: Asset, character: str) -> list[Phoneme]:
    """The phonemes that speak stored; in a dialogue only those of `character` when one is named."""
    rows: Sequence[Any] = asset.params.get("phonemes") or ()
    phonemes = [Phoneme(float(start), float(end), str(ipa)) for start, end, ipa in rows]
    lines = asset.params.get("lines")
    if not lines or not character.strip():
        return phonemes
    wanted = character.strip().casefold()
    spans = [(row["start"], row["end"]) for row in lines if str(row["character"]).casefold() == wanted]
    return [p for p in phonemes if any(start <= p.start < end for start, end in spans)]


def _timed_text(text: str, character: str, samples: NDArray[np.float32], ctx: ToolContext) -> list[Phoneme]:
    """Phonemes of `text` as the voice engine would time them, stretched over where the sound is heard."""
    speaker = find_speaker(ctx, character)
    language = speaker.language or detect_language(text, default=ctx.settings.voice.language)
    check_text(text, speaker.voice, language)
    said = ctx.engine("voice").speak(SpeechRequest(text, speaker.voice, language))
    if not said.phonemes:
        raise UsageError("This voice engine gives no timings", fix="Leave the text out to follow the loudness")
    start, end = speech_span(samples, RATE)
    first, last = said.phonemes[0].start, said.phonemes[-1].end
    scale = (end - start) / max(last - first, 1e-6)
    letters_per_second = sum(char.isalnum() for char in text) / max(end - start, 1e-3)
    slow, fast = gates()["chars_per_second"]
    if not slow / 2 <= letters_per_second <= fast * 1.2:
        ctx.warn(f"The text hardly fits the sound ({letters_per_second:.0f} letters a second); the mouth may be off.")
    return [Phoneme(start + (p.start - first) * scale, start + (p.end - first) * scale, p.ipa) for p in said.phonemes]
