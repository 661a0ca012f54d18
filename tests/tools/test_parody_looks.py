"""What a parody looks and sounds like beat by beat: pictures that are held, letters, levels, its end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from media_fixtures import make_video
from numpy.typing import NDArray
from parody_clips import jumping_clip

from backends.sound.foley import make_sound
from backends.sound.pcm import RATE, write_pcm
from tools.analysis.reading import Wishes, read_film
from tools.editing.parody import compose as composing
from tools.editing.parody.beats import Beat
from tools.editing.parody.compose import Footage
from tools.editing.parody.material import Material, material
from tools.editing.parody.recipes import parody_presets
from tools.editing.parody.script import Script, Wish, write_script
from tools.editing.parody.soundtrack import SPEECH_DB, effect_clips, music_clips
from tools.editing.parody.stills import REACH, Stills, sharpness

RECIPES = parody_presets().recipes
FPS = 24


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return measured(jumping_clip(tmp_path_factory.mktemp("planted") / "one.mp4"))


def measured(path: Path) -> Material:
    with read_film(path, Wishes(("shots", "sound", "composition")), name=path.name) as reading:
        return material(reading.record)


def told(name: str, found: Material, **wish: Any) -> Script:
    wished = Wish(0, float(FPS), "en", wish.get("seed", 0), wish.get("subject", "Pip"))
    return write_script(name, RECIPES[name], found, wished, lambda who, words: 0.06 * len(words))


# -- pictures that are held ----------------------------------------------------------------------------------------


def face(shut: bool, shift: int = 0) -> NDArray[np.uint8]:
    """A head with two eyes in front of a pattern."""
    rng = np.random.default_rng(3)
    frame = np.kron(rng.integers(90, 150, (18, 32, 3), np.uint8), np.ones((10, 10, 1), np.uint8))
    frame[40:150, 100 + shift : 220 + shift] = (220, 180, 150)
    for left in (125, 175):
        frame[80:96, left + shift : left + 22 + shift] = 250
        frame[84:92, left + 7 + shift : left + 15 + shift] = 10
        if shut:  # lashes: no less sharp than an open eye
            frame[80:96, left + shift : left + 22 + shift] = (215, 175, 145)
            frame[82:96:3, left + shift : left + 22 + shift] = 10
    return frame


def blurred(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    wide = np.pad(frame.astype(float), ((0, 0), (8, 8), (0, 0)), mode="edge")
    return np.mean([wide[:, k : k + frame.shape[1]] for k in range(17)], axis=0).astype(np.uint8)


def stills(path: Path, **record: Any) -> Stills:
    facts = {"film": SimpleNamespace(seconds=4.0, fps=FPS), "shots": (), "transitions": (), **record}
    return Stills(path, SimpleNamespace(**facts), lambda: None)  # type: ignore[arg-type]


def test_no_picture_is_held_on_a_blink(tmp_path: Path) -> None:
    """Eyes are shut from 1.9 to 2.1 s while the head drifts; the moment is at 2.0 s."""
    path = make_video(
        tmp_path / "blink.mp4", 4.0, fps=FPS, frame=lambda at: face(1.9 <= at < 2.1, int(at * 4)), sound=False
    )
    at = stills(path).near(2.0)
    assert not 1.9 - 1e-3 <= at < 2.1 and abs(at - 2.0) <= REACH
    assert stills(path).near(1.0) == pytest.approx(1.0, abs=2 / FPS)


def test_a_sharp_picture_is_held_instead_of_a_blurred_one(tmp_path: Path) -> None:
    path = make_video(
        tmp_path / "blur.mp4", 4.0, fps=FPS,
        frame=lambda at: blurred(face(False)) if 1.9 <= at < 2.1 else face(False), sound=False,
    )  # fmt: skip
    at = stills(path).near(2.0)
    assert not 1.9 - 1e-3 <= at < 2.1
    assert sharpness(face(False).mean(axis=2)) > 2 * sharpness(blurred(face(False)).mean(axis=2))


def test_no_picture_of_a_dissolve_or_of_another_shot_is_held(tmp_path: Path) -> None:
    path = make_video(tmp_path / "any.mp4", 4.0, fps=FPS, frame=lambda at: face(False, int(at * 8)), sound=False)
    mix = SimpleNamespace(kind="dissolve", start=1.8, end=2.1, frames=7)
    assert stills(path, transitions=(mix,)).near(2.0) >= 2.1 - 1e-3
    shot = SimpleNamespace(index=2, start=2.0, end=4.0, composition=None)
    assert stills(path, shots=(shot,)).near(2.0, 2) >= 2.0 - 1e-3


def test_a_freeze_takes_the_best_picture_and_says_so(planted: Material) -> None:
    found = Material(
        planted.record, planted.moments, planted.features, planted.median_motion, still=lambda at, shot: at + 0.125
    )
    for name, slot in (("freeze_frame", "turn"), ("sports_replay", "analysis"), ("mockumentary", "interview")):
        before = next(beat for beat in told(name, planted).beats if beat.slot.id == slot)
        held = next(beat for beat in told(name, found).beats if beat.slot.id == slot)
        assert held.moment and before.moment
        assert held.moment.at == pytest.approx(before.moment.at + 0.125)
        assert "best picture near" in held.why
        assert held.pieces[0].source_in == pytest.approx(held.moment.at, abs=1 / FPS)
    # What is not held shows the moment itself.
    turn = next(beat for beat in told("sports_replay", found).beats if beat.slot.id == "turn")
    assert turn.moment and turn.moment.at == planted.of("motion_peak")[0].at


# -- letters -------------------------------------------------------------------------------------------------------


def captions(beat: Beat, *, high: bool, tall: bool = False) -> list[Any]:
    return composing._captions(beat, float(FPS), high, tall)


@pytest.mark.parametrize("high", [True, False])
def test_a_line_and_big_letters_never_share_a_side(high: bool, planted: Material) -> None:
    beats = [beat for name in RECIPES for beat in told(name, planted).beats if beat.line and beat.text]
    assert len(beats) > 8
    for beat in beats:
        if beat.slot.show == "card":
            continue
        text, line = captions(beat, high=high)
        assert line.position == "bottom", "a subtitle at the top lies over whoever stands there"
        assert text.position == "top" or text.style == "lower_third"
        assert not (high and text.position == "top"), "letters over the head"


def test_a_label_on_a_tall_picture_has_two_lines_of_its_own(planted: Material) -> None:
    beat = next(beat for beat in told("breaking_news", planted).beats if beat.slot.id == "witness")
    assert captions(beat, high=False)[0].text == beat.text
    assert captions(beat, high=False, tall=True)[0].text == beat.text.replace(": ", "\n", 1)
    score = next(beat for beat in told("sports_replay", planted).beats if beat.slot.id == "build_up")
    assert captions(score, high=False, tall=True)[0].text == "PIP 0\nBACKGROUND 0"


@pytest.mark.parametrize(("width", "height", "ratio"), [(1280, 720, 2.0), (640, 480, 1.5), (2390, 1000, 2.39)])
def test_cinema_bars_leave_heads_in_the_picture(width: int, height: int, ratio: float, planted: Material) -> None:
    script = told("epic_trailer", planted)
    clip = Footage(SimpleNamespace(id="v", path="v.mp4"), 6.0, FPS, width, height, True)  # type: ignore[arg-type]
    beat = next(beat for beat in script.beats if beat.slot.show == "play")
    bars = next(one for one in composing._looks(script, beat, clip, {}) if one["name"] == "letterbox")
    assert bars["ratio"] == pytest.approx(ratio, abs=0.01)
    tall = Footage(SimpleNamespace(id="v", path="v.mp4"), 6.0, FPS, 360, 640, True)  # type: ignore[arg-type]
    assert "letterbox" not in {one["name"] for one in composing._looks(script, beat, tall, {})}


# -- sounds --------------------------------------------------------------------------------------------------------


class Keeps:
    """A tool's context that keeps files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.cancel = folder, SimpleNamespace(check=lambda: None)
        self._files: dict[str, Path] = {}

    def scratch(self, suffix: str) -> Path:
        return self._folder / f"{len(list(self._folder.iterdir()))}{suffix}"

    def save(self, file: Path, kind: str, name: str, **more: Any) -> Any:
        self._files[str(file)] = file
        return SimpleNamespace(id=str(file), path=file.name, name=name, params=more["params"])

    def path(self, asset: Any) -> Path:
        return self._files[asset.id]


@pytest.mark.parametrize("name", [name for name in RECIPES if RECIPES[name].voices])
def test_sounds_step_aside_for_the_lines(name: str, planted: Material, tmp_path: Path) -> None:
    """While somebody speaks, no tenth of a second of an effect comes near the level of speech."""
    script, presets = told(name, planted), parody_presets()
    _, clips = effect_clips(script, Keeps(tmp_path))  # type: ignore[arg-type]
    spans = [
        (start, start + beat.spoken)
        for beat in script.beats
        if beat.spoken
        for start in [beat.start / script.fps + presets.line_delay(beat.slot)]
    ]
    assert spans and clips
    for clip in clips:
        sound = make_sound(clip.name.replace(" ", "_"), 0.0 if clip.source_seconds < 5 else clip.source_seconds)
        for low, high in spans:
            begin, end = max(low, clip.start), min(high, clip.start + clip.seconds)
            if end - begin < 0.15:
                continue
            first = clip.source_in + begin - clip.start
            heard = sound[round(first * RATE) : round((first + end - begin) * RATE)]
            blocks = [heard[k : k + RATE // 10] for k in range(0, len(heard) - RATE // 10, RATE // 20)]
            loud = max((float((block**2).mean()) for block in blocks), default=0.0)
            level = 10 * np.log10(max(1e-12, loud)) + clip.gain_db
            assert level <= SPEECH_DB - presets.voice.above + 1.5, f"{clip.name} over a line"


def test_a_scratch_stops_the_music_dead(planted: Material, tmp_path: Path) -> None:
    script = told("freeze_frame", planted)
    music = music_clips(script, Keeps(tmp_path))  # type: ignore[arg-type]
    scratches = [beat.start / script.fps for beat in script.beats if beat.slot.sounds[:1] and
                 beat.slot.sounds[0].name == "record_scratch"]  # fmt: skip
    assert len(scratches) == 2
    for at in scratches:
        ended = next(clip for clip in music if clip.start + clip.seconds == pytest.approx(at, abs=1e-6))
        assert ended.effects[0]["seconds"] < 1 / FPS
        assert all(not clip.start - 1e-6 <= at + 0.5 < clip.start + clip.seconds for clip in music)


def test_under_a_voice_everything_else_steps_back(planted: Material, tmp_path: Path) -> None:
    """What the timeline says must be what the mixer reads: a figure that it passes over ducks nothing."""
    from tools.editing.program import _ducked

    script = told("sports_replay", planted)
    keeps = Keeps(tmp_path)
    line = write_pcm(tmp_path / "line.wav", np.zeros((RATE, 2), np.float32))
    voices = {
        (beat.slot.voice, beat.line): SimpleNamespace(id="line", path=line.name) for beat in script.beats if beat.line
    }
    clip = Footage(SimpleNamespace(id="v", path="v.mp4"), 6.0, FPS, 320, 180, True)  # type: ignore[arg-type]
    made = composing.compose("x", script, clip, planted, voices, keeps)  # type: ignore[arg-type]
    depths = dict(_ducked(dict(made.timeline.metadata["studio"]["ducking"])))
    assert depths == {"original": 10.0, "music": 9.0, "ambience": 6.0}
    roles = {
        track.metadata["studio"]["role"]: track for track in made.timeline.tracks if "role" in track.metadata["studio"]
    }
    air = list(roles["ambience"].find_clips())
    assert sum(one.duration().to_seconds() for one in air) == pytest.approx(script.frames / FPS, abs=1 / FPS)


# -- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_film_ends_with_a_breath(name: str, seed: int, planted: Material) -> None:
    presets = parody_presets()
    script = told(name, planted, seed=seed)
    last, length = script.beats[-1], script.beats[-1].frames / FPS
    assert last.last and not any(beat.last for beat in script.beats[:-1])
    if last.line:
        assert length - presets.line_delay(last.slot) - last.spoken >= 0.7
    for text in captions(last, high=False) if last.slot.show != "card" else []:
        assert text.end <= script.frames / FPS - 0.3
