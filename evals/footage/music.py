"""Made music whose beats are known: tempo, metre, harmony, instruments and drums are drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evals.footage.instruments import RATE, Wave, hit, note

STYLES = (
    "pop", "house", "rock", "latin", "swing", "waltz", "ballad", "arpeggio", "chorale", "solo", "drums", "hands",
    "song", "pad",
)  # fmt: skip
BEATLESS = frozenset({"pad"})
TEMPO = (60.0, 180.0)
_SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "pentatonic": (0, 2, 4, 7, 9)}
_PROGRESSIONS = ((0, 4, 5, 3), (0, 3, 4, 0), (5, 3, 0, 4), (0, 5, 1, 4), (0, 3), (0, 6, 3, 4))
_GROOVES: dict[str, tuple[tuple[str, tuple[float, ...], float], ...]] = {
    # drum, beats within a bar, strength
    "pop": (("kick", (0, 2), 1), ("snare", (1, 3), 0.8), ("hat", (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 0.25)),
    "house": (("kick", (0, 1, 2, 3), 1), ("clap", (1, 3), 0.6), ("open_hat", (0.5, 1.5, 2.5, 3.5), 0.3)),
    "rock": (("kick", (0, 1.5, 2), 1), ("snare", (1, 3), 1), ("ride", (0, 1, 2, 3), 0.35), ("hat", (0.5, 2.5), 0.3)),
    "latin": (
        ("rim", (0, 1.5, 3), 0.7),
        ("kick", (0, 1.5, 2, 3.5), 0.7),
        ("shaker", (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 0.35),
    ),
    "swing": (("ride", (0, 1, 5 / 3, 2, 3, 11 / 3), 0.45), ("hat", (1, 3), 0.4), ("kick", (0, 2), 0.35)),
    "waltz": (("kick", (0,), 0.8), ("hat", (1, 2), 0.3)),
}


@dataclass(frozen=True)
class Song:
    """Made music and its truth."""

    samples: Wave
    """(N,) at RATE, RMS about 0.1."""
    style: str
    bpm: float | None
    """None: there is no beat in it."""
    beats: tuple[float, ...]
    """Seconds of the metre's beats."""


def song(seed: int, seconds: float, style: str = "", bpm: float = 0.0) -> Song:
    """Music of one style and tempo (both drawn from the seed when not given), `seconds` long."""
    pick = np.random.default_rng([seed, 77])
    style = style or str(pick.choice((*STYLES, "drums", "hands", "song")))
    bpm = bpm or float(np.exp(pick.uniform(*np.log(TEMPO))))
    maker = _Maker(pick, style, bpm, seconds)
    samples = maker.play()
    samples = samples * 0.1 / max(float(np.sqrt(np.mean(samples**2))), 1e-9)
    if style in BEATLESS:
        return Song(samples, style, None, ())
    return Song(samples, style, bpm, tuple(float(at) for at in maker.beats if at < seconds - 0.05))


class _Maker:
    def __init__(self, pick: np.random.Generator, style: str, bpm: float, seconds: float) -> None:
        self.pick, self.style, self.seconds = pick, style, seconds
        self.out = np.zeros(round((seconds + 4) * RATE))
        self.bar = 3 if style == "waltz" else 4
        self.period = 60 / bpm
        count = int(seconds / self.period) + 2 * self.bar
        # Players drift: a slow sway of the tempo, at most one percent.
        sway = 1 + pick.uniform(0, 0.01) * np.sin(2 * np.pi * np.arange(count) / pick.uniform(16, 40))
        self.beats = np.concatenate([[0.0], np.cumsum(self.period * sway)])
        self.looseness = float(pick.uniform(0, 0.006))
        self.scale = _SCALES[str(pick.choice(list(_SCALES)))]
        self.key = int(pick.integers(48, 60))
        self.chords = _PROGRESSIONS[int(pick.integers(0, len(_PROGRESSIONS)))]
        self.swung = style == "swing"

    def play(self) -> Wave:
        groove = self.style
        if groove == "drums":
            groove = str(self.pick.choice(("pop", "house", "rock", "latin")))
        if groove in _GROOVES:
            self._drums(groove)
        if self.style != "drums":
            getattr(self, f"_{self.style}")()
        return self._master(self._room(self.out[: round(self.seconds * RATE)]))

    def _at(self, beat: float) -> float:
        """Seconds of a (fractional) beat number, played as loosely as this band plays."""
        exact = float(np.interp(beat, np.arange(len(self.beats)), self.beats))
        return max(0.0, exact + float(self.pick.normal(0, self.looseness)) * (beat > 0))

    def _add(self, wave: Wave, at: float, level: float) -> None:
        first = round(at * RATE)
        part = wave[: max(0, len(self.out) - first)]
        self.out[first : first + len(part)] += level * part

    def _drums(self, groove: str) -> None:
        kinds = {name: [hit(name, self.pick) for _ in range(3)] for name, _, _ in _GROOVES[groove]}
        bars = int(len(self.beats) / self.bar)
        for bar in range(bars):
            for name, places, level in _GROOVES[groove]:
                for place in places:
                    at = self._at(bar * self.bar + place)
                    if at < self.seconds and self.pick.uniform() > 0.04:
                        wave = kinds[name][int(self.pick.integers(3))]
                        accent = 0.7 if name in ("hat", "shaker") and place % 1 else 1.0
                        self._add(wave, at, accent * level * self.pick.uniform(0.75, 1.1))
            if bar % 8 == 7 and self.pick.uniform() < 0.5:
                for place in (2, 2.5, 3, 3.5):
                    self._add(hit("tom", self.pick), self._at(bar * self.bar + place), 0.6)

    def _hands(self) -> None:
        """Two to four hand drums; each repeats a rhythm whose hits are spread as evenly as they can be."""
        for level in (1.0, 0.7, 0.6, 0.5)[: int(self.pick.integers(2, 5))]:
            name = self._choose("conga", "bongo", "block", "cowbell", "rim", "shaker", "tom", "kick", "snare")
            kinds = [hit(name, self.pick) for _ in range(3)]
            slots, hits = 4 * self.bar, int(self.pick.integers(3, 10))
            places = [slot for slot in range(slots) if (slot * hits) % slots < hits]
            for bar in range(len(self.beats) // self.bar):
                for slot in places:
                    strength = level * self.pick.uniform(0.5, 1.0) * (1.0 if slot % 4 == 0 else 0.7)
                    self._add(kinds[int(self.pick.integers(3))], self._at(bar * self.bar + slot / 4), strength)

    def _degree(self, degree: int, octave: int = 0) -> float:
        size = len(self.scale)
        return self.key + 12 * (octave + degree // size) + self.scale[degree % size]

    def _chord_of(self, bar: int) -> int:
        return self.chords[bar % len(self.chords)]

    def _sound(self, name: str, midi: float, beat: float, beats: float, level: float) -> None:
        at = self._at(beat)
        if at < self.seconds:
            seconds = max(0.05, self._at(beat + beats) - at)
            self._add(note(name, midi, seconds, self.pick, self.pick.normal(0, 4)), at, level)

    def _comp(self, name: str, places: tuple[float, ...], beats: float, level: float) -> None:
        """Chords at these places of each bar."""
        for bar in range(len(self.beats) // self.bar):
            root = self._chord_of(bar)
            for place in places:
                for step in (0, 2, 4):
                    self._sound(name, self._degree(root + step), bar * self.bar + place, beats, level / 3)

    def _bass(self, places: tuple[float, ...], level: float = 0.5, walking: bool = False) -> None:
        for bar in range(len(self.beats) // self.bar):
            root = self._chord_of(bar)
            for index, place in enumerate(places):
                step = (0, 2, 4, 5)[index % 4] if walking else 0
                self._sound("bass", self._degree(root + step, -2), bar * self.bar + place, 0.9, level)

    def _melody(self, name: str, level: float, lengths: tuple[float, ...] = (0.5, 1, 1, 2)) -> None:
        beat, degree = 0.0, int(self.pick.integers(5, 12))
        while beat < len(self.beats) - self.bar:
            length = float(self.pick.choice(lengths))
            if self.pick.uniform() > 0.12:
                degree = int(np.clip(degree + self.pick.integers(-3, 4), 3, 16))
                place = beat + (1 / 6 if self.swung and beat % 1 == 0.5 else 0.0)
                self._sound(name, self._degree(degree), place, 0.92 * length, level * self.pick.uniform(0.7, 1))
            beat += length

    def _choose(self, *names: str) -> str:
        return str(self.pick.choice(names))

    def _pop(self) -> None:
        self._bass((0, 1, 2, 3))
        self._comp(
            self._choose("piano", "organ", "pluck"), (0, 2) if self.pick.uniform() < 0.5 else (0, 1, 2, 3), 1, 0.6
        )
        self._melody(self._choose("lead", "flute", "piano", "bell"), 0.35)

    def _house(self) -> None:
        self._bass((0.5, 1.5, 2.5, 3.5))
        self._comp(self._choose("organ", "lead", "piano"), (0, 1.5, 3), 0.5, 0.6)

    def _rock(self) -> None:
        self._bass((0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 0.45)
        self._comp(self._choose("lead", "pluck", "brass"), (0, 1, 2, 3), 0.9, 0.8)

    def _latin(self) -> None:
        self._bass((0, 1.5, 2, 3.5))
        self._comp(self._choose("pluck", "piano"), (0.5, 1, 2.5, 3), 0.5, 0.6)
        self._melody(self._choose("brass", "flute"), 0.35)

    def _swing(self) -> None:
        self._bass((0, 1, 2, 3), 0.55, walking=True)
        self._comp("piano", (1, 2.67), 0.4, 0.4)
        self._melody(self._choose("brass", "piano", "flute"), 0.4, (0.5, 0.5, 1))

    def _waltz(self) -> None:
        self._bass((0,), 0.7)
        self._comp(self._choose("strings", "piano", "pluck"), (1, 2), 0.6, 0.6)
        self._melody(self._choose("flute", "strings", "piano"), 0.4, (1, 1, 2, 3))

    def _ballad(self) -> None:
        name = self._choose("piano", "pluck")
        for beat in range(0, len(self.beats) - self.bar):
            root = self._chord_of(beat // self.bar)
            for half, step in ((0.0, (0, 4, 7, 4)[beat % 4]), (0.5, (2, 2, 9, 2)[beat % 4])):
                self._sound(name, self._degree(root + step), beat + half, 0.8, 0.5 if half else 0.65)
        self._bass((0,), 0.4)
        self._comp("strings", (0,), self.bar * 0.95, 0.3)

    def _arpeggio(self) -> None:
        name = self._choose("lead", "pluck", "bell", "piano")
        for quarter in range(0, 4 * (len(self.beats) - self.bar)):
            root = self._chord_of(quarter // (4 * self.bar))
            level = 0.6 if quarter % 4 == 0 else 0.4
            self._sound(name, self._degree(root + (0, 2, 4, 7)[quarter % 4]), quarter / 4, 0.22, level)
        self._bass((0, 2), 0.4)

    def _chorale(self) -> None:
        self._comp(self._choose("strings", "organ", "brass"), tuple(range(self.bar)), 0.95, 0.8)
        self._bass((0, 2), 0.4)

    def _solo(self) -> None:
        self._melody(self._choose("piano", "strings", "flute", "pluck", "brass"), 0.8)

    def _pad(self) -> None:
        """Chords that swell and fade into each other: nothing to tap along to."""
        name, at = self._choose("strings", "organ", "flute"), 0.0
        while at < self.seconds:
            length, root = float(self.pick.uniform(3, 7)), int(self.pick.integers(0, 6))
            for step in (0, 2, 4, 7):
                wave = note(name, self._degree(root + step), length, self.pick, self.pick.normal(0, 6))
                swell = np.minimum(1, np.arange(len(wave)) / RATE / 1.5) * np.minimum(
                    1, np.arange(len(wave))[::-1] / RATE
                )
                self._add(wave * swell, at, 0.3)
            at += 0.7 * length

    def _song(self) -> None:
        """Somebody sings over an instrument, sometimes over drums."""
        if self.pick.uniform() < 0.5:
            self._drums(self._choose("pop", "rock"))
        self._comp(
            self._choose("piano", "pluck", "organ"), (0, 2) if self.pick.uniform() < 0.5 else (0, 1, 2, 3), 1, 0.6
        )
        self._bass((0, 2), 0.4)
        self._melody("voice", self.pick.uniform(0.4, 0.9), (0.5, 0.5, 1, 1, 2))

    def _room(self, dry: Wave) -> Wave:
        from scipy.signal import fftconvolve

        tail = np.arange(round(self.pick.uniform(0.2, 1.2) * RATE))
        decay = np.exp(-6.9 * tail / len(tail)) * self.pick.normal(0, 1, len(tail))
        decay *= self.pick.uniform(0, 0.25) / np.sqrt((decay**2).sum())
        return np.asarray(dry + fftconvolve(dry, decay)[: len(dry)])

    def _master(self, wave: Wave) -> Wave:
        """From an untouched recording to one that is loud, dull or thin."""
        from scipy.signal import butter, sosfilt

        wave = wave / max(float(np.abs(wave).max()), 1e-9)
        if self.pick.uniform() < 0.5:
            drive = self.pick.uniform(1.5, 8)
            wave = np.tanh(drive * wave) / np.tanh(drive)
        if self.pick.uniform() < 0.5:
            edges = (self.pick.uniform(30, 250), self.pick.uniform(2500, 11000))
            wave = np.asarray(sosfilt(butter(1, edges, "bandpass", fs=RATE, output="sos"), wave))
        return wave
