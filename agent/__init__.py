"""The LangGraph agent. `from agent import build_agent`; the import of the graph happens on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.build import build_agent as build_agent
    from agent.studio_agent import Decision as Decision
    from agent.studio_agent import StudioAgent as StudioAgent

__all__ = ["Decision", "StudioAgent", "build_agent"]


def __getattr__(name: str) -> Any:
    if name == "build_agent":
        from agent.build import build_agent

        return build_agent
    if name in ("Decision", "StudioAgent"):
        import agent.studio_agent

        return getattr(agent.studio_agent, name)
    raise AttributeError(name)
