"""Fits the numbers by which sounds are told apart: `python -m evals.footage.fit_sounds` writes them anew.

Learnt from made tracks of the tuning seeds (0-99) only: eSpeak voices of five languages with wavering pitch and stress
in many rooms, made music of all styles, made noises, mixes of speech with music 4 to 20 dB below it, some through
narrow or old media. The penalty is high on purpose: real voices and instruments differ from made ones, and a model that
fits the made ones closely does worse on real ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.footage.sounds import SoundTrack, blocks, sound_track

SEEDS = range(100)
SECONDS = 60.0
PENALTY = 0.001
"""scikit-learn's C of the sounds' model."""
EDGE = 0.3
"""Seconds at a section's ends that belong to two sounds."""
TEMPO_TOLERANCE = 0.04
"""Of a tempo that counts as right (Gouyon et al. 2006)."""
OCTAVES = (0.5, 1.0, 2.0, 3.0, 1 / 3)


def main() -> None:
    """Make the tracks, fit, write `backends/sound/fitted.yaml`."""
    from backends.sound.hearing import FITTED

    rows, kinds, found, real = gather(SEEDS)
    FITTED.write_text(_as_yaml(fit_sounds(rows, kinds), fit_beats(found, real)), encoding="utf-8")


def gather(seeds: range, seconds: float = SECONDS) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Steps: features (n, features), sounds (n,); sections: (clarity, salience), whether the beats are real."""
    rows, kinds, found, real = [], [], [], []
    for seed in seeds:
        track = sound_track(seed, seconds)
        table, kind, beats, right = _of_track(track)
        rows.append(table)
        kinds.append(kind)
        found += beats
        real += right
    return np.concatenate(rows), np.concatenate(kinds), np.asarray(found), np.asarray(real)


def _of_track(track: SoundTrack) -> tuple[NDArray[Any], NDArray[Any], list[tuple[float, float]], list[bool]]:
    from backends.sound.beats import find_beats
    from backends.sound.ear import STEP, Ear
    from backends.sound.features import pooled
    from backends.sound.hearing import SOUNDS, active_steps, quiet_level
    from backends.sound.levels import LevelMeter
    from backends.sound.loudness import RATE

    ear, meter = Ear(), LevelMeter()
    for block in blocks(track.samples, track.rate):
        ear.hear(block.mono)
        meter.hear(block.stereo, RATE, block.native, block.native_rate)
    strength, steps = ear.finish()
    levels = meter.levels()
    active = active_steps(levels, quiet_level(levels), len(steps))
    table = pooled(steps, strength, levels, active)
    middles = (np.arange(len(steps)) + 0.5) * STEP
    kinds = np.full(len(steps), -1)
    found: list[tuple[float, float]] = []
    real: list[bool] = []
    for section in track.sections:
        if section.label == "silence":
            continue
        inside = (middles > section.start + EDGE) & (middles < section.end - EDGE) & active
        kinds[inside] = SOUNDS.index(section.label)
        beats = find_beats(strength, section.start, section.end)
        if beats is not None:
            found.append((beats.clarity, beats.salience))
            real.append(section.bpm is not None and is_right(beats.bpm, section.bpm))
    return table[kinds >= 0], kinds[kinds >= 0], found, real


def is_right(bpm: float, true_bpm: float, factors: tuple[float, ...] = OCTAVES) -> bool:
    """Whether a tempo is the true one, or one of its levels of metre."""
    return any(abs(bpm / (true_bpm * factor) - 1) < TEMPO_TOLERANCE for factor in factors)


def fit_sounds(rows: NDArray[Any], kinds: NDArray[Any]) -> dict[str, Any]:
    """Mean, scale, weights and bias of a softmax of the sounds."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    fitted = LogisticRegression(C=PENALTY, max_iter=2000, class_weight="balanced")
    fitted.fit(np.clip((rows - mean) / scale, -4, 4), kinds)
    return {"mean": mean, "scale": scale, "weights": fitted.coef_.T, "bias": fitted.intercept_}


def fit_beats(found: NDArray[Any], real: NDArray[Any]) -> dict[str, float]:
    """A logistic of the chance that beats of some clarity and salience are real."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0, max_iter=2000).fit(found, real)
    return {
        "bias": round(float(fitted.intercept_[0]), 3),
        "clarity": round(float(fitted.coef_[0, 0]), 3),
        "salience": round(float(fitted.coef_[0, 1]), 3),
    }


def _as_yaml(sounds: dict[str, Any], beats: dict[str, float]) -> str:
    from backends.sound.features import NAMES
    from backends.sound.hearing import SOUNDS

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
    lines.append(f"beats: {{{', '.join(f'{key}: {value}' for key, value in beats.items())}}}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
