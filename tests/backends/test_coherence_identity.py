"""Identity over a shot: clothes that change are seen, a walk is not a change, whatever makes the vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from tiny_faces import build_clip

from backends.vision.coherence.identity import NEAR, STRIDE, IdentityWatch, Vector
from backends.vision.coherence.words import in_words
from backends.vision.frame import Frame
from backends.vision.identity.transformer import ClipEncoder
from evals.benchmarks.coherence import watched
from evals.footage.defects import faulty

BLANK = np.zeros((16, 16, 3), np.uint8)


@pytest.mark.parametrize("kind", ["walking", "talking"])
def test_clothes_that_change_are_another_look_and_a_walk_is_not(kind: str) -> None:
    changed = watched(faulty(kind, 3, "identity", 1.0), identity=True)
    same = watched(faulty(kind, 3, "identity", 0.0), identity=True)
    assert changed.found.identity_drift["actor"] > 2 * same.found.identity_drift["actor"]
    assert same.found.verdict == "coherent"
    fault = next(fault for fault in changed.found.faults if fault.kind == "identity_drift")
    start, end = changed.clip.spans[0]
    # Whichever look is seen longer is who they are; moments of the other are shown.
    longer_before = start > len(changed.clip.frames) / changed.clip.fps / 2
    assert (start <= fault.seconds[0] <= end) == longer_before
    assert "actor changes looks" in in_words(changed.found)


class Turning:
    """Vectors that turn by a known angle from a known time on."""

    def __init__(self, angle_at: Mapping[float, float]) -> None:
        self._steps = sorted(angle_at.items())
        self.asked: list[float] = []

    def vectors(self, frame: Frame) -> Mapping[str, Vector]:
        self.asked.append(frame.seconds)
        angle = [angle for since, angle in self._steps if frame.seconds >= since][-1]
        return {"Luca": np.array((np.cos(angle), np.sin(angle)), np.float32)}


def watch(track: Turning, seconds: float, fps: int = 24) -> IdentityWatch:
    watching = IdentityWatch(track)
    for index in range(round(seconds * fps)):
        watching.see(Frame(index, index / fps, BLANK))
    return watching


def test_it_asks_twice_a_second_and_measures_from_the_look_that_is_most_like_all() -> None:
    track = Turning({0.0: 0.0, 4.0: 0.8})
    drift = watch(track, 10).drifts(slice(0, 240))["Luca"]
    assert len(track.asked) == 20
    assert drift.value == pytest.approx(1 - np.cos(0.8), abs=1e-5)
    assert all(second < 4 for second in drift.seconds)


def test_one_odd_sample_and_other_shots_do_not_count() -> None:
    watching = watch(Turning({0.0: 0.0, 2.0: 1.5, 2.5: 0.0, 6.0: 1.2}), 12)
    assert watching.drifts(slice(0, 140))["Luca"].value == pytest.approx(0, abs=1e-5)
    assert watching.drifts(slice(144, 288))["Luca"].value == pytest.approx(0, abs=1e-5)
    assert watching.drifts(slice(0, 20)) == {}


def test_a_slow_change_over_a_long_shot_shows_although_vectors_are_not_kept() -> None:
    seconds = 2 * NEAR * STRIDE // 4
    track = Turning({at: 1.2 * at / seconds for at in np.arange(0, seconds, 0.5)})
    watching = watch(track, seconds, fps=4)
    whole = watching.drifts(slice(0, seconds * 4))["Luca"].value
    first = watching.drifts(slice(0, 60))["Luca"].value
    # From the middle of the turn both ends are 0.6 away.
    assert whole == pytest.approx(1 - np.cos(0.6), abs=0.03)
    assert first < 0.02


def test_a_real_transformer_encoder_fits(tmp_path: Path) -> None:
    encoder = ClipEncoder(build_clip(tmp_path / "clip"))
    picture = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)

    class Track:
        def vectors(self, frame: Frame) -> Mapping[str, Vector]:
            vector = encoder.encode(frame.rgb, box=(8, 8, 48, 48)).vector
            return {} if vector is None else {"Luca": vector}

    watching = IdentityWatch(Track())
    for index in range(8):
        watching.see(Frame(index, index / 2, picture if index < 4 else 255 - picture))
    drift = watching.drifts(slice(0, 8))["Luca"]
    assert 0 < drift.value <= 2
    assert watching.drifts(slice(0, 4))["Luca"].value == pytest.approx(0, abs=1e-5)
