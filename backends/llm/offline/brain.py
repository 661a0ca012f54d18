"""The built-in brain as a LangChain chat model: no language model, no prose, one decision per message."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from backends.llm.facts import Facts, read_facts
from backends.llm.offline import dialogue
from backends.llm.offline.decide import decide
from backends.llm.offline.fitting import fit_args
from backends.llm.offline.lexicon import lexicon
from backends.llm.offline.planning import Decision
from backends.llm.offline.reading import Reader
from backends.llm.offline.request import Call
from backends.llm.offline.stand_ins import stand_ins
from backends.llm.understanding import CHAT, CLARIFY, DECLINE, UNDERSTAND, Capabilities


class OfflineBrain(BaseChatModel):
    """Maps messages to tool calls by templates, a classifier and slot extraction; asks when unsure.

    Every answer carries `response_metadata`: 'brain' ('offline'), 'matched' (template, classifier or rule), 'p'.
    """

    _reader: Reader = PrivateAttr()

    def __init__(
        self,
        embed: Callable[[list[str]], Any] | None = None,
        cache_dir: Path | None = None,
        *,
        packaged: bool = True,
        **kwargs: Any,
    ) -> None:
        """See `Reader` for the arguments."""
        super().__init__(**kwargs)
        self._reader = Reader(embed, cache_dir, packaged=packaged)

    @property
    def _llm_type(self) -> str:
        return "offline"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("offline", self._reader.stands_on, free_text=False, badge=lexicon().say("badge"))

    def warm(self) -> None:
        """Load the encoder and fit the classifier now instead of at the first unusual wish."""
        self._reader.warm()

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, AIMessage]:
        """Tools in any form that LangChain knows; `tool_choice='understand'` asks for the reading only."""
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=schemas, tool_choice=tool_choice, **kwargs)

    def decide(self, messages: Sequence[BaseMessage]) -> Decision:
        """The decision about the newest human message."""
        facts = read_facts(messages)
        humans = [str(message.text) for message in messages if isinstance(message, HumanMessage)]
        said = [
            Call(call["name"], dict(call["args"]))
            for message in messages[: _newest_human(messages)]
            if isinstance(message, AIMessage)
            for call in message.tool_calls
            if call["name"] != UNDERSTAND
        ]
        return decide(self._reader, humans[-1] if humans else "", facts, humans[:-1], said)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        schemas = {
            tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in kwargs.get("tools") or []
        }
        answers = [message for message in messages[_newest_human(messages) + 1 :] if isinstance(message, ToolMessage)]
        decision = self.decide(messages)
        if UNDERSTAND in schemas:
            message = self._understood(decision)
        elif answers:
            done = _done(messages[_newest_human(messages) :], answers)
            told = stand_ins(str(messages[_newest_human(messages)].text), done, decision.language)
            message = AIMessage("\n".join([dialogue.closing(answers, decision.language), *told]))
        elif decision.calls:
            message = AIMessage("", tool_calls=self._tool_calls(decision, schemas, messages))
        else:
            message = AIMessage(decision.text)
        message.response_metadata = {"brain": "offline", "matched": decision.matched, "p": round(decision.p, 3)}
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _understood(self, decision: Decision) -> AIMessage:
        args: dict[str, Any] = {
            "intent": decision.intent,
            "tools": list(dict.fromkeys(call.tool for call in decision.calls)),
            "question": decision.text if decision.intent == CLARIFY else "",
            "choices": list(decision.choices),
            "reason": decision.text if decision.intent == DECLINE else "",
            "language": decision.language,
            "answers": decision.answers,
            "confidence": round(min(1.0, decision.p), 3),
        }
        content = decision.text if decision.intent == CHAT else ""
        return AIMessage(content, tool_calls=[ToolCall(name=UNDERSTAND, args=args, id=_call_id(args, 0))])

    def _tool_calls(
        self, decision: Decision, schemas: dict[str, dict[str, Any]], messages: Sequence[BaseMessage]
    ) -> list[ToolCall]:
        calls = []
        for index, call in enumerate(decision.calls):
            args = fit_args(call.args, schemas[call.tool]) if call.tool in schemas else dict(call.args)
            calls.append(ToolCall(name=call.tool, args=args, id=_call_id([call.tool, args, len(messages)], index)))
        return calls


def _done(turn: Sequence[BaseMessage], answers: Sequence[ToolMessage]) -> list[Call]:
    """This turn's calls that did their work."""
    reported = {answer.tool_call_id for answer in answers if answer.status != "error"}
    return [
        Call(call["name"], dict(call["args"]))
        for message in turn
        if isinstance(message, AIMessage)
        for call in message.tool_calls
        if call["id"] in reported
    ]


def _newest_human(messages: Sequence[BaseMessage]) -> int:
    return max(
        (index for index, message in enumerate(messages) if isinstance(message, HumanMessage)), default=len(messages)
    )


def _call_id(content: object, index: int) -> str:
    """The same call in the same place has the same id, so that a resumed turn finds its steps again."""
    text = json.dumps([content, index], sort_keys=True, default=str, ensure_ascii=False)
    return f"call_{hashlib.sha256(text.encode()).hexdigest()[:20]}"


__all__ = ["Facts", "OfflineBrain"]
