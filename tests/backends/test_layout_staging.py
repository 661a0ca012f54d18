"""Two to four characters in one shot: nobody goes through anybody, every face is free; over the shoulder."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from backends.image.layout import raster
from backends.image.layout.camera import Camera
from backends.image.layout.characters import surface
from backends.image.layout.characters.build import build_character
from backends.image.layout.geometry import join
from backends.image.layout.mesh import CharacterModel
from backends.image.layout.placing import place
from backends.image.layout.render import face_boxes
from backends.image.layout.scene import KINDS, POSES, TOPS, CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.staging import apart, clearance, volume
from tools.film.layout import layout_scene
from tools.film.shot import Actor, Shot
from tools.film.shot import Camera as ShotCamera

SIZE = (160, 90)
HEIGHTS = {"child": 1.15, "teen": 1.5, "adult": 1.75, "elder": 1.65}


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(surface, "QUALITY", 2.5)
    yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("characters")


def crowd(seed: int) -> tuple[PosedCharacter, ...]:
    """Two to four people of any kind, age, build, dress and pose, thrown onto one spot."""
    chance = random.Random(seed)
    people = []
    for i in range(2 + seed % 3):
        kind = chance.choice(("human", "human", *KINDS))
        age = chance.choice(tuple(HEIGHTS))
        look = CharacterLook(
            kind=kind, age=age, build=chance.choice(("slim", "average", "stocky")), top=chance.choice(TOPS),
            height=HEIGHTS[age] if kind == "human" else chance.uniform(0.5, 1.4),
            hair_style=chance.choice(("short", "afro", "long", "bun")),
        )  # fmt: skip
        people.append(PosedCharacter(
            f"P{i}", look, chance.choice(POSES), x=chance.uniform(-0.4, 0.4), z=chance.uniform(-0.5, 0.3),
            facing_deg=chance.uniform(-40, 40)))  # fmt: skip
    return tuple(people)


def sunk(one: CharacterModel, other: CharacterModel) -> float:
    """Metres that the deepest vertex of `one` lies inside `other`."""
    points = np.concatenate([p.vertices for p in other.parts])
    normals = np.concatenate([p.normals for p in other.parts if p.normals is not None])
    mine = np.concatenate([p.vertices for p in one.parts])
    distance, index = cKDTree(points).query(mine)
    inside = np.einsum("ij,ij->i", mine - points[index], normals[index]) < -0.6 * distance
    return float(distance[inside].max(initial=0.0))


def owners(models: list[CharacterModel], camera: Camera) -> np.ndarray:
    """(H, W) index of the character seen at each pixel, -1 for none."""
    geometry = join([part for model in models for part in model.parts])
    window = (0, 0, *SIZE)
    triangle = raster.centres(raster.prepare(geometry, camera, window), camera, window)
    names = [model.name for model in models]
    of_part = np.array([*(names.index(p.label.split("/")[0]) for p in geometry.parts), -1])
    return np.asarray(of_part[np.where(triangle >= 0, geometry.part[np.maximum(triangle, 0)], -1)])


def face_share(model: CharacterModel, index: int, seen: np.ndarray, camera: Camera) -> float:
    """Share of the disc of a face that shows its owner."""
    (x, y, w, h), _ = face_boxes(model, camera, SIZE)
    assert w > 3 and h > 3, f"{model.name}'s head is outside the picture"
    gy, gx = np.mgrid[y : y + h, x : x + w]
    disc = ((gx - x - w / 2 + 0.5) / (w / 2)) ** 2 + ((gy - y - h / 2 + 0.5) / (h / 2)) ** 2 < 0.72
    return float((seen[y : y + h, x : x + w] == index)[disc].mean())


@pytest.mark.parametrize("seed", range(9))
def test_nobody_crosses_anybody_and_every_face_is_seen(seed: int, cache: Path) -> None:
    people = apart(crowd(seed))
    models = [build_character(one, cache_dir=cache) for one in people]
    for i, one in enumerate(models):
        for other in models[i + 1 :]:
            assert max(sunk(one, other), sunk(other, one)) < 0.012, (one.name, other.name)
    for scale in ("MS", "LS", "ELS"):
        scene = LayoutScene("void", "day", people, CameraSpec(scale))  # type: ignore[arg-type]
        camera = place(scene, models, *SIZE)
        seen = owners(models, camera)
        for k, model in enumerate(models):
            assert face_share(model, k, seen, camera) >= 0.6, (scale, model.name)


def test_people_who_cross_are_moved_and_others_stay() -> None:
    near = (PosedCharacter("A", CharacterLook(), x=0.0), PosedCharacter("B", CharacterLook(), x=0.1))
    assert clearance(volume(near[0]), volume(near[1])) < 0
    moved = apart(near)
    assert clearance(volume(moved[0]), volume(moved[1])) >= 0
    assert moved[0].x < moved[1].x and moved[0].x + moved[1].x == pytest.approx(0.1, abs=1e-3)
    far = (PosedCharacter("A", CharacterLook(), x=-1.0), PosedCharacter("B", CharacterLook(), x=1.0))
    assert apart(far) == far and apart(far[:1]) == far[:1] and apart(()) == ()


def test_a_shot_keeps_its_actors_apart_and_in_order() -> None:
    actors = tuple(
        Actor(name=name, pose="waving", place=spot, facing="camera")  # type: ignore[arg-type]
        for name, spot in (("Ada", "left"), ("Bo", "center"), ("Cy", "right"), ("Di", "right"))
    )
    scene = layout_scene(Shot(id="s1", description="four friends", actors=actors), {})
    where = {one.name: one.x for one in scene.characters}
    assert where["Ada"] < where["Bo"] < where["Cy"]
    volumes = [volume(one) for one in scene.characters]
    assert min(clearance(a, b) for i, a in enumerate(volumes) for b in volumes[i + 1 :]) >= 0


PAIRS = {
    "child and child": (CharacterLook(hair_style="curly"), CharacterLook(hair_style="braids")),
    "child and adult": (CharacterLook(), CharacterLook(age="adult", height=1.75)),
    "child and robot": (CharacterLook(), CharacterLook(kind="robot", height=0.8)),
    "cat and monster": (CharacterLook(kind="cat", height=0.7), CharacterLook(kind="monster", height=1.4)),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("focus", ["A", "B"])
def test_over_the_shoulder_shows_one_face_and_one_back(pair: str, focus: str, cache: Path) -> None:
    people = apart([
        PosedCharacter(name, look, x=x, facing_deg=facing, look_at=other)
        for name, look, x, facing, other in zip("AB", PAIRS[pair], (-0.4, 0.4), (40.0, -40.0), "BA", strict=True)
    ])  # fmt: skip
    near = "B" if focus == "A" else "A"
    turned = {"A": 90.0, "B": -90.0}[near]
    people = tuple(replace(one, facing_deg=turned) if one.name == near else one for one in people)
    heads = {one.name: build_character(one, cache_dir=cache).eye_line for one in people}
    models = [build_character(p, look_target=heads[p.look_at or ""], cache_dir=cache) for p in people]
    scene = LayoutScene("void", "day", people, CameraSpec("MCU", "over_shoulder", 45.0, focus))
    camera = place(scene, models, *SIZE)
    seen = owners(models, camera)
    own = [one.name for one in people].index(focus)
    assert face_share(models[own], own, seen, camera) >= 0.7
    shoulder = seen == 1 - own
    assert 0.06 < shoulder.mean() < 0.5, "the other's back is in the picture, and does not fill it"
    columns = np.argwhere(shoulder)[:, 1]
    edge = 0.1 * SIZE[0]
    assert columns.min() < edge or columns.max() > SIZE[0] - edge, "it stands at the edge"
    face, back = (models[i].joints["nose"] - models[i].head_center for i in (own, 1 - own))
    view = camera.forward
    assert float(face @ view) < 0 < float(back @ view), "one looks to the camera's side, the other away from it"


def test_shots_over_a_shoulder_turn_the_near_one_round() -> None:
    actors = (Actor(name="Ada", facing="Bo", look_at="Bo", place="left"),
              Actor(name="Bo", facing="Ada", look_at="Ada", place="right"))  # fmt: skip
    shot = Shot(id="s1", description="talk", actors=actors, camera=ShotCamera(angle="over_shoulder", focus="Ada"))
    ada, bo = layout_scene(shot, {}).characters
    assert abs(ada.facing_deg) < 50 and bo.facing_deg == pytest.approx(-90.0, abs=25)
    assert bo.look_at == "Ada"


def test_a_close_camera_steps_round_to_a_turned_face(cache: Path) -> None:
    def across(spec: CameraSpec, facing: float) -> float:
        one = PosedCharacter("A", CharacterLook(), facing_deg=facing)
        model = build_character(one, cache_dir=cache)
        camera = place(LayoutScene("void", "day", (one,), spec), [model], *SIZE)
        face = model.joints["nose"] - model.head_center
        return float(np.degrees(np.arccos(-(face / np.linalg.norm(face)) @ camera.forward)))

    assert across(CameraSpec("CU"), 75.0) < 50 < across(CameraSpec("LS"), 75.0)
    assert across(CameraSpec("CU", yaw_deg=-60.0), 20.0) > 60, "an asked side stays"
    assert across(CameraSpec("CU"), 180.0) > 140, "an asked back stays"
