"""render_timeline: from an OTIO timeline to a finished film, measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from backends.media.ffmpeg import FfmpegKilled, ffmpeg_version
from configs.errors import Cancelled, StudioError, UsageError
from memory.records import Asset, Score
from tools.editing.again import Again, explained, sent_back, smaller
from tools.editing.cost import seconds_to_draw
from tools.editing.effects import foreign_effects
from tools.editing.encode import Bench, encode_segments, join_segments, prune, side_by_side
from tools.editing.encoder import SOFTWARE, chosen_encoder
from tools.editing.gates import Looks, Render, look, measure, readable
from tools.editing.lettering import set_text
from tools.editing.level import Sound, finished_sound
from tools.editing.mix import FASTEST, SLOWEST, audible, unstretchable
from tools.editing.presets import EncodePreset, editing_presets
from tools.editing.program import Program, read_program
from tools.editing.seams import Stray
from tools.editing.seeing import seen_file
from tools.editing.segments import Frame, Segment, plan
from tools.editing.slip import slipped
from tools.editing.sources import SourceFinder
from tools.editing.timeline import load_timeline
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.labels import voices_tags

if TYPE_CHECKING:
    import opentimelineio as otio

JOIN_SHARE = 0.15
"""Share of the progress bar for sound, joining and measuring."""
PACE_SECONDS = 2.0
"""Before so long, nobody can say how long the rest will take."""


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
    strays: tuple[Stray, ...] = ()
    """Frames of another shot beside a cut."""
    timeline: otio.schema.Timeline | None = None
    """What was rendered."""

    def save(
        self, ctx: ToolContext, name: str, *, parents: tuple[str, ...], params: dict[str, Any] | None = None
    ) -> Asset:
        """Record it as a video asset whose parents are `parents` and every source."""
        ids = dict.fromkeys((*parents, *(asset.id for asset in self.sources)))
        return ctx.save(
            self.file,
            "video",
            name,
            engine="ffmpeg",
            engine_version=ffmpeg_version(),
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
    tidy: bool = False,
) -> Rendered:
    """Draw, mix, join and measure a timeline into a scratch file.

    width, height: pixels; 0 = the timeline's, one of them alone keeps its shape. preview: small and fast. tidy: clips
    whose stretch was measured are slipped in their sources where frames of another shot stand beside a cut; what was
    rendered is `Rendered.timeline`.
    Finished pieces stay in the workspace's cache, so that a cancelled or repeated render goes on from there. The same
    timeline, sources and ffmpeg give the same bytes (with x264; a hardware encoder's are its own).

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
    _check_sound(program, ctx)
    work = _Work(program, frame, plan(program), profile, None if program.keep_loudness else loudness_of(ctx), ctx)
    heard = [ctx.path(asset) for asset in finder.assets.values() if asset.kind in ("audio", "video")]
    work.comment = voices_tags(heard).get("comment", "")
    made = work.make()
    verdict = measure(made, ctx.cancel.check)
    back = sent_back(verdict, made, work.fresh, ctx.cancel.check)
    if back:
        ctx.warn(f"The first try was made again: {'; '.join(back.reasons)}")
        work.take_back(back)
        made = work.make()
        verdict = measure(made, ctx.cancel.check)
    if tidy and (moved := slipped(timeline, made.looks.pieces.strays)) is not None:
        return render(moved, ctx, width=width, height=height, preview=preview)
    if made.sound is not None and made.sound.again:
        ctx.warn(f"The sound was made again: {made.sound.again}")
    scores = explained(verdict.scores, back)
    if scores[0].passed is not True:
        raise StudioError(
            "The render is not frame-exact", f"{scores[0].value:g} frames came out, the timeline has {program.frames}"
        )
    for score in scores:
        if score.passed is False:
            why = f" ({score.note})" if score.note else ""
            ctx.warn(f"{score.name} is {score.value:g}, outside its mark of {score.threshold:g}{why}")
    prune(ctx.workspace.cache)
    work.progress(work.total, "rendered")
    params = {
        "fps": str(program.fps),
        "encoder": work.encoder,
        "crf": profile.crf,
        "preset": profile.preset,
        "preview": preview,
        "loudness_lufs": work.lufs,
    }
    if verdict.sheet is not None:
        params["contact_sheet"] = verdict.sheet.relative_to(ctx.workspace.home).as_posix()
    used = tuple(finder.assets.values())
    strays = made.looks.pieces.strays
    size = (frame.width, frame.height)
    return Rendered(made.film, program, *size, scores, len(made.pieces), work.reused, used, params, strays, timeline)


def loudness_of(ctx: ToolContext) -> float:
    return ctx.settings.film.loudness_lufs


class _Work:
    """One render's encoding, mixing and joining, with its progress."""

    def __init__(
        self,
        program: Program,
        frame: Frame,
        segments: list[Segment],
        profile: EncodePreset,
        lufs: float | None,
        ctx: ToolContext,
    ) -> None:
        self.program, self.frame, self.segments = program, frame, segments
        self.profile, self.lufs, self._ctx = profile, lufs, ctx
        self.encoder = chosen_encoder()
        self.comment = ""
        self.total = program.seconds / (1 - JOIN_SHARE)
        self._begun = time.monotonic()
        self._pieces: list[Path] = []
        self._made: set[Path] = set()

    @property
    def fresh(self) -> frozenset[int]:
        """Numbers of the segments that this render drew."""
        return frozenset(number for number, piece in enumerate(self._pieces) if piece in self._made)

    @property
    def reused(self) -> int:
        """How many pieces were there before."""
        return len(self.segments) - len(self._made & set(self._pieces))

    def take_back(self, back: Again) -> None:
        """Forget what is made again."""
        self._discard(back.pieces)
        if back.words:
            self.program = smaller(self.program, back.words)
            self.segments = plan(self.program)

    def make(self) -> Render:
        """The film, joined."""
        try:
            return self._make()
        except (Cancelled, UsageError):
            raise
        except StudioError as error:
            if self.encoder == SOFTWARE:
                raise
            self._ctx.warn(f"The encoder {self.encoder} failed ({error.cause or error.problem}); x264 did the work")
            self.encoder = SOFTWARE
            return self._make()

    def _discard(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._pieces[number].unlink(missing_ok=True)
            seen_file(self._pieces[number]).unlink(missing_ok=True)

    def progress(self, done: float, note: str) -> None:
        self._ctx.progress(done, self.total, note)

    def _make(self, *, again: bool = False) -> Render:
        check, cache = self._ctx.cancel.check, self._ctx.workspace.cache
        cuts = audible(self.program)
        sounds: list[Sound] = []

        def mix(stop: Callable[[], None]) -> None:
            sounds.append(finished_sound(self.program, cuts, self.lufs, cache, stop))

        bench = Bench(cache, self.profile, check, self._drawn, self.encoder)
        self._pieces, made = encode_segments(self.segments, self.frame, bench, [mix] if cuts else [])
        self._made |= made
        self.progress(self.program.seconds * 1.08, "joining and measuring")
        film = self._ctx.scratch(".mp4")
        sound = sounds[0] if sounds else None
        heard = sound.file if sound else None

        def look_at_pieces(check: Callable[[], None]) -> Looks:
            return look(self.program, self.frame, self.segments, self._pieces, cache, check)

        def join(check: Callable[[], None]) -> None:
            join_segments(self._pieces, self.segments, self.frame, heard, film, check, self.comment)

        try:
            looks = side_by_side(look_at_pieces, join, check)
        except FfmpegKilled:
            raise
        except StudioError:
            unusable = [n for n, piece in enumerate(self._pieces) if not readable(piece, self.segments[n].frames)]
            if not unusable or again:
                raise
            self._ctx.warn(f"Pieces that could not be read were made again: {len(unusable)} of {len(self._pieces)}")
            self._discard(unusable)
            return self._make(again=True)
        return Render(film, self.program, self.frame, self.segments, self._pieces, sound, self.lufs, cache, looks)

    def _drawn(self, ready: float, before: float) -> None:
        """Progress with the time left, from the pace of what this render has drawn itself."""
        note = "drawing the picture"
        passed, drawn = time.monotonic() - self._begun, ready - before
        if passed >= PACE_SECONDS and drawn > 0:
            left = passed * (self.program.seconds - ready) / drawn
            note += f", about {in_time(left)} left"
        self.progress(ready, note)


def in_time(seconds: float) -> str:
    """'8 s', '3 min', '1 h 20 min'."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _size(program: Program, width: int, height: int, most: int) -> tuple[int, int]:
    """Even pixels: what was asked for, in the timeline's shape, not higher than `most` (0 = any)."""
    shape = Fraction(program.width, program.height)
    if not width and not height:
        width, height = program.width, program.height
    width, height = width or round(height * shape), height or round(width / shape)
    if most and height > most:
        width, height = round(width * most / height), most
    return max(2, width - width % 2), max(2, height - height % 2)


def _check_sound(program: Program, ctx: ToolContext) -> None:
    if any(unstretchable(cut) for cut in program.audio):
        ctx.warn(f"A speed ramp beyond {SLOWEST:g} to {FASTEST:g} times is silent: no voice survives it")


def _check_words(program: Program, frame: Frame, ctx: ToolContext) -> None:
    """Set every caption once before anything is drawn: a caption that cannot be set fails early."""
    texts = [(word.text, word.style) for word in program.words]
    cards = [cut.title for cut in (*program.video, *program.overlays) if cut.title]
    texts += [(card.text, card.style) for card in cards if card.text.strip()]
    missing = "".join(set_text(text, style, frame.width, frame.height).missing for text, style in texts)
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
        fixed, per_million = (0.3, 0.007) if args.preview else (0.6, 0.018)
        seconds = seconds_to_draw(args.timeline, studio, fixed=fixed, per_million=per_million)
        return Forecast(seconds=seconds, disk_mib=20.0)

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
    else:
        text += ", silent" if loud.value is None else f", {loud.value:.1f} LUFS"
    return text + (f"; {made.reused} of {made.pieces} pieces were reused" if made.reused else "") + "."
