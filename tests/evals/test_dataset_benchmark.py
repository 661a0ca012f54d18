"""The benchmark of voice datasets, on eSpeak's voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from voice_cast import SENTENCES, said

from backends.voice.speakers.likeness import ge2e_weights
from evals.benchmarks.dataset import measure
from evals.footage.dialogues import RATE, loud_spans, read_speech, stitch


@pytest.fixture(scope="module")
def speech() -> dict[str, list[np.ndarray]]:
    return {name: [said(name, text, RATE) for text in SENTENCES[:4]] for name in ("Luca", "Giulia")}


def test_files_are_read_by_speaker(tmp_path: Path) -> None:
    for name in ("librispeech-12-3-0000", "librispeech-12-3-0001", "librispeech-7-1-0000", "jfk"):
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(8000), 8000)
    found = read_speech(tmp_path)
    assert {name: len(heard) for name, heard in found.items()} == {"12": 2, "7": 1, "jfk": 1}
    assert len(found["jfk"][0]) == RATE


def test_the_truth_is_where_somebody_sounds(speech: dict[str, list[np.ndarray]]) -> None:
    made = stitch(speech, 3, speakers=2)
    np.testing.assert_array_equal(made.samples, stitch(speech, 3, speakers=2).samples)
    assert {name for *_, name in made.truth} == {"Luca", "Giulia"} == set(made.held_out)
    inside = np.zeros(len(made.samples), bool)
    for start, end, _ in made.truth:
        inside[round(start * RATE) : round(end * RATE)] = True
    power = made.samples.astype(np.float64) ** 2
    assert power[inside].mean() > 100 * power[~inside].mean()
    assert stitch(speech, 4, speakers=2).truth != made.truth


def test_pauses_are_no_speech() -> None:
    tone = 0.3 * np.sin(np.arange(RATE) * 0.3)
    sound = np.concatenate([np.zeros(RATE), tone, np.zeros(RATE), tone, np.zeros(RATE)]).astype(np.float32)
    spans = loud_spans(sound)
    assert [(round(a, 0), round(b, 0)) for a, b in spans] == [(1.0, 2.0), (3.0, 4.0)]


@pytest.mark.skipif(ge2e_weights() is None, reason="resemblyzer's weights are not installed")
def test_two_espeak_voices_are_measured(speech: dict[str, list[np.ndarray]]) -> None:
    found = measure(speech, "clean", [3])
    assert found["dialogues"] == 1 and found["wishes"] == 2 and found["wrong_voice_chosen"] == 0
    assert found["confusion"] < 0.05 and found["right_number_of_speakers"] == 1
    assert found["clips"] > 0 and found["purity"] > 0.95 and found["clips_of_another"] == 0
    assert 0 < found["coverage"] <= found["coverage_before_gates"] <= 1
