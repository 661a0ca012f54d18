"""A whole human: skeleton, head, hair, hands, clothes and shoes put together in the world."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import materials
from backends.image.layout.characters.accessories import BRIM, HEAD_ACCESSORIES, accessory_materials, head_accessory
from backends.image.layout.characters.body import arm_mesh, leg_mesh, neck_mesh
from backends.image.layout.characters.bottoms import bottom_meshes
from backends.image.layout.characters.cache import Meshes, cached
from backends.image.layout.characters.clothes import clothes_materials, top_meshes
from backends.image.layout.characters.face import FaceRig, as_parts, eyeball_meshes, face_meshes
from backends.image.layout.characters.hair import hair_field, hair_meshes
from backends.image.layout.characters.hands import hand_mesh
from backends.image.layout.characters.human_head import HeadShape, head_field, head_mesh, head_shape, skin_colors
from backends.image.layout.characters.mouth import mouth_ball
from backends.image.layout.characters.placement import Placement
from backends.image.layout.characters.shoes import shoe_meshes
from backends.image.layout.characters.skeleton import SIDES, Rig, build_rig, proportions
from backends.image.layout.characters.surface import Mesh
from backends.image.layout.characters.sweep import limb
from backends.image.layout.characters.worn import BODY_ACCESSORIES, body_accessory
from backends.image.layout.mesh import CharacterModel, Material, MeshPart
from backends.image.layout.scene import CharacterLook, PosedCharacter

_LONG_HAIR = ("long", "bob", "ponytail", "braids", "bun")


def _variation(look: CharacterLook) -> NDArray[np.float64]:
    # Own small differences of the face, from what never changes about a person (clothes do).
    key = repr((look.age, look.build, look.skin, look.hair_style, look.hair, look.eyes))
    raw = hashlib.sha256(key.encode()).digest()[:5]
    return np.frombuffer(raw, dtype=np.uint8).astype(np.float64) / 127.5 - 1.0


@dataclass(frozen=True)
class _Person:
    """What all builders below need, worked out once."""

    posed: PosedCharacter
    body: dict[str, Any]
    rig: Rig
    head: HeadShape
    place: Placement
    ground: float
    shoes: Meshes
    cache_dir: Path | None


def _boots(look: CharacterLook) -> bool:
    return look.top == "spacesuit"


def _person(posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None) -> _Person:
    look = posed.look
    body = proportions(look.age, look.build)
    shape = head_shape(body, _variation(look))
    target = None if look_target is None else Placement.of(posed).to_local(look_target)
    rig = build_rig(body, posed.pose, target)
    length = body["foot"][0]
    numbers = (round(body["ankle"] / length, 4), round(body["leg_radii"][2] / length, 4), 0.30 if _boots(look) else 0.0)
    shoes = cached("shoes", numbers, lambda: shoe_meshes(*numbers), cache_dir)
    sole = shoes["sole"].vertices * _shoe_scale(body)
    ground = min(
        float((sole @ rig.legs[s].foot.rotation[1].astype(np.float32)).min() + rig.legs[s].ankle[1]) for s in SIDES
    )
    if rig.seated:
        ground = min(ground, float(rig.pelvis.origin[1]) - 0.9 * body["pelvis"][1])
    return _Person(posed, body, rig, shape, Placement.of(posed, rig.lift - ground), ground, shoes, cache_dir)


def _shoe_scale(body: dict[str, Any]) -> NDArray[np.float32]:
    length, half = body["foot"]
    return np.array([half / 0.275, length, length], dtype=np.float32)


def _face_rig(p: _Person) -> FaceRig:
    look, shape = p.posed.look, p.head
    freckles = "freckles" in look.worn
    dark = materials.luminance(look.skin) < 0.45
    hairless = look.hair if look.hair_style != "bald" else materials.mix(look.hair, look.skin, 0.15)
    feminine = look.hair_style in _LONG_HAIR and not {"beard", "moustache"} & set(look.worn)
    lip = materials.mix(look.skin, (0.62, 0.18, 0.20) if dark else (0.82, 0.30, 0.30), 0.46 if feminine else 0.26)
    return FaceRig(
        field=head_field(shape), skin=lambda q: skin_colors(shape, look.skin, q, freckles),
        skin_material=materials.skin(look.skin), eye_x=shape.eye_x, eye_y=shape.eye_y, eye_z=shape.eye_z,
        eye_radii=shape.eye_radii, eye_color=look.eyes, iris=shape.iris, place=shape.place, lip=lip,
        brow_color=materials.shade(hairless, 0.82), brow=shape.brow * (0.72 if feminine else 1.0), brow_y=shape.brow_y,
        lash=1.0 if feminine else 0.0,
    )  # fmt: skip


def _in_world(p: _Person, name: str, mesh: Mesh, material: Material, colors: NDArray | None = None) -> MeshPart:
    return materials.part(f"{p.posed.name}/{name}", p.place.mesh(mesh), material, colors)


def _head_parts(p: _Person) -> list[MeshPart]:
    look, shape, rig = p.posed.look, p.head, p.rig
    face = _face_rig(p)
    head = cached("head", shape, lambda: {"head": head_mesh(shape)}, p.cache_dir)["head"]
    items: list[tuple[str, Mesh, Material, NDArray[np.float32] | None]] = [
        ("head", head, face.skin_material, face.skin(head.vertices))
    ]
    items += eyeball_meshes(face, p.posed.expression, rig.gaze)
    brims = [BRIM[name] for name in look.worn if name in BRIM]
    brim = max(brims) if brims else None
    style = look.hair_style
    hair = cached("hair", (style, shape.width, brim), lambda: hair_meshes(shape, style, brim), p.cache_dir)
    for name, mesh in hair.items():
        tie = materials.cloth(materials.mix(look.top_color, (0.85, 0.20, 0.35), 0.6))
        items.append((name, mesh, materials.hair(look.hair) if name == "hair" else tie, None))
    surfaces = accessory_materials(look)
    for name in (n for n in HEAD_ACCESSORIES if n in look.worn):
        made = cached(
            "worn", (name, shape, style),
            lambda n=name: head_accessory(shape, n, hair_field(shape, style)), p.cache_dir,  # type: ignore[misc]
        )  # fmt: skip
        items += [(n, mesh, surfaces[n], None) for n, mesh in made.items()]
    return as_parts(p.posed.name, [_placed_head(p, i) for i in items], np.eye(3), np.zeros(3), 1.0)


def _placed_head(
    p: _Person, item: tuple[str, Mesh, Material, NDArray[np.float32] | None]
) -> tuple[str, Mesh, Material, NDArray[np.float32] | None]:
    name, mesh, material, colors = item
    turned = mesh.moved(p.rig.head.rotation, p.rig.head.origin, p.rig.head_radius)
    return name, p.place.mesh(turned), material, colors


def _face_parts(p: _Person) -> list[MeshPart]:
    posed = p.posed
    items = face_meshes(_face_rig(p), posed.expression, posed.mouth, posed.blink, p.rig.gaze)
    return as_parts(posed.name, [_placed_head(p, i) for i in items], np.eye(3), np.zeros(3), 1.0)


def _limbs(p: _Person) -> list[MeshPart]:
    look, body, rig = p.posed.look, p.body, p.rig
    bare = materials.skin(look.skin)
    suited = look.top == "spacesuit"
    size = body["hand"]
    wrist = round(body["arm_radii"][2] / size, 4)
    parts = [_in_world(p, "neck", neck_mesh(rig, body["neck_radius"]), bare)]
    for s, side in SIDES.items():
        arm, leg = rig.arms[s], rig.legs[s]
        glove = materials.rubber(materials.shade(look.top_color, 0.9)) if suited else bare
        pose = arm.hand_pose
        hand = cached("hand", (pose, wrist), lambda q=pose: {"hand": hand_mesh(q, wrist)}, p.cache_dir)["hand"]  # type: ignore[misc]
        grown = size * (1.15 if suited else 1.0)
        mirror = arm.hand.rotation if side > 0 else arm.hand.rotation @ np.diag([-1.0, 1.0, 1.0])
        parts.append(_in_world(p, f"hand_{s}", hand.moved(mirror, arm.hand.origin, grown), glove))
        parts.append(_in_world(p, f"arm_{s}", arm_mesh(arm, body["arm_radii"], size), bare))
        parts.append(_in_world(p, f"leg_{s}", leg_mesh(leg, body["leg_radii"]), bare))
        if not suited:
            up = leg.knee - leg.ankle
            sock = [leg.ankle - 0.10 * up, leg.ankle, leg.ankle + 0.16 * up]
            # Below trousers socks are thin and dark, or they would show at the hem.
            hidden = look.bottom == "trousers" or look.top == "overalls"
            r = body["leg_radii"][2] * (1.02 if hidden else 1.10)
            woven = materials.cloth(materials.shade(look.bottom_color, 0.7) if hidden else materials.WHITE)
            parts.append(_in_world(p, f"sock_{s}", limb(sock, [r, r, r * 1.06], 10), woven))
        sole = materials.rubber((0.95, 0.94, 0.90) if materials.luminance(look.shoes) < 0.75 else (0.62, 0.45, 0.30))
        colors = {"upper": materials.cloth(look.shoes, 0.6), "sole": sole, "laces": materials.cloth((0.96, 0.96, 0.94))}
        if suited:
            colors["upper"] = materials.rubber(look.shoes)
        for name, mesh in p.shoes.items():
            sized = mesh.stretched(_shoe_scale(body) * np.array([side, 1, 1], dtype=np.float32))
            shoe = sized.moved(leg.foot.rotation, leg.foot.origin)
            parts.append(_in_world(p, f"shoe_{name}_{s}", shoe, colors[name]))
    return parts


def _clothes(p: _Person) -> list[MeshPart]:
    look, body, rig, ground = p.posed.look, p.body, p.rig, p.ground
    who = (look.age, look.build, p.posed.pose)
    top = cached("top", (*who, look.top), lambda: top_meshes(rig, body, look.top, ground), p.cache_dir)
    bottom = cached(
        "bottom",
        (*who, look.top, look.bottom),
        lambda: bottom_meshes(rig, body, look.top, look.bottom, ground),
        p.cache_dir,
    )
    surfaces = clothes_materials(look)
    parts = [_in_world(p, name, mesh, surfaces[name]) for name, mesh in {**top, **bottom}.items()]
    worn = accessory_materials(look)
    for name in BODY_ACCESSORIES:
        if name in look.worn:
            made = cached("worn", (*who, name), lambda n=name: body_accessory(rig, body, n, ground), p.cache_dir)  # type: ignore[misc]
            parts += [_in_world(p, n, mesh, worn[n]) for n, mesh in made.items()]
    return parts


def _joints(p: _Person) -> dict[str, NDArray[np.float32]]:
    rig, shape, r = p.rig, p.head, p.rig.head_radius
    local = {"neck": rig.neck, "nose": rig.head.at(0, -0.255 * r, (0.87 + 1.2 * shape.nose) * r)}
    for s, side in SIDES.items():
        arm, leg = rig.arms[s], rig.legs[s]
        local |= {
            f"{s}_shoulder": arm.shoulder, f"{s}_elbow": arm.elbow, f"{s}_wrist": arm.wrist,
            f"{s}_hip": leg.hip, f"{s}_knee": leg.knee, f"{s}_ankle": leg.ankle,
            f"{s}_eye": rig.head.at(*(shape.eye_center(side) * r + [0, 0, shape.eye_radii[2] * r])),
            f"{s}_ear": rig.head.at(side * 0.95 * shape.width * r, -0.10 * r, -0.04 * r),
        }  # fmt: skip
    return {name: p.place.point(v) for name, v in local.items()}


def build_human(posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None) -> CharacterModel:
    """A human, posed in the world; see `build.build_character`."""
    p = _person(posed, look_target, cache_dir)
    parts = (*_head_parts(p), *_face_parts(p), *_limbs(p), *_clothes(p))
    rig, shape, r = p.rig, p.head, p.rig.head_radius
    size = posed.look.height
    mouth, mouth_radius = mouth_ball(head_field(shape), shape.place)
    hands = {f"{s}_hand": p.place.point(rig.arms[s].hand.at(0, 0.45 * p.body["hand"], 0)) for s in SIDES}
    top = max(float(part.vertices[:, 1].max()) for part in parts)
    extras = {**hands, "hold": ((hands["l_hand"] + hands["r_hand"]) / 2).astype(np.float32)}
    extras["top"] = np.array([posed.x, top, posed.z], dtype=np.float32)
    return CharacterModel(
        name=posed.name, parts=parts, joints=_joints(p), head_center=p.place.point(rig.head.origin),
        head_radius=r * size, eye_line=p.place.point(rig.head.at(0, shape.eye_y * r, (shape.eye_z + shape.eye_r) * r)),
        mouth=p.place.point(rig.head.at(*(mouth * r))),
        mouth_radius=mouth_radius * r * size, height=size, extras=extras,
    )  # fmt: skip


def build_human_face(
    posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None
) -> tuple[MeshPart, ...]:
    """Only the parts that change with mouth, blink and expression; see `build.build_face`."""
    return tuple(_face_parts(_person(posed, look_target, cache_dir)))
