"""Moments of a film where something happens: what effects, jokes and cuts are placed on."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from backends.vision.record import FilmRecord
from tools.editing.effect_presets import effect_presets
from tools.editing.likeness import closeness, repeated
from tools.editing.peaks import Curve, peaks, ranks, runs, smooth, spread

if TYPE_CHECKING:
    from backends.sound.result import Sound
    from backends.vision.record import Shot

MomentKind = Literal[
    "beat", "onset", "loud", "silence", "motion_peak", "stillness", "cut", "face", "word", "reaction", "repetition"
]
Box = tuple[float, float, float, float]
SPEAKER = re.compile(r"^\s*[A-ZÀ-Þ][\w .'’-]{0,30}:\s+")
"""Who speaks, as subtitles have it before the words: it is not said."""
_STRONG = 0.5
"""A louder or livelier half of its kind is worth a reaction."""


@dataclass(frozen=True)
class Moment:
    """One of them, in seconds of the film."""

    kind: MomentKind
    at: float
    seconds: float = 0.0
    """How long it lasts; 0 for an instant."""
    strength: float = 0.5
    """0-1, against the others of its kind in this film."""
    shot: int = 0
    """Index of the shot, from 1; 0 when it is not known."""
    where: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 as shares of the picture: the face, or what moves."""
    note: str = ""
    """Why, in words with figures: 'motion 0.82 widths/s, 3.1 times the median'."""
    who: str = ""
    """Whose face it is, where that is known."""


def moments(record: FilmRecord, *kinds: MomentKind) -> list[Moment]:
    """The film's moments of these kinds (all without any), in order of time.

    A reaction is a face in a closer shot right after something happened; a repetition is a shot that looks like an
    earlier one. What was not measured gives no moments. Words share the time of their line by their letters. Faces
    stand where a sampled frame of their shot shows them.
    """
    found = [moment for kind in kinds or get_args(MomentKind) for moment in _MEASURED[kind](record)]
    return sorted(found, key=lambda moment: (moment.at, moment.kind))


def named(kind: MomentKind) -> str:
    """A kind of moment as a noun: 'loud moment', 'motion peak'."""
    return "loud moment" if kind == "loud" else kind.replace("_", " ")


def shot_at(record: FilmRecord, seconds: float) -> int:
    """Index of the shot at a time, from 1; 0 when shots were not measured."""
    starts = [shot.start for shot in record.shots]
    return record.shots[max(0, bisect.bisect_right(starts, seconds + 1e-6) - 1)].index if starts else 0


def _beats(record: FilmRecord) -> Iterable[Moment]:
    sound = record.sound
    if sound is None or not sound.beats:
        return []
    note = f"a beat of {sound.bpm:.0f} per minute" if sound.bpm else "a beat"
    return _instants("beat", sound.beats, sound, record, note)


def _onsets(record: FilmRecord) -> Iterable[Moment]:
    return _instants("onset", record.sound.onsets, record.sound, record, "a sound begins") if record.sound else []


def _instants(
    kind: MomentKind, times: Sequence[float], sound: Sound, record: FilmRecord, note: str
) -> Iterator[Moment]:
    """Moments as strong as the sound right behind them is loud."""
    # A first beat may be found a hundredth of a second before the film.
    times = [max(0.0, at) for at in times if at < record.film.seconds]
    levels = [_level(sound, at) for at in times]
    for at, level, strength in zip(times, levels, ranks(levels), strict=True):
        said = f"{note}, {level:.0f} dBFS" if sound.curve_dbfs else note
        yield Moment(kind, at, 0.0, strength, shot_at(record, at), note=said)


def _level(sound: Sound, at: float) -> float:
    step = int(at / sound.curve_step)
    return max(sound.curve_dbfs[step : step + 2], default=-120.0)


def _loud(record: FilmRecord) -> Iterator[Moment]:
    sound, marks = record.sound, effect_presets().moments
    if sound is None or len(sound.curve_dbfs) < 3:
        return
    levels = np.maximum(np.array(sound.curve_dbfs), -90.0)
    middle = float(np.median(levels[levels > -70])) if (levels > -70).any() else -90.0
    curve, around = smooth(levels, 0.1 / sound.curve_step), max(2, round(1.5 / sound.curve_step))
    tops = peaks(
        curve,
        prominence=marks.loud_rise,
        least=max(-60.0, middle + marks.loud_over_median),
        apart=round(marks.apart / sound.curve_step),
    )
    for top, strength in zip(tops, ranks([top.height + top.prominence for top in tops]), strict=True):
        at = top.sample * sound.curve_step
        beside = curve[max(0, top.sample - around) : top.sample + around]
        note = f"{top.height:.0f} dBFS, {top.height - float(np.median(beside)):.0f} dB above what is around it"
        yield Moment("loud", round(at, 3), 0.0, strength, shot_at(record, at), note=note)


def _silences(record: FilmRecord) -> Iterator[Moment]:
    sound, marks = record.sound, effect_presets().moments
    if sound is None or len(sound.curve_dbfs) < 2:
        return
    levels, step = np.array(sound.curve_dbfs), sound.curve_step
    loud = float(np.percentile(levels, 95))
    mark = min(marks.silence_most, loud - marks.silence_below)
    if sound.noise_dbfs is not None and loud - sound.noise_dbfs > marks.noise_far:
        mark = max(mark, min(sound.noise_dbfs + marks.noise_above, loud - marks.noise_far))
    spans = [(a, b) for a, b in runs(levels < mark) if (b - a) * step >= marks.silence_seconds - 1e-9]
    lengths = ranks([float(b - a) for a, b in spans])
    for (a, b), strength in zip(spans, lengths, strict=True):
        at, end = a * step, min(b * step, sound.seconds or b * step)
        note = f"{end - at:.1f} s below {mark:.0f} dBFS"
        yield Moment("silence", round(at, 3), round(end - at, 3), strength, shot_at(record, at), note=note)


def _motion(record: FilmRecord) -> tuple[Curve, Curve]:
    """Times and motion; what was measured across a cut is no motion and is filled from its neighbours."""
    times, motion = np.array(record.curves.seconds), np.array(record.curves.motion)
    if len(times) != len(motion) or len(times) < 3:
        return np.empty(0), np.empty(0)
    step = float(np.median(np.diff(times)))
    across = np.zeros(len(times), bool)
    for change in record.transitions:
        across |= (times >= change.start - 1e-6) & (times <= max(change.end, change.start + step))
    if not record.transitions:
        for shot in record.shots[1:]:
            across |= (times >= shot.start - 1e-6) & (times <= shot.start + step)
    if across.any() and not across.all():
        motion = np.where(across, np.interp(times, times[~across], motion[~across]), motion)
    return times, motion


def _motion_peaks(record: FilmRecord) -> Iterator[Moment]:
    marks, (times, motion) = effect_presets().moments, _motion(record)
    if not len(times):
        return
    step = float(np.median(np.diff(times)))
    middle = float(np.median(motion))
    curve = smooth(motion, max(0.5, 0.12 / step))
    tops = peaks(
        curve,
        prominence=max(marks.motion_prominence * spread(curve), 0.25 * middle, marks.motion_least / 2),
        least=max(middle, marks.motion_least),
        apart=round(marks.apart / step),
    )
    for top, strength in zip(tops, ranks([top.height for top in tops]), strict=True):
        at = float(times[top.sample])
        note = f"motion {top.height:.2f} widths/s, {top.height / max(middle, 1e-3):.1f} times the median"
        yield Moment("motion_peak", round(at, 3), 0.0, strength, shot_at(record, at), note=note)


def _stillness(record: FilmRecord) -> Iterator[Moment]:
    marks, (times, motion) = effect_presets().moments, _motion(record)
    if not len(times):
        return
    mark = max(marks.still_motion, marks.still_share * float(np.median(motion)))
    quiet = smooth(motion, 0.7) < mark
    spans: list[tuple[float, float, int]] = []
    for shot in record.shots:
        inside = (times >= shot.start) & (times < shot.end)
        for first, last in runs(quiet & inside):
            begin, finish = float(times[first]), float(times[min(last, len(times) - 1)])
            if min(finish, shot.end) - begin >= marks.still_seconds:
                spans.append((begin, min(finish, shot.end), shot.index))
    for (start, stop, index), strength in zip(spans, ranks([b - a for a, b, _ in spans]), strict=True):
        note = f"{stop - start:.1f} s that move less than {mark:.3f} widths/s"
        yield Moment("stillness", round(start, 3), round(stop - start, 3), strength, index, note=note)


def _cuts(record: FilmRecord) -> Iterator[Moment]:
    if not record.transitions:
        for shot in record.shots[1:]:
            yield Moment("cut", shot.start, 0.0, 0.5, shot.index, note="a new shot")
        return
    for change in record.transitions:
        middle = (change.start + change.end) / 2
        if not 0 < middle < record.film.seconds or (change.kind == "fade" and len(record.shots) < 2):
            continue
        note = f"{change.kind} {change.detail}".strip()
        length = change.end - change.start
        yield Moment("cut", change.start, length, change.confidence, shot_at(record, change.end), note=note)


def _faces(record: FilmRecord) -> Iterator[Moment]:
    seen = [(shot, one) for shot in record.shots if shot.composition for one in shot.composition.figures]
    seen = [(shot, one) for shot, one in seen if one.kind == "face"]
    for (shot, face), strength in zip(seen, ranks([area(face.box) for _, face in seen]), strict=True):
        note = f"{face.character or 'a face'}, {area(face.box):.1%} of the picture (by {face.by or 'measurement'})"
        yield Moment("face", shot.start, shot.seconds, strength, shot.index, face.box, note, face.character)


def _words(record: FilmRecord) -> Iterator[Moment]:
    lines = record.sound.words if record.sound else ()
    if not lines:
        lines = tuple(dict.fromkeys(line for shot in record.shots for line in shot.words))
    for line in lines:
        words = SPEAKER.sub("", line.text).split() or line.text.split()
        letters = sum(len(word) + 1 for word in words)
        done = 0
        for word in words:
            share = (line.end - line.start) / letters
            at = line.start + done * share
            done += len(word) + 1
            yield Moment("word", round(at, 3), round(len(word) * share, 3), 0.5, shot_at(record, at), note=word)


def _reactions(record: FilmRecord) -> Iterator[Moment]:
    marks = effect_presets().moments
    happened = [m for m in (*_loud(record), *_motion_peaks(record)) if m.strength >= _STRONG]
    for before, shot in zip(record.shots, record.shots[1:], strict=False):
        face, how = _closer(before, shot)
        if face is None:
            continue
        since = shot.start - marks.reaction_within
        causes = [m for m in happened if since <= m.at < shot.start + 0.1 and m.at >= before.start]
        if not causes:
            continue
        cause = max(causes, key=lambda moment: moment.strength)
        strength = min(1.0, 0.5 * cause.strength + 0.5 * min(1.0, 6 * area(face)))
        note = f"{how}, {max(0.0, shot.start - cause.at):.1f} s after a {named(cause.kind)} ({cause.note})"
        yield Moment("reaction", shot.start, shot.seconds, strength, shot.index, face, note)


def _closer(before: Shot, shot: Shot) -> tuple[Box | None, str]:
    """The face of a shot that is closer than the one before, and how that shows."""
    marks = effect_presets().moments
    face = _largest(shot)
    if face is None or area(face) < marks.reaction_face:
        return None, ""
    last, near, far = _largest(before), closeness(shot), closeness(before)
    if last is not None and area(face) >= marks.reaction_closer * area(last):
        return face, f"a face {area(face) / area(last):.1f} times as large as in the shot before"
    if last is None and (far is None or (near is not None and near > far)):
        return face, f"a face fills {area(face):.0%} of the picture, the shot before has none"
    return None, ""


def _repetitions(record: FilmRecord) -> Iterator[Moment]:
    marks = effect_presets().moments
    twins = repeated(
        record.shots,
        colours=marks.repeat_colours,
        composition=marks.repeat_composition,
        seconds=marks.repeat_seconds,
    )
    for twin, strength in zip(twins, ranks([twin.likeness for twin in twins]), strict=True):
        shot, earlier = twin.shot, twin.earlier
        note = (
            f"looks like shot {earlier.index} at {earlier.start:.1f} s "
            f"(colours {twin.colours:.2f}, composition {twin.composition:.2f})"
        )
        yield Moment("repetition", shot.start, shot.seconds, strength, shot.index, note=note)


def _largest(shot: Shot) -> Box | None:
    boxes = [figure.box for figure in shot.composition.figures if figure.kind == "face"] if shot.composition else []
    return max(boxes, key=area, default=None)


def area(box: Box) -> float:
    """Of a box of left, top, right, bottom."""
    return (box[2] - box[0]) * (box[3] - box[1])


_MEASURED: dict[MomentKind, Callable[[FilmRecord], Iterable[Moment]]] = {
    "beat": _beats,
    "onset": _onsets,
    "loud": _loud,
    "silence": _silences,
    "motion_peak": _motion_peaks,
    "stillness": _stillness,
    "cut": _cuts,
    "face": _faces,
    "word": _words,
    "reaction": _reactions,
    "repetition": _repetitions,
}
