"""A program's picture cut into segments that are encoded one by one, kept by content, and joined without loss.

A clip's body, each transition and each gap are segments of their own; long ones are split, by preference where a
caption or an overlay begins or ends. Two programs that share a piece share its file, so a changed caption or a trimmed
shot costs only the pieces that it lies on.
"""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from configs.errors import UsageError
from tools.editing.cut import Cut, Program, Words
from tools.editing.drawing.overlays import laid_over, layer_chains
from tools.editing.drawing.parts import Files, Frame, Layer, Piece, Script, Segment, shifted
from tools.editing.drawing.picture import captions_filter, piece_chain
from tools.editing.drawing.spare import given_piece, spare_chains
from tools.editing.drawing.transitions import transition_chains
from tools.editing.effects import effect_facts
from tools.editing.presets import caption_presets, editing_presets
from tools.editing.seeing import seen_chain
from tools.editing.specs import Place

__all__ = ["Files", "Frame", "Piece", "Segment", "plan", "scripts_of", "segment_args", "segment_key"]

RECIPE = 13
"""Raised when the same segment would be drawn differently: older cached pieces are then left alone."""
SNAP = 0.3
"""Share of a piece's length by which its end may move to the border of a caption or an overlay."""


def plan(program: Program) -> list[Segment]:
    """Segments that cover every frame of the program once, in order. Raises UsageError when transitions overlap."""
    made: list[Segment] = []
    borders = _borders(program)
    begin = 0
    for cut, following in pairwise((*program.video, None)):
        assert cut is not None
        finish, blend = cut.end, None
        if following is not None and following.blend and (following.before or following.after):
            before, after = min(following.before, cut.frames), min(following.after, following.frames)
            pieces = (Piece(cut, cut.frames - before), Piece(following, -before))
            finish = following.start - before
            blend = Segment(finish, before + after, pieces, following.blend, following.direction)
        made += _body(cut, begin, finish, program, borders)
        made += [blend] if blend is not None else []
        begin = finish + (blend.frames if blend is not None else 0)
    if sum(segment.frames for segment in made) != program.frames or any(
        one.start + one.frames != two.start for one, two in pairwise(made)
    ):
        raise UsageError(
            f"The transitions of '{program.name}' overlap", "two of them meet inside one clip", "Shorten them"
        )
    return [_covered(segment, program) for segment in made]


def _borders(program: Program) -> list[int]:
    """Frames at which a caption or an overlay begins or ends."""
    spans = [(word.start, word.end) for word in program.words]
    spans += [(cut.start, cut.end) for cut in program.overlays]
    return sorted({at for span in spans for at in span})


def _body(cut: Cut, begin: int, finish: int, program: Program, borders: Sequence[int]) -> Iterator[Segment]:
    presets = editing_presets().encode
    size = max(1, round(presets.chunk_seconds * program.fps))
    most = 2 * size
    if cut.backwards:
        # The reverse filter holds all its frames, 1.5 bytes per pixel.
        most = max(1, presets.reverse_mib * 2**20 * 2 // (3 * program.width * program.height))
        size = min(size, most)
    for start, end in pairwise(_split(begin, finish, size, most, borders)):
        yield Segment(start, end - start, (Piece(cut, start - cut.start),))


def _split(begin: int, finish: int, size: int, most: int, borders: Sequence[int]) -> list[int]:
    """Frames at which a body is cut: even pieces of about `size`, their ends moved to borders that are near.

    No piece gets longer than `most`.
    """
    if finish <= begin:
        return []
    count = math.ceil((finish - begin) / size)
    bounds = [begin + (finish - begin) * n // count for n in range(count + 1)]
    reach = round(SNAP * (finish - begin) / count)
    for n in range(1, count):
        near = borders[bisect_left(borders, bounds[n] - reach) : bisect_right(borders, bounds[n] + reach)]
        at = min(near, key=lambda border: abs(border - bounds[n]), default=bounds[n])
        if max(at - bounds[n - 1], bounds[n + 1] - at) <= most:
            bounds[n] = at
    return bounds


def _covered(segment: Segment, program: Program) -> Segment:
    """The segment with the captions and overlays that lie over it."""
    end = segment.start + segment.frames
    words = tuple(
        replace(word, start=word.start - segment.start, end=word.end - segment.start)
        for word in program.words
        if word.start < end and word.end > segment.start
    )
    layers = []
    for cut in program.overlays:
        first, last = max(cut.start, segment.start), min(cut.end, end)
        if last > first:
            layers.append(Layer(Piece(cut, first - cut.start), first - segment.start, last - first))
    return replace(segment, words=words, layers=tuple(layers))


def segment_key(segment: Segment, frame: Frame, encoder: list[str]) -> str:
    """Equal for segments with equal pixels: sources by content, ranges, effects, captions, encoder."""
    facts = {
        "recipe": RECIPE,
        "frame": [frame.width, frame.height, str(frame.fps)],
        "encoder": encoder,
        "frames": segment.frames,
        "blend": [segment.blend, segment.direction],
        "pieces": [_piece_facts(piece) for piece in segment.pieces],
        "layers": [[_piece_facts(one.piece), asdict(one.piece.cut.place or Place(())), one.at, one.frames]
                   for one in segment.layers],
        "words": [_word_facts(word) for word in segment.words],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _piece_facts(piece: Piece) -> dict[str, Any]:
    cut = piece.cut
    timed = bool(cut.effects or cut.place)
    return {
        "source": cut.source.sha256 if cut.source else "",
        "in": str(cut.source_in),
        "frozen": cut.frozen,
        "first": 0 if cut.frozen and not timed else piece.first,
        "clip": cut.frames if timed else 0,
        "title": asdict(cut.title) if cut.title else None,
        "style": _style(cut.title.style) if cut.title else None,
        "effects": effect_facts(cut.effects),
    }


def _word_facts(word: Words) -> list[Any]:
    timed = [asdict(one) for one in word.spoken]
    facts = [word.start, word.end, word.text, word.position, word.lifted, timed, _style(word.style)]
    return facts if word.scale == 1 else [*facts, word.scale]


def _style(name: str) -> list[Any]:
    style = caption_presets().styles.get(name)
    return [name, style.model_dump(mode="json") if style is not None else None]


def scripts_of(segment: Segment) -> list[Script]:
    """The texts of a segment, one ASS file for each: of its titles, its overlays' titles, then its captions."""
    found = [_card(piece, segment.frames) for piece in segment.pieces if piece.cut.title is not None]
    found += [_card(layer.piece, layer.frames) for layer in segment.layers if layer.piece.cut.title is not None]
    if segment.words:
        ahead = max(0, -min(word.start for word in segment.words))
        words = tuple(replace(word, start=word.start + ahead, end=word.end + ahead) for word in segment.words)
        found.append(Script(words, ahead))
    return found


def _card(piece: Piece, frames: int) -> Script:
    """A title's text: it appears with the card's first frame that is seen, inside a transition too."""
    cut = piece.cut
    assert cut.title is not None
    begin = min(0, -cut.before)
    ahead = max(0, piece.first - begin)
    if not cut.title.text.strip():
        return Script((), ahead)
    end = max(cut.frames - begin, ahead + frames)
    return Script((Words(0, end, cut.title.text, cut.title.style, "center"),), ahead)


def segment_args(
    segment: Segment, frame: Frame, files: Files, *, seen: bool = False, spare: int = 0, given: Path | None = None
) -> list[str]:
    """ffmpeg's inputs and filter graph for a segment; the picture comes out as [v].

    files: where generated files lie, with one script for each of `scripts_of(segment)`. seen: also small pictures, as
    [seen] for the output of `seen_args`. spare: also so many frames of the clip after the segment's, as [spare] for
    that of `spare_args`; given: such a file, which holds this segment's first piece.
    """
    inputs: list[str] = []
    chains: list[str] = []
    texts = list(zip(scripts_of(segment), files.scripts, strict=True))
    for number, piece in enumerate(segment.pieces):
        text = texts.pop(0) if piece.cut.title is not None else None
        opened, chain = piece_chain(piece, segment.frames + spare, frame, files, text)
        if given is not None and number == 0:
            opened, chain = given_piece(given, frame)
        inputs += opened
        chains.append(f"[{number}:v:0]{chain}{'[long]' if spare else f'[p{number}]'}")
    chains += spare_chains(segment.frames) if spare else []
    tail = "[p0]"
    if segment.blend:
        more, tail = transition_chains(segment, frame)
        chains += more
    for number, layer in enumerate(segment.layers):
        text = texts.pop(0) if layer.piece.cut.title is not None else None
        opened, more = layer_chains(layer, number, len(segment.pieces) + number, frame, files, text)
        inputs += opened
        chains += more
        more, tail = laid_over(layer, number, tail, frame)
        chains += more
    for script, path in texts:
        tail += ",".join(shifted([captions_filter(path, files.fonts)], script.ahead, frame)) + ","
    if seen:
        chains.append(f"{tail}trim=end_frame={segment.frames},format=yuv420p,split[v][copy]")
        chains.append(seen_chain(segment, frame))
    else:
        chains.append(f"{tail}trim=end_frame={segment.frames},format=yuv420p[v]")
    return [*inputs, "-filter_complex", ";".join(chains), "-map", "[v]", "-frames:v", str(segment.frames)]
