"""The sound of a program, mixed once: placed to the sample, summed by role, music stepping back under speech."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from backends.media.ffmpeg import input_args
from backends.media.guard import sniff
from tools.editing.cut import Cut, Program
from tools.editing.effects import sound_filters, tempo_filters
from tools.editing.presets import editing_presets

RATE = 48_000
"""Samples per second of every mix."""
SPARE_SECONDS = 0.25
"""Read a little more than is kept: decoders round to packets."""
GROUP = 10
"""Clips that one ffmpeg opens at once: each costs memory, a two-hour source some 20 MB of index alone."""
RAMP_STEP = 0.1
"""Seconds of a speed ramp that are played at one speed."""
RAMP_DELAY = 0.07
"""Seconds of source by which the stretcher is told its speeds later: it holds so much that it has not played yet, and
plays it at the new speed. Measured with beeps, 0.5 to 2 times and back, 1 to 0.6 and to 1.6: at most 14 ms off (40 to
65 without)."""
SLOWEST, FASTEST = 0.25, 4.0
"""Speeds between which voices can still be stretched; a ramp that goes further is silent."""
USUAL_SPEECH = 0.14
"""Amplitude (RMS) of speech that somebody recorded well."""
DEEP_THRESHOLD, DEEP_RATIO = 0.01, 20.0
"""The compressor where a timeline says how deep; it reaches some 20 dB."""


@dataclass(frozen=True)
class Stem:
    """Clips of one role mixed into a file that begins at sample `start`."""

    role: str
    start: int
    file: Path


def audible(program: Program) -> list[Cut]:
    """The program's audio cuts that have something to play."""
    return [
        cut for cut in program.audio
        if cut.source is not None and cut.source.info.has_audio and not unstretchable(cut)
    ]  # fmt: skip


def unstretchable(cut: Cut) -> bool:
    """Whether a clip is a ramp whose speeds no voice survives."""
    first, last = cut.speeds
    return first != last and not SLOWEST <= min(first, last) <= max(first, last) <= FASTEST


def samples(frames: int, fps: Fraction) -> int:
    """How many samples `frames` of picture last."""
    return round(frames * RATE / fps)


def groups(cuts: Sequence[Cut]) -> list[list[Cut]]:
    """Cuts of one role that are mixed first, in order of time; one group when they are few."""
    if len(cuts) <= GROUP:
        return []
    found: list[list[Cut]] = []
    for cut in sorted(cuts, key=lambda cut: (cut.role, cut.start)):
        if not found or found[-1][0].role != cut.role or len(found[-1]) == GROUP:
            found.append([])
        found[-1].append(cut)
    return found


def group_args(program: Program, cuts: Sequence[Cut]) -> tuple[list[str], int]:
    """ffmpeg's inputs and graph that mix a group of one role as [a], and the sample at which it begins."""
    start = min(samples(cut.start, program.fps) for cut in cuts)
    inputs: list[str] = []
    chains: list[str] = []
    for number, cut in enumerate(cuts):
        opened, chain = _cut(cut, program, start)
        inputs += opened
        chains.append(f"[{number}:a:0]{chain}[c{number}]")
    labels = "".join(f"[c{number}]" for number in range(len(cuts)))
    chains.append(f"{labels}{_sum(len(cuts))}anull[a]")
    return [*inputs, "-filter_complex", ";".join(chains), "-map", "[a]"], start


def mix_args(program: Program, cuts: Sequence[Cut], stems: Sequence[Stem] = (), tail: str = "") -> list[str]:
    """ffmpeg's inputs and filter graph for the mix, 48 kHz stereo of exactly the program's length, as [a].

    cuts: what is mixed here; stems: what was mixed before; tail: filters that the finished mix goes through.
    5.1 and other layouts are folded down to stereo as ITU-R BS.775 has it (libswresample's default matrix).
    """
    inputs: list[str] = []
    chains: list[str] = []
    buses: dict[str, list[str]] = {}
    total = samples(program.frames, program.fps)
    for number, cut in enumerate(cuts):
        opened, chain = _cut(cut, program)
        inputs += opened
        chains.append(f"[{number}:a:0]{chain}[c{number}]")
        buses.setdefault(cut.role, []).append(f"[c{number}]")
    for number, stem in enumerate(stems, len(cuts)):
        inputs += input_args(stem.file, sniff(stem.file))
        chains.append(f"[{number}:a:0]{_delay(stem.start) or 'anull'}[c{number}]")
        buses.setdefault(stem.role, []).append(f"[c{number}]")
    length = f"apad=whole_len={total},atrim=end_sample={total}"
    # When one input of the compressor ends, it drops what it has not yet used of the other: some milliseconds, as the
    # threads happen to run. So silence ends, not the sound.
    longer = f"apad=whole_len={total + RATE},atrim=end_sample={total + RATE}"
    for role, (name, labels) in _named(buses).items():
        chains.append(f"{''.join(labels)}{_sum(len(labels))}{longer}[{name}]")
        buses[role] = [f"[{name}]"]
    outputs = _ducked(buses, chains, dict(program.ducking))
    chains.append(f"{''.join(outputs)}{_sum(len(outputs))}{length}{tail}[a]")
    return [*inputs, "-filter_complex", ";".join(chains), "-map", "[a]"]


def _cut(cut: Cut, program: Program, origin: int = 0) -> tuple[list[str], str]:
    assert cut.source is not None
    frames = min(cut.frames, program.frames - cut.start)
    clock, fps = cut.clock(program.fps), program.fps
    seconds, whole = frames / fps, cut.frames / fps
    # Backwards, a clip cut short by the program's end loses its beginning in the source.
    eaten = clock.passed(seconds)
    begin = cut.source_in + (clock.passed(whole) - eaten if cut.backwards else 0)
    silent = max(Fraction(0), -begin)
    begin = max(Fraction(0), begin)
    opened = input_args(
        cut.source.path, cut.source.sniffed, float(begin + cut.source.sound_zero), float(eaten) + SPARE_SECONDS
    )
    source_samples = round(eaten * RATE)
    steps = [
        f"aresample={RATE}:async=1:first_pts=0",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        f"apad=whole_len={source_samples}",
        f"atrim=end_sample={source_samples}",
    ]
    if cut.backwards:
        steps.append("areverse")
    kept = samples(frames, fps)
    steps += tempo_filters(clock.first) if clock.steady else _ramped(cut, fps)
    steps += [f"apad=whole_len={kept}", f"atrim=end_sample={kept}"]
    if cut.gain_db:
        steps.append(f"volume={cut.gain_db:.3f}dB")
    edge = min(editing_presets().mix.edge_fade, float(seconds) / 4)
    steps += sound_filters(cut.effects, float(whole))
    steps += [
        f"afade=t={kind}:st={start:.6f}:d={edge:.6f}"
        for kind, start in (("in", 0.0), ("out", float(seconds) - edge))
        if edge > 0
    ]
    delay = _delay(samples(cut.start, fps) - origin + round(silent / cut.speed * RATE))
    return opened, ",".join([*steps, delay] if delay else steps)


def _ramped(cut: Cut, fps: Fraction) -> list[str]:
    """A ramp as small steps of one speed each; the stretcher goes on through them, so that nothing clicks."""
    clock = cut.clock(fps)
    count = max(2, math.ceil(float(clock.seconds) / RAMP_STEP))
    bounds = [clock.seconds * n / count for n in range(count + 1)]
    commands = []
    for begin, end in pairwise(bounds):
        passed = clock.passed(begin)
        tempo = float((clock.passed(end) - passed) / (end - begin))
        commands.append((float(passed) + (RAMP_DELAY if begin else 0.0), tempo))
    listed = ";".join(f"{at:.6f} rubberband@ramp tempo {tempo:.6f}" for at, tempo in commands)
    return ["asetnsamples=n=240", f"asendcmd=c='{listed}'", f"rubberband@ramp=tempo={commands[0][1]:.6f}"]


def _delay(count: int) -> str:
    return f"adelay=delays={count}S:all=1" if count > 0 else ""


def _named(buses: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """A filter label for each role: roles are free text and may not reach the filter graph."""
    return {role: (f"bus{number}", labels) for number, (role, labels) in enumerate(buses.items())}


def _sum(count: int) -> str:
    return f"amix=inputs={count}:normalize=0:duration=longest," if count > 1 else ""


def _ducked(buses: dict[str, list[str]], chains: list[str], depths: dict[str, float]) -> list[str]:
    """Labels of what is heard in the end; adds the filters that hold music down while somebody speaks.

    depths: by how many dB a role steps back at most, where the timeline says so.
    """
    presets = editing_presets().mix
    lower = {role for role in (*presets.under, *depths) if role not in presets.over and depths.get(role, 1.0) > 0}
    over = [label for role, labels in buses.items() if role in presets.over for label in labels]
    under = {role: labels[0] for role, labels in buses.items() if role in lower}
    rest = [label for role, labels in buses.items() if role not in presets.over and role not in under
            for label in labels]  # fmt: skip
    if not (over and under):
        return [*over, *under.values(), *rest]
    duck = presets.duck
    keys = "".join(f"[key{number}]" for number in range(len(under)))
    chains.append(f"{''.join(over)}{_sum(len(over))}asplit={1 + len(under)}[said]{keys}")
    for number, (role, label) in enumerate(under.items()):
        chains.append(
            f"{label}[key{number}]sidechaincompress={_depth(depths.get(role))}"
            f":attack={duck.attack:g}:release={duck.release:g}[ducked{number}]"
        )
    return ["[said]", *(f"[ducked{number}]" for number in range(len(under))), *rest]


def _depth(db: float | None) -> str:
    """The compressor's threshold and ratio; for a depth in dB also how much of the compressed sound is mixed in."""
    if db is None:
        duck = editing_presets().mix.duck
        return f"threshold={duck.threshold:g}:ratio={duck.ratio:g}"
    # Speech at a usual level brings the compressed sound down so far; the rest of the way is how much of it is taken.
    lowest = (USUAL_SPEECH / DEEP_THRESHOLD) ** (1 / DEEP_RATIO - 1)
    share = min(1.0, (1 - 10 ** (-db / 20)) / (1 - lowest))
    return f"threshold={DEEP_THRESHOLD:g}:ratio={DEEP_RATIO:g}:mix={share:.4f}"
