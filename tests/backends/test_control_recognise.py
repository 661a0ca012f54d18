"""Finished maps told from pictures by their pixels, and the checks of a map before it steers."""

from __future__ import annotations

import io
import tracemalloc

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from backends.image.control.check import check_says_something, fit_map
from backends.image.control.edges import canny_map
from backends.image.control.normals import encode, from_nearness
from backends.image.control.openpose import Person, draw_people
from backends.image.control.recognise import recognise
from configs.controlnet_config import Canny
from configs.errors import UsageError

PHOTOS = ("astronaut", "camera", "coffee", "coins", "chelsea", "page", "moon", "clock", "grass", "retina", "rocket")


def _photo(name: str) -> np.ndarray:
    picture = np.asarray(getattr(data, name)())
    return np.ascontiguousarray(picture if picture.ndim == 3 else picture[..., None].repeat(3, 2))[..., :3]


def _jpeg(rgb: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=80)
    return np.asarray(Image.open(file))


def _nearness() -> np.ndarray:
    y, x = np.mgrid[0:240, 0:320].astype(np.float32)
    floor = np.clip((y - 120) / 120, 0, 1) * 0.7
    ball = 0.6 + 0.3 * np.sqrt(np.clip(1 - ((x - 160) / 60) ** 2 - ((y - 120) / 60) ** 2, 0, 1))
    return np.where((x - 160) ** 2 + (y - 120) ** 2 < 3600, ball, floor).astype(np.float32)


def _map(kind: str) -> np.ndarray:
    if kind == "canny":
        return canny_map(_photo("astronaut"), Canny())
    if kind == "normal":
        return from_nearness(_nearness())
    if kind == "depth":
        return (_nearness()[..., None].repeat(3, 2) * 255).astype(np.uint8)
    body = np.array([
        [160, 60], [160, 90], [140, 92], [128, 120], [120, 146], [180, 92], [192, 120], [230, 110], [146, 150],
        [140, 190], [138, 226], [174, 150], [180, 190], [184, 226], [154, 54], [166, 54], [146, 58], [174, 58],
    ], np.float32)  # fmt: skip
    return draw_people([Person(body)], 320, 240)


@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_are_no_maps(name: str) -> None:
    photo = _photo(name)
    assert recognise(photo).kind is None
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2)
    assert recognise(grey).kind is None
    assert recognise(canny_map(photo, Canny())).kind == "canny"


@pytest.mark.parametrize("kind", ["depth", "pose", "canny", "normal"])
def test_maps_are_recognised_also_as_jpeg(kind: str) -> None:
    picture = _map(kind)
    assert recognise(picture).kind == kind
    assert recognise(_jpeg(picture)).kind == kind
    check_says_something(picture, kind)  # type: ignore[arg-type]


def test_what_looks_a_little_like_a_map() -> None:
    silhouette = np.zeros((200, 200, 3), np.uint8)
    silhouette[50:150, 60:140] = 255
    assert recognise(silhouette).kind is None, "two tones, and no thin lines"
    neon = np.zeros((200, 200, 3), np.uint8)
    neon[90:110] = (255, 0, 80)
    assert recognise(neon).kind is None, "one vivid colour on black is no skeleton"
    wheel = np.asarray(data.colorwheel())[..., :3]
    assert recognise(np.ascontiguousarray(wheel)).kind is None
    assert recognise(np.zeros((64, 64, 3), np.uint8)).why == "it is black all over"


@pytest.mark.parametrize("kind", ["depth", "pose", "canny", "normal"])
def test_maps_that_say_nothing(kind: str) -> None:
    with pytest.raises(UsageError, match="all black"):
        check_says_something(np.zeros((64, 64, 3), np.uint8), kind)  # type: ignore[arg-type]
    noise = np.random.default_rng(0).integers(0, 5, (64, 64, 3)).astype(np.uint8)
    with pytest.raises(UsageError, match="one tone"):
        check_says_something(noise + 100, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(320, 240), (100, 300), (640, 100), (33, 17)])
@pytest.mark.parametrize("kind", ["depth", "pose", "canny", "normal"])
def test_a_fitted_map_keeps_what_its_kind_promises(kind: str, size: tuple[int, int], fit: str) -> None:
    picture = _map(kind)
    fitted = fit_map(picture, kind, size, fit)  # type: ignore[arg-type]
    assert fitted.shape == (size[1], size[0], 3) and fitted.dtype == np.uint8
    if kind == "canny":
        assert set(np.unique(fitted)) <= {0, 255}
    if kind == "normal":
        assert np.percentile(np.abs(np.linalg.norm(fitted / 127.5 - 1, axis=2) - 1), 95) < 0.03
    with pytest.raises(UsageError, match=f"{picture.shape[1]}x{picture.shape[0]}, the picture 7x9"):
        fit_map(picture, kind, (7, 9))  # type: ignore[arg-type]


def test_a_circle_stays_a_circle() -> None:
    picture = np.zeros((200, 400, 3), np.uint8)
    cv2.circle(picture, (200, 100), 60, (255, 255, 255), -1)
    for fit in ("crop", "pad"):
        rows, columns = np.nonzero(fit_map(picture, "depth", (300, 300), fit)[..., 0] > 127)  # type: ignore[arg-type]
        assert abs(np.ptp(rows) - np.ptp(columns)) <= 2


def test_encoding_of_normals() -> None:
    facing = encode(np.array([[[0, 0, -1], [-1, 0, 0], [0, -1, 0]]], np.float32))
    assert facing.tolist() == [[[128, 128, 255], [255, 128, 128], [128, 255, 128]]], "front, left, up"


def test_a_line_of_one_pixel_is_fitted_without_gigabytes() -> None:
    for shape in ((4000, 1, 3), (1, 4000, 3)):
        line = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        tracemalloc.start()
        made = fit_map(line, "depth", (512, 512), "crop")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert made.shape == (512, 512, 3) and peak < 2**27
        middle = line.reshape(-1, 3)[1999:2001].mean(axis=0)
        assert np.abs(made[255:257, 255:257].reshape(-1, 3).mean(axis=0) - middle).max() < 2
