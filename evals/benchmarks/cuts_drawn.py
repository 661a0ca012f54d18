"""How well transitions are found in drawn films: what animation does that made worlds and photographs do not.

Every transition of `evals.footage.drawn_films.STYLES` by name (found: whatever it is called; right: kind and borders
too), fights whose shots last 4 to 9 frames, and drawn takes without transitions. Only our detector is measured.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backends.media.probe import probe
from backends.vision.watch import watch
from evals.benchmarks.cuts import Finding, OwnSink, is_right, matched
from evals.footage.drawn_films import TRICKS, drawn_film, drawn_negative, fight, styles_of
from evals.footage.transitions import Joined

FILMS, FIGHTS, TAKES = 6, 3, 3


def run_drawn(seed: int) -> dict[str, Any]:
    """Figures of drawn films, fights and takes. seed: 1000 and above for reports."""
    return {
        "films": _by_style([drawn_film(seed + number) for number in range(FILMS)], styles_of),
        "fights": _by_style([fight(seed + number) for number in range(FIGHTS)], lambda film: ["cut"] * len(film.truth)),
        "negatives": _false([drawn_negative(name, seed + number) for name in TRICKS for number in range(TAKES)]),
    }


def _by_style(films: list[Joined], named: Callable[[Joined], Any]) -> dict[str, Any]:
    """Of each style: known, found and right; all findings that match nothing."""
    known: Counter[str] = Counter()
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    false = 0
    for film in films:
        findings = findings_of(film)
        pairs = matched(film.truth, findings)
        names = dict(zip(film.truth, named(film), strict=True))
        known.update(names.values())
        for item, finding in pairs:
            found[names[item]] += 1
            right[names[item]] += is_right(item, finding)
        false += len(findings) - len(pairs)
    styles = {name: {"known": known[name], "found": found[name], "right": right[name]} for name in sorted(known)}
    return {"styles": styles, "known": known.total(), "found": found.total(), "false": false}


def _false(takes: list[Joined]) -> dict[str, Any]:
    minutes = sum(take.length / take.fps for take in takes) / 60
    by_trick: Counter[str] = Counter()
    for take in takes:
        by_trick[take.name] += len(findings_of(take))
    return {
        "minutes": round(minutes, 1),
        "per_10_minutes": round(10 * by_trick.total() / minutes, 2),
        "by_trick": {name: count for name, count in by_trick.items() if count},
    }


def findings_of(film: Joined) -> list[Finding]:
    """What our detector finds in it, after H.264."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        path = film.write(Path(folder) / "film.mp4")
        info = probe(path)
        sink = OwnSink(info)
        watch(path, [sink], info=info)
    return sink.findings()
