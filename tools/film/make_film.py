"""make_film: a story -> storyboard -> lines -> pictures -> living shots -> an edited film with its timeline."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationError

from configs.errors import StudioError, UsageError
from tools.film.assemble import assemble
from tools.film.casting import known_names, remember_cast
from tools.film.check import film_scores
from tools.film.direct import shot_count
from tools.film.production import animate_shots, make_pictures, speak_lines, timed_board
from tools.film.reading import read_story
from tools.film.remembered import remember_film
from tools.film.shot import Storyboard
from tools.film.stages import reached
from tools.film.storyboard import MAX_STORY
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult
from tools.voice.dialogue_lines import speech_seconds
from tools.voice.subtitles import Names

PICTURE_SECONDS_PER_MEGAPIXEL = 10.0
"""A film's picture with its faces, two cores; measured."""


class MakeFilmArgs(ToolArgs):
    story: str = Field(max_length=MAX_STORY, description="What happens, in plain words; spoken lines in quotes")
    seconds: float = Field(15.0, ge=2, le=180, description="Length of the film in seconds")
    style: str = Field("", max_length=500, description="Look of the film, e.g. 'watercolour' (used by SDXL)")
    captions: bool = Field(True, description="Burn the spoken lines in as subtitles")
    subtitles: Names = Field(
        "changes",
        description="Whom the .srt names: 'changes' whoever begins to speak, 'none', or 'sdh' as for the deaf",
    )
    shots: int = Field(0, ge=0, le=60, description="How many shots; 0 = as many as the length needs")
    seed: int = Field(-1, ge=-1, lt=2**31, description="Same seed, same film; -1 = from the story")
    storyboard: dict[str, Any] | None = Field(
        None, description="A finished storyboard as data, instead of reading the story"
    )
    music: bool = Field(True, description="A soft bed of chords under the film")


def _foreseen_speech(args: MakeFilmArgs, studio: Studio) -> dict[str, float] | None:
    """Engine -> seconds it will speak ('': lines that are kept); None where the story cannot be read yet."""
    try:
        if args.storyboard is not None:
            lines = [line for shot in Storyboard.model_validate(args.storyboard).shots for line in shot.lines]
        else:
            story = read_story(args.story.strip(), known_names(studio.memory), studio.settings.voice.language)
            lines = [beat.line for beat in story.beats if beat.line is not None]
        return speech_seconds(studio, [(line.character, line.text, line.language, line.emotion) for line in lines])
    except (StudioError, ValidationError):
        return None


class MakeFilm(Tool):
    name: ClassVar[str] = "make_film"
    description: ClassVar[str] = (
        "Makes a whole animated short from a story: storyboard, pictures, voices, lip-sync, moves, sound, captions, "
        "an mp4 and an editable timeline. Use it for 'make a film / movie / short / animation'."
    )
    Args: ClassVar[type[ToolArgs]] = MakeFilmArgs
    makes = "video"
    effect = "create"
    time_limit_s: ClassVar[float] = 3600.0

    def uses(self, args: MakeFilmArgs, studio: Studio) -> frozenset[str]:
        speech = _foreseen_speech(args, studio)
        speaking = {studio.voice_engine()} if speech is None else {engine for engine in speech if engine}
        return frozenset({studio.image_engine(), *speaking})

    def forecast(self, args: MakeFilmArgs, studio: Studio) -> Forecast:
        film = studio.settings.film
        megapixels = film.width * film.height / 1e6
        shots = shot_count(args.seconds, args.shots)
        each = 15.0 if studio.image_engine() == "sdxl" else PICTURE_SECONDS_PER_MEGAPIXEL * megapixels
        moving = args.seconds * film.fps * megapixels * 0.06
        speech = sum((_foreseen_speech(args, studio) or {}).values())
        return Forecast(seconds=6 + shots * each + moving + speech, disk_mib=3 * shots * megapixels + 2 * args.seconds)

    def run(self, args: MakeFilmArgs, ctx: ToolContext) -> ToolResult:
        if not any(letter.isalpha() for letter in args.story) and args.storyboard is None:
            raise UsageError("There is no story to film", "the text has no words", "Say who does what, and where")
        reached(ctx, "storyboard")
        wanted: dict[str, Any] = {
            "story": args.story,
            "seconds": args.seconds,
            "shots": args.shots,
            "style": args.style,
            "seed": args.seed,
            "draw": False,
        }
        if args.storyboard is not None:
            wanted["storyboard"] = args.storyboard
        written = ctx.call("write_storyboard", wanted, key="storyboard", title="Storyboard")
        assert written.result is not None
        board = Storyboard.model_validate(written.result.data["storyboard"])
        for note in board.notes:
            ctx.warn(note)
        new = remember_cast(ctx.memory, board.characters, ctx.thread)
        reached(ctx, "voices")
        voices = speak_lines(board, ctx)
        board = timed_board(board, voices, args.seconds, ctx)
        reached(ctx, "pictures")
        pictures = make_pictures(board, voices, ctx)
        reached(ctx, "animation")
        clips = animate_shots(board, pictures, voices, ctx)
        reached(ctx, "edit")
        made = assemble(
            board, written.assets[0], pictures, clips, voices, ctx,
            captions=args.captions, music=args.music, names=args.subtitles,
        )  # fmt: skip
        scores = film_scores(made, board, voices, ctx)
        ctx.memory.set_scores(made.film.id, (*made.film.scores, *scores))
        for score in scores:
            if score.passed is False:
                ctx.warn(f"{score.name} is {score.value}, the mark is {score.threshold}")
        remember_film(made, board, voices, pictures, ctx)
        reached(ctx, "edit", 1.0, "done")
        film = ctx.memory.get_asset(made.film.id) or made.film
        engine = pictures[board.shots[0].id].engine
        seconds = sum(shot.seconds for shot in board.shots)
        spoken = "; ".join(f"{voice.line.character}: '{voice.line.text}'" for voice in voices)
        summary = f"Made the film '{board.title}': {seconds:.2f} s, {len(board.shots)} shots, pictures by {engine}."
        summary += f" Lines: {spoken}." if spoken else ""
        summary += f" New in memory: {', '.join(new)}." if new else ""
        figures = {score.name: score.value for score in film.scores if score.value is not None}
        return ToolResult(
            summary[:1000],
            (film, made.timeline, made.sheet, *made.subtitles),
            {"shots": len(board.shots), "seconds": round(seconds, 3), **figures},
            data={"storyboard": written.assets[0].id, "shots": [clips[shot.id].id for shot in board.shots]},
        )
