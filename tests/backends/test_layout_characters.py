"""Geometry of the toon characters: ground, height, normals, symmetry, poses, mouths, lids, caches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.image.layout import scene
from backends.image.layout.characters import cache, surface
from backends.image.layout.characters.build import build_character, build_face, face_labels, with_face
from backends.image.layout.characters.face import mouth_shape
from backends.image.layout.characters.mouth import open_area
from backends.image.layout.mesh import JOINTS, CharacterModel, MeshPart
from backends.image.layout.scene import CharacterLook, PosedCharacter

CREATURES = ("cat", "dog", "fox", "rabbit", "bear", "bird", "seagull", "monster")


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "QUALITY", 2.0)


def posed(look: CharacterLook | None = None, **changes: object) -> PosedCharacter:
    return replace(PosedCharacter("Luca", look or CharacterLook(hair_style="curly")), **changes)  # type: ignore[arg-type]


def part(model: CharacterModel | tuple[MeshPart, ...], name: str) -> MeshPart:
    parts = model if isinstance(model, tuple) else model.parts
    return next(p for p in parts if p.label == f"Luca/{name}")


def lowest(model: CharacterModel) -> float:
    return min(float(p.vertices[:, 1].min()) for p in model.parts)


def check_sound(model: CharacterModel) -> None:
    labels = [p.label for p in model.parts]
    assert len(labels) == len(set(labels))
    for p in model.parts:
        assert p.normals is not None
        assert p.vertices.dtype == np.float32 and p.faces.dtype == np.uint32 and p.normals.dtype == np.float32, p.label
        assert np.isfinite(p.vertices).all() and np.isfinite(p.normals).all(), p.label
        assert np.allclose(np.linalg.norm(p.normals, axis=1), 1.0, atol=1e-3), p.label
        assert int(p.faces.max()) < len(p.vertices), p.label
        if p.colors is not None:
            assert p.colors.shape == p.vertices.shape and p.colors.min() >= 0 and p.colors.max() <= 1, p.label
    for name, value in model.joints.items():
        assert name in JOINTS and value.shape == (3,) and np.isfinite(value).all()


def outward_share(p: MeshPart) -> float:
    """Share of the surface whose face normal agrees with the vertex normals."""
    assert p.normals is not None
    v = p.vertices[p.faces].astype(np.float64)
    cross = np.cross(v[:, 1] - v[:, 0], v[:, 2] - v[:, 0])
    size = np.linalg.norm(cross, axis=1)
    agree = np.einsum("ij,ij->i", cross, p.normals[p.faces].mean(axis=1)) > 0
    return float((agree & (size > 1e-14)).sum() / (size > 1e-14).sum())


def volume(p: MeshPart) -> float:
    v = p.vertices[p.faces].astype(np.float64) - p.vertices.mean(axis=0)
    return float(np.einsum("ij,ij->i", v[:, 0], np.cross(v[:, 1], v[:, 2])).sum() / 6)


@pytest.mark.parametrize("kind", scene.KINDS)
def test_every_kind_stands_on_the_ground_with_outward_normals(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface, "QUALITY", 1.0)
    model = build_character(posed(CharacterLook(kind=kind, height=0.8)))
    check_sound(model)
    assert abs(lowest(model)) < 0.008 * 0.8
    head = part(model, "head")
    assert float(head.vertices[:, 1].max()) > 0.8 * 0.9
    for p in model.parts:
        assert outward_share(p) > 0.99, p.label
        if p.label.rsplit("/", 1)[1] in ("head", "hair", "top", "bottom", "body", "shoe_upper_l", "hand_r", "foot_l"):
            assert volume(p) > 0, p.label
    assert 30_000 < sum(len(p.faces) for p in model.parts) <= 120_000


@pytest.mark.parametrize("age", ["child", "teen", "adult", "elder"])
def test_skull_reaches_the_wanted_height(age: str) -> None:
    look = CharacterLook(age=age, height=1.6, hair_style="bald")
    model = build_character(posed(look))
    top = float(part(model, "head").vertices[:, 1].max())
    assert abs(top - 1.6) < 0.03 * 1.6
    assert model.height == pytest.approx(1.6)
    assert model.head_radius > 1.6 * 0.1


def test_children_have_bigger_heads_and_eyes_than_adults() -> None:
    child, adult = (build_character(posed(CharacterLook(age=a, height=1.5))) for a in ("child", "adult"))
    assert child.head_radius > 1.35 * adult.head_radius

    def eye_width(m: CharacterModel) -> float:
        return float(np.ptp(part(m, "eye_l").vertices[:, 0]))

    assert eye_width(child) > 1.5 * eye_width(adult)


def test_builds_differ_in_width() -> None:
    widths = []
    for build in ("slim", "average", "stocky"):
        torso = part(build_character(posed(CharacterLook(build=build))), "top").vertices
        middle = torso[np.abs(torso[:, 1] - 0.54) < 0.02]
        widths.append(float(np.ptp(middle[:, 2])))
    assert widths[0] < 0.96 * widths[1] and widths[1] < 0.9 * widths[2]


def test_standing_is_symmetric() -> None:
    model = build_character(posed(CharacterLook(hair_style="bald")))
    for name in ("arm", "leg", "hand", "shoe_upper", "lids", "brow"):
        left, right = part(model, f"{name}_l").vertices, part(model, f"{name}_r").vertices
        assert np.allclose(np.sort(left[:, 0]), np.sort(-right[:, 0]), atol=3e-3), name
        assert left[:, 1].mean() == pytest.approx(right[:, 1].mean(), abs=2e-3)
    head = part(model, "head").vertices
    assert abs(head[:, 0].max() + head[:, 0].min()) < 2e-3
    for a, b in (("l_wrist", "r_wrist"), ("l_ankle", "r_ankle"), ("l_eye", "r_eye")):
        assert np.allclose(model.joints[a] * [-1, 1, 1], model.joints[b], atol=1e-5)


def test_left_is_at_plus_x_and_faces_plus_z() -> None:
    joints = build_character(posed()).joints
    assert set(JOINTS) == set(joints)
    assert joints["l_shoulder"][0] > 0 > joints["r_shoulder"][0]
    assert joints["nose"][2] > joints["neck"][2] + 0.1


def test_placement_and_facing() -> None:
    model = build_character(posed(x=2.0, z=-1.0, facing_deg=90.0))
    assert np.allclose(model.head_center[[0, 2]], [2.0, -1.0], atol=0.06)
    assert model.joints["nose"][0] > 2.1
    assert abs(lowest(model)) < 0.01
    # Facing +X, the left hand is at -Z.
    assert model.joints["l_wrist"][2] < -1.05 < -0.95 < model.joints["r_wrist"][2]


@pytest.mark.parametrize("pose", scene.POSES)
def test_every_pose_builds_for_biped_kinds(pose: str) -> None:
    for kind in ("human", "robot", "cat", "seagull"):
        model = build_character(posed(CharacterLook(kind=kind, height=1.0), pose=pose))
        check_sound(model)
        if pose in ("jumping", "running"):
            assert 0.01 < lowest(model) < 0.3
        else:
            assert abs(lowest(model)) < 0.016, kind


def test_poses_read_from_their_joints() -> None:
    def joints(pose: str) -> dict[str, np.ndarray]:
        return dict(build_character(posed(pose=pose)).joints)

    waving, standing = joints("waving"), joints("standing")
    assert waving["r_wrist"][1] > waving["r_shoulder"][1] + 0.1
    assert waving["r_wrist"][0] < waving["r_ear"][0] - 0.02, "the hand must be beside the head, not before it"
    assert standing["r_wrist"][1] < standing["r_shoulder"][1] - 0.15
    cheering = build_character(posed(pose="cheering"))
    assert min(cheering.extras["l_hand"][1], cheering.extras["r_hand"][1]) > cheering.joints["nose"][1] + 0.02
    assert joints("sitting")["l_hip"][1] < 0.4 * standing["l_hip"][1]
    assert joints("crouching")["nose"][1] < standing["nose"][1] - 0.12
    pointing = joints("pointing")
    assert pointing["r_wrist"][0] < pointing["r_shoulder"][0] - 0.15
    walking = joints("walking")
    assert walking["l_ankle"][2] - walking["r_ankle"][2] > 0.2
    crossed = joints("arms_crossed")
    assert crossed["r_wrist"][0] > crossed["r_elbow"][0] and crossed["l_wrist"][0] < crossed["l_elbow"][0]
    assert crossed["r_wrist"][2] > 0.05


@pytest.mark.parametrize("pose", scene.POSES)
def test_forearms_stay_outside_the_torso(pose: str) -> None:
    from backends.image.layout.characters.body import torso_field
    from backends.image.layout.characters.skeleton import build_rig, proportions

    for age in ("child", "adult"):
        body = proportions(age, "average")
        rig = build_rig(body, pose)
        torso = torso_field(rig, body)
        for arm in rig.arms.values():
            t = np.linspace(0.0, 1.0, 9)[:, None]
            line = np.vstack([arm.elbow * (1 - t) + arm.wrist * t, [arm.hand.at(0, 0.5 * body["hand"], 0)]])
            assert float(torso(line.T.astype(np.float32)).min()) > 0.010, (age, pose)


def test_head_and_eyes_turn_to_a_target_within_limits() -> None:
    ahead = build_character(posed())
    left = build_character(posed(), look_target=np.array([3.0, 1.0, 1.5]))
    behind = build_character(posed(), look_target=np.array([1.0, 1.0, -5.0]))

    def heading(m: CharacterModel) -> float:
        d = m.joints["nose"] - m.head_center
        return float(np.degrees(np.arctan2(d[0], d[2])))

    assert abs(heading(ahead)) < 1
    assert 35 < heading(left) < 62
    assert heading(left) - 1 < heading(behind) < 64, "a neck does not turn all the way round"
    iris = part(left, "eye_l")
    assert iris.colors is not None
    dark = iris.vertices[iris.colors.max(axis=1) < 0.1].mean(axis=0) - iris.vertices.mean(axis=0)
    assert np.degrees(np.arctan2(dark[0], dark[2])) > heading(left) + 4, "eyes go further than the head"


def test_mouth_shapes_differ_and_open_in_order() -> None:
    area = {m: open_area(mouth_shape("neutral", m)) for m in scene.MOUTHS}
    assert area["A"] < area["B"] < area["C"] < area["D"]
    assert area["A"] < 0.01 and area["X"] < 0.02
    assert area["F"] < area["E"] < area["D"]
    plates = {}
    for m in scene.MOUTHS:
        face = build_face(posed(mouth=m))
        plates[m] = part(face, "mouth").vertices
        names = {p.label for p in face}
        assert ("Luca/teeth" in names) == (m in "BCDEGH"), m
        assert ("Luca/tongue" in names) == (m in "CDH"), m
    for a in scene.MOUTHS:
        for b in scene.MOUTHS:
            if a < b:
                assert float(np.abs(plates[a] - plates[b]).max()) > 0.002, (a, b)


def test_mouth_sphere_holds_every_mouth() -> None:
    for kind in ("human", "robot", "cat", "bird"):
        look = CharacterLook(kind=kind, height=1.0)
        model = build_character(posed(look))
        for m in scene.MOUTHS:
            for p in build_face(posed(look, mouth=m)):
                if p.label.rsplit("/", 1)[1] in ("mouth", "beak_upper", "beak_lower", "tongue", "teeth"):
                    far = np.linalg.norm(p.vertices - model.mouth, axis=1).max()
                    assert far <= model.mouth_radius * 1.02, (kind, m, p.label, far / model.mouth_radius)


def hidden(points: np.ndarray, covers: list[MeshPart]) -> np.ndarray:
    """Which points a viewer on +Z cannot see because a triangle lies before them."""
    triangles = np.concatenate([c.vertices[c.faces] for c in covers]).astype(np.float64)
    lo, hi = points.min(axis=0), points.max(axis=0)
    box = (triangles.min(axis=1)[:, :2] < hi[:2]).all(axis=1) & (triangles.max(axis=1)[:, :2] > lo[:2]).all(axis=1)
    a, b, c = (triangles[box][:, i][None] for i in range(3))
    p = points[:, None, :].astype(np.float64)

    def side(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return (v[..., 0] - u[..., 0]) * (p[..., 1] - u[..., 1]) - (v[..., 1] - u[..., 1]) * (p[..., 0] - u[..., 0])

    w = np.stack([side(b, c), side(c, a), side(a, b)])
    total = w.sum(axis=0)
    inside = ((w >= 0).all(axis=0) | (w <= 0).all(axis=0)) & (np.abs(total) > 1e-16)
    z = (w[0] * a[..., 2] + w[1] * b[..., 2] + w[2] * c[..., 2]) / np.where(inside, total, 1.0)
    return (inside & (z > p[..., 2] + 1e-5)).any(axis=1)


@pytest.mark.parametrize("expression", scene.EXPRESSIONS)
def test_blink_covers_the_eye(expression: str) -> None:
    def visible(blink: float) -> float:
        model = build_character(posed(CharacterLook(hair_style="bald"), expression=expression, blink=blink))
        eye = part(model, "eye_l").vertices
        front = eye[eye[:, 2] > eye[:, 2].max() - 0.35 * np.ptp(eye[:, 2])][::5]
        return float(1 - hidden(front, [part(model, "lids_l"), part(model, "head")]).mean())

    assert visible(1.0) == 0.0
    assert visible(0.0) > 0.25


def test_expressions_change_the_face() -> None:
    brows = {e: part(build_face(posed(expression=e)), "brow_l").vertices for e in scene.EXPRESSIONS}
    slope = {
        e: float(v[v[:, 0] < np.median(v[:, 0]), 1].mean() - v[v[:, 0] > np.median(v[:, 0]), 1].mean())
        for e, v in brows.items()
    }
    assert slope["sad"] > slope["neutral"] > slope["angry"], "inner ends rise in sorrow and sink in anger"
    assert brows["surprised"][:, 1].mean() > brows["neutral"][:, 1].mean() > brows["angry"][:, 1].mean()


def test_face_parts_replace_those_of_the_model() -> None:
    for kind in scene.KINDS:
        look = CharacterLook(kind=kind, height=1.0)
        at = {"x": 0.4, "facing_deg": 25.0, "pose": "talking"}
        closed = build_character(posed(look, mouth="A", **at))
        opened = build_character(posed(look, mouth="D", **at))
        swapped = with_face(closed, kind, build_face(posed(look, mouth="D", **at)))
        want = {p.label: p for p in opened.parts}
        got = {p.label: p for p in swapped.parts}
        assert want.keys() == got.keys()
        for label, p in want.items():
            assert np.array_equal(p.vertices, got[label].vertices), (kind, label)
        changing = {f"Luca/{n}" for n in face_labels(kind)}
        for p in closed.parts:
            if p.label not in changing:
                assert np.array_equal(p.vertices, want[p.label].vertices), "other parts must not move with the mouth"


@pytest.mark.parametrize("style", scene.HAIR_STYLES)
def test_every_hair_style_builds_and_leaves_the_face_free(style: str) -> None:
    model = build_character(posed(CharacterLook(hair_style=style)))
    check_sound(model)
    names = {p.label for p in model.parts}
    assert ("Luca/hair" in names) == (style != "bald")
    if style != "bald":
        hair = part(model, "hair").vertices
        eye = part(model, "eye_l").vertices
        before = hair[(hair[:, 2] > eye[:, 2].max()) & (np.abs(hair[:, 0]) < 0.1)]
        assert len(before) == 0 or before[:, 1].min() > eye[:, 1].mean(), "no hair before the eyes"


@pytest.mark.parametrize("top", scene.TOPS)
def test_every_top_and_bottom_builds(top: str) -> None:
    for age, bottom in zip(("child", "adult", "elder", "teen"), scene.BOTTOMS, strict=True):
        pose = "sitting" if bottom == "skirt" else "walking"
        model = build_character(posed(CharacterLook(age=age, top=top, bottom=bottom), pose=pose))
        check_sound(model)
        assert float(part(model, "top").vertices[:, 1].min()) > -0.01


def test_every_accessory_shows() -> None:
    plain = {p.label for p in build_character(posed()).parts}
    for name in ("glasses", "hat", "cap", "scarf", "backpack", "bow", "beard", "moustache", "crown", "cape"):
        model = build_character(posed(CharacterLook(hair_style="curly", accessories=(name,))))
        check_sound(model)
        assert f"Luca/{name}" in {p.label for p in model.parts} - plain
    spotted = part(build_character(posed(CharacterLook(accessories=("freckles",)))), "head").colors
    clear = part(build_character(posed(CharacterLook())), "head").colors
    assert spotted is not None and clear is not None and float(np.abs(spotted - clear).max()) > 0.05


def test_same_input_gives_the_same_arrays() -> None:
    look = CharacterLook(hair_style="short", top="hoodie", accessories=("scarf",))
    first = build_character(posed(look, pose="thinking", expression="smug"))
    cache.clear()
    second = build_character(posed(look, pose="thinking", expression="smug"))
    for a, b in zip(first.parts, second.parts, strict=True):
        assert a.label == b.label and a.material == b.material
        assert np.array_equal(a.vertices, b.vertices) and np.array_equal(a.faces, b.faces), a.label


def test_disk_cache_gives_the_same_meshes_and_survives_damage(tmp_path: Path) -> None:
    look = CharacterLook(hair_style="bun", top="sweater")
    cache.clear()
    built = build_character(posed(look), cache_dir=tmp_path)
    files = sorted(tmp_path.glob("*.npz"))
    assert len(files) >= 5 and not list(tmp_path.glob("*.part"))
    cache.clear()
    loaded = build_character(posed(look), cache_dir=tmp_path)
    files[0].write_bytes(b"not a zip")
    files[1].write_bytes(files[1].read_bytes()[:200])
    cache.clear()
    mended = build_character(posed(look), cache_dir=tmp_path)
    for a, b, c in zip(built.parts, loaded.parts, mended.parts, strict=True):
        assert np.array_equal(a.vertices, b.vertices) and np.array_equal(a.vertices, c.vertices), a.label
        assert a.normals is not None and b.normals is not None and np.array_equal(a.normals, b.normals)


def test_unwritable_cache_folder_costs_no_picture(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache.clear()
    assert build_character(posed(), cache_dir=blocked).parts


def test_different_people_differ() -> None:
    one = build_character(posed(CharacterLook()))
    other = build_character(
        posed(CharacterLook(skin=(0.45, 0.30, 0.22), hair=(0.05, 0.04, 0.04), eyes=(0.3, 0.2, 0.1)))
    )
    a, b = part(one, "head"), part(other, "head")
    assert a.colors is not None and b.colors is not None
    assert float(np.abs(a.colors.mean(axis=0) - b.colors.mean(axis=0)).max()) > 0.2
    assert one.joints["nose"].tolist() != other.joints["nose"].tolist(), "faces have their own shape too"
    # Clothes change, the face stays.
    dressed = build_character(posed(CharacterLook(top="coat", top_color=(0.1, 0.1, 0.1))))
    assert np.array_equal(part(dressed, "head").vertices, a.vertices)


@pytest.mark.parametrize(
    "change", [{"pose": "flying"}, {"expression": "bored"}, {"mouth": "Q"}, {"look": CharacterLook(kind="car")}]
)
def test_unknown_names_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        build_character(posed(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["fox", "bear", "monster"])
def test_animals_wear_scarves_round_their_necks(kind: str) -> None:
    look = CharacterLook(kind=kind, accessories=("scarf:#c8402f",), height=0.9)
    model = build_character(posed(look), cache_dir=None)
    scarf, neck = part(model, "scarf"), model.joints["neck"]
    assert scarf.vertices.min(axis=0)[0] < neck[0] < scarf.vertices.max(axis=0)[0]
    assert scarf.vertices.min(axis=0)[1] < neck[1] < scarf.vertices.max(axis=0)[1]
    assert scarf.material.color[0] > 0.5 > scarf.material.color[1]
