"""One picture read as a one-shot story: what the words say, framed so that it is seen."""

from __future__ import annotations

import re
import zlib

from backends.image.layout.scene import Scale
from tools.film.lexicon import lexicon, word_index
from tools.film.reading import Story
from tools.film.shot import Actor, Camera, Shot
from tools.film.words import emotion_in, find_phrase

_FULL_BODY = frozenset({"walking", "running", "jumping", "sitting", "crouching", "cheering", "cowering"})


def single_shot(story: Story, names: tuple[str, ...], seed: int) -> Shot:
    """A shot of everybody in `story`; framing from words such as 'close-up' or 'low angle', else from the poses."""
    text = story.text
    faces = lexicon("actions")["faces"]
    mood = emotion_in(text)
    poses = _poses(story, names)
    actors = []
    for number, name in enumerate(names[:4]):
        beat = next((one for one in story.beats if name in one.actors), None)
        entry = lexicon("actions")["actions"].get(beat.action, {}) if beat else {}
        feeling = faces.get((beat.emotion if beat else "") or mood, "") or str(entry.get("expression", "neutral"))
        expression = (
            "happy" if feeling == "neutral" and not mood and poses[name] in ("standing", "talking") else feeling
        )
        partner = next((other for other in names if other != name), None)
        meets = partner is not None and beat is not None and (beat.target == partner or partner in beat.actors)
        looks = partner if partner and (meets or (beat is None and len(names) > 1)) else None
        actors.append(
            Actor(
                name=name,
                pose=poses[name],
                expression=expression,
                place=_place(number, len(names)),
                facing=looks or "camera",
                look_at=looks or ("camera" if len(names) == 1 else None),
            )
        )
    scale, asked = _scale(text, poses, len(names))
    angle = next((key for _, key, _ in find_phrase(text, word_index("world", "angle_words"))), "eye")
    lens = {"ECU": 75, "CU": 65, "MCU": 55, "MS": 45, "MLS": 40, "LS": 34, "ELS": 26}[scale]
    yaw = 0.0 if not names else (-1 if seed % 2 else 1) * (16.0 if len(names) == 1 else 6.0)
    return Shot(
        id="shot-1",
        description=text,
        role="action" if asked else "gesture",
        actors=tuple(actors),
        set=story.set,
        time_of_day=story.time_of_day,
        camera=Camera(scale=scale, angle=angle, lens_mm=lens, yaw_deg=yaw),
        props=story.props[:6],
        seed=seed,
    )


def stable_seed(text: str) -> int:
    """A seed from words: the same request gives the same picture in any session."""
    return zlib.crc32(" ".join(text.lower().split()).encode()) % 2**31


def _poses(story: Story, names: tuple[str, ...]) -> dict[str, str]:
    named = [(at, key) for at, key, _ in find_phrase(story.text, word_index("actions", "pose_words"))]
    poses: dict[str, str] = {}
    for name in names:
        beats = [one for one in story.beats if name in one.actors and one.action != "stand"]
        pose = str(lexicon("actions")["actions"][beats[0].action]["pose"]) if beats else ""
        explicit = named[0][1] if named and (len(names) == 1 or not beats) else ""
        poses[name] = explicit or pose or "standing"
    return poses


def _place(number: int, count: int) -> str:
    return "center" if count == 1 else ("left", "right", "center", "center")[number]


def _scale(text: str, poses: dict[str, str], count: int) -> tuple[Scale, bool]:
    found = find_phrase(text, word_index("world", "shot_words"))
    scales: dict[str, Scale] = {
        "ECU": "ECU",
        "CU": "CU",
        "MCU": "MCU",
        "MS": "MS",
        "MLS": "MLS",
        "LS": "LS",
        "ELS": "ELS",
    }
    if found:
        return scales[found[0][1].upper()], True
    if not poses:
        return "LS", False
    if re.search(r"\b(?:eyes|smil\w+|face|expression)\b", text.lower()) and count == 1:
        return "MCU", False
    if any(pose in _FULL_BODY for pose in poses.values()):
        return "LS" if count > 1 else "MLS", False
    return ("MLS", False) if count > 1 else ("MS", False)
