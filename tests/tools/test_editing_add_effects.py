"""add_effects through the executor, on a small real film with a bang in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from editing_context import EditingStudio, build, clip, frames, render
from made_record import made_record
from media_fixtures import gradient, make_video, make_wav
from timelines import FPS, a_cut, find_asset, places

from backends.media.audio import sound_levels
from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import sniff
from backends.vision.composition.result import Composition, Figure
from backends.vision.record import Curves
from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.drawn.track import path_of
from tools.editing.outline import studio_data
from tools.editing.placing.board import Board
from tools.editing.placing.places import Spot, funny, needs, spots
from tools.editing.placing.wishes import Wish, place_of, read_wishes
from tools.editing.placing.words import effect_words, entries
from tools.editing.timeline import load_timeline, outline

BANG = 1.5
"""Seconds at which it is loud, in a film of three."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bang")
    rate = 48_000
    at = np.arange(3 * rate) / rate
    sound = 0.02 * np.sin(2 * np.pi * 220 * at) + 0.7 * np.sin(2 * np.pi * 90 * at) * (np.abs(at - BANG - 0.1) < 0.1)
    picture = make_video(folder / "p.mp4", 3.0, fps=24, frame=gradient, sound=False)
    wav = make_wav(folder / "s.wav", samples=sound)
    args = [*input_args(picture, sniff(picture)), *input_args(wav, sniff(wav)), "-c:v", "copy", "-c:a", "aac"]
    run_ffmpeg([*args, "-shortest", "-f", "mp4", str(folder / "bang.mp4")])
    return folder / "bang.mp4"


@pytest.fixture
def studio(settings: Settings, film: Path) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    made.attach(film)
    yield made
    made.close()


READ: dict[str, list[dict[str, Any]]] = {
    "zoom on every beat": [{"effect": "zoom_punch", "place": "beat", "every": True}],
    "a freeze frame with WAIT WHAT on the funniest moment": [
        {"effect": "freeze", "place": "funny", "text": "WAIT WHAT"}
    ],
    "snow": [{"effect": "snow"}],
    "shake at the loudest hit and a strong flash on every cut": [
        {"effect": "shake", "place": "loud"},
        {"effect": "flash", "place": "cut", "every": True, "strength": 0.85},
    ],
    "slow motion at 2.5 seconds": [{"effect": "speed_ramp", "times": (2.5,)}],
    "flash at 1, 2 and 3.5 s": [{"effect": "flash", "times": (1.0, 2.0, 3.5)}],
    "glitch from 1 to 2 s, then deep fry at 0:03": [
        {"effect": "glitch", "times": (1.0,), "seconds": 1.0},
        {"effect": "deep_fry", "times": (3.0,)},
    ],
    'a speech bubble saying "hello there" on his face': [
        {"effect": "speech_bubble", "place": "face", "text": "hello there"}
    ],
    "flash on every word": [{"effect": "flash", "place": "word", "every": True, "word": ""}],
    "a speech bubble with the words 'Come in'": [{"effect": "speech_bubble", "place": "", "text": "Come in"}],
    "zoom when he says 'wow'": [{"effect": "zoom_punch", "place": "word", "word": "wow"}],
    "censor bar over the eyes": [{"effect": "censor", "place": "face"}],
    "a subtle vignette, letterbox and some grain": [
        {"effect": "vignette", "strength": 0.2}, {"effect": "letterbox"}, {"effect": "film_grain"},
    ],
    "congela il momento più divertente": [{"effect": "freeze", "place": "funny"}],
    "film_grain": [{"effect": "film_grain"}],
    "black and white with confetti": [{"effect": "black_and_white"}, {"effect": "confetti"}],
    "FREEZE at 0.7 s with AWW": [{"effect": "freeze", "times": (0.7,), "text": "AWW"}],
    "RGB split": [{"effect": "glitch"}],
    "blur the face": [{"effect": "mosaic"}],
    "zoom on every beat and let it snow": [
        {"effect": "zoom_punch", "place": "beat", "every": True}, {"effect": "snow"},
    ],
    "zoom a ogni battuta e fai nevicare": [
        {"effect": "zoom_punch", "place": "beat", "every": True}, {"effect": "snow"},
    ],
    "glitch between 1 and 2 seconds": [{"effect": "glitch", "times": (1.0,), "seconds": 1.0}],
    "make it explode": [{"effect": "explosion"}],
    "fallo esplodere a 2 secondi": [{"effect": "explosion", "times": (2.0,)}],
    "a big zoom when he jumps": [{"effect": "zoom_punch", "place": "motion_peak", "strength": 0.85}],
    "un grande zoom quando salta": [{"effect": "zoom_punch", "place": "motion_peak"}],
    "put a heart on every beat": [{"effect": "hearts", "place": "beat", "every": True}],
    "cover her eyes": [{"effect": "censor"}],
    "copri gli occhi": [{"effect": "censor"}],
    "hide his face": [{"effect": "mosaic"}],
    "copri il viso": [{"effect": "mosaic"}],
    "zoom in slowly on her face": [{"effect": "slow_zoom", "place": "face"}],
    "a slow zoom out at the end": [{"effect": "pull_back", "place": "end"}],
    "effetto disturbo su ogni stacco": [{"effect": "glitch", "place": "cut", "every": True}],
    "una scossa forte sui colpi": [{"effect": "shake", "place": "loud", "strength": 0.85}],
}  # fmt: skip


@pytest.mark.parametrize("wish", READ)
def test_wishes_are_read_as_they_are_meant(wish: str) -> None:
    assert read_wishes(wish) == [Wish(**one) for one in READ[wish]]


@pytest.mark.parametrize(
    ("wish", "near"), [("add a vignete", "vignette"), ("zom", "zoom_punch"), ("confeti please", "confetti")]
)
def test_an_unknown_effect_is_refused_with_the_nearest(wish: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_wishes(wish)
    assert f"nearest is '{near}'" in caught.value.sentence


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("add a lens flare", "nearest are 'glow' or 'flash'"),
        ("snow and fog", "nearest are 'blur' or 'dreamy'"),
        ("fade out", "edit_video does it"),
        ("blur the background", "nearest are 'vignette' or 'blur'"),
    ],
)
def test_an_effect_that_is_not_there_is_refused_with_what_comes_nearest(wish: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_wishes(wish)
    assert said in caught.value.sentence


def test_what_comes_nearest_is_there() -> None:
    for entry in effect_words().missing.values():
        assert set(entry.near) <= set(entries()) and (entry.near or entry.tool)


def test_where_can_be_said_apart() -> None:
    wish = Wish("zoom_punch")
    assert place_of("auto", wish) == wish
    assert place_of("beats", wish) == Wish("zoom_punch", "beat", every=True)
    assert place_of("1, 0:02.5", wish).times == (1.0, 2.5)
    with pytest.raises(UsageError, match="no place"):
        place_of("bets", wish)


def test_every_effect_of_the_table_can_be_named_and_needs_no_more_than_exists() -> None:
    for name in entries():
        assert [wish.effect for wish in read_wishes(name.replace("_", " "))] == [name]
        assert isinstance(needs([Wish(name)]), tuple)


def test_places_are_measured_ones_with_reasons() -> None:
    record = made_record()
    beats = spots(Wish("zoom_punch", "beat", every=True), record, 10.0)
    assert [spot.at for spot in beats] == [at / 2 for at in range(20)] and "120 per minute" in beats[0].why
    assert spots(Wish("snow"), None, 10.0) == [Spot(0.0, 0.0, "all of it")]
    said = spots(Wish("flash", "word", word="aloud"), record, 10.0)
    assert len(said) == 1 and "'aloud'" in said[0].why
    assert len(spots(Wish("zoom_punch", "word", every=True), record, 10.0)) > 1
    with pytest.raises(UsageError, match="outside the film"):
        spots(Wish("flash", times=(11.0,)), None, 10.0)
    with pytest.raises(UsageError, match="no place"):
        spots(Wish("censor", "face"), record, 10.0)


def test_in_a_calm_film_the_most_motion_is_taken_and_in_a_still_one_nothing() -> None:
    calm = made_record().model_copy(update={"sound": None})
    times = tuple(at / 10 for at in range(100))
    motion = tuple(0.02 + 0.0001 * at for at in range(100))
    calm = calm.model_copy(update={"curves": Curves(seconds=times, motion=motion, luma=(90.0,) * 100)})
    (spot,) = spots(Wish("speed_ramp", "motion_peak"), calm, 10.0)
    assert spot.at > 9.0 and "nothing stands out" in spot.why
    still = calm.model_copy(update={"curves": Curves(seconds=times, motion=(0.0,) * 100, luma=(90.0,) * 100)})
    with pytest.raises(UsageError, match="no place"):
        spots(Wish("speed_ramp", "motion_peak"), still, 10.0)


def test_flashes_come_no_faster_than_three_a_second() -> None:
    found = spots(Wish("flash", times=tuple(at / 10 for at in range(30))), None, 3.0)
    assert len(found) <= 9


def test_funny_prefers_a_pause_after_a_bang() -> None:
    record = made_record()
    assert record.sound is not None
    levels = [-30.0] * 100
    levels[40:42] = [-5.0, -5.0]
    levels[45:55] = [-80.0] * 10
    heard = record.model_copy(update={"sound": record.sound.model_copy(update={"curve_dbfs": tuple(levels)})})
    assert funny(heard)[0].kind == "silence" and abs(funny(heard)[0].at - 4.5) < 0.11


def test_effects_are_put_where_it_is_loud(studio: EditingStudio) -> None:
    made, outcome = studio.make("add_effects", video="bang.mp4", effect="a big shake and a flash at the loudest moment")
    assert outcome.result is not None
    placed = outcome.result.data["placed"]
    assert [one["effect"] for one in placed] == ["shake", "flash"] or [one["effect"] for one in placed] == [
        "flash",
        "shake",
    ]
    assert all(abs(one["at"] - BANG) < 0.15 and "dBFS" in one["why"] for one in placed)
    plain, picture = frames(studio.path(studio.memory.find_asset("bang.mp4"))), frames(made)
    changed = np.abs(picture - plain).mean(axis=(1, 2, 3))
    assert changed[:32].max() < 3 and changed[36:44].max() > 10
    assert f"{placed[0]['at']:.2f} s" in outcome.result.summary
    effects = outline(load_timeline(studio.path(outcome.assets[1])))["tracks"][0]["clips"][0]["effects"]
    assert {effect["name"] for effect in effects} == {"shake", "flash"}


def test_a_freeze_with_a_caption_holds_the_frame_and_makes_room(studio: EditingStudio) -> None:
    made, outcome = studio.make("add_effects", video="bang.mp4", effect="freeze at 1 s with WAIT WHAT and a vignette")
    picture = frames(made)
    assert len(picture) == 72 + round(1.6 * 24)
    held = picture[26:60, :90]
    assert np.abs(np.diff(held[:, ::4, ::4], axis=0)).mean() < 1.5
    white = (picture[30:55, 100:].min(axis=3) > 235).sum(axis=(1, 2))
    assert white.min() > 200 and (picture[10, 100:].min(axis=2) > 235).sum() < 50
    clips = outline(load_timeline(studio.path(outcome.assets[1])))["tracks"][0]["clips"]
    assert len(clips) == 3 and all(any(e["name"] == "vignette" for e in clip["effects"]) for clip in clips)


def test_looks_lie_on_the_whole_film_and_have_no_moments(studio: EditingStudio) -> None:
    made, _ = studio.make("add_effects", video="bang.mp4", effect="sepia and mirror it")
    plain, picture = frames(studio.path(studio.memory.find_asset("bang.mp4"))), frames(made)
    assert picture[40, ..., 0].mean() > picture[40, ..., 2].mean() + 15
    assert (
        np.abs(picture.mean(axis=3) - plain.mean(axis=3)).mean()
        > np.abs(picture.mean(axis=3) - plain.mean(axis=3)[:, :, ::-1]).mean()
    )
    assert isinstance(studio.run("add_effects", video="bang.mp4", effect="sepia at 1 s").error, UsageError)


def test_an_edit_keeps_its_own_timeline(studio: EditingStudio) -> None:
    _, first = studio.make("edit_video", video="bang.mp4", instruction="keep the first 2 seconds")
    _, second = studio.make("add_effects", video=first.assets[0].id, effect="glow")
    clip = outline(load_timeline(studio.path(second.assets[1])))["tracks"][0]["clips"][0]
    assert clip["source"].endswith("bang.mp4") and clip["effects"][0]["name"] == "glow"


def test_time_effects_change_the_length_as_they_say(studio: EditingStudio) -> None:
    made, outcome = studio.make("add_effects", video="bang.mp4", effect="boomerang at 0.8 s and stutter at 2 s")
    assert outcome.result is not None
    extra = {one["effect"]: one["seconds"] for one in outcome.result.data["placed"]}
    assert abs(len(frames(made)) - 72 - 24 * (2 * extra["reverse"] + extra["stutter"])) <= 2


def test_overlays_lie_on_the_picture_and_the_same_seed_gives_the_same_film(studio: EditingStudio) -> None:
    plain = frames(studio.path(studio.memory.find_asset("bang.mp4")))
    args: dict[str, Any] = {"video": "bang.mp4", "seed": 4, "strength": 0.8}
    one, first = studio.make("add_effects", effect="confetti", **args)
    again, second = studio.make("add_effects", effect="confetti", **args)
    assert np.abs(frames(one) - plain).mean() > 1.5
    assert one.read_bytes() == again.read_bytes()
    tracks = [outline(load_timeline(studio.path(outcome.assets[1])))["tracks"] for outcome in (first, second)]
    assert tracks[0][-1]["clips"][0]["asset"] == tracks[1][-1]["clips"][0]["asset"]


def test_a_bar_without_a_face_needs_a_box_and_says_so(studio: EditingStudio) -> None:
    failed = studio.run("add_effects", video="bang.mp4", effect="censor bar")
    assert isinstance(failed.error, UsageError) and "box" in failed.error.fix
    made, outcome = studio.make("add_effects", video="bang.mp4", effect="censor bar", box=[0.25, 0.2, 0.75, 0.8])
    assert outcome.result is not None and any("box" in warning for warning in outcome.result.warnings)
    picture = frames(made)[40]
    assert picture[74:84, 100:220].max() < 40 and picture[10:30].mean() > 60


def test_an_explosion_is_where_it_is_loud_with_a_flash_and_a_shake(studio: EditingStudio) -> None:
    made, outcome = studio.make("add_effects", video="bang.mp4", effect="make it explode")
    assert outcome.result is not None
    (placed,) = outcome.result.data["placed"]
    assert placed["effect"] == "explosion" and abs(placed["at"] - BANG) < 0.15
    plain, picture = frames(studio.path(studio.memory.find_asset("bang.mp4"))), frames(made)
    changed = np.abs(picture - plain).mean(axis=(1, 2, 3))
    first = round(24 * placed["at"])
    assert changed[: first - 1].max() < 3 and changed[first : first + 3].max() > 20 and changed[first + 8] > 8
    clip = outline(load_timeline(studio.path(outcome.assets[1])))["tracks"][0]["clips"][0]
    assert {effect["name"] for effect in clip["effects"]} == {"flash", "shake"}


def test_a_heart_on_every_bang_comes_and_goes_alone(studio: EditingStudio) -> None:
    made, outcome = studio.make("add_effects", video="bang.mp4", effect="a heart on every loud moment")
    assert outcome.result is not None
    times = [one["at"] for one in outcome.result.data["placed"]]
    plain, picture = frames(studio.path(studio.memory.find_asset("bang.mp4"))), frames(made)
    red = (picture[..., 0] - picture[..., 1] - (plain[..., 0] - plain[..., 1]) > 60).sum(axis=(1, 2))
    first = round(24 * times[0])
    assert len(times) == 1 and red[first + 5] > 60 and red[: first - 1].max() < 10 and red[first + 16 :].max() < 10


def test_particles_of_a_moment_come_and_go_softly(studio: EditingStudio) -> None:
    _, outcome = studio.make("add_effects", video="bang.mp4", effect="confetti from 0.5 to 2 s")
    (laid,) = [one for one in load_timeline(studio.path(outcome.assets[1])).find_clips() if "confetti" in one.name]
    keys = [(round(key["at"], 2), round(key.get("opacity", 1.0), 2)) for key in studio_data(laid)["place"]["keys"]]
    assert keys == [(0.0, 0.0), (0.3, 1.0), (1.0, 1.0), (1.5, 0.0)]


def test_a_slow_zoom_lasts_to_the_end_of_its_shot_and_goes_to_whom_it_names() -> None:
    record = made_record()
    shot = record.shots[2]
    faces = [
        Figure(kind="face", box=(0.1, 0.2, 0.3, 0.5), character="Nora"),
        Figure(kind="face", box=(0.6, 0.2, 0.7, 0.4), character="Boo"),
    ]
    look = Composition(figures=tuple(faces), subject=(0.2, 0.3))
    shots = [one.model_copy(update={"composition": look if one is shot else None}) for one in record.shots]
    record = record.model_copy(update={"shots": tuple(shots)})
    (wish,) = read_wishes("a slow zoom on Boo")
    (spot,) = spots(wish, record, 10.0)
    assert spot.where == (0.6, 0.2, 0.7, 0.4) and spot.face
    assert [spot.at, spot.at + spot.seconds] == pytest.approx([shot.start, shot.end])
    (late,) = spots(Wish("slow_zoom", times=(shot.end - 0.5,)), record, 10.0)
    assert late.at == pytest.approx(shot.start) and late.where == (0.1, 0.2, 0.3, 0.5), "half a second is not slow"
    (short,) = spots(Wish("slow_zoom", times=(shot.start + 0.2,), seconds=0.6), record, 10.0)
    assert short.seconds == 0.6 and short.until == pytest.approx(shot.end), "it does not jump back"
    (wish,) = read_wishes("censor Boo's face")
    assert [one.where for one in spots(wish, record, 10.0)] == [(0.6, 0.2, 0.7, 0.4)]
    assert len(spots(Wish("censor"), record, 10.0)) == 2
    calm = record.model_copy(
        update={
            "shots": tuple(one.model_copy(update={"composition": Composition(subject=(0.2, 0.3))}) for one in shots)
        }
    )
    (aimed,) = spots(Wish("zoom_punch", times=(1.0,)), calm, 10.0)
    assert aimed.where is not None and not aimed.face and sum(aimed.where[::2]) / 2 == pytest.approx(0.2)


def test_time_that_is_put_in_stops_every_track() -> None:
    """a 0-2, b 2-5 with a voice 2.5-4 and music under all: nothing goes on over the held picture."""
    board = Board(a_cut(), find_asset, FPS)
    held = board.freeze(3.0, 1.0, "why")
    assert held.start == 3.0 and board.seconds == pytest.approx(7.0)
    voice, music = (
        [(at, at + long) for _, at, long, _ in places(board.timeline, role)] for role in ("dialogue", "music")
    )
    assert voice == [(60, 72), (96, 120)] and music == [(0, 72), (96, 168)]
    caption = [(at, at + long) for _, at, long, _ in places(board.timeline, "captions")]
    assert (60, 72) in caption and (96, 120) in caption


def test_a_stutter_shows_the_film_with_all_its_tracks_again() -> None:
    board = Board(a_cut(), find_asset, FPS)
    board.freeze(5.5, 0.5, "later")
    assert board.stutter(3.5, 0.125, 2, "vid-film", "why") == pytest.approx(0.125)
    again = [side for one in board.clips() if one.asset == "vid-film" for side in (one.start, one.source_in)]
    assert again == pytest.approx([3.5, 3.375, 3.625, 3.375])
    spans = board.shown_again("vid-film").values()
    assert [side for span in spans for side in span] == pytest.approx([3.375, 3.5] * 2)
    begin, _ = board.boomerang(1.0, 0.8, "vid-film", "why")
    assert begin == pytest.approx(14 / 24)
    turned = [clip for clip in board.clips() if "reverse" in clip.effects]
    assert [side for one in turned for side in (one.start, one.seconds, one.source_in)] == pytest.approx(
        [34 / 24, 20 / 24, 14 / 24], abs=1e-3
    )


def test_a_film_of_tracks_stutters_as_loud_as_it_is(studio: EditingStudio) -> None:
    """The film was made louder than its tracks; between them it is put back to their level."""
    bang = studio.memory.find_asset("bang.mp4")
    assert bang is not None
    film, _ = render(
        studio, build([clip(bang, 0, 1.2), clip(bang, 1.2, 1.8, 1.2)], {"music": [clip(bang, 0, 3, gain_db=-24)]})
    )
    asset = next(one for one in studio.memory.list_assets("video", None, 9) if studio.path(one) == film)
    made, outcome = studio.make("add_effects", video=asset.id, effect="stutter at 0.8 s")
    sounds = [
        track for track in outline(load_timeline(studio.path(outcome.assets[1])))["tracks"] if track["kind"] == "Audio"
    ]
    gains = [one["gain_db"] for track in sounds for one in track["clips"] if one["asset"] == asset.id]
    assert len(gains) == 4 and all(gain < -10 for gain in gains)
    levels = sound_levels(made, 0.1)
    assert abs(levels[8:13].mean() - levels[2:7].mean()) < 2.5


def test_a_bubble_needs_words_and_shows_them(studio: EditingStudio) -> None:
    assert isinstance(studio.run("add_effects", video="bang.mp4", effect="speech bubble").error, UsageError)
    made, _ = studio.make("add_effects", video="bang.mp4", effect="speech bubble at 0.5 s", text="Boo!")
    picture = frames(made)
    white = (picture.min(axis=3) > 240).sum(axis=(1, 2))
    assert white[36] > 1500 and white[6] < 100


def test_a_bubble_without_a_face_says_where_it_points(studio: EditingStudio) -> None:
    box = [0.6, 0.2, 0.8, 0.6]
    for more, points in (({}, "to what stands out there"), ({"box": box}, "to the given box")):
        _, outcome = studio.make("add_effects", video="bang.mp4", effect="speech bubble", at="0.5", text="Boo!", **more)
        assert outcome.result is not None
        warned = [warning for warning in outcome.result.warnings if "No face could be found at 0.50 s" in warning]
        assert len(warned) == 1 and points in warned[0]


@pytest.mark.parametrize(
    "args", [{"effect": "make me rich"}, {"effect": "flash", "at": "99"}, {"effect": "censor", "box": [0.5, 0.5]}]
)
def test_what_cannot_be_done_leaves_nothing_behind(studio: EditingStudio, args: dict[str, Any]) -> None:
    outcome = studio.run("add_effects", video="bang.mp4", **args)
    assert isinstance(outcome.error, UsageError)
    assert len(studio.memory.list_assets(None, None, 50)) == 1


def test_a_face_is_followed_over_looks_that_miss_it() -> None:
    def box(x: float) -> tuple[float, float, float, float]:
        return (x, 0.2, x + 0.2, 0.5)

    looks = [(n / 5, [] if n in (3, 4) else [box(0.1 + 0.02 * n), (0.7, 0.7, 0.75, 0.78)]) for n in range(10)]
    track = path_of(looks, None)
    assert track is not None and (track.found, track.looks) == (8, 10)
    assert track.keys[0][1] < 0.12 and track.keys[-1][1] > 0.26 and len(track.keys) <= 8
    other = path_of(looks, (0.69, 0.7, 0.75, 0.79))
    assert other is not None and abs(other.box[0] - 0.7) < 0.01
    assert path_of([(0.0, [])], None) is None


def test_a_face_that_is_found_once_is_followed_by_its_look() -> None:
    rng = np.random.default_rng(4)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (180, 320)).astype(np.uint8), (0, 0), 9)
    head = cv2.GaussianBlur(rng.integers(0, 255, (50, 40)).astype(np.uint8), (0, 0), 2)
    pictures = []
    for n in range(12):
        picture = ground.copy()
        picture[60:110, 40 + 8 * n : 80 + 8 * n] = head if n < 10 else 128
        pictures.append(picture)
    seen = (80 / 320, 60 / 180, 120 / 320, 110 / 180)
    looks: list[tuple[float, list[tuple[float, float, float, float]]]] = [(n / 5, []) for n in range(12)]
    looks[5] = (1.0, [seen])
    track = path_of(looks, None, pictures)
    assert track is not None and (track.found, track.followed) == (1, 9), "not where something else stands there"
    assert abs(track.keys[0][1] - 40 / 320) < 0.03 and abs(track.keys[-1][1] - 112 / 320) < 0.03
