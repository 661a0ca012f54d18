"""From a shot and its cast to the 3D blocking that pictures, control maps and parallax come from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter
from backends.image.layout.staging import apart
from tools.film.look import describe_look, look_from_data
from tools.film.shot import Actor, CastMember, Shot

_CHEAT_DEG = 38.0
"""Actors who talk to each other still stand open to the camera (theatre's 'cheating out'), not in pure profile."""
_WALK_DEG = 62.0

_AROUND_DEG = 34.0
"""How far round an empty set its variants are seen; further round, streets hide behind their houses."""
_DETAILS_STEP = 7919
"""Between the seeds of the set's small details."""


@dataclass(frozen=True)
class Jitter:
    """Small changes for variants of one picture: poses and camera stay recognisable."""

    yaw_deg: float = 0.0
    spread: float = 1.0
    lens: float = 1.0
    turn_deg: float = 0.0


def jitter(seed: int, number: int) -> Jitter:
    """Variant 0 is the plain picture; further ones vary within ranges that keep faces in view."""
    if number == 0:
        return Jitter()
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    unit = [byte / 127.5 - 1 for byte in digest[:4]]
    return Jitter(18 * unit[0], 1 + 0.15 * unit[1], 1 + 0.18 * unit[2], 16 * unit[3])


def other_view(shot: Shot, number: int) -> Shot:
    """Variant `number` of a shot without characters: another side and distance of the place, other details.

    What the words ask of the camera stays. 0 is the plain picture.
    """
    if number == 0:
        return shot
    camera = shot.camera
    changes: dict[str, object] = {"yaw_deg": round(_AROUND_DEG * (2 * (number * 0.618034 % 1) - 1), 3)}
    if shot.role != "action":  # no word of the framing
        changes["scale"] = ("LS", "ELS", "MS", "MLS")[number % 4]
    seed = (shot.seed + number * _DETAILS_STEP) % 2**31
    return shot.model_copy(update={"camera": camera.model_copy(update=changes), "seed": seed})


def cast_looks(cast: tuple[CastMember, ...]) -> dict[str, CharacterLook]:
    """Name -> look; a member without a stored look gets the one of its description."""
    return {
        member.name: look_from_data(member.look)
        if member.look
        else describe_look(member.name, member.description, gender=member.gender)
        for member in cast
    }


def layout_scene(shot: Shot, looks: Mapping[str, CharacterLook], vary: Jitter | None = None) -> LayoutScene:
    """The blocking of one shot. Characters without a look are drawn from their name alone."""
    vary = vary or Jitter()
    cast = {actor.name: looks.get(actor.name) or describe_look(actor.name, "") for actor in shot.actors}
    spots = _spots(shot.actors, cast, vary.spread)
    camera = shot.camera
    names = set(cast)
    posed = tuple(_posed(actor, cast[actor.name], spots, vary) for actor in shot.actors)
    if camera.angle == "over_shoulder" and camera.focus in names:
        posed = backs_turned(posed, camera.focus)
    posed = apart(posed)
    return LayoutScene(
        set=shot.set,
        time_of_day=shot.time_of_day,
        characters=posed,
        camera=CameraSpec(
            scale=camera.scale,
            angle=camera.angle,
            lens_mm=camera.lens_mm * vary.lens,
            target=camera.focus if camera.focus in names and len(names) > 1 else None,
            yaw_deg=max(-80.0, min(80.0, camera.yaw_deg + vary.yaw_deg)),
        ),
        props=shot.props,
        seed=shot.seed % 2**31,
    )


def backs_turned(people: tuple[PosedCharacter, ...], focus: str) -> tuple[PosedCharacter, ...]:
    """For a shot over a shoulder: whoever stands nearest to `focus` turns to it fully, away from the camera."""
    own = next(one for one in people if one.name == focus)
    others = sorted((one for one in people if one is not own), key=lambda o: math.hypot(o.x - own.x, o.z - own.z))
    if not others:
        return people
    near = others[0]
    straight = round(math.degrees(math.atan2(own.x - near.x, own.z - near.z)), 3)
    turned = replace(near, facing_deg=straight, look_at=focus)
    return tuple(turned if one is near else one for one in people)


def talking(scene: LayoutScene, name: str, mouth: str | None, blink: float = 0.0) -> LayoutScene:
    """The same scene with another mouth shape or lids for one character."""
    people = tuple(replace(one, mouth=mouth, blink=blink) if one.name == name else one for one in scene.characters)
    return replace(scene, characters=people)


def scene_key(scene: LayoutScene, width: int, height: int, version: str) -> str:
    """Names a rendered scene: equal scenes, sizes and engine versions give equal keys."""
    text = json.dumps([asdict(scene), width, height, version], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _width(look: CharacterLook) -> float:
    """Half the room a character takes, metres."""
    stout = {"slim": 0.9, "stocky": 1.2}.get(look.build, 1.0)
    return (0.15 + 0.14 * look.height) * stout


def _spots(
    actors: tuple[Actor, ...], cast: Mapping[str, CharacterLook], spread: float
) -> dict[str, tuple[float, float]]:
    """Name -> (x, z): left ones at -x, right ones at +x, side by side with some room, third ones further back."""
    if len(actors) < 2:
        return {actor.name: (0.0, 0.0) for actor in actors}
    groups: dict[str, list[Actor]] = {"left": [], "center": [], "right": []}
    for actor in actors:
        groups[actor.place].append(actor)
    spots: dict[str, tuple[float, float]] = {}
    gap = 0.08 * spread
    for side, sign in (("left", -1.0), ("right", 1.0)):
        reach = gap if groups["left"] and groups["right"] else 0.0
        for row, actor in enumerate(groups[side]):
            half = _width(cast[actor.name])
            spots[actor.name] = (sign * (reach + half) * spread, -0.35 * row)
            reach += 2 * half
    pairs = len(groups["left"]) + len(groups["right"])
    for row, actor in enumerate(groups["center"]):
        back = -(0.7 + 0.5 * row) if pairs else 0.0
        spots[actor.name] = (0.55 * row * (-1) ** row, back)
    middle = (min(x for x, _ in spots.values()) + max(x for x, _ in spots.values())) / 2
    small = min(look.height for look in cast.values())
    tall = max(look.height for look in cast.values())
    return {
        # a much smaller one steps towards the camera, so that it is not lost beside a big one
        name: (round(x - middle, 4), round(z + (0.22 if cast[name].height == small and small < 0.6 * tall else 0.0), 4))
        for name, (x, z) in spots.items()
    }


def _posed(actor: Actor, look: CharacterLook, spots: Mapping[str, tuple[float, float]], vary: Jitter) -> PosedCharacter:
    x, z = spots[actor.name]
    return PosedCharacter(
        name=actor.name,
        look=look,
        pose=actor.pose,
        expression=actor.expression,
        x=x,
        z=z,
        facing_deg=round(_facing(actor, spots) + vary.turn_deg, 3),
        look_at=actor.look_at if actor.look_at == "camera" or actor.look_at in spots else None,
    )


def _facing(actor: Actor, spots: Mapping[str, tuple[float, float]]) -> float:
    """Degrees about +Y: 0 looks at the default camera, 90 to screen right."""
    if actor.facing in spots and actor.facing != actor.name:
        x, z = spots[actor.name]
        other_x, other_z = spots[actor.facing]
        straight = math.degrees(math.atan2(other_x - x, other_z - z))
        return max(-_CHEAT_DEG, min(_CHEAT_DEG, straight))
    walking = actor.pose in ("walking", "running")
    return {"left": -_WALK_DEG if walking else -40.0, "right": _WALK_DEG if walking else 40.0, "away": 180.0}.get(
        actor.facing, 0.0
    )
