"""A film's record in at most 1 KB of plain words, the most asked for first."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from tools.spec import SUMMARY_LIMIT

if TYPE_CHECKING:
    from backends.vision.record import FilmRecord

TIMES_SHOWN = 20
FAULTS_SHOWN = 4
TEXTS_SHOWN, LINES_SHOWN = 3, 3


def summary_of(record: FilmRecord, answer: str = "") -> str:
    """Facts of what was asked, shortened from the end to fit; `answer`, to a question about one thing, comes first.

    Who asks for some aspects gets them first; who asks for all gets them in the order of a report.
    """
    asked = record.aspects
    sayings = [said for aspect, say in _SAYINGS.items() if aspect in asked and (said := say(record))]
    whole = set(_SAYINGS) <= set(asked)
    first, last = record.liveliest
    lively = f"Liveliest {round(last - first, 2):g} s: {first:.2f} to {last:.2f} s."
    if whole or "scenes" in asked:
        parts = [_file(record), _shots(record), *sayings, *_faults(record), lively]
    else:
        parts = [*sayings, *_faults(record), _file(record), _shots(record)]
    parts = [answer, *parts] if answer else parts
    text = " ".join(parts)
    while len(text.encode()) > SUMMARY_LIMIT and len(parts) > 1:
        parts.pop()
        text = " ".join(parts)
    return text if len(text.encode()) <= SUMMARY_LIMIT else text.encode()[: SUMMARY_LIMIT - 4].decode(errors="ignore")


def _faults(record: FilmRecord) -> list[str]:
    shares = [(word, float(record.quality.get(f"{word}_share") or 0)) for word in ("black", "frozen")]
    return [f"{value:.0%} of it is {word}." for word, value in shares if value > 0]


def figures_of(record: FilmRecord) -> dict[str, Any]:
    """The measurements that are shown beside the result."""
    first, last = record.liveliest
    figures: dict[str, Any] = {
        "seconds": round(record.film.seconds, 3),
        "shots": len(record.shots),
        "cuts": [round(shot.start, 3) for shot in record.shots[1:]],
        "liveliest_start": round(first, 3),
        "liveliest_end": round(last, 3),
        "black_share": round(float(record.quality.get("black_share") or 0), 4),
        "frozen_share": round(float(record.quality.get("frozen_share") or 0), 4),
        "loudness_lufs": record.quality.get("loudness_lufs"),
    }
    if record.scenes:
        figures["scenes"] = len(record.scenes)
    if "coherence" in record.aspects:
        figures["faulty_shots"] = [
            shot.index for shot in record.shots if shot.coherence and shot.coherence.verdict == "faulty"
        ]
    return figures


def _file(record: FilmRecord) -> str:
    film = record.film
    rate = "variable frame rate" if film.vfr else f"{film.fps:.4g} fps"
    return f"{film.name}: {film.seconds:.2f} s, {film.width}x{film.height}, {rate}."


def _shots(record: FilmRecord) -> str:
    if len(record.shots) == 1:
        edges = [one for one in record.transitions if one.kind == "fade"]
        word = "fade" if len(edges) == 1 else "fades"
        faded = f" ({word} at {', '.join(f'{one.start:.2f}' for one in edges)} s)" if edges else ""
        return f"1 shot, no cuts found{faded}."
    said = [f"{len(record.shots)} shots"]
    if len(record.scenes) > 1:
        said[0] += f" in {len(record.scenes)} scenes"
    times: dict[str, list[float]] = {}
    for one in record.transitions:
        times.setdefault(one.kind, []).append(one.start)
    for kind in ("cut", "dissolve", "fade", "wipe"):
        if found := times.get(kind):
            word = kind if len(found) == 1 else f"{kind}s"
            shown = ", ".join(f"{at:.2f}" for at in found[:TIMES_SHOWN])
            more = f" and {len(found) - TIMES_SHOWN} more" if len(found) > TIMES_SHOWN else ""
            said.append(f"{word} at {shown}{more} s")
    return ", ".join(said) + "."


def _lengths(record: FilmRecord) -> str:
    if len(record.shots) < 2:
        return _scales(record)
    lengths = sorted(shot.seconds for shot in record.shots)
    if f"{lengths[0]:.2f}" == f"{lengths[-1]:.2f}":
        return f"Every shot lasts {lengths[0]:.2f} s. {_scales(record)}".strip()
    mean = sum(lengths) / len(lengths)
    return (
        f"Shots last {lengths[0]:.2f} to {lengths[-1]:.2f} s, median {median(lengths):.2f} s, mean {mean:.2f} s. "
        f"{_scales(record)}"
    ).strip()


def _scales(record: FilmRecord) -> str:
    found = Counter(shot.composition.scale for shot in record.shots if shot.composition)
    known = {scale: count for scale, count in found.items() if scale != "unknown"}
    if known:
        order = ("ECU", "CU", "MCU", "MS", "MLS", "LS", "ELS")
        said = ", ".join(f"{known[scale]} {scale}" for scale in order if scale in known)
        rest = f", {found['unknown']} unknown" if found["unknown"] else ""
        return f"Shot scales: {said}{rest}."
    return "Shot scale unknown: no face or figure was found to measure it on." if found else ""


def _camera(record: FilmRecord) -> str:
    from backends.vision.camera.words import in_words

    works = [(shot, shot.camera) for shot in record.shots if shot.camera]
    moves = [(shot, in_words(work) or "move unknown") for shot, work in works]
    if works and all(work.move == "unknown" for _, work in works):
        reason = works[0][1].reason.rstrip(".")
        return f"Camera move unknown{f': {reason}' if reason else ''}."
    if len(moves) == 1:
        return f"Camera: {moves[0][1]}."
    groups: dict[str, list[int]] = {}
    for shot, words in moves:
        groups.setdefault(words, []).append(shot.index)
    ranked = sorted(groups.items(), key=lambda item: (item[0] == "move unknown", -len(item[1])))
    return "Camera: " + "; ".join(f"{words} ({_numbers(where)})" for words, where in ranked[:6]) + "." if ranked else ""


def _composition(record: FilmRecord) -> str:
    composed = [shot.composition for shot in record.shots if shot.composition]
    if not composed:
        return ""
    shares: Counter[str] = Counter()
    for shot in record.shots:
        for colour in shot.composition.colours if shot.composition else ():
            shares[colour.name] += round(1000 * colour.share * shot.seconds)  # type: ignore[assignment]
    keys = Counter(one.key for one in composed)
    luma = sum(one.luma for one in composed) / len(composed)
    colours = ", ".join(name for name, _ in shares.most_common(6))
    return f"Main colours: {colours}; {keys.most_common(1)[0][0]} key, mean brightness {luma:.0f} of 255."


def _coherence(record: FilmRecord) -> str:
    from backends.vision.coherence.words import in_words

    judged = [shot for shot in record.shots if shot.coherence]
    faulty = [shot for shot in judged if shot.coherence and shot.coherence.verdict == "faulty"]
    if not judged:
        return ""
    if not faulty:
        unknown = sum(1 for shot in judged if shot.coherence and shot.coherence.verdict == "unknown")
        rest = f" ({unknown} could not be judged)" if unknown else ""
        return (
            f"Coherence: no faults found{rest}."
            if unknown < len(judged)
            else "Coherence could not be judged: "
            + (judged[0].coherence.reason.rstrip(".") + "." if judged[0].coherence else "")
        )
    alone = len(record.shots) == 1
    said = [
        f"{'' if alone else f'shot {shot.index}: '}{in_words(shot.coherence)}"
        for shot in faulty[:FAULTS_SHOWN]
        if shot.coherence
    ]
    more = f"; {len(faulty) - FAULTS_SHOWN} more" if len(faulty) > FAULTS_SHOWN else ""
    return f"Coherence: {'; '.join(said)}{more}.".replace("..", ".")


def _sound(record: FilmRecord) -> str:
    from tools.analysis.sound_words import in_words

    return in_words(record.sound) if record.sound is not None else "No sound track."


def _content(record: FilmRecord) -> str:
    from tools.analysis.captions_measured import MEASURED, people_of

    names = Counter(name for shot in record.shots if shot.composition for name in people_of(shot.composition))
    seen = ", ".join(f"{name} ({count} shot{'s' * (count > 1)})" for name, count in names.most_common(6))
    said = f"Seen: {seen}. " if names else ""
    told = [shot for shot in record.shots if shot.text and shot.text_by != MEASURED]
    by = f" (by {told[0].text_by})" if told else ""
    blind = ""
    if not told and not set(_SAYINGS) <= set(record.aspects):
        # All that can be said without a model of what happens; a whole report says it in its own words.
        told = [shot for shot in record.shots if shot.text]
        by = " (from measurements: no vision model is served)" if told else ""
    elif not told and not names:
        blind = "What is to be seen is not recognised: that needs a vision model, and none is served."
    more = f" ... and {len(told) - TEXTS_SHOWN} more shots." if len(told) > TEXTS_SHOWN else ""
    shown = " ".join(f"Shot {shot.index}: {shot.text.rstrip('.')}." for shot in told[:TEXTS_SHOWN]) + more
    lines = [f'"{line.text}"' for shot in record.shots for line in shot.words]
    spoken = f"Said: {', '.join(lines[:LINES_SHOWN])}{' ...' if len(lines) > LINES_SHOWN else ''}. " if lines else ""
    return f"{said}{spoken}{shown}{by}{blind}".strip()


def _numbers(where: list[int]) -> str:
    shown = ", ".join(str(number) for number in where[:6])
    return f"shot {shown}" if len(where) == 1 else f"shots {shown}{' ...' if len(where) > 6 else ''}"


_SAYINGS = {
    "camera": _camera,
    "coherence": _coherence,
    "composition": _composition,
    "shots": _lengths,
    "sound": _sound,
    "content": _content,
}
