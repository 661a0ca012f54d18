"""How long shots last: every line fits with air around it, and the lengths sum exactly to the film's frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.film.lexicon import lexicon
from tools.film.shot import Line, Shot


def estimated_speech(line: Line) -> float:
    """Seconds a line will take, before it is spoken: characters times a measured rate."""
    timing = lexicon("speech")["timing"]
    return max(float(timing["least"]), len(line.text) * float(timing["seconds_per_character"]))


def speech_needed(shot: Shot, spoken: Mapping[tuple[str, int], float] | None = None, air: float = 1.0) -> float:
    """Seconds that the lines of a shot need with lead and air; `spoken` has measured seconds by (shot id, index)."""
    if not shot.lines:
        return 0.0
    timing = lexicon("speech")["timing"]
    lines = [(spoken or {}).get((shot.id, i), estimated_speech(line)) for i, line in enumerate(shot.lines)]
    between = 0.25 * (len(lines) - 1)
    return sum(lines) + between + air * (float(timing["lead"]) + float(timing["air"]))


def fit_lengths(
    shots: Sequence[Shot], seconds: float, fps: int, spoken: Mapping[tuple[str, int], float] | None = None
) -> tuple[list[float], list[str]]:
    """Lengths in seconds, each a whole number of frames, that sum to `seconds`, and notes.

    Shots without lines give way first, then the air around lines; a film whose lines still do not fit gets longer.
    """
    if not shots:
        return [], []
    grammar = lexicon("grammar")
    frames = max(len(shots), round(seconds * fps))
    weights = [float(grammar["roles"][shot.role]["weight"]) for shot in shots]
    notes: list[str] = []
    for air, least in ((1.0, grammar["shortest"]), (0.5, grammar["shortest_squeezed"])):
        floors = [max(float(least), speech_needed(shot, spoken, air)) for shot in shots]
        if sum(floors) * fps <= frames:
            break
    else:
        lines = any(shot.lines for shot in shots)
        if lines and sum(speech_needed(shot, spoken, 0.5) for shot in shots) * fps > frames * 0.8:
            frames = round(sum(floors) * fps)
            notes.append(
                f"The lines need {frames / fps:.1f} s, so the film is longer than the {seconds:g} s asked for."
            )
        else:
            scale = frames / (sum(floors) * fps)
            floors = [floor * scale for floor in floors]
    return [count / fps for count in _whole_frames(floors, weights, frames, fps)], notes


def _whole_frames(floors: list[float], weights: list[float], frames: int, fps: int) -> list[int]:
    """Frames per shot: max(floor, weight * k) with the k for which they sum to `frames`; largest remainder."""
    low, high = 0.0, frames / fps / max(min(weights), 1e-6) + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        total = sum(max(floor, weight * middle) for floor, weight in zip(floors, weights, strict=True))
        low, high = (middle, high) if total * fps < frames else (low, middle)
    exact = [max(floor, weight * high) * fps for floor, weight in zip(floors, weights, strict=True)]
    scale = frames / sum(exact)
    exact = [max(1.0, part * scale) for part in exact]
    counts = [int(part) for part in exact]
    order = sorted(range(len(exact)), key=lambda i: exact[i] - counts[i], reverse=True)
    for index in range(frames - sum(counts)):
        counts[order[index % len(order)]] += 1
    return counts
