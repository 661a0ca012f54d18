"""Picture measures, colour names and the identity measure."""

import numpy as np
import pytest
from media_fixtures import gradient

from backends.vision.colours import colour_clusters, colour_name, dominant_colours, region_similarity
from backends.vision.quality import measure_image
from backends.vision.thresholds import thresholds


def test_black_white_and_blurred_pictures():
    import cv2

    black = measure_image(np.zeros((90, 160, 3), np.uint8))
    assert (black["black_share"], black["mean_luma"], black["sharpness"]) == (1.0, 0.0, 0.0)
    white = measure_image(np.full((90, 160, 3), 255, np.uint8))
    assert (white["clipped_share"], white["contrast"]) == (1.0, 0.0)
    sharp = np.random.default_rng(0).integers(0, 255, (180, 320, 3), dtype=np.uint8)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 6)
    assert measure_image(blurred)["sharpness"] < 20
    assert measure_image(sharp)["sharpness"] > 500


def test_blur_grows_with_blurring_and_says_nothing_of_flat_pictures():
    import cv2

    sharp = cv2.resize(np.random.default_rng(0).integers(0, 255, (45, 80, 3), dtype=np.uint8), (512, 288))
    steps = [measure_image(cv2.GaussianBlur(sharp, (0, 0), sigma))["blur"] for sigma in (0.3, 1.5, 3.0, 8.0)]
    assert steps == sorted(steps) and steps[-1] - steps[0] > 0.2
    large = cv2.resize(sharp, (1536, 864), interpolation=cv2.INTER_CUBIC)
    assert measure_image(large)["blur"] == pytest.approx(measure_image(sharp)["blur"], abs=0.05)
    assert measure_image(np.full((90, 160, 3), 7, np.uint8))["blur"] == 0.0
    assert measure_image(sharp[:4])["blur"] == 0.0


def test_values_that_are_not_numbers_are_counted():
    picture = gradient(0).astype(np.float32) / 255
    assert measure_image(picture)["nan_share"] == 0.0
    assert measure_image(picture)["mean_luma"] == pytest.approx(measure_image(gradient(0))["mean_luma"], abs=1)
    picture[:90, :, 0] = np.nan
    picture[0, 0, 1] = np.inf
    assert measure_image(picture)["nan_share"] == pytest.approx(1 / 6, abs=0.001)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((230, 20, 30), "red"),
        ((250, 130, 20), "orange"),
        ((255, 225, 30), "yellow"),
        ((40, 160, 60), "green"),
        ((30, 80, 220), "blue"),
        ((120, 70, 30), "brown"),
        ((130, 130, 130), "grey"),
        ((250, 170, 200), "pink"),
        ((20, 30, 80), "navy"),
        ((154, 149, 176), "grey"),
        ((182, 173, 212), "lavender"),
        ((99, 92, 101), "grey"),
        ((218, 213, 73), "yellow"),
        ((182, 150, 151), "tan"),
        ((166, 169, 105), "olive"),
        ((246, 209, 139), "pale yellow"),
        ((236, 212, 122), "blond"),
    ],
)
def test_colour_names(rgb, name):
    assert colour_name(np.asarray(rgb, np.uint8)) == name


def test_small_colours_beside_a_large_one():
    """Slices by lightness begin with five clusters of sky; those left over find the small things."""
    rng = np.random.default_rng(4)
    picture = np.full((100, 100, 3), (90, 150, 230), np.int16)
    codes = [(220, 20, 20), (250, 230, 40), (20, 120, 40), (250, 250, 250), (30, 20, 20)]
    for at, code in enumerate(codes):
        picture[80:, 20 * at : 20 * at + 20] = code
    noisy = np.clip(picture + rng.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)
    clusters = colour_clusters(noisy.reshape(-1, 3), 8)
    assert clusters[:, 3].sum() == pytest.approx(1)
    for code in codes:
        near = np.abs(clusters[:, :3] - code).max(axis=1) < 12
        assert clusters[near, 3].sum() == pytest.approx(0.04, abs=0.01), code


def test_clusters_of_few_colours_are_those_colours():
    pixels = np.array([[16, 16, 16], [18, 16, 16], [18, 16, 16], [200, 0, 0]], np.uint8)
    found = colour_clusters(pixels)
    assert sorted(found.tolist()) == [[16, 16, 16, 0.25], [18, 16, 16, 0.5], [200, 0, 0, 0.25]]
    assert len(colour_clusters(pixels, 2)) == 2


def test_dominant_colours_with_shares():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[:60] = (30, 80, 220)
    picture[60:90] = (230, 20, 30)
    picture[90:] = (255, 225, 30)
    found = dominant_colours(picture)
    assert [(colour.name, colour.share) for colour in found] == [("blue", 0.6), ("red", 0.3), ("yellow", 0.1)]
    assert found[0].hex == "#1e50dc"
    only = np.zeros((100, 100), bool)
    only[60:] = True
    assert [colour.name for colour in dominant_colours(picture, only)] == ["red", "yellow"]
    assert dominant_colours(picture, np.zeros((100, 100), bool)) == []
    noisy = np.clip(picture.astype(int) + np.random.default_rng(1).normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
    assert dominant_colours(noisy) == dominant_colours(noisy)
    assert {"blue", "red"} <= {colour.name for colour in dominant_colours(noisy)}


def figure(hair, shirt, trousers, *, scale=1.0, lean=0, light=1.0, canvas=(240, 320), hat=False):
    """A simple character: head with hair, shirt, trousers; returns the picture and its mask."""
    import cv2

    rgb = np.full((*canvas, 3), (120, 180, 220), np.uint8)
    mask = np.zeros(canvas, np.uint8)
    middle, foot = canvas[1] // 2, canvas[0] - 10
    unit = int(40 * scale)

    def block(x, top, bottom, half, colour):
        top, bottom = foot - int(top * unit), foot - int(bottom * unit)
        for target, paint in ((rgb, colour), (mask, 1)):
            cv2.rectangle(target, (middle + x - half, top), (middle + x + half, bottom), paint, -1)

    block(0, 2, 0, unit // 2, trousers)
    block(lean // 2, 3.4, 2, unit * 2 // 3, shirt)
    block(lean, 4.3, 3.4, unit // 3, (235, 190, 160))
    block(lean, 4.9 if not hat else 5.2, 4.3, unit // 2, hair)
    shaded = rgb.astype(float)
    shaded[mask > 0] *= light
    return np.clip(shaded, 0, 255).astype(np.uint8), mask.astype(bool)


LUCA = {"hair": (90, 50, 25), "shirt": (220, 60, 50), "trousers": (40, 70, 140)}
MIA = {"hair": (230, 200, 110), "shirt": (60, 160, 90), "trousers": (200, 190, 170)}


def test_the_same_character_scores_above_another():
    luca = figure(**LUCA)
    assert region_similarity(*luca, *luca) == pytest.approx(1.0, abs=1e-6)
    same = [
        region_similarity(*luca, *figure(**LUCA, scale=0.7)),
        region_similarity(*luca, *figure(**LUCA, lean=30)),
        region_similarity(*luca, *figure(**LUCA, light=0.85)),
    ]
    swapped = {"hair": LUCA["trousers"], "shirt": LUCA["hair"], "trousers": LUCA["shirt"]}
    other = [
        region_similarity(*luca, *figure(**MIA)),
        region_similarity(*luca, *figure(**{**LUCA, "hair": (230, 200, 110), "shirt": (60, 160, 90)})),
        region_similarity(*luca, *figure(**swapped)),
    ]
    assert min(same) > max(other) + 0.1, (same, other)
    assert region_similarity(*figure(**MIA), *luca) == pytest.approx(other[0])


def test_nothing_is_like_nothing():
    luca, mask = figure(**LUCA)
    assert region_similarity(luca, mask, luca, np.zeros_like(mask)) == 0.0


def test_thresholds_are_checked_data():
    table = thresholds()
    assert table.cuts.ratio_at_lowest > table.cuts.ratio_at_highest
    with pytest.raises(ValueError):
        type(table.black)(luma=300, frame_share=0.9, span_seconds=1)
