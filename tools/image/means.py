"""With what a call's pictures are drawn: quality, LoRAs, references, maps, a judge; and what the preview cannot do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from backends.image.control.models import MapModels
from configs.llm_services import vision_models
from memory.names import name_key
from memory.records import Score
from tools.image.draw import Means, Order
from tools.image.lora_words import strip_tags
from tools.image.loras import LoraWish, choose_loras
from tools.image.presets import preset_for
from tools.image.ranking import JUDGED
from tools.image.references import references_for
from tools.image.steering import ControlWish
from tools.image.takes import Take
from tools.image.wish import Wish
from tools.spec import ToolContext


class Asked(Protocol):
    """The arguments that choose the means."""

    style: str
    background: str
    negative_prompt: str
    quality: Any
    steps: int
    guidance: float
    control: str
    control_kinds: Any
    control_fit: Any
    control_scale: float
    references: list[str]
    loras: Any
    fuse: bool


def choose_means(args: Asked, wish: Wish, engine: Any, ctx: ToolContext) -> Means:
    """Raises UsageError for a LoRA, a reference or a weight that cannot be used."""
    quality = args.quality or ctx.settings.image.quality
    if getattr(engine, "renderer", None) is not None:
        for sentence in unused_by_preview(args):
            ctx.warn(sentence)
        return Means(engine, wish.prompt, wish.negative, quality)
    asked = [LoraWish(one.name, one.weight, one.trigger) for one in args.loras]
    background = args.background or wish.shot.set
    prompt, negative = with_presets(wish, ctx)
    choice = choose_loras(ctx.settings, wish.names, args.style, background, prompt, asked)
    for note in choice.notes:
        ctx.warn(note)
    references = references_for(ctx.settings, ctx, wish.names, args.references)
    return Means(
        engine,
        choice.prompt,
        negative,
        quality,
        args.steps or None,
        args.guidance or None,
        choice.uses,
        references,
        control_wish(args),
        args.fuse,
        MapModels(ctx.settings),
    )


def with_presets(wish: Wish, ctx: ToolContext) -> tuple[str, str]:
    """(prompt, negative prompt) with what character_presets.yaml says of the characters.

    A preset's description counts where memory has none; its negative always. Both come first, where SDXL surely reads
    them: it cuts the end of long prompts.
    """
    described, unwanted = [], []
    for name in wish.names:
        preset = preset_for(ctx.settings, name)
        if preset is None:
            continue
        entry = ctx.memory.resolve_character(name)
        # a character that was only ever named is remembered by its name alone
        told = entry is not None and name_key(entry.text) not in ("", name_key(entry.name))
        if preset.description.strip() and not told:
            described.append(f"{name}: {preset.description.strip()}")
        if preset.negative.strip():
            unwanted.append(preset.negative.strip())
    return ", ".join([*described, wish.prompt]), ", ".join([*unwanted, wish.negative])


def control_wish(args: Asked) -> ControlWish:
    """What the arguments ask of control maps."""
    return ControlWish(args.control, tuple(args.control_kinds), args.control_scale or None, args.control_fit)


def unused_by_preview(args: Asked) -> list[str]:
    """What was asked for and only SDXL can do, in sentences."""
    named = [f"'{name[:60]}'" for name, _ in strip_tags(getattr(args, "prompt", ""))[1]]
    told = [f"The preview engine has one look of its own: the style '{args.style}' needs SDXL"] if args.style else []
    asked = {
        "the negative prompt": args.negative_prompt,
        "steps": args.steps,
        "guidance": args.guidance,
        "the control picture": args.control or args.control_kinds or args.control_scale,
        "reference pictures": args.references,
        f"LoRAs ({', '.join(named[:4])})" if named else "LoRAs": args.loras or named,
    }
    names = [words for words, given in asked.items() if given]
    if names:
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        told.append(f"The preview engine draws the studio's own layout: {listed} had no influence, they need SDXL")
    return told


def picture_judge(order: Order, ctx: ToolContext) -> Callable[[Sequence[Take]], Sequence[Score]] | None:
    """What asks a served vision model about takes that pass; None when vision.judge is off or it is the preview."""
    if ctx.settings.vision.judge == "off" or order.means.draws_layouts:
        return None

    def judge(takes: Sequence[Take]) -> list[Score]:
        from backends.vision.judge import find_judge

        found, why = find_judge(ctx.settings.llm, vision_models(ctx.settings))
        if found is None:
            ctx.warn(f"No vision model judged the takes: {why.rstrip('.')}")
            return [Score(JUDGED, None, "not measured", "none", note=why) for _ in takes]
        scores = []
        for number, take in enumerate(takes, 1):
            ctx.progress(0.95, 1, f"{found.model} looks at take {number} of {len(takes)}")
            said = found.judge(take.rgb, order.wish.wish or order.wish.shot.description)
            if said.score is None:
                scores.append(Score(JUDGED, None, "not measured", said.model, note=said.reason))
            else:
                scores.append(Score(JUDGED, float(said.score), "judged", said.model, note="; ".join(said.faults)))
        return scores

    return judge
