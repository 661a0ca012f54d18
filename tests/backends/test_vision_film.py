"""Cuts, motion, liveliness and film measures against films whose truth is known."""

from itertools import pairwise

import numpy as np
import pytest
from media_fixtures import gradient, make_video, make_wav

from backends.media.probe import probe
from backends.vision.motion import MotionCurve, MotionSink, liveliest_span, liveliest_window, liveliness
from backends.vision.quality import measure_video
from backends.vision.shots import CutSink, detect_shots
from backends.vision.watch import watch
from configs.errors import Cancelled, UsageError

FPS = 24


def texture(seed: int, hue: tuple[int, int, int]) -> np.ndarray:
    """A detailed picture of its own for one shot, 480x180, for panning over."""
    noise = np.random.default_rng(seed).normal(0, 1, (23, 60))
    large = np.kron(noise, np.ones((8, 8)))[:180, :480]
    return np.clip(np.asarray(hue) + large[..., None] * 25, 0, 255).astype(np.uint8)


SHOTS = [texture(1, (180, 90, 60)), texture(2, (60, 120, 190)), texture(3, (90, 170, 80))]


def pan(at: float, shot: int, pixels_per_second: float = 40) -> np.ndarray:
    return SHOTS[shot][:, int(pixels_per_second * at) % 160 :][:, :320]


@pytest.fixture(scope="module")
def three_shots(tmp_path_factory):
    """Hard cuts at 1.5 s and 3.0 s; the second shot moves fast and is loud."""

    def frame(at: float) -> np.ndarray:
        shot = min(2, int((at + 1e-6) / 1.5))
        return pan(at - 1.5 * shot, shot, 100 if shot == 1 else 8)

    rate, times = 48_000, np.arange(round(4.5 * 48_000)) / 48_000
    loud = np.where((times >= 1.5) & (times < 3.0), 0.5, 0.01)
    path = tmp_path_factory.mktemp("three") / "three.mp4"
    return make_video(path, 4.5, frame=frame, samples=loud * np.sin(2 * np.pi * 330 * np.arange(len(times)) / rate))


def test_cuts_are_found_on_the_frame(three_shots):
    scenes, transitions = detect_shots(three_shots)
    assert [scene.first_frame for scene in scenes] == [0, 36, 72]
    assert [scene.start for scene in scenes] == pytest.approx([0, 1.5, 3.0], abs=0.001)
    assert scenes[-1].end == pytest.approx(4.5, abs=0.01)
    assert [scene.opening for scene in scenes] == ["start", "cut", "cut"]
    assert sum(scene.frames for scene in scenes) == 108
    assert [(cut.kind, cut.first_frame, cut.frames) for cut in transitions] == [("cut", 36, 0), ("cut", 72, 0)]
    assert all(one.end == other.start for one, other in pairwise(scenes))


def test_a_pan_and_a_flash_are_no_cuts(tmp_path):
    def flash(at: float) -> np.ndarray:
        return np.full((180, 320, 3), 255, np.uint8) if abs(at - 1.0) < 0.01 else pan(at, 0, 60)

    film = make_video(tmp_path / "flash.mp4", 2.0, frame=lambda at: pan(at, 0, 60), sound=False)
    assert len(detect_shots(film)[0]) == 1
    flashed, transitions = detect_shots(make_video(tmp_path / "f.mp4", 2.0, frame=flash, sound=False))
    assert (len(flashed), transitions) == (1, [])


def test_a_fade_through_black_is_one_border(tmp_path):
    def frame(at: float) -> np.ndarray:
        level = min(1.0, abs(at - 1.5) / 0.75)
        return (pan(at, 0 if at < 1.5 else 1, 10) * level).astype(np.uint8)

    shots, (fade,) = detect_shots(make_video(tmp_path / "fade.mp4", 3.0, frame=frame, sound=False))
    assert len(shots) == 2 and shots[1].opening == "fade"
    assert shots[1].start == pytest.approx(1.5, abs=0.1)
    assert (fade.kind, fade.detail) == ("fade", "through black")
    assert (fade.start, fade.end) == pytest.approx((0.75, 2.25), abs=0.13)


def test_sensitivity(tmp_path):
    """A weak cut between two like pictures needs more sensitivity; nonsense is refused."""

    def frame(at: float) -> np.ndarray:
        picture = pan(0, 0)
        return picture if at < 1.0 else np.clip(picture.astype(int) + 24, 0, 255).astype(np.uint8)

    weak = make_video(tmp_path / "weak.mp4", 2.0, frame=frame, sound=False)
    counts = [len(detect_shots(weak, sensitivity=level)[0]) for level in (0.0, 0.5, 1.0)]
    assert counts == sorted(counts)
    with pytest.raises(UsageError, match="between 0 and 1"):
        detect_shots(weak, sensitivity=3)


def test_cancel_stops_the_pass(three_shots):
    seen = []

    def cancel():
        seen.append(1)
        if len(seen) == 5:
            raise Cancelled("Stopped")

    with pytest.raises(Cancelled):
        detect_shots(three_shots, cancel=cancel)
    assert len(seen) == 5


@pytest.mark.parametrize("speed", [16, 48, 96])
def test_motion_is_in_widths_per_second(tmp_path, speed):
    film = make_video(tmp_path / "pan.mp4", 1.0, frame=lambda at: pan(at, 0, speed), sound=False)
    sink = MotionSink()
    watch(film, [sink])
    assert sink.curve().mean == pytest.approx(speed / 320, rel=0.15)


def test_a_cut_is_not_motion(three_shots):
    info = probe(three_shots)
    cuts, motion = CutSink(info), MotionSink()
    watch(three_shots, [cuts, motion])
    borders = [scene.start for scene in cuts.shots()[1:]]
    curve = motion.curve(borders)
    slow = (curve.seconds < 1.4) | (curve.seconds > 3.15)
    assert curve.energy[slow].max() < 0.06
    assert np.median(curve.energy[~slow]) == pytest.approx(100 / 320, rel=0.15)
    assert curve.energy.max() < 0.5
    at_cut = int(np.searchsorted(curve.seconds, 3.0 - 1e-3))
    assert motion.curve().energy[at_cut] != curve.energy[at_cut], "the flow between two shots must be left out"


def test_the_liveliest_second_is_the_fast_loud_shot(three_shots):
    start, end = liveliest_span(three_shots, 1.0)
    assert end - start == pytest.approx(1.0)
    assert start >= 1.5 - 1e-3 and end <= 3.0 + 1e-3
    start, end = liveliest_span(three_shots, 1.5)
    assert (start, end) == pytest.approx((1.5, 3.0), abs=0.01), "a window of exactly one shot"
    assert liveliest_span(three_shots, 60) == pytest.approx((0, 4.5), abs=0.01)


def test_windows_keep_inside_shots_unless_it_costs_too_much():
    lively = np.zeros(100)
    lively[30:50] = 1.0
    assert liveliest_window(lively, 2.0, 10.0) == pytest.approx((3.0, 5.0))
    start, end = liveliest_window(lively, 2.0, 10.0, cuts=[3.3])
    assert start == pytest.approx(3.3) and end == pytest.approx(5.3)
    # The best window inside a shot reaches half of the best one: then the cut is the lesser evil.
    assert liveliest_window(lively, 2.0, 10.0, cuts=[4.0]) == pytest.approx((3.0, 5.0))
    assert liveliest_window(np.zeros(100), 2.0, 10.0) == (0.0, 2.0)
    with pytest.raises(UsageError):
        liveliest_window(lively, 0.0, 10.0)


def test_sound_alone_and_motion_alone_decide():
    still = MotionCurve(np.arange(40) / 10, np.zeros(40))
    levels = np.full(40, -70.0)
    levels[20:30] = -12.0
    assert liveliest_window(liveliness(still, levels, 4.0), 1.0, 4.0) == pytest.approx((2.0, 3.0))
    moving = MotionCurve(np.arange(40) / 10, np.where(np.arange(40) >= 30, 0.3, 0.0))
    assert liveliest_window(liveliness(moving, None, 4.0), 1.0, 4.0)[0] == pytest.approx(3.0, abs=0.1)
    assert liveliness(still, None, 4.0).max() == 0.0


def test_black_and_frozen_spans(tmp_path):
    def frame(at: float) -> np.ndarray:
        if at < 0.5 - 1e-6:
            return np.zeros((180, 320, 3), np.uint8)
        return pan(min(at, 1.5), 0, 60)

    found = measure_video(make_video(tmp_path / "bf.mp4", 3.0, frame=frame, sound=False))
    assert found["black_spans"] == [[0.0, 0.5]]
    assert len(found["frozen_spans"]) == 1
    assert found["frozen_spans"][0] == pytest.approx([1.5, 3.0], abs=0.09)
    assert found["frozen_share"] == pytest.approx(0.5, abs=0.03)
    assert found["black_share"] == pytest.approx(0.5 / 3, abs=0.01)
    assert (found["frames"], found["loudness_lufs"]) == (72, None)


def test_a_moving_mouth_is_not_frozen(tmp_path):
    def talk(at: float) -> np.ndarray:
        picture = gradient(0)
        if int(at * 8) % 2:
            picture[120:126, 150:166] = (90, 20, 20)
        return picture

    talking = measure_video(make_video(tmp_path / "talk.mp4", 2.5, frame=talk, sound=False))
    assert talking["frozen_spans"] == []
    still = measure_video(make_video(tmp_path / "still.mp4", 2.5, frame=lambda _: gradient(0), sound=False))
    assert still["frozen_share"] == pytest.approx(1.0, abs=0.03)


def test_loudness_of_a_known_tone(tmp_path):
    """BS.1770: a 997 Hz sine of 0 dBFS in one channel is -3.01 LUFS; here both channels at -20 dBFS: -20.0."""
    rate = 48_000
    tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate)
    stereo = make_wav(tmp_path / "tone.wav", 3.0, samples=tone, channels=2)
    assert probe(stereo).channels == 2
    from backends.vision.quality import measure_sound

    found = measure_sound(stereo, probe(stereo))
    assert found["loudness_lufs"] == pytest.approx(-20.0, abs=0.1)
    assert found["peak_dbfs"] == pytest.approx(-20.0, abs=0.1)
    short = make_wav(tmp_path / "short.wav", 0.2)
    assert measure_sound(short, probe(short))["loudness_lufs"] is None
    silent = make_wav(tmp_path / "silent.wav", 1.0, level=0.0)
    assert measure_sound(silent, probe(silent)) == {"loudness_lufs": None, "peak_dbfs": None}
