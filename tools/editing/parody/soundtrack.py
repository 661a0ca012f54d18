"""The sounds of a parody: effects with their accents on the beats, and music that steps aside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.media.audio import read_samples
from backends.sound.foley import accent, make_sound
from backends.sound.pcm import RATE, write_pcm
from memory.records import Asset
from tools.editing.parody.beats import Beat
from tools.editing.parody.recipes import SlotSound, parody_presets
from tools.editing.parody.script import Script
from tools.editing.parody.timing import END_FADE
from tools.editing.specs import ClipSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tools.spec import ToolContext

MUSIC_FADE = 0.25
STOPS, STOPPED_FADE = frozenset({"record_scratch"}), 0.02
"""Sounds that stop the music dead, and how long that takes."""
LEAST_GAIN_DB = -40.0
SPEECH_DB = -21.0
"""RMS of a spoken line as it comes from `speak`."""
WINDOW = RATE // 10
LINE_GAP = 0.12
"""Seconds between the end of a line and the sound that answers it."""


@dataclass(frozen=True)
class Cue:
    """A sound effect on the timeline."""

    name: str
    beat: str
    at: float
    """Seconds of its accent on the timeline."""
    wanted: str
    """What it falls on: start, moment, end, line_end."""


def cue_times(beat: Beat, sound: SlotSound, fps: float) -> list[float]:
    """Seconds on the timeline on which a slot's sound falls."""
    start = beat.start / fps
    if sound.at == "moment":
        return [start + hit for hit in beat.hits]
    if sound.at == "end":
        return [start + beat.frames / fps]
    if sound.at == "line_end":
        return [start + parody_presets().line_delay(beat.slot) + beat.spoken + LINE_GAP] if beat.spoken else [start]
    return [start]


def effect_clips(script: Script, ctx: ToolContext) -> tuple[list[Cue], list[ClipSpec]]:
    """Every sound effect, its accent on its time; a sound longer than what is left of the film is cut."""
    total = script.frames / script.fps
    made: dict[tuple[str, float], Asset] = {}
    cues: list[Cue] = []
    clips: list[ClipSpec] = []
    for beat in script.beats:
        for sound in beat.slot.sounds:
            for at in cue_times(beat, sound, script.fps):
                length = beat.frames / script.fps if sound.fill else 0.0
                key = (sound.name, round(length, 3))
                if key not in made:
                    made[key] = _sound_asset(ctx, sound.name, length)
                seconds = float(made[key].params["seconds"])
                begin = at - accent(sound.name, length)
                cut = max(0.0, -begin)
                left = min(seconds - cut, total - (begin + cut))
                if left < 2 / script.fps:
                    continue
                audio = made[key]
                gain = sound.gain_db - over_lines(script, audio, begin, sound.gain_db, ctx)
                fade = min(END_FADE, left / 2)
                ends = begin + cut + left > total - 1 / script.fps and left < seconds - cut - 1e-6
                clips.append(
                    ClipSpec(
                        audio.id,
                        Path(audio.path),
                        begin + cut,
                        left,
                        source_in=cut,
                        name=sound.name.replace("_", " "),
                        gain_db=round(max(LEAST_GAIN_DB, gain), 2),
                        effects=({"name": "fade_out", "seconds": fade},) if ends else (),
                        source_seconds=seconds,
                    )
                )
                cues.append(Cue(sound.name, beat.name, at, sound.at))
    return cues, clips


def over_lines(script: Script, audio: Asset, begin: float, gain_db: float, ctx: ToolContext) -> float:
    """By how many dB a sound that begins at `begin` seconds is too loud for the lines that it lies under."""
    above, most = parody_presets().voice.above, 0.0
    for beat in script.beats:
        start = beat.start / script.fps + parody_presets().line_delay(beat.slot)
        low, high = max(start, begin), min(start + beat.spoken, begin + float(audio.params["seconds"]))
        if not beat.spoken or high - low < 1 / script.fps:
            continue
        heard = read_samples(ctx.path(audio), RATE)[round((low - begin) * RATE) : round((high - begin) * RATE)]
        # What is heard of it while somebody speaks, over a tenth of a second: a short blow hides a word too.
        power = np.convolve((heard**2).mean(axis=1), np.ones(WINDOW) / WINDOW, "same")
        level = 10 * np.log10(max(1e-12, float(power.max()))) + gain_db
        most = max(most, level - (SPEECH_DB + parody_presets().voice.gain_db - above))
    return float(most)


def sound_clip(ctx: ToolContext, name: str, at: float, total: float) -> ClipSpec:
    """A sound effect whose accent falls on `at` seconds of a film of `total` seconds."""
    audio = _sound_asset(ctx, name, 0.0)
    begin, seconds = at - accent(name), float(audio.params["seconds"])
    cut = max(0.0, -begin)
    left = max(0.05, min(seconds - cut, total - begin - cut))
    label = name.replace("_", " ")
    return ClipSpec(audio.id, Path(audio.path), begin + cut, left, source_in=cut, name=label, source_seconds=seconds)


def _sound_asset(ctx: ToolContext, name: str, seconds: float) -> Asset:
    samples = make_sound(name, seconds)
    length = len(samples) / RATE
    return _kept(ctx, samples, name.replace("_", " "), {"sound": name, "seconds": length})


def _kept(ctx: ToolContext, samples: NDArray[Any], name: str, params: dict[str, Any]) -> Asset:
    ctx.cancel.check()
    file = ctx.scratch(".wav")
    write_pcm(file, samples)
    return ctx.save(
        file,
        "audio",
        name,
        engine="studio synth",
        engine_version="1",
        params=params,
        summary=f"{name}, synthesised, {params['seconds']:.1f} s",
    )


def music_clips(script: Script, ctx: ToolContext) -> list[ClipSpec]:
    """The bed, silent where a slot wants none: one piece of music, heard through windows."""
    from backends.sound.beds import make_bed

    music = script.recipe.music
    if music is None:
        return []
    total = script.frames / script.fps
    samples = make_bed(music.bed, total)
    audio = _kept(ctx, samples, f"{music.bed} music", {"bed": music.bed, "seconds": total})
    spans: list[list[float]] = []
    dead = {beat.start / script.fps for beat in script.beats if STOPS & {sound.name for sound in beat.slot.sounds}}
    for beat in script.beats:
        start, end = beat.start / script.fps, (beat.start + beat.frames) / script.fps
        if not beat.slot.music:
            continue
        if spans and abs(spans[-1][1] - start) < 1e-6:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [
        ClipSpec(
            audio.id,
            Path(audio.path),
            start,
            end - start,
            source_in=start,
            name=f"{music.bed} music",
            gain_db=music.gain_db,
            effects=(
                {"name": "fade_out", "seconds": min(STOPPED_FADE if end in dead else MUSIC_FADE, (end - start) / 2)},
            ),
            source_seconds=total,
        )
        for start, end in spans
    ]


def air_clips(script: Script, ctx: ToolContext) -> list[ClipSpec]:
    """What the place sounds like, under all of the film: where nothing else is heard, it is not dead."""
    air, total = script.recipe.air or parody_presets().air, script.frames / script.fps
    audio = air_asset(air.bed, total, ctx)
    return [
        ClipSpec(audio.id, Path(audio.path), 0.0, total, name=audio.name, gain_db=air.gain_db, source_seconds=total)
    ]


def air_asset(bed: str, seconds: float, ctx: ToolContext) -> Asset:
    """The sound of a place, as long as a film."""
    from backends.sound.beds import make_bed

    return _kept(ctx, make_bed(bed, seconds), f"{bed} tone", {"bed": bed, "seconds": seconds})
