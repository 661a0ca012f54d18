"""What is to be drawn: words or a storyboard's shot, read into a shot with its cast, looks and prompts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from backends.image.layout.scene import CharacterLook
from configs.errors import UsageError
from configs.headlines import shortened
from memory.names import name_key
from tools.film.casting import cast_story, known_names
from tools.film.layout import cast_looks
from tools.film.prompt import shot_prompt
from tools.film.reading import read_story
from tools.film.shot import CastMember, Shot
from tools.film.single import single_shot, stable_seed
from tools.spec import Studio, ToolContext

NEAR_NAME = 80.0
"""rapidfuzz ratio (0-100) of two names from which on one is probably meant to be the other."""
SMALLEST, LARGEST = 64, 4096
"""Pixels of a side."""
LONGEST_PROMPT = 4000
_FILE = r"(?:the\s+(?:picture|image|photo|file)\s+)?(?P<file>[\w][\w.~/-]*\.(?:png|jpe?g|webp|gif|bmp|tiff?))\b"
_POSE_OF = re.compile(
    r"[\s,]*\b(?:and\s+)?(?:(?:in|with|using|taking|take|copying|copy|nella|con)\s+)?(?:the\s+)?(?:same\s+|stessa\s+)?"
    rf"(?:pose|posa)\s+(?:of|as|from|in|like|di|da|del|della|come)\s+{_FILE}", re.I
)  # fmt: skip
_NAMED_FILE = re.compile(
    rf"[\s,]*(?:\b(?:like|as|in|of|from|with|after|come|di|da|in)\s+)*(?<![\w/]){_FILE}", re.I
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """What is to be drawn, whichever way it was asked for."""

    shot: Shot
    members: tuple[CastMember, ...]
    looks: dict[str, CharacterLook]
    prompt: str
    """For the engine: the words with the looks and the framing."""
    negative: str
    name: str
    """What the picture is called."""
    wish: str
    """The user's own words; '' for a shot of a film."""

    @property
    def names(self) -> tuple[str, ...]:
        """The characters of the shot."""
        return tuple(actor.name for actor in self.shot.actors)


class Asked(Protocol):
    """The arguments of which a wish is read."""

    prompt: str
    negative_prompt: str
    character: str
    style: str
    seed: int
    background: str
    shot: dict[str, Any] | None
    cast: list[dict[str, Any]]


def read_wish(args: Asked, ctx: ToolContext) -> Wish:
    """Raises UsageError when there is nothing to draw, the shot is wrong, or a character's name is probably a slip."""
    wish = _from_shot(args) if args.shot is not None else _from_words(args, ctx)
    own = " ".join(args.negative_prompt.split())
    if not own:
        return wish
    return Wish(wish.shot, wish.members, wish.looks, wish.prompt, f"{own}, {wish.negative}", wish.name, wish.wish)


def readable(prompt: Any) -> Any:
    """The same prompt. Raises ValueError for one that is too long, in words for a validator."""
    if isinstance(prompt, str) and len(prompt) > LONGEST_PROMPT:
        raise ValueError(f"it has {len(prompt):,} characters, at most {LONGEST_PROMPT:,} are read: say it shorter")
    return prompt


def in_short(text: str, most: int = 80) -> str:
    """At most so many characters of it, cut at a sensible word."""
    return shortened(text, most)


def pose_of(prompt: str) -> tuple[str, str]:
    """('Luca waving', 'hero.png') of 'Luca waving, in the pose of hero.png'; the prompt and '' where it names none."""
    found = _POSE_OF.search(prompt)
    return (_without(prompt, found), found["file"]) if found else (prompt, "")


def with_pose(data: Any) -> Any:
    """Arguments in which 'in the pose of hero.png' has become the control picture, unless they name one already."""
    if not isinstance(data, dict) or data.get("control") or not isinstance(data.get("prompt"), str):
        return data
    if len(data["prompt"]) > LONGEST_PROMPT:
        return data  # it is refused as it is
    prompt, file = pose_of(data["prompt"])
    return {**data, "prompt": prompt, "control": file, "control_kinds": ["pose"]} if file else data


def _without(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split()).replace(" ,", ",").strip(" ,")


def _without_files(text: str, ctx: ToolContext) -> str:
    """A file's name is nobody's name and no word of the picture."""
    while found := _POSE_OF.search(text) or _NAMED_FILE.search(text):
        ctx.warn(f"The file '{found['file'][:60]}' in the prompt was not used: name it as control or reference picture")
        text = _without(text, found)
    return text


def picture_size(width: int, height: int, ctx: ToolContext) -> tuple[int, int]:
    """Width and height in pixels, 0 replaced by the settings'. Raises UsageError for one that cannot be drawn."""
    size = width or ctx.settings.image.width, height or ctx.settings.image.height
    if min(size) < SMALLEST:
        raise UsageError(
            f"A picture of {size[0]}x{size[1]} pixels is too small", fix=f"Ask for at least {SMALLEST}x{SMALLEST}"
        )
    return size


def _from_shot(args: Asked) -> Wish:
    try:
        shot = Shot.model_validate(args.shot)
        members = tuple(CastMember.model_validate(one) for one in args.cast)
    except ValidationError as error:
        raise UsageError("The shot is wrong", str(error.errors()[0]["msg"]), "Give a storyboard's shot") from error
    looks = cast_looks(members)
    prompt, negative = shot_prompt(shot, members, looks, args.style)
    return Wish(shot, members, looks, prompt, negative, shot.description or shot.id, "")


def _from_words(args: Asked, ctx: ToolContext) -> Wish:
    text = _without_files(args.prompt.strip(), ctx)
    posed = getattr(args, "control", "") and "pose" in getattr(args, "control_kinds", ())
    if posed and Studio(ctx.settings, ctx.workspace, ctx.memory).image_engine() == "preview":
        ctx.warn(
            "The pose of another picture needs SDXL and a ControlNet; the preview engine draws poses named in words"
        )
    known = known_names(ctx.memory)
    if args.character.strip():
        name = character_name(args.character, ctx)
        known.append(name)
        if name.lower() not in text.lower():
            text = f"{name} {text}".strip()
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise UsageError("There is nothing to draw", "the prompt is empty", "Say what the picture should show")
    if args.background.strip():
        text = f"{text.rstrip(' .')}, in {args.background.strip()}"
    story = read_story(text, known, ctx.settings.voice.language)
    casting = cast_story(story, ctx.memory)
    drawn = Studio(ctx.settings, ctx.workspace, ctx.memory).image_engine() == "preview"
    for note in (*(story.notes if drawn else ()), *casting.notes):
        ctx.warn(note)
    seed = args.seed if args.seed >= 0 else stable_seed(f"{text}|{args.style}")
    names = tuple(member.name for member in casting.members)
    shot = single_shot(casting.story, names, seed)
    looks = cast_looks(casting.members)
    prompt, negative = shot_prompt(shot, casting.members, looks, args.style, wish=casting.story.text)
    return Wish(shot, casting.members, looks, prompt, negative, in_short(casting.story.text), text)


def character_name(asked: str, ctx: ToolContext) -> str:
    """The remembered character's name, or `asked` for a new one.

    Raises UsageError with the nearest names when `asked` is close to a remembered one, or fits more than one.
    """
    from rapidfuzz import fuzz

    entry = ctx.memory.resolve_character(asked)
    if entry is not None:
        return entry.name
    asked = " ".join(asked.split())
    key = name_key(asked)
    near = [
        name
        for name in ctx.memory.nearest_characters(asked)
        if fuzz.ratio(key, name_key(name)) >= NEAR_NAME or key in name_key(name).split()
    ]
    if near:
        raise UsageError(
            f"No character is called '{asked[:60]}'",
            f"remembered are {' and '.join(repr(name) for name in near)}",
            "Use one of these names, or introduce the new one in the prompt",
        )
    return asked
