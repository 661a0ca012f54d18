"""How well shots are grouped into scenes: made films with shot and reverse shot, reverse angles, J-cuts and music.

The pictures and shots are given, so that the grouping alone is measured: precision, recall and F1 of the scenes'
borders (a border counts when it is at exactly the right shot), and coverage and overflow of scenes (Vendrig and
Worring, IEEE Trans. Multimedia 4(4), 2002): the share of a scene that its largest part holds, and what leaks in from
its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIRST_SEED, FILMS = 1000, 40
"""Seeds that no threshold was chosen on."""


def run(films: int = FILMS, first_seed: int = FIRST_SEED) -> dict[str, Any]:
    """Figures over made films with all that is known of them, with the look alone, and by kind of place."""
    from evals.footage.scenes import scene_film
    from tools.analysis.scenes import group_scenes

    counts: dict[str, list[tuple[int, int, int]]] = {}
    parts: list[tuple[float, float]] = []
    for seed in range(first_seed, first_seed + films):
        film = scene_film(seed)
        truth = set(film.first_shots[1:])
        whole = group_scenes(film.shots, film.pictures, transitions=film.transitions, sound=film.sound)
        plain = [shot.model_copy(update={"opening": "cut"}) for shot in film.shots]
        look = group_scenes(plain, film.pictures)
        found = [scene.first_shot for scene in whole]
        kind = "photographs" if seed % 4 == 3 else "drawn places"
        for name, scenes in (("all evidence", whole), ("look alone", look), (kind, whole)):
            heads = {scene.first_shot for scene in scenes[1:]}
            counts.setdefault(name, []).append((len(heads & truth), len(heads), len(truth)))
        parts += coverage_overflow(film.first_shots, found, len(film.shots))
    return {
        "films": films,
        "borders": {name: _rates(rows) for name, rows in counts.items()},
        "coverage": round(sum(covered for covered, _ in parts) / len(parts), 4),
        "overflow": round(sum(over for _, over in parts) / len(parts), 4),
    }


def _rates(rows: Sequence[tuple[int, int, int]]) -> dict[str, float | int]:
    right, found, wanted = (sum(row[at] for row in rows) for at in range(3))
    precision, recall = right / max(1, found), right / max(1, wanted)
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(1e-9, precision + recall), 4),
        "borders": wanted,
        "over_segmented": found - right,
        "under_segmented": wanted - right,
    }


def coverage_overflow(truth: Sequence[int], found: Sequence[int], shots: int) -> list[tuple[float, float]]:
    """Of each true scene: the share of its shots in its largest found part, and the share of its neighbours' shots that
    the found scenes which touch it take in. truth, found: first shots from 1; the first is 1."""
    true = _spans(truth, shots)
    mine = [set(span) for span in _spans(found, shots)]
    rows = []
    for at, span in enumerate(true):
        inside = set(span)
        touching = [scene for scene in mine if scene & inside]
        outside = set().union(*touching) - inside
        beside = sum(len(true[near]) for near in (at - 1, at + 1) if 0 <= near < len(true))
        largest = max(len(scene & inside) for scene in touching)
        rows.append((largest / len(inside), min(1.0, len(outside) / beside) if beside else 0.0))
    return rows


def _spans(heads: Sequence[int], shots: int) -> list[range]:
    return [range(head, end) for head, end in zip(heads, [*heads[1:], shots + 1], strict=True)]
