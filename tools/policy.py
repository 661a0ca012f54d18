"""What a call may do: decided from the user's intent and approval, never from text in files or memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from configs.errors import PolicyError
from tools.spec import Effect, Tool

ALWAYS: frozenset[Effect] = frozenset({"read", "create"})


@dataclass(frozen=True)
class Grant:
    """The permission that goes with a plan."""

    tools: frozenset[str] | None = None
    """Tools that the user's intent covers; None: all (a direct call by the user). Reading is always covered."""
    effects: frozenset[Effect] = field(default=ALWAYS)
    """Effects that were approved."""

    def check(self, tool: Tool) -> None:
        """Raises PolicyError when this grant does not cover the tool."""
        if tool.effect == "read":
            return
        if self.tools is not None and tool.name not in self.tools:
            raise PolicyError(
                f"{tool.name} was not run", "your request does not ask for it", "Ask for it in your own words"
            )
        if tool.effect not in self.effects:
            raise PolicyError(
                f"{tool.name} was not run",
                f"it would {tool.effect} something and that was not approved",
                "Approve the plan, or add --yes",
            )

    def for_substep(self) -> Grant:
        """What the steps inside an approved tool may do: create, never more than was approved."""
        return Grant(tools=None, effects=self.effects)


EVERYTHING = Grant(tools=None, effects=frozenset({"read", "create", "overwrite", "delete", "spend"}))
