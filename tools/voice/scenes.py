"""What a call of speak_dialogue speaks: the lines of a script or of the call, its scene, and how they are felt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.voice.emotions.feeling import scene_curve
from backends.voice.profile import voice_from_description, voice_from_fields
from backends.voice.texts.script import read_line, words_of
from configs.dialogue import dialogue_config
from configs.errors import StudioError, UsageError
from memory.names import name_key
from tools.voice.screenplay import Form, Script, ScriptLine, find_scene, read_script, script_of
from tools.voice.screenplay_lines import Draft

if TYPE_CHECKING:
    from memory.store import Memory
    from tools.spec import Studio, ToolContext

_SPAN = re.compile(r"^(\d+)(?:\s*[-–]\s*(\d+))?$")


def planned(args: Any, ctx: ToolContext) -> tuple[Script, str]:
    """The script to speak and how it is called; what was read otherwise than written is told.

    args: SpeakDialogueArgs. Raises UsageError when there is nothing to speak, or no such scene or line.
    """
    if args.script.strip():
        script, title = _from_file(args.script, args.format, ctx)
    else:
        script, title = _from_lines(args.lines), "dialogue"
    for note in script.notes:
        ctx.warn(note)
    chosen = _chosen(script, args.scene, args.only)
    most = int(dialogue_config()["most_lines"])
    if len(chosen.lines) > most:
        scenes = f"one scene at a time with `scene`: it has {len(script.scenes)}" if len(script.scenes) > 1 else ""
        raise UsageError(
            f"The dialogue has {len(chosen.lines)} lines", f"at most {most} go at once",
            f"Speak {scenes or 'some lines at a time with `only`, such as 1-100'}",
        )  # fmt: skip
    if args.scene.strip() and len(script.scenes) > 1:
        title = f"{title} {chosen.scenes[chosen.lines[0].scene]}"
    return _felt(chosen, args.emotion), title


def foreseen(args: Any, studio: Studio) -> Sequence[ScriptLine]:
    """The lines as far as they can be known before the call runs; () when the script cannot be read yet."""
    names = _names(studio.memory)
    try:
        if not args.script.strip():
            return _from_lines(args.lines).lines
        if "\n" in args.script:
            return _chosen(script_of(args.script, form=args.format, names=names), args.scene, args.only).lines
        asset = studio.memory.find_asset(args.script, ("file", "subtitle", "storyboard"))
        path = studio.workspace.inside(asset.path)
        return _chosen(read_script(path, asset.name, args.format, (), names), args.scene, args.only).lines
    except StudioError:
        return ()


def performed(line: ScriptLine, memory: Memory) -> tuple[ScriptLine, tuple[str, ...]]:
    """The line with its directions as sounds ('(laughs)' -> '*laughs*'), and those that nobody can perform."""
    if not line.directions:
        return line, ()
    entry = memory.resolve_character(line.character) if line.character else None
    if entry is not None:
        voice = voice_from_fields(entry.name, entry.text, entry.data)
    else:
        voice = voice_from_description(line.character, line.character)
    text, left = line.text, []
    for direction in reversed(line.directions):
        read = read_line(f"*{direction}*", voice.species, line.language.split("-", maxsplit=1)[0] or "en")
        spoken = " ".join(segment.text for segment in read)
        if any(segment.kind == "sound" for segment in read) or (read and words_of(spoken) != words_of(direction)):
            text = f"*{direction}* {text}"
        elif read:
            left.append(direction)
    return replace(line, text=text, directions=()), tuple(reversed(left))


def _languages() -> frozenset[str]:
    """What the built-in voice speaks, which is more than any other engine does; empty where it is not installed."""
    from backends.voice.engines.espeak import EspeakEngine

    return EspeakEngine().capabilities().languages


def _names(memory: Memory) -> list[str]:
    """Names of all remembered characters."""
    return [name for entry in memory.list_entries("character") for name in (entry.name, *entry.aliases)]


def _from_lines(lines: Sequence[Any]) -> Script:
    draft = Draft("line", _languages(), capitals=True)
    for number, line in enumerate(lines, 1):
        draft.line(
            number, line.character, line.text,
            emotion=line.emotion, intensity=line.intensity, language=line.language,
        )  # fmt: skip
    return draft.script("lines")


def _from_file(ref: str, form: Form, ctx: ToolContext) -> tuple[Script, str]:
    if "\n" in ref:  # a script written into the call itself
        file = ctx.scratch(".txt")
        file.write_text(ref, encoding="utf-8")
        return read_script(file, "", form, _languages(), _names(ctx.memory)), "dialogue"
    asset = ctx.asset(ref, "file", "subtitle", "storyboard")
    name = re.sub(r"\.\w{1,8}$", "", asset.name)
    if asset.kind == "storyboard" and not form:
        form = "storyboard"
    return read_script(ctx.path(asset), asset.name, form, _languages(), _names(ctx.memory)), name


def _by_names(script: Script, only: str) -> Script:
    """The lines of these characters. Raises UsageError with those that there are."""
    wanted = {name_key(part) for part in re.split(r"[,;]|\band\b|\be\b", only) if part.strip()}
    lines = tuple(line for line in script.lines if name_key(line.character) in wanted)
    if not lines:
        there = ", ".join(dict.fromkeys(line.character for line in script.lines if line.character))
        raise UsageError(
            f"Nobody called {only.strip()[:40]} speaks there",
            fix=f"Choose among {there}, or give numbers such as '3, 7-9'" if there else "Give numbers such as '3, 7-9'",
        )
    return replace(script, lines=lines)


def _chosen(script: Script, scene: str, only: str) -> Script:
    if scene.strip():
        script = script.only(find_scene(script, scene))
    if not only.strip():
        return script
    if not any(sign.isdigit() for sign in only):
        return _by_names(script, only)
    wanted: set[int] = set()
    for part in re.split(r"[,;\s]+", re.sub(r"\s*[-–]\s*", "-", only.strip())):
        match = _SPAN.match(part)
        if match is None:
            raise UsageError(f"'{only[:40]}' are no line numbers", fix="Write them as '3' or '3, 7-9'")
        wanted |= set(range(int(match[1]), min(int(match[2] or match[1]), len(script.lines)) + 1))
    if not wanted or max(wanted) > len(script.lines) or min(wanted) < 1:
        raise UsageError(f"There is no line {only.strip()[:20]}", f"there are {len(script.lines)}", "Choose among them")
    return replace(script, lines=tuple(line for number, line in enumerate(script.lines, 1) if number in wanted))


def _felt(script: Script, curve: str) -> Script:
    """Lines without an emotion of their own take theirs from the way that each scene goes."""
    if not curve.strip() or curve == "neutral":
        return script
    lines = list(script.lines)
    for scene in range(len(script.scenes)):
        places = [index for index, line in enumerate(lines) if line.scene == scene]
        for index, emotion in zip(places, scene_curve(len(places), curve), strict=True):
            if lines[index].emotion == "neutral":
                lines[index] = replace(lines[index], emotion=emotion)
    return replace(script, lines=tuple(lines))
