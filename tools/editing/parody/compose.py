"""From a script to an editable timeline: picture, original sound, voices, effects, music, texts and markers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.records import Asset
from tools.editing.effects.base import EFFECTS
from tools.editing.parody.beats import Beat, Piece
from tools.editing.parody.recipes import parody_presets
from tools.editing.parody.script import Script
from tools.editing.parody.soundtrack import Cue, air_clips, effect_clips, music_clips
from tools.editing.parody.timing import END_FADE
from tools.editing.specs import CaptionSpec, ClipSpec, MarkerSpec, TitleSpec, frame_rate
from tools.editing.textless import Shown, texts_over
from tools.editing.timeline import build_timeline

if TYPE_CHECKING:
    import opentimelineio as otio

    from tools.editing.parody.material import Material
    from tools.spec import ToolContext

OWN_LUFS, MOST_LIFT_DB = -21.0, 12.0
"""Where the clip's own sound is brought to before it is kept or ducked: a little under the voices; how far at most."""
DUCK_DB = -12.0
"""What 'duck' means for the clip's own sound; under a voice the mix takes it further down."""
DUCKING = {"original": 10.0, "music": 9.0, "ambience": 6.0}
"""By how many dB what lies under a voice steps back while it speaks."""
WIDEST_BARS = 1.125
"""How much wider than the picture the part between cinema bars is at most: a head at its top stays in it."""
HIGH_SUBJECT, HIGH_HEAD = 0.42, 0.2
"""A subject whose middle, or whose head, is above this share of the height would be hidden by letters at the top."""


@dataclass(frozen=True)
class Footage:
    """The clip that is made fun of."""

    asset: Asset
    seconds: float
    fps: float
    width: int
    height: int
    has_audio: bool
    lufs: float | None = None
    """Of its own sound, where it was measured."""
    texts: tuple[CaptionSpec, ...] = ()
    """Captions that stood on it and are not in its picture, in seconds of the clip."""


@dataclass(frozen=True)
class Composition:
    """A timeline and what the measures need to know of it."""

    timeline: otio.schema.Timeline
    cues: tuple[Cue, ...]
    texts: tuple[CaptionSpec, ...]
    """All that is to be read, cards included."""
    left_out: tuple[str, ...]
    """Effects of the recipe that do not exist here."""


def compose(
    title: str,
    script: Script,
    clip: Footage,
    found: Material,
    voices: Mapping[tuple[str, str], Asset],
    ctx: ToolContext,
) -> Composition:
    """Lay a script on a timeline. voices: (who, words) -> the spoken line."""
    left_out: dict[str, None] = {}
    video: list[ClipSpec | TitleSpec] = []
    own: list[ClipSpec] = []
    captions: list[CaptionSpec] = []
    shown: list[Shown] = []
    for beat in script.beats:
        looks = _looks(script, beat, clip, left_out)
        at = beat.start
        for number, piece in enumerate(beat.pieces):
            if piece.card and not beat.text:
                continue  # a gap: the picture is black
            video.append(_picture(script, beat, piece, number, at, clip, found, looks))
            sound = _original(script, beat, piece, at, clip)
            own += [sound] if sound is not None else []
            shown += _shown(script, piece, at, clip)
            at += piece.frames
        captions += _captions(beat, script.fps, _is_high(beat, found), clip.width < clip.height)
    lines = _lines(script, voices)
    cues, effects = effect_clips(script, ctx)
    music, air = music_clips(script, ctx), air_clips(script, ctx)
    tracks = {
        "original": own,
        "dialogue": lines,
        "effects": effects,
        "music": music,
        "ambience": air,
    }
    markers = [
        MarkerSpec(beat.start / script.fps, f"{beat.slot.role}: {beat.name}", beat.why[:200]) for beat in script.beats
    ]
    timeline = build_timeline(
        title,
        clip.fps,
        clip.width,
        clip.height,
        video,
        {role: clips for role, clips in tracks.items() if clips},
        [*captions, *_kept(clip, shown, captions)],
        markers,
    )
    timeline.metadata["studio"]["ducking"] = DUCKING
    cards = [
        CaptionSpec(one.start, one.start + one.seconds, one.text)
        for one in video
        if isinstance(one, TitleSpec) and one.text
    ]
    return Composition(timeline, tuple(cues), (*captions, *cards), tuple(left_out))


def _shown(script: Script, piece: Piece, at: int, clip: Footage) -> list[Shown]:
    """What a piece plays of the clip; nothing while it stands still or runs backwards, where words make no sense."""
    if piece.card or piece.frozen or piece.backwards:
        return []
    begin, start = (Fraction(each).limit_denominator(10_000) for each in (piece.source_in, at / script.fps))
    speed = Fraction(piece.speed).limit_denominator(1000)
    length = Fraction(piece.frames / script.fps).limit_denominator(10_000) * speed
    return [Shown(clip.asset.id, begin, begin + length, start, speed)]


def _kept(clip: Footage, shown: Sequence[Shown], captions: Sequence[CaptionSpec]) -> list[CaptionSpec]:
    """The clip's own texts, where the parody has nothing to be read."""
    found = texts_over(shown, {clip.asset.id: clip.texts}, frame_rate(clip.fps))
    return [one for one in found if not any(one.start < text.end and text.start < one.end for text in captions)]


def _looks(script: Script, beat: Beat, clip: Footage, left_out: dict[str, None]) -> list[dict[str, Any]]:
    """The beat's effects, the recipe's around them, as they are named in the registry."""
    slot, recipe = beat.slot, script.recipe
    wanted = [*slot.effects, *(recipe.grade if slot.grade is None else slot.grade)]
    wanted += (
        [] if slot.plain else [one for one in recipe.effects if one["name"] not in {e["name"] for e in slot.effects}]
    )
    known = [dict(one) for one in wanted if one["name"] in EFFECTS]
    widest = WIDEST_BARS * clip.width / clip.height
    if widest < 1:
        known = [one for one in known if one["name"] != "letterbox"]
    for one in known:
        if one["name"] == "letterbox":
            one["ratio"] = round(min(one["ratio"], widest), 3)
    left_out.update(dict.fromkeys(str(one["name"]) for one in wanted if one["name"] not in EFFECTS))
    return known


def _picture(
    script: Script,
    beat: Beat,
    piece: Piece,
    number: int,
    at: int,
    clip: Footage,
    found: Material,
    looks: Sequence[dict[str, Any]],
) -> ClipSpec | TitleSpec:
    start, seconds = at / script.fps, piece.frames / script.fps
    if piece.card:
        return TitleSpec(start, seconds, beat.text, beat.slot.style, beat.slot.ground)
    effects: list[dict[str, Any]] = []
    if piece.frozen:
        effects.append({"name": "freeze"})
    if piece.speed != 1 and not piece.frozen:
        effects.append({"name": "speed", "factor": piece.speed})
    if piece.backwards:
        effects.append({"name": "reverse"})
    for look in looks:
        effects += _placed(look, script, beat, piece, number, at, found)
    if beat.last and piece is beat.pieces[-1]:
        effects.append({"name": "fade_out", "seconds": round(min(END_FADE, seconds / 2), 3)})
    return ClipSpec(
        clip.asset.id,
        Path(clip.asset.path),
        start,
        seconds,
        source_in=piece.source_in,
        name=beat.name if len(beat.pieces) == 1 else f"{beat.name} {number + 1}",
        effects=tuple(effects),
        source_seconds=clip.seconds,
    )


def _placed(
    look: dict[str, Any], script: Script, beat: Beat, piece: Piece, number: int, at: int, found: Material
) -> list[dict[str, Any]]:
    """An effect on the piece where its time falls, flying to what is measured to be there."""
    fields = EFFECTS[look["name"]].model_fields
    made = dict(look)
    spot = made.pop("at", "start")
    if "at" in fields:
        times = list(beat.hits) if spot == "moment" else [0.0]
        begin = (at - beat.start) / script.fps
        end = begin + piece.frames / script.fps
        lasting = ("seconds" in made and made["seconds"] == 0) or (
            "seconds" not in made and fields["seconds"].default == 0
        )
        # What lasts is put on every piece, what strikes only where it strikes.
        inside = [0.0] if lasting and spot == "start" else [t - begin for t in times if begin - 1e-6 <= t < end - 1e-6]
        if "focus" in fields and beat.moment is not None:
            made["focus"] = focus_of(beat, found)
        return [{**made, "at": round(max(0.0, t), 4)} for t in inside]
    if look["name"] == "fade_in" and number:
        return []
    return [made]


def focus_of(beat: Beat, found: Material) -> tuple[float, float]:
    """What draws the eye at a beat's moment: what moves or a face, else the shot's subject, else the middle."""
    moment = beat.moment
    if moment is not None and moment.where is not None:
        x0, y0, x1, y1 = moment.where
        return round(min(1.0, max(0.0, (x0 + x1) / 2)), 3), round(min(1.0, max(0.0, (y0 + y1) / 2)), 3)
    shots = {shot.index: shot for shot in found.record.shots}
    shot = shots.get(moment.shot) if moment is not None else None
    if shot is not None and shot.composition is not None:
        x, y = shot.composition.subject
        return round(x, 3), round(y, 3)
    return 0.5, 0.5


def _is_high(beat: Beat, found: Material) -> bool:
    moment = beat.moment
    shots = [shot for shot in found.record.shots if moment is not None and shot.index == moment.shot]
    figures = [figure for shot in shots if shot.composition is not None for figure in shot.composition.figures]
    return focus_of(beat, found)[1] < HIGH_SUBJECT or any(figure.box[1] < HIGH_HEAD for figure in figures)


def _original(script: Script, beat: Beat, piece: Piece, at: int, clip: Footage) -> ClipSpec | None:
    """The clip's own sound under a piece; none under held, reversed and slowed pictures."""
    wish: str | float = beat.slot.original or script.recipe.original
    level = 0.0 if clip.lufs is None else min(MOST_LIFT_DB, max(-MOST_LIFT_DB, OWN_LUFS - clip.lufs))
    if not clip.has_audio or piece.card or piece.frozen or piece.backwards or wish == "mute" or piece.speed < 0.75:
        return None
    gain = 0.0 if wish == "keep" else DUCK_DB if wish == "duck" else float(wish)
    effects: list[dict[str, Any]] = [{"name": "speed", "factor": piece.speed}] if piece.speed != 1 else []
    if beat.last and piece is beat.pieces[-1]:
        effects.append({"name": "fade_out", "seconds": round(min(END_FADE, piece.frames / script.fps / 2), 3)})
    return ClipSpec(
        clip.asset.id,
        Path(clip.asset.path),
        at / script.fps,
        piece.frames / script.fps,
        source_in=piece.source_in,
        name=f"{beat.name} (original)",
        gain_db=round(gain + level, 2),
        effects=tuple(effects),
        source_seconds=clip.seconds,
    )


def _captions(beat: Beat, fps: float, high: bool, tall: bool) -> list[CaptionSpec]:
    """The beat's text on the picture, off its subject, and its line as a subtitle on the side that is free."""
    slot, start, end = beat.slot, beat.start / fps, (beat.start + beat.frames) / fps
    end -= END_FADE if beat.last else 0.0
    made: list[CaptionSpec] = []
    place = "bottom" if slot.position == "top" and high else slot.position
    style = slot.style
    if beat.line and place == "bottom" and style in ("meme", "title"):
        # Big letters would send the subtitle to the top, over the subject; a label leaves it room below.
        style = "lower_third"
    text = beat.text
    if tall and style == "lower_third" and "\n" not in text:
        text = re.sub(r"(?:: | - )", "\n", text, count=1)
    if text and slot.show != "card":
        late = beat.hits[0] if slot.at == "moment" and beat.hits else 0.0
        made.append(CaptionSpec(start + late, end, text, style, place))
    if beat.line and slot.show != "card":
        begin = start + (parody_presets().line_delay(slot) if beat.spoken else 0.0)
        # A lower third makes room for a line below it; big letters at the bottom do not.
        low = place == "bottom" and beat.text and style != "lower_third"
        shown = begin + max(beat.spoken, parody_presets().needed(beat.line))
        made.append(CaptionSpec(begin, min(end, shown), beat.line, "subtitle", "top" if low else "bottom"))
    return made


def _lines(script: Script, voices: Mapping[tuple[str, str], Asset]) -> list[ClipSpec]:
    timing = parody_presets().voice
    made = []
    for beat in script.beats:
        if not beat.line or not beat.spoken:
            continue
        audio = voices[(beat.slot.voice, beat.line)]
        made.append(
            ClipSpec(
                audio.id,
                Path(audio.path),
                beat.start / script.fps + parody_presets().line_delay(beat.slot),
                beat.spoken,
                name=f"{beat.slot.voice}: {beat.line[:40]}",
                gain_db=timing.gain_db,
                source_seconds=beat.spoken,
            )
        )
    return made
