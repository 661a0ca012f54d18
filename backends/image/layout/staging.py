"""Characters of one shot kept apart: no limb goes through another body, and nobody stands before a face.

Works on skeletons with rounded limbs (capsules), so that no mesh needs to be built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.characters.placement import Placement
from backends.image.layout.characters.skeleton import SIDES, Rig, build_rig, proportions
from backends.image.layout.scene import CharacterLook, PosedCharacter

GAP = 0.04
"""Metres that stay free between two bodies."""
SHOWN = 0.35
"""Share of a head's radius that the edge of somebody in front may reach into it."""
_FRAMES = {"robot": "robot", "bird": "feathered", "seagull": "feathered",
           **dict.fromkeys(("cat", "dog", "fox", "rabbit", "bear", "monster"), "plush")}  # fmt: skip
_BIG_HAIR = {"afro": 1.45, "curly": 1.32, "spiky": 1.35, "long": 1.30, "bob": 1.30, "braids": 1.30, "ponytail": 1.30}


@dataclass(frozen=True)
class Volume:
    """The space that one posed character takes, in the world."""

    start: NDArray[np.float64]
    """(N, 3) metres: capsules reach from start to end."""
    end: NDArray[np.float64]
    radius: NDArray[np.float64]
    """(N,) metres."""
    head: NDArray[np.float64]
    """(3,) its middle."""
    face: float
    """The head's radius without hair, metres."""


def volume(posed: PosedCharacter) -> Volume:
    """The capsules of one character. Raises KeyError for a kind, age, build or pose that scene.py does not list."""
    look = posed.look
    body = proportions(_FRAMES.get(look.kind, look.age), look.build)
    rig = build_rig(body, posed.pose)
    parts = [*_trunk(look, rig, body), *_limbs(look, rig, body)]
    place = Placement.of(posed, _rise(rig))
    return Volume(
        np.array([place.point(a) for a, _, _ in parts], float), np.array([place.point(b) for _, b, _ in parts], float),
        np.array([r for _, _, r in parts]) * look.height, place.point(rig.head.origin).astype(float),
        rig.head_radius * look.height,
    )  # fmt: skip


_Part = tuple[NDArray[np.float64], NDArray[np.float64], float]


def _rise(rig: Rig) -> float:
    lowest = min(float(leg.ankle[1]) for leg in rig.legs.values()) - 0.05
    if rig.seated:
        lowest = min(lowest, float(rig.pelvis.origin[1]) - 0.08)
    return rig.lift - lowest


def _trunk(look: CharacterLook, rig: Rig, body: dict[str, list[float]]) -> list[_Part]:
    loose = 0.048 if look.kind == "human" else 0.03
    wide = max(body["chest"][0], body["belly"][0], body["pelvis"][0]) + loose
    hair = _BIG_HAIR.get(look.hair_style, 1.18) if look.kind == "human" else 1.32
    if {"hat", "cap"} & set(look.worn):
        hair = max(hair, 1.65)
    chest, pelvis = rig.chest, rig.pelvis
    parts: list[_Part] = [
        (pelvis.origin, chest.origin, wide),
        (rig.head.origin, rig.head.at(0, 0.15 * rig.head_radius, 0), rig.head_radius * hair),
    ]
    if look.kind == "human" and (look.top in ("dress", "coat") or look.bottom == "skirt"):
        parts.append((pelvis.origin, pelvis.at(0, -0.14, 0), wide + 0.045))
    if look.kind not in ("human", "robot"):
        parts.append((pelvis.origin, pelvis.at(0, 0.02, -0.30), 0.07))
    if {"cape", "backpack"} & set(look.worn) or look.top == "spacesuit":
        parts.append((chest.at(0, 0, -0.13), pelvis.at(0, 0, -0.20), 0.15))
    return parts


def _limbs(look: CharacterLook, rig: Rig, body: dict[str, list[float]]) -> list[_Part]:
    sleeve = 0.030 if look.kind in ("human", "robot") else 0.025
    arm_r, leg_r = body["arm_radii"][0] + sleeve, body["leg_radii"][0] + 0.030
    hand = float(np.max(body["hand"]))
    wing = 0.06 if look.kind in ("bird", "seagull") else 0.0
    parts: list[_Part] = []
    for side in SIDES:
        arm, leg = rig.arms[side], rig.legs[side]
        parts += [
            (arm.shoulder, arm.elbow, arm_r + wing), (arm.elbow, arm.wrist, arm_r + wing),
            (arm.wrist, arm.hand.at(0, hand * (1.6 if wing else 0.95), 0), 0.045 + wing), (leg.hip, leg.knee, leg_r),
            (leg.knee, leg.ankle, leg_r), (leg.ankle, leg.foot.at(0, -0.02, body["foot"][0]), 0.055),
        ]  # fmt: skip
    return parts


def clearance(a: Volume, b: Volume, shift: float = 0.0) -> float:
    """Metres between two bodies when `b` stands `shift` further to +X; negative when they cross."""
    offset = np.array([shift, 0.0, 0.0])
    apart = _segments(a.start, a.end, b.start + offset, b.end + offset)
    return float((apart - a.radius[:, None] - b.radius[None, :]).min())


def _covers(a: Volume, b: Volume, shift: float) -> float:
    """How free the rear one's face is of the front one, seen from +Z; negative when too much of it is hidden."""
    offset = np.array([shift, 0.0, 0.0])
    front, rear, move, head = (
        (a, b, 0.0 * offset, b.head + offset) if a.head[2] >= b.head[2] else (b, a, offset, a.head)
    )
    flat = np.array([1.0, 1.0, 0.0])
    spot = (head * flat)[None]
    apart = _segments((front.start + move) * flat, (front.end + move) * flat, spot, spot)[:, 0]
    return float((apart - front.radius).min() - (1 - SHOWN) * rear.face)


def _segments(
    p1: NDArray[np.float64], q1: NDArray[np.float64], p2: NDArray[np.float64], q2: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, M) distances between segments p1-q1 (N, 3) and p2-q2 (M, 3), after C. Ericson, Real-Time Collision
    Detection (2005), 5.1.9."""
    d1, d2 = (q1 - p1)[:, None], (q2 - p2)[None]
    r = p1[:, None] - p2[None]
    a, e = np.maximum((d1 * d1).sum(-1), 1e-12), np.maximum((d2 * d2).sum(-1), 1e-12)
    b, c, f = (d1 * d2).sum(-1), (d1 * r).sum(-1), (d2 * r).sum(-1)
    s = np.clip((b * f - c * e) / np.maximum(a * e - b * b, 1e-12), 0, 1)
    t = np.clip((b * s + f) / e, 0, 1)
    s = np.clip((b * t - c) / a, 0, 1)
    return np.asarray(np.linalg.norm(r + d1 * s[..., None] - d2 * t[..., None], axis=-1))


def apart(people: Sequence[PosedCharacter]) -> tuple[PosedCharacter, ...]:
    """The same characters in the same order from left to right, moved along X until none crosses another and every
    face is free towards +Z; unchanged where that is so already."""
    order = sorted(range(len(people)), key=lambda i: people[i].x)
    volumes = [volume(one) for one in people]
    moved: dict[int, float] = {}
    for i in order:
        shift = max(moved.values(), default=0.0)
        # Others only move right, by as much as the nearest on the left needs.
        for j, theirs in moved.items():
            shift = _needed(volumes[j], volumes[i], theirs, shift)
        moved[i] = shift
    middle = (max(moved.values()) + min(moved.values())) / 2 if moved else 0.0
    if not any(moved.values()):
        return tuple(people)
    return tuple(replace(one, x=round(one.x + moved[i] - middle, 4)) for i, one in enumerate(people))


def _needed(left: Volume, right: Volume, left_shift: float, shift: float) -> float:
    """The least shift >= `shift` of the right one at which the two are apart."""
    for _ in range(200):
        room = min(clearance(left, right, shift - left_shift) - GAP, _covers(left, right, shift - left_shift))
        if room >= 0:
            return shift
        # Moving by what lacks never goes too far: distances change at most as fast as the way.
        shift += max(-room, 0.005)
    return shift
