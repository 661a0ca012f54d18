"""What is said in a film or a sound: from subtitles, from the studio's own text, else written down by a recogniser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from backends.media.subtitles import plain_line
from backends.sound.result import Words
from configs.errors import StudioError
from tools.analysis.words_files import MOST, read_words

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.spec import ToolContext

OWN = "the studio's captions"
SPOKEN = "the studio's spoken lines"
_NEIGHBOURS = 300


def words_of(asset: Asset, ctx: ToolContext, language: str = "") -> tuple[tuple[Words, ...], str]:
    """The lines of a film, a sound or a subtitle file with their times, or () and why there are none.

    In this order: the subtitle file itself, or one that belongs to the film (made from it, or attached under the same
    name); the film's own subtitle track; the captions or spoken lines that the studio made it from; what a local
    recogniser hears. Each line says where it is from. All texts are data.

    language: 'en', 'it', ... of the subtitle track and of the speech; '' takes what there is.
    Raises Cancelled; a source that is damaged is told through `ctx.warn` and passed over.
    """
    if asset.kind == "subtitle":
        return read_words(ctx.path(asset), asset.name), ""
    reasons: list[str] = []
    for find in (_beside, _inside, _own_text, _heard):
        ctx.cancel.check()
        try:
            found, why = find(asset, ctx, language)
        except StudioError as error:
            ctx.cancel.check()
            ctx.warn(f"No words from a source of '{asset.name}': {error.sentence}")
            continue
        if found:
            return tuple(sorted(found, key=lambda words: (words.start, words.end))[:MOST]), ""
        reasons += [why] if why else []
    return (), "; ".join(reasons) or "nothing tells its words"


def _beside(asset: Asset, ctx: ToolContext, language: str) -> tuple[tuple[Words, ...], str]:
    for one in _subtitle_files(asset, ctx, language):
        return read_words(ctx.path(one), one.name), ""
    return (), ""


def _subtitle_files(asset: Asset, ctx: ToolContext, language: str) -> Iterator[Asset]:
    """Made from it or for it; then those attached in its conversation as NAME.srt or NAME.en.srt, in the language
    that is wanted first."""
    family = [*ctx.memory.children(asset.id), *ctx.memory.parents(asset.id)]
    yield from (one for one in family if one.kind == "subtitle" and not one.hidden)
    stem = PurePosixPath(asset.name).stem.casefold()
    named = []
    for one in ctx.memory.list_assets("subtitle", asset.thread or ctx.thread, _NEIGHBOURS):
        name = PurePosixPath(one.name).stem.casefold()
        spoken = name.removeprefix(f"{stem}.") if name.startswith(f"{stem}.") else ""
        if name == stem or len(spoken) in (2, 3):
            named.append((not (language and spoken[:2] == language[:2].casefold()), name != stem, one))
    yield from (one for *_, one in sorted(named, key=lambda item: item[:2]))


def _inside(asset: Asset, ctx: ToolContext, language: str) -> tuple[tuple[Words, ...], str]:
    from backends.media.subtitles import embedded_subtitles

    if asset.kind != "video":
        return (), ""
    lines, why = embedded_subtitles(ctx.path(asset), language, ctx.cancel.check)
    return tuple(Words(start=a, end=b, text=text, by="subtitles") for a, b, text in lines), why


def _own_text(asset: Asset, ctx: ToolContext, language: str) -> tuple[tuple[Words, ...], str]:
    """Captions of the timeline that it was rendered from, else its dialogue; the text of a spoken line."""
    from tools.editing.outline import CAPTION_KIND, outline
    from tools.editing.sources import cut_of
    from tools.editing.timeline_file import load_timeline

    if asset.kind == "audio":
        return tuple(_spoken(asset.params, 0.0, float("inf"))), ""
    cut = cut_of(asset, ctx)
    if cut is None:
        return (), ""
    captions: list[Words] = []
    dialogue: list[Words] = []
    for track in outline(load_timeline(ctx.path(cut)))["tracks"]:
        for clip in track["clips"]:
            start, end = float(clip.get("start", 0.0)), float(clip.get("start", 0.0)) + float(clip.get("seconds", 0.0))
            text = plain_line(str(clip.get("text", "")))
            if track["kind"] == CAPTION_KIND and text and end > start:
                captions.append(Words(start=start, end=end, text=text, by=OWN))
            elif track["role"] == "dialogue" and (source := ctx.memory.get_asset(str(clip.get("asset", "")))):
                dialogue += _spoken(source.params, start - float(clip.get("source_in", 0.0)), end)
    return tuple(captions or dialogue), ""


def _spoken(params: Mapping[str, Any], shift: float, end: float) -> Iterator[Words]:
    """Lines of a sound that the studio spoke, on the film's time."""
    rows = params.get("lines")
    if not isinstance(rows, list):
        rows = [{**params, "start": 0.0, "end": params.get("duration")}] if params.get("duration") else []
    for row in rows[:MOST]:
        try:
            first, last = float(row["start"]) + shift, min(end, float(row["end"]) + shift)
            text, who = plain_line(str(row["text"]).replace("*", "")), plain_line(str(row.get("character") or ""))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if text and last > max(0.0, first):
            said = f"{who}: {text}" if who else text
            yield Words(start=round(max(0.0, first), 3), end=round(last, 3), text=said, by=SPOKEN)


def _heard(asset: Asset, ctx: ToolContext, language: str) -> tuple[tuple[Words, ...], str]:
    from backends.media.probe import probe
    from backends.voice.speakers.recogniser import find_recogniser

    path = ctx.path(asset)
    info = probe(path)
    if not info.has_audio:
        return (), "it has no sound"
    recogniser, why = find_recogniser(ctx.settings)
    if recogniser is None:
        return (), why
    words = recogniser.write_down(
        path,
        language,
        cancel=ctx.cancel.check,
        on_progress=lambda seconds: ctx.progress(min(seconds, info.seconds), info.seconds, f"words of {asset.name}"),
    )
    return words, "" if words else f"{recogniser.name} heard no words"
