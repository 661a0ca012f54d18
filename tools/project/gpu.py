"""gpu_status: what the machine has free."""

from __future__ import annotations

import dataclasses

from backends.gpu.monitor import Snapshot, snapshot
from tools.spec import Tool, ToolArgs, ToolContext, ToolResult


class GpuStatus(Tool):
    name = "gpu_status"
    description = "Tell which GPU there is, how much of its memory is used and free, and which engines are loaded."
    effect = "read"

    class Args(ToolArgs):
        pass

    def run(self, args: Args, ctx: ToolContext) -> ToolResult:
        seen = snapshot()
        engines = ctx.engine_states()
        up = [f"{e['name']} ({e['need_mib']} MiB, {e['device']})" for e in engines if e["state"] == "active"]
        loaded = f"Loaded: {', '.join(up)}." if up else "No engine is loaded."
        facts = {**dataclasses.asdict(seen), "engines": engines}
        return ToolResult(summary=f"{_sentence(seen)} {loaded}", measurements=facts, data=facts)


def _sentence(seen: Snapshot) -> str:
    memory = f"main memory: {seen.ram_used_mib} of {seen.ram_total_mib} MiB used, {seen.ram_free_mib} MiB available"
    if not seen.devices:
        return f"No GPU ({seen.reason}); {memory}."
    cards = [
        f"GPU {d.index} {d.name}: {d.used_mib} of {d.total_mib} MiB used, {d.free_mib} MiB free"
        + (f", {d.utilisation_percent} % busy" if d.utilisation_percent is not None else "")
        for d in seen.devices
    ]
    return f"{'; '.join(cards)}; {memory}."
