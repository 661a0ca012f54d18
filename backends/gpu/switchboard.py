"""The three switches of the studio, and what the memory holds."""

from __future__ import annotations

from typing import Any

from backends.gpu.arbiter import Arbiter
from backends.gpu.engine import OnStart, Swap
from configs.errors import UsageError


class Switchboard:
    """Brings one engine up and parks what may not be beside it; nothing is held afterwards."""

    def __init__(self, arbiter: Arbiter, *, llm: str, image: str, voice: str) -> None:
        """`llm`, `image`, `voice`: names of the engines that the three switches mean."""
        self.arbiter, self.llm, self.image, self.voice = arbiter, llm, image, voice

    def switch_to_llm(
        self, name: str | None = None, *, on_start: OnStart | None = None, wait_s: float = 1800.0
    ) -> list[Swap]:
        """A language model, the usual one or another by name. Returns what was changed.

        Raises UsageError for a name that is no language model, EngineError when it cannot be brought up.
        """
        chosen = name or self.llm
        spec = self.arbiter.table.engines.get(chosen)
        if spec is not None and spec.kind != "llm":
            raise UsageError(
                f"'{chosen}' is no language model", f"it is an engine for {spec.kind}",
                f"Known are {', '.join(self.arbiter.table.of_kind('llm'))}",
            )  # fmt: skip
        return self._switch(chosen, on_start, wait_s)

    def switch_to_sdxl(self, *, on_start: OnStart | None = None, wait_s: float = 1800.0) -> list[Swap]:
        """The picture engine. Returns what was changed. Raises EngineError."""
        return self._switch(self.image, on_start, wait_s)

    def switch_to_tts(
        self, allow_with_llm: bool = True, *, on_start: OnStart | None = None, wait_s: float = 1800.0
    ) -> list[Swap]:
        """The voice engine. Returns what was changed. Raises EngineError.

        Args:
            allow_with_llm: True: a language model stays up where the table and the memory allow it; False: it is
                parked, once the voice is there (a voice that cannot come up costs nobody anything).
            on_start: told how the start goes.
            wait_s: longest wait for others, seconds.
        """
        changed = self._switch(self.voice, on_start, wait_s)
        if not allow_with_llm:
            for name in self.arbiter.table.of_kind("llm"):
                if name in self.arbiter.active():
                    changed += self.arbiter.park(name, wait_s=wait_s)
        return changed

    def get_vram_usage(self) -> dict[str, Any]:
        """What the memory holds now, MiB; works without a GPU too.

        Keys: gpu (bool), reason (why there is none), devices [{device, name, total_mib, used_mib, free_mib, budget_mib,
        engines_mib}], engines [{name, kind, device, state, need_mib, learned, held_mib}].
        """
        seen = self.arbiter.look()
        budget = {device: self.arbiter.budget(device) for device in ("cpu", "gpu")}
        engines = [
            {**{k: row[k] for k in ("name", "kind", "state", "need_mib", "learned", "held_mib")},
             "device": self.arbiter.counted_on(row["name"])}
            for row in self.arbiter.status()
        ]  # fmt: skip
        held = {d: sum(e["held_mib"] for e in engines if e["device"] == d) for d in budget}
        devices = [
            {
                "device": f"gpu:{card.index}", "name": card.name, "total_mib": card.total_mib,
                "used_mib": card.used_mib, "free_mib": card.free_mib, "budget_mib": budget["gpu"],
                "engines_mib": held["gpu"],
            }
            for card in seen.devices
        ]  # fmt: skip
        devices.append({
            "device": "cpu", "name": "main memory", "total_mib": seen.ram_total_mib, "used_mib": seen.ram_used_mib,
            "free_mib": seen.ram_free_mib, "budget_mib": budget["cpu"], "engines_mib": held["cpu"],
        })  # fmt: skip
        return {"gpu": seen.has_gpu, "reason": seen.reason, "devices": devices, "engines": engines}

    def _switch(self, name: str, on_start: OnStart | None, wait_s: float) -> list[Swap]:
        lease = self.arbiter.lease([name], f"switch to {name}", wait_s=wait_s, on_start=on_start)
        lease.release()
        return list(lease.swaps)
