"""Refusals in OpenAI's error shape."""

from __future__ import annotations

import json
from typing import Any

from configs.errors import StudioError, UsageError

RETRY_S = 5
"""Told to clients when it cannot be known how long a model stays busy."""


class Refusal(Exception):
    """A request that is not answered by a model; becomes `{"error": {message, type, param, code}}`.

    Args:
        status: HTTP status.
        message: one sentence for the user.
        code: a short name that programs may compare.
        param: the field of the body that is wrong.
        retry_s: seconds for the Retry-After header; 0 = none.
        allow: for 405, the right method.
        own: the upstream's error object, handed on as it is.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        param: str | None = None,
        retry_s: int = 0,
        allow: str = "",
        own: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_s, self.allow, self._own = retry_s, allow, own

    @property
    def kind(self) -> str:
        """OpenAI's name for the class of error."""
        known = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        return known.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")

    def body(self) -> bytes:
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return json.dumps({"error": self._own or error}).encode()

    def event(self) -> bytes:
        """The same as the last event of a stream."""
        return b"data: " + self.body() + b"\n\n"


class Transient(Refusal):
    """Nothing of the answer was seen yet, and another try may do better."""


class ClientTooSlow(Exception):
    """The client took no byte for too long, or sent none."""


class ClientGone(Exception):
    """The client hung up before its request was complete."""


def refusal_of(error: StudioError) -> Refusal:
    """Why a model could not be had."""
    if isinstance(error, UsageError):
        return Refusal(404, error.sentence, "model_not_found", param="model")
    return Refusal(503, error.sentence, "model_unavailable", retry_s=RETRY_S)
