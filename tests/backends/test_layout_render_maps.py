"""Control maps and scene files of the layout renderer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from backends.image.layout import maps
from backends.image.layout.render import LayoutFrame, LayoutRenderer
from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.scene_json import scene_from_dict, scene_to_dict
from configs.errors import UsageError

SCENE = LayoutScene(
    "beach", "sunset",
    (PosedCharacter("Luca", CharacterLook(accessories=("glasses",)), pose="waving", mouth="D", x=-0.3),),
    CameraSpec("MLS", "eye", 35.0, "Luca", 10.0), ("ball",), 7,
)  # fmt: skip


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> LayoutFrame:
    return LayoutRenderer(tmp_path_factory.mktemp("characters"), samples=2).render(SCENE, 161, 91)


@pytest.mark.parametrize("kind", ["depth", "normal", "pose", "canny"])
def test_maps_are_exactly_the_frames_size(frame: LayoutFrame, kind: str) -> None:
    image = getattr(maps, f"{kind}_map")(frame)
    assert image.shape == (91, 161, 3) and image.dtype == np.uint8
    assert image.max() > 150 and image.min() < 100


def test_depth_map_is_white_near_and_black_in_the_sky(frame: LayoutFrame) -> None:
    image = maps.depth_map(frame)[..., 0].astype(int)
    person = frame.mask("Luca")
    assert image[person].min() > image[frame.mask("sky")].max() == 0
    order = np.argsort(frame.depth[person])
    assert (np.diff(image[person][order]) <= 0).all()
    assert image[person].max() - image[person].min() > 10


def test_normal_map_faces_the_camera(frame: LayoutFrame) -> None:
    image = maps.normal_map(frame)
    person = frame.mask("Luca")
    assert np.median(image[person][:, 2]) > 150
    ground = frame.mask("set") & (frame.normal[..., 1] > 0.95)
    assert np.median(image[ground][:, 1]) > 200
    left, right = np.argwhere(person)[:, 1].min(), np.argwhere(person)[:, 1].max()
    assert image[:, left][person[:, left], 0].mean() < 128 < image[:, right][person[:, right], 0].mean()


def test_pose_map_draws_openpose_colours_on_the_person(frame: LayoutFrame) -> None:
    image = maps.pose_map(frame)
    drawn = image.max(-1) > 60
    person = frame.mask("Luca")
    import cv2

    wide = cv2.dilate(person.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert drawn.any() and (drawn & wide).sum() / drawn.sum() > 0.95
    x, y, _ = frame.joints["Luca"][0]
    assert tuple(image[round(y), round(x)]) == maps.COLORS[0]


def test_canny_map_is_lines_round_the_person(frame: LayoutFrame) -> None:
    image = maps.canny_map(frame)
    assert set(np.unique(image)) == {0, 255}
    assert 0.01 < (image[..., 0] > 0).mean() < 0.35
    person = frame.mask("Luca")
    border = person[:, 1:] != person[:, :-1]
    assert (image[:, 1:, 0][border] == 255).all()


def test_scenes_round_trip_through_json() -> None:
    data = json.loads(json.dumps(scene_to_dict(SCENE)))
    assert scene_from_dict(data) == SCENE
    assert scene_from_dict({}) == LayoutScene()
    assert scene_from_dict(scene_to_dict(replace(SCENE, characters=()))).characters == ()


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        (("sett",), "beach", "sett"),
        (("set",), "moonbase", "scene.set"),
        (("seed",), 1.5, "whole number"),
        (("camera", "scale"), "XXL", "camera.scale"),
        (("camera", "lens_mm"), "long", "a number"),
        (("camera", "yaw_deg"), float("inf"), "a number"),
        (("characters",), "Luca", "a list"),
        (("characters", 0, "look", "skin"), [1, 2], "list of 3"),
        (("characters", 0, "mouth"), "Q", "characters\\[0\\].mouth"),
        (("characters", 0, "pose"), "flying", "pose"),
        (("props",), [3], "props\\[0\\]"),
    ],
)
def test_wrong_scene_files_are_refused_by_path(path: tuple, value: object, word: str) -> None:
    data = json.loads(json.dumps(scene_to_dict(SCENE)))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(UsageError, match=word):
        scene_from_dict(data)


def test_a_character_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="look"):
        scene_from_dict({"characters": [{"name": "Luca"}]})
    with pytest.raises(UsageError, match="an object"):
        scene_from_dict([1])
