"""A deterministic brain for tests: answers in the order of its script, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

from backends.llm.understanding import Capabilities

Answer = AIMessage | Callable[[Sequence[BaseMessage]], AIMessage]


class ScriptedBrain(BaseChatModel):
    """`ScriptedBrain().enqueue(understands("speak"), calls(("speak", {...})), says("done"))`."""

    _script: list[Answer] = PrivateAttr(default_factory=list)
    _asked: list[Sequence[BaseMessage]] = PrivateAttr(default_factory=list)
    _tools: list[list[str]] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def asked(self) -> list[Sequence[BaseMessage]]:
        return self._asked

    @property
    def offered(self) -> list[list[str]]:
        return self._tools

    def enqueue(self, *answers: Answer) -> ScriptedBrain:
        self._script.extend(answers)
        return self

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:  # type: ignore[override]
        return self.bind(tools=tools, **kwargs)  # type: ignore[return-value]

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self._asked.append(messages)
        self._tools.append([t["function"]["name"] for t in kwargs.get("tools", [])])
        if not self._script:
            raise AssertionError(f"the script is over; asked with {messages[-1]}")
        answer = self._script.pop(0)
        message = answer if isinstance(answer, AIMessage) else answer(messages)
        return ChatResult(generations=[ChatGeneration(message=message)])


SCRIPTED = Capabilities(name="scripted", model="script", free_text=True, badge="script")


def understands(intent: str, *tools: str, **more: Any) -> AIMessage:
    args = {"intent": intent, "tools": list(tools or [intent]), **more}
    return AIMessage("", tool_calls=[{"name": "understand", "args": args, "id": "u"}])


def calls(*wanted: tuple[str, dict[str, Any]]) -> AIMessage:
    rows = [{"name": name, "args": args, "id": f"c{n}-{id(args)}"} for n, (name, args) in enumerate(wanted)]
    return AIMessage("", tool_calls=rows)


def says(text: str) -> AIMessage:
    return AIMessage(text)
