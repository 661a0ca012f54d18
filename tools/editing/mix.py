"""The sound of a program, mixed once: placed to the sample, summed by role, music stepping back under speech."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from backends.media.ffmpeg import input_args
from tools.editing.effects import fades, tempo_filters
from tools.editing.presets import editing_presets
from tools.editing.program import Cut, Program

RATE = 48_000
"""Samples per second of every mix."""
SPARE_SECONDS = 0.25
"""Read a little more than is kept: decoders round to packets."""


def audible(program: Program) -> list[Cut]:
    """The program's audio cuts that have something to play."""
    return [cut for cut in program.audio if cut.source is not None and cut.source.info.has_audio]


def mix_args(program: Program, cuts: Sequence[Cut]) -> list[str]:
    """ffmpeg's inputs and filter graph for the mix, 48 kHz stereo of exactly the program's length, as [a].

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
    length = f"apad=whole_len={total},atrim=end_sample={total}"
    for role, (name, labels) in _named(buses).items():
        chains.append(f"{''.join(labels)}{_sum(len(labels))}{length}[{name}]")
        buses[role] = [f"[{name}]"]
    outputs = _ducked(buses, chains)
    chains.append(f"{''.join(outputs)}{_sum(len(outputs))}{length}[a]")
    return [*inputs, "-filter_complex", ";".join(chains), "-map", "[a]"]


def samples(frames: int, fps: Fraction) -> int:
    """How many samples `frames` of picture last."""
    return round(frames * RATE / fps)


def _cut(cut: Cut, program: Program) -> tuple[list[str], str]:
    assert cut.source is not None
    frames = min(cut.frames, program.frames - cut.start)
    seconds = frames / program.fps
    eaten = seconds * cut.speed
    # Backwards, a clip cut short by the program's end loses its beginning in the source.
    begin = cut.source_in + (cut.frames - frames) * cut.speed / program.fps if cut.backwards else cut.source_in
    silent = max(Fraction(0), -begin)
    begin = max(Fraction(0), begin)
    opened = input_args(cut.source.path, cut.source.sniffed, float(begin), float(eaten) + SPARE_SECONDS)
    source_samples = round(eaten * RATE)
    steps = [
        f"aresample={RATE}:async=1:first_pts=0",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        f"apad=whole_len={source_samples}",
        f"atrim=end_sample={source_samples}",
    ]
    if cut.backwards:
        steps.append("areverse")
    kept = samples(frames, program.fps)
    steps += [*tempo_filters(cut.speed), f"apad=whole_len={kept}", f"atrim=end_sample={kept}"]
    if cut.gain_db:
        steps.append(f"volume={cut.gain_db:.3f}dB")
    edge = min(editing_presets().mix.edge_fade, float(seconds) / 4)
    wanted = [
        *fades(cut.effects, float(cut.frames / program.fps)),
        ("in", 0.0, edge),
        ("out", float(seconds) - edge, edge),
    ]
    steps += [f"afade=t={kind}:st={start:.6f}:d={span:.6f}" for kind, start, span in wanted if span > 0]
    delay = samples(cut.start, program.fps) + round(silent / cut.speed * RATE)
    if delay:
        steps.append(f"adelay=delays={delay}S:all=1")
    return opened, ",".join(steps)


def _named(buses: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """A filter label for each role: roles are free text and may not reach the filter graph."""
    return {role: (f"bus{number}", labels) for number, (role, labels) in enumerate(buses.items())}


def _sum(count: int) -> str:
    return f"amix=inputs={count}:normalize=0:duration=longest," if count > 1 else ""


def _ducked(buses: dict[str, list[str]], chains: list[str]) -> list[str]:
    """Labels of what is heard in the end; adds the filters that hold music down while somebody speaks."""
    presets = editing_presets().mix
    over = [label for role, labels in buses.items() if role in presets.over for label in labels]
    under = [label for role, labels in buses.items() if role in presets.under for label in labels]
    rest = [label for role, labels in buses.items() if role not in presets.over | presets.under for label in labels]
    if not (over and under):
        return [*over, *under, *rest]
    duck = presets.duck
    chains.append(f"{''.join(over)}{_sum(len(over))}asplit=2[said][key]")
    chains.append(f"{''.join(under)}{_sum(len(under))}anull[bed]")
    chains.append(
        f"[bed][key]sidechaincompress=threshold={duck.threshold:g}:ratio={duck.ratio:g}"
        f":attack={duck.attack:g}:release={duck.release:g}[ducked]"
    )
    return ["[said]", "[ducked]", *rest]
