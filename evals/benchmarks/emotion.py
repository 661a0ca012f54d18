"""Whether emotions can be told apart by how they sound: a classifier that has never heard the sentence, or the voice.

Several sentences that say nothing of a feeling are spoken by several characters in two languages with every emotion.
Figures of prosody are normalised by speaker (a character in one language), and a classifier is trained on all
sentences but one and tried on that one, in turn; likewise on all characters but one. `reshaped` is the same with an
engine that knows no prosody, so that all of the emotion is done to its sound. The classifier is a stand-in for
listeners: it shows that the emotions differ and how, not that people would name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.protocol import EMOTIONS, SpeechRequest, SpeechResult, VoiceCapabilities, VoiceEngine
from configs.yaml_file import own_table
from evals.metrics import wilson
from evals.prosody import FEATURES, features

INTENSITY = 0.7
"""The usual one."""
LEFT_OUT = ("level",)
"""The studio sets a line's loudness to a tenth of a dB, so it would give emotions away; a mix changes it anyway."""
TREES = 300
SHUFFLES = 3
FARTHEST = 4.0
"""Spreads from a speaker's mean: a figure further out is one that could not be measured well."""
LARGE_D = 0.8
"""A large effect (Cohen 1988)."""


USED = tuple(name for name in FEATURES if name not in LEFT_OUT)
_COLUMNS = [FEATURES.index(name) for name in USED]


@dataclass(frozen=True)
class Heard:
    """All lines of one engine."""

    figures: NDArray[np.float64]
    """(lines, len(USED))."""
    emotions: NDArray[np.str_]
    sentences: NDArray[np.int_]
    speakers: NDArray[np.str_]
    """Character and language."""
    characters: NDArray[np.str_]
    faults: tuple[str, ...]
    """Gates that a line did not pass."""


class Plain:
    """The offline voice as an engine that knows no prosody at all."""

    kind = "voice"

    def __init__(self, inner: VoiceEngine) -> None:
        self.inner, self.name = inner, inner.name

    def capabilities(self) -> VoiceCapabilities:
        return replace(self.inner.capabilities(), emotion=frozenset())

    def speak(self, request: SpeechRequest) -> SpeechResult:
        return self.inner.speak(replace(request, emotion="neutral", prosody=None))


def run(everything: bool = False) -> dict[str, Any]:
    """Accuracies with Wilson intervals, confusion tables (rows are what was asked) and effect sizes.

    everything: all sentences instead of the first ones of each language.
    """
    from backends.voice.engines.espeak import EspeakEngine

    engine = EspeakEngine()
    engine.load()
    plain: Any = Plain(engine)
    return {
        "prosody": _figures(listen(engine, everything)),
        "reshaped": _figures(listen(plain, everything)),
        "target": plan()["target"],
        "intensity": INTENSITY,
        "features": list(USED),
    }


def plan() -> dict[str, Any]:
    """evals/emotion.yaml."""
    loaded: dict[str, Any] = own_table(Path(__file__).parents[1] / "emotion.yaml")
    return loaded


def listen(engine: VoiceEngine, everything: bool = False) -> Heard:
    """All lines through the studio's own way of speaking a line, and what was heard."""
    from tools.voice.line import synthesise_line

    rows: list[NDArray[np.float64]] = []
    names: list[tuple[str, int, str, str]] = []
    faults: list[str] = []
    for character, voice, language, number, text in _lines(everything):
        for emotion in EMOTIONS:
            line = synthesise_line(
                engine, text, voice, language=language, emotion=emotion, intensity=INTENSITY, seed=number
            )
            rows.append(features(line.samples, line.sample_rate)[_COLUMNS])
            names.append((emotion, number, f"{character} {language}", character))
            faults += [f"{character} {language} {emotion}: {s.name}" for s in line.scores if s.passed is False]
    emotions, sentences, speakers, characters = zip(*names, strict=True)
    return Heard(
        np.array(rows), np.array(emotions), np.array(sentences), np.array(speakers), np.array(characters), tuple(faults)
    )


def _lines(everything: bool) -> Iterator[tuple[str, Any, str, int, str]]:
    from backends.voice.profile import voice_from_description

    told = plan()
    most = None if everything else int(told["quick_sentences"])
    for character, description in told["characters"].items():
        voice = voice_from_description(character, description)
        for language, sentences in told["sentences"].items():
            for number, text in enumerate(sentences[:most]):
                yield character, voice, language, number, text


def _figures(heard: Heard) -> dict[str, Any]:
    basic = tuple(plan()["basic"])
    effects = effect_sizes(heard, EMOTIONS)
    return {
        "lines": len(heard.emotions),
        "lines_with_a_failed_gate": len(heard.faults),
        "failed_gates": list(heard.faults[:10]),
        "five": accuracy(heard, basic, "sentences"),
        "five_new_voice": accuracy(heard, basic, "characters"),
        "ten": accuracy(heard, EMOTIONS, "sentences"),
        "ten_new_voice": accuracy(heard, EMOTIONS, "characters"),
        "five_shuffled_labels": shuffled(heard, basic),
        "smallest_effects": dict(sorted(effects.items(), key=lambda item: item[1][1])[:5]),
        "pairs_with_large_effect": f"{sum(d >= LARGE_D for _, d in effects.values())} of {len(effects)}",
    }


def accuracy(heard: Heard, among: tuple[str, ...], held_out: str) -> dict[str, Any]:
    """The classifier's answers on what it has not heard.

    Args:
        among: the emotions it tells apart.
        held_out: 'sentences' or 'characters': what each fold leaves out.
    """
    said, meant = _answers(heard, among, held_out)
    right = int(np.sum(said == meant))
    low, high = wilson(right, len(meant))
    table = {one: {other: int(np.sum((meant == one) & (said == other))) for other in among} for one in among}
    voices = heard.characters[np.isin(heard.emotions, among)]
    return {
        "accuracy": round(right / len(meant), 3),
        "interval": [round(edge or 0.0, 3) for edge in (low, high)],
        "chance": round(1 / len(among), 3),
        "by_character": {
            str(one): round(float(np.mean((said == meant)[voices == one])), 2) for one in np.unique(voices)
        },
        "confusion": {one: {other: n for other, n in row.items() if n} for one, row in table.items()},
    }


def shuffled(heard: Heard, among: tuple[str, ...]) -> float:
    """The accuracy when the labels say nothing: near chance, or the measurement is wrong."""
    rates = []
    for seed in range(SHUFFLES):
        generator = np.random.default_rng(seed)
        mixed = heard.emotions.copy()
        own = np.flatnonzero(np.isin(mixed, among))
        mixed[own] = mixed[generator.permutation(own)]
        said, meant = _answers(replace(heard, emotions=mixed), among, "sentences")
        rates.append(float(np.mean(said == meant)))
    return round(float(np.mean(rates)), 3)


def effect_sizes(heard: Heard, among: tuple[str, ...]) -> dict[str, tuple[str, float]]:
    """'a / b' -> the feature that parts them most and its |Cohen's d|, of figures normalised by speaker."""
    normal = _by_speaker(heard.figures, heard.speakers, np.ones(len(heard.emotions), dtype=bool))
    found: dict[str, tuple[str, float]] = {}
    for one, other in combinations(among, 2):
        a, b = normal[heard.emotions == one], normal[heard.emotions == other]
        spread = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / 2)
        effect = np.abs(a.mean(axis=0) - b.mean(axis=0)) / np.maximum(spread, 1e-9)
        best = int(np.argmax(effect))
        found[f"{one} / {other}"] = (USED[best], round(float(effect[best]), 2))
    return found


def _answers(heard: Heard, among: tuple[str, ...], held_out: str) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    chosen = np.isin(heard.emotions, among)
    groups = heard.sentences if held_out == "sentences" else heard.characters
    said = np.empty_like(heard.emotions)
    for group in np.unique(groups):
        out = groups == group
        # A new sentence is normalised by what was heard of its speaker before; a new voice by its own lines.
        known = chosen & ~out if held_out == "sentences" else chosen
        normal = _by_speaker(heard.figures, heard.speakers, known)
        train, test = chosen & ~out, chosen & out
        said[test] = _classify(normal[train], heard.emotions[train], normal[test])
    return said[chosen], heard.emotions[chosen]


def _classify(seen: Any, labels: Any, unseen: Any) -> NDArray[np.str_]:
    """Extremely randomised trees (Geurts et al. 2006): they bear figures that mean little in some voices."""
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=0).fit(seen, labels)
    return np.asarray(model.predict(unseen))


def _by_speaker(
    figures: NDArray[np.float64], speakers: NDArray[np.str_], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Each speaker's figures from their mean over the `known` lines, in their spreads; what is missing is average."""
    normal = np.zeros_like(figures)
    for speaker in np.unique(speakers):
        own = speakers == speaker
        seen = figures[own & known]
        there = np.sum(np.isfinite(seen), axis=0) > 1
        middle, spread = np.nanmean(seen[:, there], axis=0), np.nanstd(seen[:, there], axis=0)
        normal[np.ix_(own, there)] = (figures[own][:, there] - middle) / np.maximum(spread, 1e-6)
    return np.nan_to_num(np.clip(normal, -FARTHEST, FARTHEST))
