"""How exact lip-sync is: alignment against eSpeak's own times, mouth shapes against known phonemes, mouths in a film.

The aligner reads with eSpeak's plain male and female voice; it is tried on other voices (children, old people, a
robot) with emotions, where eSpeak tells when each phoneme begins. The film part draws a face that speaks, measures in
the finished frames how far the mouth is open, and finds the shift at which that fits the known phonemes best.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.alignment.align import align
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import Phoneme, SpeechRequest, SpeechResult, VoiceProfile
from backends.voice.lips.energy import cues_from_energy
from backends.voice.lips.visemes import MouthCue, cues_from_phonemes, shape_at
from evals.benchmarks.lips_errors import shape_errors, start_errors
from evals.benchmarks.lips_praat import praat

TEXTS = {
    "en": (
        "The north wind and the sun were arguing over which of them was the stronger.",
        "My baby beaver found five boxes of bamboo on a big blue boat.",
        "Do you really think that we can go home before the rain starts?",
    ),
    "it": (
        "Mamma, papà, un bimbo bello ha mangiato gli gnocchi con la famiglia.",
        "Il vento di tramontana e il sole discutevano su chi fosse il più forte.",
        "Domani andiamo al mare con la barca blu, se non piove troppo.",
    ),
}
VOICES = (
    VoiceProfile("child", age="child", gender="male"),
    VoiceProfile("elder", age="elder", gender="female"),
    VoiceProfile("robot", species="robot"),
    VoiceProfile("man", gender="male", pitch=2.0),
)
EMOTIONS = ("neutral", "angry", "sad")
GOAL_S = 0.040
"""What the eye does not notice."""
FILM_TEXT, FILM_LANGUAGE = "Mamma, papà, un bimbo bello mangia la mela e beve.", "it"
_DARK = 70
"""Brightest channel of a pixel of the mouth's inside."""
_NEAR = 0.15
"""Seconds around which the film's shift is looked for."""


def run(everything: bool = False) -> dict[str, Any]:
    """Errors in milliseconds, shares 0..1. everything: also Praat's aligner on the same lines, for comparison."""
    lines = spoken()
    figures: dict[str, Any] = {
        "alignment": alignment(lines),
        "wrong_texts": wrong_texts(lines),
        "shapes": shapes(lines),
        "film": film(),
    }
    if everything:
        figures["praat"] = praat(lines)
    figures["passed"] = bool(
        figures["alignment"]["p90_ms"] <= 1000 * GOAL_S
        and abs(figures["film"]["mouth_late_ms"]) <= 1000 * GOAL_S
        and figures["alignment"]["times_real_time"] >= 5
    )
    return figures


def spoken() -> list[tuple[str, str, SpeechResult]]:
    """(language, text, what eSpeak gave) of all lines."""
    engine = EspeakEngine()
    engine.load()
    return [
        (language, text, engine.speak(SpeechRequest(text, voice, language, emotion)))
        for language, texts in TEXTS.items()
        for text in texts
        for voice in VOICES
        for emotion in EMOTIONS
    ]


def alignment(lines: Sequence[tuple[str, str, SpeechResult]]) -> dict[str, Any]:
    """Starts of phonemes and words against eSpeak's."""
    phonemes: list[float] = []
    words: list[float] = []
    fits: list[float] = []
    heard, spent = 0.0, 0.0
    for language, text, said in lines:
        began = time.process_time()
        found = align(said.samples, said.sample_rate, text, language)
        spent += time.process_time() - began
        heard += len(said.samples) / said.sample_rate
        phonemes += start_errors(said.phonemes, found.phonemes)
        own = {word: start for start, _, word in found.words}
        words += [abs(own[word] - start) for start, _, word in said.words if word in own]
        fits.append(found.fit or 0.0)
    late = np.array(phonemes) * 1000
    return {
        "phonemes": len(phonemes),
        "median_ms": round(float(np.median(late)), 1),
        "p90_ms": round(float(np.percentile(late, 90)), 1),
        "share_within_40_ms": round(float(np.mean(late <= 1000 * GOAL_S)), 3),
        "words_median_ms": round(float(np.median(words)) * 1000, 1),
        "words_p90_ms": round(float(np.percentile(words, 90)) * 1000, 1),
        "fit_lowest": min(fits),
        "times_real_time": round(heard / spent, 1),
    }


def wrong_texts(lines: Sequence[tuple[str, str, SpeechResult]]) -> dict[str, Any]:
    """Likeness of lines to other texts of like length in their language, and how many are noticed."""
    fits: list[float] = []
    noticed: list[bool] = []
    for language, text, said in lines[:: len(EMOTIONS)]:
        for other in TEXTS[language]:
            if other != text:
                found = align(said.samples, said.sample_rate, other, language, own_voice=True)
                fits.append(found.fit or 0.0)
                noticed.append(not found.fits)
    return {
        "tried": len(fits),
        "noticed": round(float(np.mean(noticed)), 3),
        "fit_median": round(float(np.median(fits)), 3),
        "fit_highest": max(fits),
    }


def shapes(lines: Sequence[tuple[str, str, SpeechResult]]) -> dict[str, Any]:
    """Mouths from the alignment, and from loudness alone, against mouths from the known phonemes."""
    right: list[float] = []
    near: list[float] = []
    loud: list[float] = []
    errors: list[float] = []
    for language, text, said in lines:
        duration = len(said.samples) / said.sample_rate
        truth = cues_from_phonemes(said.phonemes, duration)
        found = cues_from_phonemes(align(said.samples, said.sample_rate, text, language).phonemes, duration)
        at = np.arange(0.005, duration, 0.01)
        right.append(float(np.mean([shape_at(truth, t) == shape_at(found, t) for t in at])))
        shown = [{shape_at(truth, t + shift) for shift in (-GOAL_S, 0.0, GOAL_S)} for t in at]
        near.append(float(np.mean([shape_at(found, t) in allowed for t, allowed in zip(at, shown, strict=True)])))
        energy = cues_from_energy(said.samples, said.sample_rate)
        loud.append(float(np.mean([shape_at(energy, t) == shape_at(truth, t) for t in at])))
        errors += shape_errors(truth, found)
    return {
        "frames_right": round(float(np.mean(right)), 3),
        "frames_right_within_40_ms": round(float(np.mean(near)), 3),
        "frames_right_by_loudness_alone": round(float(np.mean(loud)), 3),
        "shape_start_median_ms": round(float(np.median(errors)) * 1000, 1),
        "shape_start_p90_ms": round(float(np.percentile(errors, 90)) * 1000, 1),
    }


def film() -> dict[str, Any]:
    """A face that speaks, from text to finished frames."""
    from backends.media.frames import read_frames
    from configs.settings import load_settings
    from tools.executor import Run
    from tools.film.layers import load_layers
    from tools.opening import opened_executor

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        settings = load_settings(
            home=Path(home), brain="offline", memory={"index": "numpy", "embedder": "letters"},
            image={"preview_samples": 4},
        )  # fmt: skip
        with opened_executor(settings) as executor:
            run_ = Run(thread="bench")
            line = executor.run(
                "speak", {"text": FILM_TEXT, "character": "Luca", "language": FILM_LANGUAGE}, run_
            ).assets[0]
            made = executor.run("lip_sync", {"audio": line.id, "character": "Luca", "preview": True}, run_)
            if made.error is not None:
                raise made.error
            clip = executor.studio.workspace.home / made.assets[-1].path
            frames = np.stack([frame for _, frame in read_frames(clip)])
            layers = load_layers(next((Path(home) / "assets").glob("*layers.npz")))
    phonemes = [Phoneme(float(start), float(end), str(ipa)) for start, end, ipa in line.params["phonemes"]]
    cues = cues_from_phonemes(phonemes, float(line.params["duration"]))
    return mouth_shift(frames, settings.film.fps, next(iter(layers.face_box.values())), cues)


def mouth_shift(
    frames: NDArray[np.uint8], fps: int, face: tuple[float, float, float, float], cues: Sequence[MouthCue]
) -> dict[str, Any]:
    """How late the drawn mouth is, and how well it follows.

    Args:
        frames: (N, H, W, 3) uint8 RGB of one face that hardly moves.
        face: x0, y0, x1, y1 of it in pixels.
        cues: the mouth that should show.
    """
    x0, y0, x1, y1 = face
    rows = slice(int(y0 + 0.62 * (y1 - y0)), int(y1))
    columns = slice(int(x0 + 0.2 * (x1 - x0)), int(x1 - 0.2 * (x1 - x0)))
    opened = (frames[:, rows, columns].max(axis=3) < _DARK).sum(axis=(1, 2)).astype(np.float64)
    middles = [shape_at(cues, (index + 0.5) / fps) for index in range(len(frames))]
    usual = {shape: float(np.median(opened[[m == shape for m in middles]])) for shape in set(middles)}
    at = np.arange(0.0, len(frames) / fps, 0.001)
    shown = opened[np.minimum((at * fps).astype(int), len(frames) - 1)]
    wanted = np.array([usual.get(shape_at(cues, t), 0.0) for t in at])
    reach = round(_NEAR * 1000)
    fits = [float(np.corrcoef(np.roll(shown, -shift), wanted)[0, 1]) for shift in range(-reach, reach + 1)]
    best = int(np.argmax(fits))
    closed = [opened[index] for index, shape in enumerate(middles) if shape == "A"]
    return {
        "mouth_late_ms": best - reach,
        "correlation": round(fits[best], 3),
        "closed_when_it_should": round(float(np.mean(np.array(closed) <= 0.05 * opened.max())), 3),
        "frames": len(frames),
    }
