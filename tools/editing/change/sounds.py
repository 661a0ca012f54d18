"""Changes of sound, and of what lies over the picture: audio_gain, duck, caption, overlay."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from configs.errors import UsageError
from tools.editing.change.desk import BEDS, CAPTIONS, OVERLAY, Desk
from tools.editing.change.making import FindAsset, caption_of, clips_of
from tools.editing.change.model import AddCaption, AddOverlay, AudioGain, Duck
from tools.editing.change.slots import Slot
from tools.editing.effects import check_effect
from tools.editing.outline import CAPTION_KIND, gain_of, plain, studio_data
from tools.editing.specs import Key

MUTE_DB, LOUDEST_DB = -120.0, 24.0


def audio_gain(desk: Desk, change: AudioGain, find: FindAsset) -> str:
    """Louder, softer or silent, with fades; for a picture, the sound that belongs to it."""
    lane, slot = desk.find(change.clip)
    sounds = [slot] if lane.is_sound else [sound for _, sound in desk.linked(slot)]
    if not sounds:
        raise UsageError(f"{slot.label} has no sound on the timeline", fix="Name a clip of a sound track")
    for sound in sounds:
        gain = gain_of(sound.clip) + change.db
        if change.db <= MUTE_DB:
            gain = MUTE_DB
        if gain > LOUDEST_DB:
            raise UsageError(f"{sound.label} would be {gain:g} dB louder", f"{LOUDEST_DB:g} dB are the most")
        sound.own(gain_db=max(MUTE_DB, gain) or None)
        _fade(desk, sound, "fade_in", change.fade_in)
        _fade(desk, sound, "fade_out", change.fade_out)
    now = gain_of(sounds[0].clip)
    said = f"Muted {slot.label}" if now <= MUTE_DB else f"Set {slot.label} to {now:+.1f} dB"
    ends = [f"{name} {seconds:g} s" for name, seconds in (("in over", change.fade_in), ("out over", change.fade_out))
            if seconds]  # fmt: skip
    return f"{said}, fading {' and '.join(ends)}" if ends else said


def duck(desk: Desk, change: Duck, find: FindAsset) -> str:
    """How far the sound of a role steps back while somebody speaks."""
    roles = {lane.role for lane in desk.lanes if lane.is_sound and lane.slots}
    if change.track not in roles:
        here = ", ".join(sorted(roles)) or "there is no sound at all"
        raise UsageError(f"There is no sound '{change.track[:40]}' that could step back", f"here is {here}")
    data = plain(studio_data(desk.timeline))
    noted = data.get("ducking")
    depths = {**(noted if isinstance(noted, dict) else {}), change.track: change.db}
    desk.timeline.metadata["studio"] = {**data, "ducking": depths}
    beds = "" if change.track in BEDS else ", which is no music or ambience"
    how = f"steps back by {change.db:g} dB" if change.db else "does not step back"
    return f"'{change.track}'{beds} {how} under speech"


def caption(desk: Desk, change: AddCaption, find: FindAsset) -> str:
    """Text over the picture for a time."""
    start, end = desk.frames(change.start), desk.frames(change.end)
    if end <= start:
        raise UsageError(f"The caption '{change.text[:40]}' has no time to be seen", "it ends before it begins")
    if start >= desk.length or end > desk.length + 1:
        raise UsageError(
            f"The caption '{change.text[:40]}' reaches behind the film's end", f"it lasts {desk.time(desk.length)}"
        )
    slot = caption_of(desk, start, min(end, desk.length) - start, change.text, change.style, change.position)
    desk.put(CAPTIONS, CAPTION_KIND, slot)
    return f"Wrote {slot.label} from {desk.time(start)} to {desk.time(end)}, {change.style.replace('_', ' ')}"


def overlay(desk: Desk, change: AddOverlay, find: FindAsset) -> str:
    """A picture over the picture, still or moving along its keys."""
    start = desk.frames(change.at)
    if start >= desk.length:
        raise UsageError(f"{change.at:.2f} s lies behind the film's end", f"it lasts {desk.time(desk.length)}")
    slot, _ = clips_of(desk, change.new.model_copy(update={"track": OVERLAY}), start, find)
    keys = [_key(key, slot) for key in change.keys]
    slot.own(place={"keys": sorted(keys, key=lambda key: float(key["at"])), "blend": change.blend})
    desk.put(OVERLAY, "Video", slot)
    return f"Laid {slot.label} over the picture from {desk.time(start)} for {desk.time(slot.frames)}"


def _key(key: dict[str, float], slot: Slot) -> dict[str, Any]:
    names = {field.name for field in fields(Key)}
    unknown, missing = sorted(set(key) - names), sorted({"x", "y", "width"} - set(key))
    if unknown or missing:
        what = f"'{unknown[0][:40]}' is no part of it" if unknown else f"'{missing[0]}' is missing"
        raise UsageError(f"The place of {slot.label} cannot be read", what, f"Its parts are {', '.join(sorted(names))}")
    made = {"at": 0.0, **{name: float(value) for name, value in key.items()}}
    within = {"opacity": (0, 1), "width": (0, 4), "height": (0, 4), "x": (-2, 3), "y": (-2, 3), "at": (0, 14_400)}
    for name, (low, high) in within.items():
        if name in made and not low <= made[name] <= high:
            raise UsageError(f"The place of {slot.label} cannot be", f"{name} {made[name]:g} is not in {low} to {high}")
    if made["width"] <= 0:
        raise UsageError(f"The place of {slot.label} cannot be", "its width is 0")
    return made


def _fade(desk: Desk, sound: Slot, name: str, seconds: float) -> None:
    if not seconds:
        return
    if seconds > float(sound.frames / desk.rate):
        raise UsageError(f"A fade of {seconds:g} s does not fit", f"{sound.label} lasts {desk.time(sound.frames)}")
    others = [one for one in sound.effects if one["name"] != name]
    sound.set_effects([*others, check_effect({"name": name, "seconds": seconds})])
