"""Speaker vectors and voice activity, on eSpeak's voices."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from voice_cast import SENTENCES, said

from backends.voice.speakers import activity
from backends.voice.speakers.activity import FRAME_S, activity_method, speech_probability, speech_spans
from backends.voice.speakers.likeness import Ge2eEncoder, SpeakerEncoder, cosine, find_encoder, ge2e_weights, mel_power
from configs.errors import EngineError, UsageError
from configs.settings import Settings

pytestmark = pytest.mark.skipif(ge2e_weights() is None, reason="resemblyzer's weights are not installed")


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    found, why = find_encoder(Settings())
    assert found is not None, why
    return found


def test_one_voice_is_nearer_to_itself_than_to_another(encoder: SpeakerEncoder) -> None:
    his = [encoder.embed(said("Luca", text), 16_000) for text in SENTENCES[:3]]
    hers = [encoder.embed(said("Giulia", text), 16_000) for text in SENTENCES[:3]]
    same = [cosine(his[0], his[1]), cosine(his[1], his[2]), cosine(hers[0], hers[1]), cosine(hers[1], hers[2])]
    other = [cosine(a, b) for a in his for b in hers]
    assert min(same) > 0.8
    assert min(same) > max(other) + 0.05
    assert all(abs(np.linalg.norm(vector) - 1) < 1e-5 and vector.dtype == np.float32 for vector in his)


def test_level_and_rate_do_not_change_the_voice(encoder: SpeakerEncoder) -> None:
    plain = encoder.embed(said("Luca", SENTENCES[0]), 16_000)
    assert cosine(plain, encoder.embed(0.05 * said("Luca", SENTENCES[0]), 16_000)) > 0.999
    assert cosine(plain, encoder.embed(said("Luca", SENTENCES[0], 44_100), 44_100)) > 0.99


def test_windows_are_what_single_clips_are(encoder: SpeakerEncoder) -> None:
    samples = said("Giulia", SENTENCES[1])
    starts = [0.0, 0.8, 1.6]
    together = encoder.embed_windows(samples, 16_000, starts, 1.6)
    assert together.shape == (3, 256)
    for start, vector in zip(starts, together, strict=True):
        piece = samples[round(start * 16_000) : round((start + 1.6) * 16_000)]
        assert cosine(vector, encoder.embed(piece, 16_000)) > 0.99


def test_mel_bands_are_librosas() -> None:
    """Values that librosa 0.10's melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=40) has by definition."""
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    samples = said("Luca", SENTENCES[0])[:16_000]
    bands = mel_filter_bank(201, 40, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    wanted = spectrogram(
        samples, window_function(400, "hann"), 400, 160, power=2.0, pad_mode="constant", mel_filters=bands
    )
    made = mel_power(samples)
    assert made.shape == (101, 40)
    np.testing.assert_allclose(made, wanted.T, rtol=1e-3, atol=1e-5)


def test_silence_and_snippets_are_refused(encoder: SpeakerEncoder) -> None:
    with pytest.raises(UsageError, match="too short"):
        encoder.embed(said("Luca", SENTENCES[0])[:3000], 16_000)
    with pytest.raises(UsageError, match="Nobody speaks"):
        encoder.embed(np.zeros(32_000, np.float32), 16_000)


def test_damaged_weights_are_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "pretrained.pt"
    broken.write_bytes(b"not a zip")
    with pytest.raises(EngineError, match="cannot be loaded"):
        Ge2eEncoder(broken).embed(said("Luca", SENTENCES[0]), 16_000)


def test_an_empty_folder_is_told_and_ge2e_stands_in(settings: Settings, tmp_path: Path) -> None:
    settings.voice.speaker_encoder = str(tmp_path)
    found, note = find_encoder(settings)
    assert found is not None and found.name.startswith("GE2E") and "holds no .onnx" in note


def test_an_onnx_folder_is_used(settings: Settings, tmp_path: Path) -> None:
    """A tiny network of WeSpeaker's form: (batch, frames, 80) in, the mean and the spread over time out."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Abs", ["feats"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["embs"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("feats", TensorProto.FLOAT, ["B", "T", 80])],
        [helper.make_tensor_value_info("embs", TensorProto.FLOAT, ["B", 80])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "wespeaker.onnx")
    settings.voice.speaker_encoder = str(tmp_path)
    found, note = find_encoder(settings)
    assert found is not None and note == "" and found.name.startswith("wespeaker")
    vector = found.embed(said("Luca", SENTENCES[0]), 16_000)
    assert vector.shape == (80,) and abs(np.linalg.norm(vector) - 1) < 1e-5
    assert found._net.get_session_options().intra_op_num_threads == 1
    again = found.embed(said("Luca", SENTENCES[0], 44_100), 44_100)
    assert cosine(vector, again) > 0.98


def test_speech_is_found_between_pauses() -> None:
    rate = 16_000
    voice, pause = said("Giulia", SENTENCES[2]), np.zeros(rate, np.float32)
    sound = np.concatenate([pause, voice, pause, pause, voice, pause])
    spans = speech_spans(sound, rate)
    length = len(voice) / rate
    assert abs(spans[0][0] - 1.0) < 0.15 and abs(spans[-1][1] - (3 + 2 * length)) < 0.2
    speech = sum(end - start for start, end in spans)
    assert 0.7 * 2 * length < speech < 2 * length + 0.4
    assert not any(start < 2 + length and end > 2 + length for start, end in spans)
    assert len(speech_probability(sound, rate)) == -(-len(sound) // round(FRAME_S * rate))
    assert activity_method() == ("Silero VAD v6", "")


def test_a_hum_is_no_speech() -> None:
    hum = 0.1 * np.sin(2 * np.pi * 100 * np.arange(48_000) / 16_000).astype(np.float32)
    assert speech_spans(hum, 16_000) == ()
    assert speech_spans(np.zeros(16_000, np.float32), 16_000) == ()
    assert speech_spans(np.zeros(0, np.float32), 16_000) == ()


def test_without_the_network_energy_is_used_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        activity.importlib.util, "find_spec", lambda name: None if name == "faster_whisper" else found(name)
    )
    rate = 16_000
    voice, pause = said("Luca", SENTENCES[2]), np.zeros(rate, np.float32)
    spans = speech_spans(np.concatenate([pause, voice, pause]), rate)
    assert abs(spans[0][0] - 1.0) < 0.15 and abs(spans[-1][1] - (1 + len(voice) / rate)) < 0.3
    name, why = activity_method()
    assert name == "energy" and "not installed" in why
    assert speech_spans(np.zeros(rate, np.float32), rate) == ()
