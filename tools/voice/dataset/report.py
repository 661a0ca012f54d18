"""The report that people listen to: one HTML page that holds its clips, so that it plays when opened as a file."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backends.voice.wav import read_wav
from tools.analysis.timecode import clock
from tools.voice.dataset.build import Built, Source
from tools.voice.dataset.cutting import Piece
from tools.voice.dataset.judging import Judged
from tools.voice.dataset.manifest import Manifest

_TEMPLATE = Path(__file__).parent / "report.html.jinja"
_MOST_CLIPS = 400
"""Playable ones: each is about 40 kB, and a page of more than 20 MB opens slowly."""
_BARS = 120
_WIDTH = 1000.0
"""Of the strip of who speaks when, in its own units."""


@dataclass(frozen=True)
class Row:
    """One clip on the page."""

    number: int
    name: str
    start: str
    seconds: float
    text: str
    judged: Judged
    wave: str
    """SVG path in a box of 120 x 24."""
    sound: str
    """data: URI, '' = not playable here."""


def write_report(file: Path, manifest: Manifest, built: Built, sources: list[Source], text: dict[int, str]) -> None:
    """text: by index into `built.judged`. The page needs nothing but itself."""
    from jinja2 import Environment

    rows = [_row(index, one, built, sources, text) for index, one in enumerate(built.judged)]
    reasons = Counter(reason for one in built.judged for reason, _ in one.reasons)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    page = template.render(
        manifest=manifest,
        kept=[row for row in rows if row.judged.kept],
        rejects=[row for row in rows if not row.judged.kept],
        reasons=reasons.most_common(),
        strips=[_strip(index, source, built) for index, source in enumerate(sources)],
        limits=built.limits,
        clock=clock,
    )
    file.write_text(page, encoding="utf-8")


def _row(index: int, one: Judged, built: Built, sources: list[Source], text: dict[int, str]) -> Row:
    cut = built.cuts.get(index)
    wave, sound = "", ""
    if cut is not None and index < 4 * _MOST_CLIPS:
        samples, rate = read_wav(cut.file)
        wave = _wave(samples)
        sound = _mp3(samples, rate) if index < _MOST_CLIPS else ""
    return Row(
        index + 1,
        cut.file.name if cut else "",
        f"{sources[one.source].name} {clock(one.piece.start)}",
        one.piece.seconds,
        text.get(index, ""),
        one,
        wave,
        sound,
    )


def _mp3(samples: np.ndarray, rate: int) -> str:
    """A data: URI of the clip as MP3, which every browser plays; a tenth of the WAV's size."""
    import soundfile

    packed = io.BytesIO()
    soundfile.write(packed, samples, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.75)
    return f"data:audio/mpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"


def _wave(samples: np.ndarray) -> str:
    """The peaks of the sound as bars around the middle line, the highest as high as the box."""
    parts = np.array_split(np.abs(samples) / max(float(np.abs(samples).max(initial=0.0)), 1e-4), _BARS)
    peaks = [float(part.max()) if len(part) else 0.0 for part in parts]
    return "".join(f"M{x} {12 - 11 * p:.1f}V{12 + 11 * p + 0.4:.1f}" for x, p in enumerate(peaks))


def _strip(index: int, source: Source, built: Built) -> dict[str, object]:
    """Who speaks when in one source, as rectangles."""
    seconds = max(built.tracks[index].seconds, 0.1)
    scale = _WIDTH / seconds
    pieces: list[tuple[Piece, bool]] = [(one.piece, one.kept) for one in built.judged if one.source == index]
    return {
        "name": source.name,
        "seconds": seconds,
        "turns": [
            (round(turn.start * scale, 2), round(max((turn.end - turn.start) * scale, 0.6), 2), turn.speaker)
            for turn in built.who[index].turns
        ],
        "pieces": [
            (round(piece.start * scale, 2), round(max(piece.seconds * scale, 0.6), 2), kept) for piece, kept in pieces
        ],
        "speaker": built.chosen.speaker,
    }
