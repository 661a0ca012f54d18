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

RECIPE = 7
"""Raised when the same program would sound different: older mixes are then left alone."""
LIMITER = "alimiter=limit={limit:.6f}:attack=5:release=50:level=disabled:latency=1"
ROUNDS, MOST_ROUNDS = 3, 6
"""The limiter takes some of the gain back, so the level is approached in a few rounds; more only for peaks."""
HEADROOM_DB = 0.5
"""How far under the ceiling samples are held before coding: peaks lie between them, and AAC gives back others."""
SPARE_DB = 0.1
"""How far under the ceiling coded peaks are brought that were above it."""
NEAR_LU = 0.3
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


def finished_sound(program: Program, cuts: Sequence[Cut], lufs: float | None, cache: Path, check: Check) -> Sound:
    """The program's sound at `lufs` (None: as loud as it is), with peaks held under the ceiling; kept by content."""
    folder = cache / "sounds"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{sound_key(program, cuts, lufs)}.mp4"
    facts = target.with_suffix(".json")
    if target.exists() and facts.exists():
        os.utime(target)
        os.utime(facts)
        return Sound(target, Heard(**json.loads(facts.read_text(encoding="utf-8"))))
    own = uuid.uuid4().hex
    drafts: list[Path] = []

    def draft(name: str) -> Path:
        drafts.append(folder / f".{own}.{name}")
        return drafts[-1]

    try:
        mixed = draft("wav")
        before = _mixed(program, cuts, mixed, draft, check)
        coded = draft("mp4")
        heard = _levelled(mixed, before, lufs, coded, draft("log"), check)
        note = draft("json")
        note.write_text(json.dumps(asdict(heard)), encoding="utf-8")
        note.replace(facts)
        coded.replace(target)
    finally:
        for file in drafts:
            file.unlink(missing_ok=True)
    return Sound(target, heard)


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


def _levelled(mixed: Path, before: Heard, lufs: float | None, target: Path, log: Path, check: Check) -> Heard:
    most = editing_presets().mix.peak_db
    held, gain = most - HEADROOM_DB, 0.0
    if lufs is not None and before.lufs is not None:
        gain = min(MOST_GAIN_DB, lufs - before.lufs)
    for number in range(1, MOST_ROUNDS + 1):
        chain = f"volume={gain:.3f}dB,{LIMITER.format(limit=10 ** (held / 20))}"
        args = [*input_args(mixed, sniff(mixed)), "-af", chain, *AAC, "-map_metadata", "-1", "-f", "mp4"]
        run_ffmpeg([*args, str(target)], cancel=check, timeout_s=1800)
        now = measured(target, log, check)
        over = now.peak_db - most if now.peak_db is not None else 0.0
        free = lufs is None or gain == 0.0 or now.lufs is None or gain >= MOST_GAIN_DB or number >= ROUNDS
        off = 0.0 if free or lufs is None or now.lufs is None else lufs - now.lufs
        if over <= 0 and abs(off) <= NEAR_LU:
            break
        held -= over + SPARE_DB if over > 0 else 0.0
        gain = min(MOST_GAIN_DB, gain + off)
    return now


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
