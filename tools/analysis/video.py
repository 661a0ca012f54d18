"""analyze_video: where a film's shots are, what was measured of them, and where it is liveliest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools.spec import SUMMARY_LIMIT, Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from tools.analysis.reading import FilmReading

Aspect = Literal["scenes", "shots", "composition", "camera", "coherence"]

NOT_MEASURED: dict[str, str] = {
    "composition": "framing, shot scale and thirds are not measured; palette and brightness are",
    "camera": "the kind of camera move is not measured; how much the picture moves is",
    "coherence": "identity and warping errors are not measured; flicker, black and frozen parts are",
}
"""What an aspect's name promises beyond what is measured here."""
TIMES_IN_SUMMARY = 20


class AnalyzeVideo(Tool):
    name = "analyze_video"
    description = (
        "Measure a video: its cuts and shots with times, motion, brightness, colours, loudness, black or frozen parts, "
        "and its liveliest seconds. Makes a report and a contact sheet."
    )
    effect = "create"
    makes = "report"

    class Args(ToolArgs):
        video: str = Field(description="The video: an asset id, an attached file's name, or a path in the workspace.")
        aspects: list[Aspect] = Field(
            default=["scenes"],
            min_length=1,
            description="What to look at: scenes, shots, composition, camera, coherence.",
        )
        sensitivity: float = Field(0.5, ge=0, le=1, description="0 finds only plain cuts, 1 also weak ones.")
        seconds: float = Field(3.0, gt=0, le=3600, description="Length of the liveliest part to look for, in seconds.")

    def forecast(self, args: Args, studio: Studio) -> Forecast:
        return Forecast(seconds=4.0, disk_mib=2.0)

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        from backends.media.images import save_png
        from tools.analysis.reading import read_film, scene_pictures

        film = ctx.asset(args.video, "video")
        path = ctx.path(film)
        reading = read_film(
            path,
            sensitivity=args.sensitivity,
            window=args.seconds,
            cancel=ctx.cancel.check,
            on_progress=lambda seen, whole: ctx.progress(seen, whole, f"looking at {film.name}"),
        )
        sheet, palettes = scene_pictures(path, reading.scenes, ctx.cancel.check)
        facts = _facts(reading, palettes, args.aspects)
        summary = _summary(film.name, reading, palettes, args.aspects)

        report_file, sheet_file = ctx.scratch(".json"), ctx.scratch(".png")
        report_file.write_text(json.dumps({"video": film.id, **facts}, ensure_ascii=False, indent=1), encoding="utf-8")
        save_png(sheet_file, sheet, {"Title": f"Contact sheet of {film.name}", "Source": film.id})
        params = {"aspects": list(args.aspects), "sensitivity": args.sensitivity, "seconds": args.seconds}
        report = ctx.save(
            report_file, "report", f"Report on {film.name}", params=params, parents=(film.id,), summary=summary
        )
        picture = ctx.save(
            sheet_file, "image", f"Contact sheet of {film.name}", params=params, parents=(film.id,), summary=summary
        )
        return ToolResult(
            summary=summary,
            assets=(report, picture),
            measurements=_figures(reading),
            warnings=tuple(f"{aspect}: {NOT_MEASURED[aspect]}" for aspect in args.aspects if aspect in NOT_MEASURED),
            data=facts,
        )


def _figures(reading: FilmReading) -> dict[str, Any]:
    first, last = reading.liveliest
    return {
        "seconds": round(reading.seconds, 3),
        "shots": len(reading.scenes),
        "cuts": [round(cut, 3) for cut in reading.cuts],
        "liveliest_start": round(first, 3),
        "liveliest_end": round(last, 3),
        "black_share": round(reading.quality["black_share"], 4),
        "frozen_share": round(reading.quality["frozen_share"], 4),
        "loudness_lufs": reading.quality["loudness_lufs"],
    }


def _facts(reading: FilmReading, palettes: list[list[dict[str, Any]]], aspects: list[Aspect]) -> dict[str, Any]:
    scenes = [
        {
            "index": index + 1,
            "start": round(scene.start, 3),
            "end": round(scene.end, 3),
            "seconds": round(scene.seconds, 3),
            "first_frame": scene.first_frame,
            "frames": scene.frames,
            "opening": scene.opening,
            "motion": round(reading.motion_of[index], 4),
            "mean_luma": round(reading.luma_of[index], 1),
            "palette": palettes[index],
        }
        for index, scene in enumerate(reading.scenes)
    ]
    first, last = reading.liveliest
    facts: dict[str, Any] = {
        "scenes": scenes,
        "cuts": [round(cut, 3) for cut in reading.cuts],
        "liveliest": {"start": round(first, 3), "end": round(last, 3), "seconds": round(last - first, 3)},
        "mean_shot_seconds": round(reading.seconds / len(scenes), 3),
        "quality": reading.quality,
        "method": "PySceneDetect AdaptiveDetector and ThresholdDetector; hard cuts and fades through black",
        "units": {"motion": "picture widths per second", "mean_luma": "0-255", "times": "seconds"},
        "not_measured": {aspect: NOT_MEASURED[aspect] for aspect in aspects if aspect in NOT_MEASURED},
    }
    if "camera" in aspects:
        facts["motion_curve"] = {"seconds": reading.motion_times, "energy": reading.motion}
    return facts


def _summary(name: str, reading: FilmReading, palettes: list[list[dict[str, Any]]], aspects: list[Aspect]) -> str:
    """Facts in at most 1 KB, the most asked for first."""
    info, quality, count = reading.info, reading.quality, len(reading.scenes)
    first, last = reading.liveliest
    parts = [f"{name}: {reading.seconds:.2f} s, {info.width}x{info.height}, {info.fps:.4g} fps."]
    if count == 1:
        parts.append("1 shot, no cuts found.")
    else:
        times = ", ".join(f"{cut:.2f}" for cut in reading.cuts[:TIMES_IN_SUMMARY])
        more = f" and {count - 1 - TIMES_IN_SUMMARY} more" if count - 1 > TIMES_IN_SUMMARY else ""
        parts.append(f"{count} shots, cuts at {times}{more} s.")
    parts.append(f"Liveliest {last - first:.4g} s: {first:.2f} to {last:.2f} s.")
    if "composition" in aspects:
        names = list(dict.fromkeys(colour["name"] for palette in palettes for colour in palette[:3]))
        parts.append(f"Main colours: {', '.join(names[:6])}; mean brightness {quality['mean_luma']:.0f} of 255.")
    if "camera" in aspects:
        most = max(range(count), key=lambda index: reading.motion_of[index])
        parts.append(f"Most motion in shot {most + 1}: {reading.motion_of[most]:.2f} picture widths per second.")
    if "coherence" in aspects:
        parts.append(f"Brightness flicker {quality['luma_flicker']:.2f} levels per frame.")
    for share, word in ((quality["black_share"], "black"), (quality["frozen_share"], "frozen")):
        if share > 0:
            parts.append(f"{share:.0%} of it is {word}.")
    loudness = quality["loudness_lufs"]
    parts.append("No sound measured." if loudness is None else f"Loudness {loudness:.1f} LUFS.")
    text = " ".join(parts)
    while len(text.encode()) > SUMMARY_LIMIT:
        parts.pop()
        text = " ".join(parts)
    return text
