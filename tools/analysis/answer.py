"""The first sentence of an answer: what was asked about a film, and nothing else of what was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tools.analysis.asked import Move, moves_in
from tools.analysis.captions_measured import COLOURLESS, listed
from tools.analysis.phrases import FAULTS, SCALES

if TYPE_CHECKING:
    from backends.vision.camera.result import CameraSegment
    from backends.vision.record import FilmRecord, Shot

NAMED = 12
"""Shots of one kind that are named one by one."""
SCALES_ASKED = (
    (r"extreme close ups?|details?|primissim[oi] pian[oi]", "extreme close-up", ("ECU",)),
    (r"medium close ups?|mezz[oi] bust[oi]", "medium close-up", ("MCU",)),
    (r"close ?ups?|prim[oi] pian[oi]", "close-up", ("CU", "ECU", "MCU")),
    (r"medium long shots?|american shots?|pian[oi] american[oi]", "medium long shot", ("MLS",)),
    (r"medium shots?|mid shots?|pian[oi] medi[oi]", "medium shot", ("MS",)),
    (r"extreme long shots?|very wide|establishing", "extreme long shot", ("ELS",)),
    (r"wides?|wide shots?|long shots?|camp[oi] lungh?[oi]", "long shot", ("LS", "ELS")),
)
"""(pattern of a key, name, the scales that are meant), the longer names first."""
_FAULTS = {
    "flicker": r"flicker\w*|sfarfall\w*", "boil": r"boil\w*", "wobble": r"wobbl\w*",
    "jump": r"jump(?:s|ing)?(?! cuts?)|pops?", "colour_drift": r"(?:colou?rs?|palette) (?:drift|shift|change)\w*",
    "identity_drift": r"off model|(?:character|face)s? (?:drift|change)\w*",
}  # fmt: skip
_ANY_FAULT = r"faults?|faulty|glitch\w*|artefacts?|artifacts?|incoherent|difett[oi]"
_KINDS = {
    "cut": r"cuts?|stacch[oi]|stacco",
    "dissolve": r"dissolves?|cross ?fades?",
    "fade": r"fades?",
    "wipe": r"wipes?",
}
_HEARD = {"music": r"music|musica", "speech": r"speech|dialogue|parlato", "silence": r"silences?|silent|silenzi[oo]?"}


def answer_to(record: FilmRecord, question: str) -> str:
    """Sentences that answer a question about moves, scales, faults, colours, transitions, lengths or loudness.

    '' when the question asks for none of them, or for what was not measured.
    """
    asked = re.sub(r"[-’'_]", " ", question.casefold())
    for say in (_longest, _loudness, _faults, _moves, _scales, _transitions, _heard, _colours):
        if said := say(record, asked):
            return said
    return ""


def _grouped(shots: Sequence[Shot], tell: Callable[[Shot], tuple[str, str]]) -> str:
    """'Shots 1 and 3 have a slow pan right; shot 6 has a tilt up'. `tell`: what one and what several shots do."""
    groups: dict[tuple[str, str], list[int]] = {}
    for shot in shots:
        groups.setdefault(tell(shot), []).append(shot.index)
    told = "; ".join(f"{numbered(where)} {one if len(where) == 1 else many}" for (one, many), where in groups.items())
    return told[:1].upper() + told[1:]


def numbered(where: Sequence[int]) -> str:
    """'shot 3', 'shots 1, 2 and 5', 'shots 1, 2, ... and 7 more'."""
    if len(where) > NAMED:
        return f"shots {', '.join(map(str, where[:NAMED]))} and {len(where) - NAMED} more"
    return f"shot{'s' * (len(where) > 1)} {listed([str(number) for number in where])}"


def _moves(record: FilmRecord, asked: str) -> str:
    from backends.vision.camera.words import in_words

    works = [shot for shot in record.shots if shot.camera]
    wanted = moves_in(asked)
    if not works or not wanted:
        return ""
    told = {shot.index: in_words(shot.camera) for shot in works if shot.camera}
    unknown = [shot.index for shot in works if not told[shot.index]]
    rest = f" The camera of {numbered(unknown)} could not be told." if unknown else ""

    def tell(shot: Shot) -> tuple[str, str]:
        words = told[shot.index]
        name = words if words.startswith("mixed") else f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"
        return f"has {name}", f"have {name}"

    fitting = [shot for shot in works if any(move.is_in(own) for move in wanted for own in moves_of(shot))]
    if fitting:
        missing = [m.words for m in wanted if not any(m.is_in(own) for shot in fitting for own in moves_of(shot))]
        none = f" No shot has a {' or a '.join(missing)}." if missing else ""
        return f"{_grouped(fitting, tell)}.{none}{rest}"
    loose = [replace(move, pace="", direction="") for move in wanted]
    near = [shot for shot in works if any(move.is_in(own) for move in loose for own in moves_of(shot))]
    nearest = f"; nearest: {_lower(_grouped(near, tell))}" if near else ""
    return f"No shot has a {' or a '.join(move.words for move in wanted)}{nearest}.{rest}"


def moves_of(shot: Shot) -> list[Move]:
    """The moves that were measured in a shot, those of its stretches too."""
    work = shot.camera
    if work is None:
        return []
    parts: Sequence[CameraSegment] = work.segments if work.move == "mixed" else (work,)
    return list(dict.fromkeys(move for part in parts for move in _of(part)))


def _of(part: CameraSegment) -> Iterator[Move]:
    from backends.vision.camera.words import move_in_words

    pace = move_in_words(part).partition(" ")[0]
    pace = pace if pace in ("slow", "fast") else ""
    for at, (move, direction) in enumerate([(part.move, part.direction), tuple(part.also.partition(" ")[::2])]):
        kinds = ("push", "zoom") if move == "zoom_or_push" else (move,)
        yield from (Move(kind, direction, "" if at else pace) for kind in kinds if kind not in ("", "unknown", "mixed"))


def _scales(record: FilmRecord, asked: str) -> str:
    shots = [shot for shot in record.shots if shot.composition]
    wanted: dict[str, tuple[str, ...]] = {}
    for pattern, name, scales in SCALES_ASKED:
        if shots and re.search(rf"\b(?:{pattern})\b", asked):
            wanted[name] = scales
            asked = re.sub(rf"\b(?:{pattern})\b", " ", asked)
    if not wanted:
        return ""
    scale = {shot.index: shot.composition.scale for shot in shots if shot.composition}
    fitting = [shot for shot in shots if any(scale[shot.index] in scales for scales in wanted.values())]
    unknown = [shot.index for shot in shots if scale[shot.index] == "unknown"]
    rest = f" The scale of {numbered(unknown)} is unknown: no face or figure was found there." if unknown else ""
    if len(unknown) == len(shots):
        return f"Which shot is {_a(' or '.join(wanted))} is not known: no face or figure was found to measure it on."

    def tell(shot: Shot) -> tuple[str, str]:
        name = SCALES[scale[shot.index]]
        return f"is {_a(name)}", f"are {name}s"

    told = _grouped(fitting, tell) or "No shot is " + _a(" or ".join(wanted))
    return f"{told}.{rest}"


def _faults(record: FilmRecord, asked: str) -> str:
    judged = [shot for shot in record.shots if shot.coherence]
    kinds = [kind for kind, pattern in _FAULTS.items() if re.search(rf"\b(?:{pattern})\b", asked)]
    if not judged or not (kinds or re.search(rf"\b(?:{_ANY_FAULT})\b", asked)):
        return ""
    wanted = kinds or list(FAULTS)
    told = []
    for kind in wanted:
        places = [
            f"shot {shot.index} (around {listed([f'{at:.1f}' for at in sorted(fault.seconds)[:3]])} s)"
            for shot in judged
            for fault in (shot.coherence.faults if shot.coherence else ())
            if fault.kind == kind
        ]
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        told += [f"{FAULTS[kind][:1].upper()}{FAULTS[kind][1:]}: {', '.join(places[:NAMED])}{more}."] if places else []
    unknown = [shot.index for shot in judged if shot.coherence and shot.coherence.verdict == "unknown"]
    rest = f" {_upper(numbered(unknown))} could not be judged." if unknown else ""
    none = f"No {' or '.join(kind.replace('_', ' ') for kind in kinds) or 'fault'} was found."
    if len(unknown) == len(judged):
        return ""
    return (" ".join(told) or none) + rest


def _transitions(record: FilmRecord, asked: str) -> str:
    asked = re.sub(r"\bcut(?:ting)? (?:it|them|out|down|to)\b", " ", asked)
    kinds = [kind for kind, pattern in _KINDS.items() if re.search(rf"\b(?:{pattern})\b", asked)]
    if not kinds and re.search(r"\bhow many (?:shots|takes|clips)\b", asked):
        return f"There {'is 1 shot' if len(record.shots) == 1 else f'are {len(record.shots)} shots'}."
    told = []
    for kind in kinds:
        times = [one.start for one in record.transitions if one.kind == kind]
        if not times:
            told.append(f"No {kind} was found.")
            continue
        more = f" and {len(times) - 2 * NAMED} more" if len(times) > 2 * NAMED else ""
        shown = ", ".join(f"{at:.2f}" for at in times[: 2 * NAMED])
        told.append(f"{len(times)} {kind}{'s' * (len(times) > 1)}: at {shown}{more} s.")
    return " ".join(told)


def _longest(record: FilmRecord, asked: str) -> str:
    said = re.search(r"\b(longest|shortest)\b", asked)
    if said is None or len(record.shots) < 2:
        return ""
    pick = max if said[1] == "longest" else min
    shot = pick(record.shots, key=lambda one: one.seconds)
    return f"Shot {shot.index} is the {said[1]}: {shot.seconds:.2f} s, from {shot.start:.2f} s."


def _loudness(record: FilmRecord, asked: str) -> str:
    heard = [(shot.sound.loudness_lufs, shot) for shot in record.shots if shot.sound]
    levels = [(level, shot.index) for level, shot in heard if level is not None]
    if said := re.search(r"\b(loudest|quietest)\b", asked):
        if len(levels) < 2:
            return ""
        level, index = (max if said[1] == "loudest" else min)(levels)
        return f"Shot {index} is the {said[1]}: {level:.1f} LUFS."
    whole = record.sound.loudness_lufs if record.sound else None
    if whole is None or not re.search(r"\b(?:loud|loudness|volume|lufs)\b", asked):
        return ""
    peak = record.sound.peak_dbfs if record.sound else None
    return f"It is {whole:.1f} LUFS loud{f', with a peak of {peak:.1f} dBFS' if peak is not None else ''}."


def _heard(record: FilmRecord, asked: str) -> str:
    if record.sound is None:
        return ""
    told = []
    for label, pattern in _HEARD.items():
        if not re.search(rf"\b(?:{pattern})\b", asked):
            continue
        spans = [one for one in record.sound.segments if label in one.label.split("+")]
        shown = ", ".join(f"{one.start:.2f} to {one.end:.2f}" for one in spans[:NAMED])
        more = f" and {len(spans) - NAMED} more times" if len(spans) > NAMED else ""
        told.append(f"{_upper(label)} at {shown} s{more}." if spans else f"No {label} was found.")
    return " ".join(told)


def _colours(record: FilmRecord, asked: str) -> str:
    from tools.analysis.database_words import colour_family

    shots = [shot for shot in record.shots if shot.composition]
    if not shots or not re.search(r"\b(?:shots?|scenes?|any|anything|where|inquadratur[ae])\b", asked):
        return ""
    if re.search(r"\bblack and white\b|\bmonochrome\b|\bbianco e nero\b", asked):
        grey = [shot for shot in shots if shot.composition and shot.composition.saturation < COLOURLESS]
        told = _grouped(grey, lambda _: ("is black and white", "are black and white"))
        return f"{told or 'No shot is black and white'}."
    if said := re.search(r"\b(dark|low key|bright|high key)\b", asked):
        key = "low" if said[1] in ("dark", "low key") else "high"
        keyed = [shot for shot in shots if shot.composition and shot.composition.key == key]
        told = _grouped(keyed, lambda _: (f"is {key} key", f"are {key} key"))
        return f"{told or f'No shot is {key} key'}."
    wanted = next((word for word in re.findall(r"[a-z]+", asked) if colour_family(word)), "")
    if not wanted:
        return ""
    found = {
        shot.index: [c.name for c in shot.composition.colours[:4] if wanted in colour_family(*c.name.split())]
        for shot in shots
        if shot.composition
    }
    fitting = [shot for shot in shots if found[shot.index]]

    def tell(shot: Shot) -> tuple[str, str]:
        names = listed(found[shot.index])
        shade = "" if names == wanted else f" ({names})"
        return f"has {wanted}{shade} among its main colours", f"have {wanted}{shade} among their main colours"

    return f"{_grouped(fitting, tell) or f'No shot has {wanted} among its main colours'}."


def _a(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
