"""The graph: understand -> recall -> plan -> approve -> act (looping) -> evaluate -> plan ... -> reply."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph

from agent.stages.act import act
from agent.stages.approve import approve
from agent.stages.evaluate import evaluate
from agent.stages.plan import plan
from agent.stages.recall import recall
from agent.stages.reply import reply
from agent.stages.understand import understand
from agent.state import State, TurnContext

RECURSION_LIMIT = 80
"""Super-steps of one turn. LangGraph's own default is 10007, which lets a confused model run for hours."""


def build_graph(checkpointer: BaseCheckpointSaver[Any] | None) -> Any:
    """The compiled graph; the nodes name their successors in their types."""
    graph = StateGraph(State, context_schema=TurnContext)
    for name, stage in {
        "understand": understand,
        "recall": recall,
        "plan": plan,
        "approve": approve,
        "act": act,
        "evaluate": evaluate,
        "reply": reply,
    }.items():
        graph.add_node(name, stage)
    graph.add_edge(START, "understand")
    graph.add_edge("reply", END)
    return graph.compile(checkpointer=checkpointer)
