"""A render with a defect goes back once: what a second try can mend is mended, what it cannot is explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from editing_context import EditingStudio, build, clip, coloured_film, frames
from media_fixtures import make_video
from numpy.typing import NDArray

from memory.records import Asset, Score
from tools.editing import ass, segments
from tools.editing.specs import CaptionSpec
from tools.editing.timeline import load_timeline, save_timeline
from tools.spec import ToolOutcome


def made(studio: EditingStudio, *args: Any, **more: Any) -> tuple[Path, ToolOutcome, dict[str, Score], list[str]]:
    """The film of a timeline, its outcome, scores by name and what was said."""
    file = save_timeline(build(*args, **more), studio.workspace.home / "again.otio").name
    film, outcome = studio.make("render_timeline", timeline=file)
    assert outcome.result is not None
    scores = {score.name: score for score in outcome.assets[0].scores}
    return film, outcome, scores, list(outcome.result.warnings)


def sent_back(said: list[str]) -> list[str]:
    return [one for one in said if "was made again" in one]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[int]]:
    """Put a filter into the first piece of video that is drawn, once; how often pieces were drawn since."""
    real = segments.piece_chain

    def begin(steps: str) -> list[int]:
        drawn: list[int] = []

        def chain(piece: Any, count: int, *rest: Any) -> tuple[list[str], str]:
            opened, steps_of = real(piece, count, *rest)
            drawn.append(piece.cut.start)
            return opened, f"{steps_of},{steps.format(count=count)}" if len(drawn) == 1 else steps_of

        monkeypatch.setattr(segments, "piece_chain", chain)
        return drawn

    return begin


@pytest.mark.parametrize(
    ("name", "steps", "said"),
    [
        ("black_share", "lutyuv=y=16:u=128:v=128", "black where the source is not"),
        ("frozen_share", "trim=end_frame=1,tpad=stop_mode=clone:stop={count}", "frozen where the source is not"),
    ],
)
def test_a_piece_that_came_out_black_or_still_is_drawn_again(
    studio: EditingStudio, tmp_path: Path, spoil: Callable[[str], list[int]], name: str, steps: str, said: str
) -> None:
    colour = studio.attach(coloured_film(tmp_path / "colour.mp4", 3.0))
    drawn = spoil(steps)
    film, outcome, scores, warnings = made(studio, [clip(colour, 0, 3)])
    assert (scores[name].passed, scores[name].value, scores[name].note) == (True, 0, "")
    assert [said in one for one in sent_back(warnings)] == [True], warnings
    assert drawn == [0, 0]
    assert outcome.result is not None and outcome.result.measurements["reused"] == 0
    shown = frames(film)
    assert shown.mean() > 40 and np.abs(np.diff(shown, axis=0)).max(axis=(1, 2, 3)).min() > 0


def test_what_is_black_in_the_source_is_told_and_not_drawn_again(
    studio: EditingStudio, tmp_path: Path, spoil: Callable[[str], list[int]]
) -> None:
    night = make_video(
        tmp_path / "night.mp4", 2.0, fps=24, width=160, height=90, frame=lambda _: np.zeros((90, 160, 3), np.uint8)
    )
    asset = studio.attach(night)
    drawn = spoil("null")
    _, _, scores, warnings = made(studio, [clip(asset, 0, 2)])
    assert drawn == [0] and sent_back(warnings) == []
    assert scores["black_share"].passed is False and "night.mp4' there" in scores["black_share"].note
    assert any("black_share is 1" in one and "night.mp4' there" in one for one in warnings), warnings


def test_what_an_effect_makes_black_is_told_so_after_a_second_try(studio: EditingStudio, tmp_path: Path) -> None:
    def dim(at: float) -> NDArray[np.uint8]:
        return np.full((90, 160, 3), 28 + 8 * (round(at * 24) % 2), np.uint8)

    dusk = studio.attach(make_video(tmp_path / "dusk.mp4", 2.0, fps=24, width=160, height=90, frame=dim))
    timeline = [clip(dusk, 0, 2, effects=({"name": "grade", "look": "dark"},))]
    _, _, scores, warnings = made(studio, timeline)
    assert scores["black_share"].passed is False
    assert "its effects make it so; the same on a second try" in scores["black_share"].note
    assert len(sent_back(warnings)) == 1
    _, outcome, scores, warnings = made(studio, timeline)
    assert sent_back(warnings) == [], "what was kept has been looked at before"
    assert outcome.result is not None and outcome.result.measurements["reused"] == 1
    assert scores["black_share"].passed is False and "effects make it so" in scores["black_share"].note


def test_a_cut_that_nobody_sees_is_drawn_again_once(studio: EditingStudio, tmp_path: Path) -> None:
    """Every frame is another pattern in another colour: the cut cannot be told from what is around it."""

    def strobe(at: float) -> NDArray[np.uint8]:
        rng = np.random.default_rng(round(at * 24))
        board = rng.integers(0, 2, (9, 16, 1)) * rng.uniform(80, 255, 3)
        return np.kron(board, np.ones((10, 10, 1))).astype(np.uint8)

    film = studio.attach(make_video(tmp_path / "strobe.mp4", 3.0, fps=24, width=160, height=90, frame=strobe))
    timeline = [clip(film, 0, 1), clip(film, 1, 1, 2)]
    _, _, scores, warnings = made(studio, timeline)
    assert scores["cuts_found"].value == 0 and "the same on a second try" in scores["cuts_found"].note
    assert ["cuts were not seen at 1.00 s" in one for one in sent_back(warnings)] == [True], warnings
    _, _, _, warnings = made(studio, timeline)
    assert sent_back(warnings) == []


def test_a_caption_that_leaves_the_frame_is_set_smaller(
    studio: EditingStudio, counting: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ass._text
    monkeypatch.setattr(ass, "_text", lambda *args: f"{{\\fscx118}}{real(*args)}")
    words = CaptionSpec(0, 1, "A caption that fills the width of it", style="meme")
    film, _, scores, warnings = made(studio, [clip(counting, 0, 1)], captions=[words])
    assert scores["captions_in_frame"].passed is True, scores["captions_in_frame"].note
    assert ["1 caption was not whole in the frame" in one for one in sent_back(warnings)] == [True]
    lit = frames(film)[12].min(axis=2) > 200
    assert lit.any() and not lit[:, :2].any() and not lit[:, -2:].any()


def bangs(path: Path) -> Path:
    """A whisper with a bang every three seconds: a limiter takes back most of what the gain gives."""
    rng = np.random.default_rng(1)
    rate = 48_000
    sound = rng.standard_normal(20 * rate) * 0.002
    for at in range(1, 20, 3):
        sound[at * rate : at * rate + rate // 2] += (
            rng.standard_normal(rate // 2) * np.exp(-np.arange(rate // 2) / rate / 0.01) * 0.5
        )
    soundfile.write(path, np.stack([sound, sound], 1).astype(np.float32), rate, subtype="FLOAT")
    return path


def test_a_sound_outside_its_marks_is_levelled_again(studio: EditingStudio, tmp_path: Path) -> None:
    colour = studio.attach(coloured_film(tmp_path / "colour.mp4", 2.0))
    sound = studio.attach(bangs(tmp_path / "bangs.wav"))
    timeline = [clip(colour, n * 2, 2) for n in range(10)], {"effects": [clip(sound, 0, 20)]}
    _, _, scores, warnings = made(studio, *timeline)
    loud = scores["loudness_lufs"]
    assert loud.passed is True and loud.value == pytest.approx(-16, abs=0.5)
    assert scores["true_peak_db"].passed is True
    assert ["LUFS came out, -16 was asked for" in one for one in sent_back(warnings)] == [True]


def test_what_cannot_be_louder_says_why(studio: EditingStudio, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clicks = np.zeros(4 * 48_000)
    for at in range(4):
        clicks[at * 48_000 : at * 48_000 + 48] = rng.standard_normal(48) * 0.5
    file = tmp_path / "clicks.wav"
    soundfile.write(file, np.stack([clicks, clicks], 1).astype(np.float32), 48_000, subtype="FLOAT")
    sound, colour = studio.attach(file), studio.attach(coloured_film(tmp_path / "colour.mp4", 4.0))
    _, _, scores, _ = made(studio, [clip(colour, 0, 4)], {"effects": [clip(sound, 0, 4)]})
    assert scores["loudness_lufs"].passed is False
    assert "short peaks stand at the ceiling" in scores["loudness_lufs"].note
    assert scores["true_peak_db"].passed is True


@pytest.mark.parametrize("damage", ["other bytes", "cut short", "no facts"])
def test_a_kept_sound_that_is_not_as_it_was_is_made_again(studio: EditingStudio, counting: Asset, damage: str) -> None:
    timeline = [clip(counting, 0, 1)], {"dialogue": [clip(counting, 0, 1)]}
    film, _, _, _ = made(studio, *timeline)
    before = film.read_bytes()
    (kept,) = (studio.workspace.cache / "sounds").glob("*.mp4")
    raw = kept.read_bytes()
    if damage == "other bytes":
        kept.write_bytes(raw[:-40] + bytes(40))
    elif damage == "cut short":
        kept.write_bytes(raw[: len(raw) // 2])
    else:
        kept.with_suffix(".json").write_text("{}")
    film, _, _, warnings = made(studio, *timeline)
    assert film.read_bytes() == before
    assert ["not as it was made" in one for one in sent_back(warnings)] == [True]


@pytest.mark.parametrize(("start", "stray"), [(20, ("first", 4)), (24, None), (12, None)])
def test_frames_of_another_shot_beside_a_cut_are_told(
    studio: EditingStudio, tmp_path: Path, start: int, stray: tuple[str, int] | None
) -> None:
    """The second clip begins `start` frames into a film whose own cut comes at frame 24."""

    film = studio.attach(two_shots(tmp_path / "two.mp4"))
    other = studio.attach(coloured_film(tmp_path / "other.mp4", 1.0))
    _, _, scores, warnings = made(studio, [clip(other, 0, 1), clip(film, 1, 2.5, start / 24)])
    assert scores["stray_frames"].value == (1 if stray else 0), scores["stray_frames"].note
    if stray:
        assert scores["stray_frames"].passed is False
        assert "4 frames at frame 24" in scores["stray_frames"].note
        assert any("stray_frames is 1" in one for one in warnings)


def two_shots(path: Path) -> Path:
    """A film whose own cut comes at frame 24, with one beep that begins there."""

    def shots(at: float) -> NDArray[np.uint8]:
        rgb = np.full((90, 160, 3), (40, 90, 160) if round(at * 24) < 24 else (200, 160, 60), np.uint8)
        rgb[20:30, 20 + round(at * 24) % 60 : 40 + round(at * 24) % 60] = 250
        return rgb

    return make_video(path, 4.0, fps=24, width=160, height=90, frame=shots, sound=True)


@pytest.mark.parametrize(("begin", "end", "slip"), [(20, 56, 4), (0, 27, None), (12, 26, -2), (24, 60, 0)])
def test_a_measured_clip_is_slipped_off_the_frames_of_another_shot(
    studio: EditingStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: int, end: int, slip: int | None
) -> None:
    """As long as before, its sound with it; one that would need what the source does not have stays, and is told."""
    film = studio.attach(two_shots(tmp_path / "two.mp4"))

    def planned(parts: Any, *_: Any, **__: Any) -> list[Any]:
        whole = parts[0]
        far = replace(whole, begin=Fraction(3), end=Fraction(7, 2), why="calm")
        return [far, replace(whole, begin=Fraction(begin, 24), end=Fraction(end, 24), why="lively"), far]

    monkeypatch.setattr("tools.editing.decision.select.best_moments", planned)
    outcome = studio.run("edit_video", video=film.id, instruction="a 2 second highlight")
    assert outcome.result is not None, outcome.error
    scores = {score.name: score.value for score in outcome.assets[0].scores}
    timeline = load_timeline(studio.path(outcome.assets[1]))
    tracks = [[clip.source_range for clip in track.find_clips()] for track in timeline.tracks]
    assert len(tracks) == 2, "picture and sound"
    starts = [[round(one.start_time.to_seconds() * 24) for one in track] for track in tracks]
    assert starts[0] == starts[1] == [72, begin + (slip or 0), 72]
    assert scores["stray_frames"] == (1 if slip is None else 0)
    assert scores["frames"] == 24 + end - begin


def test_a_users_own_clip_that_came_out_black_is_drawn_again_too(
    studio: EditingStudio, tmp_path: Path, spoil: Callable[[str], list[int]]
) -> None:
    colour = studio.attach(coloured_film(tmp_path / "colour.mp4", 3.0))
    drawn = spoil("lutyuv=y=16:u=128:v=128")
    film, outcome = studio.make("edit_video", video=colour.id, instruction="keep the first 2 seconds")
    assert drawn == [0, 0] and frames(film).mean() > 40
    assert outcome.result is not None and len(sent_back(list(outcome.result.warnings))) == 1
