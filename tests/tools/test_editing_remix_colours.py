"""Colours of a remix: smooth, rising in lightness, skin and greys spared; references come nearer; words are read."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from skimage.color import deltaE_ciede2000

from backends.media.cielab import lab_of
from backends.media.cube import look_up
from configs.errors import UsageError
from tools.editing.effects.lut import grey_curve
from tools.editing.remix.distance import directions, palette_distance, pixels
from tools.editing.remix.grade import (
    Grade,
    Tint,
    bake,
    exposed,
    exposure_for,
    graded,
    lightness_falls,
    skin,
    steepest,
)
from tools.editing.remix.presets import palette_table, remix_presets
from tools.editing.remix.transfer import transfer
from tools.editing.remix.words import read_style

PRESETS = sorted(remix_presets().presets)
RNG = np.random.default_rng(5)
GREYS = np.repeat(np.linspace(0, 1, 41)[:, None], 3, axis=1)
SKIN = np.array([[0.89, 0.70, 0.58], [0.76, 0.55, 0.42], [0.48, 0.31, 0.23]])


@pytest.mark.parametrize("name", PRESETS)
def test_lightness_only_rises_and_nothing_is_steep(name: str) -> None:
    table = bake(remix_presets().presets[name].grade)
    assert lightness_falls(table) < 0.01
    assert steepest(table) < 2.5
    assert table.min() >= 0 and table.max() <= 1


@pytest.mark.parametrize("name", PRESETS)
def test_the_table_is_the_grade_to_within_what_an_eye_sees(name: str) -> None:
    rgb = RNG.random((3000, 3))
    grade = remix_presets().presets[name].grade
    error = deltaE_ciede2000(lab_of(look_up(bake(grade), rgb)), lab_of(graded(rgb, grade)))
    assert float(error.mean()) < 0.5
    assert float(np.quantile(error, 0.99)) < 2.5


def test_black_and_white_by_luma_is_near_the_table() -> None:
    plain = [name for name in PRESETS if remix_presets().presets[name].grade.plain_grey]
    assert plain == ["pencil_sketch"]
    rgb = np.concatenate([scene((0.35, 0.65, 0.25), (0.55, 0.7, 0.95)), scene((0.95, 0.6, 0.35), (0.3, 0.35, 0.4))])
    for name in plain:
        grade = remix_presets().presets[name].grade
        levels = grey_curve(grade)
        luma = np.interp(rgb @ (0.2126, 0.7152, 0.0722), np.linspace(0, 1, len(levels)), levels)
        error = deltaE_ciede2000(lab_of(np.repeat(luma[:, None], 3, axis=1)), lab_of(graded(rgb, grade)))
        assert float(error.mean()) < 1.7


def test_a_film_by_night_is_given_light_and_one_that_is_light_enough_keeps_its_own() -> None:
    night, day = np.linspace(5, 40, 200), np.linspace(20, 90, 200)
    more = exposure_for(night, 50.0)
    assert more > 1.5 and exposure_for(day, 50.0) == 1.0 and exposure_for(night, 0.0) == 1.0
    assert exposure_for(np.linspace(70, 100, 50), 50.0) < 1.0
    assert float(np.median(exposed(night, more))) > float(np.median(night)) + 12
    assert exposed(np.array([0.0, 100.0]), more).tolist() == [0.0, 100.0]
    assert exposure_for(np.zeros(10), 50.0) == 1.0


@pytest.mark.parametrize("name", ["noir", "anime_night", "comic"])
def test_given_light_lightness_still_only_rises(name: str) -> None:
    table = bake(remix_presets().presets[name].grade, exposure=2.6)
    assert lightness_falls(table) < 0.01
    light = lab_of(np.array([[0.14, 0.1, 0.08]]))[0, 0]
    plain, lit = (
        graded(np.array([[0.14, 0.1, 0.08]]), remix_presets().presets[name].grade, 1.0, e) for e in (1.0, 2.6)
    )
    assert lab_of(lit)[0, 0] > lab_of(plain)[0, 0] + 0.3 * light


def test_through_a_red_glass_skin_is_light_and_the_sky_dark() -> None:
    grade = Grade(saturation=0, mix=(0.6, 0.3, 0.1))
    cheek, sky = np.array([0.72, 0.45, 0.34]), np.array([0.30, 0.52, 0.82])
    plain = lab_of(np.stack([cheek, sky]))[:, 0]
    seen = lab_of(graded(np.stack([cheek, sky]), grade))
    assert seen[0, 0] - seen[1, 0] > plain[0] - plain[1] + 8 and np.hypot(seen[:, 1], seen[:, 2]).max() < 0.5
    assert np.abs(graded(GREYS, grade) - GREYS).max() < 0.002
    for wrong in ((0.5, 0.5, 0.5), (1.2, -0.1, -0.1)):
        with pytest.raises(ValueError, match="1 together"):
            Grade(mix=wrong)


def test_at_strength_0_nothing_changes() -> None:
    grade = remix_presets().presets["anime_night"].grade
    rgb = RNG.random((500, 3))
    assert np.abs(graded(rgb, grade, 0.0) - rgb).max() < 1e-6
    half = np.abs(graded(rgb, grade, 0.5) - rgb).mean()
    assert 0.3 < half / np.abs(graded(rgb, grade) - rgb).mean() < 0.7


def test_a_palette_draws_colours_and_leaves_greys() -> None:
    grade = Grade(palette=("#3050c0",), pull=0.8, skin=0)
    assert np.abs(graded(GREYS, grade) - GREYS).max() < 0.01
    orange = np.array([[0.8, 0.5, 0.2]])
    assert lab_of(graded(orange, grade))[0, 2] < lab_of(orange)[0, 2] - 30


def test_skin_is_spared_more_the_more_is_asked() -> None:
    assert skin(lab_of(SKIN)).min() > 0.8
    assert skin(lab_of(np.array([[0.2, 0.4, 0.9], [0.2, 0.8, 0.3], [0.5, 0.5, 0.5]]))).max() < 0.05

    def moved(spared: float) -> float:
        grade = Grade(palette=("#2040c0",), pull=0.8, skin=spared)
        return float(deltaE_ciede2000(lab_of(graded(SKIN, grade)), lab_of(SKIN)).mean())

    assert moved(1.0) < 0.5 < moved(0.5) < moved(0.0)


def test_drawn_skin_in_warm_light_is_skin() -> None:
    """Its chroma is higher than that of photographed skin; a yellow shirt beside it is none."""
    drawn = np.array([[0.656, 0.351, 0.149], [0.820, 0.510, 0.260]])
    assert skin(lab_of(drawn)).min() > 0.7
    assert skin(lab_of(np.array([[0.95, 0.75, 0.1]]))).max() < 0.2
    shirt, cheek = graded(np.array([[0.95, 0.75, 0.1], [0.656, 0.351, 0.149]]), remix_presets().presets["winter"].grade)
    assert lab_of(cheek[None])[0, 1:].max() > 8, "still warm in winter"
    assert shirt.max() < 1.001


def test_tints_leave_black_and_white_as_they_are() -> None:
    tint = Tint(colour="#ff8000", amount=1.0)
    made = graded(GREYS, Grade(shadows=tint, midtones=tint, highlights=tint, neutrals=0))
    assert np.abs(made[[0, -1]] - GREYS[[0, -1]]).max() < 0.02
    assert np.abs(made[20] - GREYS[20]).max() > 0.1


@pytest.mark.parametrize("tone", [((0, 0), (50, 60), (100, 50)), ((0, 0), (50, 50)), ((10, 0), (100, 100))])
def test_a_tone_curve_that_falls_or_ends_early_is_refused(tone: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValidationError, match="tone curve"):
        Grade(tone=tone)


def test_every_colour_of_a_palette_table_is_one_of_the_palette() -> None:
    table = palette_table("console")
    colours = {tuple(row) for row in (table.reshape(-1, 3) * 255).round().astype(int).tolist()}
    wanted = {tuple(int(code[at : at + 2], 16) for at in (1, 3, 5)) for code in remix_presets().palettes["console"]}
    assert colours <= wanted and len(colours) > 25


def lab_cloud(middle: tuple[float, float, float], spread: float, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(middle, spread, (3000, 3))


def test_the_distance_of_a_shift_is_its_length() -> None:
    cloud = lab_cloud((50, 0, 0), 12, 1)
    assert palette_distance(cloud, cloud[::-1].copy()) < 1e-9
    for shift in ((10, 0, 0), (0, 10, 0), (6, 0, -8)):
        assert palette_distance(cloud, cloud + np.array(shift)) == pytest.approx(10, rel=0.06)
    assert np.abs(np.linalg.norm(directions(), axis=1) - 1).max() < 1e-12


def scene(*colours: tuple[float, float, float], seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    parts = [np.array(colour) * rng.uniform(0.5, 1.1, (1500, 1)) + rng.normal(0, 0.03, (1500, 3)) for colour in colours]
    return np.concatenate(parts).clip(0, 1)


def test_a_reference_comes_nearer_without_bands() -> None:
    film = scene((0.3, 0.7, 0.3), (0.5, 0.6, 0.9), (0.5, 0.45, 0.4))
    model = scene((0.9, 0.5, 0.2), (0.4, 0.25, 0.5), (0.15, 0.12, 0.2), seed=1)
    made = transfer(film, model)
    assert made.after < 0.35 * made.before
    assert lightness_falls(made.table) < 0.5
    assert steepest(made.table) < 3
    again = transfer(film, model)
    assert np.array_equal(again.table, made.table)
    measured = palette_distance(lab_of(look_up(made.table, film)), lab_of(model))
    assert measured == pytest.approx(made.after)


def test_a_film_that_looks_like_its_reference_stays() -> None:
    film = scene((0.3, 0.7, 0.3), (0.5, 0.6, 0.9))
    made = transfer(film, scene((0.3, 0.7, 0.3), (0.5, 0.6, 0.9), seed=9))
    assert float(np.abs(look_up(made.table, film) - film).mean()) < 0.03


def test_bars_are_no_colours() -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[10:80] = (200, 40, 40)
    assert (pixels([picture]) * 255).round().astype(int).min(axis=0).tolist() == [200, 40, 40]


def test_a_wall_of_one_colour_is_a_tint_and_no_fog() -> None:
    film = scene((0.6, 0.55, 0.5), (0.4, 0.6, 0.35))
    blue = np.repeat([[0.16, 0.24, 0.63]], 3000, axis=0)
    made = transfer(film, blue)
    after = lab_of(look_up(made.table, film))
    assert made.after < 0.5 * made.before
    assert after[:, 0].std() > 0.45 * lab_of(film)[:, 0].std(), "what is seen stays seen"
    hue = np.degrees(np.arctan2(after[:, 2], after[:, 1]))
    lit = (after[:, 0] > 20) & (after[:, 0] < 85)
    assert np.abs(hue[lit] - np.degrees(np.arctan2(*lab_of(blue[:1])[0, :0:-1]))).max() < 30, "skin is no patch in it"


def test_a_black_and_white_reference_leaves_no_colour() -> None:
    film = scene((0.9, 0.6, 0.5), (0.3, 0.6, 0.35))
    grey = np.repeat(np.random.default_rng(2).uniform(0.05, 0.95, (3000, 1)), 3, axis=1)
    after = lab_of(look_up(transfer(film, grey).table, film))
    assert np.hypot(after[:, 1], after[:, 2]).max() < 1.0


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("cold and grey", "cold_grey"),
        ("freddo e grigio", "cold_grey"),
        ("like a dream", "dreamy"),
        ("triste e cupo", "sad_gloomy"),
        ("a lume di candela", "candlelight"),
        ("make it look like an old photo", "vintage"),
        ("un film in bianco e nero", "black_and_white"),
        ("a black and white film", "black_and_white"),
        ("less colourful", "less_colourful"),
        ("not too dark, warm", "less_dark_warm"),
    ],
)
def test_moods_in_other_words_and_less_of_them(said: str, name: str) -> None:
    assert read_style(said).name == name


def test_less_of_a_mood_is_its_opposite() -> None:
    rgb = np.random.default_rng(3).uniform(0.2, 0.8, (300, 3))
    chroma = [
        float(np.hypot(*lab_of(graded(rgb, read_style(said).style.grade)).T[1:]).mean())
        for said in ("less colourful", "bright", "colourful")
    ]
    assert chroma[0] < 0.9 * chroma[1] and chroma[2] > 1.15 * chroma[1]


def test_black_and_white_is_no_more_than_that_and_takes_the_tint_off_a_style() -> None:
    rgb = np.random.default_rng(3).uniform(0.1, 0.9, (300, 3))
    for said in ("black and white", "a black and white silent film"):
        style = read_style(said).style
        assert np.hypot(*lab_of(graded(rgb, style.grade)).T[1:]).max() < 0.5
    assert not read_style("black and white").style.texture and not read_style("black and white").style.sound
    assert any(step["name"] == "reel" for step in read_style("a black and white silent film").style.texture)


@pytest.mark.parametrize(
    ("said", "preset"),
    [
        ("noir", "noir"),
        ("Make it look like a VHS tape", "vhs"),
        ("8-bit", "8_bit"),
        ("like an old silent movie with Chaplin", "silent_film"),
        ("watercolor", "watercolour"),
        ("pastell", "pastel_storybook"),
        ("goldenhour", "golden_hour"),
        ("black and white detective film", "noir"),
        ("pixel art", "8_bit"),
        ("techniclor", "technicolor"),
        ("in stile acquerello", "watercolour"),
        ("come un film muto", "silent_film"),
        ("manga", "manga"),
        ("claymation", "stop_motion"),
    ],
)
def test_presets_are_known_by_many_names(said: str, preset: str) -> None:
    assert read_style(said).preset == preset


def test_a_look_is_built_from_words_of_mood_and_colour() -> None:
    made = read_style("make it look like a rainy blue night")
    assert made.preset == "" and made.how == "a look built from rainy, night, blue"
    rgb = scene((0.6, 0.55, 0.5), (0.4, 0.6, 0.35))
    before, after = lab_of(rgb).mean(axis=0), lab_of(graded(rgb, made.style.grade)).mean(axis=0)
    assert after[0] < before[0] - 8 and after[2] < before[2] - 8
    assert lightness_falls(bake(made.style.grade)) < 0.01


def test_words_of_other_languages_mean_the_same() -> None:
    assert read_style("una notte blu piovosa").style.grade == read_style("a night blue rainy").style.grade


def test_moods_change_a_preset() -> None:
    plain, foggy = read_style("noir"), read_style("a foggy noir")
    assert foggy.preset == "" and foggy.how == "noir with foggy"
    assert foggy.style.texture == plain.style.texture and foggy.style.grade != plain.style.grade


def test_a_style_that_nobody_knows_is_an_error_that_names_the_presets() -> None:
    with pytest.raises(UsageError, match=r"no style 'quux'.*watercolour"):
        read_style("quux")
