"""Effects as ffmpeg draws them: changed where they happen, untouched elsewhere, the same every time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backends.media.ffmpeg import run_ffmpeg
from configs.errors import UsageError
from tools.editing.effects import (
    EFFECTS,
    Canvas,
    check_effect,
    effect_facts,
    make_effect,
    picture_filters,
    sound_filters,
)
from tools.editing.effects.base import MomentEffect

WIDE, HIGH, FPS, FRAMES = 160, 90, 25, 25
OWN = (
    "zoom_punch",
    "slow_zoom",
    "shake",
    "flash",
    "glow",
    "blur",
    "vignette",
    "letterbox",
    "film_grain",
    "glitch",
    "deep_fry",
)
RANDOM = {"film_grain", "deep_fry"}
"""Their noise is another in each piece of a clip."""
Frames = NDArray[np.int16]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    return drawn([], tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("name", OWN)
def test_an_effect_changes_its_window_only(name: str, plain: Frames, tmp_path: Path) -> None:
    made = drawn([{"name": name, "at": 0.4, "seconds": 0.32, "strength": 0.6}], tmp_path)
    changed = np.abs(made - plain).mean(axis=(1, 2, 3))
    assert made.shape == plain.shape
    assert changed[11:17].max() > 0.8
    assert changed[:10].max() < 0.3 and changed[19:].max() < 0.3


@pytest.mark.parametrize("name", OWN)
def test_strength_makes_it_stronger(name: str, plain: Frames, tmp_path: Path) -> None:
    weak, strong = (
        float(np.abs(drawn([{"name": name, "strength": force}], tmp_path) - plain).mean()) for force in (0.05, 1.0)
    )
    assert strong > 1.3 * weak


@pytest.mark.parametrize("name", sorted(set(OWN) - RANDOM))
def test_a_piece_of_a_clip_is_drawn_as_in_the_whole(name: str, tmp_path: Path) -> None:
    effects = [{"name": name, "at": 0.3, "seconds": 0.5, "seed": 3}]
    whole, piece = drawn(effects, tmp_path), drawn(effects, tmp_path, first=10)
    apart = np.abs(whole[10:] - piece)
    assert apart.max() <= 8 and apart.mean() < 0.5  # a vignette is dithered


@pytest.mark.parametrize("name", ["film_grain", "deep_fry", "tape"])
def test_grain_does_not_repeat_in_the_next_piece(name: str, tmp_path: Path) -> None:
    grey = f"color=gray:s={WIDE}x{HIGH}:r={FPS}"
    effects = [{"name": name, "seed": 3}]
    one, next_piece, again = (drawn(effects, tmp_path, source=grey, first=first) for first in (0, 10, 10))
    assert np.abs(one[0] - next_piece[0]).mean() > 1 and np.array_equal(next_piece, again)


def test_the_same_seed_gives_the_same_pixels_and_another_does_not(tmp_path: Path) -> None:
    for name in ("shake", "glitch", "film_grain"):
        one, again, other = (drawn([{"name": name, "seed": seed}], tmp_path) for seed in (1, 1, 2))
        assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_zoom_keeps_its_focus_in_place(tmp_path: Path) -> None:
    at = {"name": "zoom_punch", "shape": "hold", "seconds": 0, "strength": 1.0, "focus": [0.25, 0.5]}
    made = drawn(
        [at], tmp_path, source=f"color=black:s={WIDE}x{HIGH}:r={FPS},drawbox=x=36:y=40:w=8:h=10:c=white:t=fill"
    )
    columns = np.flatnonzero(made[20].mean(axis=(0, 2)) > 8)
    assert abs((columns[0] + columns[-1]) / 2 - 39.5) <= 2 and len(columns) > 9


def test_a_slow_move_goes_between_the_pixels_and_eases(tmp_path: Path) -> None:
    """The middle of a dot: an eye sees a step of one pixel in a slow push."""
    dot = f"color=black:s={WIDE}x{HIGH}:r={FPS},drawbox=x=104:y=42:w=12:h=12:c=white:t=fill,gblur=sigma=3"
    for name in ("slow_zoom", "pull_back"):
        made = drawn([{"name": name, "strength": 0.1, "focus": [0.5, 0.5]}], tmp_path, source=dot)
        light = made.mean(axis=(1, 3))
        light = np.maximum(light - light.min(axis=1, keepdims=True) - 1, 0)
        middle = (light * np.arange(WIDE)).sum(axis=1) / light.sum(axis=1)
        steps = np.diff(middle) * (1 if name == "slow_zoom" else -1)
        assert 1.5 < steps.sum() < 4 and steps.min() > -0.05 and steps.max() < 0.3
        assert steps[10:15].mean() > 1.3 * steps[[0, 1, 2, -3, -2, -1]].mean(), "softly at both ends"


def test_a_slow_move_stays_where_it_got_to(tmp_path: Path) -> None:
    bar = f"color=black:s={WIDE}x{HIGH}:r={FPS},drawbox=x=70:y=30:w=20:h=30:c=white:t=fill"
    made = drawn([{"name": "slow_zoom", "strength": 1.0, "moves": 0.4}], tmp_path, source=bar)
    assert np.abs(made[24] - made[11]).mean() < 0.2 and np.abs(made[8] - made[4]).mean() > 1
    assert (made[24, 45].mean(axis=1) > 128).sum() == 28


def test_a_punch_reaches_its_size_and_springs_back(plain: Frames, tmp_path: Path) -> None:
    at = {"name": "zoom_punch", "at": 0.2, "seconds": 0.4, "strength": 1.0}
    bar = f"color=black:s={WIDE}x{HIGH}:r={FPS},drawbox=x=70:y=30:w=20:h=30:c=white:t=fill"
    wide = [(drawn([at], tmp_path, source=bar)[n, 45].mean(axis=1) > 128).sum() for n in range(FRAMES)]
    assert wide[4] == 20 == wide[16] and max(wide) >= 0.95 * 20 * 1.36
    assert int(np.argmax(wide)) in (6, 7, 8) and wide[11] < 0.85 * max(wide)


def test_bars_leave_no_slit_of_an_upright_picture(tmp_path: Path) -> None:
    (upper, _) = make_effect({"name": "letterbox"}).picture(Canvas(360, 640, Fraction(FPS), 25, tmp_path))
    assert 80 < int(upper.split("h=")[1].split(":")[0]) < 100
    wide = make_effect({"name": "letterbox"}).picture(Canvas(1280, 536, Fraction(FPS), 25, tmp_path))
    assert len(wide) == 2, "a film that is as wide gets some too"


def test_many_punches_are_one_chain(tmp_path: Path) -> None:
    beats = [{"name": "zoom_punch", "at": beat / 4} for beat in range(120)]
    shaken: list[dict[str, Any]] = [*beats, {"name": "shake", "at": 1.0}]
    filters = picture_filters(shaken, Canvas(WIDE, HIGH, Fraction(FPS), 800, tmp_path))
    assert [step.split("=")[0] for step in filters] == ["scale", "crop", "setsar"]
    assert len(drawn(shaken, tmp_path)) == FRAMES


def test_all_of_them_together_and_in_their_order(tmp_path: Path) -> None:
    wanted = [
        {"name": "fade_out", "seconds": 0.2},
        {"name": "letterbox"},
        {"name": "grade", "look": "sepia", "strength": 0.5},
    ]
    made = drawn([*wanted, *({"name": name} for name in OWN[:-1])], tmp_path)
    assert made.shape == (FRAMES, HIGH, WIDE, 3)
    assert made[-1].mean() < 40 and made[:, :4].max() < 8


def test_half_a_grade_lies_between(plain: Frames, tmp_path: Path) -> None:
    grade = {"name": "grade", "look": "negative"}
    full, half = drawn([grade], tmp_path), drawn([{**grade, "strength": 0.5}], tmp_path)
    assert np.abs(half - (full + plain) / 2).mean() < 4


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        ({"name": "zoom_punsh"}, "zoom_punch"),
        ({"name": "zoom_punch", "strength": 3}, "strength"),
        ({"name": "zoom_punch", "focus": [2, 0]}, "outside"),
        ({"name": "flash", "colour": "white,movie=/etc/passwd"}, "colour"),
        ({"name": "glitch", "at": float("nan")}, "at"),
        ({"name": "shake", "seed": "1:enable=1"}, "seed"),
        ({"name": "shake", "text": "x"}, "text"),
        ({"name": "grade", "look": "sepia", "strength": True}, "strength"),
    ],
)
def test_values_are_checked(effect: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_effect(effect)
    assert why in caught.value.sentence + caught.value.fix


def test_every_effect_says_what_it_is_for() -> None:
    for name, kind in EFFECTS.items():
        assert kind.name == name and len(kind.about) > 10
        if issubclass(kind, MomentEffect) and not [f for f in kind.model_fields.values() if f.is_required()]:
            made = make_effect({"name": name})
            assert effect_facts([{"name": name}]) == [[name, made.facts()]]


def test_fades_are_heard_and_speed_is_not_a_filter() -> None:
    effects: list[dict[str, Any]] = [
        {"name": "speed", "factor": 2.0},
        {"name": "fade_out", "seconds": 1},
        {"name": "flash"},
    ]
    assert sound_filters(effects, 4.0) == ["afade=t=out:st=3.000000:d=1.000000"]


def drawn(effects: list[dict[str, Any]], folder: Path, *, first: int = 0, source: str = "") -> Frames:
    """Frames of a one-second clip from its frame `first` on, (N, H, W, 3)."""
    canvas = Canvas(WIDE, HIGH, Fraction(FPS), FRAMES, folder, (first, FRAMES) if first else None)
    opened = source or f"testsrc2=s={WIDE}x{HIGH}:r={FPS}"
    steps = [f"trim=start_frame={first}", f"setpts=N/{FPS}/TB+{first / FPS:.6f}/TB", "format=yuv420p"]
    steps += [*picture_filters(effects, canvas), f"setpts=N/{FPS}/TB", "format=rgb24"]
    raw = folder / "frames.raw"
    args = ["-f", "lavfi", "-i", opened, "-filter_complex", f"[0:v]{','.join(steps)}[v]", "-map", "[v]"]
    run_ffmpeg([*args, "-frames:v", str(FRAMES - first), "-f", "rawvideo", "-y", str(raw)])
    return np.fromfile(raw, np.uint8).reshape(-1, HIGH, WIDE, 3).astype(np.int16)
