"""What a clip offers to a comedian, in figures: its moments, and how far it has what structures stand on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.editing.moments import Moment, moments, shot_at

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord, Shot

SPREAD_SECONDS = 0.5
"""The motion curve is looked at in windows of this length."""
PEAK_RATIO = 6.0
"""So many times the median motion counts as a full peak."""
FULL_MOTION = 0.5
"""Frame widths per second that count as lively throughout."""
STILL_MOTION = 0.02
LARGE = 0.3
"""Whoever takes less than this share of the largest figure's place is only in somebody else's picture."""


@dataclass(frozen=True)
class Feature:
    """A measured property of the clip."""

    value: float
    """0-1."""
    said: str
    """The figure behind it, in words."""


@dataclass(frozen=True)
class Material:
    """A clip as its record tells it."""

    record: FilmRecord
    moments: tuple[Moment, ...]
    features: dict[str, Feature] = field(compare=False)
    median_motion: float
    """Frame widths per second."""
    said: tuple[tuple[float, float, str], ...] = ()
    """Words that are said or shown, with their start and end in seconds."""
    still: Callable[[float, int], float] = field(default=lambda at, shot: at, compare=False)
    """The time near another at which the picture is best held: (seconds, index of the shot) -> seconds."""

    @property
    def seconds(self) -> float:
        return self.record.film.seconds

    @property
    def people(self) -> list[str]:
        """Who is recognised, whoever is seen longest first."""
        seen: Counter[str] = Counter()
        for shot in self.record.shots:
            for name in _in_view(shot):
                seen[name] += round(1000 * shot.seconds)
        return [name for name, _ in seen.most_common()]

    def shots_of(self, name: str) -> list[tuple[float, float]]:
        """Start and end, seconds, of the shots in which somebody is recognised; all of the clip for nobody known."""
        spans = [(shot.start, shot.end) for shot in self.record.shots if name in _in_view(shot)]
        return spans if name and spans else [(0.0, self.seconds)]

    def of(self, *kinds: str) -> list[Moment]:
        return [moment for moment in self.moments if moment.kind in kinds]

    def ratio(self, moment: Moment) -> float | None:
        """Motion around a moment against the clip's median; None when motion was not measured."""
        motion = self.motion(moment)
        return motion / self.median_motion if motion is not None and self.median_motion > 0 else None

    def motion(self, moment: Moment) -> float | None:
        """Most motion around a moment, frame widths per second; None when it was not measured."""
        curve = self.record.curves
        near = [m for t, m in zip(curve.seconds, curve.motion, strict=True) if abs(t - moment.at) <= SPREAD_SECONDS / 2]
        return max(near, default=None)

    def calm_before(self, moment: Moment) -> float:
        """Seconds right before a moment in which motion stays under half of what the moment has."""
        curve = self.record.curves
        near = [m for t, m in zip(curve.seconds, curve.motion, strict=True) if abs(t - moment.at) <= SPREAD_SECONDS / 2]
        if not near:
            return moment.at
        end = moment.at - SPREAD_SECONDS / 2
        louder = [t for t, m in zip(curve.seconds, curve.motion, strict=True) if t < end and m > max(near) / 2]
        # The rise into the moment itself is no interruption of the calm.
        rise = [t for t in louder if t > end - SPREAD_SECONDS]
        begin = max((t for t in louder if t not in rise), default=0.0)
        return max(0.0, moment.at - begin)

    def quietest(self, start: float, end: float) -> Moment:
        """The stillest half second between two times, as a moment of its own."""
        at, motion = self._extreme(start, end, least=True)
        note = f"the least motion there, {motion:.3f} widths/s" if motion is not None else "motion was not measured"
        return Moment("stillness", at, SPREAD_SECONDS, 0.5, shot_at(self.record, at), note=note)

    def liveliest(self, start: float, end: float) -> Moment:
        """The same for where most moves."""
        at, motion = self._extreme(start, end, least=False)
        note = "no moment stands out; where most moves"
        note += f", {motion:.3f} widths/s" if motion is not None else " was not measured"
        return Moment("motion_peak", at, 0.0, 0.3, shot_at(self.record, at), note=note)

    def _extreme(self, start: float, end: float, *, least: bool) -> tuple[float, float | None]:
        curve = self.record.curves
        times, motion = np.asarray(curve.seconds), np.asarray(curve.motion)
        inside = (times >= start) & (times <= max(end, start))
        if not inside.any():
            return (start + end) / 2, None
        step = float(np.median(np.diff(times))) if len(times) > 1 else SPREAD_SECONDS
        width = max(1, round(SPREAD_SECONDS / max(step, 1e-3)))
        smooth = np.convolve(np.pad(motion, width // 2, mode="edge"), np.ones(width) / width, "valid")[: len(motion)]
        kept = np.where(inside, smooth, np.inf if least else -np.inf)
        best = int(kept.argmin() if least else kept.argmax())
        return float(times[best]), float(smooth[best])


def _in_view(shot: Shot) -> list[str]:
    """Who is recognised in a shot and more than a shoulder or a hat at its edge, in order of name."""
    figures = shot.composition.figures if shot.composition is not None else ()
    sizes = [(figure.box[2] - figure.box[0]) * (figure.box[3] - figure.box[1]) for figure in figures]
    large = max(sizes, default=0.0) * LARGE
    names = {one.character for one, size in zip(figures, sizes, strict=True) if one.character and size >= large}
    return sorted(names)


def material(
    record: FilmRecord,
    texts: Sequence[tuple[float, float, str]] = (),
    still: Callable[[float, int], float] | None = None,
) -> Material:
    """Measure what a clip offers. A figure that was not measured is 0 and says so.

    texts: what is to be read in it, seconds; still: see `Material.still`.
    """
    words = [(word.start, word.end, word.text) for shot in record.shots for word in shot.words]
    found = tuple(replace(moment, at=min(moment.at, record.film.seconds)) for moment in moments(record))
    motion = np.asarray(record.curves.motion, float)
    middle = float(np.median(motion)) if len(motion) else 0.0
    made = Material(record, found, _features(record, found, motion, middle), middle, (*texts, *words))
    return made if still is None else replace(made, still=still)


def _features(
    record: FilmRecord, found: tuple[Moment, ...], motion: NDArray[np.float64], middle: float
) -> dict[str, Feature]:
    seconds = max(record.film.seconds, 0.1)
    by: dict[str, list[Moment]] = {}
    for moment in found:
        by.setdefault(moment.kind, []).append(moment)
    return {**_seen(record, by, motion, middle, seconds), **_heard(record, by, seconds)}


def _seen(
    record: FilmRecord, by: dict[str, list[Moment]], motion: NDArray[np.float64], middle: float, seconds: float
) -> dict[str, Feature]:
    peaks = by.get("motion_peak", [])
    cuts = max(0, len(record.shots) - 1)
    mean = float(motion.mean()) if len(motion) else 0.0
    highest = float(motion.max()) if len(motion) else 0.0
    ratio = highest / middle if middle > 0 else (0.0 if highest <= 0 else PEAK_RATIO)
    still = float((motion < max(STILL_MOTION, middle / 2)).mean()) if len(motion) else 0.0
    take = max((shot.seconds for shot in record.shots), default=seconds)
    faces = {moment.shot for moment in by.get("face", [])}
    lumas = [shot.luma for shot in record.shots if shot.luma is not None]
    luma = float(np.mean(lumas)) if lumas else 128.0
    # Where nothing lurches, a joke turns on what is loud.
    strongest = max(peaks or by.get("loud", []), key=lambda m: (m.strength, -m.at), default=None)
    lead = strongest.at if strongest else 0.0
    kind = "peak" if peaks else "loud moment"
    per_minute = len(peaks) * 60 / seconds
    return {
        "calm": Feature(_share(1 - mean / FULL_MOTION), f"mean motion {mean:.3f} widths/s"),
        "motion": Feature(_share(highest / FULL_MOTION), f"motion reaches {highest:.3f} widths/s"),
        "one_peak": Feature(
            _share((ratio - 1) / (PEAK_RATIO - 1)), f"the highest motion is {ratio:.1f} times the median"
        ),
        "many_peaks": Feature(_share(len(peaks) / 6), f"{len(peaks)} motion peaks ({per_minute:.0f} per minute)"),
        "lead_up": Feature(_share(lead / 4), f"{lead:.1f} s before the strongest {kind}"),
        "long_takes": Feature(_share((take - 1) / 7), f"the longest shot lasts {take:.1f} s"),
        "many_cuts": Feature(_share(cuts * 60 / seconds / 24), f"{cuts} cuts in {seconds:.1f} s"),
        "short": Feature(_share(1 - (seconds - 4) / 26), f"the clip lasts {seconds:.1f} s"),
        "still": Feature(_share(still), f"{still:.0%} of it stands still"),
        "faces": Feature(
            _share(len(faces) / max(1, len(record.shots))), f"faces in {len(faces)} shots of {len(record.shots)}"
        ),
        "reactions": Feature(_share(len(by.get("reaction", [])) / 2), f"{len(by.get('reaction', []))} reactions"),
        "repetition": Feature(
            _share(len(by.get("repetition", [])) / 2), f"{len(by.get('repetition', []))} shots look alike"
        ),
        "dark": Feature(_share(1 - luma / 110), f"mean brightness {luma:.0f} of 255"),
    }


def _heard(record: FilmRecord, by: dict[str, list[Moment]], seconds: float) -> dict[str, Feature]:
    sound = record.sound
    if sound is None:
        none = Feature(0.0, "it has no sound track")
        names = dict.fromkeys(("quiet", "loud", "speech", "beats"), none)
        return {**names, "silent": Feature(1.0, none.said), "no_speech": Feature(1.0, none.said)}
    talk = sum(part.end - part.start for part in sound.segments if "speech" in part.label) / max(seconds, 0.1)
    hush = sum(part.end - part.start for part in sound.segments if part.label == "silence") / max(seconds, 0.1)
    lufs = sound.loudness_lufs if sound.loudness_lufs is not None else -70.0
    steady = _share(sound.bpm_confidence) if sound.beats else 0.0
    said = "it is silent" if sound.loudness_lufs is None else f"its sound is at {lufs:.0f} LUFS"
    return {
        "quiet": Feature(_share((-20 - lufs) / 20), said),
        "silent": Feature(_share(hush) if lufs > -60 else 1.0, f"{hush:.0%} of its sound is silence"),
        "loud": Feature(_share(len(by.get("loud", [])) / 3), f"{len(by.get('loud', []))} loud moments"),
        "speech": Feature(_share(talk), f"{talk:.0%} of it is speech"),
        "no_speech": Feature(_share(1 - talk), f"{talk:.0%} of it is speech"),
        "beats": Feature(steady, f"a beat of {sound.bpm:.0f} per minute" if sound.bpm and sound.beats else "no beat"),
    }


def _share(value: float) -> float:
    return float(min(1.0, max(0.0, value)))
