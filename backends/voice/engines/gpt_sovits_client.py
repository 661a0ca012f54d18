"""The protocol of GPT-SoVITS' `api_v2.py` over HTTP, its silent failures told as errors.

Facts are from RVC-Boss/GPT-SoVITS: `api_v2.py` and `GPT_SoVITS/TTS_infer_pack/TTS.py`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backends.voice.engines.cloned import is_silent
from backends.voice.engines.voice_server import ServerFailed, ServerGone, ServerHangs
from backends.voice.wav_bytes import decode_wav
from configs.errors import EngineError

if TYPE_CHECKING:
    import httpx

FAILED_RATE = 16000
"""A failed synthesis answers 200 with one second of zeros at this rate before it raises; no version speaks at it."""
CONNECT_S, SWITCH_S = 5.0, 120.0
FORGET_S = 60.0
"""After this long without a word, another client of a shared server may have switched its weights."""
SEEDS = 2**31


@dataclass(frozen=True)
class Utterance:
    """One request to speak, in the server's own terms."""

    text: str
    language: str
    """One of its languages, lower case: upper case passes its check and fails in an assertion."""
    reference: str
    """Path of the recording as the server sees it."""
    prompt_text: str
    prompt_language: str
    seed: int
    auxiliary: tuple[str, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)


class GptSovitsClient:
    """One server; calls from any thread wait for each other, as it has one worker and one cache for all."""

    def __init__(self, base_url: str, *, line_seconds: float, tries: int, shared: bool = False) -> None:
        """`shared`: other clients may use the server, so that what it has loaded is not known for long."""
        self.base_url = base_url.rstrip("/")
        self._line_seconds, self._tries, self._shared = line_seconds, tries, shared
        self.lock = threading.RLock()
        self._weights: dict[str, str] = {}
        self._reference = ""
        self._used_at = 0.0

    def answers(self, path: str = "/openapi.json", seconds: float = 5.0) -> bool:
        """Whether it is there: it has no health endpoint, its own description serves."""
        import httpx

        try:
            with self._client(seconds) as client:
                return client.get(path).is_success
        except httpx.HTTPError:
            return False

    def use(self, kind: str, path: str, confirm: Callable[[], None]) -> None:
        """Load weights of `kind` ('gpt' or 'sovits') unless they are loaded.

        Args:
            confirm: called after a switch; raises when something else was loaded.

        Raises EngineError when the server refuses them.
        """
        with self.lock:
            self._forget_when_stale()
            if self._weights.get(kind) == path:
                return
            self._weights.pop(kind, None)
            self._reference = ""  # what it worked out from the recording belongs to the old weights, and stays
            answer = self._get(f"/set_{kind}_weights", {"weights_path": path}, SWITCH_S)
            if answer.status_code != 200:
                raise EngineError(
                    f"GPT-SoVITS could not load the weights {path}",
                    _told(answer),
                    "Check that the file is there and whole, or train the voice again",
                )
            confirm()
            self._weights[kind] = path

    def know(self, **weights: str) -> None:
        """What a freshly started server has loaded."""
        with self.lock:
            self._weights, self._reference = dict(weights), ""
            self._used_at = time.monotonic()

    def refer(self, path: str) -> None:
        """Have it work out the recording anew, unless it did with these weights. Raises EngineError."""
        with self.lock:
            if self._reference == path:
                return
            answer = self._get("/set_refer_audio", {"refer_audio_path": path}, SWITCH_S)
            if answer.status_code != 200:
                raise EngineError(
                    "GPT-SoVITS could not use the recording of the voice",
                    _told(answer),
                    "Give a clear recording of 3 to 10 s that the server can read",
                )
            self._reference = path

    def speak(self, said: Utterance) -> tuple[NDArray[np.float32], int, int]:
        """Samples (N,) mono float32, the sample rate in Hz, and the seed that served.

        Silence, and anything at 16 kHz, is asked for again with other seeds. Raises EngineError.
        """
        with self.lock:
            self.refer(said.reference)
            for number in range(self._tries):
                seed = (said.seed + number) % SEEDS
                samples, rate = self._synthesise(said, seed)
                if rate != FAILED_RATE and not is_silent(samples):
                    return _without_padding(samples, rate), rate, seed
            raise ServerFailed(
                "GPT-SoVITS answered with silence",
                f"{self._tries} times, for '{said.text[:40]}'; that is how it answers when it fails inside",
                "Read its log; other words or another recording may help",
            )

    def _synthesise(self, said: Utterance, seed: int) -> tuple[NDArray[np.float32], int]:
        body = {
            "text": said.text,
            "text_lang": said.language.lower(),
            "ref_audio_path": said.reference,
            "aux_ref_audio_paths": list(said.auxiliary),
            "prompt_text": said.prompt_text,
            "prompt_lang": said.prompt_language.lower(),
            "seed": seed,
            "media_type": "wav",
            "streaming_mode": False,
            **said.sampling,
        }
        answer = self._ask("POST", "/tts", self._line_seconds, json=body)
        if answer.status_code != 200:
            raise ServerFailed(
                "GPT-SoVITS could not speak the line", _told(answer), "Try other words, or read the server's log"
            )
        try:
            return decode_wav(answer.content)
        except EngineError as error:
            kind = answer.headers.get("content-type", "no type")[:60]
            raise ServerFailed(
                "GPT-SoVITS' answer is no sound", f"{error.cause}, sent as {kind}", "Try again, or read its log"
            ) from error

    def _get(self, path: str, query: Mapping[str, str], seconds: float) -> httpx.Response:
        return self._ask("GET", path, seconds, params=dict(query))

    def _ask(self, method: str, path: str, seconds: float, **more: Any) -> httpx.Response:
        import httpx

        try:
            with self._client(seconds) as client:
                answer = client.request(method, path, **more)
        except httpx.TimeoutException as error:
            raise ServerHangs(
                "GPT-SoVITS does not answer",
                f"nothing came from {self.base_url}{path} within {seconds:g} s",
                "It is started afresh for the next line; raise line_seconds in tts_config.yaml if lines are this slow",
            ) from error
        except httpx.HTTPError as error:
            raise ServerGone(
                "The connection to GPT-SoVITS broke off",
                f"{type(error).__name__} at {self.base_url}{path}",
                "Read the server's log, and try again",
            ) from error
        self._used_at = time.monotonic()
        return answer

    def _client(self, seconds: float) -> httpx.Client:
        import httpx

        # Proxies of the environment are for others than this server.
        return httpx.Client(base_url=self.base_url, timeout=httpx.Timeout(seconds, connect=CONNECT_S), trust_env=False)

    def _forget_when_stale(self) -> None:
        if self._shared and time.monotonic() - self._used_at > FORGET_S:
            self._weights, self._reference = {}, ""


def _told(answer: httpx.Response) -> str:
    """What an answer of failure says: JSON {"message", "Exception"?}, or plain text for a 500."""
    try:
        said = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return f"HTTP {answer.status_code} {answer.text.strip()[:200]}".strip()
    if not isinstance(said, dict):
        return f"HTTP {answer.status_code} {str(said)[:200]}"
    message, cause = str(said.get("message") or said.get("detail") or ""), str(said.get("Exception") or "")
    return ": ".join(part[:200] for part in (message, cause) if part) or f"HTTP {answer.status_code}"


PADDING_S = 0.3
"""It ends each sentence with this much silence (`fragment_interval`)."""
PADDING_PEAK = 1e-3


def _without_padding(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Without the silence at the end, down to 20 ms of it."""
    loud = np.nonzero(np.abs(samples) > PADDING_PEAK)[0]
    return samples[: int(loud[-1]) + 1 + rate // 50] if len(loud) else samples
