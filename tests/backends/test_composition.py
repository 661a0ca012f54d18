"""Composition of pictures whose truth is known: subject, thirds, symmetry, lines, depth, key, palette, bars."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from backends.vision.composition.depth import depth_of
from backends.vision.composition.figures import CascadeFaces
from backends.vision.composition.measure import compose
from backends.vision.composition.result import Figure
from backends.vision.composition.saliency import saliency, subject_of, thirds
from backends.vision.composition.tone import symmetry_of
from backends.vision.composition.view import View
from evals.footage.frames import converging, layered, lit, mirrored, painted, photograph, plain, with_subject

Rgb = NDArray[np.uint8]


def disc(x: float, y: float, size: tuple[int, int] = (180, 320), radius: float = 0.1) -> Rgb:
    """A red disc on a grey ground, at shares of the picture."""
    canvas = np.full((*size, 3), 128, np.uint8)
    return np.asarray(
        cv2.circle(canvas, (round(x * size[1]), round(y * size[0])), round(radius * size[0]), (200, 30, 30), -1)
    )


@pytest.mark.parametrize("place", [(1 / 3, 1 / 3), (2 / 3, 1 / 3), (0.5, 0.5), (2 / 3, 2 / 3)])
def test_a_disc_is_the_subject_wherever_it_is(place: tuple[float, float]) -> None:
    found = compose(disc(*place))
    assert np.hypot(found.subject[0] - place[0], found.subject[1] - place[1]) < 0.02
    assert found.thirds == pytest.approx(thirds(*place), abs=0.04)


def test_thirds_is_one_on_a_point_half_in_the_middle_and_nothing_in_a_corner() -> None:
    assert thirds(1 / 3, 2 / 3) == pytest.approx(1)
    assert thirds(0.5, 0.5) == pytest.approx(0.5)
    assert thirds(0, 0) == pytest.approx(0)
    assert thirds(1.2, 1.0) == 0


def test_the_subject_is_found_on_photographs_and_made_scenery() -> None:
    missed = []
    for seed in range(2000, 2030):
        made = with_subject(seed)
        found = subject_of(saliency(View(made.rgb)))
        missed.append(np.hypot(found.x - made.centre[0], found.y - made.centre[1]))
    assert np.median(missed) < 0.04
    assert np.mean(np.array(missed) < 0.1) >= 0.85


def test_size_and_shape_of_the_picture_do_not_matter() -> None:
    for size in ((1080, 1920), (640, 360), (24, 24), (180, 1000)):
        found = compose(disc(0.4, 0.6, size, 0.15))
        assert np.hypot(found.subject[0] - 0.4, found.subject[1] - 0.6) < 0.06, size


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_flat_picture_has_no_features(value: int) -> None:
    found = compose(np.full((90, 160, 3), value, np.uint8))
    assert (found.subject, found.lines, found.vanishing, found.layers) == ((0.5, 0.5), 0, None, 1)
    assert found.negative_space == 1 and found.contrast == 0 and found.balance == 0
    assert found.scale == "unknown" and found.scale_reason.startswith("no face or figure could be measured")
    assert np.isfinite([found.symmetry, found.thirds, found.luma, found.saturation]).all()


def test_mirrored_pictures_are_symmetrical_and_others_are_not() -> None:
    own = [symmetry_of(View(mirrored(seed))) for seed in range(2000, 2015)]
    others = [symmetry_of(View(plain(seed))) for seed in range(2000, 2015)]
    assert np.mean([a > b for a in own for b in others]) > 0.95
    # sky over ground says nothing about left and right
    bands = np.repeat(np.linspace(220, 40, 180).astype(np.uint8)[:, None], 320, axis=1)
    shifted = bands.copy()
    shifted[60:140, 40:90] = 30
    assert symmetry_of(View(np.repeat(shifted[..., None], 3, axis=2))) < 0.3


def test_lines_that_meet_give_their_point_and_others_none() -> None:
    missed, found = [], 0
    for seed in range(2000, 2024):
        picture, point = converging(seed)
        seen = compose(picture).vanishing
        if seen is not None:
            found += 1
            missed.append(np.hypot(seen[0] - point[0], seen[1] - point[1]))
    assert found >= 12 and np.median(missed) < 0.02 and max(missed) < 0.1
    assert sum(compose(plain(seed)).vanishing is not None for seed in range(2000, 2025)) <= 1


def test_a_grid_is_full_of_lines_that_lead_nowhere() -> None:
    grid = np.full((180, 320, 3), 230, np.uint8)
    grid[::30, :] = grid[:, ::40] = 20
    found = compose(grid)
    assert found.lines > 0.5 and found.vanishing is None


def test_key_is_told_by_shadow_and_light() -> None:
    made = [lit(seed) for seed in range(2000, 2030)]
    assert np.mean([compose(rgb).key == key for rgb, key in made]) >= 0.9
    assert compose(photograph("rocket")).key == "normal"
    assert compose(photograph("rocket") // 2).key == "low", "the same, underexposed by a stop"
    assert compose(photograph("coffee")).key == "normal"


def test_palette_has_the_colours_that_were_painted() -> None:
    shared = []
    for seed in range(2000, 2020):
        rgb, truth = painted(seed)
        found = {colour.name: colour.share for colour in compose(rgb).colours}
        shared.append(sum(min(share, found.get(name, 0)) for name, share in truth.items()))
    assert np.mean(shared) > 0.85


def test_focus_tells_layers() -> None:
    made = [layered(seed) for seed in range(2000, 2030)]
    deep = [depth_of(View(rgb)).layers > 1 for rgb, layers in made if layers > 1]
    flat = [depth_of(View(rgb)).layers > 1 for rgb, layers in made if layers == 1]
    assert np.mean(deep) > 0.8 and np.mean(flat) < 0.2


def test_staggered_figures_tell_layers() -> None:
    near = Figure(kind="figure", box=(0.1, 0.1, 0.4, 1.0))
    far = Figure(kind="figure", box=(0.6, 0.4, 0.7, 0.6))
    assert compose(plain(3), figures=(near, far)).layers > compose(plain(3), figures=(near,)).layers


@pytest.mark.parametrize(("bars", "axis"), [(22, 0), (40, 1)])
def test_black_bars_are_no_part_of_the_composition(bars: int, axis: int) -> None:
    picture = disc(1 / 3, 1 / 3)
    padded = np.pad(picture, [(bars, bars) if at == axis else (0, 0) for at in range(3)])
    found = compose(padded)
    assert found.thirds > 0.95
    assert found.luma == pytest.approx(compose(picture).luma, abs=4)
    place = [1 / 3, 1 / 3]
    place[1 - axis] = (bars + picture.shape[axis] / 3) / padded.shape[axis]
    assert np.hypot(found.subject[0] - place[0], found.subject[1] - place[1]) < 0.03


def test_a_dark_picture_is_not_taken_for_bars() -> None:
    night = np.random.default_rng(0).integers(4, 16, (180, 320, 3)).astype(np.uint8)
    night[80:100, 150:170] = 200
    view = View(night)
    assert view.rgb.shape == night.shape


def test_balance_points_to_the_heavier_side() -> None:
    assert compose(disc(0.2, 0.5)).balance < -0.2
    assert compose(disc(0.8, 0.5)).balance > 0.2
    assert abs(compose(disc(0.5, 0.5)).balance) < 0.05


def test_headroom_and_subject_follow_the_figure() -> None:
    face = Figure(kind="face", box=(0.4, 0.3, 0.5, 0.5), by="test")
    found = compose(plain(5), figures=(face,))
    assert found.headroom == pytest.approx(0.3 - 0.33 * 0.2, abs=0.01)
    assert found.subject == pytest.approx((0.45, 0.4), abs=0.01)
    assert found.figures == (face,)


def test_a_photographed_face_is_found_without_weights() -> None:
    """The only face among scikit-image's photographs; its box in the file is about (177, 71) to (265, 170)."""
    (face,) = CascadeFaces().find(photograph("astronaut"))
    middle = ((face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2)
    assert middle == pytest.approx((0.435, 0.23), abs=0.04)
    found = compose(photograph("astronaut"), figures=(face,))
    assert found.scale == "MCU" and 0 < found.scale_confidence <= 0.5, "one look by a cascade is no proof"


def test_no_face_is_found_where_there_is_none() -> None:
    pictures: list[Any] = [photograph(name) for name in ("china", "flower", "coffee", "rocket", "chelsea")]
    assert [CascadeFaces().find(picture) for picture in pictures] == [()] * 5
    assert CascadeFaces().find(np.zeros((16, 16, 3), np.uint8)) == ()
