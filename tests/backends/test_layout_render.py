"""The layout renderer on real scenes at tiny sizes: determinism, buffers, framing, faces, every set and light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backends.image.layout import raster
from backends.image.layout.camera import look_at
from backends.image.layout.denoise import _views
from backends.image.layout.frame import FaceVariant, LayoutFrame
from backends.image.layout.gbuffer import dense
from backends.image.layout.geometry import join
from backends.image.layout.mesh import JOINTS, Material
from backends.image.layout.picture import draw
from backends.image.layout.placing import place
from backends.image.layout.render import LayoutRenderer
from backends.image.layout.scene import (
    SETS,
    TIMES,
    CameraSpec,
    CharacterLook,
    LayoutScene,
    PosedCharacter,
)
from backends.image.layout.shapes import ball, part
from backends.image.layout.sky import Sky
from configs.errors import UsageError

LUCA = PosedCharacter("Luca", CharacterLook(), pose="standing", look_at="camera")
BIP = PosedCharacter("Bip", CharacterLook(kind="robot", height=0.6), x=0.65, z=0.1)
SCENE = LayoutScene("void", "day", (LUCA,), CameraSpec("MS"))


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> LayoutRenderer:
    return LayoutRenderer(tmp_path_factory.mktemp("characters"), samples=4)


@pytest.fixture(scope="module")
def frame(renderer: LayoutRenderer) -> LayoutFrame:
    return renderer.render(SCENE, 160, 90)


def test_same_scene_gives_the_same_pixels(renderer: LayoutRenderer, frame: LayoutFrame) -> None:
    again = LayoutRenderer(renderer.cache_dir, samples=4).render(SCENE, 160, 90)
    assert np.array_equal(frame.rgb, again.rgb)
    assert np.array_equal(frame.depth, again.depth)
    assert not np.array_equal(frame.rgb, renderer.render(replace(SCENE, time_of_day="night"), 160, 90).rgb)


def test_buffers_have_their_promised_shapes(frame: LayoutFrame) -> None:
    assert frame.rgb.shape == (90, 160, 3) and frame.rgb.dtype == np.uint8
    assert frame.depth.dtype == np.float32 and frame.depth.shape == (90, 160)
    assert frame.normal.dtype == np.float32 and frame.owner.dtype == np.int32
    lengths = np.linalg.norm(frame.normal[np.isfinite(frame.depth)], axis=-1)
    assert lengths == pytest.approx(1.0, abs=1e-3)
    assert frame.owners == ("sky", "set", "Luca")
    assert frame.mask("Luca").mean() > 0.05 and frame.mask("set").any()
    assert set(frame.seconds) >= {"characters", "scene", "light", "denoise"}
    with pytest.raises(UsageError):
        frame.mask("nobody")


def test_odd_sizes_come_out_exactly(renderer: LayoutRenderer) -> None:
    odd = renderer.render(SCENE, 81, 47)
    assert odd.rgb.shape == (47, 81, 3) and odd.depth.shape == (47, 81)


def test_depth_is_the_distance_along_the_axis() -> None:
    """A ball of radius 0.5 whose middle lies 3 m ahead and to the side: compare with the exact intersection."""
    camera = look_at(np.array([0.0, 1.0, 5.0]), np.array([0.0, 1.0, 0.0]), 0.0, 120.0, 160, 90)
    middle = np.array([0.9, 1.2, 2.0])
    geometry = join([part("set/ball", ball(middle, 0.5, 80), Material())])
    window = (0, 0, 160, 90)
    tris = raster.prepare(geometry, camera, window)
    seen = dense(geometry, tris, camera, raster.centres(tris, camera, window), window)
    x, y = np.meshgrid(np.arange(160) + 0.5, np.arange(90) + 0.5)
    rays = camera.rays(x, y).astype(float)
    offset = camera.position - middle
    a, b, c = (rays**2).sum(-1), 2 * rays @ offset, offset @ offset - 0.25
    root = b * b - 4 * a * c
    exact = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), np.inf)
    both = np.isfinite(seen.depth) & np.isfinite(exact)
    assert (np.isfinite(seen.depth) != np.isfinite(exact)).sum() < 25
    inner = both & (root > 0.05)
    assert np.abs(seen.depth[inner] - exact[inner]).max() < 0.005
    outward = (seen.position[inner] - middle) / 0.5
    assert np.einsum("ij,ij->i", outward, seen.normal[inner]).min() > 0.99


def test_a_ground_that_reaches_behind_the_camera_has_no_holes() -> None:
    from backends.image.layout.shapes import ground

    camera = look_at(np.array([0.3, 1.0, 4.0]), np.array([0.0, 0.2, 0.0]), 7.0, 100.0, 120, 80)
    geometry = join([part("set/ground", ground(200.0), Material())])
    window = (0, 0, 120, 80)
    tris = raster.prepare(geometry, camera, window)
    found = raster.centres(tris, camera, window) >= 0
    x, y = np.meshgrid(np.arange(120) + 0.5, np.arange(80) + 0.5)
    below = camera.rays(x, y)[..., 1] < -0.02
    assert found[below].all()


def test_character_depth_agrees_with_where_it_stands(frame: LayoutFrame, renderer: LayoutRenderer) -> None:
    near = frame.depth[frame.mask("Luca")].min()
    assert frame.kept is not None
    camera = frame.kept.camera
    distance = float(camera.to_local(np.array([0.0, camera.position[1], 0.0]))[2])
    assert near < distance < near + 0.8


def test_joints_lie_on_the_character(frame: LayoutFrame) -> None:
    table = frame.joints["Luca"]
    assert table.shape == (18, 3) and table.dtype == np.float32
    mask = frame.mask("Luca")
    for name in ("nose", "neck", "r_shoulder", "l_shoulder", "r_eye", "l_eye"):
        x, y, visible = table[JOINTS.index(name)]
        assert visible == 1.0, name
        assert mask[max(0, int(y) - 1) : int(y) + 2, max(0, int(x) - 1) : int(x) + 2].any(), name
    assert table[JOINTS.index("l_ankle")][2] == 0.0


def test_a_character_behind_another_has_hidden_joints(renderer: LayoutRenderer) -> None:
    behind = replace(LUCA, name="Ugo", z=-1.2, look_at=None)
    shot = renderer.render(replace(SCENE, characters=(LUCA, behind), camera=CameraSpec("MS", target="Luca")), 160, 90)
    hidden = shot.joints["Ugo"][JOINTS.index("neck")]
    front = shot.joints["Luca"][JOINTS.index("neck")]
    assert front[2] == 1.0
    assert hidden[2] == 0.0 or not shot.mask("Luca")[int(hidden[1]), int(hidden[0])]


def test_face_boxes_hold_each_other(frame: LayoutFrame) -> None:
    fx, fy, fw, fh = frame.face_box["Luca"]
    mx, my, mw, mh = frame.mouth_box["Luca"]
    assert fx <= mx and fy <= my and mx + mw <= fx + fw and my + mh <= fy + fh
    assert 0 < mw < fw


@pytest.fixture(scope="module")
def models(renderer: LayoutRenderer) -> list:
    from backends.image.layout.characters.build import build_character

    return [build_character(posed, cache_dir=renderer.cache_dir) for posed in (LUCA, BIP)]


def _head_px(models: list, camera_spec: CameraSpec) -> float:
    scene = replace(SCENE, characters=(LUCA,), camera=camera_spec)
    camera = place(scene, models[:1], 320, 180)
    depth = camera.project(models[0].head_center)[2]
    return float(2 * models[0].head_radius * camera.focal / depth)


def test_heads_shrink_from_close_to_far_scales(models: list) -> None:
    sizes = [_head_px(models, CameraSpec(scale)) for scale in ("ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.05 * sizes[1] and sizes[-2] > 2 * sizes[-1]
    assert sizes[0] > 160 and sizes[-1] < 30


@pytest.mark.parametrize("scale", ["MS", "LS", "ELS"])
@pytest.mark.parametrize("yaw", [-40.0, 0.0, 40.0])
def test_a_group_is_wholly_in_the_picture(models: list, scale: str, yaw: float) -> None:
    scene = replace(SCENE, characters=(LUCA, BIP), camera=CameraSpec(scale, yaw_deg=yaw))
    camera = place(scene, models, 320, 180)
    for model in models:
        x, y, z = camera.project(model.head_center)
        assert z > 0 and 10 < x < 310 and 5 < y < 175, model.name


@pytest.mark.parametrize("angle", ["eye", "low", "high", "overhead", "dutch", "over_shoulder"])
@pytest.mark.parametrize("scale", ["CU", "LS", "ELS"])
def test_the_camera_stays_above_ground(models: list, angle: str, scale: str) -> None:
    scene = replace(SCENE, characters=(LUCA, BIP), camera=CameraSpec(scale, angle, target="Luca", yaw_deg=20))
    camera = place(scene, models, 320, 180)
    assert camera.position[1] >= 0.13
    x, y, z = camera.project(models[0].head_center)
    assert z > 0 and -40 < x < 360 and -60 < y < 200


def test_angles_look_up_and_down(models: list) -> None:
    tilt = {}
    for angle in ("low", "eye", "high", "overhead"):
        scene = replace(SCENE, camera=CameraSpec("MS", angle))
        tilt[angle] = float(place(scene, models[:1], 320, 180).forward[1])
    assert tilt["low"] > tilt["eye"] > tilt["high"] > tilt["overhead"]


def test_looking_sideways_leaves_room_on_that_side(models: list) -> None:
    spots = {}
    for facing in (-70.0, 70.0):
        scene = replace(SCENE, characters=(replace(LUCA, facing_deg=facing),), camera=CameraSpec("MS"))
        spots[facing] = place(scene, models[:1], 320, 180).project(models[0].head_center)[0]
    assert spots[70.0] < 160 < spots[-70.0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"set": "moonbase"}, "beach"),
        ({"time_of_day": "noon"}, "sunset"),
        ({"camera": CameraSpec("XXL")}, "ECU"),  # type: ignore[arg-type]
        ({"camera": CameraSpec(target="Ada")}, "Luca"),
        ({"characters": (LUCA, LUCA)}, "name"),
    ],
)
def test_wrong_scenes_are_refused_in_one_sentence(renderer: LayoutRenderer, change: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        renderer.render(replace(SCENE, **change), 64, 36)


def test_wrong_sizes_are_refused(renderer: LayoutRenderer) -> None:
    with pytest.raises(UsageError, match="4096"):
        renderer.render(SCENE, 8, 9000)


def test_cancelling_leaves_the_renderer_usable(renderer: LayoutRenderer, frame: LayoutFrame) -> None:
    class Stop(Exception):
        pass

    steps: list[tuple[int, int]] = []

    def on_step(step: int, total: int) -> None:
        steps.append((step, total))
        if step == 2:
            raise Stop

    with pytest.raises(Stop):
        renderer.render(SCENE, 160, 90, on_step=on_step)
    assert steps[-1] == (2, 4)
    assert np.array_equal(renderer.render(SCENE, 160, 90).rgb, frame.rgb)


def test_the_own_face_changes_nothing(renderer: LayoutRenderer, frame: LayoutFrame) -> None:
    (patch,) = renderer.render_faces(frame, "Luca", [FaceVariant(LUCA.mouth, LUCA.blink, LUCA.expression)])
    h, w = patch.rgb.shape[:2]
    own = frame.rgb[patch.y : patch.y + h, patch.x : patch.x + w]
    assert np.abs(own.astype(int) - patch.rgb).mean() < 2


def test_a_redrawn_region_matches_the_frame(renderer: LayoutRenderer) -> None:
    """The same geometry drawn again for the face's window alone: same light, same filters, no seam."""
    fine = LayoutRenderer(renderer.cache_dir, samples=16)
    shot = fine.render(replace(SCENE, camera=CameraSpec("CU")), 240, 136)
    kept = shot.kept
    assert kept is not None
    x, y, w, h = (v - v % 2 for v in shot.face_box["Luca"])
    stage = kept.stage
    subject = fine._subject(kept.parts, stage, kept.sky, kept.camera)
    again = draw(subject, fine._tracer, (x, y, w, h), 16, 0, glow=kept.glow[y : y + h, x : x + w], margin=16)
    difference = np.abs(again.rgb.astype(int) - shot.rgb[y : y + h, x : x + w])
    assert difference.mean() < 2


def test_mouth_shapes_change_the_mouth_and_leave_the_rim(renderer: LayoutRenderer) -> None:
    shot = renderer.render(replace(SCENE, camera=CameraSpec("CU")), 240, 136)
    closed, wide, shut = renderer.render_faces(
        shot, "Luca", [FaceVariant("A"), FaceVariant("D"), FaceVariant(None, blink=1.0)]
    )
    assert closed.rgb.shape == wide.rgb.shape
    mx, my, mw, mh = shot.mouth_box["Luca"]
    area = (slice(my - wide.y, my - wide.y + mh), slice(mx - wide.x, mx - wide.x + mw))
    change = np.abs(closed.rgb.astype(int) - wide.rgb)
    assert change[area].mean() > 4
    own = shot.rgb[wide.y : wide.y + wide.rgb.shape[0], wide.x : wide.x + wide.rgb.shape[1]]
    rim = np.ones(own.shape[:2], bool)
    rim[2:-2, 2:-2] = False
    assert np.abs(own.astype(int) - wide.rgb)[rim].mean() < 2
    ex, ey = shot.joints["Luca"][JOINTS.index("l_eye")][:2]
    eye = (slice(int(ey) - shut.y - 3, int(ey) - shut.y + 4), slice(int(ex) - shut.x - 3, int(ex) - shut.x + 4))
    assert np.abs(own.astype(int) - shut.rgb)[eye].mean() > 8


def test_faces_of_strangers_and_of_the_unseen(renderer: LayoutRenderer, frame: LayoutFrame) -> None:
    with pytest.raises(UsageError, match="Luca"):
        renderer.render_faces(frame, "Ada", [FaceVariant("A")])
    blind = replace(frame, face_box={})
    assert renderer.render_faces(blind, "Luca", [FaceVariant("A")]) == []


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_lit_at_every_time(renderer: LayoutRenderer, name: str) -> None:
    brightness = {}
    for time_of_day in TIMES:
        spec = CameraSpec("LS", yaw_deg={"day": 0.0, "sunset": -40.0, "night": 40.0, "storm": 15.0}[time_of_day])
        shot = renderer.render(LayoutScene(name, time_of_day, (LUCA,), spec), 80, 46)
        luma = shot.rgb.astype(float) @ [0.2126, 0.7152, 0.0722]
        brightness[time_of_day] = luma.mean()
        assert 12 < luma.mean() < 235, time_of_day
        assert luma.std() > 8, time_of_day
        person = luma[shot.mask("Luca")]
        assert 25 < person.mean() < 220, time_of_day
        assert shot.mask("Luca").sum() > 100, f"{time_of_day}: something hides the character"
    assert brightness["night"] < brightness["day"] or name == "space"


def test_props_stand_in_the_picture_and_unknown_ones_are_told(renderer: LayoutRenderer) -> None:
    from backends.image.layout.props import PROPS, place_props

    wide = replace(SCENE, camera=CameraSpec("LS"))
    plain = renderer.render(wide, 96, 54)
    dressed = renderer.render(replace(wide, props=("ball", "sofa of gold", "Chest")), 96, 54)
    assert not plain.warnings and "sofa of gold" in dressed.warnings[0]
    assert (np.abs(plain.rgb.astype(int) - dressed.rgb).max(-1) > 30).sum() > 20
    for name in PROPS:
        parts, unknown = place_props([name])
        assert parts and not unknown
        for item in parts:
            assert np.isfinite(item.vertices).all() and item.vertices[:, 1].min() > -0.15
            assert item.label.startswith("set/prop0.")


def test_light_is_finite_and_falls_from_above() -> None:
    from backends.image.layout.sets.build import build_stage

    for time_of_day in TIMES:
        for name in ("beach", "room", "space"):
            light = Sky(time_of_day, build_stage(name, time_of_day, 0).backdrop).light_map()
            assert np.isfinite(light).all() and (light >= 0).all()
            half = light.shape[0] // 2
            assert light[:half].sum() > light[half:].sum()


def test_a_set_without_anybody(renderer: LayoutRenderer) -> None:
    empty = renderer.render(LayoutScene("beach", "day", (), CameraSpec("ELS")), 80, 46)
    assert empty.owners == ("sky", "set") and empty.mask("sky").any() and empty.joints == {}


@pytest.mark.parametrize("shape", [(2, 31), (5, 3), (12, 31), (40, 4)])
def test_small_windows_are_smoothed_though_the_filter_reaches_further(shape: tuple[int, int]) -> None:
    for i, j in [(16, 0), (-16, 0), (0, 32), (0, -32), (-3, 2), (7, -5)]:
        values = np.arange(shape[0] * shape[1]).reshape(shape)
        here, there = _views(shape, i, j)
        assert values[here].shape == values[there].shape
        for y, x in np.argwhere(np.isin(values, values[here])):
            assert values[y + i, x + j] in values[there]


def test_a_face_far_away_can_still_speak(renderer: LayoutRenderer) -> None:
    far = PosedCharacter("Luca", CharacterLook(hair_style="curly"))
    frame = renderer.render(LayoutScene(set="void", characters=(far,), camera=CameraSpec(scale="ELS")), 320, 180)
    for patch in renderer.render_faces(frame, "Luca", [FaceVariant(m) for m in ("A", "D", "X")]):
        assert patch.rgb.shape[0] > 0 and patch.rgb.shape[2] == 3
