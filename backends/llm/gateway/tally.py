"""What is written down about one request: metrics, and one line in the log, never a word of the prompt."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backends.llm.gateway import metrics
from backends.llm.gateway.exchange import Exchange

log = logging.getLogger("studio.gateway")


class Tally:
    """One request. `begin` once the model is known; `report` at the end, however it ended."""

    def __init__(self, request: str) -> None:
        self.request, self.model, self.route = request, metrics.OTHER, metrics.OTHER
        self.stream = False
        self.code = 200
        self.reason = self.cache = ""
        self.retries = 0
        self.waited_s = 0.0
        self.tokens = {"prompt": 0, "completion": 0}

    def begin(self, model: str, stream: bool) -> None:
        self.model, self.stream = model, stream

    def cached(self, exchange: Exchange, result: str) -> None:
        self.cache = exchange.extra["x-studio-cache"] = result
        metrics.CACHE.labels(result).inc()

    @contextmanager
    def waits(self) -> Iterator[None]:
        began, gauge = time.monotonic(), metrics.of_model(self.model).waiting
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()
            self.waited_s += time.monotonic() - began

    @contextmanager
    def runs(self) -> Iterator[None]:
        gauge = metrics.of_model(self.model).running
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()

    def retried(self, reason: str) -> None:
        self.retries += 1
        self.reason = reason
        metrics.RETRIES.labels(self.model).inc()

    def aborted(self, reason: str, code: int) -> None:
        self.reason, self.code = reason, code
        metrics.ABORTED.labels(self.model, reason).inc()

    def count(self, usage: dict[str, Any], pieces: int) -> None:
        """Tokens as the upstream counted them; else each piece of a stream counts as one."""
        if not usage and not pieces:
            return
        self.tokens = {
            "prompt": _count(usage.get("prompt_tokens")),
            "completion": _count(usage.get("completion_tokens")) if usage else pieces,
        }
        figures = metrics.of_model(self.model)
        figures.prompt.inc(self.tokens["prompt"])
        figures.completion.inc(self.tokens["completion"])

    def report(self, exchange: Exchange) -> None:
        seconds = time.monotonic() - exchange.began
        metrics.requests(self.model, self.route, self.code).inc()
        first_s = exchange.first_at - exchange.began if exchange.first_at is not None else None
        if self.model != metrics.OTHER:
            figures = metrics.of_model(self.model)
            figures.seconds.observe(seconds)
            if first_s is not None and self.code == 200:
                figures.first_token.observe(first_s)
        if log.isEnabledFor(logging.INFO):
            facts = {
                "request": self.request,
                "model": self.model,
                "route": self.route,
                "code": self.code,
                "stream": self.stream,
                "seconds": round(seconds, 4),
                "waited_s": round(self.waited_s, 4),
                "first_s": None if first_s is None else round(first_s, 4),
                "tokens_in": self.tokens["prompt"],
                "tokens_out": self.tokens["completion"],
                "cache": self.cache,
                "retries": self.retries,
                "reason": self.reason,
            }
            log.info(" ".join(f"{key}={value}" for key, value in facts.items()), extra={"facts": facts})


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
