"""Control maps and scene files of the layout renderer."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from backends.image.layout import maps
from backends.image.layout.frame import LayoutFrame
from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.scene_json import scene_from_dict, scene_to_dict
from configs.errors import UsageError

SCENE = LayoutScene(
    "beach", "sunset",
    (PosedCharacter("Luca", CharacterLook(accessories=("glasses",)), pose="waving", mouth="D", x=-0.3),),
    CameraSpec("MLS", "eye", 35.0, "Luca", 10.0), ("ball",), 7,
)  # fmt: skip


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> LayoutRenderer:
    return LayoutRenderer(tmp_path_factory.mktemp("characters"), samples=2)


@pytest.fixture(scope="module")
def frame(renderer: LayoutRenderer) -> LayoutFrame:
    return renderer.render(SCENE, 161, 91)


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


def test_depth_is_along_the_axis_not_along_the_ray(renderer: LayoutRenderer) -> None:
    """z = distance * cos: a flat floor's inverse depth is linear in the picture; its distance is not (20 % off)."""
    frame = renderer.render(replace(SCENE, set="void", props=(), camera=CameraSpec("LS", "high", 24.0)), 160, 90)
    ground = frame.mask("set") & (frame.normal[..., 1] > 0.999)
    rows, columns = np.nonzero(ground)
    plane = np.stack([columns, rows, np.ones_like(rows)], 1).astype(float)
    inverse = 1 / frame.depth[ground].astype(float)
    fitted, *_ = np.linalg.lstsq(plane, inverse, rcond=None)
    assert np.percentile(np.abs(plane @ fitted - inverse), 95) < 0.02 * inverse.max()


def test_greys_of_characters_compare_between_shots(renderer: LayoutRenderer) -> None:
    brightest = []
    for scale, place in (("CU", "park"), ("MS", "beach"), ("LS", "room"), ("MLS", "street")):
        scene = replace(SCENE, set=place, camera=CameraSpec(scale, "eye", 35.0, "Luca"))  # type: ignore[arg-type]
        drawn = renderer.render(scene, 128, 72)
        brightest.append(np.percentile(maps.depth_map(drawn)[drawn.mask("Luca")], 98))
    assert min(brightest) > 0.6 * 255 and max(brightest) <= 255


def test_one_span_gives_one_grey_to_one_distance(frame: LayoutFrame) -> None:
    own = maps.depth_span(frame)
    assert own is not None and own.near < own.far
    wide = maps.depth_map(frame, maps.DepthSpan(own.near, 2 * own.far))[..., 0].astype(int)
    assert (wide >= maps.depth_map(frame)[..., 0]).all()
    nothing = replace(frame, depth=np.full_like(frame.depth, np.inf))
    assert maps.depth_span(nothing) is None and not maps.depth_map(nothing).any()


def test_normal_map_faces_the_camera(frame: LayoutFrame) -> None:
    image = maps.normal_map(frame)
    person = frame.mask("Luca")
    assert np.median(image[person][:, 2]) > 150
    ground = frame.mask("set") & (frame.normal[..., 1] > 0.95)
    assert np.median(image[ground][:, 1]) > 200
    left, right = np.argwhere(person)[:, 1].min(), np.argwhere(person)[:, 1].max()
    # ControlNet 1.1: "blue is front, red is left, green is top".
    assert image[:, left][person[:, left], 0].mean() > 128 > image[:, right][person[:, right], 0].mean()
    length = np.linalg.norm(image / 127.5 - 1, axis=2)
    assert np.abs(length - 1).max() < 0.02


def test_pose_map_draws_openpose_colours_on_the_person(frame: LayoutFrame) -> None:
    image = maps.pose_map(frame)
    drawn = image.max(-1) > 60
    person = frame.mask("Luca")
    import cv2

    wide = cv2.dilate(person.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert drawn.any() and (drawn & wide).sum() / drawn.sum() > 0.95
    x, y, _ = frame.joints["Luca"][0]
    assert tuple(image[round(y), round(x)]) == maps.COLORS[0]


def _skeleton(drawn: LayoutFrame, name: str) -> set[int]:
    """Joints of one character that the pose map shows, alone in the frame's map."""
    alone = replace(drawn, joints={name: drawn.joints[name]})
    ((_, person),) = maps._people(alone)
    return {index for index in range(18) if np.isfinite(person.body[index, 0])}


def test_everybody_has_a_skeleton_of_the_right_build(renderer: LayoutRenderer) -> None:
    cast = (
        PosedCharacter("Luca", CharacterLook(), x=-1.2),
        PosedCharacter("Bip", CharacterLook(kind="robot", height=0.6)),
        PosedCharacter("Gull", CharacterLook(kind="seagull", height=0.4), x=1.0),
        PosedCharacter("Mum", CharacterLook(age="adult", height=1.7), x=2.0),
    )
    drawn = renderer.render(LayoutScene("void", "day", cast, CameraSpec("LS")), 240, 136)
    shown, left_out = maps.posed(drawn)
    assert set(shown) == {"Bip", "Luca", "Mum"} and left_out == ("Gull",)
    gull = drawn.mask("Gull")
    assert not maps.pose_map(drawn)[gull].any()

    def head_share(name: str) -> float:
        table = drawn.joints[name]
        ears = np.linalg.norm(table[16, :2] - table[17, :2])
        return float(ears / (table[[10, 13], 1].mean() - table[0, 1]))

    assert head_share("Luca") > 1.3 * head_share("Mum"), "a child's head is large for its body"


def test_what_is_hidden_has_no_bones(renderer: LayoutRenderer) -> None:
    front = PosedCharacter("Luca", CharacterLook())
    behind = PosedCharacter("Ugo", CharacterLook(), z=-1.2)
    shot = LayoutScene("void", "day", (front, behind), CameraSpec("MLS", target="Luca"))
    drawn = renderer.render(shot, 240, 136)
    assert {0, 1, 2, 5, 14, 15} <= _skeleton(drawn, "Luca")
    cover = drawn.mask("Luca")
    places = drawn.joints["Ugo"][:, 1::-1].astype(int).clip(0, (135, 239))
    hidden = [i for i, place in enumerate(places) if cover[tuple(place)]]
    assert hidden, "the one in front covers something"
    seen = _skeleton(drawn, "Ugo")
    own = drawn.mask("Ugo")
    for joint in set(hidden) & seen:
        x, y = drawn.joints["Ugo"][joint, :2].astype(int)
        assert own[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].any(), "only at the very rim of what covers it"


def test_a_head_that_is_turned_away_has_no_face(renderer: LayoutRenderer) -> None:
    away = PosedCharacter("Luca", CharacterLook(), facing_deg=180.0)
    drawn = renderer.render(LayoutScene("void", "day", (away,), CameraSpec("MLS")), 240, 136)
    shown = _skeleton(drawn, "Luca")
    assert not {0, 14, 15} & shown and {1, 2, 5, 8, 11} <= shown
    # From behind, the right shoulder (2) is on the right.
    assert drawn.joints["Luca"][2, 0] > drawn.joints["Luca"][5, 0]


def test_canny_map_is_thin_lines_round_the_person(frame: LayoutFrame) -> None:
    import cv2

    image = maps.canny_map(frame)
    assert set(np.unique(image)) == {0, 255}
    lines = image[..., 0] > 0
    assert 0.01 < lines.mean() < 0.25
    person = frame.mask("Luca")
    border = np.zeros_like(person)
    border[:, 1:] = person[:, 1:] != person[:, :-1]
    near = cv2.dilate(lines.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert near[border].mean() > 0.97
    core = cv2.erode(lines.astype(np.uint8), np.ones((3, 3), np.uint8))
    assert core.sum() < 0.01 * lines.sum(), "lines are thin"


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
