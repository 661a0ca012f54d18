"""Who speaks when, on two eSpeak voices with known turns."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from dialogue_media import RATE, dialogue
from voice_cast import SENTENCES, said

from backends.voice.speakers import track as track_module
from backends.voice.speakers.diarise import Diarisation, cluster_speakers
from backends.voice.speakers.diarise_pyannote import find_pyannote, pyannote_turns
from backends.voice.speakers.likeness import SpeakerEncoder, find_encoder, ge2e_weights
from backends.voice.speakers.track import VoiceTrack, track_voices, windows_in
from backends.voice.wav import write_wav
from configs.errors import Cancelled, EngineError
from configs.settings import Settings
from configs.voice_dataset import Clustering, voice_dataset_table

pytestmark = pytest.mark.skipif(ge2e_weights() is None, reason="resemblyzer's weights are not installed")


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    found, why = find_encoder(Settings())
    assert found is not None, why
    return found


@pytest.fixture(scope="module")
def limits(encoder: SpeakerEncoder) -> Clustering:
    found, measured = voice_dataset_table().clustering(encoder.name)
    assert measured
    return found


@pytest.fixture(scope="module")
def talk(encoder: SpeakerEncoder, tmp_path_factory: pytest.TempPathFactory) -> tuple[VoiceTrack, list, Path]:
    sound, truth = dialogue(8)
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    write_wav(path, sound, RATE)
    return track_voices(path, encoder), truth, path


def confusion(who: Diarisation, truth: Sequence[tuple[float, float, str, str]]) -> float:
    """Share of the speech given to the wrong one, under the best naming of two speakers."""
    seconds = np.zeros((2, max(2, len(who.centroids))))
    for start, end, name, _ in truth:
        for turn in who.turns:
            both = max(0.0, min(end, turn.end) - max(start, turn.start))
            seconds[0 if name == "Luca" else 1, turn.speaker] += both
    right = max(
        seconds[0, a] + seconds[1, b] for a in range(seconds.shape[1]) for b in range(seconds.shape[1]) if a != b
    )
    return float(1 - right / seconds.sum())


def test_two_voices_are_told_apart(talk: tuple[VoiceTrack, list, Path], limits: Clustering) -> None:
    track, truth, _ = talk
    who = cluster_speakers(track, limits)
    assert len(who.centroids) == 2
    assert confusion(who, truth) < 0.03
    spoken = sum(end - start for start, end, *_ in truth)
    assert abs(sum(turn.end - turn.start for turn in who.turns) - spoken) < 0.1 * spoken
    assert all(a.end <= b.start for a, b in zip(who.turns, who.turns[1:], strict=False))
    assert who.talk_s(0) >= who.talk_s(1) > 0
    for start, *_ in truth:
        assert min(abs(turn.start - start) for turn in who.turns) < 0.3


def test_one_voice_stays_one(encoder: SpeakerEncoder, limits: Clustering, tmp_path: Path) -> None:
    sound, _ = dialogue(4, "Giulia", "Giulia")
    write_wav(tmp_path / "one.wav", sound, RATE)
    who = cluster_speakers(track_voices(tmp_path / "one.wav", encoder), limits)
    assert len(who.centroids) == 1 and {turn.speaker for turn in who.turns} == {0}
    assert who.overlaps == ()


def test_a_given_number_of_speakers_is_kept(talk: tuple[VoiceTrack, list, Path], limits: Clustering) -> None:
    track, truth, _ = talk
    together = limits.model_copy(update={"together": 0.1})
    assert len(cluster_speakers(track, together).centroids) == 1
    who = cluster_speakers(track, together, speakers=2)
    assert len(who.centroids) == 2 and confusion(who, truth) < 0.03
    assert len(cluster_speakers(track, limits, speakers=1).centroids) == 1


def test_two_at_once_are_noticed(encoder: SpeakerEncoder, limits: Clustering, tmp_path: Path) -> None:
    sound, truth = dialogue(6)
    start = round(truth[2][0] * RATE)
    other = said("Giulia", SENTENCES[5], RATE)[: round((truth[2][1] - truth[2][0]) * RATE)]
    sound[start : start + len(other)] += 1.5 * other
    write_wav(tmp_path / "both.wav", sound, RATE)
    who = cluster_speakers(track_voices(tmp_path / "both.wav", encoder), limits)
    inside = sum(max(0.0, min(end, truth[2][1]) - max(begin, truth[2][0])) for begin, end in who.overlaps)
    outside = sum(end - begin for begin, end in who.overlaps) - inside
    assert inside > 0.3 and outside < inside


def test_nobody_is_nobody(encoder: SpeakerEncoder, limits: Clustering, tmp_path: Path) -> None:
    write_wav(tmp_path / "quiet.wav", np.zeros(3 * RATE, np.float32), RATE)
    track = track_voices(tmp_path / "quiet.wav", encoder)
    assert track.spans == () and abs(track.seconds - 3.0) < 0.01
    assert cluster_speakers(track, limits).turns == ()


def test_windows_never_hold_a_pause() -> None:
    spans = ((0.0, 0.3), (1.0, 1.9), (3.0, 7.1))
    made = windows_in(spans, 1.6)
    assert all(any(a - 1e-6 <= s and s + n <= b + 1e-6 for a, b in spans) for s, n in made)
    assert made[0] == (pytest.approx(1.05), 0.8)
    assert made[-1][0] == pytest.approx(5.5) and len(made) > 6


class _Counting:
    """The real encoder, counting and stopping on demand."""

    def __init__(self, real: SpeakerEncoder, stop_after: int = 10**9) -> None:
        self._real, self._stop = real, stop_after
        self.name, self.window_s, self.calls = real.name, real.window_s, 0

    def embed(self, samples, rate):
        return self._real.embed(samples, rate)

    def embed_windows(self, samples, rate, starts, seconds):
        self.calls += 1
        if self.calls > self._stop:
            raise Cancelled("Stopped")
        return self._real.embed_windows(samples, rate, starts, seconds)


def test_a_stopped_pass_goes_on_where_it_was(
    talk: tuple[VoiceTrack, list, Path], encoder: SpeakerEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_module, "PIECE_S", 8.0)
    monkeypatch.setattr(track_module, "_SEARCH_S", 3.0)
    _, _, path = talk
    whole = _Counting(encoder)
    expected = track_voices(path, whole)
    stopping = _Counting(encoder, whole.calls // 2)
    with pytest.raises(Cancelled):
        track_voices(path, stopping, cache=tmp_path)
    kept = sorted(tmp_path.glob("*.npz"))
    assert kept and not list(tmp_path.glob("*.part"))
    going_on = _Counting(encoder)
    found = track_voices(path, going_on, cache=tmp_path)
    assert 0 < going_on.calls < whole.calls
    for name in ("probability", "level_db", "starts", "lengths", "vectors"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    kept[0].write_bytes(b"PK damaged")
    np.testing.assert_array_equal(track_voices(path, going_on, cache=tmp_path).vectors, expected.vectors)


def test_pieces_tell_what_the_whole_tells(
    talk: tuple[VoiceTrack, list, Path], encoder: SpeakerEncoder, limits: Clustering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_module, "PIECE_S", 8.0)
    monkeypatch.setattr(track_module, "_SEARCH_S", 3.0)
    _, truth, path = talk
    pieces = track_voices(path, encoder)
    assert confusion(cluster_speakers(pieces, limits), truth) < 0.03


# -- pyannote's pipeline, of which only the interface is here ---------------------------------------------------------


class _Annotation:
    def __init__(self, rows):
        self._rows = rows

    def itertracks(self, yield_label: bool = False):
        for index, (start, end, label) in enumerate(self._rows):
            yield types.SimpleNamespace(start=start, end=end), index, label

    def get_overlap(self):
        return [types.SimpleNamespace(start=1.5, end=2.0)]


@pytest.fixture
def pyannote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings) -> dict:
    """A package of pyannote.audio 4's interface, and a folder with a configuration."""
    seen: dict = {}

    class Pipeline:
        @classmethod
        def from_pretrained(cls, folder: str):
            seen["folder"] = folder
            return cls()

        def __call__(self, file, **known):
            import os

            seen.update(file=file, known=known, metrics=os.environ.get("PYANNOTE_METRICS_ENABLED"))
            seen["weights_only"] = os.environ.get("TORCH_FORCE_WEIGHTS_ONLY_LOAD")
            if seen.get("fails"):
                raise RuntimeError("no such\nmodel")
            both = [(0.0, 2.0, "SPEAKER_00"), (1.5, 4.0, "SPEAKER_01")]
            exclusive = [(0.0, 1.7, "SPEAKER_00"), (1.7, 4.0, "SPEAKER_01")]
            return types.SimpleNamespace(
                speaker_diarization=_Annotation(both), exclusive_speaker_diarization=_Annotation(exclusive)
            )

    module = types.ModuleType("pyannote.audio")
    module.Pipeline = Pipeline
    module.__spec__ = types.SimpleNamespace(name="pyannote.audio")
    monkeypatch.setitem(sys.modules, "pyannote.audio", module)
    (tmp_path / "config.yaml").write_text("version: 4.0.0\n")
    settings.voice.diariser = str(tmp_path)
    return seen


def test_pyannote_gets_the_waveform_and_gives_exclusive_turns(
    pyannote: dict, settings: Settings, tmp_path: Path
) -> None:
    folder, why = find_pyannote(settings)
    assert folder == tmp_path and why == ""
    turns, overlaps = pyannote_turns(folder, np.zeros(4 * RATE, np.float32), 2, lambda: None)
    assert turns == [(0.0, 1.7, "SPEAKER_00"), (1.7, 4.0, "SPEAKER_01")] and overlaps == [(1.5, 2.0)]
    assert pyannote["file"]["waveform"].shape == (1, 4 * RATE) and pyannote["file"]["sample_rate"] == RATE
    assert pyannote["known"] == {"num_speakers": 2}
    assert pyannote["metrics"] == "0" and pyannote["weights_only"] == "1"


def test_pyannotes_failure_is_one_sentence(pyannote: dict, tmp_path: Path) -> None:
    pyannote["fails"] = True
    with pytest.raises(EngineError, match="no such model") as error:
        pyannote_turns(tmp_path, np.zeros(RATE, np.float32), None, lambda: None)
    assert "\n" not in error.value.sentence


def test_what_pyannote_lacks_is_told(settings: Settings) -> None:
    settings.voice.diariser = ""
    assert find_pyannote(settings) == (None, "no diariser is set (voice.diariser)")
