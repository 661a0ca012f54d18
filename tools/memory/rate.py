"""rate_asset: the user's verdict on a result."""

from __future__ import annotations

from pydantic import Field

from tools.spec import Tool, ToolArgs, ToolContext, ToolResult


class RateAsset(Tool):
    name = "rate_asset"
    description = "Store how much the user likes a result, 1 to 5. Well rated results are found and reused first."
    effect = "create"
    at_once = True

    class Args(ToolArgs):
        asset: str = Field(description="The result: an asset id, a file name, or 'last'.")
        rating: int = Field(ge=1, le=5, description="1 = poor, 5 = excellent.")

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        asset = ctx.asset(args.asset)
        ctx.memory.rate(asset.id, args.rating, thread=ctx.thread)
        return ToolResult(
            summary=f"Rated {asset.name or asset.id} {args.rating} of 5.",
            data={"asset": asset.id, "rating": args.rating},
        )
