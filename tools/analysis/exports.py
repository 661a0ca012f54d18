"""A film's shots for other programs: spreadsheet, JSON, edit decision list, OpenTimelineIO timeline, HTML page."""

from __future__ import annotations

import contextlib
import csv
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from backends.vision.record import FilmRecord, Shot
from configs.errors import StudioError
from tools.analysis.cutting import cut_events
from tools.analysis.timecode import FrameRate

ShotFormat = Literal["csv", "json", "edl", "otio", "html"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be worked out by a spreadsheet."""


def export_shots(record: FilmRecord, format: ShotFormat, out: Path, *, film: Path) -> list[str]:
    """Write the record for another program, whole or not at all; what the format cannot carry, a sentence each.

    film: the film itself; its own timecode is kept in edl and otio, and html takes its pictures from it.
    Raises StudioError when `out` cannot be written, ValueError for an unknown format.
    """
    match format:
        case "csv":
            text, lost = csv_text(record), _CSV_LOST
        case "json":
            text, lost = record.model_dump_json(indent=1), []
        case "edl":
            from tools.analysis.cutting import start_timecode
            from tools.analysis.exports_edl import edl_text

            text, lost = edl_text(record, start_timecode(film, FrameRate.of(record.film.fps)))
        case "otio":
            text, lost = _otio_text(record, film)
        case "html":
            return _write_page(record, out, film)
        case _:
            raise ValueError(f"there is no export to {format!r}")
    write_whole(out, text)
    return list(lost)


def write_whole(out: Path, text: str) -> None:
    """A text file in UTF-8, complete or not at all. Raises StudioError when it cannot be written."""
    half = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=out.parent, prefix=".", suffix=".part", delete=False, encoding="utf-8", newline=""
        ) as file:
            half = Path(file.name)
            file.write(text)
        half.chmod(0o644)
        half.replace(out)
    except OSError as error:
        raise StudioError(
            f"'{out.name}' cannot be written", error.strerror or str(error), "Free space or permissions"
        ) from error
    finally:
        if half is not None:
            with contextlib.suppress(OSError):
                half.unlink(missing_ok=True)


def csv_text(record: FilmRecord) -> str:
    """One row per shot, a byte order mark first, so that spreadsheets read the letters right."""
    rate = FrameRate.of(record.film.fps)
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(_COLUMNS), lineterminator="\r\n")
    writer.writeheader()
    for event in cut_events(record, rate):
        row = _row(event.shot) | {
            "timecode_in": rate.timecode(event.first),
            "timecode_out": rate.timecode(event.last),
            "transition_frames": event.mix,
            "transition_detail": event.transition.detail if event.transition else "",
        }
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return "\ufeff" + table.getvalue()


_COLUMNS = (
    "shot", "scene", "start", "end", "seconds", "timecode_in", "timecode_out", "first_frame", "frames", "transition",
    "transition_frames", "transition_detail", "keyframe", "scale", "camera", "direction", "speed", "camera_confidence",
    "shake", "motion", "luma", "contrast", "saturation", "key", "colours", "coherence", "faults", "loudness_lufs",
    "sound", "speech_share", "music_share", "beats", "words", "text", "text_by",
)  # fmt: skip
_CSV_LOST = [
    "Only one line per shot: stretches of camera moves, beats, curves, measures of coherence and scenes' spans are "
    "left out; json has them"
]


def _row(shot: Shot) -> dict[str, Any]:
    camera, look, sound, held = shot.camera, shot.composition, shot.sound, shot.coherence
    row: dict[str, Any] = {
        "shot": shot.index, "scene": shot.scene, "start": round(shot.start, 4), "end": round(shot.end, 4),
        "seconds": round(shot.seconds, 4), "first_frame": shot.first_frame, "frames": shot.frames,
        "transition": shot.opening, "keyframe": round(shot.keyframe, 4), "motion": _rounded(shot.motion),
        "words": _joined(line.text for line in shot.words), "text": shot.text, "text_by": shot.text_by,
    }  # fmt: skip
    if camera is not None:
        row |= {
            "camera": camera.move, "direction": camera.direction, "speed": _rounded(camera.speed),
            "camera_confidence": _rounded(camera.confidence), "shake": _rounded(camera.shake),
        }  # fmt: skip
    if look is not None:
        row |= {
            "scale": look.scale, "luma": _rounded(look.luma), "contrast": _rounded(look.contrast),
            "saturation": _rounded(look.saturation), "key": look.key,
            "colours": _joined(f"{colour.name} {colour.hex} {colour.share:.2f}" for colour in look.colours),
        }  # fmt: skip
    if held is not None:
        row |= {
            "coherence": held.verdict,
            "faults": _joined(f"{f.kind} {f.strength:.2f} at {f.seconds[0]:.3f} s" for f in held.faults if f.seconds),
        }
    if sound is not None:
        row |= {
            "loudness_lufs": _rounded(sound.loudness_lufs), "sound": sound.label, "beats": sound.beats,
            "speech_share": _rounded(sound.speech_share), "music_share": _rounded(sound.music_share),
        }  # fmt: skip
    return row


def _cell(value: Any) -> Any:
    """Words that nobody here wrote must not run as a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _otio_text(record: FilmRecord, film: Path) -> tuple[str, list[str]]:
    import opentimelineio as otio

    from tools.analysis.cutting import start_timecode
    from tools.analysis.exports_otio import shot_timeline

    timeline, lost = shot_timeline(record, start_timecode(film, FrameRate.of(record.film.fps)), film.name)
    return otio.adapters.write_to_string(timeline, "otio_json", indent=2), lost


def _write_page(record: FilmRecord, out: Path, film: Path) -> list[str]:
    from tools.analysis.report import write_report
    from tools.analysis.sheets import film_strip, shot_pictures

    write_report(record, out, keyframes=shot_pictures(record, film), strip=film_strip(record, film))
    return ["The film does not travel inside the page: choose it there to play it"]
