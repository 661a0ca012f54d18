"""The one pass: what it shows when, that it ends cleanly, and that it keeps nothing."""

import itertools
import threading
import weakref
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from film_sinks import Listener, Looker, make, moving, tone
from media_fixtures import make_wav

from backends.media.container import open_container
from backends.media.frames import frame_at, frames_at
from backends.media.guard import MediaLimits
from backends.media.probe import probe
from backends.vision.frame import Frame, Frames, flow_between
from backends.vision.watch import AT_ONCE, Watched, listen, watch
from configs.errors import UsageError


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with sound; one key frame per second."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make(path, *moving(), *tone(), "-pix_fmt", "yuv420p", "-g", "24", "-crf", "12", "-c:a", "aac", "-shortest")


def timed_film(path: Path, pts: list[int], base: Fraction) -> Path:
    """A film whose frames have exactly these times; frame k is k grey levels brighter than the first."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.time_base = 64, 48, "yuv420p", base
        for index, at in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 60 + index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = at, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_every_frame_is_shown_once_in_order(film: Path) -> None:
    looker, listener = Looker(), Listener()
    told: list[float] = []
    seen = watch(film, [looker], [listener], on_progress=told.append)
    assert seen == Watched(48, pytest.approx(2.0), ())
    assert looker.seconds == [index / 24 for index in range(48)]
    assert looker.durations == pytest.approx([1 / 24] * 48)
    assert {picture.shape for picture in looker.pictures} == {(180, 320, 3)}
    for index in (0, 17, 47):
        whole = frame_at(film, index / 24).astype(int)
        assert np.abs(looker.pictures[index] - whole).mean() < 2.5
    assert told == sorted(told) and told[-1] == pytest.approx(2.0) and len(told) >= 4
    assert len(listener.stereo) == pytest.approx(2 * 48_000, abs=2_048)


def test_a_large_film_is_made_small_without_flicker(tmp_path: Path) -> None:
    """Stripes finer than a small picture's pixel are one even grey, however they move."""
    column = np.where(np.arange(1920 + 8) % 3 == 0, 220, 40).astype(np.uint8)
    path = tmp_path / "stripes.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for index in range(8):
            grey = np.broadcast_to(column[index : index + 1920], (1080, 1920))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.dstack([grey] * 3), format="rgb24")))
        container.mux(stream.encode(None))
    looker = Looker()
    watch(path, [looker])
    pictures = np.stack(looker.pictures).astype(int)
    assert pictures.shape == (8, 180, 320, 3)
    assert np.ptp(pictures[:, :, 4:-4], axis=0).max() <= 4, "with every sixth pixel it would be 180"
    assert pictures.mean() == pytest.approx(100, abs=3)


@pytest.mark.parametrize("name", ["uneven.mkv", "uneven.mp4"])
def test_times_of_a_variable_rate_are_exact(tmp_path: Path, name: str) -> None:
    pts = [0, 40, 47, 80, 1000, 1001, 1500, 9000]
    path = timed_film(tmp_path / name, pts, Fraction(1, 1000))
    looker = Looker()
    seen = watch(path, [looker])
    assert looker.seconds == [at / 1000 for at in pts]
    assert looker.durations[:-1] == pytest.approx(np.diff(pts) / 1000)
    assert seen.seconds == pytest.approx(9.0 + looker.durations[-1]) and seen.warnings == ()


def test_ntsc_times_do_not_drift(tmp_path: Path) -> None:
    path = make(tmp_path / "ntsc.mp4", *moving(3, "64x48", "30000/1001"))
    looker = Looker()
    watch(path, [looker])
    assert looker.seconds == [index * 1001 / 30000 for index in range(len(looker.seconds))]


def test_what_a_sink_raises_ends_the_pass(film: Path) -> None:
    class Failing(Looker):
        def see(self, frame: Frame) -> None:
            super().see(frame)
            if frame.index == 5:
                raise ZeroDivisionError("the sixth frame")

    before, sink = threads(), Failing()
    with pytest.raises(ZeroDivisionError, match="sixth"):
        watch(film, [sink], [Listener()])
    assert len(sink.seconds) == 6 and threads() == before


def test_cancel_ends_within_a_frame(film: Path) -> None:
    before, looker, asked = threads(), Looker(), itertools.count(1)

    def cancel() -> None:
        if next(asked) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(film, [looker], cancel=cancel)
    assert next(asked) == 8 and len(looker.seconds) < 7 and threads() == before


def test_a_sink_that_can_is_shown_many_frames_at_once(film: Path) -> None:
    class Many(Looker):
        calls: tuple[int, ...] = ()

        def see_all(self, frames: Frames) -> None:
            self.calls += (len(frames),)
            for number, frame in enumerate(frames):
                before = frames[number - 1] if number else frames.before
                assert frame.before is before and (before is None) == (frame.index == 0)
                assert np.array_equal(frames.grey[number], cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY))
                assert np.array_equal(frames.grey_from_before[number], before.grey if before else frame.grey)
                assert np.array_equal(frames.flow_cells[number], frame.flow_cells)
                assert frame.flow.shape == (*frame.grey.shape, 2)
                self.see(frame)

    one, many = Looker(), Many()
    watch(film, [many, one])
    assert set(many.calls[:-1]) <= {AT_ONCE} and 0 < many.calls[-1] <= AT_ONCE
    assert sum(many.calls) == len(one.seconds) > AT_ONCE and many.seconds == one.seconds


def test_no_thread_is_left_after_a_whole_pass(film: Path, tmp_path: Path) -> None:
    before = threading.active_count()
    for _ in range(3):
        watch(film, [Looker()], [Listener()])
        listen(film, [Listener()])
        with pytest.raises(UsageError):
            watch(make_wav(tmp_path / "tone.wav"), [])
    assert threading.active_count() == before


def test_what_the_reader_raises_comes_after_what_it_read(tmp_path: Path) -> None:
    """A film whose header says nothing of its length is found to be too long on the way."""
    endless = tmp_path / "live.mkv"
    make(endless, *moving(3, "64x48"), "-f", "matroska", "-live", "1")
    with open_container(endless, "matroska") as container:
        assert not container.duration
    before, looker = threads(), Looker()
    with pytest.raises(UsageError, match="too long"):
        watch(endless, [looker], limits=MediaLimits(max_seconds=1))
    assert len(looker.seconds) == AT_ONCE and threads() == before, "of 24 frames the first were shown"


def test_few_frames_are_alive_at_any_time(film: Path) -> None:
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    most = 0

    class Counting:
        def see(self, frame: Frame) -> None:
            nonlocal most
            assert frame.flow.shape == (180, 320, 2) and frame.lab.shape == (180, 320, 3)
            alive.add(frame)
            most = max(most, len(alive))

    watch(film, [Counting()])
    assert most == AT_ONCE + 1, "those that are shown at once and the one before them"


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "64x36", "-r", "100", "-i", "/dev/zero")
    path = make(tmp_path / "long.mkv", *raw, *tone(200), "-frames:v", "20000", "-c:v", "mpeg4", "-c:a", "pcm_s16le")
    page, sizes = 4096, []

    class Measuring:
        def see(self, frame: Frame) -> None:
            assert frame.hsv.size and frame.lab.size
            if frame.index % 500 == 0:
                sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * page / 2**20)

    class Hearing:
        def hear(self, block: object) -> None: ...

    assert watch(path, [Measuring()], [Hearing()]).frames == 20_000
    assert max(sizes) - sizes[4] < 25, "20,000 frames with what is worked out of them would be 400 MB"


def test_two_films_at_once_do_not_disturb_each_other(film: Path) -> None:
    class Flows:
        def __init__(self) -> None:
            self.sums: list[float] = []

        def see(self, frame: Frame) -> None:
            self.sums.append(float(np.abs(frame.flow).sum()))

    alone = Flows()
    watch(film, [alone])
    both = [Flows(), Flows()]
    workers = [threading.Thread(target=watch, args=(film, [sink])) for sink in both]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert both[0].sums == alone.sums == both[1].sums


def test_flow_says_where_pixels_went() -> None:
    pick = np.random.default_rng(3)
    picture = np.kron(pick.integers(0, 255, (23, 40), dtype=np.uint8), np.ones((8, 8), np.uint8))[:180, :320]
    one = Frame(0, 0.0, np.dstack([picture] * 3))
    other = Frame(1, 0.04, np.roll(one.rgb, 3, axis=1), one)
    assert np.median(other.flow[..., 0]) == pytest.approx(3, abs=0.3)
    assert np.median(other.flow_back[..., 0]) == pytest.approx(-3, abs=0.3)
    assert not one.flow.any()


@pytest.mark.parametrize("size", [(180, 320), (182, 321), (60, 92), (60, 90), (32, 48)])
def test_flow_in_cells_is_what_the_whole_pictures_flow_is_made_of(size: tuple[int, int]) -> None:
    pick = np.random.default_rng(6)
    noise = cv2.GaussianBlur(pick.integers(0, 255, (*size, 3), dtype=np.uint8), (0, 0), 2)
    one = Frame(0, 0.0, cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX))
    other = Frame(1, 0.04, np.roll(one.rgb, 2, axis=1), one)
    usual = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    usual.setGradientDescentIterations(6)
    assert np.array_equal(other.flow, usual.calc(one.grey, other.grey, None))
    cell = 4 if max(size) > 90 else 1
    assert other.flow_cells.shape == (size[0] // cell, size[1] // cell, 2) == other.flow_back_cells.shape
    assert np.median(other.flow_cells[..., 0]) == pytest.approx(2, abs=0.3), "pixels of the picture, not cells"
    assert np.array_equal(Frames([other]).flow_cells[0], other.flow_cells)
    assert not one.flow_cells.any()


def test_flow_does_not_depend_on_what_was_measured_before() -> None:
    """OpenCV's flow object keeps scales that it chose for small pictures."""
    pick = np.random.default_rng(4)
    one, other = (pick.integers(0, 255, (180, 320), dtype=np.uint8) for _ in range(2))
    first = flow_between(one, other)
    for side in (32, 64, 90):
        assert flow_between(one[:side, :side].copy(), other[:side, :side].copy()).shape == (side, side, 2)
    assert np.array_equal(flow_between(one, other), first)


def test_several_frames_with_one_opening(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = [0.0, 0.3, 0.31, 1.0, 1.999]
    single = [frame_at(film, at, width=160) for at in times]
    opened = []
    real = av.open
    monkeypatch.setattr(av, "open", lambda *args, **options: opened.append(1) or real(*args, **options))
    together = list(frames_at(film, times, width=160))
    assert all(np.array_equal(one, other) for one, other in zip(single, together, strict=True))
    assert len(opened) == 2, "once to be let in, once to be read"
    with pytest.raises(ValueError, match="rise"):
        list(frames_at(film, [1.0, 0.5]))
    with pytest.raises(UsageError, match="no frame at 7"):
        list(frames_at(film, [0.5, 7.0]))


def test_opening_an_mp4_decodes_nothing(film: Path) -> None:
    """Its index tells all; the kind of pixels is what only a decoded frame would."""
    with open_container(film, "mov") as container, av.open(str(film)) as usual:
        ours, theirs = container.streams.video[0], usual.streams.video[0]
        assert theirs.codec_context.pix_fmt == "yuv420p" and ours.codec_context.pix_fmt is None
        for fact in ("width", "height", "average_rate", "start_time", "duration", "frames", "sample_aspect_ratio"):
            assert getattr(ours, fact) == getattr(theirs, fact), fact
        assert container.streams.audio[0].sample_rate == usual.streams.audio[0].sample_rate
        assert [frame.pts for frame in container.decode(video=0)] == [frame.pts for frame in usual.decode(video=0)]


def test_facts_that_are_known_spare_an_opening(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = probe(film)
    opened = []
    real = av.open
    monkeypatch.setattr(av, "open", lambda *args, **options: opened.append(1) or real(*args, **options))
    assert watch(film, [], info=info).frames == 48 and len(opened) == 1
    opened.clear()
    probe(film)
    assert len(opened) == 1
