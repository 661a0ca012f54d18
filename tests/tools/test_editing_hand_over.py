"""Frames that a clip's body hands over to the transition after it: the same film as when each reads its source."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from editing_context import EditingStudio, build, clip, counting_film, render

from backends.media.guard import sniff
from backends.media.probe import probe
from memory.records import Asset
from tools.editing import encode
from tools.editing.cut import Source
from tools.editing.drawing.spare import hands_over, whole_spare
from tools.editing.program import read_program
from tools.editing.segments import Frame, Segment, plan
from tools.editing.specs import CaptionSpec, ClipSpec

MIX = {"transition": "dissolve", "transition_seconds": 0.25}


@pytest.fixture
def long(studio: EditingStudio, tmp_path: Path) -> Asset:
    return studio.attach(counting_film(tmp_path / "long.mp4", 72))


def two(asset: Asset, **first: Any) -> list[ClipSpec]:
    return [clip(asset, 0, 1, first.pop("source_in", 0.5), **first), clip(asset, 0.75, 1, 1.5, **MIX)]


def pieces(studio: EditingStudio) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (studio.workspace.cache / "segments").glob("*")}


@pytest.mark.parametrize("source_in", [0.5, 0.512])
def test_the_film_is_the_same_to_the_byte(
    studio: EditingStudio, long: Asset, monkeypatch: pytest.MonkeyPatch, source_in: float
) -> None:
    handed: list[int] = []
    real = encode.spare_args
    monkeypatch.setattr(encode, "spare_args", lambda count, file: handed.append(count) or real(count, file))
    timeline = build(two(long, source_in=source_in), captions=[CaptionSpec(0.1, 0.9, "Over the body and the mix")])
    film, _ = render(studio, timeline)
    quick, first = film.read_bytes(), pieces(studio)
    assert handed == [6]
    assert not any(name.startswith(".") for name in first)
    for name in first:
        (studio.workspace.cache / "segments" / name).unlink()
    monkeypatch.setattr(encode, "hands_over", lambda *args: False)
    film, facts = render(studio, timeline)
    assert handed == [6] and facts["reused"] == 0
    assert film.read_bytes() == quick and pieces(studio) == first


def segments(studio: EditingStudio, video: list[ClipSpec], **more: Any) -> tuple[list[Segment], Frame]:
    found = studio.workspace.home / video[0].path
    info = probe(found)
    source = Source(found, "0" * 64, video[0].asset_id, sniff(found), info)
    program = read_program(build(video, **more), lambda *_: source)
    return plan(program), Frame(program.width, program.height, program.fps)


def test_only_plain_frames_are_handed_over(studio: EditingStudio, long: Asset) -> None:
    (body, mix, _), frame = segments(studio, two(long))
    assert hands_over(body, mix, frame) and not hands_over(mix, body, frame)
    (cut,) = {piece.cut for piece in body.pieces}
    # The last two: between two frames, and past the source's end.
    for other in (
        {"effects": ({"name": "grade", "look": "sepia"},)},
        {"frozen": True},
        {"source": None},
        {"source_in": Fraction(25, 48)},
        {"source_in": Fraction(48, 24)},
    ):
        changed = replace(cut, **other)
        pair = [replace(one, pieces=(replace(one.pieces[0], cut=changed), *one.pieces[1:])) for one in (body, mix)]
        assert not hands_over(pair[0], pair[1], frame), other
    (body, mix, _), frame = segments(studio, two(long), fps=25)
    assert not hands_over(body, mix, frame)


def test_half_a_file_is_not_read(studio: EditingStudio, long: Asset, tmp_path: Path) -> None:
    (_, mix, _), frame = segments(studio, two(long))
    file = tmp_path / "frames"
    assert whole_spare(file, mix, frame) is None
    file.write_bytes(bytes(6 * frame.width * frame.height * 3 // 2 - 1))
    assert whole_spare(file, mix, frame) is None
    file.write_bytes(bytes(6 * frame.width * frame.height * 3 // 2))
    assert whole_spare(file, mix, frame) == file
