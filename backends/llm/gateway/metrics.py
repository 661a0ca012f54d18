"""Figures of the gateway for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

REQUESTS = Counter("studio_gateway_requests", "Requests by how they ended.", ["model", "route", "code"])
FIRST_TOKEN = Histogram(
    "studio_gateway_first_token_seconds",
    "From the whole request read to the first byte of the answer, waiting for the model included.",
    ["model"],
    buckets=_SECONDS,
)
SECONDS = Histogram("studio_gateway_request_seconds", "Whole requests.", ["model"], buckets=_SECONDS)
RUNNING = Gauge("studio_gateway_running", "Requests that a model works on.", ["model"])
WAITING = Gauge("studio_gateway_waiting", "Requests that wait for their turn or for the model.", ["model"])
TOKENS = Counter("studio_gateway_tokens", "Tokens in and out.", ["model", "kind"])
CACHE = Counter("studio_gateway_cache", "How the cache was used.", ["result"])
RETRIES = Counter("studio_gateway_retries", "Further tries before the first byte.", ["model"])
ABORTED = Counter("studio_gateway_aborted", "Answers that were cut short.", ["model", "reason"])
OTHER = "other"
"""Label of all models that the gateway does not know."""


@dataclass(frozen=True)
class OfModel:
    """The figures of one model, looked up once and not per request."""

    seconds: Histogram
    first_token: Histogram
    running: Gauge
    waiting: Gauge
    prompt: Counter
    completion: Counter


@lru_cache(maxsize=256)
def of_model(model: str) -> OfModel:
    return OfModel(
        SECONDS.labels(model),
        FIRST_TOKEN.labels(model),
        RUNNING.labels(model),
        WAITING.labels(model),
        TOKENS.labels(model, "prompt"),
        TOKENS.labels(model, "completion"),
    )


@lru_cache(maxsize=1024)
def requests(model: str, route: str, code: int) -> Counter:
    return REQUESTS.labels(model, route, str(code))
