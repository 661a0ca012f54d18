"""Styles by figures: how exact the baked tables are, how near a film comes to a reference, and what a style costs.

Tables: CIEDE2000 of the 33-step table against the exact transform, on colours spread evenly and on the pixels of
scenes; what a matrix with three curves (the cheaper filters `colorchannelmixer` and `curves`) would reach at best.
References: sliced Wasserstein distance of each scene to each other one, before and after. Cost: CPU milliseconds a
frame at 1080p, of the look-up in each pixel format and of every style, beside decoding and encoding. About two minutes.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.media.cielab import lab_of
from backends.media.cube import Table, look_up, write_cube
from backends.media.ffmpeg import ffmpeg_path, filter_value
from tools.editing.effects import Canvas, picture_filters
from tools.editing.effects.lut import grey_curve
from tools.editing.remix.grade import Grade, bake, graded, lightness_falls, steepest
from tools.editing.remix.presets import remix_presets
from tools.editing.remix.transfer import transfer

Floats = NDArray[np.float64]
WIDE, HIGH, FPS, FRAMES = 1920, 1080, 24, 24
FORMATS = ("gbrp", "gbrp10le", "gbrp16le", "gbrpf32le")
ENCODE = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads:v", "4", "-f", "null"]
SCENES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "meadow": ((0.35, 0.65, 0.25), (0.55, 0.7, 0.95), (0.5, 0.42, 0.33)),
    "sunset": ((0.95, 0.6, 0.35), (0.75, 0.4, 0.5), (0.25, 0.15, 0.22)),
    "night": ((0.08, 0.12, 0.3), (0.15, 0.25, 0.45), (0.9, 0.8, 0.5)),
    "room": ((0.8, 0.66, 0.55), (0.45, 0.3, 0.2), (0.3, 0.35, 0.4)),
}
"""Main colours of scenes, sRGB; each is lit from half to full, with grain."""


def run(film: Path | None = None) -> dict[str, Any]:
    """film: decoded and encoded for the costs; without one a picture is panned."""
    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        folder = Path(home)
        return {
            "tables": {name: _exactness(style.grade) for name, style in remix_presets().presets.items()},
            "references": _references(),
            "cost": _costs(folder, film or _panned(folder / "film.mp4")),
            "load": round(os.getloadavg()[0], 1),
        }


def scene(name: str, seed: int = 0, count: int = 2000) -> Floats:
    """(3 * count, 3) sRGB 0-1 of a scene."""
    rng = np.random.default_rng([seed, *name.encode()])
    parts = [
        np.array(colour) * rng.uniform(0.45, 1.08, (count, 1)) + rng.normal(0, 0.025, (count, 3))
        for colour in SCENES[name]
    ]
    return np.asarray(np.concatenate(parts).clip(0, 1), np.float64)


def _exactness(grade: Grade) -> dict[str, float]:
    table = bake(grade)
    even = np.random.default_rng(0).random((8000, 3))
    seen = np.concatenate([scene(name) for name in SCENES])
    spread, shown = (_apart(look_up(table, rgb), graded(rgb, grade)) for rgb in (even, seen))
    luma = _by_luma(seen, grade) if grade.plain_grey else None
    return {
        "even_mean": _round(spread.mean()),
        "even_p99": _round(np.quantile(spread, 0.99)),
        "scenes_mean": _round(shown.mean()),
        "scenes_p99": _round(np.quantile(shown, 0.99)),
        "matrix_and_curves_mean": _round(_apart(_simpler(seen, graded(seen, grade)), graded(seen, grade)).mean()),
        **({} if luma is None else {"luma_mean": _round(luma.mean()), "luma_p99": _round(np.quantile(luma, 0.99))}),
        "lightness_falls": _round(lightness_falls(table)),
        "steepest": _round(steepest(table)),
    }


def _by_luma(rgb: Floats, grade: Grade) -> Floats:
    """How far black and white by a curve of luma is from the grade."""
    levels = grey_curve(grade)
    luma = np.interp(rgb @ (0.2126, 0.7152, 0.0722), np.linspace(0, 1, len(levels)), levels)
    return _apart(np.repeat(luma[:, None], 3, axis=1), graded(rgb, grade))


def _apart(one: Floats, other: Floats) -> Floats:
    from skimage.color import deltaE_ciede2000

    return np.asarray(deltaE_ciede2000(lab_of(one), lab_of(other)), np.float64)


def _simpler(rgb: Floats, goal: Floats) -> Floats:
    """The best that a 3x4 matrix and a smooth curve per channel make of it, fitted in turns on these very pixels."""
    curved = rgb
    for _ in range(3):
        basis = np.concatenate([curved, np.ones((len(rgb), 1))], axis=1)
        mixed = basis @ np.linalg.lstsq(basis, goal, rcond=None)[0]
        curved = np.stack(
            [np.polyval(np.polyfit(mixed[:, at], goal[:, at], 5), mixed[:, at]) for at in range(3)], axis=1
        )
    return np.asarray(curved.clip(0, 1), np.float64)


def _references() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for film in SCENES:
        for model in SCENES:
            if film == model:
                continue
            began = time.process_time()
            found = transfer(scene(film), scene(model, 1))
            made[f"{film} like {model}"] = {
                "before": _round(found.before),
                "after": _round(found.after),
                "method": found.method,
                "lightness_falls": _round(lightness_falls(found.table)),
                "steepest": _round(steepest(found.table)),
                "cpu_seconds": _round(time.process_time() - began),
            }
    shares = [one["after"] / one["before"] for one in made.values()]
    return {"pairs": made, "mean_share_left": _round(np.mean(shares)), "worst_share_left": _round(max(shares))}


def _costs(folder: Path, film: Path) -> dict[str, Any]:
    table = bake(remix_presets().presets["golden_hour"].grade)
    decode = _cpu(film, "null", ["-f", "null"])
    encode = _cpu(film, "null", ENCODE)
    styles: dict[str, Any] = {}
    for name, style in remix_presets().presets.items():
        canvas = Canvas(WIDE, HIGH, Fraction(FPS), FRAMES, folder)
        chain = ",".join(["format=yuv420p", *picture_filters([{"name": "lut", "table": name}, *style.texture], canvas)])
        drawn = _cpu(film, chain, ["-f", "null"]) - decode
        styles[name] = {"ms": _round(drawn), "times_plain_encode": _round(_cpu(film, chain, ENCODE) / encode)}
    return {
        "frame": [WIDE, HIGH],
        "decode_ms": _round(decode),
        "decode_and_encode_ms": _round(encode),
        "lut_ms": {kind: _round(_cpu(film, _lookup(table, folder, kind), ["-f", "null"]) - decode) for kind in FORMATS},
        "matrix_and_curves_ms": _round(
            _cpu(film, "format=gbrp,colorchannelmixer=rr=0.9:rg=0.1,curves=r='0/0 0.5/0.4 1/1',format=yuv420p",
                 ["-f", "null"]) - decode
        ),
        "styles": styles,
    }  # fmt: skip


def _lookup(table: Table, folder: Path, kind: str) -> str:
    file = write_cube(table, folder)
    return f"format={kind},lut3d=file={filter_value(file)}:interp=tetrahedral,format=yuv420p"


def _cpu(film: Path, chain: str, output: list[str]) -> float:
    """CPU milliseconds a frame, the better of two runs; CPU time is little changed by a busy machine."""
    best = float("inf")
    size = f"scale={WIDE}:{HIGH},fps={FPS}"
    command = [ffmpeg_path(), "-v", "error", "-filter_complex_threads", "1", "-threads", "1", "-i", str(film)]
    command += ["-filter_complex", f"[0:v]{size},{chain}[v]", "-map", "[v]", "-frames:v", str(FRAMES), *output, "-"]
    for _ in range(2):
        before = os.times()
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, spent * 1000 / FRAMES)
    return best


def _panned(path: Path) -> Path:
    """A large picture of blobs in the scenes' colours that moves past, 1080p."""
    colours = [colour for name in SCENES for colour in SCENES[name]]
    rng = np.random.default_rng(1)
    small = np.zeros((68, 160, 3))
    y, x = np.mgrid[0:68, 0:160]
    for colour in colours * 3:
        near = np.exp(-((x - rng.uniform(0, 160)) ** 2 + (y - rng.uniform(0, 68)) ** 2) / rng.uniform(40, 400))
        small = small * (1 - near[..., None]) + near[..., None] * np.array(colour)
    raw = (small * 255).astype(np.uint8).tobytes()
    source = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "160x68", "-i", "-"]
    pan = (
        f"scale=2560:{HIGH}:flags=bicubic,noise=alls=8:all_seed=1,loop={FRAMES}:1,fps={FPS},crop={WIDE}:{HIGH}:x='n*8'"
    )
    command = [ffmpeg_path(), "-v", "error", "-y", *source, "-vf", pan, "-frames:v", str(FRAMES + 4)]
    subprocess.run(
        [*command, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "16", str(path)], input=raw, check=True
    )
    return path


def _round(value: Any) -> float:
    return round(float(value), 3)
