"""Textures and sounds of styles as ffmpeg draws them: every frame there, the same each time, doing what they say."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from editing_context import EditingStudio, coloured_film, counting_film, frames, numbers
from media_fixtures import make_video, make_wav
from numpy.typing import NDArray

from backends.media.audio import read_samples
from backends.media.cielab import lab_of
from backends.media.cube import identity, write_cube
from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import sniff
from backends.sound.surface import surface_noise
from configs.errors import UsageError
from configs.settings import Settings
from tools.editing.effects import Canvas, effect_facts, make_effect, picture_filters, sound_filters
from tools.editing.remix.dress import picture_effects
from tools.editing.remix.grade import graded
from tools.editing.remix.presets import palette_table, remix_presets
from tools.editing.specs import ClipSpec
from tools.editing.timeline import build_timeline, save_timeline

WIDE, HIGH, FPS, FRAMES = 160, 90, 24, 18
PRESETS = sorted(remix_presets().presets)
RATE = 48_000


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_film(tmp_path_factory.mktemp("film") / "film.mp4", FRAMES / FPS)


@pytest.fixture
def studio(settings: Settings) -> Iterator[EditingStudio]:
    made = EditingStudio(settings)
    yield made
    made.close()


def drawn(
    film: Path, effects: list[dict[str, Any]], folder: Path, size: tuple[int, int] = (WIDE, HIGH)
) -> NDArray[Any]:
    """The film's frames with effects, without loss, (N, H, W, 3)."""
    wide, high = size
    canvas = Canvas(wide, high, Fraction(FPS), FRAMES, folder / "cubes")
    chain = ",".join([f"scale={wide}:{high}", "format=yuv420p", *picture_filters(effects, canvas)])
    target = folder / f"drawn{len(list(folder.glob('*.mp4')))}.mp4"
    args = [
        *input_args(film, sniff(film)),
        "-filter_complex",
        f"[0:v]{chain},format=yuv420p,trim=end_frame={FRAMES}[v]",
    ]
    coder = ["-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    run_ffmpeg([*args, "-map", "[v]", *coder, "-an", "-f", "mp4", str(target)])
    return frames(target)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_drawn_and_twice_the_same(name: str, film: Path, tmp_path: Path) -> None:
    style = remix_presets().presets[name]
    effects = [{"name": "lut", "table": name}, *style.texture]
    once, again = drawn(film, effects, tmp_path), drawn(film, effects, tmp_path)
    assert once.shape == (FRAMES, HIGH, WIDE, 3)
    assert np.array_equal(once, again)
    assert np.abs(once - drawn(film, [], tmp_path)).mean() > 3


def test_a_printers_screen_is_no_finer_than_the_pixels_can_show(tmp_path: Path) -> None:
    """A screen finer than that beats with the grid of pixels: large rings over a plain face."""
    film = counting_film(tmp_path / "grey.mp4", FRAMES)
    screened = drawn(film, [{"name": "halftone", "rows": 120, "strength": 1.0}], tmp_path, (320, 180))[8:15, ..., 1]
    for picture in screened:
        smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 5)[20:-20, 20:-20]
        assert np.ptp(picture) > 80 and np.ptp(smooth) < 10, "dots near by, one grey from afar"


def steps_film(folder: Path) -> Path:
    """A black, a dark, a middle, a light and a white stripe, with fine dots on the middle one."""
    picture = np.repeat(np.array([0, 60, 128, 200, 255], np.uint8), WIDE // 5)[None].repeat(HIGH, axis=0)
    picture[30:60:4, 64:96:4] = 255
    return make_video(
        folder / "steps.mp4", FRAMES / FPS, width=WIDE, height=HIGH, sound=False,
        frame=lambda at: np.repeat(picture[..., None], 3, axis=2),
    )  # fmt: skip


def test_a_brush_paints_over_what_is_small_and_leaves_edges_where_they_are(tmp_path: Path) -> None:
    film = steps_film(tmp_path)
    plain, made = (drawn(film, effects, tmp_path)[6, ..., 1] for effects in ([], [{"name": "brush", "strength": 0.0}]))
    assert plain[30:60, 68:92].max() > 200 and made[33:57, 68:92].max() < 180, "dots are gone"
    inner = made[10:-10]
    for at in (32, 64, 96, 128):
        assert abs(float(inner[:, at - 6].mean()) - float(inner[:, at + 5].mean())) > 40
    ridges = drawn(film, [{"name": "brush", "strength": 1.0}], tmp_path)[6, 10:-10, 70:90, 1]
    assert ridges.std() > 1.5 * made[10:-10, 70:90].std() + 2


def test_grain_is_in_the_midtones_and_not_in_black_and_white(tmp_path: Path) -> None:
    film = steps_film(tmp_path)
    made = drawn(film, [{"name": "grain", "strength": 0.6}], tmp_path)[..., 1]
    moving = made[3:15].std(axis=0)[62:]
    black, middle, white = (float(moving[:, at : at + 20].mean()) for at in (6, 70, 134))
    assert middle > 3 and max(black, white) < middle / 4


def test_few_printed_tones_on_white_paper_are_dots_and_nothing_else(tmp_path: Path) -> None:
    film = steps_film(tmp_path)
    effect = {"name": "halftone", "strength": 1.0, "rows": 30, "tones": 5, "paper": 1.0}
    made = drawn(film, [effect], tmp_path)[6, 62:, :, 1]
    light, middle, dark = (float(made[:, at : at + 24].mean()) for at in (132, 68, 36))
    assert light > 230 and dark < middle < light
    assert np.ptp(made[:, 68:92]) > 150, "a middle grey is dots on white"


def test_ink_finds_edges_between_colours_of_the_same_lightness(tmp_path: Path) -> None:
    picture = np.empty((HIGH, WIDE, 3), np.uint8)
    picture[:, : WIDE // 2], picture[:, WIDE // 2 :] = (222, 150, 110), (120, 178, 160)
    film = make_video(
        tmp_path / "same.mp4", FRAMES / FPS, width=WIDE, height=HIGH, sound=False, frame=lambda at: picture
    )
    plain, made = (
        drawn(film, effects, tmp_path)[6, 20:70].mean(axis=(0, 2))
        for effects in ([], [{"name": "ink", "strength": 1.0, "threshold": 0.1}])
    )
    darker = plain - made
    assert darker[76:84].max() > 60 and np.abs(darker[np.r_[10:60, 100:150]]).max() < 4


def test_manga_is_printed_in_black_alone(film: Path, tmp_path: Path) -> None:
    style = remix_presets().presets["manga"]
    made = drawn(film, [{"name": "lut", "table": "manga"}, *style.texture], tmp_path)[6]
    assert np.ptp(made, axis=2).max() < 8 and np.ptp(made) > 180


@pytest.mark.parametrize("name", ["manga", "watercolour", "oil_painting", "silent_film"])
def test_a_weaker_style_lies_between_the_film_and_the_whole_style(name: str, film: Path, tmp_path: Path) -> None:
    style = remix_presets().presets[name]
    plain = drawn(film, [], tmp_path)[6].astype(float)

    def away(strength: float) -> float:
        lut = {"name": "lut", "table": name, "strength": strength}
        made = drawn(film, [lut, *picture_effects(style, strength, 0, paced=False)], tmp_path)[6]
        smooth = [cv2.GaussianBlur(each.astype(np.float32), (0, 0), 4) for each in (made, plain)]
        return float(np.abs(smooth[0] - smooth[1]).mean())

    little, half, whole = (away(strength) for strength in (0.2, 0.5, 1.0))
    assert little < 0.8 * whole and little < half < whole


def test_a_miniature_is_sharp_in_the_middle_and_soft_above(tmp_path: Path) -> None:
    checks = (np.indices((HIGH, WIDE)).sum(axis=0) // 2 % 2 * 160 + 40).astype(np.uint8)[..., None].repeat(3, axis=2)
    film = make_video(
        tmp_path / "checks.mp4", FRAMES / FPS, width=WIDE, height=HIGH, sound=False, frame=lambda at: checks
    )
    made = drawn(film, [{"name": "miniature", "strength": 1.0}], tmp_path)[6, ..., 1]
    assert made[40:46].std() > 1.6 * made[:6].std()


def test_a_pencil_hatches_the_dark_more_than_the_light(tmp_path: Path) -> None:
    film = steps_film(tmp_path)
    lines, hatched = (
        drawn(film, [{"name": "pencil", "hatching": share}], tmp_path)[6, 62:, :, 1] for share in (0.0, 1.0)
    )
    darker = lines - hatched
    dark, middle, light = (float(darker[:, at : at + 20].mean()) for at in (38, 70, 134))
    assert dark > middle + 15 and middle > light + 15


def test_paper_left_bare_is_white_at_the_edge_and_the_middle_stays(tmp_path: Path) -> None:
    film = counting_film(tmp_path / "grey.mp4", FRAMES)
    plain, made = (
        drawn(film, [{"name": "paper", "strength": 0.1, "edge": share}], tmp_path, (320, 180))[9]
        for share in (0.0, 0.8)
    )
    assert made[:2].mean() > 220 and made[-2:].mean() > 220 and made[:, :2].mean() > 220
    assert np.abs(made[40:-40, 60:-60] - plain[40:-40, 60:-60]).mean() < 3


def test_a_card_has_a_frame_within_the_shape_of_the_picture(tmp_path: Path) -> None:
    film = counting_film(tmp_path / "grey.mp4", FRAMES, sound=False)
    plain, made = (drawn(film, effects, tmp_path, (640, 360))[2] for effects in ([], [{"name": "card"}]))
    changed = np.abs(made - plain).max(axis=2) > 12
    columns = np.flatnonzero(changed.any(axis=0))
    assert columns[0] >= 80 and columns[-1] < 560, "inside 4:3"
    assert not changed[60:-60, 160:-160].any(), "words have room"
    for wrong in ({"name": "card", "colour": "red"}, {"name": "card", "colour": "#fff@1:t=fill"}):
        with pytest.raises(UsageError):
            make_effect(wrong)


def test_black_and_white_has_no_colour(film: Path, tmp_path: Path) -> None:
    made = drawn(film, [{"name": "lut", "table": "noir"}], tmp_path)
    lab = lab_of(made[::6] / 255)
    assert np.hypot(lab[..., 1], lab[..., 2]).mean() < 4


@pytest.mark.parametrize("name", ["noir", "pencil_sketch"])
def test_greys_by_a_curve_of_luma_are_those_of_the_grade(name: str, tmp_path: Path) -> None:
    steps = counting_film(tmp_path / "steps.mp4", FRAMES, sound=False)
    greys = drawn(steps, [], tmp_path)[:, 45, 80] / 255
    made = drawn(steps, [{"name": "lut", "table": name}], tmp_path)[:, 45, 80] / 255
    wanted = lab_of(graded(greys, remix_presets().presets[name].grade))
    assert np.abs(lab_of(made)[:, 0] - wanted[:, 0]).max() < 1.0


def test_a_weaker_table_changes_less_and_has_another_key(film: Path, tmp_path: Path) -> None:
    plain = drawn(film, [], tmp_path)
    full, half = ({"name": "lut", "table": "cyberpunk", "strength": share} for share in (1.0, 0.5))
    changes = [np.abs(drawn(film, [effect], tmp_path) - plain).mean() for effect in (full, half)]
    assert 0.3 * changes[0] < changes[1] < 0.75 * changes[0]
    assert effect_facts([full]) != effect_facts([half])


def test_a_table_that_is_gone_is_said(tmp_path: Path) -> None:
    canvas = Canvas(WIDE, HIGH, Fraction(FPS), FRAMES, tmp_path)
    kept = write_cube(identity(), tmp_path)
    assert picture_filters([{"name": "lut", "table": kept.stem}], canvas)
    with pytest.raises(UsageError, match="colour table of the timeline is gone"):
        picture_filters([{"name": "lut", "table": "0" * 24}], canvas)
    for hostile in ("../../etc/passwd", "a:b", "x'y", "", "A"):
        with pytest.raises(UsageError):
            make_effect({"name": "lut", "table": hostile})


def test_pixels_are_squares_of_the_palettes_colours(film: Path, tmp_path: Path) -> None:
    effect = {"name": "pixels", "rows": 18, "palette": "console"}
    made = drawn(film, [effect], tmp_path, (160, 90))
    assert np.abs(made[0, 0:5, 0:5] - made[0, 2, 2]).max() <= 2
    colours = np.unique(palette_table("console").reshape(-1, 3) * 255, axis=0)
    middles = made[0, 2::5, 2::5].reshape(-1, 3)
    off = np.abs(middles[:, None, :] - colours).max(axis=2).min(axis=1)
    assert np.median(off) <= 8  # 4:2:0 mixes the hues of neighbours


def test_held_pictures_change_twelve_times_a_second_on_the_clips_own_clock(
    studio: EditingStudio, tmp_path: Path
) -> None:
    counting = studio.attach(counting_film(tmp_path / "counting.mp4", 24))
    hold = ({"name": "hold", "fps": 12.0},)
    video = [
        ClipSpec(counting.id, Path(counting.path), 0, 7 / 24, 0),
        ClipSpec(counting.id, Path(counting.path), 7 / 24, 10 / 24, 5 / 24, effects=hold),
    ]
    file = save_timeline(build_timeline("t", 24, 160, 90, video, {}), studio.workspace.home / "cut.otio")
    made, _ = studio.make("render_timeline", timeline=file.name)
    assert numbers(made) == [0, 1, 2, 3, 4, 5, 6, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13]


def test_two_clips_with_the_same_textures_dissolve(studio: EditingStudio, tmp_path: Path) -> None:
    """Small graphs inside filters use the same labels on both sides."""
    film = studio.attach(coloured_film(tmp_path / "film.mp4", 1.0))
    style = remix_presets().presets
    names = ("comic", "watercolour", "vhs", "8_bit")
    effects = tuple(step for name in names for step in style[name].texture if step["name"] != "hold")
    mix = {"transition": "dissolve", "transition_seconds": 0.25}
    video = [
        ClipSpec(film.id, Path(film.path), 0, 0.5, effects=effects),
        ClipSpec(film.id, Path(film.path), 0.25, 0.5, effects=effects, **mix),
    ]
    file = save_timeline(build_timeline("t", 24, 160, 90, video, {}), studio.workspace.home / "cut.otio")
    made, _ = studio.make("render_timeline", timeline=file.name)
    assert len(frames(made)) == 18


def test_a_pillarbox_leaves_a_picture_of_its_shape(film: Path, tmp_path: Path) -> None:
    made = drawn(film, [{"name": "pillarbox"}], tmp_path)
    lit = np.flatnonzero(made[3].max(axis=(0, 2)) > 40)
    assert lit[-1] - lit[0] + 1 == pytest.approx(120, abs=2)


def heard(samples: NDArray[np.float64], effects: list[dict[str, Any]], folder: Path) -> NDArray[np.float32]:
    sound = make_wav(folder / "in.wav", samples=samples)
    target = folder / "out.wav"
    chain = ",".join(sound_filters(effects, len(samples) / RATE))
    run_ffmpeg([*input_args(sound, sniff(sound)), "-af", chain, "-f", "wav", str(target)])
    return read_samples(target, RATE)[:, 0]


def test_a_band_keeps_the_middle_and_takes_the_ends(tmp_path: Path) -> None:
    clock = np.arange(RATE) / RATE

    def level(hertz: float) -> float:
        out = heard(0.1 * np.sin(2 * np.pi * hertz * clock), [{"name": "band"}], tmp_path)[RATE // 4 :]
        return float(20 * np.log10(np.sqrt((out**2).mean()) + 1e-9))

    assert level(1000) > level(80) + 25
    assert level(1000) > level(10_000) + 20


def test_wow_moves_the_pitch_and_bits_make_steps(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    wavering = heard(tone, [{"name": "wow", "strength": 1.0}], tmp_path)
    crossings = np.flatnonzero((wavering[:-1] < 0) & (wavering[1:] >= 0))
    pitch = RATE / (crossings[40:] - crossings[:-40]) * 40
    assert pitch[50:-50].std() > 1
    assert abs(float(np.median(pitch)) - 1000) < 15
    crushed = heard(tone, [{"name": "bits", "bits": 4, "samples": 8}], tmp_path)
    assert (
        np.abs(crushed[RATE:] - heard(tone, [{"name": "bits", "bits": 16, "samples": 1}], tmp_path)[RATE:]).mean()
        > 0.01
    )


def test_surface_noise_is_quiet_and_repeatable() -> None:
    for kind in ("hiss", "crackle"):
        made = surface_noise(kind, 1.0, 4)
        assert made.shape == (RATE, 2) and np.array_equal(made, surface_noise(kind, 1.0, 4))
        assert not np.array_equal(made, surface_noise(kind, 1.0, 5))
        assert 0.001 < float(np.sqrt((made.astype(float) ** 2).mean())) < 0.02
    with pytest.raises(UsageError, match="surface noise"):
        surface_noise("rain", 1.0)
    with pytest.raises(UsageError, match="cannot be made"):
        surface_noise("hiss", -1.0)
