"""Cuts, dissolves, fades and wipes against made films whose truth is known; takes that only look like them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from backends.media.probe import MediaInfo, probe
from backends.vision.cuts.sink import CutSink, detect_shots
from backends.vision.frame import Frame, Frames
from backends.vision.watch import watch
from configs.errors import UsageError
from evals.benchmarks.cuts import Finding, matched
from evals.footage.transitions import Joined, made_film
from evals.footage.transitions_blend import wiped
from evals.footage.transitions_negatives import negative
from evals.footage.transitions_shots import Shot, small_world
from evals.footage.world import Rgb, look, world, write_clip

SEEDS = (1500, 1501, 1502)
"""Never tuned on."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Joined, Path]]:
    folder = tmp_path_factory.mktemp("made")
    made = {seed: made_film(seed, shots=10, size=(108, 192)) for seed in SEEDS}
    return {seed: (film, film.write(folder / f"{seed}.mp4")) for seed, film in made.items()}


@pytest.fixture(scope="module")
def judged(films: dict[int, tuple[Joined, Path]]) -> dict[str, list[bool]]:
    """Kind -> whether each known transition of it was found; 'false' -> one entry per false finding."""
    found: dict[str, list[bool]] = {"false": []}
    for film, path in films.values():
        _, transitions = detect_shots(path)
        findings = [Finding(one.first_frame, one.first_frame + one.frames, one.kind) for one in transitions]
        pairs = matched(film.truth, findings)
        hit = [known for known, _ in pairs]
        for known in film.truth:
            found.setdefault(known.kind, []).append(known in hit)
        found["false"] += [True] * (len(findings) - len(pairs))
    return found


def test_most_transitions_of_every_kind_are_found(judged: dict[str, list[bool]]) -> None:
    assert np.mean(judged["cut"]) >= 0.85
    assert np.mean([hit for kind in ("dissolve", "fade", "wipe") for hit in judged.get(kind, [])]) >= 0.7
    everything = [hit for kind, hits in judged.items() if kind != "false" for hit in hits]
    assert len(judged["false"]) <= 0.1 * len(everything)


@pytest.mark.parametrize("trick", ["flash", "strobe", "light_on", "subtitle", "fast_objects"])
def test_what_only_looks_like_a_cut_is_none(trick: str, tmp_path: Path) -> None:
    shots, _ = detect_shots(negative(trick, 1600).write(tmp_path / "take.mp4"))
    assert len(shots) == 1


def test_flat_colours_and_the_same_shapes_in_other_colours_are_cut(tmp_path: Path) -> None:
    plain = [(200, 30, 30), (30, 30, 200), (30, 200, 30), (220, 220, 40)]
    shade = np.linspace(0.5, 1.0, 180)[:, None, None] * np.linspace(0.7, 1.0, 320)[None, :, None]
    for name, cards in (
        ("flat", [np.full((180, 320, 3), colour, np.uint8) for colour in plain]),
        ("shaded", [(np.asarray(colour, float) * shade).astype(np.uint8) for colour in plain]),
    ):
        film = write_clip(tmp_path / f"{name}.mp4", (cards[at // 48] for at in range(4 * 48)))
        shots, transitions = detect_shots(film)
        assert [shot.first_frame for shot in shots] == [0, 48, 96, 144], name
        assert all(one.kind == "cut" for one in transitions)


def test_shots_cover_the_film_without_gaps(films: dict[int, tuple[Joined, Path]]) -> None:
    film, path = films[1500]
    shots, transitions = detect_shots(path)
    assert shots[0].first_frame == 0 and sum(shot.frames for shot in shots) == film.length
    for one, other in pairwise(shots):
        assert one.end == other.start and one.first_frame + one.frames == other.first_frame
    for shot in shots:
        assert shot.clean_frames >= 1 and shot.first_frame <= shot.clean_first
        assert shot.clean.stop <= shot.first_frame + shot.frames
        inside = [
            one
            for one in transitions
            if one.frames and one.first_frame < shot.clean_first < one.first_frame + one.frames
        ]
        assert not inside
    assert all(0 < one.confidence <= 1 and one.by for one in transitions)


def test_more_sensitive_finds_no_less(films: dict[int, tuple[Joined, Path]]) -> None:
    path = films[1501][1]
    plain, weak = (len(detect_shots(path, sensitivity=value)[0]) for value in (0.0, 1.0))
    assert 1 <= plain <= weak


@pytest.mark.parametrize("at_once", [1, 5, 40])
def test_how_frames_are_divided_changes_nothing(at_once: int) -> None:
    film = made_film(1502, shots=3, size=(90, 160))
    pictures = list(film.frames())
    info = MediaInfo("video", "mp4", fps=film.fps)
    usual, other = CutSink(info), CutSink(info)
    for sink, step in ((usual, 16), (other, at_once)):
        for at in range(0, len(pictures), step):
            part = enumerate(pictures[at : at + step], at)
            sink.see_all(Frames([Frame(index, index / film.fps, rgb) for index, rgb in part]))
    assert usual.transitions() == other.transitions() != []


def found_in(pictures: Iterable[Rgb], fps: float = 24.0) -> list[tuple[str, int]]:
    sink, taken = CutSink(MediaInfo("video", "mp4", fps=fps)), list(pictures)
    for at in range(0, len(taken), 16):
        part = enumerate(taken[at : at + 16], at)
        sink.see_all(Frames([Frame(index, index / fps, rgb) for index, rgb in part]))
    return [(one.kind, one.first_frame) for one in sink.transitions()]


def test_something_black_that_passes_slowly_is_no_wipe() -> None:
    """It hides nine tenths of the picture for two seconds."""
    take = Shot(small_world(83), "still", 24, scale=0.4, size=(90, 160))
    width, over = 2.2 * 160, 74

    def seen(k: int) -> Rgb:
        frame, left = take.at(k).copy(), -width + (k - 80 + over / 2) * (160 + width) / over
        frame[9:, max(0, round(left)) : max(0, round(left + width))] = 0
        return frame

    assert found_in(seen(k) for k in range(160)) == []


def test_a_wipe_to_something_dark_that_stays_is_one() -> None:
    take = Shot(small_world(83), "still", 24, scale=0.4, size=(90, 160))
    night = np.asarray(look(small_world(84), (640, 360), 0.4, size=(90, 160)), np.uint8)
    night[:45] = 0
    frames = [take.at(k) for k in range(60)]
    frames += [wiped(take.at(60 + k), night, (k + 1) / 21, "left to right") for k in range(20)] + [night] * 90
    assert [kind for kind, _ in found_in(frames)] == ["wipe"]


def test_what_is_kept_does_not_grow_with_the_film(tmp_path: Path) -> None:
    picture = world(1700)
    frames = (look(picture, (600 + at, 700), 0.4, size=(90, 160)) for at in range(600))
    film = write_clip(tmp_path / "long.mp4", frames)
    sink = CutSink(probe(film))
    watch(film, [sink])
    assert len(sink.shots()) == 1 and sink.shots() == sink.shots()


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_a_sensitivity_out_of_range_is_refused(value: float, tmp_path: Path) -> None:
    film = write_clip(tmp_path / "one.mp4", [np.zeros((90, 160, 3), np.uint8)] * 3)
    with pytest.raises(UsageError, match="between 0 and 1"):
        CutSink(probe(film), value)
