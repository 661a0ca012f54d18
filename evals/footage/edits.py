"""Made footage for cutting: shots of known speed, light, blur and subject, speech at known times, music with beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backends.media.ffmpeg import encode_args, input_args, raw_frames_args, run_ffmpeg
from backends.media.guard import sniff
from evals.footage.frames import Rgb, scenery
from evals.footage.instruments import RATE, Wave
from evals.footage.music import song
from evals.footage.speakers import speech

SIZE = (320, 180)
FPS = 24


@dataclass(frozen=True)
class Planted:
    """One shot of a made film."""

    seconds: float
    scene: int
    """Seed of its scenery."""
    speed: float = 0.1
    """Frame widths per second that its subject moves."""
    light: float = 1.0
    """Brightness against the scenery's own."""
    blur: float = 0.0
    """Standard deviation of a Gaussian, pixels."""
    subject: tuple[float, float] = (0.5, 0.5)
    """Where the subject is at first, shares of the frame."""
    colour: tuple[int, int, int] = (240, 60, 40)


@dataclass(frozen=True)
class Footage:
    """A made film and what is where in it."""

    path: Path
    shots: tuple[Planted, ...]
    spoken: tuple[tuple[float, float], ...] = ()
    """Seconds between which words are heard."""
    beats: tuple[float, ...] = ()
    cuts: tuple[float, ...] = field(default=())

    @property
    def seconds(self) -> float:
        return sum(shot.seconds for shot in self.shots)


def footage(
    path: Path,
    shots: Sequence[Planted],
    samples: Wave | None = None,
    *,
    spoken: Sequence[tuple[float, float]] = (),
    beats: Sequence[float] = (),
    size: tuple[int, int] = SIZE,
) -> Footage:
    """Draw and encode the shots, with sound from `samples` ((N,) at RATE) where given."""
    width, height = size
    args = raw_frames_args(width, height, FPS)
    tone = path.with_suffix(".tone.wav")
    if samples is not None:
        args += input_args(write_wave(tone, samples), sniff(tone))
    pictures = (picture.tobytes() for shot in shots for picture in _frames(shot, size))
    run_ffmpeg([*args, *encode_args(crf=18, preset="ultrafast", fps=FPS), str(path)], stdin=pictures, timeout_s=120)
    tone.unlink(missing_ok=True)
    edges = np.cumsum([shot.seconds for shot in shots])[:-1]
    return Footage(path, tuple(shots), tuple(spoken), tuple(beats), tuple(float(edge) for edge in edges))


def _frames(shot: Planted, size: tuple[int, int]) -> list[Rgb]:
    import cv2

    width, height = size
    ground = scenery(np.random.default_rng([shot.scene, 71]), (height, width))
    radius, made = round(height * 0.14), []
    for number in range(round(shot.seconds * FPS)):
        picture = ground.copy()
        across = (shot.subject[0] + shot.speed * number / FPS) * width
        # It turns round at the edges, so that it stays in the picture.
        span = max(1.0, float(width - 2 * radius))
        along = abs((across - radius) % (2 * span) - span) if shot.speed else span - (across - radius)
        centre = (round(radius + span - along), round(shot.subject[1] * height))
        cv2.circle(picture, centre, radius, shot.colour, -1)
        cv2.circle(picture, centre, radius // 2, (250, 250, 250), -1)
        if shot.blur:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), shot.blur), np.uint8)
        made.append(np.clip(picture * shot.light, 0, 255).astype(np.uint8))
    return made


def talk(seed: int, seconds: float, spans: Sequence[tuple[float, float]], noise_db: float = -75.0) -> Wave:
    """(N,) at RATE: somebody speaks in the spans, with words to their very ends, over the faint noise of a room."""
    pick = np.random.default_rng([seed, 5])
    out = pick.normal(0, 10 ** (noise_db / 20), round(seconds * RATE))
    for number, (start, end) in enumerate(spans):
        first, last = round(start * RATE), round(end * RATE)
        words = speech(seed * 10 + number, end - start)[: last - first]
        out[first : first + len(words)] += words
    return out


def music(seed: int, seconds: float, bpm: float = 120.0, style: str = "pop") -> tuple[Wave, tuple[float, ...]]:
    """Samples at RATE and the seconds of the beats."""
    made = song(seed, seconds, style, bpm)
    return made.samples, tuple(float(beat) for beat in made.beats)


def write_wave(path: Path, samples: NDArray[np.floating]) -> Path:
    """(N,) samples at RATE between -1 and 1 as a 16-bit mono WAV."""
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def variety(count: int, seconds: float = 2.0, *, seed: int = 1) -> list[Planted]:
    """Shots that differ in scenery, speed and subject, from a seed."""
    pick = np.random.default_rng([seed, 8])
    return [
        Planted(
            seconds,
            seed * 100 + number,
            float(pick.uniform(0.05, 0.5)),
            subject=(float(pick.uniform(0.2, 0.8)), float(pick.uniform(0.3, 0.7))),
            colour=(int(pick.integers(40, 250)), int(pick.integers(40, 250)), int(pick.integers(40, 250))),
        )
        for number in range(count)
    ]
