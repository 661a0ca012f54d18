"""Film grammar: from the beats of a story to shots with framing, staging, camera moves and lengths."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tools.film.lexicon import lexicon
from tools.film.reading import Beat, Story
from tools.film.shot import SCALES, Actor, Camera, CastMember, Line, Place, Shot
from tools.film.timing import fit_lengths


@dataclass(frozen=True)
class Moment:
    """A shot that could be made: a beat, or something film grammar adds to it."""

    role: str
    beat: Beat
    present: tuple[str, ...]
    """Who is in the scene, in order of appearance."""
    actor: str = ""
    """Whom the moment belongs to."""
    lines: tuple[Line, ...] = ()
    mood: str = "neutral"
    pose: str = "standing"
    scene: int = 1

    @property
    def need(self) -> float:
        return float(_grammar()["roles"][self.role]["need"])


def _grammar() -> dict[str, Any]:
    return lexicon("grammar")


def shot_count(seconds: float, asked: int = 0) -> int:
    """How many shots a film of `seconds` gets: as asked, else one per three seconds; never shorter than readable."""
    if asked > 0:
        return asked
    grammar = _grammar()
    wanted: int = round(seconds / grammar["seconds_per_shot"])
    most: int = max(1, int(seconds / grammar["shortest"]))
    return max(1, min(max(wanted, 3), most))


def direct(
    story: Story, cast: Sequence[CastMember], seconds: float, *, shots: int = 0, seed: int = 0, fps: int = 24
) -> tuple[tuple[Shot, ...], tuple[str, ...]]:
    """Shots that tell `story` in exactly `seconds` (whole frames), and notes for the user.

    Deterministic: same story, same seed, same shots. When the lines alone need longer, the film gets longer and a
    note says so.
    """
    count = shot_count(seconds, shots)
    chosen = _choose(_moments(story), count)
    sides = _sides(story)
    chance = random.Random(f"{seed}|{story.text}")
    made: list[Shot] = []
    for number, moment in enumerate(chosen):
        made.append(_shot(moment, number, len(chosen), made, sides, chance, story, cast))
    lengths, notes = fit_lengths(made, seconds, fps)
    return tuple(
        shot.model_copy(update={"seconds": length}) for shot, length in zip(made, lengths, strict=True)
    ), tuple(notes)


# -- which moments -----------------------------------------------------------------------------------------------


def _moments(story: Story) -> list[Moment]:
    """All moments worth a shot, in story order."""
    if not story.beats:
        return _empty_place(story)
    moments: list[Moment] = []
    present: list[str] = []
    place, scene, mood = ("", ""), 0, "neutral"
    for number, beat in enumerate(story.beats):
        if (beat.set, beat.time_of_day) != place:
            place, scene = (beat.set, beat.time_of_day), scene + 1
            moments.append(_establish(beat, scene, number == 0))
        entry = lexicon("actions")["actions"][beat.action]
        for name in (*beat.actors, beat.target):
            if name and name not in present:
                present.append(name)
        mood = beat.emotion or (beat.line.emotion if beat.line else "") or str(entry["expression"])
        actor = beat.actors[0] if beat.actors else ""
        role = "look" if beat.role == "find" and not beat.target else beat.role
        base = Moment(
            role, beat, tuple(present), actor, (beat.line,) if beat.line else (), mood, str(entry["pose"]), scene
        )
        moments.append(base)
        if role == "find":
            moments.append(replace(base, role="reveal", actor=beat.target, lines=(), pose="standing", mood="neutral"))
        others = [name for name in present if name != actor]
        if beat.line and others and not beat.line.sound:
            listener = beat.target if beat.target in others else others[-1]
            moments.append(
                replace(base, role="reaction", actor=listener, lines=(), pose="standing", mood=_answer(mood))
            )
    last = story.beats[-1]
    ending = last.emotion or (last.line.emotion if last.line else "") or mood
    calm = replace(last, text=f"{_together(present)} at the end" if present else last.text, line=None)
    moments.append(Moment("end", calm, tuple(present), present[0] if present else "", (), ending, "standing", scene))
    return moments


def _establish(beat: Beat, scene: int, first: bool) -> Moment:
    pose = "walking" if beat.role == "move" else "standing"
    if beat.role in ("calm", "gesture"):
        pose = str(lexicon("actions")["actions"][beat.action]["pose"])
    who = beat.actors[:1] if first and beat.role == "find" else beat.actors
    text = beat.text if first else f"{beat.set}, {beat.time_of_day}"
    return Moment(
        "establish", replace(beat, text=text, line=None), who, who[0] if who else "", (), "neutral", pose, scene
    )


def _empty_place(story: Story) -> list[Moment]:
    names = tuple(person.name for person in story.people)
    beat = Beat(story.text, "stand", "place", names, set=story.set, time_of_day=story.time_of_day, props=story.props)
    actor = names[0] if names else ""
    return [
        Moment("establish", beat, names, actor),
        *[Moment("place" if not names else "calm", beat, names, actor)] * 2,
        Moment("end", beat, names, actor),
    ]


def _together(names: Sequence[str]) -> str:
    return " and ".join(names[:3])


def _answer(mood: str) -> str:
    """How a listener looks, given how the speaker feels."""
    return {"angry": "afraid", "sad": "tender", "afraid": "surprised", "sarcastic": "angry"}.get(mood, mood)


def _choose(moments: list[Moment], count: int) -> list[Moment]:
    """`count` of the moments: lines first, then by need; too few are filled with further angles, too many joined."""
    if count == 1 and not any(moment.lines for moment in moments):
        best = max(moments, key=lambda one: (one.role in ("find", "gesture", "move", "emotion"), one.need))
        return [best]
    ranked = sorted(range(len(moments)), key=lambda i: (not moments[i].lines, -moments[i].need, i))
    spoken = sum(bool(moment.lines) for moment in moments)
    keep = sorted(ranked[: max(count, min(spoken, len(moments)))])
    chosen = [moments[i] for i in keep]
    while len(chosen) > count and (pair := _joinable(chosen)) is not None:
        first, second = chosen[pair], chosen[pair + 1]
        joined = replace(
            first, role="gesture", present=second.present, lines=first.lines + second.lines, pose="talking"
        )
        chosen[pair : pair + 2] = [joined]
    number = 0
    while len(chosen) < count and chosen:
        chosen.insert(*_further_angle(chosen, number))
        number += 1
    return chosen


def _joinable(chosen: list[Moment]) -> int | None:
    """Where two neighbouring moments with lines are shortest together."""
    pairs = [
        (sum(len(line.text) for line in (*one.lines, *two.lines)), at)
        for at, (one, two) in enumerate(itertools.pairwise(chosen))
        if one.lines and two.lines and one.scene == two.scene
    ]
    return min(pairs)[1] if pairs else None


def _further_angle(chosen: list[Moment], number: int) -> tuple[int, Moment]:
    """(index, moment) of one more view of what is there: a closer look or a reaction, spread over the film."""
    spots = [i for i, moment in enumerate(chosen) if moment.role not in ("end",)] or [0]
    at = spots[(number * 2 + 1) % len(spots)]
    base = chosen[at]
    others = [name for name in base.present if name != base.actor]
    roles = ("introduce", "reaction", "look", "gesture") if base.present else ("place",)
    role = next(
        (one for one in (roles[(number + k) % len(roles)] for k in range(len(roles))) if one != base.role), roles[0]
    )
    actor = others[number % len(others)] if others and role == "reaction" else base.actor
    return at + 1, replace(
        base, role=role, actor=actor, lines=(), pose="standing" if role != "introduce" else base.pose
    )


# -- how each is staged ------------------------------------------------------------------------------------------


def _sides(story: Story) -> dict[str, Place]:
    """The line of action: everybody keeps one screen side for the whole film (180-degree rule)."""
    order: tuple[Place, ...] = ("left", "right", "center")
    appearance: list[str] = []
    for beat in story.beats:
        appearance += [name for name in (*beat.actors, beat.target) if name and name not in appearance]
    appearance += [person.name for person in story.people if person.name not in appearance]
    return {name: order[number % 3] for number, name in enumerate(appearance)}


def _shot(
    moment: Moment,
    number: int,
    total: int,
    before: list[Shot],
    sides: Mapping[str, Place],
    chance: random.Random,
    story: Story,
    cast: Sequence[CastMember],
) -> Shot:
    grammar = _grammar()
    present = [name for name in moment.present if name in sides][:4]
    camera = _camera(moment, before, sides, chance, present)
    actors = tuple(_actor(name, moment, present, sides) for name in present)
    new_scene = bool(before) and before[-1].scene != f"scene-{moment.scene}"
    transition = grammar["opening"] if number == 0 and total > 1 else (grammar["scene_change"] if new_scene else "cut")
    lights = lexicon("world")
    light = (
        lights["set_light"].get(moment.beat.set, {}).get(moment.beat.time_of_day)
        or lights["lights"][moment.beat.time_of_day]
    )
    return Shot(
        id=f"shot-{number + 1}",
        scene=f"scene-{moment.scene}",
        description=_description(moment),
        role=moment.role,
        actors=actors,
        set=moment.beat.set,
        time_of_day=moment.beat.time_of_day,
        light=light,
        camera=camera,
        lines=moment.lines,
        transition=transition,
        props=tuple(dict.fromkeys((*story.props, *moment.beat.props)))[:6],
        seed=chance.randrange(2**31) if not before else before[0].seed,
    )


def _description(moment: Moment) -> str:
    """What the shot shows, as a sentence for the sheet and for captions of pictures."""
    words = lexicon("grammar")["words"]
    names = _together(moment.present)
    facts = {
        "names": names,
        "name": moment.actor or names,
        "mood": words["moods"].get(moment.mood, ""),
        "place": lexicon("prompt")["sets"][moment.beat.set],
        "time": words["times"][moment.beat.time_of_day],
    }
    pattern = words["roles"].get(moment.role, "")
    if moment.role in ("line", "sound") and moment.lines:
        pattern = words["roles"]["speaks"]
    if not moment.present and moment.role != "establish":
        pattern = ""
    text = pattern.format(**facts) if pattern else moment.beat.text
    text = ", ".join(part.strip() for part in " ".join(text.split()).split(",") if part.strip())
    return text[:1].upper() + text[1:]


def _camera(
    moment: Moment, before: list[Shot], sides: Mapping[str, Place], chance: random.Random, present: list[str]
) -> Camera:
    framings = list(_grammar()["roles"][moment.role]["framings"])
    if len(framings) > 2 and chance.random() < 0.35:
        framings[0], framings[1] = framings[1], framings[0]
    focus_of = {"actor": moment.actor or None, "target": moment.actor or moment.beat.target or None, "all": None}
    last = before[-1].camera if before else None
    ranked = sorted(range(len(framings)), key=lambda i: (_likeness(framings[i], focus_of, last), i))
    scale, angle, lens, move, yaw, who = framings[ranked[0]]
    focus = focus_of[who]
    if focus is not None and len(present) < 2:
        focus = present[0] if present else None
    if not present or (len(present) > 1 and scale in ("LS", "ELS")):
        focus = None
    if not present:
        scale = scale if scale in ("LS", "ELS") else "LS"
    if last is not None and (scale, focus, angle) == (last.scale, last.focus, last.angle):
        scale = SCALES[SCALES.index(scale) + (1 if SCALES.index(scale) < len(SCALES) - 1 else -1)]
    side = sides.get(moment.actor, "left")
    open_side = 1.0 if side != "right" else -1.0
    return Camera(
        scale=scale,
        angle=angle,
        lens_mm=lens,
        move=_move(move, side, [shot.camera.move for shot in before[-2:]]),
        yaw_deg=yaw * open_side,
        focus=focus,
    )


def _likeness(framing: Sequence[Any], focus_of: Mapping[str, str | None], last: Camera | None) -> int:
    """2 for the same framing as the shot before, 1 for a near scale of the same subject (a jump cut), else 0."""
    if last is None or focus_of[framing[5]] != last.focus:
        return 0
    gap = abs(SCALES.index(framing[0]) - SCALES.index(last.scale))
    return 2 if gap == 0 else (1 if gap == 1 else 0)


def _move(move: str, side: str, recent: list[str]) -> Any:
    """A named move; 'pan' goes where the character looks, and no move is made twice in a row."""
    if move == "pan":
        move = "pan_right" if side != "right" else "pan_left"
    if recent and recent[-1] == move:
        return next(one for one in ("truck", "static", "handheld", "push_in") if one not in (*recent, move))
    return move


def _actor(name: str, moment: Moment, present: list[str], sides: Mapping[str, Place]) -> Actor:
    faces = lexicon("actions")["faces"]
    side = sides[name]
    partner = _partner(name, moment, present)
    mine = name == moment.actor or name in moment.beat.actors
    expression = faces.get(moment.mood, moment.mood)
    if not mine and moment.role not in ("end", "reaction"):
        expression = faces.get(_answer(moment.mood), "neutral") if moment.lines else "neutral"
    pose = moment.pose if mine and moment.role not in ("end", "reveal", "reaction") else "standing"
    if moment.role == "end" and moment.mood in ("happy", "excited") and name == moment.actor:
        pose = "waving" if len(present) == 1 else "standing"
    if moment.role in ("line",) and name == moment.actor:
        pose = "talking"
    walking = pose in ("walking", "running")
    facing = partner or "camera"
    if partner is None and (walking or (moment.role == "establish" and pose == "standing")):
        facing = "right" if side != "right" else "left"
    look_at = partner if not walking or moment.role == "find" else None
    if partner is None and moment.role in ("line", "end", "gesture"):
        look_at = "camera"
    return Actor(name=name, pose=pose, expression=expression, place=side, facing=facing, look_at=look_at)


def _partner(name: str, moment: Moment, present: list[str]) -> str | None:
    """Whom a character turns to: the target, the speaker, else the nearest other one."""
    others = [one for one in present if one != name]
    if not others:
        return None
    if moment.beat.target in others and name in moment.beat.actors:
        return moment.beat.target
    return moment.actor if moment.actor in others else others[0]
