"""A film of the studio's own without its captions and titles, and these texts, to be set anew on what is cut from it.

Editors call such a picture the textless master. Cut from the finished picture, a caption would be cropped with it, lie
under new ones, and stand on wrong times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tools.editing.captions import TEXTLESS, own_cut
from tools.editing.nested import TITLE_GENERATOR, unnested
from tools.editing.outline import CAPTION_KIND
from tools.editing.program import Program, Source, read_program
from tools.editing.render import render
from tools.editing.sources import SourceFinder
from tools.editing.specs import CaptionSpec, CaptionStyleName, Spoken

if TYPE_CHECKING:
    import opentimelineio as otio

    from memory.records import Asset
    from tools.editing.arrangement import Part
    from tools.editing.held import HeldContext

MOST_FILMS = 300
"""Newest films among which a textless one that was made before is looked for."""
SAID = frozenset({"subtitle", "karaoke", "comic", "typewriter"})
"""Styles of captions that somebody says."""
LEAST_SECONDS, LEAST_SHARE = 1.0, 0.5
"""A text that a cut shortens is kept when it still shows for so long, or for this share of its time."""


@dataclass(frozen=True)
class Textless:
    """A film's picture and sound without its texts."""

    asset: Asset
    """Called as the film itself is."""
    source: Source
    texts: tuple[CaptionSpec, ...]
    """What stood on it, in seconds of the film; cards as titles in the middle."""


@dataclass(frozen=True)
class Shown:
    """A stretch of a source on a timeline, forwards unless `backwards`."""

    source: str
    """Its asset's id."""
    begin: Fraction
    end: Fraction
    """Seconds of the source."""
    start: Fraction
    """Second of the timeline."""
    speed: Fraction = Fraction(1)
    backwards: bool = False


def textless(film: Asset, source: Source, ctx: HeldContext) -> Textless | None:
    """The film without its texts, drawn from its own timeline; None where it has none or cannot be drawn again.

    Held in `ctx` until what is cut from it is recorded; a later call takes the recorded one.
    Raises Cancelled when stopped, StudioError when ffmpeg fails.
    """
    timeline, base = own_cut(film, source, ctx)
    cut = ctx.memory.get_asset(base[0]) if base else None
    if timeline is None or cut is None:
        return None
    texts = texts_of(read_program(timeline, SourceFinder(ctx).find))
    if not texts:
        return None
    asset = _known(cut, ctx)
    if asset is None:
        ctx.progress(0, 1, f"drawing {film.name} without its captions")
        name = f"{Path(film.name).stem} without captions.mp4"
        rendered = render(_stripped(timeline), ctx)
        asset = rendered.save(ctx, name, parents=(cut.id, film.id), params={TEXTLESS: cut.sha256})
    opened = SourceFinder(ctx).open(asset)
    return Textless(replace(asset, name=film.name), opened, texts)


def texts_of(program: Program) -> tuple[CaptionSpec, ...]:
    """Captions, and the words of title cards, of a program."""
    rate = program.fps
    found = [
        CaptionSpec(
            float(word.start / rate), float(word.end / rate), word.text, cast("CaptionStyleName", word.style),
            word.position if word.position in ("top", "center") else "bottom",  # type: ignore[arg-type]
            tuple(_since(word.spoken, float(word.start / rate))),
        )
        for word in program.words
    ]  # fmt: skip
    for cut in program.video:
        if cut.title is not None and cut.title.text.strip():
            begin, end = float(cut.start / rate), float(cut.end / rate)
            found.append(CaptionSpec(begin, end, cut.title.text, cut.title.style, "center"))
    return tuple(sorted(found, key=lambda text: (text.start, text.end)))


def lines_of(texts: Iterable[CaptionSpec]) -> tuple[tuple[float, float], ...]:
    """When each line is said: the subtitles among the texts, without cards and words that are only shown."""
    return tuple((one.start, one.end) for one in texts if one.style in SAID)


def texts_over(
    shown: Sequence[Shown], texts: Mapping[str, Sequence[CaptionSpec]], rate: Fraction
) -> tuple[CaptionSpec, ...]:
    """The texts on stretches of films, in seconds of the timeline; those that were cut out, or nearly, are left out.

    texts: of each film, by its asset's id. A text that goes on over a join of two stretches that met before stays one.
    """
    made: list[tuple[CaptionSpec, CaptionSpec, Fraction]] = []
    for number, piece in enumerate(shown):
        until = shown[number + 1].start if number + 1 < len(shown) else None
        for text in texts.get(piece.source, ()):
            begin = max(Fraction(text.start).limit_denominator(10_000), piece.begin)
            end = min(Fraction(text.end).limit_denominator(10_000), piece.end)
            if end <= begin:
                continue
            since = piece.end - end if piece.backwards else begin - piece.begin
            first = piece.start + since / piece.speed
            last = first + (end - begin) / piece.speed
            last = min(last, until) if until is not None else last
            if last <= first:
                continue
            words = () if piece.backwards else _moved(text, piece, first, last)
            put = CaptionSpec(float(first), float(last), text.text, text.style, text.position, tuple(words))
            joined = next((n for n, one in enumerate(made) if _goes_on(one, text, begin, first, rate)), None)
            if joined is None:
                made.append((put, text, end))
                continue
            before = made[joined][0]
            made[joined] = (replace(before, end=put.end, words=(*before.words, *put.words)), text, end)
    kept = [put for put, text, _ in made if _lasts(put, text, rate)]
    return tuple(sorted(kept, key=lambda text: (text.start, text.end)))


def of_parts(parts: Iterable[Part], starts: Iterable[Fraction]) -> list[Shown]:
    """The stretches that an arrangement shows."""
    return [
        Shown(part.source.asset_id, part.begin, part.end, start, part.speed, part.backwards)
        for part, start in zip(parts, starts, strict=True)
    ]


def _goes_on(
    one: tuple[CaptionSpec, CaptionSpec, Fraction], text: CaptionSpec, begin: Fraction, first: Fraction, rate: Fraction
) -> bool:
    put, of, end = one
    frame = 0.5 / float(rate)
    return of is text and abs(float(end - begin)) < frame and abs(put.end - float(first)) < frame


def _lasts(put: CaptionSpec, text: CaptionSpec, rate: Fraction) -> bool:
    seen, whole = put.end - put.start, text.end - text.start
    return seen * float(rate) >= 1 and (seen >= LEAST_SECONDS or seen >= LEAST_SHARE * whole)


def _since(spoken: Sequence[Spoken], start: float) -> Iterable[Spoken]:
    return (Spoken(start + one.start, start + one.end, one.text) for one in spoken)


def _moved(text: CaptionSpec, piece: Shown, first: Fraction, last: Fraction) -> Iterable[Spoken]:
    """When each word comes on the timeline; none before or behind the text."""
    for word in text.words:
        at = [
            min(max(float(piece.start) + (when - float(piece.begin)) / float(piece.speed), float(first)), float(last))
            for when in (word.start, word.end)
        ]
        yield Spoken(at[0], at[1], word.text)


def _stripped(timeline: otio.schema.Timeline) -> otio.schema.Timeline:
    """The timeline without captions; its cards keep their ground."""
    import opentimelineio as otio

    made = deepcopy(timeline)
    made.tracks[:] = [track.clone() for track in unnested(timeline) if track.kind != CAPTION_KIND]
    for clip in made.find_clips():
        media = clip.media_reference
        if isinstance(media, otio.schema.GeneratorReference) and media.generator_kind == TITLE_GENERATOR:
            media.parameters["text"] = ""
    return made


def _known(cut: Asset, ctx: HeldContext) -> Asset | None:
    """A textless film that was drawn from this timeline before."""
    for asset in ctx.memory.list_assets("video", None, MOST_FILMS):
        if asset.params.get(TEXTLESS) == cut.sha256 and (ctx.workspace.home / asset.path).is_file():
            return asset
    return None
