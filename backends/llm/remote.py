"""The `llm` brain: any OpenAI-compatible endpoint (vLLM, llama.cpp, ...), with retries, time limits and repair."""

from __future__ import annotations

import asyncio
import concurrent.futures
import difflib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI
from pydantic import Field, PrivateAttr
from tenacity import AsyncRetrying, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from backends.llm.answers import ThoughtFilter, complaint, mended
from backends.llm.strict import strict_tool
from backends.llm.understanding import Capabilities
from configs.errors import EngineError, StudioError
from configs.settings import LlmSettings

_PROBE_SECONDS = 5.0
"""Longest wait for the list of models, whatever the time limit of an answer is."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 4.0
_OF_THE_GATEWAY = ("model_", "upstream_", "connect_", "first_token_", "total_")
"""How the codes of the studio's own gateway begin when the model behind it fails."""
_SERVED = "Look at 'studio models status' and 'studio models logs', or use the built-in brain (brain: offline)"
_OFFLINE = "Start the server, correct llm.base_url, or use the built-in brain (brain: offline)"


class LlmBrain(ChatOpenAI):
    """A served language model. Tool turns are never streamed: their parsers lose calls (vllm#19056, #21301, #28297).

    Raises EngineError in one sentence when the endpoint is down, too slow, or answers nonsense twice.
    """

    attempts: int = Field(default=3, ge=1)
    """Tries at a request that fails on the way: no connection, 429, 5xx."""
    total_s: float = Field(default=60.0, gt=0)
    """Longest wait for one answer, all its tries included."""
    strict_tools: bool = True
    _pool: concurrent.futures.ThreadPoolExecutor = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._pool = concurrent.futures.ThreadPoolExecutor(max_workers=4, thread_name_prefix="llm")

    @property
    def where(self) -> str:
        """Host and port of the endpoint, without credentials."""
        parts = urlsplit(str(self.openai_api_base or ""))
        return f"{parts.hostname or 'the endpoint'}{f':{parts.port}' if parts.port else ''}"

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: dict[str, Any] | type | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools; their own schemas are kept beside the strict ones to mend the answers.

        Args:
            tools: in any form that LangChain knows.
            tool_choice: 'auto', 'required', 'none' or a tool's name.
            strict: None = the setting llm.strict_tools.
            parallel_tool_calls: None = not said (most servers allow several calls per answer); False = one per answer.
        """
        plain = [convert_to_openai_tool(tool) for tool in tools]
        own = {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in plain}
        shown = [strict_tool(tool) for tool in plain] if (self.strict_tools if strict is None else strict) else plain
        forced = tool_choice if isinstance(tool_choice, str) and tool_choice in own else ""
        bound: dict[str, Any] = {**kwargs, "tools": shown, "own_schemas": own, "forced_tool": forced}
        if forced:
            bound["tool_choice"] = {"type": "function", "function": {"name": forced}}
        elif tool_choice:
            bound["tool_choice"] = tool_choice
        if response_format is not None:
            bound["response_format"] = response_format
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        return self.bind(**bound)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        future = self._pool.submit(self._answer, messages, stop, **kwargs)
        try:
            return future.result(timeout=self.total_s)
        except concurrent.futures.TimeoutError:
            raise self._too_slow() from None

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        schemas, forced = kwargs.pop("own_schemas", {}), kwargs.pop("forced_tool", "")

        async def ask(asked: list[BaseMessage]) -> ChatResult:
            async def once() -> ChatResult:
                return await super(LlmBrain, self)._agenerate(asked, stop, None, **kwargs)

            return await self._aretried(once)

        try:
            async with asyncio.timeout(self.total_s):
                wrong, seen = "", list(messages)
                for _ in range(2):
                    try:
                        answer = mended(_message(await ask(seen)), schemas, forced)
                        wrong = complaint(answer, schemas, forced)
                    except _NONSENSE as error:
                        answer, wrong = AIMessage(""), _nonsense(error)
                    if not wrong:
                        return _result(answer)
                    seen = _with_complaint(messages, answer, wrong)
        except TimeoutError:
            raise self._too_slow() from None
        except openai.OpenAIError as error:
            raise self._explained(error) from error
        raise self._unusable(wrong)

    def _answer(self, messages: list[BaseMessage], stop: list[str] | None, **kwargs: Any) -> ChatResult:
        """The same as `_agenerate`, for callers without an event loop."""
        schemas, forced = kwargs.pop("own_schemas", {}), kwargs.pop("forced_tool", "")
        wrong, seen = "", list(messages)
        retried = Retrying(**self._retry_policy())
        try:
            for _ in range(2):
                try:
                    result = retried(super()._generate, seen, stop, None, **kwargs)
                    answer = mended(_message(result), schemas, forced)
                    wrong = complaint(answer, schemas, forced)
                except _NONSENSE as error:
                    answer, wrong = AIMessage(""), _nonsense(error)
                if not wrong:
                    return _result(answer)
                seen = _with_complaint(messages, answer, wrong)
        except openai.OpenAIError as error:
            raise self._explained(error) from error
        raise self._unusable(wrong)

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        kwargs = {key: value for key, value in kwargs.items() if key not in ("own_schemas", "forced_tool")}
        thoughts = ThoughtFilter()
        try:
            async for chunk in super()._astream(*args, **kwargs):
                for shown in _shown(chunk, thoughts):
                    yield shown
        except openai.OpenAIError as error:
            raise self._explained(error) from error
        if rest := thoughts.rest():
            yield ChatGenerationChunk(message=AIMessageChunk(content=rest))

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        kwargs = {key: value for key, value in kwargs.items() if key not in ("own_schemas", "forced_tool")}
        thoughts = ThoughtFilter()
        try:
            for chunk in super()._stream(*args, **kwargs):
                yield from _shown(chunk, thoughts)
        except openai.OpenAIError as error:
            raise self._explained(error) from error
        if rest := thoughts.rest():
            yield ChatGenerationChunk(message=AIMessageChunk(content=rest))

    async def _aretried(self, call: Callable[[], Awaitable[ChatResult]]) -> ChatResult:
        result: ChatResult = await AsyncRetrying(**self._retry_policy())(call)
        return result

    def _retry_policy(self) -> dict[str, Any]:
        return {
            "stop": stop_after_attempt(self.attempts),
            "wait": wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S),
            "retry": retry_if_exception(_transient),
            "reraise": True,
        }

    def _too_slow(self) -> StudioError:
        return EngineError(
            "The language model is too slow",
            f"no answer from {self.where} within {self.total_s:g} s",
            "Raise llm.timeout_s, serve a smaller model, or use the built-in brain (brain: offline)",
        )

    def _unusable(self, wrong: str) -> StudioError:
        return EngineError(
            "The language model's answer cannot be used",
            f"twice: {wrong[0].lower()}{wrong[1:]}".rstrip("."),
            "Say it in other words, serve a model with tool calling, or use the built-in brain (brain: offline)",
        )

    def _explained(self, error: openai.OpenAIError) -> StudioError:
        """The client's error in the user's terms."""
        if isinstance(error, openai.APITimeoutError):
            return self._too_slow()
        if isinstance(error, openai.APIConnectionError):
            return EngineError("The language model does not answer", f"no connection to {self.where}", _OFFLINE)
        if isinstance(error, openai.APIStatusError):
            said = _said(error)
            if str(error.code or "").startswith(_OF_THE_GATEWAY):
                return EngineError("The language model cannot be used", said.rstrip("."), _SERVED)
            problems = {
                401: ("The language model refuses the key", "Set llm.api_key"),
                403: ("The language model refuses the key", "Set llm.api_key"),
                404: ("The language model is not served there", "Correct llm.model or llm.base_url"),
                429: ("The language model is busy", "Try again in a moment"),
            }
            problem, fix = problems.get(error.status_code, ("The language model failed", _OFFLINE))
            return EngineError(problem, f"{self.where} answered {error.status_code}: {said}", fix)
        return EngineError("The language model failed", " ".join(str(error).split())[:160], _OFFLINE)


_NONSENSE = (ValueError, KeyError, TypeError, AttributeError, IndexError, openai.APIResponseValidationError)
"""What langchain-openai raises for a body that is no chat completion."""


def make_llm_brain(settings: LlmSettings) -> tuple[LlmBrain, Capabilities]:
    """The brain behind `settings.base_url`. Raises EngineError when it does not answer or does not serve the model."""
    served = list_models(settings)
    model = settings.model
    if not model:
        if not served:
            raise EngineError("The endpoint serves no model", f"{settings.base_url} lists none", _OFFLINE)
        model = served[0]
    elif served and model not in served:
        near = difflib.get_close_matches(model, served, n=1, cutoff=0.0)
        raise EngineError(f"The endpoint does not serve '{model}'", fix=f"Set llm.model to '{near[0]}'")
    timeout = httpx.Timeout(settings.timeout_s, connect=settings.connect_timeout_s)
    # No idle connection is kept: one that outlives its event loop breaks the next asyncio.run().
    limits = httpx.Limits(max_keepalive_connections=0)
    brain = LlmBrain(
        model=model,
        base_url=settings.base_url,
        api_key=settings.api_key or "none",
        temperature=settings.temperature,
        timeout=timeout,
        max_retries=0,
        stream_usage=True,
        disable_streaming="tool_calling",
        use_responses_api=False,
        http_client=httpx.Client(timeout=timeout, limits=limits),
        http_async_client=httpx.AsyncClient(timeout=timeout, limits=limits),
        attempts=settings.retries,
        total_s=settings.timeout_s,
        strict_tools=settings.strict_tools,
    )
    return brain, Capabilities("llm", model, free_text=True, badge=model)


def list_models(settings: LlmSettings) -> list[str]:
    """Names that the endpoint lists; [] when it has no such list. Raises EngineError when nobody answers."""
    url = f"{settings.base_url.rstrip('/')}/models"
    limit = min(settings.timeout_s, _PROBE_SECONDS)
    timeout = httpx.Timeout(limit, connect=min(settings.connect_timeout_s, limit))
    try:
        answer = httpx.get(url, headers={"Authorization": f"Bearer {settings.api_key}"}, timeout=timeout)
        if answer.status_code in (404, 405):
            return []
        answer.raise_for_status()
        return [str(entry["id"]) for entry in answer.json()["data"]]
    except httpx.TimeoutException as error:
        raise EngineError(
            "The language model does not answer", f"nothing from {url} within {limit:g} s", _OFFLINE
        ) from error
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        fix = "Set llm.api_key" if code in (401, 403) else _OFFLINE
        raise EngineError("The language model cannot be used", f"{url} answered {code}", fix) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EngineError("The language model does not answer", f"no connection to {url}", _OFFLINE) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(
            "The endpoint is no language model", f"{url} did not answer with a list of models", _OFFLINE
        ) from error


def _transient(error: BaseException) -> bool:
    """Worth another try: the way was blocked, not the request wrong. A time-out has used up the time already."""
    if isinstance(error, openai.APITimeoutError):
        return isinstance(error.__cause__, httpx.ConnectTimeout)
    if isinstance(error, openai.APIStatusError) and error.code == "model_unavailable":
        return False  # the studio's own gateway: its start failed, and each further one takes minutes
    if isinstance(error, (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)):
        return True
    return isinstance(error, openai.APIStatusError) and error.status_code in (408, 409, 425)


def _said(error: openai.APIStatusError) -> str:
    """The server's own words, without the client's around them."""
    words = error.body.get("message") if isinstance(error.body, dict) else None
    return " ".join(str(words or error.message).split())[:400]


def _message(result: ChatResult) -> AIMessage:
    message = result.generations[0].message
    if not isinstance(message, AIMessage):
        raise TypeError("no assistant message")
    return message


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])


def _with_complaint(messages: list[BaseMessage], answer: AIMessage, wrong: str) -> list[BaseMessage]:
    """The conversation with what the model said and what was wrong; a bad call itself would be refused as history."""
    said = str(answer.content) or ", ".join(
        str(c.get("name")) for c in (*answer.tool_calls, *answer.invalid_tool_calls)
    )
    history = [AIMessage(said)] if said else []
    return [*messages, *history, HumanMessage(wrong)]


def _nonsense(error: Exception) -> str:
    return f"The answer is no chat completion ({type(error).__name__})"


def _shown(chunk: ChatGenerationChunk, thoughts: ThoughtFilter) -> Iterator[ChatGenerationChunk]:
    text = chunk.message.content
    if not isinstance(text, str) or not text:
        yield chunk
        return
    for piece in thoughts.feed(text):
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
