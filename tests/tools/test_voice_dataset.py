"""build_voice_dataset end to end: a film of two eSpeak voices over music, and what is not good enough."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialogue_media import RATE, dialogue, write_film, write_srt
from voice_cast import SENTENCES, said
from voice_studio import VoiceStudio, voice_studio

from backends.sound.beds import make_bed
from backends.voice.speakers.likeness import ge2e_weights
from backends.voice.wav import read_origin, read_wav, resample, write_wav
from configs.errors import UsageError
from configs.settings import load_settings
from memory.records import Asset
from tools.events import Progress
from tools.executor import Run
from tools.spec import CancelToken, ToolOutcome
from tools.voice.dataset.manifest import Clip, Manifest, list_text, read_manifest, unpack, write_dataset

pytestmark = pytest.mark.skipif(ge2e_weights() is None, reason="resemblyzer's weights are not installed")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceStudio]:
    home = tmp_path_factory.mktemp("home")
    with voice_studio(
        load_settings(home=home, brain="offline", memory={"index": "numpy", "embedder": "letters"})
    ) as it:
        (home / "in").mkdir()
        yield it


def put(studio: VoiceStudio, name: str, samples: np.ndarray, rate: int = RATE) -> str:
    path = studio.studio.workspace.home / "in" / name
    soundfile.write(path, samples, rate)
    return f"in/{name}"


@pytest.fixture(scope="module")
def film(studio: VoiceStudio) -> tuple[str, list]:
    """Six turns over a quiet bed, as an mp4 with stereo sound at 44.1 kHz, and subtitles beside it that name who."""
    home = studio.studio.workspace.home
    sound, truth = dialogue(6)
    bed = resample(make_bed("pad", len(sound) / RATE + 1, 3).mean(axis=1), 48_000, RATE)[: len(sound)]
    write_wav(home / "in" / "film.wav", sound + 0.12 * bed / np.abs(bed).max() * 0.1, RATE)
    write_film(home / "in" / "film.mp4", home / "in" / "film.wav")
    write_srt(home / "in" / "lines.srt", truth, names=True)
    return "in/film.mp4", truth


@pytest.fixture(scope="module")
def built(studio: VoiceStudio, film: tuple[str, list]) -> ToolOutcome:
    outcome = studio.call(
        "build_voice_dataset", source=film[0], character="Luca", subtitles="in/lines.srt", rights="made for a test"
    )
    assert outcome.error is None, outcome.error
    return outcome


def opened(studio: VoiceStudio, asset: Asset) -> tuple[Manifest, zipfile.ZipFile]:
    path = studio.file(asset)
    return read_manifest(path), zipfile.ZipFile(path)


def test_a_film_gives_the_characters_clips(studio: VoiceStudio, built: ToolOutcome, film: tuple[str, list]) -> None:
    dataset, report = built.assets
    assert (dataset.kind, report.kind) == ("dataset", "report")
    manifest, archive = opened(studio, dataset)
    truth = [turn for turn in film[1] if turn[2] == "Luca"]
    assert len(manifest.clips) == 3 and manifest.totals.speakers == 2
    for clip, (start, end, _, text) in zip(manifest.clips, truth, strict=True):
        assert abs(clip.start - start) < 0.35 and abs(clip.start + clip.seconds - end) < 0.35
        assert clip.text == text and clip.text_by == "subtitles"
        samples, rate = soundfile.read(io.BytesIO(archive.read(clip.file)), always_2d=True)
        assert rate == 32_000 and samples.shape[1] == 1 and abs(len(samples) / rate - clip.seconds) < 0.01
        original = said("Luca", text, 32_000)
        assert 0.5 < np.sqrt((samples**2).mean()) / np.sqrt((original**2).mean()) < 1.5
        assert clip.figures.similarity >= 0.84 and clip.figures.snr_db >= 20
    assert "LUCA" not in archive.read("luca.list").decode()
    assert built.result.measurements["clips"] == 3


def test_the_list_is_what_gpt_sovits_reads(studio: VoiceStudio, built: ToolOutcome, tmp_path: Path) -> None:
    manifest = unpack(studio.file(built.assets[0]), tmp_path)
    rows = [line.split("|") for line in (tmp_path / "luca.list").read_text().splitlines()]
    assert len(rows) == 3 and all(len(row) == 4 for row in rows)
    for path, speaker, language, text in rows:
        assert Path(path).is_absolute() and read_wav(Path(path))[1] == 32_000
        assert (speaker, language) == ("luca", "en") and text in SENTENCES
    assert len({Path(row[0]).name for row in rows}) == 3
    assert not manifest.ready and "least to train on" in manifest.not_ready
    assert manifest.rights == "made for a test"


def test_the_report_plays_by_itself(studio: VoiceStudio, built: ToolOutcome) -> None:
    page = studio.file(built.assets[1]).read_text(encoding="utf-8")
    sounds = re.findall(r'<audio[^>]* src="data:audio/mpeg;base64,([^"]+)"', page)
    assert len(sounds) >= 3
    import base64

    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0])))
    assert rate == 32_000 and np.abs(samples).max() > 0.1
    assert page.count('<svg class="wave"') == len(sounds) and SENTENCES[0] in page
    assert "made for a test" in page and "No consent of the speaker is on record" in page
    assert not re.search(r'(?:src|href)="(?:https?:|//|/|\.)', page)


def test_the_same_again_is_the_same(studio: VoiceStudio, built: ToolOutcome, film: tuple[str, list]) -> None:
    again = studio.call(
        "build_voice_dataset", source=film[0], character="Luca", subtitles="in/lines.srt", rights="made for a test"
    )
    assert again.error is None and again.assets[0].sha256 == built.assets[0].sha256


def test_progress_is_told(studio: VoiceStudio, built: ToolOutcome) -> None:
    told = [event for event in studio.events if isinstance(event, Progress)]
    assert any("listening" in event.note for event in told)
    assert all(0 <= event.done <= event.total for event in told)


def test_a_reference_chooses_and_two_files_are_one_set(studio: VoiceStudio, film: tuple[str, list]) -> None:
    home = studio.studio.workspace.home
    (home / "both").mkdir(exist_ok=True)
    (home / "both" / "a.mp4").write_bytes((home / film[0]).read_bytes())
    sound, _ = dialogue(4, "Giulia", "Luca")
    soundfile.write(home / "both" / "b.flac", np.stack([sound, sound], axis=1), RATE)
    (home / "both" / "notes.wav").write_text("no sound at all")
    reference = put(studio, "giulia.wav", said("Giulia", SENTENCES[5]))
    outcome, dataset = studio.made("build_voice_dataset", source="both", character="Anna", reference=reference)
    manifest, _ = opened(studio, dataset)
    assert {clip.source_name for clip in manifest.clips} == {"a.mp4", "b.flac"} and manifest.totals.speakers == 2
    assert {clip.sample_rate for clip in manifest.clips} == {32_000, RATE}
    assert "giulia.wav" in manifest.chosen_by
    warned = " ".join(outcome.result.warnings)
    assert "notes.wav" in warned and "no transcripts" in warned
    assert not manifest.ready and "have no transcript" in manifest.not_ready and manifest.listing() == ""


def test_what_the_studio_spoke_needs_no_subtitles(studio: VoiceStudio) -> None:
    studio.studio.memory.remember("character", "Carlo", "a man, adult")
    studio.studio.memory.remember("character", "Anna", "a woman, adult")
    lines = [{"character": ("Carlo", "Anna")[i % 2], "text": text} for i, text in enumerate(SENTENCES[:5])]
    mix = studio.made("speak_dialogue", lines=lines)[1]
    _, dataset = studio.made("build_voice_dataset", source=mix.id, character="Anna")
    manifest, archive = opened(studio, dataset)
    assert "subtitles that name Anna" in manifest.chosen_by
    assert {clip.text for clip in manifest.clips} <= {SENTENCES[1], SENTENCES[3]} and manifest.clips
    clip = Path(studio.studio.workspace.tmp) / "clip.wav"
    clip.write_bytes(archive.read(manifest.clips[0].file))
    origin = read_origin(clip)
    assert origin is not None and origin.engine == "espeak"  # a clip of a synthetic voice stays marked as one


def test_nobody_like_the_reference(studio: VoiceStudio) -> None:
    source = put(studio, "only_him.wav", dialogue(3, "Luca", "Luca")[0])
    reference = put(studio, "giulia2.wav", said("Giulia", SENTENCES[4]))
    outcome = studio.call("build_voice_dataset", source=source, reference=reference)
    assert outcome.status == "failed" and "sounds like the reference" in outcome.error.sentence


def _clipped() -> np.ndarray:
    return np.clip(dialogue(2, "Luca", "Luca")[0] * 40, -1, 1)


def _noisy() -> np.ndarray:
    sound, _ = dialogue(2, "Luca", "Luca")
    return sound + 0.06 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("silent.wav", lambda: np.zeros(3 * RATE, np.float32), "silent throughout"),
        ("hum.wav", lambda: 0.2 * np.sin(np.arange(3 * RATE) * 0.04).astype(np.float32), "no speech was heard"),
        ("second.wav", lambda: np.pad(said("Luca", SENTENCES[0])[: round(1.2 * RATE)], RATE), "1 too short"),
        ("clipped.wav", _clipped, "clipped"),
        ("noisy.wav", _noisy, "noisy"),
    ],
)
def test_what_gives_no_clip_is_one_sentence(studio: VoiceStudio, name: str, make, why: str) -> None:
    before = len(studio.studio.memory.list_assets("dataset"))
    outcome = studio.call("build_voice_dataset", source=put(studio, name, make()), character="Luca")
    assert outcome.status == "failed" and why in outcome.error.sentence and "\n" not in outcome.error.sentence
    assert len(studio.studio.memory.list_assets("dataset")) == before


def test_telephone_sound_keeps_its_rate(studio: VoiceStudio) -> None:
    sound, _ = dialogue(3, "Giulia", "Giulia")
    source = put(studio, "phone.wav", resample(sound, RATE, 8000), 8000)
    _, dataset = studio.made("build_voice_dataset", source=source, character="Anna")
    manifest, _ = opened(studio, dataset)
    assert manifest.clips and {clip.sample_rate for clip in manifest.clips} == {8000}
    assert manifest.chosen_by == "the only voice in it"


def test_a_film_without_sound_and_a_broken_file(studio: VoiceStudio) -> None:
    import subprocess

    from backends.media.ffmpeg import ffmpeg_path

    home = studio.studio.workspace.home
    subprocess.run(
        [ffmpeg_path(), "-loglevel", "error", "-f", "lavfi", "-i", "color=s=64x48:d=1", str(home / "in" / "mute.mp4")],
        check=True,
    )  # fmt: skip
    assert "no sound" in studio.call("build_voice_dataset", source="in/mute.mp4").error.sentence
    (home / "in" / "broken.wav").write_bytes(b"RIFF\x10\x00\x00\x00WAVEjunk")
    assert studio.call("build_voice_dataset", source="in/broken.wav").status == "failed"
    (home / "empty").mkdir()
    assert "holds no film or sound" in studio.call("build_voice_dataset", source="empty").error.sentence
    assert studio.call("build_voice_dataset", source="../..").status == "failed"


def test_a_stop_leaves_nothing(studio: VoiceStudio, film: tuple[str, list]) -> None:
    before = len(studio.studio.memory.list_assets(limit=200))
    stop = CancelToken()

    def seen(event: object) -> None:
        if isinstance(event, Progress):
            stop.cancel()

    sound, _ = dialogue(5, "Giulia", "Luca")
    source = put(studio, "stopped.wav", sound)
    outcome = studio.executor.run(
        "build_voice_dataset", {"source": source, "character": "Luca"}, Run(thread="t", emit=seen, cancel=stop)
    )
    assert outcome.status == "cancelled"
    assert len(studio.studio.memory.list_assets("dataset", limit=200)) == len(
        [a for a in studio.studio.memory.list_assets(limit=200) if a.kind == "dataset"]
    )
    assert len(studio.studio.memory.list_assets(limit=200)) == before + 1  # the attached sound alone


# -- the form of a dataset ---------------------------------------------------------------------------------------------


def small(tmp_path: Path, **changed: object) -> tuple[Manifest, Path]:
    clips = tmp_path / "c"
    write_wav(clips / "a.wav", np.full(8000, 0.1, np.float32), 8000)
    clip = Clip(file="clips/a.wav", seconds=1.0, sample_rate=8000, text="One | two\nthree", text_by="subtitles")
    manifest = Manifest(character="José d'Arc", language="en", clips=(clip,), **changed)
    write_dataset(manifest, clips, tmp_path / "set.zip")
    return manifest, tmp_path / "set.zip"


def test_texts_and_names_fit_the_list(tmp_path: Path) -> None:
    manifest, file = small(tmp_path)
    assert manifest.listing() == "clips/a.wav|jose_d_arc|en|One, two three\n"
    assert list_text("a|b\x00\tc") == "a, b c"
    assert read_manifest(file) == manifest
    folder = tmp_path / "out"
    assert unpack(file, folder) == manifest
    assert unpack(folder, tmp_path / "again") == manifest
    assert (tmp_path / "again" / "jose_d_arc.list").read_text().startswith(str((tmp_path / "again").resolve()))


@pytest.mark.parametrize("name", ["../evil.wav", "clips/../../evil.wav", "/etc/passwd", "clips/a.txt", "clips/.wav"])
def test_paths_stay_in_the_dataset(tmp_path: Path, name: str) -> None:
    _, file = small(tmp_path)
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("manifest.json"))
    data["clips"][0]["file"] = name
    hostile = tmp_path / "hostile.zip"
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("manifest.json", json.dumps(data))
        archive.writestr(name, b"x")
    with pytest.raises(UsageError, match="no voice dataset"):
        unpack(hostile, tmp_path / "out")
    assert not (tmp_path / "evil.wav").exists()


def test_what_is_no_dataset_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "folder").mkdir()
    _, file = small(tmp_path)
    with zipfile.ZipFile(file) as archive:
        content = archive.read("manifest.json")
    with zipfile.ZipFile(tmp_path / "bare.zip", "w") as archive:
        archive.writestr("manifest.json", content)
    for path in (tmp_path / "x.zip", tmp_path / "folder", tmp_path / "none.zip"):
        with pytest.raises(UsageError, match="no voice dataset"):
            read_manifest(path)
    with pytest.raises(UsageError, match="missing or damaged"):
        unpack(tmp_path / "bare.zip", tmp_path / "out")


def test_several_recordings_and_a_list_of_their_words(studio: VoiceStudio) -> None:
    """As somebody records lines one by one; a sound that the list does not name is told."""
    home, texts = studio.studio.workspace.home, SENTENCES[:3]
    names = [put(studio, f"take{at}.wav", np.pad(said("Luca", text), RATE // 2)) for at, text in enumerate(texts)]
    names.append(put(studio, "cough.wav", said("Luca", SENTENCES[3])))
    rows = [f"wavs/take{at}.wav|luca|en|{text}" for at, text in enumerate(texts)]
    (home / "in" / "takes.list").write_text("\n".join(rows))
    outcome = studio.call("build_voice_dataset", source=names, character="Luca", subtitles="in/takes.list")
    assert outcome.error is None and outcome.result is not None, outcome.error
    manifest, _ = opened(studio, outcome.assets[0])
    assert {clip.text for clip in manifest.clips} <= set(texts) and len(manifest.clips) >= 2
    assert all(clip.text_by.startswith("the list") for clip in manifest.clips)
    assert any("cough.wav' is not in the list" in warning for warning in outcome.result.warnings)
