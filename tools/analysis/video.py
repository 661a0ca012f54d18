"""analyze_video: a film looked at once, its record, a page to look at, and its shots in the film database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pydantic import Field

from tools.analysis.aspects import ASPECTS, Aspect
from tools.analysis.cache import analysis_key, find_analysis, keep_analysis
from tools.analysis.summary import figures_of, summary_of
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    from memory.records import Asset
    from tools.analysis.reading import FilmReading
    from tools.analysis.understanding import Understanding

ShotFile = Literal["csv", "edl", "otio"]
FIXED_SECONDS = 2.0
REAL_TIME = 0.25
"""Seconds of work per second of film at 1080p on two cores."""
FULL_HD = 1920 * 1080


class AnalyzeVideo(Tool):
    name = "analyze_video"
    description = (
        "Look at a video once and measure it: shots, cuts, dissolves, fades and wipes with times, scenes, camera, "
        "composition and shot scale, temporal coherence (flicker, boil, wobble, jumps, colour drift), sound, who is in "
        "it, and its liveliest seconds. Makes a report to open, a contact sheet, and shots that can be searched."
    )
    effect = "create"
    makes = "report"
    time_limit_s = 4 * 3600
    timed = False

    class Args(ToolArgs):
        video: str = Field(description="The video: an asset id, an attached file's name, or a path in the workspace.")
        aspects: list[Aspect] = Field(
            default=list(ASPECTS),
            min_length=1,
            description="What to look at: scenes, shots, composition, camera, coherence, sound, content; default: all.",
        )
        sensitivity: float = Field(0.5, ge=0, le=1, description="0 finds only plain cuts, 1 also weak ones.")
        seconds: float = Field(3.0, gt=0, le=3600, description="Length of the liveliest part to look for, in seconds.")
        question: str = Field(
            "",
            max_length=500,
            description="The user's question in their words, when one thing is asked; answered first.",
        )
        exports: list[ShotFile] = Field([], max_length=3, description="Also write the shot list as csv, edl or otio.")

    def needs(self, args: Args, studio: Studio) -> frozenset[str]:
        from tools.analysis.characters import wants_encoders

        looked_for = {"shots", "composition", "content", "coherence"} & set(args.aspects)
        return frozenset({"identity"} if looked_for and wants_encoders(studio) else ())

    def forecast(self, args: Args, studio: Studio) -> Forecast:
        return Forecast(seconds=round(FIXED_SECONDS + _work(args.video, studio), 1), disk_mib=3.0)

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        from tools.analysis.understanding import Understanding

        film = ctx.asset(args.video, "video")
        # In the order of the table, each once: the same wish in other words is the same analysis.
        aspects = tuple(aspect for aspect in ASPECTS if aspect in args.aspects)
        insight = Understanding(film, aspects, ctx)
        asked = {
            "aspects": aspects,
            "sensitivity": args.sensitivity,
            "seconds": args.seconds,
            "exports": sorted(set(args.exports)),
        }
        key = analysis_key(film, {**asked, **insight.fingerprint()})
        if (kept := find_analysis(key, ctx)) is not None:
            insight.remember_again(kept)
            return _answered(kept, args.question, ctx)
        with self._reading(film, args, aspects, insight, ctx) as measured:
            reading = insight.told(measured)
            result = _result(film, reading, asked, ctx)
            insight.remember(reading)
        keep_analysis(key, result, ctx)
        return _answered(result, args.question, ctx)

    @staticmethod
    def _reading(
        film: Asset, args: Args, aspects: tuple[Aspect, ...], insight: Understanding, ctx: ToolContext
    ) -> AbstractContextManager[FilmReading]:
        from backends.media.guard import MediaLimits
        from tools.analysis.reading import Wishes, read_film

        return read_film(
            ctx.path(film),
            Wishes(
                aspects,
                args.sensitivity,
                args.seconds,
                insight.figures,
                insight.looks.track,
                insight.looks.mark,
                insight.not_measured,
            ),
            name=film.name,
            sha256=film.sha256,
            limits=MediaLimits.of(ctx.settings.uploads),
            cancel=ctx.cancel.check,
            on_progress=lambda seen, whole: ctx.progress(seen, whole, f"looking at {film.name}"),
        )


def _answered(result: ToolResult, question: str, ctx: ToolContext) -> ToolResult:
    """The result with what was asked said first; whole, as kept, when nothing special was asked."""
    from backends.vision.record import FilmRecord
    from tools.analysis.answer import answer_to

    facts = next((asset for asset in result.assets if asset.path.endswith(".json")), None)
    if not question.strip() or facts is None:
        return result
    record = FilmRecord.model_validate_json(ctx.path(facts).read_bytes())
    said = answer_to(record, question)
    return replace(result, summary=summary_of(record, said)) if said else result


def _result(film: Asset, reading: FilmReading, asked: dict[str, Any], ctx: ToolContext) -> ToolResult:
    from backends.media.images import save_png
    from tools.analysis.report import write_report
    from tools.analysis.sheets import keyframe_sheet

    record = reading.record
    summary = summary_of(record)
    page, facts, sheet = ctx.scratch(".html"), ctx.scratch(".json"), ctx.scratch(".png")
    write_report(record, page, keyframes=reading.keyframes, strip=reading.strip, film_url=_beside(film))
    facts.write_text(record.model_dump_json(indent=1), encoding="utf-8")
    title = {"Title": f"Contact sheet of {film.name}", "Source": film.id}
    save_png(sheet, keyframe_sheet(record, reading.keyframes), title)
    extra, lost = _exports(film, reading, asked, ctx)
    common: dict[str, Any] = {"params": asked, "parents": (film.id,), "summary": summary}
    assets = [
        ctx.save(page, "report", f"Report on {film.name}.html", **common),
        ctx.save(facts, "report", f"Report on {film.name}.json", **common),
        # A sheet is not what 'it' or 'the last picture' means afterwards.
        ctx.save(sheet, "image", f"Contact sheet of {film.name}", **{**common, "params": {**asked, "sheet": True}}),
        *(ctx.save(file, "file", name, **common) for file, name in extra),
    ]
    data = record.model_dump(mode="json", exclude={"curves": True, "sound": {"curve_dbfs"}})
    data["cuts"] = [round(shot.start, 3) for shot in record.shots[1:]]
    return ToolResult(summary, tuple(assets), figures_of(record), (*record.warnings, *lost), data)


def _exports(
    film: Asset, reading: FilmReading, asked: dict[str, Any], ctx: ToolContext
) -> tuple[list[tuple[Any, str]], list[str]]:
    """The shot list in other formats, as (file, name), and what they cannot carry."""
    from tools.analysis.exports import export_shots

    files: list[tuple[Any, str]] = []
    lost: list[str] = []
    for ending in asked["exports"]:
        file = ctx.scratch(f".{ending}")
        lost += [f"{ending}: {what}" for what in export_shots(reading.record, ending, file, film=ctx.path(film))]
        files.append((file, f"Shots of {film.name}.{ending}"))
    return files, lost


def _beside(film: Asset) -> str:
    """The film's address as seen from the report, which lies among the assets; '' when the film lies elsewhere."""
    place = PurePosixPath(film.path)
    return quote(place.name) if str(place.parent) == "assets" else ""


def _work(video: str, studio: Studio) -> float:
    """Seconds that looking at it takes on two cores, from its length and size; a guess for a file not known yet."""
    from backends.media.probe import probe
    from configs.errors import StudioError

    try:
        asset = studio.memory.find_asset(video, ("video",))
        info = probe(studio.workspace.inside(asset.path))
    except StudioError:
        return 4.0
    return info.seconds * REAL_TIME * (0.4 + 0.6 * info.width * info.height / FULL_HD)
