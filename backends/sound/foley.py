"""Sound effects that the studio makes itself: drawn from oscillators and noise, the same for the same seed.

Every sound says when its accent falls, so that whoever places it can put the accent, not the first sample, on a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.sound import foley_hits as hits
from backends.sound import foley_tones as tones
from backends.sound.foley_parts import RATE, Mono
from configs.errors import UsageError

__all__ = ["RATE", "SOUNDS", "FoleySound", "accent", "make_sound", "natural_seconds"]

PEAK_DBFS = -1.5
LONGEST_SECONDS = 30.0
EDGE_SECONDS = 0.003


@dataclass(frozen=True)
class FoleySound:
    """What there is to know of a sound before it is made."""

    about: str
    """What it sounds like and what it is good for."""
    seconds: float
    """Its natural length."""
    lufs: float
    """Loudness that it is brought to, unless its peaks forbid it."""
    make: Callable[[int, np.random.Generator], Mono]
    """(samples, chance) -> (n,) float, any level."""
    accent: float = 0.0
    """Where what the ear takes for its moment lies, as a share of its length: 0 at once, 1 at the end."""
    width: float = 0.0
    """How far the two ears differ: 0 mono, 1 wide."""
    pan: tuple[float, float] = (0.0, 0.0)
    """Where it begins and ends, -1 left to 1 right."""
    stretches: bool = False
    """Whether it can be made longer than natural without sounding wrong."""


SOUNDS: dict[str, FoleySound] = {
    "record_scratch": FoleySound("A needle torn over a record: everything stops.", 0.75, -16, hits.record_scratch),
    "rewind": FoleySound(
        "A tape wound back with the sound on: time goes backwards.", 1.0, -20, hits.rewind, 0.0, 0.3, stretches=True
    ),
    "whoosh": FoleySound(
        "Something rushes past: fast moves and flying titles.", 0.6, -20, hits.whoosh, 0.5, 0.2, (-0.8, 0.8)
    ),
    "boom": FoleySound("A deep explosion far away with a long tail: trailer titles.", 2.4, -18, hits.boom, 0.0, 0.35),
    "impact": FoleySound("A hard metallic blow: a cut that hits.", 1.3, -20, hits.impact, 0.0, 0.25),
    "thud": FoleySound("One overdriven bass hit: a reaction that needs no words.", 1.5, -18, hits.thud, 0.0, 0.15),
    "ding": FoleySound("A small bright bell: right answer, or nothing at all.", 1.3, -20, tones.ding),
    "sad_trombone": FoleySound("Four muted brass notes down: it did not work out.", 2.7, -18, tones.sad_trombone),
    "rimshot": FoleySound("Ba-dum-tss: the joke is over.", 1.35, -17, hits.rimshot, 0.0, 0.2),
    "crickets": FoleySound("Two crickets at night: nobody reacts.", 3.0, -30, tones.crickets, 0.0, 0.5, stretches=True),
    "sting": FoleySound("Dun, dun, duuun: the drama of it.", 2.6, -16, tones.sting, 0.0, 0.3),
    "pop": FoleySound("A cork: something appears.", 0.14, -20, tones.pop),
    "riser": FoleySound(
        "Noise and tone that climb and break off: something comes.", 2.5, -18, hits.riser, 1.0, 0.4, stretches=True
    ),
    "heartbeat": FoleySound("Lub-dub, slowly: it is near.", 1.8, -19, hits.heartbeat, stretches=True),
    "boing": FoleySound("A steel spring: whatever it was, it bounced.", 0.95, -19, tones.boing),
    "drum_roll": FoleySound(
        "A snare roll that swells and breaks off: wait for it.", 2.0, -18, hits.drum_roll, 1.0, 0.2, stretches=True
    ),
    "shutter": FoleySound("A camera's mirror and shutter: this was photographed.", 0.28, -21.5, hits.shutter),
    "buzzer": FoleySound("A game show's no.", 0.8, -18, tones.buzzer),
    "fanfare": FoleySound("Ta-daa on brass.", 1.7, -17, tones.fanfare, 0.0, 0.25),
    "whistle": FoleySound("A referee.", 0.75, -19, tones.whistle),
    "slide_whistle": FoleySound("Up is hope, this one goes down.", 0.9, -20, tones.slide_whistle),
    "cash_register": FoleySound("Ka-ching.", 1.0, -19, hits.cash_register),
    "static": FoleySound(
        "A tape or an aerial that loses the picture.", 0.45, -24, hits.static, 0.0, 0.6, stretches=True
    ),
    "news_sting": FoleySound("Four hurried notes and a chord: this just in.", 2.0, -17, tones.news_sting, 0.0, 0.25),
}
"""Every sound by name."""


def make_sound(name: str, seconds: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """A sound as (n, 2) float32 at 48 kHz, peaks at or under -1.5 dBFS, at its own loudness.

    seconds: 0 = its natural length; sounds that cannot be stretched are cut with a fade when it is shorter, and keep
    their natural length when it is longer. The same name, length and seed give the same samples.

    Raises UsageError for an unknown name or a length out of range.
    """
    sound = _sound(name)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise UsageError(f"A sound of {seconds:g} s cannot be made", f"0 to {LONGEST_SECONDS:g} s can")
    length = seconds if seconds and sound.stretches else sound.seconds
    chance = np.random.default_rng([seed, *name.encode()])
    mono = np.asarray(sound.make(round(length * RATE), chance), np.float64)
    if seconds and seconds < length:
        mono = _shortened(mono, round(seconds * RATE))
    return _levelled(_edges(_stereo(mono, sound, chance)), sound.lufs)


def natural_seconds(name: str) -> float:
    """How long a sound is when nobody says how long. Raises UsageError for an unknown name."""
    return _sound(name).seconds


def accent(name: str, seconds: float = 0.0) -> float:
    """Seconds from the sound's first sample to its accent. Raises UsageError for an unknown name."""
    sound = _sound(name)
    length = seconds if seconds and (sound.stretches or seconds < sound.seconds) else sound.seconds
    return sound.accent * length


def _sound(name: str) -> FoleySound:
    if name not in SOUNDS:
        raise UsageError(f"There is no sound '{name[:40]}'", fix=f"Use one of {', '.join(SOUNDS)}")
    return SOUNDS[name]


def _shortened(mono: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    out = mono[:count].copy()
    fade = min(count, RATE // 12)
    out[count - fade :] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    return out


def _stereo(mono: NDArray[np.float64], sound: FoleySound, chance: np.random.Generator) -> NDArray[np.float64]:
    """Constant-power panning, and a few milliseconds of difference between the ears for width (Haas effect)."""
    place = np.linspace(*sound.pan, len(mono))
    angle = (place + 1) * np.pi / 4
    left, right = mono * np.cos(angle), mono * np.sin(angle)
    if sound.width:
        late = int(RATE * (0.004 + 0.009 * chance.random()))
        wet = np.concatenate([np.zeros(late), mono[:-late]]) if late < len(mono) else mono
        left, right = left + 0.4 * sound.width * wet, right - 0.4 * sound.width * wet
    return np.stack([left, right], axis=1)


def _edges(stereo: NDArray[np.float64]) -> NDArray[np.float64]:
    """Against clicks: a short fade out; the beginning is left as sharp as it is, but starts from nothing."""
    fade = min(len(stereo) // 2, round(EDGE_SECONDS * RATE))
    stereo[:8] *= np.linspace(0, 1, 8)[:, None]
    stereo[len(stereo) - fade :] *= np.linspace(1, 0, fade)[:, None]
    return stereo


def _levelled(stereo: NDArray[np.float64], lufs: float) -> NDArray[np.float32]:
    from backends.voice.measures.loudness import integrated_lufs

    stereo = stereo / max(1e-9, float(np.abs(stereo).max()))
    gain = lufs - integrated_lufs(stereo.astype(np.float32), RATE)
    return np.asarray(stereo * 10 ** (min(gain, PEAK_DBFS) / 20), np.float32)
