"""lip_sync on recordings: formats, texts that fit or do not, and sounds that nobody speaks in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voice_studio import VoiceStudio, voice_studio

from backends.media.audio import read_audio
from backends.media.frames import read_frames
from backends.media.probe import probe
from backends.voice.engines.espeak import EspeakEngine
from backends.voice.engines.protocol import SpeechRequest, VoiceProfile
from backends.voice.lips.visemes import cues_from_json, shape_at
from backends.voice.wav import read_tags, read_wav, write_wav
from configs.errors import UsageError
from configs.settings import Settings, load_settings
from memory.records import Asset
from tools.events import Progress
from tools.executor import Run
from tools.intake import attach
from tools.opening import opened_executor
from tools.voice.lips_found import Said, find_mouth

TEXT = "My mother bought five big maps of the whole world."
RATE = 22050


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    folder = tmp_path_factory.mktemp("lips")
    with voice_studio(Settings(home=folder / "home", warehouse=folder)) as made:
        yield made


def _brought(studio: VoiceStudio, path: Path) -> Asset:
    return attach(path, studio.studio.workspace, studio.studio.memory, studio.studio.settings, "t")


@pytest.fixture(scope="module")
def recording(studio: VoiceStudio, tmp_path_factory: pytest.TempPathFactory) -> Asset:
    """Speech without its times, as somebody would bring it."""
    engine = EspeakEngine()
    engine.load()
    said = engine.speak(SpeechRequest(TEXT, VoiceProfile("c", age="child", gender="male")))
    path = tmp_path_factory.mktemp("sounds") / "aria.wav"
    soundfile.write(path, said.samples, said.sample_rate)
    return _brought(studio, path)


def _sound(studio: VoiceStudio, folder: Path, name: str, samples: np.ndarray) -> str:
    path = folder / f"{name}.wav"
    soundfile.write(path, samples.astype(np.float32), RATE)
    return _brought(studio, path).id


def test_all_formats_on_request_and_the_json_first(studio: VoiceStudio, recording: Asset) -> None:
    outcome, first = studio.made(
        "lip_sync",
        audio=recording.id,
        text=TEXT,
        language="English",
        formats=["Moho", "live link face", ".tsv"],
        fps=25,
    )
    forms = [asset.params["form"] for asset in outcome.assets]
    assert forms == ["rhubarb json", "moho dat", "arkit csv", "rhubarb tsv"]
    assert [Path(asset.path).suffix for asset in outcome.assets] == [".json", ".dat", ".csv", ".tsv"]
    assert outcome.assets[1].params["fps"] == 25 and "fps" not in first.params
    duration = soundfile.info(str(studio.file(recording))).duration
    rows = studio.file(outcome.assets[2]).read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + int(np.ceil(duration * 25 - 1e-6))
    last = int(studio.file(outcome.assets[1]).read_text(encoding="utf-8").splitlines()[-1].split()[0])
    assert last == 1 + round(duration * 25)


def test_the_text_is_laid_over_the_recording(studio: VoiceStudio, recording: Asset) -> None:
    outcome, asset = studio.made("lip_sync", audio=recording.id, text=TEXT)
    assert outcome.result is not None and outcome.result.measurements["source"] == "text"
    assert outcome.result.measurements["fit"] > 0.2 and outcome.result.warnings == ()
    cues = cues_from_json(studio.file(asset).read_text(encoding="utf-8"))
    assert sum(cue.shape == "A" for cue in cues) >= 4  # my, mother, bought, big, maps


def test_formats_that_nobody_knows_are_named(studio: VoiceStudio, recording: Asset) -> None:
    outcome = studio.call("lip_sync", audio=recording.id, formats=["arkitt"])
    assert isinstance(outcome.error, UsageError) and "Did you mean 'arkit'" in outcome.error.sentence


@pytest.mark.parametrize(
    ("text", "source", "warns"),
    [
        ("Do you really think that we can go home before it rains today?", "text", "hardly fits the sound (likeness"),
        (TEXT * 8, "energy", "cannot be what is said"),
        ("…!", "", "no words to align"),
    ],
)
def test_a_text_that_does_not_fit_is_said(
    studio: VoiceStudio, recording: Asset, text: str, source: str, warns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mark between right and wrong texts is for people's voices; on this synthetic one it is set to what parts them.
    monkeypatch.setattr("backends.voice.alignment.align.FIT_MARK", 0.1)
    monkeypatch.setattr("backends.voice.alignment.align.SHORT_FIT_MARK", 0.1)
    outcome = studio.call("lip_sync", audio=recording.id, text=text)
    if not source:
        assert isinstance(outcome.error, UsageError) and warns in outcome.error.sentence
        return
    assert outcome.error is None and outcome.result is not None
    assert outcome.result.measurements["source"] == source
    assert any(warns in warning for warning in outcome.result.warnings)


@pytest.mark.parametrize(
    ("character", "emotion"), [("Nina", "neutral"), ("Pip", "surprised"), ("Pip", "whispering"), ("Rob", "angry")]
)
def test_the_studios_own_voices_tell_wrong_texts_from_right_ones(
    studio: VoiceStudio, character: str, emotion: str, tmp_path: Path
) -> None:
    """A spoken line, made softer elsewhere and brought back: of a bird's voice every text looked wrong, or none."""
    studio.studio.memory.remember("character", "Pip", "a little seagull")
    studio.studio.memory.remember("character", "Rob", "an old robot")
    _, line = studio.made("speak", text=TEXT, character=character, language="en", emotion=emotion)
    exported = tmp_path / "exported.wav"
    samples, rate = read_wav(studio.file(line))
    write_wav(exported, 0.8 * samples, rate, tags=read_tags(studio.file(line)))
    for text, right in ((TEXT, True), ("Nobody told me that the storm had closed the school.", False)):
        outcome = studio.call("lip_sync", audio=str(_brought(studio, exported).id), text=text)
        assert outcome.result is not None, outcome.error
        doubted = [told for told in outcome.result.warnings if "hardly fits the sound" in told]
        assert bool(doubted) is not right, (outcome.result.measurements, doubted)


def test_music_and_silence_are_said_to_be_no_speech(studio: VoiceStudio, tmp_path: Path) -> None:
    at = np.arange(4 * RATE) / RATE
    chord = 0.1 * sum(np.sin(2 * np.pi * hertz * at) for hertz in (220.0, 277.2, 329.6)) * (1 - (at % 1.0))
    music = studio.call("lip_sync", audio=_sound(studio, tmp_path, "music", np.asarray(chord)))
    assert music.result is not None and any("Hardly any speech" in warning for warning in music.result.warnings)
    silent = studio.call("lip_sync", audio=_sound(studio, tmp_path, "silent", np.zeros(RATE)), text=TEXT)
    assert silent.result is not None and any("is silent" in warning for warning in silent.result.warnings)
    assert silent.result.data["cues"] == [[0.0, 1.0, "X"]]


def test_a_sound_of_hours_is_refused_before_it_is_read(
    studio: VoiceStudio, recording: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.voice.lip_sync.LONGEST_S", 1.0)
    monkeypatch.setattr("backends.media.audio.read_audio", lambda path, rate: pytest.fail("it was read"))
    outcome = studio.call("lip_sync", audio=recording.id)
    assert isinstance(outcome.error, UsageError) and "too long for mouth shapes" in outcome.error.sentence


def test_hours_of_sound_are_heard_piece_by_piece(
    studio: VoiceStudio, recording: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = studio.call("lip_sync", audio=recording.id)
    monkeypatch.setattr("tools.voice.lip_sync.MAX_SECONDS", 1.0)
    monkeypatch.setattr("tools.voice.lips_found._BLOCK_S", 0.5)
    monkeypatch.setattr("backends.media.audio.read_audio", lambda path, rate: pytest.fail("it was read at once"))
    pieces = studio.call("lip_sync", audio=recording.id)
    assert whole.result is not None and pieces.result is not None
    assert pieces.result.data["cues"] == whole.result.data["cues"] and len(pieces.result.data["cues"]) > 5
    told = [event.note for event in studio.events if isinstance(event, Progress) and "minutes heard" in event.note]
    assert len(told) > 2
    text = studio.call("lip_sync", audio=recording.id, text=TEXT)
    assert isinstance(text.error, UsageError) and "too long for its text" in text.error.sentence


def test_a_film_without_sound_is_named(studio: VoiceStudio, tmp_path: Path) -> None:
    from backends.media.ffmpeg import encode_args, run_ffmpeg

    film = tmp_path / "silent.mp4"
    colour = ["-f", "lavfi", "-i", "color=c=red:s=64x64:r=12:d=1"]
    run_ffmpeg([*colour, *encode_args(fps=12), "-an", "-f", "mp4", str(film)])
    outcome = studio.call("lip_sync", audio=_brought(studio, film).id, text=TEXT)
    assert isinstance(outcome.error, UsageError) and "sound" in outcome.error.sentence
    assert not outcome.assets


class Told:
    """As much of a tool's context as finding a mouth needs."""

    def __init__(self, studio: VoiceStudio) -> None:
        self.warnings: list[str] = []
        self.path = studio.file

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, done: float, total: float, note: str = "") -> None:
        assert 0 <= done <= total


def test_lines_of_engines_without_times_are_aligned_with_their_own_text(studio: VoiceStudio) -> None:
    _, line = studio.made("speak", text=TEXT, character="Nina", language="en")
    samples = read_audio(studio.file(line), RATE)
    bare = replace(line, params={**line.params, "phonemes": []})
    told = Told(studio)
    found = find_mouth(bare, Said(), samples, told)  # type: ignore[arg-type]
    known = find_mouth(line, Said(), samples, told)  # type: ignore[arg-type]
    assert (found.source, known.source) == ("text", "phonemes") and told.warnings == []
    at = np.arange(0.0, len(samples) / RATE, 0.01)
    assert np.mean([shape_at(found.cues, t) == shape_at(known.cues, t) for t in at]) > 0.8


def test_a_mix_of_engines_keeps_the_times_that_there_are(studio: VoiceStudio) -> None:
    lines = [{"character": "Nina", "text": TEXT}, {"character": "Boo", "text": "The bamboo boat was here before."}]
    _, mix = studio.made("speak_dialogue", lines=lines)
    samples = read_audio(studio.file(mix), RATE)
    second = mix.params["lines"][1]
    half = replace(
        mix, params={**mix.params, "phonemes": [p for p in mix.params["phonemes"] if p[0] < second["start"]]}
    )
    told = Told(studio)
    found = find_mouth(half, Said(), samples, told)  # type: ignore[arg-type]
    known = find_mouth(mix, Said(), samples, told)  # type: ignore[arg-type]
    assert found.source == "text"
    at = np.arange(0.0, second["start"] - 0.1, 0.01)
    assert np.mean([shape_at(found.cues, t) == shape_at(known.cues, t) for t in at]) > 0.99
    later = np.arange(second["start"], second["end"], 0.01)
    assert np.mean([shape_at(found.cues, t) == shape_at(known.cues, t) for t in later]) > 0.75
    boo = find_mouth(half, Said(character="boo"), samples, told)  # type: ignore[arg-type]
    assert all(cue.shape == "X" or cue.start >= second["start"] - 0.1 for cue in boo.cues)


def test_the_preview_is_a_film_of_the_face_with_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.voice.lips_preview.SIZE", (160, 90))
    settings = load_settings(
        home=tmp_path / "home", brain="offline", film={"fps": 12}, image={"preview_samples": 4},
        memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with opened_executor(settings) as executor:
        line = executor.run("speak", {"text": "Ciao, mamma!", "character": "Luca"}, Run(thread="t")).assets[0]
        made = executor.run("lip_sync", {"audio": line.id, "character": "Luca", "preview": True}, Run(thread="t"))
        assert made.error is None
        film = made.assets[-1]
        assert [asset.kind for asset in made.assets] == ["lipsync", "lipsync", "video"] and line.id in film.parents
        path = executor.studio.workspace.home / film.path
        facts = probe(path)
        assert facts.seconds == pytest.approx(line.params["duration"] + 0.3, abs=0.1)
        assert np.abs(read_audio(path, RATE)).max() > 0.05
        frames = np.stack([frame for _, frame in read_frames(path)]).astype(np.float64)
        assert frames.std(axis=0).max() > 20  # something in it moves
