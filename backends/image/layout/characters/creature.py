"""Animals and monsters: plush bodies on the same skeleton as humans, so that every pose works for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import materials
from backends.image.layout.characters.accessories import accessory_materials
from backends.image.layout.characters.beaks import beak_halves, beak_meshes
from backends.image.layout.characters.cache import Meshes, cached
from backends.image.layout.characters.creature_bodies import body_meshes, foot_mesh, paw_mesh
from backends.image.layout.characters.creature_head import CreatureHead
from backends.image.layout.characters.creature_heads import HEADS
from backends.image.layout.characters.face import FaceRig, eyeball_meshes, face_meshes, mouth_shape
from backends.image.layout.characters.mouth import mouth_ball
from backends.image.layout.characters.placement import Placement
from backends.image.layout.characters.skeleton import SIDES, Rig, build_rig, proportions
from backends.image.layout.characters.surface import Mesh, polygonise
from backends.image.layout.characters.worn import BODY_ACCESSORIES, body_accessory
from backends.image.layout.mesh import CharacterModel, Material, MeshPart
from backends.image.layout.scene import RGB, PosedCharacter

Item = tuple[str, Mesh, Material, NDArray[np.float32] | None]
FEATHERED = ("bird", "seagull")


@dataclass(frozen=True)
class _Creature:
    posed: PosedCharacter
    head: CreatureHead
    body: dict[str, Any]
    rig: Rig
    place: Placement
    feet: Meshes
    cache_dir: Path | None

    def part(self, item: Item) -> MeshPart:
        name, mesh, material, colors = item
        return materials.part(f"{self.posed.name}/{name}", self.place.mesh(mesh), material, colors)

    def on_head(self, item: Item) -> MeshPart:
        name, mesh, material, colors = item
        head = self.rig.head
        return self.part((name, mesh.moved(head.rotation, head.origin, self.rig.head_radius), material, colors))


def _creature(posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None) -> _Creature:
    kind = posed.look.kind
    head = HEADS[kind]()
    body = proportions("feathered" if kind in FEATHERED else "plush", posed.look.build)
    target = None if look_target is None else Placement.of(posed).to_local(look_target)
    rig = build_rig(body, posed.pose, target)
    length = body["foot"][0]
    ankle = round(body["ankle"] / length, 4)
    feet = cached("foot", (kind in FEATHERED, ankle), lambda: foot_mesh(kind in FEATHERED, ankle), cache_dir)
    sole = feet["foot"].vertices * np.float32(length)
    ground = min(
        float((sole @ rig.legs[s].foot.rotation[1].astype(np.float32)).min() + rig.legs[s].ankle[1]) for s in SIDES
    )
    if rig.seated:
        ground = min(ground, float(rig.pelvis.origin[1]) - 0.95 * body["pelvis"][1])
    return _Creature(posed, head, body, rig, Placement.of(posed, rig.lift - ground), feet, cache_dir)


def _mixed(base: RGB, accent: RGB, amount: NDArray) -> NDArray[np.float32]:
    t = np.clip(amount, 0, 1)[:, None]
    return np.asarray((np.asarray(base) * (1 - t) + np.asarray(accent) * t), dtype=np.float32)


def _soft_accent(c: _Creature) -> RGB:
    # Fur patches are a light mix of both colours: a pure accent would look painted on.
    look = c.posed.look
    if look.kind == "monster":
        return look.accent
    return materials.mix(materials.mix(look.body, (1.0, 0.97, 0.92), 0.70), look.accent, 0.15)


def _face_rig(c: _Creature) -> FaceRig:
    look, head = c.posed.look, c.head
    accent = _soft_accent(c)
    r = head.eye_r * np.array([0.98, 1.10, 0.92])
    lip = materials.mix(accent if look.kind != "monster" else look.body, (0.45, 0.15, 0.18), 0.35)
    return FaceRig(
        field=head.field, skin=lambda p: _mixed(look.body, accent, head.tint(np.asarray(p, dtype=np.float64))),
        skin_material=materials.hair((1, 1, 1)), eye_x=head.eye[0], eye_y=head.eye[1], eye_z=head.eye[2], eye_radii=r,
        eye_color=look.eyes, iris=head.iris, place=head.place, lip=lip, brow_color=materials.shade(look.body, 0.45),
        brow=0.055, brow_y=head.brow_y, lash=0.0, cant=head.cant, has_mouth=head.has_mouth,
    )  # fmt: skip


def _beak_colors(c: _Creature) -> dict[str, Material]:
    accent = c.posed.look.accent
    return {
        "beak_upper": materials.gloss(accent, 0.35), "beak_lower": materials.gloss(materials.shade(accent, 0.85), 0.35),
        "tongue": Material((0.83, 0.33, 0.34), roughness=0.4),
    }  # fmt: skip


def _face(c: _Creature) -> list[MeshPart]:
    posed = c.posed
    items: list[Item] = face_meshes(_face_rig(c), posed.expression, posed.mouth, posed.blink, c.rig.gaze)
    if not c.head.has_mouth:
        halves = cached("beak", posed.look.kind, lambda: beak_halves(posed.look.kind), c.cache_dir)
        surface = _beak_colors(c)
        beak = beak_meshes(halves, mouth_shape(posed.expression, posed.mouth))
        items += [(name, mesh, surface[name], None) for name, mesh in beak.items()]
    return [c.on_head(i) for i in items]


def _head_mesh(head: CreatureHead) -> Mesh:
    mesh = polygonise(head.field, (-1.25, -1.15, -1.05), (1.25, head.top, 1.5), 0.046)
    if not head.has_mouth:
        return mesh
    v = mesh.vertices
    hole = head.place.inside(v[:, 0], v[:, 1], 0.82) & (v[:, 2] > 0.2)
    return Mesh(v, np.ascontiguousarray(mesh.faces[~hole[mesh.faces].all(axis=1)]), mesh.normals)


def _head(c: _Creature) -> list[MeshPart]:
    look, head = c.posed.look, c.head
    rig = _face_rig(c)
    mesh = cached("creature-head", look.kind, lambda: {"head": _head_mesh(head)}, c.cache_dir)["head"]
    items: list[Item] = [("head", mesh, rig.skin_material, rig.skin(mesh.vertices))]
    items += eyeball_meshes(rig, c.posed.expression, c.rig.gaze)
    ears = materials.mix(look.body, (0.25, 0.14, 0.08), 0.45)
    surface = {
        "nose": materials.gloss((0.10, 0.08, 0.08) if look.kind in ("dog", "fox", "bear") else (0.90, 0.50, 0.52), 0.3),
        "whiskers": materials.hair((0.95, 0.95, 0.93)), "ears": materials.hair(ears),
        "tuft": materials.hair(materials.shade(look.body, 0.85)),
        "horns": materials.gloss(materials.mix(look.accent, (0.95, 0.90, 0.78), 0.6), 0.4),
    }  # fmt: skip
    for name, made in cached("creature-extras", look.kind, head.extras, c.cache_dir).items():
        items.append((name, made, surface[name], None))
    return [c.on_head(i) for i in items]


def build_creature(posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None) -> CharacterModel:
    """An animal or monster, posed in the world; see `build.build_character`."""
    c = _creature(posed, look_target, cache_dir)
    look, rig, body = posed.look, c.rig, c.body
    fur = materials.hair((1, 1, 1))
    accent = _soft_accent(c)
    parts = _head(c) + _face(c)
    key = (look.kind, look.build, posed.pose)
    for name, mesh in cached("creature-body", key, lambda: body_meshes(look.kind, rig, body), c.cache_dir).items():
        parts.append(c.part((name, mesh, fur, _body_colors(c, name, mesh, accent))))
    feathered = look.kind in FEATHERED
    foot_color = materials.gloss(look.accent, 0.5) if feathered else materials.hair(accent)
    for s, side in SIDES.items():
        mirror = np.diag([side, 1.0, 1.0])
        leg, arm = rig.legs[s], rig.arms[s]
        foot = c.feet["foot"].moved(leg.foot.rotation @ mirror, leg.foot.origin, body["foot"][0])
        parts.append(c.part((f"foot_{s}", foot, foot_color, None)))
        if not feathered:
            paw = cached("paw", 0, lambda: {"paw": paw_mesh()}, cache_dir)["paw"]
            at = paw.moved(arm.hand.rotation @ mirror, arm.hand.origin, body["hand"])
            parts.append(c.part((f"hand_{s}", at, materials.hair(accent), None)))
    return _model(c, (*parts, *_worn(c, key)))


def _worn(c: _Creature, key: tuple[str, ...]) -> list[MeshPart]:
    """What animals and monsters wear of a body's accessories; birds have no shoulders for them."""
    look, parts = c.posed.look, list[MeshPart]()
    if look.kind in FEATHERED:
        return parts
    surfaces = accessory_materials(look)
    for name in BODY_ACCESSORIES:
        if name in look.worn:
            wear = partial(body_accessory, c.rig, c.body, name, 0.0)
            made = cached("creature-worn", (*key, name), wear, c.cache_dir)
            parts += [c.part((n, mesh, surfaces[n], None)) for n, mesh in made.items()]
    return parts


def _body_colors(c: _Creature, name: str, mesh: Mesh, accent: RGB) -> NDArray[np.float32]:
    look, chest = c.posed.look, c.rig.chest
    local = (mesh.vertices - chest.origin) @ chest.rotation
    if name.startswith("wing"):
        arm = c.rig.arms[name[-1]]
        out = np.linalg.norm(mesh.vertices - arm.shoulder, axis=1)
        tip = materials.shade(look.body, 0.22) if look.kind == "seagull" else accent
        wing = materials.shade(look.body, 0.72 if look.kind == "seagull" else 0.82)
        return _mixed(wing, tip, materials.smoothstep(0.30, 0.34, out.astype(np.float32)))
    if name == "legs":
        return _mixed(look.accent, look.accent, np.zeros(len(mesh.vertices)))
    if name == "tail":
        far = np.linalg.norm(mesh.vertices - c.rig.pelvis.origin, axis=1)
        return _mixed(
            look.body, accent, materials.smoothstep(0.30, 0.33, far.astype(np.float32)) * (look.kind in ("cat", "fox"))
        )
    w, _, y = c.body["belly"]
    below = y - c.body["chest"][2]
    oval = np.sqrt((local[:, 0] / (w * 0.72)) ** 2 + ((local[:, 1] - below * 0.75) / 0.135) ** 2)
    patch = (1 - materials.smoothstep(0.92, 1.04, oval.astype(np.float32))) * (local[:, 2] > 0.02)
    return _mixed(look.body, accent, patch * (0.0 if look.kind == "seagull" else 1.0))


def _model(c: _Creature, parts: tuple[MeshPart, ...]) -> CharacterModel:
    rig, place, head, size = c.rig, c.place, c.head, c.posed.look.height
    frame, r = rig.head, rig.head_radius
    joints = {"neck": place.point(rig.neck), "nose": place.point(frame.at(0, -0.22 * r, 1.0 * r))}
    for s, side in SIDES.items():
        arm, leg = rig.arms[s], rig.legs[s]
        joints |= {
            f"{s}_shoulder": place.point(arm.shoulder), f"{s}_elbow": place.point(arm.elbow),
            f"{s}_wrist": place.point(arm.wrist),
            f"{s}_hip": place.point(leg.hip), f"{s}_knee": place.point(leg.knee), f"{s}_ankle": place.point(leg.ankle),
            f"{s}_eye": place.point(frame.at(side * head.eye[0] * r, head.eye[1] * r, (head.eye[2] + head.eye_r) * r)),
        }  # fmt: skip
        if c.posed.look.kind in ("cat", "dog", "fox", "rabbit", "bear"):
            joints[f"{s}_ear"] = place.point(frame.at(side * 0.70 * r, 0.95 * r, 0.0))
    hands = {f"{s}_hand": place.point(rig.arms[s].hand.at(0, 0.45 * c.body["hand"], 0)) for s in SIDES}
    top = max(float(p.vertices[:, 1].max()) for p in parts)
    extras = {**hands, "hold": ((hands["l_hand"] + hands["r_hand"]) / 2).astype(np.float32)}
    extras["top"] = np.array([c.posed.x, top, c.posed.z], dtype=np.float32)
    if head.has_mouth:
        mouth, reach = mouth_ball(head.field, head.place)
    else:
        mouth, reach = np.array([0.0, head.place.y, 1.05], dtype=np.float32), 0.95
    return CharacterModel(
        name=c.posed.name, parts=parts, joints=joints, head_center=place.point(frame.origin), head_radius=r * size,
        eye_line=place.point(frame.at(0, head.eye[1] * r, (head.eye[2] + head.eye_r) * r)),
        mouth=place.point(frame.at(*(mouth * r))),
        mouth_radius=reach * r * size, height=size, extras=extras,
    )  # fmt: skip


def build_creature_face(
    posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None
) -> tuple[MeshPart, ...]:
    """Lids, brows and mouth or beak only; see `build.build_face`."""
    return tuple(_face(_creature(posed, look_target, cache_dir)))
