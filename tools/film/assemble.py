"""The edit of a film: timeline, sound tracks, captions, storyboard sheet, subtitles, the final render."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.records import Asset
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec
from tools.editing.srt import write_srt
from tools.film.ambience import RATE, duck, music_bed, place_sound
from tools.film.lexicon import lexicon
from tools.film.production import Voice, line_starts
from tools.film.shot import Storyboard
from tools.film.storyboard import save_sheet
from tools.spec import ToolContext
from tools.voice.subtitles import Names


@dataclass(frozen=True)
class MadeFilm:
    film: Asset
    timeline: Asset
    sheet: Asset
    subtitles: tuple[Asset, ...]
    line_spans: tuple[tuple[float, float], ...]
    """Start and end of each line in the film, seconds."""


def assemble(
    board: Storyboard,
    written: Asset,
    pictures: Mapping[str, Asset],
    clips: Mapping[str, Asset],
    voices: Sequence[Voice],
    ctx: ToolContext,
    *,
    captions: bool,
    music: bool,
    names: Names = "changes",
) -> MadeFilm:
    """Lay everything on a timeline, render it, and draw the sheet."""
    from tools.editing.timeline import build_timeline, save_timeline

    film = ctx.settings.film
    spans = shot_spans(board)
    total = spans[-1][1]
    lines = _line_spans(board, voices, spans)
    video = _video(board, clips, spans)
    dialogue = [
        ClipSpec(
            voice.audio.id,
            Path(voice.audio.path),
            start,
            voice.seconds,
            name=f"{voice.line.character}: {voice.line.text[:40]}",
            source_seconds=voice.seconds,
        )
        for voice, (start, _) in zip(voices, lines, strict=True)
    ]
    tracks: dict[str, list[ClipSpec]] = {"dialogue": dialogue} if dialogue else {}
    ambience = _sound(ctx, "Ambience", lambda: place_sound(board.shots, spans, total, board.seed), lines, total)
    tracks["ambience"] = [ClipSpec(ambience.id, Path(ambience.path), 0.0, total, name="Ambience", source_seconds=total)]
    if music:
        bed = _sound(ctx, "Music", lambda: music_bed(_mood(board), total, board.seed), lines, total)
        tracks["music"] = [ClipSpec(bed.id, Path(bed.path), 0.0, total, name="Music", source_seconds=total)]
    shown = spoken_captions(voices, lines, total)
    words = [*_titles(board, spans), *shown] if captions else []
    markers = [
        MarkerSpec(start, shot.id, shot.description[:200]) for shot, (start, _) in zip(board.shots, spans, strict=True)
    ]
    timeline = build_timeline(board.title, film.fps, film.width, film.height, video, tracks, words, markers)
    file = ctx.scratch(".otio")
    save_timeline(timeline, file)
    used = tuple(clips[shot.id].id for shot in board.shots)
    sounds = tuple(clip.asset_id for track in tracks.values() for clip in track)
    kept = ctx.save(
        file,
        "timeline",
        f"{board.title}.otio",
        engine="editor",
        params={"shots": len(board.shots), "seconds": total},
        seed=board.seed,
        parents=(written.id, *used, *sounds),
        summary=f"Timeline of '{board.title}', {total:.2f} s",
    )
    rendered = ctx.call("render_timeline", {"timeline": kept.id}, key="render", title="Final render")
    sheet = save_sheet(
        board,
        _stills(pictures, ctx),
        f"{pictures[board.shots[0].id].engine} engine",
        ctx,
        (written.id, *(one.id for one in pictures.values())),
    )
    for warning in rendered.result.warnings if rendered.result else ():
        ctx.warn(warning)
    # burned in, the picture shows who speaks; a player's or an editor's subtitles may stand without it
    named = spoken_captions(voices, lines, total, names)
    return MadeFilm(rendered.assets[0], kept, sheet, _subtitles(board, named, kept, ctx), tuple(lines))


def shot_spans(board: Storyboard) -> list[tuple[float, float]]:
    """Start and end of each shot in the film, seconds."""
    spans: list[tuple[float, float]] = []
    at = 0.0
    for shot in board.shots:
        spans.append((at, at + shot.seconds))
        at += shot.seconds
    return spans


def _line_spans(
    board: Storyboard, voices: Sequence[Voice], spans: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    begins = {shot.id: start for shot, (start, _) in zip(board.shots, spans, strict=True)}
    starts = {shot.id: line_starts(shot, voices) for shot in board.shots}
    out = []
    for voice in voices:
        start = begins[voice.shot] + starts[voice.shot][voice.index]
        out.append((start, start + voice.seconds))
    return out


def _video(board: Storyboard, clips: Mapping[str, Asset], spans: Sequence[tuple[float, float]]) -> list[ClipSpec]:
    grammar = lexicon("grammar")
    mix, ending = float(grammar["transition_seconds"]), float(grammar["ending_fade_seconds"])
    out = []
    for number, (shot, (start, _)) in enumerate(zip(board.shots, spans, strict=True)):
        clip = clips[shot.id]
        handle = float(clip.params.get("handle_in", 0.0))
        effects: list[dict[str, Any]] = []
        if number == 0 and shot.transition == "fade":
            effects.append({"name": "fade_in", "seconds": mix})
        if number == len(board.shots) - 1 and len(board.shots) > 1:
            effects.append({"name": "fade_out", "seconds": ending})
        inner = shot.transition if number else "cut"
        out.append(
            ClipSpec(
                clip.id,
                Path(clip.path),
                start,
                shot.seconds,
                source_in=handle,
                name=shot.id,
                transition=inner,
                transition_seconds=mix if inner != "cut" else 0.0,
                effects=tuple(effects),
                source_seconds=float(clip.params["frames"]) / float(clip.params["fps"]),
            )
        )
    return out


def _titles(board: Storyboard, spans: Sequence[tuple[float, float]]) -> list[CaptionSpec]:
    return [
        CaptionSpec(start, min(shot.seconds + start, end), shot.caption, position="top")
        for shot, (start, end) in zip(board.shots, spans, strict=True)
        if shot.caption
    ]


def spoken_captions(
    voices: Sequence[Voice], lines: Sequence[tuple[float, float]], total: float, names: Names = "none"
) -> list[CaptionSpec]:
    """What is said, as captions that can be read, timed by the words; none outlasts the film.

    Args:
        lines: start and end of each voice's line in the film, seconds.
        total: the film's length, seconds.
    """
    from tools.voice.subtitles import Said, captions

    said = []
    for voice, (start, end) in zip(voices, lines, strict=True):
        words = tuple(
            (start + float(a), start + float(b), str(word)) for a, b, word in voice.audio.params.get("words", ())
        )
        emotion = "" if voice.line.sound else voice.line.emotion
        said.append(
            Said(
                start, end, caption_text(voice), words, voice.line.character, language=voice.line.language,
                emotion=emotion,
            )
        )  # fmt: skip
    return [
        CaptionSpec(one.start, min(one.end, round(total, 3)), one.text)
        for one in captions(said, names)
        if one.start < total
    ]


def caption_text(voice: Voice) -> str:
    """What is written for a line; sounds are set in brackets, as subtitles for the deaf do."""
    if not voice.line.sound:
        return voice.line.text
    return f"[{voice.line.text.rstrip('!. ').lower()}]"


def _mood(board: Storyboard) -> str:
    moods = [line.emotion for _, line in board.lines if line.emotion != "neutral"]
    faces = [actor.expression for actor in board.shots[-1].actors]
    return moods[-1] if moods else (faces[0] if faces else "neutral")


def _sound(
    ctx: ToolContext,
    name: str,
    make: Callable[[], NDArray[np.float32]],
    lines: Sequence[tuple[float, float]],
    total: float,
) -> Asset:
    from backends.voice.wav import write_wav

    ctx.cancel.check()
    file = ctx.scratch(".wav")
    write_wav(file, duck(make(), lines), RATE)
    return ctx.save(
        file,
        "audio",
        name,
        engine="studio synth",
        engine_version="1",
        params={"seconds": round(total, 3)},
        summary=f"{name}, synthesised, {total:.1f} s",
    )


def _stills(pictures: Mapping[str, Asset], ctx: ToolContext) -> dict[str, NDArray[np.uint8]]:
    import cv2

    from backends.media.images import load_image

    stills: dict[str, NDArray[np.uint8]] = {}
    for shot, asset in pictures.items():
        picture = np.asarray(load_image(ctx.path(asset)))
        small = cv2.resize(
            picture, (960, round(960 * picture.shape[0] / picture.shape[1])), interpolation=cv2.INTER_AREA
        )
        stills[shot] = np.asarray(small)
    return stills


def _subtitles(board: Storyboard, shown: Sequence[CaptionSpec], timeline: Asset, ctx: ToolContext) -> tuple[Asset, ...]:
    if not shown:
        return ()
    file = ctx.scratch(".srt")
    file.write_text(write_srt(shown), encoding="utf-8")
    return (
        ctx.save(
            file,
            "subtitle",
            f"{board.title}.srt",
            engine="editor",
            parents=(timeline.id,),
            summary=f"{len(shown)} subtitles of '{board.title}'",
        ),
    )
