"""Timelines rendered for real: every frame where it belongs, sound mixed, pieces reused, nothing left half done."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from editing_context import EditingStudio, coloured_film, counting_film, frames, numbers
from media_fixtures import make_png, make_wav

from backends.media.audio import read_samples
from backends.media.ffmpeg import encode_args, ffmpeg_path
from backends.media.guard import sniff
from backends.media.probe import probe
from configs.errors import Cancelled, UsageError
from configs.settings import Settings
from memory.records import Asset
from tools.editing.cut import Source
from tools.editing.level import finished_sound
from tools.editing.mix import audible
from tools.editing.presets import editing_presets
from tools.editing.program import read_program
from tools.editing.segments import plan
from tools.editing.specs import CaptionSpec, ClipSpec
from tools.editing.timeline import build_timeline, save_timeline
from tools.spec import CancelToken


@pytest.fixture
def studio(settings: Settings) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    yield made
    made.close()


@pytest.fixture
def counting(studio: EditingStudio, tmp_path: Path) -> Asset:
    return studio.attach(counting_film(tmp_path / "counting.mp4"))


def clip(asset: Asset, start: float, seconds: float, source_in: float = 0, **more: Any) -> ClipSpec:
    return ClipSpec(asset.id, Path(asset.path), start, seconds, source_in, **more)


def render(studio: EditingStudio, timeline: otio.schema.Timeline, **args: Any) -> tuple[Path, dict[str, Any]]:
    count = len(list(studio.workspace.home.glob("cut*.otio")))
    file = save_timeline(timeline, studio.workspace.home / f"cut{count}.otio")
    film, outcome = studio.make("render_timeline", timeline=file.name, **args)
    assert outcome.result is not None
    return film, outcome.result.measurements


def build(video: list[ClipSpec], audio: dict[str, list[ClipSpec]] | None = None, **more: Any) -> otio.schema.Timeline:
    return build_timeline("t", more.pop("fps", 24), 160, 90, video, audio or {}, **more)


def test_every_frame_is_where_the_timeline_says(studio: EditingStudio, counting: Asset) -> None:
    video = [clip(counting, 0, 7 / 24, 3 / 24), clip(counting, 7 / 24, 5 / 24, 17 / 24), clip(counting, 0.5, 1 / 24)]
    film, facts = render(studio, build(video))
    assert numbers(film) == [3, 4, 5, 6, 7, 8, 9, 17, 18, 19, 20, 21, 0]
    assert facts["frames"] == 13
    assert facts["seconds"] == pytest.approx(13 / 24, abs=1e-3)


def test_ntsc_rates_stay_exact(studio: EditingStudio, counting: Asset) -> None:
    frame = 1001 / 24000
    video = [clip(counting, number * frame * 3, 3 * frame, number * 2 * frame) for number in range(8)]
    film, facts = render(studio, build(video, fps=23.976))
    assert facts["frames"] == 24
    assert probe(film).fps == pytest.approx(24000 / 1001, abs=1e-3)


def test_gaps_are_black_and_stay_so_long(studio: EditingStudio, counting: Asset) -> None:
    film, _ = render(studio, build([clip(counting, 0.25, 0.25, 10 / 24), clip(counting, 0.75, 0.25, 10 / 24)]))
    dark = frames(film).mean(axis=(1, 2, 3)) < 10
    assert dark.tolist() == [True] * 6 + [False] * 6 + [True] * 6 + [False] * 6


def test_a_dissolve_goes_from_one_clip_to_the_other(studio: EditingStudio, tmp_path: Path) -> None:
    light = studio.attach(make_png(tmp_path / "light.png", 160, 90, (230, 230, 230)))
    dark = studio.attach(make_png(tmp_path / "dark.png", 160, 90, (30, 30, 30)))
    mix = {"transition": "dissolve", "transition_seconds": 0.5}
    film, _ = render(studio, build([clip(dark, 0, 1), clip(light, 0.5, 1, **mix)]))
    grey = frames(film).mean(axis=(1, 2, 3))
    assert len(grey) == 36
    assert np.all(np.diff(grey[12:25]) > 5)
    assert abs(grey[:12] - 30).max() < 4 and abs(grey[24:] - 230).max() < 4


def test_a_dissolve_without_handles_holds_still_frames(studio: EditingStudio, counting: Asset) -> None:
    mix = {"transition": "dissolve", "transition_seconds": 0.25}
    film, facts = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 0.5, **mix)]))
    assert facts["frames"] == 36
    shown = numbers(film)
    assert shown[:21] == list(range(21)) and shown[27:] == list(range(3, 12))


def test_a_fade_dips_to_black(studio: EditingStudio, counting: Asset) -> None:
    dip = {"transition": "fade", "transition_seconds": 0.5}
    film, _ = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 1, **dip)]))
    grey = frames(film).mean(axis=(1, 2, 3))
    assert grey[23:25].max() < 25 < grey[17]


def test_speed_and_reverse(studio: EditingStudio, counting: Asset) -> None:
    fast = clip(counting, 0, 0.5, effects=({"name": "speed", "factor": 2.0},))
    slow = clip(counting, 0.5, 0.5, effects=({"name": "speed", "factor": 0.5},))
    back = clip(counting, 1, 0.5, 6 / 24, effects=({"name": "reverse"},))
    film, _ = render(studio, build([fast, slow, back]))
    shown = numbers(film)
    assert all(abs(seen - 2 * n) <= 1 for n, seen in enumerate(shown[:12])), shown
    assert all(abs(seen - n / 2) <= 0.5 for n, seen in enumerate(shown[12:24])), shown
    assert shown[24:] == list(range(17, 5, -1))


def test_a_long_reverse_is_drawn_in_chunks_without_a_seam(
    studio: EditingStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = editing_presets()
    small = presets.model_copy(update={"encode": presets.encode.model_copy(update={"chunk_seconds": 0.7})})
    monkeypatch.setattr("tools.editing.segments.editing_presets", lambda: small)
    long = studio.attach(counting_film(tmp_path / "long.mp4", 100, sound=False))
    film, facts = render(studio, build([clip(long, 0, 100 / 24, effects=({"name": "reverse"},))]))
    assert facts["pieces"] == 6
    assert numbers(film) == [n % 28 for n in range(99, -1, -1)]


def test_a_reversed_piece_never_fills_the_memory() -> None:
    clips = [ClipSpec("v", Path("a.mp4"), 0, 60, effects=({"name": "reverse"},))]
    program = read_program(build_timeline("t", 60, 3840, 2160, clips, {}), lambda *_: _fake_source())
    assert max(segment.frames for segment in plan(program)) * 3840 * 2160 * 1.5 <= 128 * 2**20


def test_foreign_transitions_that_overlap_are_refused() -> None:
    timeline = build([ClipSpec("v", Path("a.mp4"), n, 1, 1) for n in range(3)])
    wide = otio.opentime.RationalTime(20, 24)
    for at in (1, 3):
        timeline.video_tracks()[0].insert(at, otio.schema.Transition(in_offset=wide, out_offset=wide))
    with pytest.raises(UsageError, match="overlap"):
        plan(read_program(timeline, lambda *_: _fake_source()))


def test_black_and_white_is_grey_and_sepia_is_brown(studio: EditingStudio, tmp_path: Path) -> None:
    colour = studio.attach(coloured_film(tmp_path / "colour.mp4"))
    grade = lambda look: ({"name": "grade", "look": look},)  # noqa: E731
    video = [
        clip(colour, 0, 0.25),
        clip(colour, 0.25, 0.25, effects=grade("black_and_white")),
        clip(colour, 0.5, 0.25, effects=grade("sepia")),
    ]
    film, _ = render(studio, build(video))
    seen = frames(film)
    spread = (seen.max(axis=3) - seen.min(axis=3)).mean(axis=(1, 2))
    assert spread[:6].min() > 60
    assert spread[6:12].max() < 3
    red, _, blue = seen[12:].mean(axis=(0, 1, 2))
    assert red > blue + 20


def test_the_same_timeline_gives_the_same_bytes_and_reuses_its_pieces(
    studio: EditingStudio, counting: Asset, tmp_path: Path, settings: Settings
) -> None:
    video = [clip(counting, 0, 0.5), clip(counting, 0.5, 0.5, 0.5, transition="dissolve", transition_seconds=0.25)]
    timeline = build(video, {"dialogue": [clip(counting, 0, 1)]}, captions=[CaptionSpec(0.2, 0.4, "Hello")])
    film, first = render(studio, timeline)
    assert (first["pieces"], first["reused"]) == (3, 0)
    again, second = render(studio, timeline)
    assert (second["pieces"], second["reused"]) == (3, 3)
    elsewhere = EditingStudio(settings.model_copy(update={"home": tmp_path / "other"}))
    elsewhere.attach(studio.path(counting))
    fresh, third = render(elsewhere, timeline)
    elsewhere.close()
    assert third["reused"] == 0
    assert film.read_bytes() == again.read_bytes() == fresh.read_bytes()


def test_a_changed_caption_costs_only_its_own_piece(studio: EditingStudio, counting: Asset) -> None:
    video = [clip(counting, 0, 0.5), clip(counting, 0.5, 0.5, 0.5)]
    render(studio, build(video, captions=[CaptionSpec(0.6, 0.9, "one")]))
    _, facts = render(studio, build(video, captions=[CaptionSpec(0.6, 0.9, "two")]))
    assert (facts["pieces"], facts["reused"]) == (2, 1)


def test_size_and_preview(studio: EditingStudio, tmp_path: Path) -> None:
    wide = studio.attach(coloured_film(tmp_path / "wide.mp4", 0.5, size=(320, 90)))
    film, _ = render(studio, build([clip(wide, 0, 0.5)]))
    assert (probe(film).width, probe(film).height) == (160, 90)
    rows = frames(film)[3].mean(axis=(1, 2))
    assert rows[:20].max() < 8 and rows[-20:].max() < 8 and rows[30:60].min() > 20, "bars above and below"
    film, facts = render(studio, build([clip(wide, 0, 0.5)]), height=46)
    assert (probe(film).height, facts["height"]) == (46, 46)
    tall = build_timeline("t", 24, 1920, 1080, [clip(wide, 0, 1 / 24)], {})
    film, _ = render(studio, tall, preview=True)
    assert (probe(film).width, probe(film).height) == (960, 540)


def test_sound_lies_where_it_should_and_is_levelled(studio: EditingStudio, counting: Asset, tmp_path: Path) -> None:
    tone = studio.attach(make_wav(tmp_path / "tone.wav", 1.0, level=0.05))
    film, facts = render(studio, build([clip(counting, 0, 1), clip(counting, 1, 1)], {"dialogue": [clip(tone, 1, 1)]}))
    heard = np.abs(read_samples(film, 48_000)).max(axis=1)
    assert len(heard) == pytest.approx(96_000, abs=1100)
    assert heard[:47_000].max() < 0.01
    assert heard[50_000:90_000].max() > 0.1
    assert facts["loudness_lufs"] == pytest.approx(studio.settings.film.loudness_lufs, abs=1.0)


def test_music_steps_back_while_somebody_speaks(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    music = studio.attach(make_wav(tmp_path / "music.wav", 3.0, frequency=200, level=0.2))
    voice = studio.attach(make_wav(tmp_path / "voice.wav", 1.0, frequency=3000, level=0.4))
    video = [clip(counting, number, 1) for number in range(3)]
    film, _ = render(studio, build(video, {"music": [clip(music, 0, 3)], "dialogue": [clip(voice, 1, 1)]}))
    sound = read_samples(film, 48_000)[:, 0]

    def music_level(second: float) -> float:
        part = sound[int(second * 48_000) : int((second + 0.25) * 48_000)]
        return float(np.abs(np.fft.rfft(part))[50])  # 200 Hz in steps of 4 Hz

    assert music_level(1.5) < 0.6 * music_level(0.5)
    assert music_level(2.7) > 0.8 * music_level(0.5)


def test_speed_and_gain_reach_the_sound(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    rising = np.concatenate([np.zeros(24_000), 0.5 * np.sin(2 * np.pi * 500 * np.arange(24_000) / 48_000)])
    tone = studio.attach(make_wav(tmp_path / "rising.wav", samples=rising))
    fast = clip(tone, 0, 0.5, effects=({"name": "speed", "factor": 2.0},))
    back = clip(tone, 0.5, 1, effects=({"name": "reverse"},), gain_db=-20)
    timeline = build([clip(counting, 0, 1), clip(counting, 1, 0.5)], {"effects": [fast, back]})
    timeline.metadata["studio"]["loudness"] = "keep"
    film, _ = render(studio, timeline)
    loud = [float(np.abs(part).max()) for part in np.array_split(read_samples(film, 48_000)[:72_000], 6)]
    assert loud[0] < 0.02 and loud[1] > 0.3, "twice as fast: silent for a quarter second"
    assert 0.01 < loud[2] < 0.08 and 0.01 < loud[3] < 0.08 and loud[5] < 0.02, "backwards and 20 dB down"


def test_surround_sound_is_folded_down(studio: EditingStudio, tmp_path: Path) -> None:
    path = tmp_path / "surround.mp4"
    command = [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "color=gray:s=160x90:d=1:r=24", "-f", "lavfi", "-i"]
    command += ["aevalsrc=0|0|0.5*sin(880*PI*t)|0|0|0:c=5.1:d=1:s=48000", *encode_args(), "-ac", "6", str(path)]
    subprocess.run(command, check=True)
    asset = studio.attach(path)
    film, _ = render(studio, build([clip(asset, 0, 1)], {"dialogue": [clip(asset, 0, 1)]}))
    assert probe(film).channels == 2
    assert np.abs(read_samples(film, 48_000)).max(axis=0).min() > 0.1, "the centre is heard left and right"


def test_no_sound_makes_a_silent_file(studio: EditingStudio, counting: Asset) -> None:
    film, facts = render(studio, build([clip(counting, 0, 0.5)]))
    assert not probe(film).has_audio
    assert "loudness_lufs" not in facts


def test_scores_are_measured_and_a_black_film_fails_its_gate(studio: EditingStudio, tmp_path: Path) -> None:
    black = studio.attach(coloured_film(tmp_path / "b.mp4", 2.0))
    dark = clip(black, 0, 2, effects=({"name": "fade_out", "seconds": 0.01},))
    file = save_timeline(build([dark]), studio.workspace.home / "cut.otio")
    good = studio.run("render_timeline", timeline=file.name)
    assert {score.name: score.passed for score in good.assets[0].scores} == {
        "frames": True,
        "seconds": True,
        "black_share": True,
        "frozen_share": True,
        "pieces_as_drawn": True,
    }
    night = studio.attach(_solid(tmp_path / "night.mp4"))
    file = save_timeline(build([clip(night, 0, 2)]), studio.workspace.home / "night.otio")
    bad = studio.run("render_timeline", timeline=file.name)
    assert bad.result is not None
    assert {score.name: score.passed for score in bad.assets[0].scores}["black_share"] is False
    assert any("black_share" in warning for warning in bad.result.warnings)


def test_cancelled_it_leaves_nothing_and_goes_on_later(studio: EditingStudio, tmp_path: Path) -> None:
    big = studio.attach(coloured_film(tmp_path / "big.mp4", 1.0, size=(1280, 720), fps=24))
    video = [clip(big, number, 1) for number in range(12)]
    timeline = build_timeline("t", 24, 1280, 720, [*video[:1], *_graded(video[1:])], {})
    file = save_timeline(timeline, studio.workspace.home / "cut.otio")
    token = CancelToken()
    threading.Timer(1.2, token.cancel).start()
    began = time.monotonic()
    outcome = studio.run("render_timeline", cancel=token, timeline=file.name)
    assert outcome.status == "cancelled" and isinstance(outcome.error, Cancelled)
    assert time.monotonic() - began < 5
    segments = studio.workspace.cache / "segments"
    assert [path.name for path in segments.iterdir() if path.name.startswith(".")] == []
    assert list(studio.workspace.assets.glob("*t.mp4")) == []
    assert _ffmpeg_children() == []
    outcome = studio.run("render_timeline", timeline=file.name)
    assert outcome.status == "done"


def test_a_timeline_of_another_program_renders_by_file_name(studio: EditingStudio, counting: Asset) -> None:
    time_of = otio.opentime.RationalTime
    reference = otio.schema.ExternalReference(
        target_url="file:///Users/anna/Movies/counting.mp4",
        available_range=otio.opentime.TimeRange(time_of(86_400, 24), time_of(24, 24)),
    )
    span = otio.opentime.TimeRange(time_of(86_405, 24), time_of(4, 24))
    made = otio.schema.Clip("shot", reference, span)
    made.effects.append(otio.schema.Effect(effect_name="Vendor Glow"))
    timeline = otio.schema.Timeline("foreign")
    timeline.tracks.append(otio.schema.Track("V1", [made], kind="Video"))
    file = save_timeline(timeline, studio.workspace.home / "foreign.otio")
    film, outcome = studio.make("render_timeline", timeline=file.name)
    assert numbers(film) == [5, 6, 7, 8]
    assert outcome.result is not None
    assert any("Vendor Glow" in warning for warning in outcome.result.warnings)


@pytest.mark.parametrize(
    "url", ["nowhere.mp4", "/etc/passwd", "../../outside.mp4", "http://example.com/a.mp4", "concat:a|b", ""]
)
def test_a_source_that_is_not_in_the_studio_is_named(studio: EditingStudio, counting: Asset, url: str) -> None:
    timeline = build([clip(counting, 0, 0.5)])
    first = timeline.video_tracks()[0][0]
    first.metadata["studio"]["asset"] = ""
    first.media_reference.target_url = url
    file = save_timeline(timeline, studio.workspace.home / "cut.otio")
    outcome = studio.run("render_timeline", timeline=file.name)
    assert isinstance(outcome.error, UsageError)
    assert "\n" not in outcome.error.sentence
    assert Path(url).name in outcome.error.sentence


@pytest.mark.parametrize(
    "effect",
    [
        {"name": "grade", "look": "movie=/etc/passwd"},
        {"name": "speed", "factor": 1000.0},
        {"name": "fade_in", "seconds": "1,drawtext=text=x"},
        {"name": "lut3d", "file": "/etc/passwd"},
    ],
)
def test_effects_are_checked_when_a_timeline_is_read(
    studio: EditingStudio, counting: Asset, effect: dict[str, Any]
) -> None:
    timeline = build([clip(counting, 0, 0.5, effects=(effect,))])
    file = save_timeline(timeline, studio.workspace.home / "cut.otio")
    assert isinstance(studio.run("render_timeline", timeline=file.name).error, UsageError)


def test_a_text_file_named_otio_is_refused(studio: EditingStudio) -> None:
    (studio.workspace.home / "fake.otio").write_text(json.dumps({"hello": "world"}))
    assert isinstance(studio.run("render_timeline", timeline="fake.otio").error, UsageError)


def test_segments_cover_every_frame_once() -> None:
    mix = {"transition": "dissolve", "transition_seconds": 0.5}
    video = [ClipSpec(str(n), Path("a.mp4"), n * 1.5, 2 if n < 6 else 25, 0, **(mix if n else {})) for n in range(7)]
    program = read_program(build(video), lambda *_: _fake_source())
    segments = plan(program)
    ends = [0]
    for segment in segments:
        assert segment.start == ends[-1]
        ends.append(segment.start + segment.frames)
    assert ends[-1] == program.frames
    assert sum(bool(segment.blend) for segment in segments) == 6
    assert max(segment.frames for segment in segments) <= 240


def _fake_source() -> Any:
    from tools.editing.program import Source

    return Source(Path("a.mp4"), "0", "vid-1", None, None)  # type: ignore[arg-type]


def _graded(clips: list[ClipSpec]) -> list[ClipSpec]:
    looks = ["sepia", "noir", "warm", "cold", "vivid", "faded", "bright", "dark", "contrast", "negative", "dreamy"]
    return [
        ClipSpec(c.asset_id, c.path, c.start, c.seconds, effects=({"name": "grade", "look": look},))
        for c, look in zip(clips, looks, strict=True)
    ]


def _solid(path: Path) -> Path:
    from media_fixtures import make_video

    return make_video(path, 2.0, width=160, height=90, sound=False, frame=lambda at: np.zeros((90, 160, 3), np.uint8))


def _ffmpeg_children() -> list[str]:
    import os

    import psutil

    children = psutil.Process(os.getpid()).children(recursive=True)
    return [child.name() for child in children if child.status() != psutil.STATUS_ZOMBIE and "ffmpeg" in child.name()]


def test_fractions_of_a_frame_do_not_add_up() -> None:
    video = [ClipSpec("v", Path("a.mp4"), n / 3, 1 / 3, 0) for n in range(300)]
    program = read_program(build(video, fps=25), lambda *_: _fake_source())
    assert program.frames == 2500
    assert program.seconds == pytest.approx(100)
    assert program.fps == Fraction(25)


@pytest.mark.parametrize("word", ["last", "$last", "LAST"])
def test_a_timeline_names_files_and_speaks_no_words_of_the_chat(
    studio: EditingStudio, counting: Asset, word: str
) -> None:
    timeline = build([clip(counting, 0, 0.5)])
    for piece in timeline.find_clips():
        piece.metadata["studio"]["asset"] = word
        piece.media_reference.target_url = word
    file = save_timeline(timeline, studio.workspace.home / "foreign.otio")
    error = studio.run("render_timeline", timeline=file.name).error
    assert isinstance(error, UsageError) and "not in the studio" in str(error)


def test_a_mix_is_the_same_whatever_else_runs(studio: EditingStudio, tmp_path: Path, counting: Asset) -> None:
    """What is left in the compressor when one of its inputs ends depends on how ffmpeg's threads happen to run."""
    music = studio.attach(make_wav(tmp_path / "music.wav", seconds=3.0, frequency=110))
    voice = studio.attach(make_wav(tmp_path / "voice.wav", seconds=0.5, frequency=700))
    sound = {"music": [clip(music, 0, 3)], "ambience": [clip(music, 0, 3)], "dialogue": [clip(voice, 1, 0.5)]}
    video = [clip(counting, 0, 1), clip(counting, 1, 1), clip(counting, 2, 1)]
    assets = {asset.id: asset for asset in (counting, music, voice)}

    def find(asset_id: str, url: str) -> Source:
        path = studio.path(assets[asset_id])
        return Source(path, assets[asset_id].sha256, asset_id, sniff(path), probe(path))

    program = read_program(build(video, sound), find)
    cuts = audible(program)

    def mixed(number: int) -> str:
        folder = tmp_path / str(number)
        return hashlib.sha256(finished_sound(program, cuts, -16.0, folder, lambda: None).file.read_bytes()).hexdigest()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(mixed, range(18)))) == 1
