"""A small round robot: a screen with glowing eyes and a light bar for a mouth, an antenna, bellows for limbs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters import materials, sdf
from backends.image.layout.characters.body import bent
from backends.image.layout.characters.cache import cached
from backends.image.layout.characters.face import expression_row, mouth_shape
from backends.image.layout.characters.mouth import outline
from backends.image.layout.characters.placement import Placement
from backends.image.layout.characters.sdf import Field
from backends.image.layout.characters.skeleton import SIDES, Rig, build_rig, proportions
from backends.image.layout.characters.surface import Mesh, drop_to_surface, gradient, joined, polygonise
from backends.image.layout.characters.sweep import ball, grid_faces, spline, tube
from backends.image.layout.mesh import CharacterModel, Material, MeshPart
from backends.image.layout.scene import PosedCharacter

_DARK = (0.10, 0.11, 0.14)
_EYE_X, _EYE_Y, _EYE_W, _EYE_H = 0.42, 0.10, 0.215, 0.285
_MOUTH_Y, _MOUTH_W = -0.42, 0.34


def _head_field() -> Field:
    shell = sdf.box((0, 0.02, 0), (1.16, 0.95, 0.90), 0.62)
    rim = sdf.box((0, 0.0, 0.62), (1.00, 0.76, 0.28), 0.26)
    return sdf.union([shell, rim], 0.10)


def screen_field() -> Field:
    """The dark glass that eyes and mouth shine through: slightly domed."""
    return sdf.intersect(
        sdf.ellipsoid((0, 0, 0.0), (2.3, 1.9, 0.985)), sdf.box((0, 0.0, 0.70), (0.88, 0.645, 0.40), 0.24), 0.05
    )


def _head_meshes() -> dict[str, Mesh]:
    shell = sdf.subtract(_head_field(), sdf.box((0, 0.0, 1.0), (0.90, 0.665, 0.20), 0.20), 0.05)
    ears = [ball((0.10, 0.26, 0.26), 18, 26).moved(np.eye(3), (s * 1.17, 0.0, -0.05)) for s in (1.0, -1.0)]
    knobs = [ball((0.07, 0.13, 0.13), 14, 20).moved(np.eye(3), (s * 1.25, 0.0, -0.05)) for s in (1.0, -1.0)]
    stalk, radii = spline([(0, 0.90, -0.05), (0.02, 1.15, -0.08), (0.07, 1.36, -0.10)], [0.055, 0.036, 0.032], 14)
    base = ball((0.19, 0.10, 0.19), 14, 22).moved(np.eye(3), (0, 0.95, -0.05))
    return {
        "head": polygonise(shell, (-1.2, -1.0, -1.0), (1.2, 1.05, 1.1), 0.045),
        "screen": polygonise(screen_field(), (-0.95, -0.75, 0.2), (0.95, 0.75, 1.1), 0.042),
        "ears": joined([*ears, base]),
        "knobs": joined(knobs),
        "antenna": tube(stalk, radii, 12),
        "antenna_light": ball((0.125, 0.125, 0.125), 18, 26).moved(np.eye(3), (0.085, 1.45, -0.105)),
    }


def _body_meshes() -> dict[str, Mesh]:
    """Body in the chest's frame, height units."""
    egg = sdf.union(
        [sdf.ellipsoid((0, -0.045, 0), (0.138, 0.150, 0.124)), sdf.ellipsoid((0, -0.095, 0), (0.128, 0.115, 0.118))],
        0.05,
    )
    seam = sdf.torus((0, -0.118, 0), (0.1375, 0.1265), 0.0050)
    shell = sdf.subtract(egg, seam, 0.006)
    panel = sdf.intersect(sdf.inflate(egg, 0.007), sdf.box((0, -0.020, 0.12), (0.066, 0.052, 0.10), 0.030), 0.006)
    lamp = drop_to_surface(panel, np.array([[0.0, -0.008]], dtype=np.float32), 0.4)[0]
    dots = drop_to_surface(panel, np.array([[-0.028, -0.045], [0.0, -0.047], [0.028, -0.045]], dtype=np.float32), 0.4)
    collar = sdf.torus((0, 0.103, 0), 0.058, 0.020)
    lo, hi = (-0.17, -0.24, -0.16), (0.17, 0.15, 0.16)
    return {
        "body": polygonise(shell, lo, hi, 0.0070),
        "panel": polygonise(panel, lo, hi, 0.0055),
        "collar": polygonise(collar, lo, hi, 0.0060),
        "heart": ball((0.020, 0.020, 0.008), 14, 22).moved(np.eye(3), lamp),
        "dots": joined([ball((0.0065, 0.0065, 0.004), 10, 14).moved(np.eye(3), d) for d in dots]),
    }


def _mitten() -> dict[str, Mesh]:
    """The left hand: cuff, two broad fingers and a thumb; hand lengths, see hands.py for its axes."""
    palm = sdf.ellipsoid((0, 0.26, 0), (0.30, 0.30, 0.22))
    fingers = [
        sdf.chain([(x, 0.40, 0.0), (1.25 * x, 0.72, 0.05), (1.0 * x, 0.95, 0.16)], [0.135, 0.14, 0.115], 0.03)
        for x in (-0.15, 0.15)
    ]
    thumb = sdf.chain([(-0.22, 0.22, 0.05), (-0.42, 0.42, 0.14), (-0.38, 0.62, 0.24)], [0.125, 0.13, 0.105], 0.03)
    hand = sdf.union([palm, sdf.union([*fingers, thumb], 0.02)], 0.08)
    cuff = sdf.box((0, -0.06, 0), (0.345, 0.17, 0.345), 0.13)
    lo, hi = (-0.7, -0.4, -0.5), (0.6, 1.2, 0.6)
    return {"hand": polygonise(hand, lo, hi, 0.042), "cuff": polygonise(cuff, lo, hi, 0.042)}


def _foot() -> dict[str, Mesh]:
    """One foot in foot lengths: a dome on a rubber sole; origin at the ankle."""
    ground = -0.062 / 0.165
    dome = sdf.intersect(
        sdf.ellipsoid((0, ground + 0.10, 0.14), (0.36, 0.40, 0.48)),
        sdf.halfspace((0, ground + 0.09, 0), (0, -1, 0)),
        0.05,
    )
    sole = sdf.intersect(
        sdf.ellipsoid((0, ground + 0.07, 0.14), (0.40, 0.30, 0.52)),
        sdf.box((0, ground + 0.06, 0.14), (0.6, 0.06, 0.7), 0.02), 0.04,
    )  # fmt: skip
    lo, hi = (-0.5, ground, -0.5), (0.5, 0.2, 0.75)
    return {"foot": polygonise(dome, lo, hi, 0.034), "sole": polygonise(sole, lo, hi, 0.034)}


def _bellows(points: list[Any], radius: float, ribs: int) -> Mesh:
    count = ribs * 8 + 1
    p, _ = spline(points, [1.0] * len(points), count)
    wave = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi * ribs, count))
    return tube(p, radius * (0.80 + 0.22 * wave**0.7), 22)


def _flat(outline_xy: NDArray, lift: float) -> Mesh:
    """A patch with this outline (N, 2), lying on the screen."""
    rings = 7
    s = np.linspace(1, 0.02, rings)[:, None, None]
    middle = outline_xy.mean(axis=0)
    xy = middle + (outline_xy[None] - middle) * s
    p = drop_to_surface(screen_field(), xy.reshape(-1, 2).astype(np.float32))
    n = gradient(screen_field(), p, 0.02)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    faces = grid_faces(rings, len(outline_xy), closed=True)
    return Mesh((p + n * lift).astype(np.float32), faces, n.astype(np.float32))


def _strip(outline_xy: NDArray, lift: float) -> Mesh:
    """A patch like `_flat` for crescents: spanned between the upper and the lower half of its outline."""
    half, rings = len(outline_xy) // 2, 7
    high, low = outline_xy[: half + 1], np.concatenate([outline_xy[:1], outline_xy[: half - 1 : -1]])
    s = np.linspace(0, 1, rings)[:, None, None]
    xy = high[None] * (1 - s) + low[None] * s
    p = drop_to_surface(screen_field(), xy.reshape(-1, 2).astype(np.float32))
    n = gradient(screen_field(), p, 0.02)
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    faces = grid_faces(rings, half + 1)
    a, b, c = (p[faces[:, i]] for i in range(3))
    turned = float(np.cross(b - a, c - a)[:, 2].sum()) < 0
    return Mesh((p + n * lift).astype(np.float32), faces[:, ::-1] if turned else faces, n.astype(np.float32))


def _eye_outline(side: float, expression: str, blink: float, gaze: tuple[float, float]) -> NDArray:
    row = expression_row(expression)
    lids, brow = row["lids"], row["brow"]
    tilt = brow["tilt"][0 if side < 0 else 1] if isinstance(brow["tilt"], list) else brow["tilt"]
    size = 1.0 + 0.9 * max(-float(lids["upper"]), 0.0) + (0.08 if float(lids["upper"]) <= 0 else 0.0)
    t = np.linspace(0, 2 * np.pi, 56, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    x = np.sign(c) * np.abs(c) ** 0.8
    y = np.sign(s) * np.abs(s) ** 0.8
    bow = 1 - 0.55 * x * x
    slant = np.tan(np.radians(0.55 * float(lids["slant"]) - 0.45 * float(tilt))) * side * x * 0.8
    top = 1 - 2 * (0.55 * float(lids["upper"]) + blink * 0.62) + 0.0 * x + slant
    low = -1 + (1.9 * float(lids["lower"]) + blink * 0.66) * bow if lids["lower"] > 0.25 else -1 + blink * 0.66 + 0 * x
    top = np.maximum(top, low + 0.12)
    y = np.minimum(np.maximum(y, low), top)
    look = np.array([0.0042 * gaze[0], 0.0045 * gaze[1]])
    return np.asarray(np.stack([side * _EYE_X + x * _EYE_W * size, _EYE_Y + y * _EYE_H * size], -1) + look)


def _mouth_outline(expression: str, mouth: str | None) -> NDArray:
    x, y = outline(mouth_shape(expression, mouth), 72)
    n = len(x)
    # A light bar is never thinner than its lamps.
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    thick = 0.115 * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.35
    return np.stack([x * _MOUTH_W + 0.03 * np.cos(t), _MOUTH_Y + (y + thick) * _MOUTH_W * 0.86], -1)


@dataclass(frozen=True)
class _Robot:
    posed: PosedCharacter
    body: dict[str, Any]
    rig: Rig
    place: Placement
    cache_dir: Path | None

    def part(self, name: str, mesh: Mesh, material: Material) -> MeshPart:
        return materials.part(f"{self.posed.name}/{name}", self.place.mesh(mesh), material)

    def on_head(self, name: str, mesh: Mesh, material: Material) -> MeshPart:
        head = self.rig.head
        return self.part(name, mesh.moved(head.rotation, head.origin, self.rig.head_radius), material)


def _robot(posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None) -> _Robot:
    body = proportions("robot", "average")
    target = None if look_target is None else Placement.of(posed).to_local(look_target)
    rig = build_rig(body, posed.pose, target)
    foot = cached("robot-foot", 0, _foot, cache_dir)["sole"].vertices * np.float32(body["foot"][0])
    lows = [float((foot @ rig.legs[s].foot.rotation[1].astype(np.float32)).min() + rig.legs[s].ankle[1]) for s in SIDES]
    ground = min(lows)
    if rig.seated:
        ground = min(ground, float(rig.chest.at(0, -0.20, 0)[1]))
    return _Robot(posed, body, rig, Placement.of(posed, rig.lift - ground), cache_dir)


def _lit(color: tuple[float, float, float]) -> tuple[float, float, float]:
    return materials.mix(color, (1, 1, 1), 0.18)


def _face(r: _Robot) -> list[MeshPart]:
    posed = r.posed
    glow = materials.glow(_lit(posed.look.accent), 1.5)
    parts = []
    for s, side in SIDES.items():
        eye = _eye_outline(side, posed.expression, posed.blink, r.rig.gaze)
        parts.append(r.on_head(f"eye_{s}", _flat(eye, 0.014), glow))
        spot = eye.mean(axis=0) + np.array([-0.07, 0.10 * (1 - posed.blink)])
        if posed.blink < 0.5:
            t = np.linspace(0, 2 * np.pi, 20, endpoint=False)
            dot = np.stack([spot[0] + 0.045 * np.cos(t), spot[1] + 0.055 * np.sin(t)], -1)
            parts.append(r.on_head(f"glint_{s}", _flat(dot, 0.020), materials.glow((1, 1, 1), 1.6)))
    parts.append(r.on_head("mouth", _strip(_mouth_outline(posed.expression, posed.mouth), 0.014), glow))
    return parts


def build_robot(posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None) -> CharacterModel:
    """A robot, posed in the world; see `build.build_character`."""
    r = _robot(posed, look_target, cache_dir)
    look, rig, body = posed.look, r.rig, r.body
    main, dark = materials.paint(look.body), materials.rubber(_DARK)
    accent = materials.paint(look.accent)
    light = materials.glow(_lit(look.accent), 1.6)
    trim = materials.paint(materials.mix(look.body, _DARK, 0.55))
    surface = {
        "head": main, "screen": materials.gloss((0.035, 0.045, 0.065), 0.18), "ears": trim, "knobs": accent,
        "antenna": dark,
        "antenna_light": light, "body": main, "panel": trim, "collar": dark, "heart": light, "dots": accent,
        "hand": main, "cuff": accent, "foot": main, "sole": dark,
    }  # fmt: skip
    parts = [r.on_head(n, m, surface[n]) for n, m in cached("robot-head", 0, _head_meshes, cache_dir).items()]
    parts += _face(r)
    chest = rig.chest
    for name, mesh in cached("robot-body", 0, _body_meshes, cache_dir).items():
        parts.append(r.part(name, mesh.moved(chest.rotation, chest.origin), surface[name]))
    size = body["hand"]
    for s, side in SIDES.items():
        arm, leg = rig.arms[s], rig.legs[s]
        mirror = np.diag([side, 1.0, 1.0])
        inside = arm.shoulder - chest.along(side * 0.035, 0, 0)
        parts.append(r.part(f"arm_{s}", _bellows(bent(inside, arm.elbow, arm.wrist), body["arm_radii"][0], 9), dark))
        parts.append(
            r.part(
                f"shoulder_{s}",
                ball((0.042, 0.042, 0.042)).moved(np.eye(3), arm.shoulder - chest.along(side * 0.008, 0, 0)),
                accent,
            )
        )
        for name, mesh in cached("robot-hand", 0, _mitten, cache_dir).items():
            parts.append(
                r.part(f"{name}_{s}", mesh.moved(arm.hand.rotation @ mirror, arm.hand.origin, size), surface[name])
            )
        hip = 0.5 * (leg.hip + chest.at(side * 0.055, -0.17, 0))
        parts.append(r.part(f"leg_{s}", _bellows(bent(hip, leg.knee, leg.ankle), body["leg_radii"][0], 6), dark))
        for name, mesh in cached("robot-foot", 0, _foot, cache_dir).items():
            foot = mesh.moved(leg.foot.rotation @ mirror, leg.foot.origin, body["foot"][0])
            parts.append(r.part(f"{name}_{s}", foot, surface[name]))
    neck = tube(np.linspace(chest.at(0, 0.08, 0), rig.head.at(0, -0.75 * rig.head_radius, 0), 9), np.full(9, 0.042), 22)
    parts.append(r.part("neck", neck, dark))
    return _model(r, tuple(parts))


def _model(r: _Robot, parts: tuple[MeshPart, ...]) -> CharacterModel:
    rig, place, size = r.rig, r.place, r.posed.look.height
    head, radius = rig.head, rig.head_radius
    joints = {"neck": place.point(rig.neck), "nose": place.point(head.at(0, -0.12 * radius, 1.0 * radius))}
    for s, side in SIDES.items():
        arm, leg = rig.arms[s], rig.legs[s]
        joints |= {
            f"{s}_shoulder": place.point(arm.shoulder), f"{s}_elbow": place.point(arm.elbow),
            f"{s}_wrist": place.point(arm.wrist),
            f"{s}_hip": place.point(leg.hip), f"{s}_knee": place.point(leg.knee), f"{s}_ankle": place.point(leg.ankle),
            f"{s}_eye": place.point(head.at(side * _EYE_X * radius, _EYE_Y * radius, 0.97 * radius)),
        }  # fmt: skip
    hands = {f"{s}_hand": place.point(rig.arms[s].hand.at(0, 0.45 * r.body["hand"], 0)) for s in SIDES}
    top = max(float(p.vertices[:, 1].max()) for p in parts)
    extras = {
        **hands, "hold": ((hands["l_hand"] + hands["r_hand"]) / 2).astype(np.float32),
        "antenna": place.point(head.at(0.085 * radius, 1.45 * radius, -0.1 * radius)),
        "top": np.array([r.posed.x, top, r.posed.z], dtype=np.float32),
    }  # fmt: skip
    return CharacterModel(
        name=r.posed.name, parts=parts, joints=joints, head_center=place.point(head.origin), head_radius=radius * size,
        eye_line=place.point(head.at(0, _EYE_Y * radius, 0.97 * radius)),
        mouth=place.point(head.at(0, _MOUTH_Y * radius, 0.95 * radius)), mouth_radius=1.3 * _MOUTH_W * radius * size,
        height=size, extras=extras,
    )  # fmt: skip


def build_robot_face(
    posed: PosedCharacter, look_target: NDArray | None, cache_dir: Path | None
) -> tuple[MeshPart, ...]:
    """Eyes and mouth only; see `build.build_face`."""
    return tuple(_face(_robot(posed, look_target, cache_dir)))


__all__ = ["build_robot", "build_robot_face", "screen_field"]
