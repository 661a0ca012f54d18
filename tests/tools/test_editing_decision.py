"""Cuts decided by what is measured, on made films in which silences, beats, dark shots and best parts are planted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from editing_context import EditingStudio

from backends.media.audio import read_samples
from backends.media.probe import probe
from configs.errors import UsageError
from configs.settings import Settings
from evals.footage.edits import FPS, Footage, Planted, footage, music, talk, variety, write_wave
from evals.footage.world import Rgb, look, world, write_clip
from tools.editing.decision.closer import look_closer
from tools.editing.timeline import load_timeline

WORDS = ((0.8, 2.1), (3.6, 5.0), (5.5, 6.6), (9.0, 10.6))
"""Seconds in which somebody speaks."""
FRAME = 1 / FPS


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Footage]:
    folder = tmp_path_factory.mktemp("films")
    samples, beats = music(4, 12.0, 120.0, "house")
    write_wave(folder / "song.wav", samples)
    shots = [
        Planted(1.5, 1, 0.15),
        Planted(1.5, 2, 0.02, light=0.12),
        Planted(2.0, 3, 0.9),
        Planted(1.5, 4, 0.05),
        Planted(2.0, 5, 0.1, blur=7.0),
        Planted(1.5, 6, 0.8),
    ]
    return {
        "talk": footage(folder / "talk.mp4", [Planted(12.0, 9, 0.2)], talk(2, 12.0, WORDS), spoken=WORDS),
        "shots": footage(folder / "shots.mp4", shots),
        "song": Footage(folder / "song.wav", (), beats=beats),
    }


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, films: dict[str, Footage]) -> Iterator[EditingStudio]:
    made = EditingStudio(Settings(home=tmp_path_factory.mktemp("home"), brain="offline"))
    for film in films.values():
        made.attach(film.path)
    yield made
    made.close()


def cut(studio: EditingStudio, instruction: str, **args: Any) -> tuple[list[tuple[float, float]], Any, Path]:
    """Source spans of the pieces in order, the outcome, and the film."""
    film, outcome = studio.make("edit_video", **{"video": "shots.mp4", **args}, instruction=instruction)
    timeline = load_timeline(studio.path(outcome.assets[1]))
    spans = []
    for clip in timeline.tracks[0].find_clips():
        span = clip.trimmed_range()
        start = span.start_time.to_seconds()
        spans.append((start, start + span.duration.to_seconds()))
    return spans, outcome, film


def test_silences_go_and_no_word_is_clipped(studio: EditingStudio, films: dict[str, Footage]) -> None:
    spans, outcome, film = cut(studio, "remove the silences", video="talk.mp4")
    for start, end in films["talk"].spoken:
        assert any(first <= start and last >= end for first, last in spans), (start, end, spans)
    assert probe(film).seconds < 8.0, "most of 12 s, of which 5.4 s are spoken, is gone"
    assert "silences taken out" in outcome.result.summary
    assert all(fact["why"] for fact in outcome.result.data["cuts"])


@pytest.mark.parametrize("seconds", [2.0, 3.3, 6.04])
def test_a_target_length_is_met_to_the_frame(studio: EditingStudio, seconds: float) -> None:
    _, _, film = cut(studio, f"shorten it to {seconds} seconds")
    assert probe(film).frames == round(seconds * FPS)


def test_the_best_moments_are_the_ones_that_were_planted(studio: EditingStudio) -> None:
    spans, outcome, film = cut(studio, "a 3 second highlight")
    assert probe(film).frames == 72 and len(spans) >= 2
    lively = [(3.0, 5.0), (8.5, 10.0)]
    inside = sum(max(0.0, min(end, last) - max(start, first)) for start, end in spans for first, last in lively)
    assert inside >= 2.0, spans
    assert spans == sorted(spans)
    assert "times as lively" in outcome.result.data["cuts"][0]["why"]


def test_cuts_land_on_the_beats_of_the_music(studio: EditingStudio, films: dict[str, Footage]) -> None:
    spans, outcome, film = cut(studio, "cut to the beat, quick cuts", music="song.wav")
    beats, at, off = films["song"].beats, 0.0, []
    for start, end in spans[:-1]:
        at += end - start
        off.append(min(abs(at - beat) for beat in beats))
    assert len(off) >= 4 and max(off) <= FRAME, off
    assert probe(film).has_audio and "bpm" in outcome.result.summary


def test_without_music_there_is_no_beat_to_cut_to(studio: EditingStudio) -> None:
    outcome = studio.run("edit_video", video="shots.mp4", instruction="cut to the beat of the music")
    assert isinstance(outcome.error, UsageError) and "no music" in outcome.error.sentence.lower()


def test_as_long_as_the_music_allows(studio: EditingStudio, films: dict[str, Footage]) -> None:
    _, outcome, film = cut(studio, "fit it to the music", music="song.wav")
    assert min(abs(probe(film).seconds - beat) for beat in films["song"].beats) <= FRAME
    assert "the footage only 10.00 s" in outcome.result.summary


def test_a_montage_shows_what_fits_its_theme(studio: EditingStudio) -> None:
    spans, outcome, _ = cut(studio, "a montage of the dark shots")
    assert all(start >= 1.5 - FRAME and end <= 3.0 + FRAME for start, end in spans)
    assert "1 shot that fits 'the dark shots'" in " ".join(outcome.result.data["notes"])


def test_music_that_goes_on_beyond_a_montage_fades_out(studio: EditingStudio) -> None:
    _, _, film = cut(studio, "a montage", music="song.wav")
    samples = np.abs(read_samples(film, 8000)).reshape(-1)
    last, before = samples[-800:].mean(), samples[-24_000:-12_000].mean()
    assert probe(film).seconds < 11 and last < 0.35 * before


def test_dark_shots_go(studio: EditingStudio) -> None:
    spans, outcome, _ = cut(studio, "get rid of the dark scenes")
    assert [(round(a, 2), round(b, 2)) for a, b in spans] == [
        (0.0, 1.5),
        (3.0, 5.0),
        (5.0, 6.5),
        (6.5, 8.5),
        (8.5, 10.0),
    ]
    assert "shot 2" in outcome.result.summary and "c1s" not in outcome.result.summary


def test_blurred_parts_go_when_it_is_tightened(studio: EditingStudio) -> None:
    spans, outcome, _ = cut(studio, "tighten it")
    assert "blurred" in outcome.result.summary
    assert all(last <= 6.8 or first >= 8.3 for first, last in spans), spans


@pytest.mark.parametrize(
    ("said", "first", "count"),
    [
        ("delete the first shot", 1.5, 5),
        ("keep the last two shots", 6.5, 2),
        ("swap the first and the third shot", 3.0, 6),
        ("reverse the order of the shots", 8.5, 6),
        ("start with the third shot", 3.0, 4),
        ("togli la prima inquadratura", 1.5, 5),
    ],
)
def test_shots_by_number(studio: EditingStudio, said: str, first: float, count: int) -> None:
    spans, _, _ = cut(studio, said)
    assert spans[0][0] == pytest.approx(first, abs=FRAME) and len(spans) == count


def test_a_shot_that_is_not_there_is_refused(studio: EditingStudio) -> None:
    outcome = studio.run("edit_video", video="shots.mp4", instruction="delete shot 9")
    assert isinstance(outcome.error, UsageError) and "6 shots" in outcome.error.sentence


def test_match_cuts_show_every_shot_once(studio: EditingStudio) -> None:
    spans, outcome, _ = cut(studio, "match cuts")
    assert sorted(round(start, 1) for start, _ in spans) == [0.0, 1.5, 3.0, 5.0, 6.5, 8.5]
    assert spans[0][0] == 0.0
    note = outcome.result.data["notes"][0]
    after, before = (float(part.split()[-1]) for part in note.replace(", before", "|").split("|"))
    assert after <= before


def test_the_best_take_is_the_sharp_and_bright_one(studio: EditingStudio, tmp_path: Path) -> None:
    for name, light, blur in (("take1", 0.45, 0.0), ("take2", 1.0, 0.0), ("take3", 1.0, 3.0)):
        studio.attach(footage(tmp_path / f"{name}.mp4", [Planted(1.0, 12, 0.1, light=light, blur=blur)]).path)
    _, outcome, _ = cut(studio, "the best take", video=["take1.mp4", "take2.mp4", "take3.mp4"])
    assert outcome.result.data["cuts"][0]["name"] == "take2" and "of 3 takes" in outcome.result.summary


def test_a_vertical_crop_follows_the_subject(studio: EditingStudio, tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    footage(path, [Planted(3.0, 21, 0.2, subject=(0.15, 0.5), colour=(250, 30, 30))])
    studio.attach(path)
    _, _, film = cut(studio, "crop it to vertical, following the subject", video="walk.mp4")
    facts = probe(film)
    assert facts.height > facts.width and facts.height == 180
    from editing_context import frames

    seen = frames(film)
    red = (seen[..., 0] > 150) & (seen[..., 1] < 110) & (seen[..., 2] < 110)
    assert (red[6:].sum(axis=(1, 2)) > 200).mean() > 0.9, "the ball stays in the narrow picture"


def test_who_stands_still_after_moving_is_still_the_subject(tmp_path: Path) -> None:
    """A grey figure on a lively ground draws no eye by its look: only its motion tells that it is one."""
    ground = look(world(5, (360, 640)), (320, 180), 1.0, size=(180, 320))

    def frame(at: int) -> Rgb:
        picture = ground.copy()
        left = 40 + round(30 * np.sin(min(at, 24) / 4))
        picture[90:150, left : left + 34] = ground[20:80, 200:234]
        return picture

    film = write_clip(tmp_path / "still.mp4", (frame(at) for at in range(72)), fps=24)
    found = look_closer(film, tmp_path / "looks", "x", lambda: None)
    assert all(abs(found.subject_at(seconds)[0] - 0.2) < 0.12 for seconds in (1.2, 2.0, 2.8))
    cut_away = (*(frame(at) for at in range(36)), *(look(world(6, (360, 640)), (320, 180), 1.0, size=(180, 320)),) * 36)
    other = look_closer(write_clip(tmp_path / "cut.mp4", cut_away, fps=24), tmp_path / "looks", "y", lambda: None)
    alone = look_closer(write_clip(tmp_path / "one.mp4", cut_away[36:], fps=24), tmp_path / "looks", "z", lambda: None)
    assert other.subject_at(2.6) == pytest.approx(alone.subject_at(1.0), abs=0.1), "a cut ends the memory"


def test_two_looks_kept_at_once_do_not_share_a_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    film = write_clip(tmp_path / "still.mp4", [np.full((36, 64, 3), 90, np.uint8)] * 6, fps=24)
    save = np.savez

    def while_another_saves(*args: Any, **arrays: Any) -> None:
        monkeypatch.setattr(np, "savez", save)
        look_closer(film, tmp_path / "looks", "x", lambda: None)
        save(*args, **arrays)

    monkeypatch.setattr(np, "savez", while_another_saves)
    made = look_closer(film, tmp_path / "looks", "x", lambda: None)
    assert not caplog.records
    assert [file.suffix for file in (tmp_path / "looks").iterdir()] == [".npz"]
    assert (look_closer(film, tmp_path / "looks", "x", lambda: None).subject == made.subject).all()


def test_the_same_edit_is_the_same_film(studio: EditingStudio) -> None:
    one, two = (cut(studio, "a 2 second highlight")[2] for _ in range(2))
    assert one.read_bytes() == two.read_bytes()


def test_what_cannot_be_seen_is_refused_with_what_was(studio: EditingStudio) -> None:
    outcome = studio.run("edit_video", video="shots.mp4", instruction="extract the scene where he runs")
    assert isinstance(outcome.error, UsageError) and "shot 1 " in outcome.error.sentence


def test_dissolves_between_clips_keep_every_frame_they_need(studio: EditingStudio) -> None:
    _, outcome, film = cut(studio, "join them with a dissolve", video=["shots.mp4", "talk.mp4"])
    assert probe(film).frames == 240 + 288 - 12
    kinds = [fact["transitions"] for fact in _tracks(studio, outcome)]
    assert kinds[0] == 1


def _tracks(studio: EditingStudio, outcome: Any) -> list[dict[str, Any]]:
    from tools.editing.timeline import outline

    tracks: list[dict[str, Any]] = outline(load_timeline(studio.path(outcome.assets[1])))["tracks"]
    return tracks


def test_a_trailer_has_its_parts(studio: EditingStudio) -> None:
    _, outcome, film = cut(studio, 'a 6 second trailer titled "Balls"')
    assert probe(film).frames == 144
    whys = " ".join(str(fact.get("why", "")) for fact in outcome.result.data["cuts"])
    assert "hook" in whys and "build-up" in whys and "button" in whys


@pytest.mark.parametrize(
    ("said", "frames"),
    [("freeze the last frame for 1 second", 240 + 24), ("rotate it", 240), ("flip it horizontally", 240),
     ("zoom in slowly", 240), ("make it loop seamlessly", 216), ('opening title "Hello"', 240 + 48)],
)  # fmt: skip
def test_frames_are_held_turned_and_added(studio: EditingStudio, said: str, frames: int) -> None:
    _, _, film = cut(studio, said)
    assert probe(film).frames == frames


def test_mirrored_is_mirrored(studio: EditingStudio) -> None:
    from editing_context import frames

    plain, turned = (
        frames(cut(studio, said)[2])[:10]
        for said in ("keep the first second", "keep the first second and flip it horizontally")
    )
    assert np.abs(plain[:, :, ::-1] - turned).mean() < 3
    assert variety(3)[0] != variety(3)[1]
