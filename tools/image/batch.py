"""generate_batch: many pictures in one go, each finished one on record, so that the same wish goes on after a stop."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from configs.errors import Cancelled, StudioError, UsageError
from memory.records import Asset
from tools.image.batch_plan import MAKER, MOST, VARIANTS, Plan, make_plan
from tools.image.batch_run import BatchRun, Listed, job_id
from tools.image.fingerprint import making_of
from tools.image.manifest import Manifest
from tools.image.sheet import save_report, save_sheets
from tools.image.wish import LONGEST_PROMPT, in_short, readable
from tools.registry import get_tool
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

FOLDER = "batches"
SPARE_MIB = 64.0
"""Left free on the disk: the catalogue and the log need room, too."""
GUESSED_LINES = 10
"""Pictures of a file that cannot be looked into before the call."""
SHOWN_WARNINGS = 20


class GenerateBatchArgs(ToolArgs):
    prompts: list[str] = Field(default_factory=list, description=f"What the pictures show, one text each, up to {MOST}")
    prompt: str = Field("", max_length=LONGEST_PROMPT, description="One text of which several variants are made")
    character: str = Field("", max_length=200, description="Name of a remembered character who is in every picture")
    style: str = Field("", max_length=500, description="Look of all pictures, e.g. 'watercolour'")
    count: int | None = Field(
        None, description=f"Variants of each; not said: {VARIANTS} of a single prompt, else 1. At most {MOST} in all"
    )
    characters: list[str] = Field(
        default_factory=list, max_length=MOST, description="Each prompt is drawn once with each of these characters"
    )
    shots: str = Field("", max_length=500, description="A storyboard whose shots are drawn, instead of prompts")
    file: str = Field(
        "", max_length=500,
        description="A JSONL file instead of prompts: one object with arguments of generate_image per line",
    )  # fmt: skip
    skip_bad: bool = Field(False, description="Leave lines of the file that cannot be used out, instead of refusing")
    background: str = Field("", max_length=500, description="Where it plays, when a prompt does not say")
    negative_prompt: str = Field("", max_length=2000, description="What the pictures must not show (used by SDXL)")
    width: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the setting image.width")
    height: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the setting image.height")
    seed: int = Field(-1, ge=-1, lt=2**31, description="Of the first variant, others follow; -1 = from the prompt")
    quality: Literal["", "draft", "standard", "final"] = Field("", description="'' = the setting image.quality")
    best_of: int = Field(0, ge=0, le=8, description="Takes of each picture, the best is handed on; 0 = the setting")
    min_score: float = Field(0.0, ge=0, le=1, description="Pictures that score less (0-1) are kept, but marked")
    sheet: bool = Field(True, description="Draw a contact sheet of all pictures")

    @field_validator("prompt", mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        return readable(value)


class GenerateBatch(Tool):
    name: ClassVar[str] = "generate_batch"
    description: ClassVar[str] = (
        "Makes many pictures: variants of a prompt, several prompts, prompts for several characters, the shots of a "
        "storyboard, or the lines of a JSONL file. The same wish again goes on where it was stopped."
    )
    Args: ClassVar[type[ToolArgs]] = GenerateBatchArgs
    makes = "image"
    time_limit_s: ClassVar[float] = 24 * 3600.0
    timed: ClassVar[bool] = False
    retried: ClassVar[bool] = False

    def uses(self, args: GenerateBatchArgs, studio: Studio) -> frozenset[str]:
        return frozenset({studio.image_engine()})

    def forecast(self, args: GenerateBatchArgs, studio: Studio) -> Forecast:
        count = min(MOST, _expected(args, studio))
        one, seconds = _each(args, studio)
        return Forecast(seconds=count * seconds, disk_mib=count * one.disk_mib, basis=one.basis)

    def run(self, args: GenerateBatchArgs, ctx: ToolContext) -> ToolResult:
        plan = make_plan(args, ctx)
        for note in plan.notes:
            ctx.warn(note)
        studio = Studio(ctx.settings, ctx.workspace, ctx.memory)
        making = making_of(studio)
        job = job_id(plan, making)
        one, seconds = _each(args, studio)
        with Manifest(ctx.workspace.home / FOLDER / job) as manifest:
            batch = BatchRun(plan, manifest, ctx, min_score=args.min_score, expected_s=seconds)
            batch.begin(making)
            _check_room(batch.missing * one.disk_mib, ctx)
            try:
                batch.make_all()
            except Cancelled as error:
                manifest.append("end", status="cancelled", finished=batch.finished)
                fix = f"{batch.progress_told}; the same wish goes on from there"
                raise Cancelled(error.problem, error.cause, fix) from error
            except KeyboardInterrupt as error:  # Ctrl-C on the command line
                manifest.append_if_possible("end", status="cancelled", finished=batch.finished)
                raise KeyboardInterrupt(f"{batch.progress_told}; the same wish goes on from there") from error
            except StudioError as error:
                manifest.append_if_possible("end", status="failed", finished=batch.finished, sentence=error.sentence)
                raise
            listed = batch.listed()
            manifest.append("end", status="done", finished=batch.finished, depends=batch.depends())
        if not batch.finished:
            raise _all_failed(listed)
        return _result(args, plan, job, listed, batch, ctx)


def _expected(args: GenerateBatchArgs, studio: Studio) -> int:
    """Pictures, as far as they can be counted before the call."""
    if args.shots or args.file:
        try:
            asset = studio.memory.find_asset(args.shots or args.file)
            known = asset.params.get("shots")
            return int(known) * (args.count or 1) if isinstance(known, int) else _lines(asset, studio)
        except StudioError:
            return GUESSED_LINES
    prompts = max(1, len(args.prompts) + bool(args.prompt.strip()))
    names = max(1, len({*args.characters, args.character} - {""}))
    return prompts * names * (args.count or (VARIANTS if prompts * names == 1 else 1))


def _lines(asset: Asset, studio: Studio) -> int:
    try:
        with (studio.workspace.home / asset.path).open("rb") as handle:
            return max(1, sum(1 for line in handle.read(2**22).split(b"\n") if line.strip()))
    except OSError:
        return GUESSED_LINES


def _each(args: GenerateBatchArgs, studio: Studio) -> tuple[Forecast, float]:
    """What one picture costs, and its seconds as measured on this machine where they are."""
    maker = get_tool(MAKER)
    fields = maker.Args.model_fields
    asked = {key: getattr(args, key) for key in ("width", "height", "quality", "best_of") if key in fields}
    wanted = {key: value for key, value in asked.items() if value}
    model = maker.Args.model_validate({"prompt": "one of many", **wanted})
    guess = maker.forecast(model, studio)
    size = {"width": args.width or studio.settings.image.width, "height": args.height or studio.settings.image.height}
    key = ",".join([*(f"{k}={v}" for k, v in size.items()), "count=1"])
    seen = studio.memory.typical_seconds(MAKER, "+".join(sorted(maker.needs(model, studio))), key)
    return guess, guess.seconds if seen is None else seen


def _check_room(needed_mib: float, ctx: ToolContext) -> None:
    """Raises StudioError when the pictures will not fit on the disk: better now than in the middle."""
    free = shutil.disk_usage(ctx.workspace.home).free / 2**20
    if needed_mib + SPARE_MIB > free:
        raise StudioError(
            "There is not enough room on the disk for this batch",
            f"it needs about {needed_mib + SPARE_MIB:.0f} MiB, {free:.0f} MiB are free",
            "Free space, or ask for fewer or smaller pictures",
        )


def _all_failed(listed: list[Listed]) -> StudioError:
    first = next(one for one in listed if one.error is not None)
    assert first.error is not None
    count = len({one.error.sentence for one in listed if one.error is not None})
    more = "" if count == 1 else f" (and {count - 1} other reasons)"
    cause = f"{first.error.problem}{more}" + (f", {first.error.cause}" if first.error.cause else "")
    kind = UsageError if isinstance(first.error, UsageError) else StudioError
    return kind(f"None of the {len(listed)} pictures could be made", cause, first.error.fix)


def _result(
    args: GenerateBatchArgs, plan: Plan, job: str, listed: list[Listed], batch: BatchRun, ctx: ToolContext
) -> ToolResult:
    """The pictures that pass, or all when none does, then the sheet and the report."""
    there = [one for one in listed if one.asset is not None]
    good = [one for one in there if one.passed] or there
    pictures = tuple({one.asset.id: one.asset for one in good if one.asset is not None}.values())
    failed = [one for one in listed if one.error is not None]
    marked = [one for one in there if not one.passed]
    for one in failed[:SHOWN_WARNINGS]:
        assert one.error is not None
        ctx.warn(f"Picture {one.item.number} ({in_short(one.item.label, 60)}) was not made. {one.error.sentence}")
    for text in batch.told:
        ctx.warn(text)
    if marked:
        ctx.warn(_about_marked(marked, any(one.passed for one in there)))
    extra: list[Asset] = []
    if args.sheet:
        extra += save_sheets(plan, listed, ctx)
    extra.append(save_report(plan, job, listed, batch.made, ctx))
    best = max(there, key=lambda one: (one.passed, one.score))
    parts = ["1 picture asked for" if len(listed) == 1 else f"{len(listed)} pictures asked for", f"{batch.made} made"]
    parts += [f"{batch.kept} {'was' if batch.kept == 1 else 'were'} there already"] if batch.kept else []
    twins = sum(1 for one in listed if one.item.twin)
    parts += [f"{twins} listed twice"] if twins else []
    parts += [f"{len(marked)} below the pass mark"] if marked else []
    parts += [f"{len(failed)} failed"] if failed else []
    assert best.asset is not None
    summary = f"Batch '{in_short(plan.title)}': {', '.join(parts)}."
    summary += "".join(f" {note}." for note in (*plan.told, _about_alike(listed)) if note)
    if len(there) > 1:
        summary += f" Best: number {best.item.number} ({best.asset.id})."
    figures = {
        "pictures": len(listed),
        "made": batch.made,
        "kept": batch.kept,
        "failed": len(failed),
        "passed": len(there) - len(marked),
        "seconds_each": round(batch.seconds_each, 3),
    }
    data = {"job": job, "pictures": [one.row() for one in listed]}
    return ToolResult(summary, (*pictures, *extra), figures, data=data)


def _about_alike(listed: list[Listed]) -> str:
    """'3 of them look alike (1, 4, 6)', or ''."""
    alike = sorted({number for one in listed if one.looks_like for number in (one.item.number, one.looks_like)})
    if not alike:
        return ""
    numbers = ", ".join(map(str, alike[:12])) + (" ..." if len(alike) > 12 else "")
    return f"{len(alike)} of them look alike ({numbers}): say more in the words, or ask for fewer"


def _about_marked(marked: list[Listed], others_pass: bool) -> str:
    if not others_pass:
        return "No picture reaches the pass mark, so all are listed"
    numbers = ", ".join(str(one.item.number) for one in marked[:12]) + (" ..." if len(marked) > 12 else "")
    return f"Below the pass mark: {numbers}. They are kept, and marked on the sheet, but not in the list"
