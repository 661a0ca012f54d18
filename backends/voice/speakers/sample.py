"""The best stretch of one voice in a recording: heard, its speech found, its stretches measured, one chosen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backends.voice.measures.loudness import rms_dbfs
from backends.voice.speakers.activity import speech_spans
from configs.errors import UsageError
from configs.voice_training import Cloning

if TYPE_CHECKING:
    from backends.media.probe import MediaInfo
    from backends.vision.frame import SoundBlock, SoundSink
    from backends.voice.speakers.likeness import SpeakerEncoder
    from backends.voice.speakers.track import VoiceTrack

RATE = 16_000
"""Hz at which a recording is judged; the stretch itself is cut from the file."""
FULL_SCALE, CLIPPED_RUN = 0.999, 3
WINDOW_S, HOP_S, SPOKEN_SHARE = 1.6, 0.4, 0.7
_FRAME = 160
_DIP_S = (4.0, 8.0)
"""Speech without a pause is cut at its quietest moment, so many seconds after the last cut."""
_MOST_STRETCHES = 400

Samples = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True)
class Heard:
    """A recording as far as it was listened to."""

    mono: Samples
    """(N,) at RATE."""
    clipped: NDArray[np.float32]
    """Share of samples at full scale in each 10 ms."""
    seconds: float
    """Of the whole file."""
    rate: int
    """Hz of the file's own sound."""
    channels: int
    stopped: bool = False
    """True: there was more than the limit."""
    warnings: tuple[str, ...] = ()
    track: VoiceTrack | None = None
    """Who may speak when, of as much as was listened to; None without an encoder."""

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """(start, end) seconds of speech."""
        return self.track.spans if self.track is not None else speech_spans(self.mono, RATE)


@dataclass(frozen=True)
class Stretch:
    """A part of the recording that could serve as a reference."""

    start: float
    """Seconds."""
    end: float
    snr_db: float
    clipped_share: float
    purity: float | None = None
    """Least cosine between one of its windows and the whole; None = not measured."""
    score: float = 0.0

    @property
    def seconds(self) -> float:
        return self.end - self.start


def hear(
    path: Path,
    info: MediaInfo,
    minutes: float,
    cancel: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None] = lambda seconds: None,
    *,
    encoder: SpeakerEncoder | None = None,
) -> Heard:
    """Listen once to the first `minutes` of a sound's or film's first sound track.

    encoder: also measures the voices along the way. Raises UsageError when there is no sound track.
    """
    from backends.vision.watch import listen
    from backends.voice.speakers.track import TrackEar

    ear = _Ear(minutes * 60)
    voices = TrackEar(encoder, cancel=cancel) if encoder is not None else None
    warnings: tuple[str, ...] = ()
    try:
        # `ear` comes first: it ends the listening, and then nobody hears that block
        sinks: list[SoundSink] = [ear] if voices is None else [ear, voices]
        warnings = listen(path, sinks, info=info, cancel=cancel, on_progress=on_progress).warnings
    except _Enough:
        pass
    mono = np.concatenate(ear.mono) if ear.mono else np.zeros(0, np.float32)
    clipped = np.concatenate(ear.clipped) if ear.clipped else np.zeros(0, np.float32)
    track = voices.finish() if voices is not None else None
    return Heard(mono, clipped, info.seconds, ear.rate or info.sample_rate, ear.channels, ear.full, warnings, track)


def choose(
    heard: Heard,
    rules: Cloning,
    encoder: SpeakerEncoder | None,
    name: str,
    least: float | None = None,
    others: Sequence[Span] = (),
) -> tuple[Stretch, tuple[Stretch, ...]]:
    """The best stretch, and the best five with it.

    Args:
        encoder: tells voices apart; None: purity is not measured.
        name: of the recording, for messages.
        least: seconds that it needs at least; None = as the rules say.
        others: (start, end) seconds that somebody else speaks, of which a stretch may hold nothing.

    Raises:
        UsageError in one sentence when the recording is silent, too short, clipped, or holds two voices.
    """
    shortest = rules.shortest_s if least is None else least
    if rms_dbfs(heard.mono) < rules.silent_dbfs:
        raise UsageError(
            f"'{name}' is silent", f"its level is {rms_dbfs(heard.mono):.0f} dBFS", "Record it again, louder"
        )
    spans = heard.spans
    spoken = sum(end - start for start, end in spans)
    if len(heard.mono) / RATE < shortest or spoken < shortest * 0.8:
        has = f"it has {spoken:.1f} s of speech" if spoken else "no speech is heard in it"
        raise UsageError(
            f"'{name}' is too short to clone a voice from", has, f"Give {shortest:g} s or more of one voice"
        )
    windows = _Windows.of(heard.mono, spans, encoder)
    windows.refuse_two_voices(name, rules)
    stretches = [
        _measured(heard, span, spans, windows, rules)
        for span in candidates(heard.mono, spans, rules, shortest)
        if not any(start < span[1] - rules.edge_s and span[0] + rules.edge_s < end for start, end in others)
    ]
    if not stretches:
        raise UsageError(
            f"'{name}' has no {shortest:g} s of speech in one piece",
            "the pauses in it are long",
            "Record some sentences in one go",
        )
    clean = [one for one in stretches if one.clipped_share <= rules.clipped_share]
    if not clean:
        share = min(one.clipped_share for one in stretches)
        raise UsageError(
            f"'{name}' is clipped",
            f"at least {share:.1%} of its samples stand at full scale",
            "Record it again with a lower level; clipping cannot be undone",
        )
    best = sorted(clean, key=lambda one: (-one.score, one.start))
    return best[0], tuple(best[:5])


def candidates(mono: Samples, spans: Sequence[Span], rules: Cloning, shortest: float) -> list[Span]:
    """Stretches from the start of a word to the end of one, of the allowed length, without long pauses.

    When pauses are too long for any, pauses up to three times as long are let in.
    """
    pieces = [piece for span in spans for piece in _cut(mono, span, rules.longest_s - 2 * rules.edge_s)]
    for pause in (rules.pause_s, 3 * rules.pause_s):
        found = _joined(pieces, rules, shortest, pause, len(mono) / RATE)
        if found:
            # of very many, some from everywhere
            return found[:: max(1, len(found) // _MOST_STRETCHES)]
    return []


def _joined(pieces: Sequence[Span], rules: Cloning, shortest: float, pause: float, total: float) -> list[Span]:
    found: list[Span] = []
    for first, (start, _) in enumerate(pieces):
        for last in range(first, len(pieces)):
            if last > first and pieces[last][0] - pieces[last - 1][1] > pause:
                break
            begin, end = max(0.0, start - rules.edge_s), min(total, pieces[last][1] + rules.edge_s)
            if end - begin > rules.longest_s:
                break
            if end - begin >= shortest:
                found.append((begin, end))
    return found


def _cut(mono: Samples, span: Span, longest: float) -> list[Span]:
    """A span in pieces short enough, cut where it is quietest."""
    start, end = span
    made: list[Span] = []
    while end - start > longest:
        low, high = start + _DIP_S[0], min(start + _DIP_S[1], end - 0.5)
        power = _frame_power(mono[round(low * RATE) : round(high * RATE)])
        smooth = np.convolve(power, np.ones(5) / 5, mode="same")
        at = low + (int(np.argmin(smooth)) + 0.5) * _FRAME / RATE
        made.append((start, at))
        start = at
    return [*made, (start, end)]


def _measured(heard: Heard, span: Span, spans: Sequence[Span], windows: _Windows, rules: Cloning) -> Stretch:
    start, end = span
    first, last = int(start * 100), max(int(start * 100) + 1, int(np.ceil(end * 100)))
    clipped = float(heard.clipped[first:last].mean()) if len(heard.clipped[first:last]) else 0.0
    purity, usual = windows.purity(start, end)
    made = Stretch(start, end, _snr(heard.mono, span, spans), clipped, purity)
    score = min(made.snr_db, 40.0) / 40 - abs(made.seconds - rules.wanted_s) / (2 * rules.wanted_s)
    score += 0.0 if purity is None else purity + 0.5 * usual
    return replace(made, score=round(score - (1.0 if clipped > rules.clipped_share / 4 else 0.0), 6))


def _snr(mono: Samples, span: Span, spans: Sequence[Span]) -> float:
    """Speech over the quietest that is heard between words, in and two seconds around the stretch; dB, at most 60."""
    begin, end = max(0.0, span[0] - 2), min(len(mono) / RATE, span[1] + 2)
    power = _frame_power(mono[round(begin * RATE) : round(end * RATE)])
    at = begin + np.arange(len(power)) * _FRAME / RATE
    speaks = np.zeros(len(power), bool)
    for start, stop in spans:
        speaks |= (at >= start) & (at < stop)
    if not speaks.any():
        return 0.0
    # without a pause of a tenth of a second the quietest frames of the speech itself have to do
    noise = np.median(power[~speaks]) if (~speaks).sum() >= 10 else np.percentile(power, 5)
    speech = float(power[speaks].mean())
    return float(min(60.0, 10 * np.log10(max(speech - noise, 1e-12) / max(float(noise), 1e-12))))


def _frame_power(samples: Samples) -> NDArray[np.float64]:
    whole = len(samples) // _FRAME * _FRAME
    power: NDArray[np.float64] = (samples[:whole].reshape(-1, _FRAME).astype(np.float64) ** 2).mean(axis=1)
    return power


class _Windows:
    """Who speaks, window by window."""

    def __init__(self, starts: NDArray[np.float64], vectors: NDArray[np.float32], encoder: str) -> None:
        self._starts, self._vectors, self._encoder = starts, vectors, encoder

    @classmethod
    def of(cls, mono: Samples, spans: Sequence[Span], encoder: SpeakerEncoder | None) -> _Windows:
        if encoder is None:
            return cls(np.zeros(0), np.zeros((0, 1), np.float32), "")
        starts = window_starts(spans, len(mono) / RATE)
        vectors = encoder.embed_windows(mono, RATE, starts, WINDOW_S) if starts else np.zeros((0, 1), np.float32)
        heard = np.linalg.norm(vectors, axis=1) > 0.5
        return cls(np.array(starts)[heard], vectors[heard], encoder.name)

    def purity(self, start: float, end: float) -> tuple[float | None, float]:
        """Least cosine of a window in the stretch to the stretch, and the stretch's to the whole recording."""
        inside = (self._starts >= start - HOP_S) & (self._starts + WINDOW_S <= end + HOP_S)
        if not inside.any():
            return None, 0.0
        mine = _mean(self._vectors[inside])
        return float((self._vectors[inside] @ mine).min()), float(mine @ _mean(self._vectors))

    def refuse_two_voices(self, name: str, rules: Cloning) -> None:
        """Raises UsageError when the windows fall into two groups that are no one's both."""
        mark = next((m for known, m in rules.two_voices.items() if self._encoder.startswith(known)), None)
        if mark is None or len(self._vectors) < 4:
            return
        alike, share = halves(self._vectors)
        if len(self._vectors) < rules.two_voices_windows:
            mark -= rules.two_voices_few
        if alike < mark and share >= rules.two_voices_share:
            raise UsageError(
                f"Two voices are heard in '{name}'",
                f"likeness {alike:.2f} between them, {share:.0%} of the speech is the second one's",
                "Cut it to one voice, or let build_voice_dataset sort them",
            )


def window_starts(spans: Sequence[Span], seconds: float) -> list[float]:
    """Where windows begin that are mostly speech, every HOP_S seconds."""
    found: list[float] = []
    for at in np.arange(0.0, max(seconds - WINDOW_S, 0.0) + 1e-6, HOP_S):
        spoken = sum(max(0.0, min(end, at + WINDOW_S) - max(start, at)) for start, end in _near(spans, at))
        if spoken >= SPOKEN_SHARE * WINDOW_S:
            found.append(float(at))
    return found


def _near(spans: Sequence[Span], at: float) -> Sequence[Span]:
    first = bisect_left(spans, at, key=lambda span: span[1])
    last = bisect_left(spans, at + WINDOW_S, key=lambda span: span[0])
    return spans[first:last]


def halves(vectors: NDArray[np.float32]) -> tuple[float, float]:
    """Cosine between the means of the two groups that the windows fall into, and the smaller one's share."""
    alike = vectors @ vectors.T
    one, two = np.unravel_index(int(alike.argmin()), alike.shape)
    a, b = vectors[one], vectors[two]
    first = vectors @ a >= vectors @ b
    for _ in range(20):
        if first.all() or not first.any():
            return 1.0, 0.0
        a, b = _mean(vectors[first]), _mean(vectors[~first])
        again = vectors @ a >= vectors @ b
        if (again == first).all():
            break
        first = again
    return float(a @ b), float(min(first.mean(), 1 - first.mean()))


def _mean(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


class _Enough(Exception):
    """Ends listening once there is enough."""


class _Ear:
    """Keeps what is heard, and where it is clipped."""

    def __init__(self, most_s: float) -> None:
        self._most, self._held = round(most_s * RATE), 0
        self.mono: list[Samples] = []
        self.clipped: list[NDArray[np.float32]] = []
        self.rate = self.channels = 0
        self.full = False

    def hear(self, block: SoundBlock) -> None:
        if self._held >= self._most:
            self.full = True
            raise _Enough
        self.mono.append(block.mono)
        self._held += len(block.mono)
        native = block.stereo if block.native is None else block.native
        self.rate, self.channels = block.native_rate or 48_000, native.shape[1]
        self.clipped.append(_clipped(native, len(block.mono)))


def _clipped(native: NDArray[np.float32], mono: int) -> NDArray[np.float32]:
    """Share of clipped samples in each 10 ms of a block: neighbours at full scale, a single one is only a peak."""
    frames = max(1, round(mono / _FRAME))
    out = np.zeros(frames, np.float32)
    full = np.abs(native) >= FULL_SCALE
    if not full.any():
        return out
    run = full[:-2] & full[1:-1] & full[2:]
    hit = np.zeros(len(native), bool)
    for shift in range(CLIPPED_RUN):
        hit[shift : shift + len(run)] |= run.any(axis=1)
    at = np.minimum(np.arange(len(hit)) * frames // max(1, len(hit)), frames - 1)
    return np.asarray(np.bincount(at, hit, frames) / np.maximum(np.bincount(at, minlength=frames), 1), np.float32)
