"""What is kept of a track for telling speech, music and noise apart and for finding beats: a few numbers per step.

A short spectrum every 10 ms gives onsets and envelopes, a middle one every 20 ms pitch, a long one every 40 ms the
partials that stand still, as those of music do (Seyerlehner et al. 2007, "Automatic music detection in television
productions").
"""

from __future__ import annotations

from array import array
from functools import cache

import numpy as np
from numpy.typing import NDArray

from backends.vision.frame import MONO_RATE

Floats = NDArray[np.float32]
HOP, WINDOW = 160, 512
PITCH_HOP, PITCH_WINDOW = 320, 1024
TONE_HOP, TONE_WINDOW = 640, 2048
STEP_SAMPLES = 3200
"""A step of 0.2 s: 20 short, 10 middle and 5 long spectra."""
STEP = STEP_SAMPLES / MONO_RATE
CHUNK = 20 * STEP_SAMPLES
FRAME = HOP / MONO_RATE
MARGIN = TONE_WINDOW // 2
BANDS, BAND_HZ = 24, (60.0, 7600.0)
GROUPS = 8
"""Bands whose envelopes are followed apart."""
COMPRESSION = 0.25
"""Power to this exponent: near to loudness, and gain changes neither its shape nor what follows from it."""
PITCH_HZ = (75.0, 500.0)
PITCH_TOP_HZ = 2500.0
VOICED = 0.5
"""Autocorrelation above which a frame has a pitch."""
STEADY_SEMITONES = 0.25
TONE_TOP_HZ = 4000.0
PEAK_DB = 7.0
"""A partial stands so far out of its surroundings."""
PEAK_FLOOR_DB = 50.0
"""Peaks so far below the frame's highest are noise of the recording."""
FEATURES = (
    "level", "crossings", "crossings_sd", "centroid", "centroid_sd", "flatness", "flux", "flux_sd", "harmonicity",
    "voiced", "glide", "steady", "slow", "quick", "low", "middle", "high", "top", "tones", "tones_long", "peaks",
)  # fmt: skip
"""Per step of 0.2 s."""
_BEFORE_PITCH = FEATURES.index("harmonicity")


class Ear:
    """Hears mono sound at 16 kHz and keeps one onset strength per 10 ms and `FEATURES` per 0.2 s."""

    def __init__(self) -> None:
        self._buffer = np.zeros(MARGIN, np.float32)
        self._strength, self._steps = array("f"), array("f")
        self._before = np.zeros((2, BANDS), np.float32)
        self._last_pitch = 0.0
        self._modulation: list[NDArray[np.float64]] | None = None
        self._tones = np.zeros((0, 0), np.float32)

    def hear(self, mono: Floats) -> None:
        """The next samples, (m,)."""
        self._buffer = np.concatenate([self._buffer, mono])
        while len(self._buffer) >= CHUNK + 2 * MARGIN:
            self._take(self._buffer[: CHUNK + 2 * MARGIN])
            self._buffer = self._buffer[CHUNK:]

    def finish(self) -> tuple[Floats, Floats]:
        """Onset strengths (n,) every `FRAME` and features (steps, len(FEATURES)) every `STEP`, up to now.

        The sound so far is continued by silence; hearing may go on afterwards as if nothing had been asked.
        """
        kept = (self._buffer, array("f", self._strength), array("f", self._steps), self._before, self._last_pitch,
                self._modulation, self._tones)  # fmt: skip
        left = len(self._buffer) - MARGIN
        steps = -(-left // STEP_SAMPLES)
        if steps > 0:
            padded = np.zeros(steps * STEP_SAMPLES + 2 * MARGIN, np.float32)
            padded[: len(self._buffer)] = self._buffer
            self._take(padded)
        strength = np.frombuffer(self._strength, np.float32).copy() if self._strength else np.zeros(0, np.float32)
        table = np.frombuffer(self._steps, np.float32).copy() if self._steps else np.zeros(0, np.float32)
        (self._buffer, self._strength, self._steps, self._before, self._last_pitch, self._modulation, self._tones) = (
            kept
        )
        return strength, table.reshape(-1, len(FEATURES))

    def _take(self, sound: Floats) -> None:
        """sound: whole steps with MARGIN samples before and after them."""
        steps = (len(sound) - 2 * MARGIN) // STEP_SAMPLES
        short, pitch, tones = self._short(sound, steps), self._pitch(sound, steps), self._partials(sound, steps)
        table = np.concatenate([short[:, :_BEFORE_PITCH], pitch, short[:, _BEFORE_PITCH:], tones], axis=1)
        self._steps.frombytes(table.astype(np.float32).tobytes())

    def _short(self, sound: Floats, steps: int) -> Floats:
        from scipy.fft import rfft

        frames = _frames(sound, WINDOW, HOP, steps * 20)
        power = np.square(np.abs(rfft(frames * _hann(WINDOW), axis=1))).astype(np.float32)
        bands = power @ _mel()
        shape = np.maximum(bands, 1e-12) ** np.float32(COMPRESSION)
        strength, relative = self._flux(shape)
        self._strength.frombytes(strength.astype(np.float32).tobytes())
        total = np.maximum(bands.sum(axis=1), 1e-12)
        signs = np.signbit(frames[:, WINDOW // 2 - HOP // 2 : WINDOW // 2 + HOP // 2])
        crossings = (signs[:, 1:] != signs[:, :-1]).mean(axis=1)
        centroid = (bands @ np.arange(BANDS, dtype=np.float32)) / total
        flatness = np.log(np.maximum(bands, 1e-12)).mean(axis=1) - np.log(total / BANDS)
        slow, quick = self._envelopes(shape)
        shares = [bands[:, part].sum(axis=1) for part in (slice(0, 4), slice(4, 10), slice(10, 17), slice(17, 24))]
        weight = total.reshape(steps, 20)
        weight = weight / weight.sum(axis=1, keepdims=True)

        def mean(value: Floats) -> Floats:
            return np.asarray(value.reshape(steps, 20).mean(axis=1), np.float32)

        def spread(value: Floats) -> Floats:
            return np.asarray(value.reshape(steps, 20).std(axis=1), np.float32)

        def weighted(value: Floats) -> tuple[Floats, Floats]:
            table = value.reshape(steps, 20)
            middle = (table * weight).sum(axis=1)
            return middle, np.sqrt(np.maximum((np.square(table) * weight).sum(axis=1) - middle**2, 0))

        power_share = [np.log10(np.maximum(mean(share) / mean(total), 1e-6)) for share in shares]
        columns = [
            10 * np.log10(mean(total)), mean(crossings), spread(crossings), *weighted(centroid),
            mean(flatness), mean(relative), spread(relative), mean(slow), mean(quick), *power_share,
        ]  # fmt: skip
        return np.stack(columns, axis=1).astype(np.float32)

    def _flux(self, shape: Floats) -> tuple[Floats, Floats]:
        """Onset strength, and the same as a share of the frame's own size.

        Rise over two frames against the highest of three neighbouring bands before, so that vibrato is no onset
        (Boeck and Widmer 2013, SuperFlux).
        """
        before = np.concatenate([self._before, shape])[:-2]
        wide = before.copy()
        np.maximum(wide[:, 1:], before[:, :-1], out=wide[:, 1:])
        np.maximum(wide[:, :-1], before[:, 1:], out=wide[:, :-1])
        rise = np.maximum(shape - wide, 0).sum(axis=1)
        self._before = np.concatenate([self._before, shape])[-2:]
        return rise, rise / np.maximum(shape.sum(axis=1), 1e-6)

    def _envelopes(self, shape: Floats) -> tuple[Floats, Floats]:
        """How much the bands' envelopes move 2.5 to 7 times a second (syllables) and 9 to 25 times, shares of 1."""
        from scipy.signal import sosfilt

        groups = shape.reshape(len(shape), GROUPS, -1).sum(axis=2)
        if self._modulation is None:
            self._modulation = [np.zeros((len(filt), 2, GROUPS)) for filt in _modulation_filters()]
        moved, state = [], []
        for filt, before in zip(_modulation_filters(), self._modulation, strict=True):
            out, after = sosfilt(filt, groups, axis=0, zi=before)
            moved.append(np.square(out).sum(axis=1) / np.maximum(np.square(groups).sum(axis=1), 1e-9))
            state.append(after)
        self._modulation = state
        return np.minimum(moved[0], 2.0), np.minimum(moved[1], 2.0)

    def _pitch(self, sound: Floats, steps: int) -> Floats:
        """Harmonicity, share of voiced frames, mean glide (semitones per 20 ms), share of steady ones."""
        from scipy.fft import irfft, rfft

        frames = _frames(sound, PITCH_WINDOW, PITCH_HOP, steps * 10)
        power = np.square(np.abs(rfft(frames * _hann(PITCH_WINDOW), axis=1)))
        power[:, round(PITCH_TOP_HZ * PITCH_WINDOW / MONO_RATE) :] = 0
        power[:, 0:3] = 0
        first, last = round(MONO_RATE / PITCH_HZ[1]), round(MONO_RATE / PITCH_HZ[0])
        similar = irfft(power, axis=1)[:, : last + 2] / np.maximum(_window_similarity()[: last + 2], 1e-9)
        similar /= np.maximum(similar[:, :1], 1e-12)
        inner = similar[:, first : last + 1]
        tops = (inner >= similar[:, first - 1 : last]) & (inner >= similar[:, first + 1 : last + 2])
        values = np.where(tops, inner, 0)
        # The shortest lag that is nearly as good as the best: multiples of a period are as similar as the period.
        best = values.max(axis=1)
        lag = np.argmax(values >= 0.9 * best[:, None], axis=1) + first
        harmonic = np.clip(best, 0, 1)
        pitch = np.where(harmonic > VOICED, 12 * np.log2(MONO_RATE / lag), 0.0)
        before = np.concatenate([[self._last_pitch], pitch[:-1]])
        self._last_pitch = float(pitch[-1])
        glide = np.where((pitch > 0) & (before > 0), np.abs(pitch - before), np.nan).reshape(steps, 10)
        pairs = np.maximum((~np.isnan(glide)).sum(axis=1), 1)
        middle = np.nansum(np.minimum(glide, 4.0), axis=1) / pairs
        steady = (glide < STEADY_SEMITONES).sum(axis=1) / 10
        return np.stack(
            [harmonic.reshape(steps, 10).mean(axis=1), (pitch > 0).reshape(steps, 10).mean(axis=1), middle, steady],
            axis=1,
        ).astype(np.float32)

    def _partials(self, sound: Floats, steps: int) -> Floats:
        """How long the strongest partials stood still within the last one and two seconds, 0-1, and their number."""
        from scipy.fft import rfft
        from scipy.ndimage import uniform_filter1d

        count = round(TONE_TOP_HZ * TONE_WINDOW / MONO_RATE)
        frames = _frames(sound, TONE_WINDOW, TONE_HOP, steps * 5)
        power = np.square(np.abs(rfft(frames * _hann(TONE_WINDOW), axis=1)))[:, 6 : count + 1]
        level = (10 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)
        out = level - uniform_filter1d(level, 21, axis=1) > PEAK_DB
        out &= level > level.max(axis=1, keepdims=True) - PEAK_FLOOR_DB
        out[:, 1:-1] &= (level[:, 1:-1] >= level[:, :-2]) & (level[:, 1:-1] >= level[:, 2:])
        number = out.sum(axis=1).reshape(steps, 5).mean(axis=1)
        near = out.copy()
        near[:, 1:] |= out[:, :-1]
        near[:, :-1] |= out[:, 1:]
        sums = near.reshape(steps, 5, -1).sum(axis=1).astype(np.float32)
        past = self._tones if self._tones.size else np.zeros((9, sums.shape[1]), np.float32)
        run = np.cumsum(np.concatenate([np.zeros((1, sums.shape[1]), np.float32), past, sums]), axis=0)
        self._tones = np.concatenate([past, sums])[-9:]
        columns = []
        for length in (5, 10):
            active = (run[10:] - run[10 - length : len(run) - length]) / (5 * length)
            columns.append(np.sort(active, axis=1)[:, -8:].mean(axis=1))
        return np.stack([*columns, number], axis=1).astype(np.float32)


def _frames(sound: Floats, window: int, hop: int, count: int) -> Floats:
    """(count, window): frame i's middle is at i * hop after the margin."""
    first = MARGIN - window // 2
    return np.lib.stride_tricks.sliding_window_view(sound[first:], window)[: count * hop : hop]


@cache
def _hann(size: int) -> Floats:
    return np.hanning(size + 1)[:-1].astype(np.float32)


@cache
def _window_similarity() -> Floats:
    """Autocorrelation of the window itself, which the frame's must be divided by (Boersma 1993)."""
    spectrum = np.square(np.abs(np.fft.rfft(_hann(PITCH_WINDOW).astype(np.float64))))
    similar = np.fft.irfft(spectrum)
    return np.asarray(similar / similar[0], np.float32)


@cache
def _mel() -> Floats:
    """(WINDOW / 2 + 1, BANDS) triangles, evenly spaced in mel."""
    low, high = (1127 * np.log1p(hertz / 700) for hertz in BAND_HZ)
    edges = 700 * np.expm1(np.linspace(low, high, BANDS + 2) / 1127)
    at = np.fft.rfftfreq(WINDOW, 1 / MONO_RATE)[:, None]
    rise = (at - edges[:-2]) / np.maximum(edges[1:-1] - edges[:-2], 1e-9)
    fall = (edges[2:] - at) / np.maximum(edges[2:] - edges[1:-1], 1e-9)
    return np.asarray(np.maximum(0, np.minimum(rise, fall)), np.float32)


@cache
def _modulation_filters() -> tuple[NDArray[np.float64], ...]:
    from scipy.signal import butter

    return tuple(
        np.asarray(butter(2, band, "bandpass", fs=1 / FRAME, output="sos")) for band in ((2.5, 7.0), (9.0, 25.0))
    )
