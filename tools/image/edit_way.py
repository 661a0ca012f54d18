"""How an edit of a picture is done: which engines it takes, and what is drawn, painted or only computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from memory.records import Asset
from tools.image.edit_base import Drawn, drawn_from
from tools.image.edit_plan import EditPlan, read_edit
from tools.spec import Studio, ToolArgs


class EditImageArgs(ToolArgs):
    image: str = Field(max_length=500, description="The picture: asset id, attached file, path or 'last'")
    instruction: str = Field(
        max_length=2000,
        description="What should be different, e.g. 'make the sky purple', 'replace the background with a forest', "
        "'remove the hat', 'make Luca smile', 'brighter', 'crop to a square', 'upscale 2x', 'extend to the left'",
    )
    mask: str = Field("", max_length=500, description="A picture that is white where something may change")
    strength: float = Field(0, ge=0, le=1, description="How much is painted anew, 0 = the usual amount (SDXL)")
    seed: int = Field(-1, ge=-1, lt=2**31, description="Same seed, same picture; -1 = from the instruction")
    count: int = Field(1, ge=1, le=4, description="How many variants (SDXL)")
    quality: Literal["", "draft", "standard", "final"] = Field("", description="'' = the setting image.quality")


@dataclass(frozen=True)
class Way:
    """How an edit is done: which engines it takes."""

    plan: EditPlan
    drawn: Drawn | None
    """The shot that is drawn again, where that is the way."""
    paints: bool
    """Whether SDXL paints."""
    layout: bool
    """Whether the picture's layout is needed for its parts."""

    @property
    def engines(self) -> frozenset[str]:
        preview = self.drawn is not None or self.layout
        return frozenset({name for name, wanted in (("preview", preview), ("sdxl", self.paints)) if wanted})


def way_of(args: EditImageArgs, source: Asset, studio: Studio) -> Way:
    """Raises UsageError for an instruction that cannot be read."""
    plan = read_edit(args.instruction)
    if args.mask and not plan.content and not plan.adjustments:
        plan = replace(plan, content="change", what=plan.text)
    drawn = drawn_from(source, studio.settings.image.quality)
    sdxl = studio.image_engine() == "sdxl"
    has_scene = bool(source.params.get("scene")) and not source.params.get("edits")
    redrawn = drawn is not None and not args.mask
    # a crop keeps the characters in it: where they are only the layout knows
    if redrawn and (plan.content or plan.partial or plan.crop or plan.extend or grows(plan)):
        return Way(plan, drawn, paints=False, layout=False)
    paints = sdxl and bool(plan.content or plan.extend or grows(plan))
    layout = has_scene and not args.mask and bool(plan.partial or plan.crop or (paints and plan.content))
    return Way(plan, None, paints, layout)


def grows(plan: EditPlan) -> bool:
    return bool(plan.enlarge) or (plan.size is not None and plan.crop is None)
