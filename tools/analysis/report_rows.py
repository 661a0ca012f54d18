"""What the page tells of each shot and of the film, ready to be written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.vision.coherence.result import Coherence
from backends.vision.cuts.result import Transition
from backends.vision.record import FilmRecord, Shot
from tools.analysis.captions_measured import MEASURED
from tools.analysis.cutting import CutEvent, edge_fades
from tools.analysis.phrases import (
    SCALES,
    camera_figures,
    camera_words,
    fault_words,
    light_words,
    sound_words,
    without_folders,
)
from tools.analysis.sheets import rgb_of
from tools.analysis.timecode import FrameRate, clock

_SCALE_ORDER = list(SCALES)
_VERDICTS = ("faulty", "unknown", "coherent", "")


@dataclass(frozen=True)
class Swatch:
    name: str
    fill: str
    share: str


@dataclass(frozen=True)
class FaultLine:
    words: str
    strength: str
    frames: Sequence[tuple[float, str, str]]
    """Seconds, clock, timecode."""


@dataclass(frozen=True)
class ShotRow:
    """One row of the table; a part that was not measured is ''."""

    shot: Shot
    span: str
    length: str
    timecode: str
    opening: str
    opening_words: str
    scale: str
    scale_words: str
    scale_note: str
    scale_order: int
    camera: str
    camera_note: str
    colours: Sequence[Swatch]
    light: str
    verdict: str
    verdict_order: int
    faults: Sequence[FaultLine]
    verdict_note: str
    sound: str
    words: Sequence[tuple[float, str, str]]
    """Seconds, the line, who read it."""
    measured: bool
    """Whether its text only repeats what was measured: the other columns show that already."""
    found_by: str
    """All its words in small letters: what the filter looks through."""


def shot_rows(record: FilmRecord, events: Sequence[CutEvent], rate: FrameRate) -> list[ShotRow]:
    edges = edge_fades(record)
    return [_row(event, rate, edges if event is events[0] else ()) for event in events]


def _row(event: CutEvent, rate: FrameRate, edges: Sequence[Transition]) -> ShotRow:
    shot = event.shot
    look, held = shot.composition, shot.coherence
    opening: str = event.transition.kind if event.transition is not None else shot.opening
    opening_words = opening
    if event.mix and event.transition is not None:
        opening_words = f"{opening}, {event.mix} frames"
        if event.transition.detail:
            opening_words += f", {event.transition.detail}"
    for fade in edges:
        if fade.first_frame <= shot.first_frame:
            opening_words = f"{fade.kind}, {fade.frames} frames" + (f", {fade.detail}" if fade.detail else "")
            opening = fade.kind
    colours = [
        Swatch(c.name, "#{:02x}{:02x}{:02x}".format(*rgb_of(c.hex)), f"{c.share:.0%}")
        for c in (look.colours if look is not None else ())
    ]
    scale = look.scale if look is not None else ""
    row = ShotRow(
        shot=shot,
        span=f"{clock(shot.start)} – {clock(shot.end)}",
        length=f"{shot.seconds:.2f} s",
        timecode=rate.timecode(event.first),
        opening=opening,
        opening_words=opening_words,
        scale=scale,
        scale_words=SCALES.get(scale, ""),
        scale_note=without_folders(look.scale_reason) if look is not None else "",
        scale_order=_SCALE_ORDER.index(scale) if scale in _SCALE_ORDER else len(_SCALE_ORDER),
        camera=camera_words(shot.camera),
        camera_note=camera_figures(shot.camera),
        colours=colours,
        light=light_words(look),
        verdict=held.verdict if held is not None else "",
        verdict_order=_VERDICTS.index(held.verdict if held is not None else ""),
        faults=_faults(held, rate),
        verdict_note=without_folders(held.reason) if held is not None else "",
        sound=sound_words(shot.sound),
        words=[(line.start, line.text, line.by) for line in shot.words],
        measured=shot.text_by == MEASURED,
        found_by="",
    )
    return _findable(row)


def _findable(row: ShotRow) -> ShotRow:
    from dataclasses import replace

    parts = [
        f"shot {row.shot.index} scene {row.shot.scene}", row.opening_words, row.scale, row.scale_words, row.camera,
        *(colour.name for colour in row.colours), row.light, row.verdict, *(fault.words for fault in row.faults),
        row.sound, *(text for _, text, _ in row.words), row.shot.text,
    ]  # fmt: skip
    return replace(row, found_by=" ".join(" ".join(parts).lower().split()))


def _faults(held: Coherence | None, rate: FrameRate) -> list[FaultLine]:
    return [
        FaultLine(
            fault_words(fault),
            f"{fault.strength:.1f}",
            [(at, clock(at, 2), rate.timecode(rate.frame_at(at))) for at in fault.seconds],
        )
        for fault in (held.faults if held is not None else ())
    ]


def film_facts(record: FilmRecord, rate: FrameRate) -> list[tuple[str, str]]:
    """Name and value of what is known of the whole film."""
    film, sound, shots = record.film, record.sound, record.shots
    fps = f"{film.fps:.5g} fps" + (", varying" if film.vfr else "")
    facts = [("length", f"{clock(film.seconds)} ({film.frames} frames)"), ("picture", f"{film.width} x {film.height}")]
    facts += [("rate", fps), ("codecs", " / ".join(name for name in (film.video_codec, film.audio_codec) if name))]
    if shots:
        longest = max(shots, key=lambda shot: shot.seconds)
        facts.append(("shots", f"{len(shots)}, {film.seconds / len(shots):.2f} s each on average"))
        facts.append(("longest shot", f"{longest.seconds:.1f} s (shot {longest.index})"))
    if record.scenes:
        facts.append(("scenes", str(len(record.scenes))))
    if record.transitions:
        kinds = [change.kind for change in record.transitions]
        told = [f"{kinds.count(kind)} {kind}" for kind in ("cut", "dissolve", "fade", "wipe") if kind in kinds]
        facts.append(("transitions", ", ".join(told)))
    if sound is not None:
        facts += _sound_facts(record)
    facts += [(name, f"{_share(record, key):.1%}") for key, name in _SHARES.items() if _share(record, key) >= 5e-4]
    if record.liveliest[1] > record.liveliest[0]:
        facts.append(("liveliest", f"{clock(record.liveliest[0])} – {clock(record.liveliest[1])}"))
    if film.sha256:
        facts.append(("SHA-256", f"{film.sha256[:16]}..."))
    return [(name, value) for name, value in facts if value]


def _share(record: FilmRecord, key: str) -> float:
    value = record.quality.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


_SHARES = {"black_share": "black", "frozen_share": "frozen", "clipped_share": "burnt out"}


def _sound_facts(record: FilmRecord) -> list[tuple[str, str]]:
    sound = record.sound
    if sound is None:
        return []
    facts = [("loudness", "silent" if sound.loudness_lufs is None else f"{sound.loudness_lufs:.1f} LUFS")]
    if sound.loudness_range_lu is not None:
        facts.append(("loudness range", f"{sound.loudness_range_lu:.1f} LU"))
    if sound.peak_dbfs is not None:
        facts.append(("peak", f"{sound.peak_dbfs:.1f} dBFS"))
    if sound.bpm is not None:
        facts.append(("beat", f"{sound.bpm:.0f} bpm, {100 * sound.bpm_confidence:.0f} % sure"))
    return facts


def measure_rows(record: FilmRecord) -> list[tuple[Shot, Sequence[str]]]:
    """The figures of coherence for each shot that has some, as text; '–' where one was not measured."""
    return [
        (shot, [_figure(getattr(held, name)) for name in MEASURES])
        for shot in record.shots
        if (held := shot.coherence) is not None
    ]


MEASURES = {
    "warp_mean": "warp error", "warp_peak_ratio": "peak ratio", "luma_flicker": "flicker", "lab_drift": "colour drift",
    "ssim_warped_min": "lowest SSIM", "occluded_fraction": "occluded",
}  # fmt: skip


def _figure(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}"


def omissions(record: FilmRecord) -> list[tuple[str, str]]:
    """What was not measured, and why, of picture and sound."""
    sound = record.sound.not_measured if record.sound is not None else {}
    return [(name.replace("_", " "), without_folders(why)) for name, why in {**sound, **record.not_measured}.items()]
