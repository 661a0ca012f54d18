"""Figures of spoken sounds against sounds whose figures are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from voice_judges import Bands, Hears

from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, VoiceProfile
from backends.voice.measures import figures as measures
from backends.voice.measures import mos as measures_mos
from backends.voice.measures.figures import Sound, edits, intelligibility, similarity, spoken_words
from configs.settings import Settings

RATE = 16000
WOMAN, MAN = VoiceProfile("a", gender="female"), VoiceProfile("b", gender="male")
LINES = ("The kitchen was warm and full of light.", "We walked along the river for hours.", "Nobody had seen the cat.")


@pytest.fixture(scope="module")
def clips() -> dict[str, list[Sound]]:
    engine = EspeakEngine()
    engine.load()
    made: dict[str, list[Sound]] = {}
    for voice in (WOMAN, MAN):
        results = [engine.speak(SpeechRequest(line, voice)) for line in LINES]
        made[voice.name] = [(one.samples, one.sample_rate) for one in results]
    return made


def test_similarity_is_relative_to_how_like_the_person_is_to_themselves(clips: dict[str, list[Sound]]) -> None:
    real, own, other = clips["a"][:2], clips["a"][2], clips["b"][2]
    same = similarity(own, real, Bands())
    apart = similarity(other, real, Bands())
    assert same.encoder == "bands" and same.ceiling is not None and same.value is not None and apart.value is not None
    assert same.value == pytest.approx(same.cosine / same.ceiling, abs=1e-3)
    assert same.value > 0.9 > apart.value
    itself = similarity(real[0], [real[0], real[0]], Bands())
    assert itself.value == pytest.approx(1.0, abs=1e-3)


def test_one_recording_gives_the_bare_cosine(clips: dict[str, list[Sound]]) -> None:
    found = similarity(clips["a"][2], clips["a"][:1], Bands())
    assert found.value is None and found.ceiling is None and 0 < found.cosine <= 1


@pytest.mark.parametrize("noise_db", [30.0, 20.0, 10.0])
def test_snr_is_the_ratio_that_was_mixed(noise_db: float) -> None:
    at = np.arange(4 * RATE) / RATE
    speech = np.where((at % 1.0) < 0.6, 0.3 * np.sin(2 * np.pi * 200 * at), 0.0)
    noise = np.random.default_rng(2).normal(0, 0.3 / np.sqrt(2) / 10 ** (noise_db / 20), len(at))
    spans = [(float(second), second + 0.6) for second in range(4)]
    value = measures.snr_db((speech + noise).astype(np.float32), RATE, spans)
    assert value == pytest.approx(noise_db, abs=0.7)


def test_noise_floor_rises_with_noise_and_is_low_for_clean_speech(clips: dict[str, list[Sound]]) -> None:
    samples, rate = clips["a"][0]
    noise = np.random.default_rng(3).normal(0, 1, len(samples)) * np.sqrt(np.mean(samples**2))
    floors = [
        measures.noise_floor_db((samples + noise * 10 ** (-db / 20)).astype(np.float32), rate) for db in (60, 15, 5)
    ]
    assert floors[0] < -18 and floors == sorted(floors) and floors[2] > -13
    assert measures.snr_db(np.zeros(RATE, np.float32), RATE, []) is None


def test_pitch_and_levels_of_a_known_tone() -> None:
    at = np.arange(2 * RATE) / RATE
    partials = [np.sin(2 * np.pi * 150 * k * at) / k for k in range(1, 6)]
    tone = (0.25 * np.sum(partials, axis=0)).astype(np.float32)
    found = measures.pitch_facts(tone, RATE)
    assert found is not None and found.median_hz == pytest.approx(150, abs=1) and found.voiced_share > 0.9
    assert found.range_semitones is not None and found.range_semitones < 0.2
    assert found.hnr_db is not None and found.hnr_db > 25
    noise = np.random.default_rng(4).normal(0, 0.1, RATE).astype(np.float32)
    hissing = measures.pitch_facts(noise, RATE)
    assert hissing is not None and hissing.voiced_share < 0.2
    facts = measures.level_facts(tone, RATE)
    assert facts["rms_dbfs"] == pytest.approx(20 * np.log10(np.sqrt(np.mean(tone**2))), abs=0.1)
    assert facts["energy_spread_db"] < 1.0


@pytest.mark.skipif(not measures_mos.cleanliness_is_here(), reason="speechmos's weights are not installed")
def test_cleanliness_falls_with_noise(clips: dict[str, list[Sound]]) -> None:
    samples, rate = clips["a"][0]
    noise = np.random.default_rng(5).normal(0, 1, len(samples)) * np.sqrt(np.mean(samples**2))
    clean = measures_mos.cleanliness(samples, rate)
    dirty = measures_mos.cleanliness((samples + 0.4 * noise).astype(np.float32), rate)
    assert clean is not None and dirty is not None
    assert 1 <= dirty.background < clean.background - 0.4 and dirty.overall < clean.overall <= 5
    assert measures_mos.cleanliness(np.zeros(0, np.float32), rate) is None


def test_naturalness_is_not_measured_without_weights(tmp_path: Path) -> None:
    found, why = measures_mos.find_naturalness(Settings(home=tmp_path, warehouse=tmp_path))
    assert found is None and "no naturalness predictor has weights here" in why


def test_naturalness_comes_from_a_local_network(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    # A network with the contract of one: the mean absolute sample, plus 3.
    nodes = [
        helper.make_node("Abs", ["wave"], ["level"]),
        helper.make_node("ReduceMean", ["level"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Add", ["mean", "three"], ["mos"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mos",
        [helper.make_tensor_value_info("wave", TensorProto.FLOAT, [1, "N"])],
        [helper.make_tensor_value_info("mos", TensorProto.FLOAT, [1])],
        [helper.make_tensor("three", TensorProto.FLOAT, [1], [3.0])],
    )
    folder = tmp_path / "voice" / "utmos"
    folder.mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "utmos22.onnx"
    )
    found, why = measures_mos.find_naturalness(Settings(home=tmp_path, warehouse=tmp_path))
    assert found is not None and why == "" and found.name == "utmos22"
    assert found.score(np.full(RATE, 0.5, np.float32), RATE) == pytest.approx(3.5, abs=0.01)


@pytest.mark.parametrize(
    ("wanted", "came", "count"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0), ("flaw", "lawn", 2)],
)
def test_edits_are_levenshteins(wanted: str, came: str, count: int) -> None:
    assert edits(wanted, came) == count


def test_intelligibility_compares_what_is_said_not_how_it_is_written() -> None:
    sound = np.zeros(RATE, np.float32)
    same = intelligibility(sound, RATE, "Dr. Smith, 25!", "en", Hears("doctor smith twenty-five"))
    assert same is not None and same.word_error_rate == 0 and same.character_error_rate == 0
    half = intelligibility(sound, RATE, "one two three four", "en", Hears("one two"))
    assert half is not None and half.word_error_rate == pytest.approx(0.5)
    assert intelligibility(sound, RATE, "…", "en", Hears("x")) is None
    assert spoken_words("L'acqua è 3,5 €", "it")[:2] == ["l'acqua", "è"]
