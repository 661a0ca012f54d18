"""What the studio says to a vLLM server: is it well, sleep, wake, one token.

Endpoints of vLLM 0.33.0: entrypoints/serve/dev/sleep/api_router.py, v1/engine/core.py (`sleep`, `wake_up`).
"""

from __future__ import annotations

import re
import time
from typing import Any

import httpx

from backends.gpu.engine import EngineOutOfMemory
from configs.errors import EngineError

QUICK_S = 5.0
ANSWER_BYTES = 16 * 2**20
"""The longest answer is that of /metrics, some hundred kB."""
_HEALTH_LIMIT = httpx.Timeout(2.0).as_dict()
_OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemory|CUDA_ERROR_OUT_OF_MEMORY", re.IGNORECASE)
_COUNTERS = ("vllm:generation_tokens_total", "vllm:prompt_tokens_total")


class NoAnswer(EngineError):
    """The server took longer than it was given."""


class VllmClient:
    """One server; every call has a time limit, for a sleeping or wedged one holds requests for ever."""

    def __init__(self, name: str, base_url: str, key: str) -> None:
        self.name, self.base_url = name, base_url
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Proxies of the environment are for others than this machine.
        self._http = httpx.Client(base_url=base_url, headers=self.headers, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def is_healthy(self) -> bool:
        """It answers; says nothing on whether it can work. The key is not sent."""
        try:
            request = httpx.Request("GET", f"{self.base_url}/health", extensions={"timeout": _HEALTH_LIMIT})
            answer = self._http.send(request, stream=True)
            answer.close()
            return answer.is_success
        except httpx.HTTPError:
            return False

    def serves(self, model: str) -> bool:
        """Whether it takes requests for `model` with our key."""
        try:
            return model in self.models()
        except EngineError:
            return False

    def models(self) -> list[str]:
        """Raises EngineError."""
        listed = self._json("GET", "/v1/models", QUICK_S)
        try:
            return [str(item["id"]) for item in listed["data"]]
        except (KeyError, TypeError) as error:
            raise self._garbage("/v1/models") from error

    def is_sleeping(self) -> bool:
        """True also while it waits for running requests before it sleeps. Raises EngineError."""
        said = self._json("GET", "/is_sleeping", QUICK_S)
        if not isinstance(said, dict) or not isinstance(said.get("is_sleeping"), bool):
            raise self._garbage("/is_sleeping")
        return bool(said["is_sleeping"])

    def sleep(self, seconds: float) -> None:
        """Level 1: weights to main memory, KV cache dropped; running requests are finished first.

        Level 2 answers gibberish after waking (vllm#29341), and the default mode 'abort' cuts streams. Raises
        EngineError; NoAnswer when requests still ran after `seconds`.
        """
        self._call("POST", "/sleep", seconds, params={"level": "1", "mode": "wait"})

    def wake(self, seconds: float, tags: tuple[str, ...] = ()) -> None:
        """Raises EngineOutOfMemory when the device is too full."""
        self._call("POST", "/wake_up", seconds, params=[("tags", tag) for tag in tags])

    def one_token(self, model: str, seconds: float) -> None:
        """A greedy token of a real completion. Raises EngineError."""
        body = {"model": model, "prompt": "1", "max_tokens": 1, "temperature": 0}
        said = self._json("POST", "/v1/completions", seconds, json=body)
        try:
            fine = isinstance(said["choices"][0]["text"], str)
        except (KeyError, IndexError, TypeError) as error:
            raise self._garbage("/v1/completions") from error
        if not fine:
            raise self._garbage("/v1/completions")

    def tokens(self) -> float | None:
        """Read and written since it started; None when it does not tell."""
        try:
            text = self._call("GET", "/metrics", QUICK_S).text
            lines = [line for line in text.splitlines() if line.startswith(_COUNTERS)]
            return sum(float(line.rsplit(" ", 1)[1]) for line in lines) if lines else None
        except (EngineError, ValueError, IndexError):
            return None

    def _json(self, method: str, path: str, seconds: float, **more: Any) -> Any:
        answer = self._call(method, path, seconds, **more)
        try:
            return answer.json()
        except ValueError as error:
            raise self._garbage(path) from error

    def _call(self, method: str, path: str, seconds: float, **more: Any) -> httpx.Response:
        limit = httpx.Timeout(seconds, connect=min(seconds, QUICK_S))
        until = time.monotonic() + seconds
        try:
            with self._http.stream(method, path, timeout=limit, **more) as began:
                answer = self._whole(began, path, until)
        except httpx.TimeoutException as error:
            raise NoAnswer(f"'{self.name}' did not answer {path} within {seconds:.0f} s") from error
        except httpx.HTTPError as error:
            raise EngineError(
                f"'{self.name}' could not be asked for {path}", str(error) or type(error).__name__
            ) from error
        if answer.is_success:
            return answer
        text = _message(answer)
        if _OUT_OF_MEMORY.search(text):
            raise EngineOutOfMemory(f"'{self.name}' found too little free GPU memory", text, "Make room on the GPU")
        raise EngineError(f"'{self.name}' refused {path}", f"{answer.status_code} {text}".strip())

    def _whole(self, answer: httpx.Response, path: str, until: float) -> httpx.Response:
        """With its body, which may trickle or have no end when somebody else answers. Raises EngineError."""
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > ANSWER_BYTES:
                raise self._garbage(path)
            if time.monotonic() > until:
                raise NoAnswer(f"'{self.name}' did not finish its answer to {path} in time")
        return httpx.Response(answer.status_code, content=bytes(body))

    def _garbage(self, path: str) -> EngineError:
        return EngineError(f"'{self.name}' does not answer {path} as vLLM does", f"at {self.base_url}")


def _message(answer: httpx.Response) -> str:
    """vLLM's error text, shortened."""
    try:
        said = answer.json()
        text = said["error"]["message"] if isinstance(said["error"], dict) else said["error"]
    except (ValueError, KeyError, TypeError):
        text = answer.text
    return " ".join(str(text).split())[:300]
