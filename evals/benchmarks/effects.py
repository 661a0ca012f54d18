"""What each effect costs: CPU milliseconds per frame beyond a plain encode, on a panned picture at 1080p.

Filters are measured as the renderer runs them, in one ffmpeg call that decodes, draws and encodes (x264 veryfast,
crf 20); overlays as a segment of the renderer. Grain and noise make the encoder work, which is counted too: it is what
a film with them costs. Particles are also measured while they are drawn, which is done once per film size and seed.
"""

from __future__ import annotations

import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from backends.media.ffmpeg import input_args, run_ffmpeg
from backends.media.guard import sniff
from backends.media.probe import probe
from evals.benchmarks.rendering.material import FPS, Job, cpu_seconds, make_material
from tools.editing.cut import Cut, Program, Source
from tools.editing.drawing.parts import Files, Frame
from tools.editing.drawn.bubble import speech_bubble
from tools.editing.drawn.keep import LOOP_WIDTH
from tools.editing.drawn.particles import KINDS, Loop, draw
from tools.editing.effects import Canvas, picture_filters
from tools.editing.segments import plan, segment_args
from tools.editing.specs import Key, Place

ENCODE = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", "2", "-f", "mp4"]
PATH = [[at / 4, 0.3 + 0.1 * at, 0.5] for at in range(5)]


def run(everything: bool = False) -> dict[str, Any]:
    """Figures by effect: {'ms': beyond the plain encode, 'ratio': of the whole to the plain encode}."""
    frames, rounds = (72, 3) if everything else (48, 2)
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        folder = Path(home)
        make_material(folder, Job(12, 1920, 1080))
        clip = folder / "clip0.mp4"
        plain = min(_filters([], clip, folder, frames) for _ in range(rounds))
        figures: dict[str, Any] = {"plain_encode_ms": round(1000 * plain / frames, 1)}
        for name, effects in _measured(frames / FPS).items():
            spent = min(_filters(effects, clip, folder, frames) for _ in range(rounds))
            figures[name] = _figures(spent, plain, frames)
        plain = min(_overlaid(None, Key(0, 0.5, 0.5, 1), clip, folder, frames) for _ in range(rounds))
        for name, (file, key) in _overlays(folder).items():
            spent = min(_overlaid(file, key, clip, folder, frames) for _ in range(rounds))
            figures[name] = _figures(spent, plain, frames)
        figures["drawing_ms_per_particle_frame"] = {name: _drawing(name) for name in KINDS}
    return figures


def _figures(spent: float, plain: float, frames: int) -> dict[str, float]:
    return {"ms": round(1000 * (spent - plain) / frames, 1), "ratio": round(spent / plain, 2)}


def _measured(seconds: float) -> dict[str, list[dict[str, Any]]]:
    one = {
        name: [{"name": name, "seconds": seconds}]
        for name in ("zoom_punch", "slow_zoom", "shake", "flash", "glow", "blur", "vignette", "letterbox", "film_grain",
                     "glitch", "deep_fry")
    }  # fmt: skip
    return {
        **one,
        "mosaic": [{"name": "mosaic", "keys": PATH, "width": 0.15, "height": 0.3}],
        "zoom_punch on 8 beats": [{"name": "zoom_punch", "at": at / 4} for at in range(8)],
        "grade": [{"name": "grade", "look": "warm"}],
    }


def _overlays(folder: Path) -> dict[str, tuple[Path, Key]]:
    """Files laid over the picture, and where."""
    found: dict[str, tuple[Path, Key]] = {}
    for name in ("snow", "confetti"):
        loop = Loop(LOOP_WIDTH, 540, FPS, 3.0, 0.5, 0)
        raw = ["-f", "rawvideo", "-pixel_format", "rgba", "-video_size", f"{loop.width}x{loop.height}"]
        args = ["-protocol_whitelist", "pipe", *raw, "-framerate", f"{FPS}", "-i", "pipe:0", "-c:v", "qtrle"]
        file = folder / f"{name}.mov"
        run_ffmpeg([*args, "-pix_fmt", "argb", "-f", "mov", str(file)], stdin=(f.tobytes() for f in draw(name, loop)))
        found[name] = (file, Key(0, 0.5, 0.5, 1.0, 1.0))
    bubble = speech_bubble("Never!", 1920, 1080, None)
    bubble.image.save(folder / "bubble.png")
    found["speech_bubble"] = (folder / "bubble.png", bubble.key)
    found["picture_in_picture"] = (folder / "clip1.mp4", Key(0, 0.8, 0.8, 0.3))
    return found


def _filters(effects: list[dict[str, Any]], clip: Path, folder: Path, frames: int) -> float:
    """CPU seconds."""
    canvas = Canvas(1920, 1080, Fraction(FPS), frames, folder)
    steps = ",".join(["format=yuv420p", *picture_filters(effects, canvas), "format=yuv420p"])
    args = [*input_args(clip, sniff(clip)), "-filter_complex", f"[0:v]{steps}[v]", "-map", "[v]"]
    begin = cpu_seconds()
    run_ffmpeg([*args, "-frames:v", str(frames), *ENCODE, str(folder / "out.mp4")])
    return cpu_seconds() - begin


def _overlaid(file: Path | None, key: Key, clip: Path, folder: Path, frames: int) -> float:
    """CPU seconds of a segment with an overlay on it."""
    video = (Cut(0, frames, _source(clip)),)
    over = (Cut(0, frames, _source(file), place=Place((key,)), role="overlay"),) if file is not None else ()
    program = Program("bench", Fraction(FPS), 1920, 1080, frames, video, (), (), over)
    (segment,) = plan(program)
    args = segment_args(segment, Frame(1920, 1080, Fraction(FPS)), Files(folder, folder))
    begin = cpu_seconds()
    run_ffmpeg([*args, *ENCODE, str(folder / "out.mp4")])
    return cpu_seconds() - begin


def _source(file: Path) -> Source:
    return Source(file, file.name, file.name, sniff(file), probe(file))


def _drawing(name: str) -> float:
    """Milliseconds of wall clock per drawn frame."""
    frames = draw(name, Loop(LOOP_WIDTH, 540, FPS, 1.0, 0.5, 0))
    begin = time.perf_counter()
    count = sum(1 for _ in frames)
    return round(1000 * (time.perf_counter() - begin) / count, 1)
