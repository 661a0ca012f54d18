"""render_timeline: from an OTIO timeline to a finished film, measured."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from configs.errors import StudioError
from memory.records import Asset, Score
from tools.editing.effects import foreign_effects
from tools.editing.encode import Bench, encode_segments, join_segments, prune
from tools.editing.gates import measure
from tools.editing.lettering import set_text
from tools.editing.level import level, write_mix
from tools.editing.mix import audible, mix_args
from tools.editing.presets import editing_presets
from tools.editing.program import Program, read_program
from tools.editing.segments import Frame, plan
from tools.editing.sources import SourceFinder
from tools.editing.timeline import load_timeline
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

if TYPE_CHECKING:
    import opentimelineio as otio

JOIN_SHARE = 0.15
"""Share of the progress bar for sound, joining and measuring."""


@dataclass(frozen=True)
class Rendered:
    """A finished film that is not an asset yet."""

    file: Path
    program: Program
    width: int
    height: int
    scores: tuple[Score, ...]
    pieces: int
    reused: int
    sources: tuple[Asset, ...]
    params: dict[str, Any]
    """What decides the picture and sound, for the record."""

    def save(
        self, ctx: ToolContext, name: str, *, parents: tuple[str, ...], params: dict[str, Any] | None = None
    ) -> Asset:
        """Record it as a video asset whose parents are `parents` and every source."""
        from imageio_ffmpeg import get_ffmpeg_version

        ids = dict.fromkeys((*parents, *(asset.id for asset in self.sources)))
        return ctx.save(
            self.file,
            "video",
            name,
            engine="ffmpeg",
            engine_version=str(get_ffmpeg_version()),
            params={**self.params, **(params or {})},
            parents=tuple(ids),
            scores=self.scores,
            summary=f"{self.program.seconds:.2f} s, {self.width}x{self.height} at {float(self.program.fps):g} fps",
        )

    @property
    def measurements(self) -> dict[str, Any]:
        figures: dict[str, Any] = {score.name: score.value for score in self.scores}
        return {**figures, "width": self.width, "height": self.height, "pieces": self.pieces, "reused": self.reused}


def render(
    timeline: otio.schema.Timeline,
    ctx: ToolContext,
    *,
    width: int = 0,
    height: int = 0,
    preview: bool = False,
) -> Rendered:
    """Draw, mix, join and measure a timeline into a scratch file.

    width, height: pixels; 0 = the timeline's, one of them alone keeps its shape. preview: small and fast.
    Finished pieces stay in the workspace's cache, so that a cancelled or repeated render goes on from there. The same
    timeline, sources and ffmpeg give the same bytes.

    Raises UsageError when a source or a caption cannot be used, Cancelled when stopped, StudioError when ffmpeg fails.
    """
    finder = SourceFinder(ctx)
    program = read_program(timeline, finder.find)
    for name in foreign_effects(timeline):
        ctx.warn(f"The effect '{name}' of the timeline cannot be rendered here and was left out")
    presets = editing_presets()
    profile = presets.encode.preview if preview else presets.encode.final
    frame = Frame(*_size(program, width, height, profile.height), program.fps)
    _check_words(program, frame, ctx)
    segments = plan(program)
    total = program.seconds / (1 - JOIN_SHARE)
    bench = Bench(
        ctx.workspace.cache,
        profile,
        ctx.cancel.check,
        lambda seconds: ctx.progress(seconds, total, "drawing the picture"),
    )
    pieces, made = encode_segments(segments, frame, bench)
    lufs = None if program.keep_loudness else ctx.settings.film.loudness_lufs
    cuts = audible(program)
    sound = None
    if cuts:
        ctx.progress(program.seconds, total, "mixing the sound")
        mixed, sound = ctx.scratch(".wav"), ctx.scratch(".wav")
        write_mix(mix_args(program, cuts), mixed, ctx.cancel.check)
        level(mixed, sound, lufs, ctx.cancel.check)
        mixed.unlink(missing_ok=True)
    ctx.progress(program.seconds * 1.08, total, "joining and measuring")
    film = ctx.scratch(".mp4")
    join_segments(pieces, frame, sound, film, ctx.cancel.check)
    scores = measure(film, program, lufs, sound=sound is not None, check=ctx.cancel.check)
    if scores[0].value != program.frames:
        raise StudioError(
            "The render is not frame-exact", f"{scores[0].value:g} frames came out, the timeline has {program.frames}"
        )
    for score in scores:
        if score.passed is False:
            ctx.warn(f"{score.name} is {score.value:g}, outside its mark of {score.threshold:g}")
    prune(ctx.workspace.cache)
    ctx.progress(total, total, "rendered")
    params = {
        "fps": str(program.fps),
        "crf": profile.crf,
        "preset": profile.preset,
        "preview": preview,
        "loudness_lufs": lufs,
    }
    used = tuple(finder.assets.values())
    return Rendered(film, program, frame.width, frame.height, scores, len(segments), len(segments) - made, used, params)


def _size(program: Program, width: int, height: int, most: int) -> tuple[int, int]:
    """Even pixels: what was asked for, in the timeline's shape, not higher than `most` (0 = any)."""
    shape = Fraction(program.width, program.height)
    if not width and not height:
        width, height = program.width, program.height
    width, height = width or round(height * shape), height or round(width / shape)
    if most and height > most:
        width, height = round(width * most / height), most
    return max(2, width - width % 2), max(2, height - height % 2)


def _check_words(program: Program, frame: Frame, ctx: ToolContext) -> None:
    """Set every caption once before anything is drawn: a caption that cannot be set fails early."""
    missing = "".join(set_text(word.text, word.style, frame.width, frame.height).missing for word in program.words)
    if missing:
        letters = " ".join(dict.fromkeys(missing))
        ctx.warn(f"No caption font here has {letters[:60]}; left out (add a font in configs/captions.yaml)")


class RenderTimelineArgs(ToolArgs):
    timeline: str = Field(description="The timeline (.otio): asset id, name, or path in the workspace.")
    width: int = Field(0, ge=0, le=4096, description="Pixels; 0 = as the timeline says.")
    height: int = Field(0, ge=0, le=4096, description="Pixels; 0 = as the timeline says.")
    preview: bool = Field(False, description="True: a small, quick version to look at.")


class RenderTimeline(Tool):
    """Renders a timeline to an mp4."""

    name = "render_timeline"
    description = (
        "Render an editable timeline (.otio) to a finished mp4 with its cuts, transitions, captions and sound. "
        "Use it after a timeline was made or changed; edit_video and make_film already render."
    )
    Args = RenderTimelineArgs
    makes = "video"

    def forecast(self, args: RenderTimelineArgs, studio: Studio) -> Forecast:
        return Forecast(seconds=6.0 if args.preview else 15.0, disk_mib=20.0)

    def run(self, args: RenderTimelineArgs, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.timeline, "timeline")
        timeline = load_timeline(ctx.path(asset))
        made = render(timeline, ctx, width=args.width, height=args.height, preview=args.preview)
        title = str(timeline.name or Path(asset.name).stem)
        film = made.save(ctx, f"{title}.mp4", parents=(asset.id,))
        return ToolResult(summary(made, title), (film,), made.measurements)


def summary(made: Rendered, title: str) -> str:
    """One line on a render: size, length, loudness, and what was reused."""
    text = (
        f"Rendered '{title}': {made.program.seconds:.2f} s, {made.program.frames} frames, "
        f"{made.width}x{made.height} at {float(made.program.fps):g} fps"
    )
    loud = next((score for score in made.scores if score.name == "loudness_lufs"), None)
    if loud is None:
        text += ", no sound"
    elif loud.value is not None:
        text += f", {loud.value:.1f} LUFS"
    return text + (f"; {made.reused} of {made.pieces} pieces were reused" if made.reused else "") + "."
