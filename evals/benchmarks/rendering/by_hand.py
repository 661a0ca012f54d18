"""The same cut as somebody who knows ffmpeg would write it: one filter graph, or pieces that are joined."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

from backends.media.ffmpeg import ffmpeg_path
from evals.benchmarks.rendering.material import CLIPS, DISSOLVE, FPS, Job
from tools.editing.ass import font_folder, script
from tools.editing.cut import Words


def one_graph(folder: Path, job: Job) -> Path:
    """Six inputs, five xfades, one ass filter, one encoder with as many threads as it likes."""
    target = folder / "graph.mp4"
    args = [
        part for n in range(CLIPS) for part in ("-t", f"{job.clip_seconds:.6f}", "-i", str(folder / f"clip{n}.mp4"))
    ]
    args += ["-i", str(folder / "music.wav")]
    chains, last = [], "[0:v]"
    for n in range(1, CLIPS):
        chains.append(f"{last}[{n}:v]xfade=transition=fade:duration={DISSOLVE}:offset={n * job.step:.6f}[x{n}]")
        last = f"[x{n}]"
    texts = _texts(folder / "graph.ass", job.captions(), job)
    chains.append(f"{last}ass=filename={texts}:fontsdir={font_folder(folder)}[v]")
    chains.append(f"[{CLIPS}:a]{_music(job)}[a]")
    _ffmpeg(
        [*args, "-filter_complex", ";".join(chains), "-map", "[v]", "-map", "[a]", *_coded(job), *_aac(), str(target)]
    )
    return target


def pieces(folder: Path, job: Job) -> Path:
    """Bodies and dissolves encoded two at a time, then joined without encoding them again."""
    target = folder / "pieces.mp4"
    plan: list[tuple[float, float, int]] = []
    at = 0.0
    for n in range(CLIPS):
        begin = n * job.step + (DISSOLVE if n else 0)
        end = n * job.step + job.clip_seconds - (DISSOLVE if n < CLIPS - 1 else 0)
        plan.append((begin, end, n))
        if n < CLIPS - 1:
            plan.append((end, end + DISSOLVE, n))
        at = end
    assert abs(at - job.seconds) < 1e-6
    files = [folder / f"piece{number}.mp4" for number in range(len(plan))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda number: _piece(number, plan, files[number], folder, job), range(len(plan))))
    sound = folder / "pieces.m4a"
    _ffmpeg(
        [
            "-i",
            str(folder / "music.wav"),
            "-filter_complex",
            f"[0:a]{_music(job)}[a]",
            "-map",
            "[a]",
            *_aac(),
            str(sound),
        ]
    )
    listing = folder / "pieces.txt"
    listing.write_text("".join(f"file '{file}'\n" for file in files), encoding="utf-8")
    args = ["-f", "concat", "-safe", "0", "-i", str(listing), "-i", str(sound), "-c", "copy"]
    _ffmpeg([*args, "-movflags", "+faststart", str(target)])
    return target


def _piece(number: int, plan: Sequence[tuple[float, float, int]], target: Path, folder: Path, job: Job) -> None:
    begin, end, clip = plan[number]
    frames = round(end * FPS) - round(begin * FPS)
    mixed = number % 2 == 1
    inputs: list[str] = []
    for n in (clip, clip + 1) if mixed else (clip,):
        inputs += [
            "-ss",
            f"{begin - n * job.step:.6f}",
            "-t",
            f"{end - begin + 0.2:.6f}",
            "-i",
            str(folder / f"clip{n}.mp4"),
        ]
    chain = f"[0:v][1:v]xfade=transition=fade:duration={DISSOLVE}:offset=0" if mixed else "[0:v]null"
    inside = [(max(0.0, one - begin), min(two, end) - begin, text) for one, two, text in job.captions()
              if one < end and two > begin]  # fmt: skip
    if inside:
        chain += f",ass=filename={_texts(target.with_suffix('.ass'), inside, job)}:fontsdir={font_folder(folder)}"
    _ffmpeg(
        [*inputs, "-filter_complex", f"{chain}[v]", "-map", "[v]", "-frames:v", str(frames), *_coded(job), str(target)]
    )


def _texts(path: Path, captions: Sequence[tuple[float, float, str]], job: Job) -> Path:
    words = [Words(round(one * FPS), round(two * FPS), text, "subtitle", "bottom") for one, two, text in captions]
    path.write_text(script(words, job.width, job.height, Fraction(FPS)), encoding="utf-8")
    return path


def _music(job: Job) -> str:
    return f"atrim=end={job.seconds},afade=t=out:st={job.seconds - 1}:d=1,loudnorm=I=-16:TP=-1"


def _coded(job: Job) -> list[str]:
    crf, preset = job.preset
    return ["-c:v", "libx264", "-preset", preset, "-crf", str(crf), "-profile:v", "high", "-pix_fmt", "yuv420p"]


def _aac() -> list[str]:
    return ["-c:a", "aac", "-b:a", "192k", "-ar", "48000", "-movflags", "+faststart"]


def _ffmpeg(args: list[str]) -> None:
    subprocess.run([ffmpeg_path(), "-v", "error", "-nostdin", "-y", *args], check=True)
