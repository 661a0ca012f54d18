"""A sound track in the words of somebody who mixes films."""

from __future__ import annotations

from collections.abc import Sequence

from backends.sound.result import Hearing, Sound, SoundSegment
from backends.vision.thresholds import thresholds

TARGETS = ((-14.0, "streaming"), (-16.0, "podcasts"), (-23.0, "television"))
"""LUFS that Spotify and YouTube play at, Apple's podcasts, and EBU R 128."""
NEAR_LU = 1.0
CLIPPED = 1e-4
"""Share of clipped samples that can be heard: about 5 a second."""
NOISY_DB = 15.0
"""Decibels between speech and noise below which the noise is heard in the speech."""
SURE = 0.6
LITTLE_MUSIC = 0.1
"""Share of the speech up to which music does not hide how loud the noise is: a voice may pass for a second of it."""
SPANS_TOLD, PARTS_TOLD = 4, 8
_NAMES: dict[Hearing, str] = {
    "speech": "speech",
    "music": "music",
    "speech+music": "speech over music",
    "noise": "other sounds",
    "silence": "silence",
}


def in_words(sound: Sound) -> str:
    """The facts that matter when cutting and mixing, one short sentence each."""
    if not sound.seconds:
        return "The sound track is empty."
    if sound.peak_dbfs is None:
        return f"The sound track is silent throughout ({clock(sound.seconds)})."
    parts = [clean_words(sound), level_words(sound), content_words(sound), tempo_words(sound), pause_words(sound)]
    return " ".join(part for part in parts if part)


def level_words(sound: Sound) -> str:
    """Loudness, its range and the peak."""
    if sound.loudness_lufs is None:
        reason = sound.not_measured.get("loudness_lufs", "not measured")
        return f"Loudness unknown ({reason}); peak {_db(sound.peak_dbfs)} dBFS."
    text = f"Loudness {sound.loudness_lufs:.1f} LUFS"
    if sound.loudness_range_lu is not None:
        text += f", range {sound.loudness_range_lu:.1f} LU"
    return f"{text}, peak {_db(sound.peak_dbfs)} dBFS."


def target_words(sound: Sound) -> str:
    """How far it is from what is delivered."""
    if sound.loudness_lufs is None:
        return ""
    told = []
    for target, name in TARGETS:
        gain = target - sound.loudness_lufs
        where = f"{name} ({target:g} LUFS)"
        if abs(gain) <= NEAR_LU:
            told.append(f"right for {where}")
        else:
            told.append(f"{abs(gain):.1f} dB too {'quiet' if gain > 0 else 'loud'} for {where}".replace(".0 dB", " dB"))
    return f"{_capital(', '.join(told))}."


def clean_words(sound: Sound) -> str:
    """Whether the recording is clean enough: clipping, and how far the noise lies below what is meant to be heard.

    Noise is told where somebody speaks without music: under music it is the music's own quietest tenth.
    """
    faults, clipped = [], sound.clipped_share >= CLIPPED
    if clipped:
        faults.append(f"Clipped: {sound.clipped_share:.2%} of the samples")
    below = _noise_below(sound)
    if below is not None and below < NOISY_DB:
        noise = f"the noise behind the speech is only {max(0.0, below):.0f} dB below it"
        faults.append(noise if clipped else f"Noisy: {noise}, and nothing is clipped")
    elif below is not None:
        noise = f"noise {below:.0f} dB below the speech"
        if not clipped:
            return f"Clean: no clipping, {noise}."
        faults.append(noise)
    elif not clipped:
        floor = "" if sound.noise_dbfs is None else f", quietest parts at {sound.noise_dbfs:.0f} dBFS"
        return f"No clipping{floor}; noise is judged only behind speech without music."
    return f"{', '.join(faults)}."


def _noise_below(sound: Sound) -> float | None:
    """Decibels from the programme's loudness to its noise; None without speech and where music would hide it."""
    if sound.noise_dbfs is None or sound.loudness_lufs is None:
        return None
    speech, music = (
        sum(part.end - part.start for part in sound.segments if kind in part.label) for kind in ("speech", "music")
    )
    if not speech or music > LITTLE_MUSIC * speech:
        return None
    return sound.loudness_lufs - sound.noise_dbfs


def content_words(sound: Sound) -> str:
    """What is heard when, in the order of time; of many parts, the longest."""
    if not sound.segments:
        return ""
    heard = _without_breaths(sound.segments)
    if len(heard) == 1:
        part = heard[0]
        return f"{_capital(_NAMES[part.label])} throughout{_doubt(part.confidence)}."
    sounding = [part for part in heard if part.label != "silence"]
    if not sounding:
        return "Nothing but silence."
    shown = sorted(sorted(sounding, key=lambda part: part.start - part.end)[:PARTS_TOLD], key=lambda part: part.start)
    told = [f"{_NAMES[part.label]} {clock(part.start)}-{clock(part.end)}" for part in shown]
    if left := len(sounding) - len(shown):
        rest = sum(part.end - part.start for part in sounding) - sum(part.end - part.start for part in shown)
        told.append(f"and {left} shorter part{'s' * (left > 1)} ({rest:.0f} s in all)")
    return f"{_capital(', '.join(told))}."


def _without_breaths(parts: Sequence[SoundSegment]) -> list[SoundSegment]:
    """Parts of one kind joined over silences that are not worth cutting."""
    shortest = thresholds().hearing.pause_seconds
    out: list[SoundSegment] = []
    for part in parts:
        if part.label == "silence" and part.end - part.start < shortest and len(parts) > 1:
            continue
        if out and out[-1].label == part.label and part.start - out[-1].end < shortest:
            sure = min(out[-1].confidence, part.confidence)
            out[-1] = out[-1].model_copy(update={"end": part.end, "confidence": sure})
        else:
            out.append(part)
    return out


def tempo_words(sound: Sound) -> str:
    """Tempo and beats; '' without music."""
    if sound.bpm is not None:
        return f"About {sound.bpm:.0f} bpm, {len(sound.beats)} beats{_doubt(sound.bpm_confidence)}."
    return "No steady beat." if any("music" in part.label for part in sound.segments) else ""


def pauses(sound: Sound) -> list[SoundSegment]:
    """Silences long enough to be worth cutting."""
    shortest = thresholds().hearing.pause_seconds
    return [part for part in sound.segments if part.label == "silence" and part.end - part.start >= shortest]


def pause_words(sound: Sound) -> str:
    """Silences that could be cut; '' when there are none."""
    found = pauses(sound)
    if not found:
        return ""
    whole = sum(part.end - part.start for part in found)
    longest = thresholds().hearing.pause_seconds
    count = "1 silence" if len(found) == 1 else f"{len(found)} silences"
    return f"{count} of at least {longest:g} s could be cut ({whole:.1f} s in all): {spans(found)}."


def spans(parts: Sequence[SoundSegment], most: int = SPANS_TOLD) -> str:
    """'0:03-0:07.5 and 0:12-0:20'; of more than `most`, the longest, and how long the others are together."""
    if len(parts) <= most:
        shown, rest = list(parts), 0.0
    else:
        longest = sorted(parts, key=lambda part: part.start - part.end)
        shown = sorted(longest[:most], key=lambda part: part.start)
        rest = sum(part.end - part.start for part in longest[most:])
    told = [f"{clock(part.start)}-{clock(part.end)}" for part in shown]
    if rest:
        told.append(f"{len(parts) - most} more ({rest:.0f} s)")
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def clock(seconds: float) -> str:
    """'0:07.5', '12:03', '1:02:03': tenths only within the first ten minutes."""
    tenths = round(seconds * 10)
    whole, tenth = divmod(tenths, 10)
    minutes, left = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
    return f"{text}.{tenth}" if tenth and seconds < 600 else text


def _db(level: float | None) -> str:
    return "-" if level is None else f"{level:.1f}"


def _doubt(confidence: float) -> str:
    return "" if confidence >= SURE else f" (not sure: {confidence:.0%})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
