"""generate_image: words (or a shot) -> measured pictures from the leased image engine, the best of several takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from memory.records import Asset
from tools.film.casting import remember_cast
from tools.image.cost import Pictures, preview_cost, sdxl_cost
from tools.image.draw import Earlier, Order, draw, next_try
from tools.image.gates import wants_clip
from tools.image.identity import wants_identity
from tools.image.keep import keep_takes
from tools.image.means import choose_means, control_wish, picture_judge
from tools.image.report import failed_in_words, figures_of, invented_looks, summary_of
from tools.image.steering import steering_needs
from tools.image.takes import Ranking, Take, best_of
from tools.image.wish import LONGEST_PROMPT, Wish, picture_size, read_wish, readable, with_pose
from tools.spec import Forecast, Studio, Tool, ToolArgs, ToolContext, ToolResult

USUAL_MAPS = 2
"""Control maps that the studio takes from a layout."""
MOST_PICTURES = 8
LORA_WORDS = 200
"""Characters of a LoRA's name or trigger."""
EARLIER_LOOKED_AT = 60
"""Pictures of the conversation that a new one of the same words is compared with."""


class LoraArg(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=LORA_WORDS, description="Its name in the LoRA registry")
    weight: float | None = Field(None, ge=-2, le=2, description="Strength; null = the registry's")
    trigger: str = Field("", max_length=LORA_WORDS, description="The word that calls it, when the registry has none")


def _wrong_in(lora: Any) -> str:
    """What is wrong with one LoRA as it was asked for, '' for nothing."""
    if isinstance(lora, LoraArg):
        return ""
    if not isinstance(lora, dict):
        return f"{str(lora)[:40]!r} is no LoRA with a name and a weight"
    name, weight, trigger = lora.get("name"), lora.get("weight"), lora.get("trigger", "")
    if not isinstance(name, str) or not 1 <= len(name) <= LORA_WORDS:
        return "a LoRA is asked for by its name in the registry"
    if unknown := [str(key)[:40] for key in lora if key not in LoraArg.model_fields]:
        return f"a LoRA has a name, a weight and a trigger, but no '{unknown[0]}'"
    if weight is not None and (
        isinstance(weight, bool) or not isinstance(weight, int | float) or not -2 <= weight <= 2
    ):
        return f"the weight of '{name[:40]}' is a number from -2 to 2, not {str(weight)[:40]!r}"
    if not isinstance(trigger, str) or len(trigger) > LORA_WORDS:
        return f"the trigger of '{name[:40]}' is a word that calls it"
    return ""


class GenerateImageArgs(ToolArgs):
    prompt: str = Field(
        "", max_length=LONGEST_PROMPT, description="What the picture shows: who, what they do, where, when, framing"
    )
    character: str = Field("", max_length=200, description="Name of a remembered character who must be in the picture")
    style: str = Field("", max_length=500, description="Look of the picture, e.g. 'watercolour' (used by SDXL)")
    count: int = Field(1, ge=1, le=MOST_PICTURES, description="How many variants; for more use generate_batch")
    width: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the setting image.width")
    height: int = Field(0, ge=0, le=4096, description="Pixels; 0 = the setting image.height")
    seed: int = Field(-1, ge=-1, lt=2**31, description="Same seed, same picture; -1 = from the prompt")
    variant: int = Field(0, ge=0, le=199, description="Number of the first variant; 0 is the plain picture")
    unlike: list[str] | None = Field(
        None, max_length=200, description="Pictures that it should differ from; null = those of the same words so far"
    )
    background: str = Field("", max_length=500, description="Where it plays, when the prompt does not say")
    negative_prompt: str = Field("", max_length=2000, description="What must not be in the picture (SDXL)")
    quality: Literal["", "draft", "standard", "final"] = Field("", description="'' = the setting image.quality")
    steps: int = Field(0, ge=0, le=150, description="0 = as quality says (SDXL)")
    guidance: float = Field(0, ge=0, le=30, description="0 = as quality says (SDXL)")
    best_of: int = Field(0, ge=0, le=8, description="Takes per picture, the best is shown; 0 = setting image.best_of")
    control: str = Field("", max_length=500, description="A picture or control map that steers the new one (SDXL)")
    control_kinds: list[Literal["depth", "pose", "canny", "normal"]] = Field(
        default_factory=list, description="What to take from it; [] = what fits"
    )
    control_fit: Literal["", "crop", "pad"] = Field("", description="How a control picture of another size is fitted")
    control_scale: float = Field(0, ge=0, le=2, description="How much it steers; 0 = as the settings say")
    references: list[str] = Field(
        default_factory=list, max_length=8, description="Pictures to take the looks from (SDXL)"
    )
    loras: list[LoraArg] = Field(default_factory=list, max_length=8, description="LoRAs to use (SDXL)")
    fuse: bool = Field(False, description="Merge the LoRAs into the model: faster for long series")
    shot: dict[str, Any] | None = Field(None, description="A storyboard's shot, instead of a prompt")
    cast: list[dict[str, Any]] = Field(default_factory=list, description="The storyboard's characters, with a shot")
    layers: bool = Field(False, description="Keep depth and faces beside the picture, for animation")
    mouths: dict[str, list[str]] = Field(
        default_factory=dict, description="Mouth shapes to keep per character who speaks in the shot"
    )

    @model_validator(mode="before")
    @classmethod
    def _pose_named(cls, data: Any) -> Any:
        return with_pose(data)

    @field_validator("count", mode="before")
    @classmethod
    def _countable(cls, value: Any) -> Any:
        if isinstance(value, int) and value > MOST_PICTURES:
            raise ValueError(f"one call makes at most {MOST_PICTURES} pictures, generate_batch makes more")
        return value

    @field_validator("loras", mode="before")
    @classmethod
    def _well_said(cls, value: Any) -> Any:
        """In words for a user, not in those of the schema."""
        for one in value if isinstance(value, list) else [value]:
            wrong = _wrong_in(one)
            if wrong:
                raise ValueError(f'{wrong}: write each as {{"name": "luca_v2", "weight": 0.8}}')
        return value

    @field_validator("prompt", mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        return readable(value)


class GenerateImage(Tool):
    name: ClassVar[str] = "generate_image"
    description: ClassVar[str] = (
        "Makes one or more pictures from a description; remembered characters keep their look. "
        "Use it for 'draw', 'show', 'picture of'; for a film use make_film."
    )
    Args: ClassVar[type[ToolArgs]] = GenerateImageArgs
    makes = "image"
    time_limit_s: ClassVar[float] = 3600.0

    def needs(self, args: GenerateImageArgs, studio: Studio) -> frozenset[str]:
        engine = studio.image_engine()
        names = {engine}
        if engine == "sdxl":
            names |= steering_needs(studio, control_wish(args))
        if wants_identity(studio) or (engine == "sdxl" and wants_clip(studio.settings)):
            names.add("identity")
        return frozenset(names)

    def forecast(self, args: GenerateImageArgs, studio: Studio) -> Forecast:
        image = studio.settings.image
        preview = studio.image_engine() == "preview"
        asked = control_wish(args)
        from_layout = not preview and "preview" in steering_needs(studio, asked)
        pictures = Pictures(
            args.width or image.width,
            args.height or image.height,
            args.count * takes_of(args, image.best_of, preview),
            args.quality or image.quality,
            args.steps or None,
            args.guidance or None,
            nets=len(asked.kinds) or (USUAL_MAPS if from_layout else int(bool(asked.image))),
            layouts=args.count if from_layout else 0,
        )
        return preview_cost(pictures) if preview else sdxl_cost(pictures, studio.settings)

    def run(self, args: GenerateImageArgs, ctx: ToolContext) -> ToolResult:
        size = picture_size(args.width, args.height, ctx)
        wish = read_wish(args, ctx)
        engine = ctx.engines[Studio(ctx.settings, ctx.workspace, ctx.memory).image_engine()]
        means = choose_means(args, wish, engine, ctx)
        if args.seed >= 0:
            wish = replace(wish, shot=wish.shot.model_copy(update={"seed": args.seed}))
        assets: list[Asset] = []
        rankings: list[Ranking] = []
        earlier = [] if args.shot is not None else _earlier(wish, args.unlike, ctx)
        for number in range(args.count):
            order = Order(
                wish,
                means,
                size,
                args.variant + number,
                note=wish.name if args.count == 1 else f"picture {number + 1} of {args.count}",
                framed=args.shot is not None,
                layers=args.layers,
                mouths=args.mouths,
                earlier=tuple(earlier),
            )
            name = wish.name if args.count == 1 else f"{wish.name} ({number + 1})"
            ranking = self._takes(args, order, name, ctx)
            assets.append(keep_takes(ranking, order, name, ctx))
            rankings.append(ranking)
            best = ranking.best
            if same := same_picture(best, earlier):
                ctx.warn(f"This is the same picture as '{same}': the same words and the same seed ({best.seed})")
            earlier.append(Earlier(f"picture {number + 1}", str(best.params["phash"]), best.seed))
            ctx.progress(number + 1, args.count, order.note)
        for sentence in failed_in_words(rankings):
            ctx.warn(sentence)
        new: list[str] = []
        if args.shot is None:
            new = remember_cast(ctx.memory, tuple(member for member in wish.members if member.named), ctx.thread)
            for sentence in invented_looks(wish.members, new):
                ctx.warn(sentence)
        figures = figures_of(rankings)
        return ToolResult(summary_of(wish, size, rankings, new), tuple(assets), figures, data={"scores": figures})

    def _takes(self, args: GenerateImageArgs, order: Order, name: str, ctx: ToolContext) -> Ranking:
        count = takes_of(args, ctx.settings.image.best_of, order.means.draws_layouts)
        return best_of(
            lambda variation: draw(order, variation, ctx),
            count,
            seed=order.seed,
            rounds=ctx.settings.budget.rounds,
            change=partial(next_try, order),
            judge=picture_judge(order, ctx) if count > 1 else None,
            check=ctx.cancel.check,
            on_cancel=lambda ranking: keep_takes(ranking, order, name, ctx),
        )


def takes_of(args: GenerateImageArgs, setting: int, preview: bool) -> int:
    """Takes per picture. A film's shot is drawn once by the preview: its layout would give the same picture again."""
    if preview and args.shot is not None:
        return 1
    return args.best_of or setting


def same_picture(take: Take, earlier: Sequence[Earlier]) -> str:
    """The name of an earlier picture that is the same because nothing that decides it was changed; '' for none."""
    return next((one.name for one in earlier if (one.hash, one.seed) == (take.params["phash"], take.seed)), "")


def _earlier(wish: Wish, unlike: list[str] | None, ctx: ToolContext) -> list[Earlier]:
    """The pictures of `unlike`, or the conversation's of the same words."""
    found = []
    chosen = None if unlike is None else [a for one in unlike if (a := ctx.memory.get_asset(one)) is not None]
    for asset in ctx.memory.list_assets("image", ctx.thread, EARLIER_LOOKED_AT) if chosen is None else chosen:
        told = asset.params.get("phash")
        same = chosen is not None or (asset.tool == GenerateImage.name and asset.params.get("prompt") == wish.wish)
        if isinstance(told, str) and same:
            found.append(Earlier(asset.name, told, asset.seed))
    return found
