"""The skeleton of two-legged characters: measures by age and build, poses from poses.yaml, joints and frames.

Everything is in units of the character's height, in its own frame (feet about the origin, facing +Z, its left at +X).
Arms are set by directions, legs by foot targets and two-bone inverse kinematics, so that one pose fits every age.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from configs.yaml_file import own_table

Vector = NDArray[np.float64]
SIDES = {"l": 1.0, "r": -1.0}
"""Side letter -> sign of x."""


@lru_cache(maxsize=8)
def load_table(name: str) -> dict[str, Any]:
    """A YAML table of this package (proportions, poses, faces)."""
    table: dict[str, Any] = own_table(Path(__file__).parent / f"{name}.yaml")
    return table


def vec(*v: float) -> Vector:
    """Three numbers as a vector."""
    return np.array(v, dtype=np.float64)


def unit(v: ArrayLike) -> Vector:
    """`v` with length 1."""
    a = np.asarray(v, dtype=np.float64)
    return a / max(float(np.linalg.norm(a)), 1e-9)


def turn(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """Rotation (3, 3), degrees: pitch > 0 bows forward, yaw > 0 turns to the left (+X), roll > 0 tilts to the left."""
    p, y, r = np.radians([pitch, yaw, -roll])
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    rotation: NDArray[np.float64] = ry @ rx @ rz
    return rotation


def facing(forward: ArrayLike, up: ArrayLike) -> NDArray[np.float64]:
    """Rotation whose +Z is `forward` and whose +Y is as near to `up` as can be."""
    z = unit(forward)
    x = unit(np.cross(np.asarray(up, dtype=np.float64), z))
    return np.column_stack([x, np.cross(z, x), z])


@dataclass(frozen=True)
class Frame:
    """A place and an orientation: point = origin + rotation @ local."""

    rotation: NDArray[np.float64]
    origin: Vector

    def at(self, *local: float) -> Vector:
        """A local point in the outer frame."""
        p: Vector = self.origin + self.rotation @ np.array(local, dtype=np.float64)
        return p

    def along(self, *local: float) -> Vector:
        """A local direction in the outer frame."""
        d: Vector = self.rotation @ np.array(local, dtype=np.float64)
        return d

    def child(self, rotation: NDArray[np.float64], *local: float) -> Frame:
        """A frame at a local point, turned by `rotation` within this one."""
        return Frame(self.rotation @ rotation, self.at(*local))


@dataclass(frozen=True)
class Arm:
    shoulder: Vector
    elbow: Vector
    wrist: Vector
    hand: Frame
    """Origin at the wrist, +Y along the fingers, +Z out of the palm."""
    hand_pose: str


@dataclass(frozen=True)
class Leg:
    hip: Vector
    knee: Vector
    ankle: Vector
    foot: Frame
    """Origin at the ankle, +Z along the toes."""


@dataclass(frozen=True)
class Rig:
    pelvis: Frame
    chest: Frame
    """Origin at the middle of the chest."""
    neck: Vector
    head: Frame
    """Origin at the middle of the head (half way from chin to skull)."""
    head_radius: float
    arms: dict[str, Arm]
    legs: dict[str, Leg]
    gaze: tuple[float, float]
    """Degrees the eyes turn within the head: yaw to the left, pitch up."""
    lift: float
    seated: bool


def proportions(age: str, build: str) -> dict[str, Any]:
    """Measures of one age, widened by the build.

    Raises:
        KeyError: Unknown age or build.
    """
    table = load_table("proportions")
    body: dict[str, Any] = dict(table["ages"][age])
    factor = table["builds"][build]
    for key in ("chest", "belly", "pelvis"):
        w, d, y = body[key]
        body[key] = [w * factor["torso"], d * factor["torso"], y]
    belly = 1.0 + 0.6 * max(factor["torso"] - 1.0, 0.0)
    body["belly"] = [body["belly"][0] * belly, body["belly"][1] * belly, body["belly"][2]]
    body["shoulder"] = [body["shoulder"][0] * (0.5 + 0.5 * factor["torso"]), body["shoulder"][1]]
    body["hip"] = [body["hip"][0] * (0.4 + 0.6 * factor["torso"]), body["hip"][1]]
    for key in ("arm_radii", "leg_radii"):
        body[key] = [r * factor["limbs"] for r in body[key]]
    body["neck_radius"] *= factor["limbs"]
    body["face_width"] = factor["face"]
    return body


def pose_spec(name: str) -> dict[str, Any]:
    """One pose with every key present.

    Raises:
        KeyError: Unknown pose.
    """
    raw = load_table("poses")[name]
    spec: dict[str, Any] = {key: dict(raw.get(key, {})) for key in ("pelvis", "spine", "head")}
    for limb in ("arm", "leg"):
        both = raw.get(f"{limb}s", {})
        spec[f"l_{limb}"] = {**both, **raw.get(f"left_{limb}", {})}
        spec[f"r_{limb}"] = {**both, **raw.get(f"right_{limb}", {})}
    spec["gaze"] = tuple(raw.get("gaze", (0.0, 0.0)))
    spec["lift"] = float(raw.get("lift", 0.0))
    spec["seated"] = raw.get("on") == "seat"
    return spec


def _sided(v: ArrayLike, side: float) -> Vector:
    return np.asarray(np.asarray(v, dtype=np.float64) * np.array([side, 1.0, 1.0]))


def _arm(body: dict[str, Any], spec: dict[str, Any], chest: Frame, side: float) -> Arm:
    sx, sy = body["shoulder"]
    upper, lower = unit(_sided(spec["upper"], side)), unit(_sided(spec["lower"], side))
    # A raised arm lifts its shoulder a little; without it the sleeve caves in.
    raised = max(float(upper[1]), 0.0)
    shoulder = chest.at(side * sx, sy - body["chest"][2] - 0.006 + 0.036 * raised, 0.0)
    elbow = shoulder + chest.along(*upper) * body["upper_arm"]
    wrist = elbow + chest.along(*lower) * body["forearm"]
    fingers = unit(_sided(spec.get("fingers", spec["lower"]), side))
    palm = _sided(spec["palm"], side)
    palm = unit(palm - fingers * float(palm @ fingers))
    rotation = chest.rotation @ np.column_stack([np.cross(fingers, palm), fingers, palm])
    return Arm(shoulder, elbow, wrist, Frame(rotation, wrist), str(spec["hand"]))


def _leg(body: dict[str, Any], spec: dict[str, Any], pelvis: Frame, side: float) -> Leg:
    hx, hy = body["hip"]
    thigh, shin = hy - body["knee"], body["knee"] - body["ankle"]
    reach = thigh + shin
    hip = pelvis.at(side * hx, hy - body["pelvis"][2], 0.0)
    ankle = vec(side * hx, body["ankle"], 0.0) + _sided(spec["foot"], side) * reach
    along = ankle - hip
    distance = min(float(np.linalg.norm(along)), 0.999 * reach)
    along = unit(along)
    ankle = hip + along * distance
    pole = _sided(spec["knee"], side)
    pole = unit(pole - along * float(pole @ along))
    a = (thigh * thigh - shin * shin + distance * distance) / (2 * distance)
    knee = hip + along * a + pole * np.sqrt(max(thigh * thigh - a * a, 0.0))
    foot = turn(float(spec.get("pitch", 0.0)), side * float(spec.get("toe", 0.0)))
    return Leg(hip, knee, ankle, Frame(foot, ankle))


def _limit(value: float, most: float) -> float:
    return float(np.clip(value, -most, most))


def build_rig(body: dict[str, Any], pose: str, look_target: Vector | None = None) -> Rig:
    """The skeleton in a pose.

    Args:
        body: From `proportions`.
        pose: One of scene.POSES.
        look_target: Point in the character's own frame (height units) that head and eyes turn to.
    """
    spec = pose_spec(pose)
    hip_y, leg = body["hip"][1], body["hip"][1] - body["ankle"]
    place = spec["pelvis"]
    shift = np.asarray(place.get("shift", (0.0, 0.0, 0.0)), dtype=np.float64) * leg
    rise = body["ankle"] + leg * float(place["height"]) - hip_y
    pelvis = Frame(
        turn(place.get("pitch", 0.0), place.get("yaw", 0.0), place.get("roll", 0.0)),
        vec(0.0, body["pelvis"][2] + rise, 0.0) + shift,
    )
    bend = spec["spine"]
    stoop = float(body["stoop"])
    spine = turn(bend.get("pitch", 0.0) + stoop, bend.get("yaw", 0.0), bend.get("roll", 0.0))
    # The chest turns about the waist, a third of the way up the spine.
    waist_y, chest_y = body["belly"][2] - 0.03, body["chest"][2]
    waist = pelvis.child(spine, 0.0, waist_y - body["pelvis"][2], 0.0)
    chest = Frame(waist.rotation, waist.at(0.0, chest_y - waist_y, 0.0))
    neck = chest.at(0.0, body["neck"] - chest_y, -0.004)

    radius = body["head"] / 2
    tilt = spec["head"]
    # The head keeps half of the spine's bend: people level their eyes.
    half = turn(-0.55 * (bend.get("pitch", 0.0) + place.get("pitch", 0.0)) - 0.9 * stoop, 0.0, 0.0)
    head_turn = chest.rotation @ half @ turn(tilt.get("pitch", 0.0), tilt.get("yaw", 0.0), tilt.get("roll", 0.0))
    pivot = neck + chest.along(0.0, 0.02, 0.0)
    reach = 0.985 - radius - (body["neck"] + 0.02)
    gaze = (float(spec["gaze"][0]), float(spec["gaze"][1]))
    if look_target is not None:
        eye = pivot + vec(0.0, reach, 0.0)
        d = np.asarray(look_target, dtype=np.float64) - eye
        yaw = float(np.degrees(np.arctan2(d[0], d[2])))
        pitch = float(np.degrees(np.arctan2(-d[1], np.hypot(d[0], d[2]))))
        base = float(np.degrees(np.arctan2(chest.rotation[0, 2], chest.rotation[2, 2])))
        # Eyes go a good part of the way: faces stay open to the camera.
        head_yaw = base + _limit(0.60 * (yaw - base), 58.0)
        head_pitch = _limit(0.55 * pitch, 24.0)
        head_turn = turn(head_pitch, head_yaw, tilt.get("roll", 0.0))
        gaze = (_limit(yaw - head_yaw, 28.0), _limit(head_pitch - pitch, 16.0))
    head = Frame(head_turn, pivot + head_turn @ vec(0.0, reach, 0.010))
    return Rig(
        pelvis, chest, neck, head, radius,
        {s: _arm(body, spec[f"{s}_arm"], chest, SIDES[s]) for s in SIDES},
        {s: _leg(body, spec[f"{s}_leg"], pelvis, SIDES[s]) for s in SIDES},
        gaze, float(spec["lift"]), bool(spec["seated"]),
    )  # fmt: skip
