"""A film's record as one HTML page: player, timeline, shots, faults. It needs no network and holds all its parts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from backends.vision.record import FilmRecord
from tools.analysis.cutting import cut_events
from tools.analysis.report_rows import MEASURES, film_facts, measure_rows, omissions, shot_rows
from tools.analysis.report_timeline import Timeline, timeline_of
from tools.analysis.timecode import FrameRate, clock

Rgb = NDArray[np.uint8]
_HERE = Path(__file__).parent
TEMPLATE, STYLE, SCRIPT = _HERE / "report.html.jinja", _HERE / "report.css", _HERE / "report.js"
PICTURE_BYTES = 1_500_000
"""All pictures of shots together stay below this, as JPEG; as text in the page they take a third more."""
_SIZES = ((240, 76), (192, 72), (144, 66), (112, 60), (80, 50), (56, 40))
"""Widths and JPEG qualities that are tried, largest first."""
_SAMPLES = 40
"""Pictures by which a size is judged before all are written in it."""
_POSTER_WIDTH, _POSTER_QUALITY = 640, 85
DARK = 40.0
"""Mean level (0-255) below which a picture says little of its film: it shows the way into or out of black."""
_STRIP_HEIGHT, _STRIP_QUALITY, _STRIP_MOST = 54, 60, 64


def write_report(
    record: FilmRecord, out: Path, *, keyframes: Sequence[Rgb], strip: Sequence[Rgb], film_url: str = ""
) -> None:
    """Write the page, whole or not at all.

    Args:
        keyframes: (H, W, 3) uint8, one per shot in order; [] = no pictures.
        strip: (H, W, 3) uint8, evenly spaced over the film; [] = no strip.
        film_url: the film's address relative to the page, when it lies beside it; '' = the reader chooses a file.

    Raises ValueError when the pictures are not as many as the shots or `film_url` leaves the page's own host,
    StudioError when `out` cannot be written.
    """
    from tools.analysis.exports import write_whole

    if keyframes and len(keyframes) != len(record.shots):
        raise ValueError(f"{len(keyframes)} pictures for {len(record.shots)} shots")
    write_whole(out, report_html(record, keyframes, strip, _relative(film_url)))


def report_html(record: FilmRecord, keyframes: Sequence[Rgb], strip: Sequence[Rgb], film_url: str) -> str:
    """The page's text. Everything that the record says is escaped; nothing but the page's own script runs."""
    from jinja2 import Environment, StrictUndefined

    rate = FrameRate.of(record.film.fps)
    events = cut_events(record, rate)
    line = timeline_of(record, events, strip=bool(strip))
    style, script = STYLE.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")
    rows = shot_rows(record, events, rate)
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        record=record,
        film_url=film_url,
        facts=film_facts(record, rate),
        line=line,
        rows=rows,
        events=events,
        worded=any(row.words or (row.shot.text and not row.measured) for row in rows),
        pictures=_data_uris(keyframes),
        poster=_jpeg(_narrowed(telling(keyframes), _POSTER_WIDTH), _POSTER_QUALITY) if keyframes else "",
        strip=[_jpeg(_fitted(picture, _STRIP_HEIGHT), _STRIP_QUALITY) for picture in strip[:_STRIP_MOST]],
        measures=list(MEASURES.values()),
        measure_rows=measure_rows(record),
        omissions=omissions(record),
        data=_data(record, rate, line),
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        clock=clock,
        timecode=rate.timecode,
    )


def telling(pictures: Sequence[Rgb]) -> Rgb:
    """The picture that stands for a film before it plays: the middle shot's, else the first that is not dark, else the
    brightest. Of (H, W, 3) uint8, at least one."""
    brightest, most = pictures[0], float(pictures[0].mean())
    for at in (len(pictures) // 2, *range(len(pictures))):
        picture: Rgb = pictures[at]
        level = float(picture.mean())
        if level >= DARK:
            return picture
        if level > most:
            brightest, most = picture, level
    return brightest


def _relative(address: str) -> str:
    """The address, fit for an attribute. Raises ValueError for one with a scheme or a host."""
    if not address:
        return ""
    plain = address.replace("\\", "/")
    parts = urlsplit(plain)
    if parts.scheme or parts.netloc or plain.startswith("//"):
        raise ValueError(f"{address!r} is not an address beside the page")
    return quote(plain, safe="/%")


def _csp_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


def _data(record: FilmRecord, rate: FrameRate, line: Timeline) -> str:
    """What the script needs as JSON that cannot end its element: every '<' is written as an escape."""
    facts = {
        "seconds": line.seconds,
        "rate": [rate.exact.numerator, rate.exact.denominator],
        "nominal": rate.nominal,
        "drop": rate.drop,
        "shots": [[shot.index, round(shot.start, 4), round(shot.end, 4)] for shot in record.shots],
        "beats": [round(beat, 3) for beat in (record.sound.beats if record.sound else ())],
        "curves": line.curves,
    }
    text = json.dumps(facts, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _data_uris(pictures: Sequence[Rgb]) -> list[str]:
    """The pictures as JPEG inside the page, made smaller until they fit together."""
    step = max(1, len(pictures) // _SAMPLES)
    coded: list[str] = []
    for width, quality in _SIZES:
        tried = [_jpeg(_narrowed(pictures[at], width), quality) for at in range(0, len(pictures), step)]
        last = (width, quality) == _SIZES[-1]
        if _bytes(tried) * len(pictures) > PICTURE_BYTES * len(tried) and not last:
            continue
        coded = tried if step == 1 else [_jpeg(_narrowed(picture, width), quality) for picture in pictures]
        if _bytes(coded) <= PICTURE_BYTES:
            break
    return coded


def _bytes(coded: Sequence[str]) -> int:
    return sum(map(len, coded)) * 3 // 4


def _narrowed(rgb: Rgb, width: int) -> Rgb:
    return _resized(rgb, min(1.0, width / rgb.shape[1]))


def _fitted(rgb: Rgb, height: int) -> Rgb:
    return _resized(rgb, min(1.0, 1.5 * height / rgb.shape[0]))


def _resized(rgb: Rgb, scale: float) -> Rgb:
    import cv2

    size = tuple(max(1, round(side * scale)) for side in rgb.shape[1::-1])
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(rgb: Rgb, quality: int) -> str:
    import cv2

    done, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("a picture cannot be written as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()
