"""Temporal coherence: clean footage is left alone, defects are called by their names, what cannot be told is not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest

from backends.media.probe import MediaInfo
from backends.vision.coherence.cells import Looked
from backends.vision.coherence.numbers import Numbers
from backends.vision.coherence.result import Coherence
from backends.vision.coherence.sink import CoherenceSink
from backends.vision.cuts.result import ShotSpan
from backends.vision.frame import Frame, Frames
from evals.footage.defects import clean, faulty
from evals.footage.defects_scenes import Rgb

SEED = 7


def judged(frames: Sequence[Rgb], fps: float = 24.0, shots: Sequence[tuple[int, int]] = ()) -> Sequence[Coherence]:
    """Verdicts on frames that are already small; shots: first clean frame and the one after the last."""
    sink = CoherenceSink(MediaInfo("video", "mp4", fps=fps))
    seen(sink, frames, fps)
    return sink.report([span(first, last, fps) for first, last in shots or ((0, len(frames)),)])


def seen(sink: CoherenceSink, frames: Sequence[Rgb], fps: float, at_once: int = 16) -> None:
    """Let it look at all frames, so many in one step."""
    before: Frame | None = None
    for first in range(0, len(frames), at_once):
        taken: list[Frame] = []
        for index, rgb in enumerate(frames[first : first + at_once], start=first):
            taken.append(before := Frame(index, index / fps, rgb, None if taken else before))
        sink.see_all(Frames(taken))


def span(first: int, last: int, fps: float) -> ShotSpan:
    count = last - first
    return ShotSpan(
        index=1, start=first / fps, end=last / fps, first_frame=first, frames=count, clean_first=first,
        clean_frames=count, opening="cut",
    )  # fmt: skip


@cache
def footage(kind: str, defect: str = "") -> tuple[tuple[Rgb, ...], float, tuple[tuple[float, float], ...]]:
    clip = faulty(kind, SEED, defect) if defect else clean(kind, SEED)
    return tuple(clip.small()), clip.fps, clip.spans


@pytest.mark.parametrize(
    "kind",
    ["static", "fast_pan", "zoom", "handheld", "on_twos", "walking", "talking", "dark", "crf_30", "grain", "light"],
)
def test_clean_footage_holds_together(kind: str) -> None:
    frames, fps, _ = footage(kind)
    (found,) = judged(frames, fps)
    assert found.verdict == "coherent", (kind, found.faults, found.reason)
    assert found.faults == () and found.reason == ""


@pytest.mark.parametrize(
    ("kind", "defect", "fault"),
    [
        ("slow_pan", "boil", "boil"),
        ("walking", "wobble", "wobble"),
        ("zoom", "flicker", "flicker"),
        ("static", "regional_flicker", "flicker"),
        ("slow_pan", "jump", "jump"),
        ("static", "teleport", "jump"),
        ("parallax", "colour_drift", "colour_drift"),
    ],
)
def test_a_defect_is_called_by_its_name_and_shown_where_it_is(kind: str, defect: str, fault: str) -> None:
    frames, fps, spans = footage(kind, defect)
    (found,) = judged(frames, fps)
    assert found.verdict == "faulty"
    first = found.faults[0]
    assert first.kind == fault and first.strength > 1
    assert 0 < len(first.seconds) <= 5
    start, end = spans[0]
    # A thing that leaps is away for one frame, and shown when it goes or when it comes back.
    assert start - 0.01 <= first.seconds[0] <= end + 1 / fps + 0.01


@pytest.mark.parametrize(("fps", "size"), [(24.0, (180, 320)), (60.0, (180, 320)), (24.0, (150, 101))])
def test_the_numbers_do_not_depend_on_how_frames_are_divided(fps: float, size: tuple[int, int]) -> None:
    one, _, _ = footage("static", "teleport")
    other, _, _ = footage("talking")
    film = [*one[20:44], other[0], other[0], *other[:10]]
    film = [np.ascontiguousarray(rgb[: size[0], : size[1]]) for rgb in film]
    rows = []
    for at_once in (1, 5, 16, len(film)):
        sink = CoherenceSink(MediaInfo("video", "mp4", fps=fps))
        seen(sink, film, fps, at_once)
        shot = span(0, len(film), fps)
        rows.append(sink.report([shot])[0].model_dump() | {"measures": dict(sink.measures(shot))})
    for row in rows[1:]:
        assert row["faults"] == rows[0]["faults"]
        for name in ("warp_mean", "warp_peak_ratio", "luma_flicker", "ssim_warped_min", "occluded_fraction"):
            assert row[name] == pytest.approx(rows[0][name], abs=2e-3)
        assert row["measures"] == pytest.approx(rows[0]["measures"], abs=2e-3)


def test_a_film_that_changes_its_size_goes_on() -> None:
    frames, fps, _ = footage("slow_pan")
    film = [*frames[:16], *(np.ascontiguousarray(rgb[:120]) for rgb in frames[16:32])]
    _, second = judged(film, fps, [(0, 16), (16, 32)])
    assert second.verdict == "coherent"


@pytest.mark.parametrize(("height", "width"), [(180, 320), (150, 101)])
def test_what_no_block_changes_by_the_mark_is_the_same_drawing(height: int, width: int) -> None:
    rng = np.random.default_rng(3)
    rows, columns = height // 8 * 8, width // 8 * 8
    still: list[bool] = []
    frames = [Frame(0, 0.0, np.full((height, width, 3), 90, np.uint8))]
    for level in (0.5, 1, 1.6, 1.9, 2.3, 3, 5, 9):
        rgb = frames[-1].rgb.copy()
        y, x = int(rng.integers(rows // 8)) * 8, int(rng.integers(columns // 8)) * 8
        # As many of a block's 64 pixels change by 10 levels as give the mean.
        where = rng.permutation(64)[: round(6.4 * level)]
        rgb[y + where // 8, x + where % 8] += 10
        frames.append(Frame(len(frames), len(frames) / 24, rgb, None))
        change = cv2.absdiff(frames[-2].grey, frames[-1].grey)
        mean = cv2.resize(change, (width // 8, height // 8), interpolation=cv2.INTER_AREA).max()
        still.append(float(mean) < 2.0)
    assert Looked(Frames(frames), range(len(frames))).still(None, 2.0)[1:] == still
    assert any(still) and not all(still)


@pytest.mark.parametrize(("kind", "defect"), [("grain", ""), ("walking", "wobble"), ("slow_pan", "jump")])
def test_films_held_upright_are_judged_alike(kind: str, defect: str) -> None:
    frames, fps, _ = footage(kind, defect)
    (found,) = judged([np.ascontiguousarray(rgb.transpose(1, 0, 2)) for rgb in frames], fps)
    assert [fault.kind for fault in found.faults[:1]] == ([defect] if defect else [])


def test_repeated_drawings_change_nothing() -> None:
    frames, _, _ = footage("walking")
    thinned = frames[::2]
    (ones,) = judged(thinned, 12.0)
    (twos,) = judged([rgb for rgb in thinned for _ in range(2)], 24.0)
    assert twos.verdict == "coherent"
    assert twos.warp_mean == ones.warp_mean
    assert twos.warp_peak_ratio == ones.warp_peak_ratio
    assert twos.luma_flicker == ones.luma_flicker


def test_a_still_picture_holds_together() -> None:
    frames, _, _ = footage("static")
    (found,) = judged([frames[0]] * 24)
    assert found.verdict == "coherent"
    assert (found.warp_mean, found.occluded_fraction, found.ssim_warped_min) == (0.0, 0.0, 1.0)


def test_a_cut_belongs_to_no_shot() -> None:
    one, _, _ = footage("static")
    other, _, _ = footage("talking")
    film = [*one[:36], *other[:36]]
    first, second = judged(film, shots=[(0, 36), (36, 72)])
    assert (first.verdict, second.verdict) == ("coherent", "coherent")
    (alone,) = judged(one[:36])
    assert first.warp_peak_ratio == alone.warp_peak_ratio


def test_too_short_too_dark_too_fast_and_too_flat_are_unknown_with_the_reason() -> None:
    frames, fps, _ = footage("slow_pan")
    noise = np.random.default_rng(1).integers(0, 256, (12, 12, 20, 3), np.uint8).repeat(9, axis=1).repeat(16, axis=2)
    sky = np.linspace(90, 180, 108)[:, None, None] + np.zeros((108, 160, 3))
    dusk = [np.clip(sky + 3 * at, 0, 255).astype(np.uint8) for at in range(12)]
    cases = [
        (frames[:5], "only 5 clean frames"),
        ([rgb // 40 for rgb in frames[:40]], "dark"),
        (list(noise), "too fast"),
        (dusk, "too little texture"),
        ([np.zeros((9, 16, 3), np.uint8)] * 12, "smaller than 16 pixels"),
    ]
    for shown, reason in cases:
        (found,) = judged(shown, fps)
        assert found.verdict == "unknown" and reason in found.reason, (reason, found)


def test_no_frames_and_odd_sizes_are_no_error() -> None:
    assert judged([], shots=[(0, 1)])[0].verdict == "unknown"
    frames, _, _ = footage("slow_pan")
    for height, width in ((16, 16), (180, 101), (40, 320)):
        (found,) = judged([np.ascontiguousarray(rgb[:height, :width]) for rgb in frames[:16]])
        assert found.warp_mean is not None


def test_of_many_frames_a_second_every_second_one_is_measured() -> None:
    frames, _, _ = footage("static", "flicker")
    doubled = [rgb for rgb in frames for _ in range(2)]
    (slow,) = judged(frames, 24.0)
    (fast,) = judged(doubled, 48.0)
    assert fast.faults[0].kind == "flicker"
    assert fast.faults[0].strength == pytest.approx(slow.faults[0].strength, rel=0.05)


def test_a_film_of_any_length_costs_a_few_numbers_a_frame() -> None:
    import tracemalloc

    numbers = Numbers()
    tracemalloc.start()
    for index in range(20_000):
        numbers.add(index, index / 24, {"luma": 1.0}, None)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown / 20_000 < 200
    part = numbers.part(slice(100, 200))
    assert len(part) == 100 and part["luma"].min() == 1.0
