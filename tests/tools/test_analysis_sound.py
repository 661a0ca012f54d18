"""analyze_audio through the real executor, and what it says, draws and refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from media_fixtures import make_png, make_video, make_wav
from numpy.typing import NDArray

from backends.gpu.arbiter import Arbiter
from backends.media.images import load_image
from backends.media.probe import MediaInfo
from backends.sound.result import Sound, SoundSegment
from configs.models import ModelTable
from configs.settings import Settings
from configs.workspace import Workspace
from evals.footage.instruments import RATE
from evals.footage.music import song
from evals.footage.speakers import speech
from memory.store import Memory
from tools.analysis.sound import _figures_line
from tools.analysis.sound_picture import axis_times, draw_sound
from tools.analysis.sound_words import clock, content_words, in_words, pause_words, spans, target_words
from tools.events import Event, Progress
from tools.executor import Executor, Run
from tools.intake import attach
from tools.registry import TOOLS, get_tool
from tools.spec import SUMMARY_LIMIT, CancelToken, Studio, ToolOutcome


class Bench:
    def __init__(self, settings: Settings, memory: Memory) -> None:
        self.settings, self.memory = settings, memory
        self.workspace = Workspace.open(settings.home)
        arbiter = Arbiter(ModelTable(engines={}), self._no_engine, cpu_budget_mib=100, gpu_budget_mib=100)
        self.executor = Executor(Studio(settings, self.workspace, memory), arbiter)
        self.events: list[Event] = []

    def attach(self, path: Path) -> str:
        return attach(path, self.workspace, self.memory, self.settings, "t").id

    def run(self, audio: str, token: CancelToken | None = None, emit: Any = None) -> ToolOutcome:
        run = Run(thread="t", step="1", emit=emit or self.events.append, cancel=token or CancelToken())
        return self.executor.run("analyze_audio", {"audio": audio}, run)

    def file(self, outcome: ToolOutcome, index: int) -> Path:
        return self.workspace.home / outcome.assets[index].path

    @staticmethod
    def _no_engine(name: str) -> Any:
        raise AssertionError(f"an analysis asked for the engine {name}")


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    with Memory.open(Workspace.open(settings.home), index="numpy", embedder="letters") as memory:
        bench = Bench(settings, memory)
        yield bench
        bench.executor.arbiter.close()


@pytest.fixture(scope="module")
def mixed() -> NDArray[np.float64]:
    """Eight seconds of speech, two of silence, twelve of music at 120 beats a minute."""
    music = song(2024, 12.0, "house", 120.0).samples
    return np.concatenate([speech(2000, 8.0, "report"), np.zeros(2 * RATE), music])


def _write(path: Path, samples: NDArray[np.floating], rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate)
    return path


def test_a_track_is_measured_reported_and_drawn(bench: Bench, mixed: NDArray[np.float64], tmp_path: Path) -> None:
    track = bench.attach(_write(tmp_path / "mix.flac", mixed))
    outcome = bench.run(track)
    assert outcome.status == "done" and outcome.result is not None, outcome.error
    result = outcome.result
    assert [asset.kind for asset in outcome.assets] == ["report", "image"]
    assert all(asset.parents == (track,) for asset in outcome.assets)
    assert result.measurements["bpm"] == pytest.approx(120, abs=1)
    assert result.measurements["speech_share"] == pytest.approx(8 / 22, abs=0.05)
    assert result.measurements["music_share"] == pytest.approx(12 / 22, abs=0.05)
    assert len(result.summary.encode()) <= SUMMARY_LIMIT
    assert result.summary.startswith("mix.flac: 22.00 s, mono, 24,000 Hz, flac. No clipping")
    for fact in ("LUFS", "120 bpm", "could be cut", "-14", "-16", "-23"):
        assert fact in result.summary, result.summary
    report = json.loads(bench.file(outcome, 0).read_text(encoding="utf-8"))
    assert report["audio"] == track and len(report["pauses"]) == 1
    sound = Sound.model_validate(report["sound"])
    assert sound.words == () and len(sound.beats) > 18
    picture = load_image(bench.file(outcome, 1))
    assert picture.shape[1] == 1600 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    assert any("not recognised" in warning for warning in result.warnings)
    assert any(isinstance(event, Progress) and "mix.flac" in event.note for event in bench.events)


def test_the_sound_of_a_film(bench: Bench, mixed: NDArray[np.float64], tmp_path: Path) -> None:
    from scipy.signal import resample_poly

    bench.attach(make_video(tmp_path / "film.mp4", 6.0, samples=resample_poly(mixed[: 6 * RATE], 2, 1)))
    outcome = bench.run("film.mp4")
    assert outcome.result is not None, outcome.error
    assert outcome.result.measurements["seconds"] == pytest.approx(6.0, abs=0.1)
    assert outcome.result.measurements["speech_share"] > 0.8
    assert "aac" in outcome.result.summary


def test_odd_sounds_are_measured_as_far_as_they_go(bench: Bench, mixed: NDArray[np.float64], tmp_path: Path) -> None:
    bench.attach(_write(tmp_path / "silent.wav", np.zeros(3 * RATE)))
    silent = bench.run("silent.wav").result
    assert silent is not None and "silent throughout" in silent.summary
    assert silent.measurements["loudness_lufs"] is None and silent.measurements["silence_share"] == 1.0

    bench.attach(make_wav(tmp_path / "blip.wav", 0.05))
    blip = bench.run("blip.wav").result
    assert blip is not None and "0.05 s" in blip.summary and "shorter than 0.4 s" in blip.summary

    bench.attach(_write(tmp_path / "hot.wav", (20 * mixed[: 4 * RATE]).clip(-1, 1)))
    hot = bench.run("hot.wav").result
    assert hot is not None and ". Clipped: " in hot.summary
    assert hot.measurements["clipped_share"] > 0.02 and hot.measurements["peak_dbfs"] == pytest.approx(0, abs=0.01)

    bench.attach(_write(tmp_path / "phone.wav", mixed[: 6 * RATE : 3], 8_000))
    phone = bench.run("phone.wav").result
    assert phone is not None and "8,000 Hz" in phone.summary and phone.measurements["speech_share"] > 0.8

    wide = np.stack([gain * mixed[: 4 * RATE] for gain in (0.5, 0.5, 1.0, 0.0, 0.2, 0.2)], axis=1)
    bench.attach(_write(tmp_path / "wide.wav", wide))
    surround = bench.run("wide.wav").result
    assert surround is not None and "5.1" in surround.summary and surround.measurements["speech_share"] > 0.8
    assert any("stereo mix" in warning for warning in surround.warnings)


@pytest.mark.parametrize(("channels", "told"), [(1, "mono"), (2, "stereo"), (3, "3 channels"), (6, "5.1"), (8, "7.1")])
def test_channels_have_their_usual_names(channels: int, told: str) -> None:
    sound = Sound(seconds=59.999, sample_rate=48_000, channels=channels)
    assert _figures_line(sound, MediaInfo("audio", "wav")) == f"60.00 s, {told}, 48,000 Hz"
    assert _figures_line(sound.model_copy(update={"seconds": 60.0}), MediaInfo("audio", "wav")).startswith("1:00")


def test_what_has_no_sound_is_refused_in_one_sentence(bench: Bench, tmp_path: Path) -> None:
    bench.attach(make_video(tmp_path / "mute.mp4", 1.0, sound=False))
    bench.attach(make_png(tmp_path / "picture.png"))
    for name, reason in (
        ("mute.mp4", "sound"), ("picture.png", "picture"), ("nothing.wav", "nothing.wav"), ("../../etc/passwd", ""),
    ):  # fmt: skip
        outcome = bench.run(name)
        assert outcome.status == "failed" and outcome.error is not None
        assert outcome.error.exit_code == 2 and "\n" not in outcome.error.sentence
        assert reason in outcome.error.sentence


def test_cancel_keeps_nothing_half_made(bench: Bench, mixed: NDArray[np.float64], tmp_path: Path) -> None:
    track = bench.attach(_write(tmp_path / "mix.flac", mixed))
    token = CancelToken()
    before = {asset.id for asset in bench.memory.list_assets()}

    def stop(event: Event) -> None:
        if isinstance(event, Progress):
            token.cancel()

    assert bench.run(track, token, stop).status == "cancelled"
    assert {asset.id for asset in bench.memory.list_assets()} == before
    assert list(bench.workspace.tmp.iterdir()) == []


def test_the_summary_stays_short(bench: Bench, mixed: NDArray[np.float64], tmp_path: Path) -> None:
    name = f"{'a very long name ' * 10}.wav"
    bench.attach(_write(tmp_path / name, mixed[: 3 * RATE]))
    result = bench.run(name).result
    assert result is not None and len(result.summary.encode()) <= SUMMARY_LIMIT


def test_it_is_registered() -> None:
    assert "analyze_audio" in TOOLS
    tool = get_tool("analyze_audio")
    assert tool.makes == "report" and tool.effect == "create" and len(tool.description) < 400


def _sound(**changed: Any) -> Sound:
    facts: dict[str, Any] = {
        "seconds": 30.0,
        "sample_rate": 48_000,
        "channels": 2,
        "loudness_lufs": -20.0,
        "loudness_range_lu": 6.0,
        "peak_dbfs": -1.0,
        "noise_dbfs": -55.0,
        "segments": (
            SoundSegment(start=0, end=10, label="speech", confidence=0.9),
            SoundSegment(start=10, end=12.5, label="silence", confidence=0.9),
            SoundSegment(start=12.5, end=30, label="music", confidence=0.9),
        ),
    }
    return Sound(**{**facts, **changed})


def test_a_track_in_words() -> None:
    words = in_words(_sound(bpm=96.2, bpm_confidence=0.9, beats=(13.0, 13.6, 14.2)))
    assert "Loudness -20.0 LUFS, range 6.0 LU, peak -1.0 dBFS." in words
    assert "Speech 0:00-0:10, music 0:12.5-0:30." in words
    assert "About 96 bpm, 3 beats." in words
    assert "1 silence of at least 1 s could be cut (2.5 s in all): 0:10-0:12.5." in words
    assert words.startswith(
        "No clipping, quietest parts at -55 dBFS; noise is judged only behind speech without music."
    )
    assert "No steady beat." in in_words(_sound())
    assert "not sure: 52%" in in_words(_sound(bpm=96.2, bpm_confidence=0.52))
    assert in_words(_sound(clipped_share=0.012)).startswith("Clipped: 1.20% of the samples. ")
    talk = (SoundSegment(start=0, end=30, label="speech", confidence=0.9),)
    noisy = _sound(segments=talk, noise_dbfs=-29.0)
    noise = "the noise behind the speech is only 9 dB below it"
    assert in_words(noisy).startswith(f"Noisy: {noise}, and nothing is clipped. ")
    assert in_words(_sound(segments=talk)).startswith("Clean: no clipping, noise 35 dB below the speech. ")
    hummed = _parts([("speech", 0, 29), ("music", 29, 30)])
    assert in_words(hummed).startswith("Clean: no clipping, noise 35 dB below the speech. ")
    both = noisy.model_copy(update={"clipped_share": 0.012})
    assert in_words(both).startswith(f"Clipped: 1.20% of the samples, {noise}. ")
    assert "Speech throughout." in in_words(_sound(segments=talk))
    breath = [("speech", 0, 12), ("silence", 12, 12.7), ("speech", 12.7, 30)]
    parts = tuple(SoundSegment(start=a, end=b, label=label, confidence=0.9) for label, a, b in breath)  # type: ignore
    assert "Speech throughout." in in_words(_sound(segments=parts)) and not pause_words(_sound(segments=parts))
    assert "silent throughout (0:30)" in in_words(_sound(peak_dbfs=None, loudness_lufs=None))
    assert in_words(Sound(seconds=0.0)) == "The sound track is empty."


def test_what_is_missing_to_a_target() -> None:
    words = target_words(_sound(loudness_lufs=-16.4))
    assert words == (
        "2.4 dB too quiet for streaming (-14 LUFS), right for podcasts (-16 LUFS), "
        "6.6 dB too loud for television (-23 LUFS)."
    )
    assert "3 dB too loud for podcasts (-16 LUFS)" in target_words(_sound(loudness_lufs=-13.0))
    assert target_words(_sound(loudness_lufs=None)) == "" and pause_words(Sound(seconds=1.0)) == ""


def test_parts_are_told_in_the_order_of_time() -> None:
    told = content_words(_parts([("music", 0, 4), ("speech", 4, 6), ("noise", 6, 7), ("music", 7, 30)]))
    assert told == "Music 0:00-0:04, speech 0:04-0:06, other sounds 0:06-0:07, music 0:07-0:30."
    kinds = ("music", "speech")
    many = [(kinds[at % 2], 3.0 * at, 3.0 * at + 3 - (at == 4)) for at in range(10)]
    told = content_words(_parts(many))
    assert told.startswith("Music 0:00-0:03, speech 0:03-0:06") and told.endswith("and 2 shorter parts (5 s in all).")
    assert "0:12-0:14" not in told


def _parts(parts: list[tuple[str, float, float]]) -> Sound:
    made = [SoundSegment.model_validate({"start": a, "end": b, "label": one, "confidence": 0.9}) for one, a, b in parts]
    return _sound(segments=tuple(made))


def test_times_and_spans() -> None:
    assert [clock(at) for at in (0, 7.46, 59.97, 75.2, 3723.4)] == ["0:00", "0:07.5", "1:00", "1:15.2", "1:02:03"]
    parts = [SoundSegment(start=10 * k, end=10 * k + k, label="noise", confidence=1) for k in range(1, 8)]
    assert spans(parts[:1]) == "0:10-0:11"
    assert spans(parts) == "0:40-0:44, 0:50-0:55, 1:00-1:06, 1:10-1:17 and 3 more (6 s)"
    for seconds in (0.05, 1.0, 37.0, 600.0, 36_000.0, 200_000.0):
        assert 2 <= len(axis_times(seconds)) <= 13


def test_the_picture_holds_anything() -> None:
    many = tuple(float(at) for at in np.arange(0, 30, 0.02))
    for sound in (
        Sound(seconds=0.0),
        Sound(seconds=0.05, curve_dbfs=(-20.0,)),
        _sound(beats=many, onsets=many, curve_dbfs=tuple(np.full(300, -30.0).tolist())),
        _sound(curve_step=0.1, curve_dbfs=tuple(np.linspace(-120, 0, 6000).tolist())),
    ):
        picture = draw_sound(sound, "<b>name</b> " * 40, "about")
        assert picture.dtype == np.uint8 and picture.shape[1:] == (1600, 3)


@pytest.mark.skipif(not os.environ.get("STUDIO_REAL_MEDIA"), reason="STUDIO_REAL_MEDIA names no folder")
def test_real_speech(bench: Bench) -> None:
    for path in sorted((Path(os.environ["STUDIO_REAL_MEDIA"]) / "speech").glob("*.flac"))[:4]:
        bench.attach(path)
        result = bench.run(path.name).result
        assert result is not None and result.measurements.get("speech_share", 0.0) > 0.7
