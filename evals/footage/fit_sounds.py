"""Fits the numbers by which sounds are told apart: `python -m evals.footage.fit_sounds` writes them anew.

Learnt from made tracks of the tuning seeds (0-99) only: eSpeak voices of five languages with wavering pitch and stress
in many rooms, made music of all styles, made noises, mixes of speech with music 4 to 20 dB below it, some through
narrow or old media. The penalty is high on purpose: real voices and instruments differ from made ones, and a model that
fits the made ones closely does worse on real ones. eSpeak now and then gives a voice a little other noise, so that
the numbers come out alike each time, but not to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.footage.sounds import SoundTrack, blocks, sound_track

SEEDS, HELD_BACK = range(100), 30
"""The tracks, and how many of them are kept to see how sure the model may be."""
SECONDS = 60.0
PENALTY = 0.0005
"""scikit-learn's C of the sounds' model."""
EDGE = 0.3
"""Seconds at a section's ends that belong to two sounds."""
TEMPO_TOLERANCE = 0.04
"""Of a tempo that counts as right (Gouyon et al. 2006)."""
OCTAVES = (0.5, 1.0, 2.0, 3.0, 1 / 3)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lesson:
    """One track's steps and the beats of its sections."""

    table: Floats
    """Features (n, features)."""
    kinds: NDArray[np.int64]
    """Index of each step's sound; -1 in silence and between two sounds."""
    active: NDArray[np.bool_]
    beats: list[tuple[float, float, bool]]
    """Clarity, salience, and whether they are real, of each section that could have beats."""


def main() -> None:
    """Make the tracks, fit, write `backends/sound/fitted.yaml`."""
    from backends.sound.hearing import FITTED

    FITTED.write_text(as_yaml([lesson(sound_track(seed, SECONDS)) for seed in SEEDS]), encoding="utf-8")


def lesson(track: SoundTrack) -> Lesson:
    """What is to be learnt from a made track."""
    from backends.sound.ear import Ear
    from backends.sound.levels import LevelMeter
    from backends.sound.loudness import RATE

    ear, meter = Ear(), LevelMeter()
    for block in blocks(track.samples, track.rate):
        ear.hear(block.mono)
        meter.hear(block.stereo, RATE, block.native, block.native_rate)
    strength, steps = ear.finish()
    return lesson_of(track, strength, steps, meter.levels())


def lesson_of(
    track: SoundTrack, strength: NDArray[np.float32], steps: NDArray[np.float32], levels: NDArray[np.float32]
) -> Lesson:
    """The same from what an ear and a level meter kept of it."""
    from backends.sound.beats import find_beats
    from backends.sound.ear import STEP
    from backends.sound.features import pooled
    from backends.sound.hearing import SOUNDS, active_steps, quiet_level

    active = active_steps(levels, quiet_level(levels), len(steps))
    middles = (np.arange(len(steps)) + 0.5) * STEP
    kinds = np.full(len(steps), -1)
    found: list[tuple[float, float, bool]] = []
    for section in track.sections:
        if section.label == "silence":
            continue
        kinds[(middles > section.start + EDGE) & (middles < section.end - EDGE) & active] = SOUNDS.index(section.label)
        beats = find_beats(strength, section.start, section.end)
        if beats is not None:
            real = section.bpm is not None and is_right(beats.bpm, section.bpm)
            found.append((beats.clarity, beats.salience, real))
    return Lesson(pooled(steps, strength, levels, active), kinds, active, found)


def is_right(bpm: float, true_bpm: float, factors: tuple[float, ...] = OCTAVES) -> bool:
    """Whether a tempo is the true one, or one of its levels of metre."""
    return any(abs(bpm / (true_bpm * factor) - 1) < TEMPO_TOLERANCE for factor in factors)


def as_yaml(lessons: Sequence[Lesson]) -> str:
    """All that was fitted, as the text of `fitted.yaml`."""
    from backends.sound.features import NAMES
    from backends.sound.hearing import SOUNDS

    sure = _fit_sureness(_fit_sounds(lessons[:-HELD_BACK]), lessons[-HELD_BACK:])
    sounds, beats = _fit_sounds(lessons), _fit_beats(lessons)
    lines = [
        "# Made by `python -m evals.footage.fit_sounds`; change that, not this.",
        f"sounds: [{', '.join(SOUNDS)}]",
        f"bias: [{', '.join(f'{value:.4f}' for value in sounds['bias'])}]",
        "# Each feature's mean, scale, and weight for each sound.",
        "features:",
    ]
    for name, mean, scale, weights in zip(NAMES, sounds["mean"], sounds["scale"], sounds["weights"], strict=True):
        numbers = [f"{mean:.5g}", f"{scale:.5g}", *(f"{weight:.4f}" for weight in weights)]
        lines.append(f"  {name}: [{', '.join(numbers)}]")
    for key, numbers_of in (("sure", sure), ("beats", beats)):
        lines.append(f"{key}: {{{', '.join(f'{name}: {value:.3f}' for name, value in numbers_of.items())}}}")
    return "\n".join(lines) + "\n"


def _fit_sounds(lessons: Sequence[Lesson]) -> dict[str, Any]:
    """Mean, scale, weights and bias of a softmax of the sounds."""
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([one.table[one.kinds >= 0] for one in lessons])
    kinds = np.concatenate([one.kinds[one.kinds >= 0] for one in lessons])
    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    fitted = LogisticRegression(C=PENALTY, max_iter=2000, class_weight="balanced")
    fitted.fit(np.clip((rows - mean) / scale, -4, 4), kinds)
    return {"mean": mean, "scale": scale, "weights": fitted.coef_.T, "bias": fitted.intercept_}


def _fit_sureness(sounds: dict[str, Any], lessons: Sequence[Lesson]) -> dict[str, float]:
    """A logistic of how often the smoothed chance of what is told is right, on tracks that `sounds` never saw."""
    from sklearn.linear_model import LogisticRegression

    from backends.sound.hearing import Model, smoothed

    model = Model(sounds["mean"], sounds["scale"], sounds["weights"], sounds["bias"], {}, {})
    odds, right = [], []
    for one in lessons:
        chances = smoothed(model.chances(one.table), one.active)
        told, seen = chances.argmax(axis=1), one.kinds >= 0
        best = np.clip(chances.max(axis=1)[seen], 1e-4, 1 - 1e-4)
        odds.append(np.log(best / (1 - best)))
        right.append(told[seen] == one.kinds[seen])
    fitted = LogisticRegression(C=10.0).fit(np.concatenate(odds)[:, None], np.concatenate(right))
    return {"bias": float(fitted.intercept_[0]), "odds": float(fitted.coef_[0, 0])}


def _fit_beats(lessons: Sequence[Lesson]) -> dict[str, float]:
    """A logistic of the chance that beats of some clarity and salience are real."""
    from sklearn.linear_model import LogisticRegression

    rows = np.asarray([beats for one in lessons for beats in one.beats])
    fitted = LogisticRegression(C=10.0, max_iter=2000).fit(rows[:, :2], rows[:, 2] > 0)
    return {
        "bias": float(fitted.intercept_[0]),
        "clarity": float(fitted.coef_[0, 0]),
        "salience": float(fitted.coef_[0, 1]),
    }


if __name__ == "__main__":
    main()
