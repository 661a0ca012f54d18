"""lip_sync: mouth shapes over time for a spoken sound."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from backends.voice.activity import speech_spans
from backends.voice.align import FIT_MARK, LETTERS_PER_SECOND, MAX_SECONDS, align
from backends.voice.arkit import arkit_csv
from backends.voice.engine import Phoneme
from backends.voice.language import detect_language, language_tag
from backends.voice.loudness import peak_dbfs
from backends.voice.moho import moho_dat
from backends.voice.visemes import MouthCue, cues_from_energy, cues_from_phonemes, rhubarb_json, rhubarb_tsv
from configs.errors import EngineError, UsageError
from memory.records import Asset
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.lips_preview import preview
from tools.voice.speak import NARRATOR, find_speaker

RATE = 22050
"""Enough for energy and alignment; the file itself is not changed."""
FORMATS = ("json", "tsv", "moho", "arkit")
_NAMES = {
    "rhubarb": ("json", "tsv"), "moho": ("moho",), "dat": ("moho",), "anime studio": ("moho",), "arkit": ("arkit",),
    "csv": ("arkit",), "live link face": ("arkit",), "unreal": ("arkit",), "blendshapes": ("arkit",),
    "json": ("json",), "tsv": ("tsv",), "all": FORMATS,
}  # fmt: skip
_SUFFIX = {"json": ".json", "tsv": ".tsv", "moho": ".dat", "arkit": ".csv"}
_SPOKEN_SHARE = 0.1
"""Less speech than this in a sound: its loudness hardly comes from a mouth."""
_MOST_CHARACTERS = 40_000
_SILENT_DBFS = -80.0


class LipSyncArgs(ToolArgs):
    audio: str = Field(description="The spoken sound (or a video with sound): asset id, attached file or path.")
    text: str = Field("", description="What is said in it, when it was not made by speak; '' goes by loudness.")
    character: str = Field("", description="Whose lines to follow in a dialogue; '' is everybody.")
    language: str = Field("", description="Language of the text, such as en or it; '' takes the text's own.")
    formats: list[str] = Field(
        default_factory=lambda: ["json", "tsv"],
        description="Files to write: json and tsv (Rhubarb), moho (.dat switch keys), arkit (52 face weights, CSV).",
    )
    preview: bool = Field(False, description="Also a clip of the named character's face that says the sound.")
    fps: float = Field(0.0, ge=0, le=240, description="Frames per second of moho and arkit; 0 is the film's.")

    @field_validator("formats")
    @classmethod
    def _known_formats(cls, value: list[str]) -> list[str]:
        chosen: list[str] = []
        for name in value:
            plain = name.strip().casefold().lstrip(".")
            if plain not in _NAMES:
                near = difflib.get_close_matches(plain, _NAMES, n=1, cutoff=0.4)
                fix = f"Did you mean '{near[0]}'" if near else f"Choose among {', '.join(FORMATS)}"
                raise UsageError(f"Mouth shapes cannot be written as '{name[:40]}'", fix=fix)
            chosen += [one for one in _NAMES[plain] if one not in chosen]
        # The JSON is what films read: it always comes first.
        return ["json", *(one for one in chosen if one != "json")]


@dataclass(frozen=True)
class _Found:
    cues: tuple[MouthCue, ...]
    source: str
    """phonemes | text | energy."""
    engine: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class LipSync(Tool):
    name = "lip_sync"
    description = (
        "Work out the mouth shapes (Rhubarb letters A to H and X) for a spoken sound, from its phonemes, "
        "its text, or its loudness. Gives JSON and TSV for animation, and Moho .dat or ARKit CSV when asked for."
    )
    Args = LipSyncArgs
    makes = "lipsync"
    time_limit_s = 900.0

    def forecast(self, args: Any, studio: Studio) -> Forecast:
        known = studio.memory.get_asset(args.audio)
        seconds = float(known.params.get("duration") or 0.0) if known is not None else 0.0
        work = 0.3 + (0.1 if args.text.strip() else 0.01) * seconds
        return Forecast(seconds=work + (6.0 + seconds if args.preview else 0.0), disk_mib=2.0 if args.preview else 0.1)

    def run(self, args: Any, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.audio, "audio", "video")
        ctx.progress(0, 3, "reading the sound")
        path = ctx.path(asset)
        samples = _read(path, asset)
        duration = len(samples) / RATE
        ctx.progress(1, 3, "finding mouth shapes")
        found = self._cues(asset, args, samples, duration, ctx)
        fps = args.fps or float(ctx.settings.film.fps)
        saved = _save(asset, path.name, found, duration, args.formats, fps, ctx)
        if args.preview:
            ctx.progress(2, 3, "drawing the face")
            mouths = sorted({cue.shape for cue in found.cues})
            saved = (*saved, preview(ctx, args.character or NARRATOR, asset, saved[0], mouths, duration))
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
                **found.facts,
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
        if peak_dbfs(samples) < _SILENT_DBFS:
            ctx.warn(f"'{asset.name}' is silent, so the mouth rests.")
            return _Found((MouthCue(0.0, duration, "X"),), "energy")
        if args.text.strip():
            found = _from_text(asset, args, samples, duration, ctx)
            if found is not None:
                return found
        else:
            ctx.warn(f"'{asset.name}' has no phonemes and no text was given, so the mouth follows its loudness.")
        spoken = sum(end - start for start, end in speech_spans(samples, RATE)) / duration
        if spoken < _SPOKEN_SHARE:
            ctx.warn(
                f"Hardly any speech is heard in '{asset.name}' ({spoken:.0%}): the mouth would follow other sounds."
            )
        return _Found(cues_from_energy(samples, RATE), "energy", facts={"speech_share": round(spoken, 3)})


def _read(path: Any, asset: Asset) -> NDArray[np.float32]:
    from backends.media.audio import read_audio
    from backends.media.probe import probe

    seconds = probe(path).seconds
    if seconds > MAX_SECONDS:
        raise UsageError(
            f"'{asset.name}' is too long for mouth shapes",
            f"it has {seconds / 60:.0f} minutes, at most {MAX_SECONDS / 60:.0f} are worked on at once",
            "Cut it into scenes first",
        )
    samples = read_audio(path, RATE)
    if not len(samples):
        raise UsageError(f"'{asset.name}' holds no sound", fix="Give a file that plays")
    return samples


def _save(
    asset: Asset, file_name: str, found: _Found, duration: float, formats: Sequence[str], fps: float, ctx: ToolContext
) -> tuple[Asset, ...]:
    params = {"source": found.source, "audio": asset.id, "duration": round(duration, 4), "cues": len(found.cues)}
    texts = {
        "json": lambda: rhubarb_json(found.cues, file_name, duration),
        "tsv": lambda: rhubarb_tsv(found.cues),
        "moho": lambda: moho_dat(found.cues, fps),
        "arkit": lambda: arkit_csv(found.cues, fps),
    }
    forms = {"json": "rhubarb json", "tsv": "rhubarb tsv", "moho": "moho dat", "arkit": "arkit csv"}
    saved: list[Asset] = []
    for name in formats:
        file = ctx.scratch(_SUFFIX[name])
        file.write_text(texts[name](), encoding="utf-8")
        timed = {"fps": fps} if name in ("moho", "arkit") else {}
        saved.append(
            ctx.save(
                file,
                "lipsync",
                f"mouth of {asset.name}",
                engine=found.engine,
                params={**params, **timed, "form": forms[name]},
                parents=(asset.id,),
                summary=f"{len(found.cues)} mouth shapes from {found.source}",
            )
        )
    return tuple(saved)


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


def _from_text(
    asset: Asset, args: Any, samples: NDArray[np.float32], duration: float, ctx: ToolContext
) -> _Found | None:
    """By alignment of the text; None, with a warning, when it cannot be the text of this sound."""
    text = args.text.strip()
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(
            f"The text has {len(text):,} characters, too many to be laid over one sound",
            f"at most {_MOST_CHARACTERS:,} are read",
            "Cut the sound and its text into scenes first",
        )
    try:
        found = align(
            samples,
            RATE,
            text,
            _language(args, text, ctx),
            on_progress=lambda done, total: ctx.progress(
                1 + done / max(total, 1e-6), 3, "laying the text over the sound"
            ),
        )
    except EngineError as error:
        ctx.warn(f"{error.sentence} So the mouth follows the loudness.")
        return None
    pace = f"{found.letters_per_second:.0f} letters a second"
    facts = {
        "fit": found.fit if found.fit is not None else "not measured",
        "letters_per_second": round(found.letters_per_second, 1),
    }
    slow, fast = LETTERS_PER_SECOND
    if not slow <= found.letters_per_second <= fast:
        ctx.warn(f"The text cannot be what is said in '{asset.name}' ({pace}), so the mouth follows its loudness.")
        return None
    if not found.fits:
        ctx.warn(
            f"The text hardly fits the sound (likeness {found.fit}, under {FIT_MARK}; {pace}): the mouth may be off."
        )
    return _Found(cues_from_phonemes(found.phonemes, duration), "text", "espeak", facts)


def _language(args: Any, text: str, ctx: ToolContext) -> str:
    from backends.voice.espeak_library import language_voices

    if args.language.strip():
        known = {tag.split("-")[0] for tag in language_voices()} or {"en", "it"}
        return language_tag(args.language, known)
    own = find_speaker(ctx, args.character).language if args.character.strip() else ""
    return detect_language(text, default=own or ctx.settings.voice.language)
