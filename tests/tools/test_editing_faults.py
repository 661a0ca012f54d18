"""Renders that go wrong: a killed ffmpeg, damaged pieces, a full disk, a lost source, an encoder that fails; and the
sound of many clips.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import psutil
import pytest
from editing_context import EditingStudio, coloured_film, numbers
from media_fixtures import make_video, make_wav
from numpy.typing import NDArray

from backends.media import ffmpeg
from backends.media.audio import read_samples
from backends.media.ffmpeg import FfmpegKilled, hardware_encoder, run_ffmpeg
from backends.media.frames import read_frames
from backends.media.images import load_image
from configs.errors import StudioError, UsageError
from memory.records import Asset
from tools.editing.render import in_time
from tools.editing.specs import CaptionSpec, ClipSpec, TitleSpec
from tools.editing.timeline import build_timeline, save_timeline
from tools.events import Progress


def clip(asset: Asset, start: float, seconds: float, source_in: float = 0, **more: Any) -> ClipSpec:
    return ClipSpec(asset.id, Path(asset.path), start, seconds, source_in, **more)


def saved(studio: EditingStudio, timeline: otio.schema.Timeline) -> str:
    count = len(list(studio.workspace.home.glob("cut*.otio")))
    return save_timeline(timeline, studio.workspace.home / f"cut{count}.otio").name


def build(video: list[ClipSpec], audio: dict[str, list[ClipSpec]] | None = None, **more: Any) -> otio.schema.Timeline:
    return build_timeline("t", 24, *more.pop("size", (160, 90)), video, audio or {}, **more)


def kill_ffmpeg(times: int, killed: list[int], stop: threading.Event) -> None:
    """End the first `times` encoders of this process, as a system without memory would."""
    while not stop.is_set() and len(killed) < times:
        for child in psutil.Process().children(recursive=True):
            try:
                if child.pid not in killed and "-filter_complex" in child.cmdline() and child.cpu_times().user > 0.02:
                    child.kill()
                    killed.append(child.pid)
                    break
            except psutil.Error:
                continue
        time.sleep(0.01)


@pytest.mark.parametrize(("times", "status"), [(1, "done"), (40, "failed")])
def test_a_killed_ffmpeg_is_tried_once_more(studio: EditingStudio, tmp_path: Path, times: int, status: str) -> None:
    big = studio.attach(coloured_film(tmp_path / "big.mp4", 2.0, size=(1280, 720)))
    graded = clip(big, 0, 2, effects=({"name": "grade", "look": "dreamy"},))
    file = saved(studio, build([graded], size=(1280, 720)))
    killed: list[int] = []
    stop = threading.Event()
    killer = threading.Thread(target=kill_ffmpeg, args=(times, killed, stop))
    killer.start()
    outcome = studio.run("render_timeline", timeline=file)
    stop.set()
    killer.join()
    assert killed, "it was too fast to be killed"
    assert outcome.status == status, outcome.error
    if outcome.error is not None:
        assert isinstance(outcome.error, FfmpegKilled) and "signal 9" in outcome.error.sentence
        assert list(studio.workspace.assets.glob("*t.mp4")) == []
    assert [path for path in (studio.workspace.cache / "segments").iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("damage", ["swapped", "cut short", "pictures lost", "empty"])
def test_a_damaged_piece_is_made_again(studio: EditingStudio, counting: Asset, damage: str) -> None:
    timeline = build([clip(counting, 0, 0.5), clip(counting, 0.5, 0.5, 0.5)])
    film, _ = studio.make("render_timeline", timeline=saved(studio, timeline))
    before = film.read_bytes()
    one, two = sorted((studio.workspace.cache / "segments").glob("*.mp4"))
    if damage == "swapped":
        kept = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(kept)
    elif damage == "cut short":
        other = studio.workspace.cache / "short.mp4"
        run_ffmpeg(["-f", "mov", "-i", str(one), "-c", "copy", "-frames:v", "5", "-f", "mp4", str(other)])
        other.replace(one)
    elif damage == "pictures lost":
        one.with_suffix(".seen").write_bytes(b"")
    else:
        one.write_bytes(b"")
    film, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    assert film.read_bytes() == before
    assert outcome.result is not None and outcome.result.measurements["frames"] == 24
    assert any("made again" in warning for warning in outcome.result.warnings), "it is told"


def test_a_full_disk_is_said_so() -> None:
    with pytest.raises(StudioError, match="The disk is full"):
        run_ffmpeg(["-f", "lavfi", "-i", "testsrc2=d=1", "-f", "mpegts", "/dev/full"])


def test_a_lost_source_is_named_and_the_earlier_film_stays(studio: EditingStudio, counting: Asset) -> None:
    timeline = build([clip(counting, 0, 0.5)])
    film, _ = studio.make("render_timeline", timeline=saved(studio, timeline))
    studio.path(counting).unlink()
    outcome = studio.run("render_timeline", timeline=saved(studio, timeline))
    assert isinstance(outcome.error, UsageError)
    assert outcome.error.sentence.startswith("The file of 'counting.mp4' is gone") and film.exists()


@pytest.mark.skipif(bool(hardware_encoder()), reason="a hardware encoder works here")
def test_an_encoder_that_fails_is_replaced_and_said_so(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.editing.render.chosen_encoder", lambda: "h264_nvenc")
    film, outcome = studio.make("render_timeline", timeline=saved(studio, build([clip(counting, 0, 0.5)])))
    assert numbers(film) == list(range(12))
    assert outcome.result is not None and any("h264_nvenc failed" in warning for warning in outcome.result.warnings)
    assert outcome.assets[0].params["encoder"] == "libx264"


def test_pieces_meet_on_the_frame_grid(studio: EditingStudio, counting: Asset) -> None:
    video = [clip(counting, n * 7 / 24, 7 / 24, n / 24) for n in range(12)]
    film, facts = studio.make("render_timeline", timeline=saved(studio, build(video)))
    times = [at for at, _ in read_frames(film)]
    assert facts.result is not None and facts.result.measurements["frames"] == len(times) == 84
    assert np.abs(np.array(times) - np.arange(84) / 24).max() < 1e-4


def test_checks_and_the_contact_sheet_are_kept(studio: EditingStudio, counting: Asset) -> None:
    timeline = build([clip(counting, 0, 1), clip(counting, 1, 1)], captions=[CaptionSpec(0.2, 1.8, "Hello there")])
    _, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    scores = {score.name: score for score in outcome.assets[0].scores}
    assert scores["captions_in_frame"].passed is True
    sheet = studio.workspace.home / str(outcome.assets[0].params["contact_sheet"])
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_cards_stand_on_the_contact_sheet_with_their_words(studio: EditingStudio, counting: Asset) -> None:
    timeline = build([TitleSpec(0, 1, "HELLO", ground="#204060"), clip(counting, 1, 1)])  # type: ignore[list-item]
    _, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    scores = {score.name: score for score in outcome.assets[0].scores}
    assert scores["pieces_as_drawn"].passed is True
    sheet = load_image(studio.workspace.home / str(outcome.assets[0].params["contact_sheet"])).astype(int)
    card = sheet[6:186, 6:326]
    assert np.abs(card[5, 5] - [0x20, 0x40, 0x60]).max() <= 6, "its ground, in its colour"
    assert (card.min(axis=2) > 150).sum() > 150, "its words"


@pytest.mark.parametrize("moving", [False, True])
def test_cuts_within_a_scene_are_counted_where_nothing_else_moves(
    studio: EditingStudio, tmp_path: Path, moving: bool
) -> None:
    """A picture that jumps to the side at the cut and nowhere else; where it always moves, a cut looks the same."""

    def draw(at: float) -> NDArray[np.uint8]:
        board = np.random.default_rng(3).integers(0, 2, (9, 16), dtype=np.uint8) * 200 + 20
        step = round(at * 24) if moving else int(at)
        return np.repeat(np.kron(np.roll(board, step * 3, axis=1), np.ones((10, 10), np.uint8))[..., None], 3, axis=2)

    jumps = studio.attach(make_video(tmp_path / "jumps.mp4", 2.0, fps=24, width=160, height=90, frame=draw))
    timeline = build([clip(jumps, 0, 1), clip(jumps, 1, 1, 1)])
    _, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    found = next(score for score in outcome.assets[0].scores if score.name == "cuts_found")
    if not moving:
        assert (found.value, found.passed) == (1.0, True), found.note
        return
    assert (found.value, found.passed, found.status) == (None, None, "not measured")
    assert found.note == "the only cut lies within one scene, where a cut cannot be told from a movement"


@pytest.mark.parametrize(
    ("before", "after", "noise", "seen"),
    [
        ((1.0, 1.0, 1.0), (0.45, 0.6, 0.9), 0, 1.0),
        ((1.0, 1.0, 1.0), (0.9, 0.95, 1.0), 30, None),
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 30, 1.0),
    ],
    ids=["graded otherwise", "a little otherwise, among noise", "out of black"],
)
def test_one_scene_in_another_light(
    studio: EditingStudio,
    tmp_path: Path,
    before: tuple[float, ...],
    after: tuple[float, ...],
    noise: int,
    seen: float | None,
) -> None:
    """A grade that changes at the cut is seen there; one that is lost in noise is no other scene to anybody."""
    wide = np.random.default_rng(3).uniform(40, 240, (9, 16, 3))
    board = np.kron(wide, np.ones((10, 10, 1)))

    def draw(at: float) -> NDArray[np.uint8]:
        grain = np.random.default_rng(round(at * 24)).uniform(-noise, noise, (9, 16, 1))
        lit = board * (before if at < 1 else after)
        return np.asarray((lit + np.kron(grain, np.ones((10, 10, 1)))).clip(0, 255), np.uint8)

    film = studio.attach(make_video(tmp_path / "light.mp4", 2.0, fps=24, width=160, height=90, frame=draw))
    timeline = build([clip(film, 0, 1), clip(film, 1, 1, 1)])
    _, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    found = next(score for score in outcome.assets[0].scores if score.name == "cuts_found")
    assert found.value == seen, found.note


def test_a_caption_that_leaves_the_frame_fails_its_gate(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.editing import ass

    real = ass._text
    monkeypatch.setattr(ass, "_text", lambda *args: f"{{\\fscx900}}{real(*args)}")
    timeline = build([clip(counting, 0, 1)], captions=[CaptionSpec(0, 1, "Far too wide a caption")])
    _, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    scores = {score.name: score for score in outcome.assets[0].scores}
    assert scores["captions_in_frame"].passed is False and "Far too wide" in scores["captions_in_frame"].note


def test_progress_says_how_long_it_will_take(
    studio: EditingStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.editing.render.PACE_SECONDS", 0.2)
    big = studio.attach(coloured_film(tmp_path / "big.mp4", 2.0, size=(1280, 720)))
    video = [clip(big, n * 2, 2, effects=({"name": "grade", "look": look},))
             for n, look in enumerate(("dreamy", "noir", "vivid"))]  # fmt: skip
    studio.make("render_timeline", timeline=saved(studio, build(video, size=(1280, 720))))
    notes = [event.note for event in studio.events if isinstance(event, Progress)]
    assert any("left" in note for note in notes), notes
    assert (in_time(0.2), in_time(75), in_time(200), in_time(4800)) == ("1 s", "75 s", "3 min", "1 h 20 min")


def test_many_sounds_are_mixed_in_groups_and_sound_the_same(
    studio: EditingStudio, tmp_path: Path, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone = studio.attach(make_wav(tmp_path / "tone.wav", 1.0, frequency=400, level=0.3))
    sounds = [clip(tone, n * 0.25, 0.2, n * 0.02, gain_db=-n) for n in range(12)]
    audio = {"effects": sounds[:6], "dialogue": sounds[6:]}
    timeline = build([clip(counting, n, 1) for n in range(3)], audio)
    film, _ = studio.make("render_timeline", timeline=saved(studio, timeline))
    at_once = read_samples(film, 48_000)
    monkeypatch.setattr("tools.editing.mix.GROUP", 4)
    for file in (studio.workspace.cache / "sounds").iterdir():
        file.unlink()
    film, _ = studio.make("render_timeline", timeline=saved(studio, timeline))
    grouped = read_samples(film, 48_000)
    assert np.abs(at_once - grouped).max() < 0.01


@pytest.mark.parametrize("db", [0.0, 6.0, 18.0])
def test_music_steps_back_as_far_as_the_timeline_says(
    studio: EditingStudio, tmp_path: Path, counting: Asset, db: float
) -> None:
    music = studio.attach(make_wav(tmp_path / "music.wav", 3.0, frequency=200, level=0.1))
    voice = studio.attach(make_wav(tmp_path / "voice.wav", 1.5, frequency=3000, level=0.2))
    sound = {"music": [clip(music, 0, 3)], "dialogue": [clip(voice, 1, 1.5)]}
    timeline = build([clip(counting, n, 1) for n in range(3)], sound)
    timeline.metadata["studio"]["ducking"] = {"music": db}
    film, _ = studio.make("render_timeline", timeline=saved(studio, timeline))
    heard = read_samples(film, 48_000)[:, 0]
    levels = [float(np.abs(np.fft.rfft(heard[at : at + 12_000]))[50]) for at in (24_000, 96_000)]
    assert 20 * np.log10(levels[0] / levels[1]) == pytest.approx(db, abs=2.5)


def test_one_timeline_rendered_twice_at_once(studio: EditingStudio, counting: Asset) -> None:
    file = saved(studio, build([clip(counting, 0, 0.5), clip(counting, 0.5, 0.25, 0.5)]))
    ready = threading.Barrier(4)
    outcomes = []

    def work() -> None:
        ready.wait()
        outcomes.append(studio.run("render_timeline", timeline=file))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert len({studio.path(outcome.assets[0]).read_bytes() for outcome in outcomes}) == 1


@pytest.mark.parametrize("change", ["another film", "cut short", "same length"])
def test_a_source_that_was_changed_since_is_no_source(studio: EditingStudio, counting: Asset, change: str,
                                                      tmp_path: Path) -> None:  # fmt: skip
    file, timeline = studio.path(counting), build([clip(counting, 0, 0.5)])
    film, _ = studio.make("render_timeline", timeline=saved(studio, timeline))
    whole = file.read_bytes()
    if change == "another film":
        file.write_bytes(coloured_film(tmp_path / "other.mp4").read_bytes())
    elif change == "cut short":
        file.write_bytes(whole[:-500])
    else:
        file.write_bytes(whole[:-5] + b"other")
        os.utime(file, (counting.created_at + 60, counting.created_at + 60))
    outcome = studio.run("render_timeline", timeline=saved(studio, timeline))
    assert isinstance(outcome.error, UsageError) and film.exists()
    assert "is not the one that was taken in" in outcome.error.sentence
    file.write_bytes(whole)
    assert studio.run("render_timeline", timeline=saved(studio, timeline)).error is None


def test_short_captions_that_fade_in_are_seen_in_their_middle(studio: EditingStudio, counting: Asset) -> None:
    words = [CaptionSpec(n, n + length, "Words", style)
             for n, (style, length) in enumerate((("title", 0.9), ("silent", 0.7), ("lower_third", 0.96)))]  # fmt: skip
    timeline = build([clip(counting, n, 1) for n in range(3)], captions=words)
    _, outcome = studio.make("render_timeline", timeline=saved(studio, timeline))
    scores = {score.name: score for score in outcome.assets[0].scores}
    assert scores["captions_in_frame"].value == 1.0, scores["captions_in_frame"].note


def test_a_file_that_grows_too_large_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ffmpeg, "MAX_OUTPUT_BYTES", 20_000)
    with pytest.raises(StudioError, match="The file grew too large"):
        run_ffmpeg(["-f", "lavfi", "-i", "testsrc2=d=5", "-c:v", "mjpeg", "-f", "mpegts", str(tmp_path / "a.ts")])
