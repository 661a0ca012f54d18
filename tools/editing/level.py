"""The mix brought to its loudness, encoded once and kept by content, with the loudness of what came out."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from backends.media.ffmpeg import filter_value, input_args, run_ffmpeg
from backends.media.guard import sniff
from tools.editing.backwards import turned_apart
from tools.editing.cut import Cut, Program
from tools.editing.effects import effect_facts
from tools.editing.mix import Stem, group_args, groups, mix_args, samples
from tools.editing.presets import editing_presets

RECIPE = 8
"""Raised when the same program would sound different: older mixes are then left alone."""
LIMITER = "alimiter=limit={limit:.6f}:attack=5:release=50:level=disabled:latency=1"
ROUNDS, MOST_ROUNDS = 3, 6
"""The limiter takes some of the gain back, so the level is approached in a few rounds; more only for peaks."""
HEADROOM_DB = 0.5
"""How far under the ceiling samples are held before coding: peaks lie between them, and AAC gives back others."""
SPARE_DB = 0.1
"""How far under the ceiling coded peaks are brought that were above it."""
NEAR_LU = 0.3
AGAIN_ROUNDS = 6
"""What is still outside its marks is levelled again, by how much of a gain got through, in so many rounds at most."""
LEAST_SLOPE = 0.2
WORSE_DB = 100.0
WORTH_LU = 0.3
"""By how much nearer the second try has to be to be taken."""
SILENT_LUFS = -69.9
"""BS.1770's absolute gate: below it there is nothing to bring to a level."""
MOST_GAIN_DB = 40.0
SHORT_SAMPLES = 48_000
"""Shorter sound is measured over and over: the meter wants at least two of its 0.4 s blocks."""
FLOAT_WAV = ["-c:a", "pcm_f32le", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-rf64", "auto", "-f", "wav"]
AAC = ["-c:a", "aac", "-b:a", "192k", "-ar", "48000", "-ac", "2", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
LAST_NOTES = 4096
"""Bytes at the end of a meter's log, more than one note."""
Check = Callable[[], None]


@dataclass(frozen=True)
class Heard:
    """What a meter says of a sound."""

    lufs: float | None
    """Integrated loudness (ITU-R BS.1770); None of silence."""
    peak_db: float | None
    """True peak (BS.1770-4, annex 2): the highest value between the samples too, dBTP."""


@dataclass(frozen=True)
class Sound:
    """A finished mix."""

    file: Path
    """AAC in an mp4."""
    heard: Heard
    """Measured on the AAC."""
    again: str = ""
    """Why it was made a second time, where it was."""


def finished_sound(program: Program, cuts: Sequence[Cut], lufs: float | None, cache: Path, check: Check) -> Sound:
    """The program's sound at `lufs` (None: as loud as it is), with peaks held under the ceiling; kept by content."""
    folder = cache / "sounds"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{sound_key(program, cuts, lufs)}.mp4"
    facts = target.with_suffix(".json")
    damaged = ""
    if (kept := _kept(target, facts)) is not None:
        return Sound(target, kept)
    if target.exists() and facts.exists():
        damaged = "the kept one was not as it was made"
    own = uuid.uuid4().hex
    drafts: list[Path] = []

    def draft(name: str) -> Path:
        drafts.append(folder / f".{own}.{name}")
        return drafts[-1]

    try:
        mixed = draft("wav")
        before = _mixed(program, cuts, mixed, draft, check)
        coded = draft("mp4")
        heard, again = _levelled(mixed, before, lufs, coded, draft("log"), check)
        note = draft("json")
        note.write_text(json.dumps({**asdict(heard), "sha256": _digest(coded)}), encoding="utf-8")
        note.replace(facts)
        coded.replace(target)
    finally:
        for file in drafts:
            file.unlink(missing_ok=True)
    return Sound(target, heard, damaged or again)


def _kept(target: Path, facts: Path) -> Heard | None:
    """What was heard in the kept sound; None where there is none, or its bytes are not those that were heard."""
    try:
        known = json.loads(facts.read_text(encoding="utf-8"))
        if known.pop("sha256") != _digest(target):
            return None
        heard = Heard(**known)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    os.utime(target)
    os.utime(facts)
    return heard


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sound_key(program: Program, cuts: Sequence[Cut], lufs: float | None) -> str:
    """Equal for programs that sound the same."""
    facts: dict[str, Any] = {
        "recipe": RECIPE,
        "samples": samples(program.frames, program.fps),
        "fps": str(program.fps),
        "lufs": lufs,
        "mix": editing_presets().mix.model_dump(mode="json"),
        "ducking": sorted(program.ducking),
        "cuts": [
            [cut.role, cut.start, cut.frames, str(cut.source_in), cut.source.sha256 if cut.source else "",
             cut.gain_db, effect_facts(cut.effects)]
            for cut in cuts
        ],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=sorted).encode()).hexdigest()[:32]


def _mixed(program: Program, cuts: Sequence[Cut], target: Path, draft: Callable[[str], Path], check: Check) -> Heard:
    cuts = [
        turned_apart(cut, program.fps, partial(draft, f"back{number}.au"), check) for number, cut in enumerate(cuts)
    ]
    stems = []
    for number, group in enumerate(groups(cuts)):
        args, start = group_args(program, group)
        stems.append(Stem(group[0].role, start, draft(f"{number}.wav")))
        run_ffmpeg([*args, *FLOAT_WAV, str(stems[-1].file)], cancel=check, timeout_s=1800)
    log = draft("mix")
    args = mix_args(program, () if stems else cuts, stems, tail=f",{_meter(log)}")
    run_ffmpeg([*args, *FLOAT_WAV, str(target)], cancel=check, timeout_s=1800)
    heard = _read(log)
    return heard if heard.lufs is not None else measured(target, log, check)


@dataclass(frozen=True)
class _Try:
    """One way to level a mix, and what came of it."""

    gain: float
    held: float
    """Ceiling of the samples before coding, dB."""
    heard: Heard


def _levelled(
    mixed: Path, before: Heard, lufs: float | None, target: Path, log: Path, check: Check
) -> tuple[Heard, str]:
    """Write the mix at its loudness; what is heard then, and why it was levelled a second time, where it was."""
    most = editing_presets().mix.peak_db
    held, gain = most - HEADROOM_DB, 0.0
    if lufs is not None and before.lufs is not None:
        gain = min(MOST_GAIN_DB, lufs - before.lufs)
    tries: list[_Try] = []

    def listen(gain: float, held: float) -> Heard:
        chain = f"volume={gain:.3f}dB,{LIMITER.format(limit=10 ** (held / 20))}"
        args = [*input_args(mixed, sniff(mixed)), "-af", chain, *AAC, "-map_metadata", "-1", "-f", "mp4"]
        run_ffmpeg([*args, str(target)], cancel=check, timeout_s=1800)
        tries.append(_Try(gain, held, measured(target, log, check)))
        return tries[-1].heard

    for number in range(1, MOST_ROUNDS + 1):
        now = listen(gain, held)
        over = _over(now, most)
        free = lufs is None or gain == 0.0 or now.lufs is None or gain >= MOST_GAIN_DB or number >= ROUNDS
        off = 0.0 if free or lufs is None or now.lufs is None else lufs - now.lufs
        if over <= 0 and abs(off) <= NEAR_LU:
            break
        held -= over + SPARE_DB if over > 0 else 0.0
        gain = min(MOST_GAIN_DB, gain + off)
    fault = _fault(now, lufs)
    if not fault:
        return now, ""
    first = tries[-1]
    for _ in range(AGAIN_ROUNDS):
        gain, held = _nearer(tries, lufs, most)
        if (gain, held) == (tries[-1].gain, tries[-1].held) or _miss(listen(gain, held), lufs, most) <= NEAR_LU:
            break
    best = min(tries[tries.index(first) :], key=lambda one: _miss(one.heard, lufs, most))
    if _miss(first.heard, lufs, most) - _miss(best.heard, lufs, most) < WORTH_LU:
        best, fault = first, ""
    if tries[-1] != best:
        listen(best.gain, best.held)
    return tries[-1].heard, fault


def _nearer(tries: Sequence[_Try], lufs: float | None, most: float) -> tuple[float, float]:
    """Gain and ceiling of the next round: of each dB more, the limiter let as much through as it did of the last."""
    last = tries[-1]
    over = _over(last.heard, most)
    held = last.held - (over + SPARE_DB if over > 0 else 0.0)
    if lufs is None or last.heard.lufs is None:
        return last.gain, held
    slope = 1.0
    for one in reversed(tries[:-1]):
        if one.heard.lufs is not None and abs(last.gain - one.gain) > 0.05:
            slope = (last.heard.lufs - one.heard.lufs) / (last.gain - one.gain)
            break
    gain = last.gain + (lufs - last.heard.lufs) / min(1.0, max(LEAST_SLOPE, slope))
    return min(gain, MOST_GAIN_DB), held


def _over(heard: Heard, most: float) -> float:
    """dB above the ceiling."""
    return heard.peak_db - most if heard.peak_db is not None else -math.inf


def _miss(heard: Heard, lufs: float | None, most: float) -> float:
    """How far from its marks a sound is, in dB; one above the ceiling is further off than any below it."""
    off = abs(heard.lufs - lufs) if lufs is not None and heard.lufs is not None else 0.0
    return off + (WORSE_DB if _over(heard, most) > 0 else 0.0)


def _fault(heard: Heard, lufs: float | None) -> str:
    """What is outside its marks, in words; empty when nothing is."""
    gates = editing_presets().gates
    if heard.lufs is not None and lufs is not None and abs(heard.lufs - lufs) > gates.loudness_tolerance:
        return f"{heard.lufs:.1f} LUFS came out, {lufs:g} was asked for"
    if heard.peak_db is not None and heard.peak_db > gates.peak_dbtp:
        return f"its peaks reached {heard.peak_db:.1f} dBTP, {gates.peak_dbtp:g} is the ceiling"
    return ""


def measured(sound: Path, log: Path, check: Check) -> Heard:
    """Loudness and peak of a file's sound, read once from end to end. log: a file for the meter's words."""
    args = [*input_args(sound, sniff(sound)), "-map", "0:a:0"]
    run_ffmpeg([*args, "-af", _meter(log), "-f", "null", "-"], cancel=check, timeout_s=1800)
    found = _read(log)
    if found.lufs is None:
        # Less than a block, or silence: what is repeated is as loud.
        looped = f"aloop=loop=-1:size={SHORT_SAMPLES},atrim=end_sample={2 * SHORT_SAMPLES},{_meter(log)}"
        run_ffmpeg([*args, "-af", looped, "-f", "null", "-"], cancel=check, timeout_s=1800)
        found = _read(log)
    return found


def _meter(log: Path) -> str:
    """Filters that measure what passes through and change nothing of it (EBU R 128, a note every 0.1 s)."""
    return f"ebur128=metadata=1:peak=true:framelog=quiet,ametadata=mode=print:file={filter_value(log)}"


def _read(log: Path) -> Heard:
    """The meter's last note: integrated loudness and the highest peak so far."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_NOTES))
        text = file.read().decode("utf-8", "replace")
    loud = re.findall(r"lavfi\.r128\.I=(-?[\d.]+)", text)
    peaks = re.findall(r"lavfi\.r128\.true_peak=([\d.]+)", text)
    lufs = float(loud[-1]) if loud else SILENT_LUFS
    peak = float(peaks[-1]) if peaks else 0.0
    return Heard(lufs if lufs > SILENT_LUFS else None, 20 * math.log10(peak) if peak > 0 else None)
