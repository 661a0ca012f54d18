"""What a batch consists of: variations, prompts x characters, a storyboard's shots, or the lines of a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from configs.errors import StudioError, UsageError
from memory.records import AssetKind
from tools.film.shot import Storyboard
from tools.image.variety import Variety, variety_for
from tools.image.wish import character_name, in_short
from tools.registry import get_tool
from tools.repair import repair_args, validate_args
from tools.spec import ToolContext

MAKER = "generate_image"
MOST = 200
"""Pictures of one call."""
VARIANTS = 4
"""Of a single prompt, when nobody says how many."""
FILE_BYTES = 4 * 2**20
SHARED = ("style", "background", "negative_prompt", "width", "height", "quality", "best_of", "loras")
"""Arguments of the batch that every picture has, unless its line says otherwise."""


class Asked(Protocol):
    """The arguments of which a plan is made."""

    prompts: list[str]
    prompt: str
    character: str
    characters: list[str]
    count: int | None
    file: str
    shots: str
    seed: int
    skip_bad: bool


@dataclass(frozen=True)
class Item:
    """One picture that is wanted."""

    number: int
    """1-based, in the order of the plan."""
    args: dict[str, Any]
    """Complete arguments of generate_image."""
    label: str
    origin: str = ""
    """'line 7', 'shot-3', ''."""
    word: str = ""
    """What this picture of a varied series differs in, e.g. its pose."""
    twin: int = 0
    """Number of an earlier picture with the very same arguments: it is made once and listed twice; 0 = none."""

    @cached_property
    def key(self) -> str:
        """Names the picture by all its arguments, defaults included."""
        whole = get_tool(MAKER).Args.model_validate(self.args).model_dump(mode="json")
        for late in ("fuse", "unlike"):  # decided for the batch as a whole
            whole.pop(late, None)
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Plan:
    items: tuple[Item, ...]
    title: str
    notes: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    """Assets that it was read from."""
    told: tuple[str, ...] = ()
    """What the reply says of it."""
    single: list[Item] = field(init=False)
    """Those to make, without twins."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "single", [item for item in self.items if not item.twin])

    @property
    def text(self) -> str:
        """Every word of it, to see who is in it."""
        return "\n".join(str(item.args.get("prompt", "")) for item in self.items)


def make_plan(args: Asked, ctx: ToolContext) -> Plan:
    """Raises UsageError for nothing to draw, too many pictures, an unknown character, a bad line."""
    sources = [name for name in ("file", "shots") if getattr(args, name)]
    if args.prompts or args.prompt.strip():
        sources.append("prompts")
    if len(sources) > 1:
        raise UsageError("The batch is asked for in more than one way", f"{' and '.join(sources)} are given",
                         "Give prompts, or shots, or a file")  # fmt: skip
    if args.count is not None:
        check_count(args.count)
    notes: list[str] = []
    told: list[str] = []
    parents: tuple[str, ...] = ()
    match sources:
        case ["file"]:
            # a file of the workspace means its content now, not what was taken in under that name before
            here = "/" not in args.file and is_there(ctx.workspace.home / args.file)
            asset = ctx.asset(f"./{args.file}" if here else args.file, "file", "dataset", "report")
            wanted = list(_of_file(args, ctx.path(asset), asset.name, notes, ctx))
            parents, title = (asset.id,), asset.name
        case ["shots"]:
            asset = ctx.asset(args.shots, "storyboard")
            wanted = list(_of_shots(args, ctx.path(asset)))
            parents, title = (asset.id,), asset.name
        case _:
            wanted = list(_of_prompts(args, told, ctx))
            title = args.prompt.strip() or in_short("; ".join(args.prompts), 120) or ", ".join(_names(args, ctx))
    if not wanted:
        raise UsageError("There is nothing to draw", "no line can be used" if notes else "nothing is asked for",
                         "Say what the pictures should show")  # fmt: skip
    check_count(len(wanted))
    return Plan(_numbered(wanted, args, ctx), title, tuple(notes), parents, tuple(dict.fromkeys(told)))


def is_there(path: Path) -> bool:
    """Whether there is such a file; False for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_count(count: int) -> None:
    """Raises UsageError for a number of pictures that no batch has."""
    if count < 1:
        raise UsageError(f"A batch of {count} pictures is nothing to do", fix=f"Ask for 1 to {MOST}")
    if count > MOST:
        raise UsageError(f"A batch of {count} pictures is too long", f"one call makes up to {MOST}",
                         "Ask for fewer, or for several batches")  # fmt: skip


# -- the ways of asking --------------------------------------------------------------------------------------------

_Wanted = tuple[dict[str, Any], str, str]
"""Arguments, label, origin."""
_WORD = "word of a series"
"""Beside the arguments; no tool has one of this name."""


def _of_prompts(args: Asked, told: list[str], ctx: ToolContext) -> Iterator[_Wanted]:
    check_count(max(1, len(args.prompts)))
    prompts = [text for one in (args.prompt, *args.prompts) if (text := one.strip())]
    names = _names(args, ctx)
    if not prompts and not names:
        return
    lone = not args.prompts and len(names) <= 1
    count = args.count or (VARIANTS if lone else 1)
    check_count(max(1, len(prompts)) * max(1, len(names)) * count)
    for prompt in prompts or [""]:
        for name in names or [""]:
            wanted = {"prompt": prompt, "character": name}
            if (variety := variety_for(prompt, name, ctx)) is not None:
                each = args.count or VARIANTS
                yield from _varied(wanted, variety, each, args.seed)
                words = list(dict.fromkeys(word for word, _, _ in variety.prompts(each)))
                told.append(f"Each picture has its own {variety.respect}: {', '.join(words)}")
                continue
            label = prompt if not name or name.lower() in prompt.lower() else f"{name}: {prompt}".rstrip(": ")
            yield from _variants(wanted, count, args.seed, label, "")


def _of_shots(args: Asked, path: Path) -> Iterator[_Wanted]:
    try:
        if path.stat().st_size > FILE_BYTES:
            raise ValueError(f"it is larger than {FILE_BYTES // 2**20} MiB")
        board = Storyboard.model_validate_json(path.read_bytes())
    except (OSError, ValueError, ValidationError) as error:
        raise UsageError("The storyboard cannot be read", " ".join(str(error).split())[:160],
                         "Name a storyboard that write_storyboard made") from error  # fmt: skip
    cast = [member.model_dump(mode="json") for member in board.characters]
    for shot in board.shots:
        wanted = {"prompt": shot.description, "shot": shot.model_dump(mode="json"), "cast": cast, "style": board.style}
        yield from _variants(wanted, args.count or 1, args.seed, shot.description or shot.id, shot.id)


def _of_file(args: Asked, path: Path, name: str, notes: list[str], ctx: ToolContext) -> Iterator[_Wanted]:
    """One JSON object with arguments of generate_image per line; empty lines count, but are nothing."""
    if path.stat().st_size > FILE_BYTES:
        raise UsageError(f"'{name}' is too large for a batch", f"it has more than {FILE_BYTES // 2**20} MiB",
                         "Split it")  # fmt: skip
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"'{name}' is no text", "it is not UTF-8", "Save it as UTF-8") from error
    lines = [(at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip()]
    bad: list[tuple[int, StudioError]] = []
    made = 0
    for at, line in lines:
        try:
            wanted = _line(line, ctx)
        except StudioError as error:
            bad.append((at, error))
            continue
        count = int(wanted.pop("count", args.count or 1))
        made += count
        check_count(made)
        seed = int(wanted.pop("seed", args.seed))
        label = str(wanted.get("prompt") or wanted.get("character") or "").strip() or f"line {at}"
        yield from _variants(wanted, count, seed, label, f"line {at}")
    if bad and not args.skip_bad:
        at, first = bad[0]
        where = f"line {at} of '{name}' is wrong" + (f", and {len(bad) - 1} more" if len(bad) > 1 else "")
        fix = first.fix or "Correct it"
        fix += " Or leave" if fix.endswith("?") else ", or leave"
        cause = f"{first.problem}, {first.cause}" if first.cause else first.problem
        raise UsageError(f"Nothing was started: {where}", cause, f"{fix} bad lines out with skip_bad")
    notes += [f"Left out line {at} of '{name}'. {error.sentence}" for at, error in bad]


def _line(line: str, ctx: ToolContext) -> dict[str, Any]:
    maker = get_tool(MAKER)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("The line is not JSON", str(error)[:100], 'Write e.g. {"prompt": "a red kite"}') from error
    if not isinstance(found, dict):
        raise UsageError(
            "The line is not a JSON object", f"it is {str(found)[:40]!r}", 'Write e.g. {"prompt": "a red kite"}'
        )
    # a batch makes more of one line than a single call does
    count = found.pop("count", None)
    if count is not None:
        if isinstance(count, bool) or not isinstance(count, int):
            raise UsageError(f"'count' cannot be {str(count)[:40]!r}", "it is no whole number", "Write e.g. 4")
        check_count(count)
    mended, _ = repair_args(maker, found)
    model = validate_args(maker, mended)
    wanted = model.model_dump(mode="json", exclude_unset=True)
    if wanted.get("control"):
        wanted["control"] = _id_of(wanted["control"], ctx, "image", "map")
    if wanted.get("references"):
        wanted["references"] = [_id_of(one, ctx, "image") for one in wanted["references"]]
    if count is not None:
        wanted["count"] = count
    if not str(wanted.get("prompt", "")).strip() and not wanted.get("character") and not wanted.get("shot"):
        raise UsageError("It says nothing to draw", "it has no prompt, no character and no shot", "Add a prompt")
    return wanted


def _id_of(ref: str, ctx: ToolContext, *kinds: AssetKind) -> str:
    """The asset that a line means: the same one whenever the batch goes on."""
    if ref.strip().casefold() in ("last", "$last"):
        raise UsageError(f"'{ref.strip()}' is no picture for a line", "it would be another one when the batch goes on",
                         "Name the picture")  # fmt: skip
    return ctx.asset(ref, *kinds).id


# -- parts ---------------------------------------------------------------------------------------------------------


def _names(args: Asked, ctx: ToolContext) -> list[str]:
    """Characters as the memory spells them. Raises UsageError with the nearest names for a probable slip."""
    asked = [name for one in (args.character, *args.characters) if (name := one.strip())]
    return list(dict.fromkeys(character_name(name, ctx) for name in asked))


def _variants(wanted: Mapping[str, Any], count: int, seed: int, label: str, origin: str) -> Iterator[_Wanted]:
    """`count` pictures of one wish, as generate_image makes them: the first is plain, each has a seed of its own."""
    said = {key: value for key, value in wanted.items() if value not in ("", None)}
    if seed >= 0:
        said["seed"] = seed
    for number in range(count):
        shown = label if count == 1 else f"{label} ({number + 1})"
        yield {**said, "count": 1, "variant": number}, shown, origin


def _varied(wanted: Mapping[str, Any], variety: Variety, count: int, seed: int) -> Iterator[_Wanted]:
    """`count` pictures of one wish, each with a word of its own."""
    for word, prompt, variant in variety.prompts(count):
        said = {**wanted, "prompt": prompt, "count": 1, "variant": variant, **({"seed": seed} if seed >= 0 else {})}
        who = variety.subject or str(wanted.get("character") or "")
        shown = f"{who}: {word}" if who else word
        yield {_WORD: word, **{key: value for key, value in said.items() if value not in ("", None)}}, shown, ""


def _numbered(wanted: list[_Wanted], args: Asked, ctx: ToolContext) -> tuple[Item, ...]:
    """With what all of them share, and with what the settings say now: the plan must say all that decides a picture."""
    fields = get_tool(MAKER).Args.model_fields
    image = ctx.settings.image
    given = {key: getattr(args, key, None) for key in SHARED if key in fields}
    shared = {"width": image.width, "height": image.height, **{k: v for k, v in given.items() if v}}
    items: list[Item] = []
    first: dict[str, int] = {}
    for number, (own, label, origin) in enumerate(wanted, 1):
        merged = {**shared, **{key: value for key, value in own.items() if value not in ("", None)}}
        item = Item(
            number, {key: value for key, value in merged.items() if key in fields}, label, origin, own.get(_WORD, "")
        )
        try:
            validate_args(get_tool(MAKER), item.args)
        except UsageError as error:
            raise UsageError(f"Picture {number} cannot be asked for", f"{error.problem}, {error.cause}".rstrip(", "),
                             error.fix) from error  # fmt: skip
        twin = first.setdefault(item.key, number)
        items.append(item if twin == number else replace(item, twin=twin))
    return tuple(items)
