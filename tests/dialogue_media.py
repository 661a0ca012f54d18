"""A made dialogue of two eSpeak voices with known truth, as a sound, over music, and as a film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from voice_cast import SENTENCES, said

from backends.media.ffmpeg import ffmpeg_path

RATE = 16_000
PAUSE_S = 0.8
Turn = tuple[float, float, str, str]


def dialogue(turns: int = 6, first: str = "Luca", second: str = "Giulia") -> tuple[NDArray[np.float32], list[Turn]]:
    """(N,) mono at RATE and (start, end, who, text) of each turn; a little noise throughout."""
    chance = np.random.default_rng(4)
    parts, truth, at = [np.zeros(RATE, np.float32)], [], RATE
    for index in range(turns):
        who, text = (first, second)[index % 2], SENTENCES[index % len(SENTENCES)]
        voice = said(who, text, RATE)
        truth.append((at / RATE, (at + len(voice)) / RATE, who, text))
        pause = np.zeros(round(PAUSE_S * RATE), np.float32)
        parts += [voice, pause]
        at += len(voice) + len(pause)
    sound = np.concatenate(parts)
    return np.asarray(sound + 3e-4 * chance.standard_normal(len(sound)), np.float32), truth


def write_srt(path: Path, truth: list[Turn], *, names: bool) -> Path:
    rows = []
    for number, (start, end, who, text) in enumerate(truth, 1):
        rows.append(f"{number}\n{_clock(start)} --> {_clock(end)}\n{who.upper() + ': ' if names else ''}{text}\n")
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def write_film(path: Path, sound: Path) -> Path:
    """An mp4 with a plain picture and the sound as stereo AAC at 44.1 kHz."""
    import subprocess

    subprocess.run(
        [ffmpeg_path(), "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "color=navy:s=64x48:r=5",
         "-i", str(sound), "-shortest", "-ac", "2", "-ar", "44100", "-c:a", "aac", "-b:a", "128k", "-c:v", "libx264",
         "-pix_fmt", "yuv420p", str(path)],
        check=True,
    )  # fmt: skip
    return path


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{thousandths:03d}"
