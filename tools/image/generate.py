"""generate_image: words (or a shot) -> measured pictures from the leased image engine."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version as package_version
from typing import Any, ClassVar

from pydantic import Field

from backends.image.engine import ImageRequest, ImageResult
from backends.image.layout.scene import CharacterLook, LayoutScene
from backends.image.layout.scene_json import scene_to_dict
from configs.errors import UsageError
from memory.records import Asset, Score
from tools.film.casting import cast_story, known_names, remember_cast
from tools.film.layers import Layers, collect_layers, save_layers
from tools.film.layout import Jitter, cast_looks, jitter, layout_scene
from tools.film.prompt import shot_prompt
from tools.film.reading import read_story
from tools.film.shot import SCALES, CastMember, Shot
from tools.film.single import single_shot, stable_seed
from tools.image.gates import identity_not_measured, identity_scores, picture_scores, total
from tools.image.provenance import PictureFacts, png_text
from tools.image.recipe import recipe_of
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

PREVIEW_SECONDS_PER_MEGAPIXEL = 6.5
"""Measured on two idle cores; the executor replaces it by what it sees."""
SDXL_SECONDS = 12.0


class GenerateImageArgs(ToolArgs):
    prompt: str = Field(
        "", max_length=4000, description="What the picture shows: who, what they do, where, when, framing"
    )
    character: str = Field("", max_length=200, description="Name of a remembered character who must be in the picture")
    style: str = Field("", max_length=500, description="Look of the picture, e.g. 'watercolour' (used by SDXL)")
    count: int = Field(1, ge=1, le=8, description="How many variants")
    width: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the setting image.width")
    height: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the setting image.height")
    seed: int = Field(-1, ge=-1, lt=2**31, description="Same seed, same picture; -1 = from the prompt")
    background: str = Field("", max_length=500, description="Where it plays, when the prompt does not say")
    shot: dict[str, Any] | None = Field(None, description="A storyboard's shot, instead of a prompt")
    cast: list[dict[str, Any]] = Field(default_factory=list, description="The storyboard's characters, with a shot")
    layers: bool = Field(False, description="Keep depth and faces beside the picture, for animation")
    mouths: dict[str, list[str]] = Field(
        default_factory=dict, description="Mouth shapes to keep per character who speaks in the shot"
    )


@dataclass(frozen=True)
class Wish:
    """What is to be drawn, whichever way it was asked for."""

    shot: Shot
    members: tuple[CastMember, ...]
    looks: dict[str, CharacterLook]
    prompt: str
    negative: str
    name: str
    wish: str


@dataclass(frozen=True)
class Take:
    """One try at a picture."""

    rgb: Any
    scene: LayoutScene
    engine: str
    version: str
    seed: int
    params: dict[str, Any]
    scores: tuple[Score, ...]
    layers: Layers | None = None

    @property
    def passed(self) -> bool:
        return all(score.passed is not False for score in self.scores)


class GenerateImage(Tool):
    name: ClassVar[str] = "generate_image"
    description: ClassVar[str] = (
        "Makes one or more pictures from a description; remembered characters keep their look. "
        "Use it for 'draw', 'show', 'picture of'; for a film use make_film."
    )
    Args: ClassVar[type[ToolArgs]] = GenerateImageArgs
    makes = "image"

    def needs(self, args: GenerateImageArgs, studio: Studio) -> frozenset[str]:
        return frozenset({studio.image_engine()})

    def forecast(self, args: GenerateImageArgs, studio: Studio) -> Forecast:
        image = studio.settings.image
        megapixels = (args.width or image.width) * (args.height or image.height) / 1e6
        each = SDXL_SECONDS if studio.image_engine() == "sdxl" else 1.5 + PREVIEW_SECONDS_PER_MEGAPIXEL * megapixels
        return Forecast(seconds=each * args.count, disk_mib=2.5 * megapixels * args.count)

    def run(self, args: GenerateImageArgs, ctx: ToolContext) -> ToolResult:
        width, height = args.width or ctx.settings.image.width, args.height or ctx.settings.image.height
        if width < 64 or height < 64:
            raise UsageError(f"A picture of {width}x{height} pixels is too small", fix="Ask for at least 64x64")
        wish = _wish(args, ctx)
        engine = ctx.engine("image")
        if args.style and getattr(engine, "renderer", None) is not None:
            ctx.warn(f"The preview engine has one look of its own: the style '{args.style}' needs SDXL")
        assets: list[Asset] = []
        failed: list[str] = []
        for number in range(args.count):
            note = wish.name if args.count == 1 else f"picture {number + 1} of {args.count}"
            take = _best_take(wish, number, (width, height), args, engine, ctx, note)
            failed += [_told(score) for score in take.scores if score.passed is False]
            assets.append(_save(take, wish, args, number, ctx))
            ctx.progress(number + 1, args.count, note)
        for sentence in dict.fromkeys(failed):
            ctx.warn(sentence)
        made = f"{len(assets)} pictures" if len(assets) > 1 else "a picture"
        first = assets[0]
        summary = f"Made {made} ({width}x{height}, engine {first.engine}): {wish.name}."
        if args.shot is None:
            new = remember_cast(ctx.memory, tuple(member for member in wish.members if member.named), ctx.thread)
            summary += f" New in memory: {', '.join(new)}." if new else ""
        figures = {score.name: score.value for score in first.scores if score.value is not None}
        return ToolResult(summary[:1000], tuple(assets), figures, data={"scores": figures})


def _wish(args: GenerateImageArgs, ctx: ToolContext) -> Wish:
    if args.shot is not None:
        shot = Shot.model_validate(args.shot)
        members = tuple(CastMember.model_validate(one) for one in args.cast)
        looks = cast_looks(members)
        prompt, negative = shot_prompt(shot, members, looks, args.style)
        return Wish(shot, members, looks, prompt, negative, shot.description or shot.id, "")
    text = args.prompt.strip()
    known = known_names(ctx.memory)
    if args.character:
        entry = ctx.memory.resolve_character(args.character)
        name = entry.name if entry else args.character.strip()
        known.append(name)
        if name.lower() not in text.lower():
            text = f"{name} {text}".strip()
    if not text:
        raise UsageError("There is nothing to draw", "the prompt is empty", "Say what the picture should show")
    if args.background:
        text = f"{text.rstrip(' .')}, in {args.background}"
    casting = cast_story(read_story(text, known, ctx.settings.voice.language), ctx.memory)
    for note in casting.notes:
        ctx.warn(note)
    seed = args.seed if args.seed >= 0 else stable_seed(f"{text}|{args.style}")
    names = tuple(member.name for member in casting.members)
    shot = single_shot(casting.story, names, seed)
    looks = cast_looks(casting.members)
    prompt, negative = shot_prompt(shot, casting.members, looks, args.style, wish=casting.story.text)
    return Wish(shot, casting.members, looks, prompt, negative, casting.story.text[:80], text)


def _best_take(
    wish: Wish, number: int, size: tuple[int, int], args: GenerateImageArgs, engine: Any, ctx: ToolContext, note: str
) -> Take:
    """Try until every gate passes, at most `budget.rounds` times; the best try is kept, not the last."""
    best: Take | None = None
    shot = wish.shot
    base = args.seed if args.seed >= 0 else shot.seed
    for attempt in range(ctx.settings.budget.rounds):
        ctx.cancel.check()
        vary = jitter(base, number + attempt * 11)
        if args.shot is not None:
            vary = Jitter()  # a film's framing was chosen by its director; a retry only steps back
        take = _take(shot, wish, vary, (base + number + attempt * 101) % 2**31, size, args, engine, ctx, note)
        if best is None or total(take.scores) > total(best.scores):
            best = take
        if take.passed:
            break
        shot = _step_back(shot)
        if shot == wish.shot and getattr(engine, "renderer", None) is not None and args.shot is not None:
            break  # nothing left to change: the same layout would give the same picture
    assert best is not None
    return best


def _step_back(shot: Shot) -> Shot:
    """One scale wider, eye level, more frontal: what cuts a face or hides a character."""
    wider = SCALES[min(SCALES.index(shot.camera.scale) + 1, len(SCALES) - 1)]
    camera = shot.camera.model_copy(update={"scale": wider, "angle": "eye", "yaw_deg": shot.camera.yaw_deg * 0.5})
    return shot.model_copy(update={"camera": camera})


def _take(
    shot: Shot,
    wish: Wish,
    vary: Jitter,
    seed: int,
    size: tuple[int, int],
    args: GenerateImageArgs,
    engine: Any,
    ctx: ToolContext,
    note: str,
) -> Take:
    width, height = size
    scene = layout_scene(shot, wish.looks, vary)

    def on_step(step: int, steps: int) -> None:
        ctx.progress(step / max(steps, 1) * 0.9, 1, note)

    request = ImageRequest(wish.prompt, wish.negative, width, height, seed, layout=scene)
    renderer = getattr(engine, "renderer", None)
    if renderer is not None:
        from backends.image.preview import LOOK_VERSION

        frame = renderer.render(scene, width, height, on_step=on_step)
        layers = collect_layers(renderer, frame, scene, args.mouths) if args.layers else None
        scores = (*picture_scores(frame.rgb), *identity_scores(frame, scene))
        version = f"{LOOK_VERSION}+mitsuba{package_version('mitsuba')}"
        params: dict[str, Any] = {"sampler": "mitsuba", "samples": renderer.samples}
        drawn = ImageResult(frame.rgb, engine.name, version, seed, 0.0, params)
        params = {**params, "recipe": recipe_of(request, drawn, ctx)}
        return Take(frame.rgb, scene, engine.name, version, seed, params, scores, layers)
    result = engine.generate(request, on_step)
    for warning in result.warnings:
        ctx.warn(warning)
    scores = (*picture_scores(result.image), *identity_not_measured(scene, result.engine))
    params = {**result.params, "recipe": recipe_of(request, result, ctx)}
    return Take(result.image, scene, result.engine, result.engine_version, result.seed, params, scores)


def _save(take: Take, wish: Wish, args: GenerateImageArgs, number: int, ctx: ToolContext) -> Asset:
    from backends.media.images import save_png

    height, width = take.rgb.shape[:2]
    params: dict[str, Any] = {
        "prompt": wish.wish or wish.prompt,
        "engine_prompt": wish.prompt,
        "negative_prompt": wish.negative,
        "scene": scene_to_dict(take.scene),
        "shot": wish.shot.model_dump(mode="json"),
        "width": width,
        "height": height,
        "cast": [member.model_dump(mode="json") for member in wish.members],
        "variant": number,
        **{key: value for key, value in take.params.items() if key not in ("scene", "layout")},
    }
    parents: tuple[str, ...] = ()
    if take.layers is not None:
        file = ctx.scratch(".npz")
        save_layers(take.layers, file)
        kept = ctx.save(
            file,
            "file",
            f"{wish.shot.id} layers",
            engine=take.engine,
            engine_version=take.version,
            params={"of": wish.shot.id},
            summary="Depth, masks and faces for animation",
        )
        params["layers"] = kept.id
        parents = (kept.id,)
    picture = ctx.scratch(".png")
    facts = PictureFacts(take.params["recipe"], take.scores, parents, "generate_image", wish.wish)
    save_png(picture, take.rgb, png_text(facts))
    name = wish.name if args.count == 1 else f"{wish.name} ({number + 1})"
    return ctx.save(
        picture,
        "image",
        name,
        engine=take.engine,
        engine_version=take.version,
        params=params,
        seed=take.seed,
        parents=parents,
        scores=take.scores,
        summary=f"{wish.name}; engine {take.engine}",
    )


def _told(score: Score) -> str:
    mark = f"{score.value:.3g}, the mark is {score.threshold:.3g}"
    return f"The picture's {score.name} is {mark}: the best of the tries is kept"
