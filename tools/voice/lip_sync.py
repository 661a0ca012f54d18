"""lip_sync: mouth shapes over time for a spoken sound."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from backends.voice.alignment.align import MAX_SECONDS
from backends.voice.lips.arkit import arkit_csv
from backends.voice.lips.moho import moho_dat
from backends.voice.lips.visemes import rhubarb_json, rhubarb_tsv
from configs.errors import UsageError
from memory.records import Asset
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.asked import NARRATOR
from tools.voice.lips_found import RATE, FoundMouth, Said, find_long_mouth, find_mouth
from tools.voice.lips_preview import preview

FORMATS = ("json", "tsv", "moho", "arkit")
LONGEST_S = 4 * 3600.0
_NAMES = {
    "rhubarb": ("json", "tsv"), "moho": ("moho",), "dat": ("moho",), "anime studio": ("moho",), "arkit": ("arkit",),
    "csv": ("arkit",), "live link face": ("arkit",), "unreal": ("arkit",), "blendshapes": ("arkit",),
    "json": ("json",), "tsv": ("tsv",), "all": FORMATS,
}  # fmt: skip
_SUFFIX = {"json": ".json", "tsv": ".tsv", "moho": ".dat", "arkit": ".csv"}


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
        said = Said(args.text.strip(), args.character.strip(), args.language)
        duration = _seconds(path, asset)
        ctx.progress(1, 3, "finding mouth shapes")
        if duration > MAX_SECONDS:
            found = find_long_mouth(asset, path, said, duration, ctx)
        else:
            samples = _read(path, asset)
            duration = len(samples) / RATE
            found = find_mouth(asset, said, samples, ctx)
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


def _seconds(path: Path, asset: Asset) -> float:
    from backends.media.probe import probe

    seconds = float(probe(path).seconds)
    if seconds > LONGEST_S:
        raise UsageError(
            f"'{asset.name}' is too long for mouth shapes",
            f"it has {seconds / 60:.0f} minutes, at most {LONGEST_S / 60:.0f} are worked on at once",
            "Cut it into scenes first",
        )
    return seconds


def _read(path: Path, asset: Asset) -> NDArray[np.float32]:
    from backends.media.audio import read_audio

    samples = read_audio(path, RATE)
    if not len(samples):
        raise UsageError(f"'{asset.name}' holds no sound", fix="Give a file that plays")
    return samples


def _save(
    asset: Asset,
    file_name: str,
    found: FoundMouth,
    duration: float,
    formats: Sequence[str],
    fps: float,
    ctx: ToolContext,
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
