"""Questions to the Qwen3-TTS worker: a JSON line there, a JSON line back."""

from __future__ import annotations

import base64
import binascii
import json
import socket
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.gpu.servers.ports import HOST
from backends.voice.engines.voice_server import ServerFailed, ServerGone, ServerHangs
from configs.errors import EngineError

CONNECT_S = 5.0
CHUNK = 1 << 16
LEAST_RATE, MOST_RATE = 8000, 192_000
"""Hz."""
LONGEST_ANSWER = 256 << 20
"""Bytes; more than an hour of sound."""


class Qwen3Client:
    """One worker, known by its port and the key that it was started with."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key

    def answers(self, seconds: float) -> bool:
        try:
            self._ask({"do": "ping"}, seconds)
        except EngineError:
            return False
        return True

    def speak(
        self, text: str, language: str, reference: str, reference_text: str, seed: int, seconds: float
    ) -> tuple[NDArray[np.float32], int]:
        """Samples (N,) mono float32 and the sample rate in Hz. Raises EngineError."""
        question = {
            "do": "speak", "text": text, "language": language, "reference": reference,
            "reference_text": reference_text, "seed": seed,
        }  # fmt: skip
        answer = self._ask(question, seconds)
        try:
            pcm = np.frombuffer(base64.b64decode(answer["pcm"], validate=True), dtype="<i2")
            rate = int(answer["rate"])
            if not LEAST_RATE <= rate <= MOST_RATE:
                raise ValueError(f"{rate} samples per second")
        except (KeyError, TypeError, ValueError, OverflowError, binascii.Error) as error:
            raise ServerFailed(
                "The Qwen3-TTS worker's answer cannot be read", f"{type(error).__name__}: {error}", "Read its log"
            ) from error
        return pcm.astype(np.float32) / np.float32(32768), rate

    def _ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        line = self._exchange(json.dumps({**question, "key": self._key}).encode() + b"\n", seconds)
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ServerFailed(
                "The Qwen3-TTS worker's answer cannot be read", f"it begins with {line[:40]!r}", "Read its log"
            ) from error
        if not isinstance(answer, dict) or not answer.get("ok"):
            said = answer.get("error") if isinstance(answer, dict) else answer
            raise ServerFailed(
                "Qwen3-TTS could not speak the line", str(said)[:300], "Try other words, or read its log"
            )
        return answer

    def _exchange(self, line: bytes, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        parts: list[bytes] = []
        length = 0
        try:
            with socket.create_connection((HOST, self._port), timeout=min(CONNECT_S, seconds)) as connection:
                connection.sendall(line)
                while not (parts and parts[-1].endswith(b"\n")):
                    if (left := until - time.monotonic()) <= 0:  # it drips
                        raise TimeoutError
                    connection.settimeout(left)
                    part = connection.recv(CHUNK)
                    if not part:
                        raise ServerGone(
                            "The connection to the Qwen3-TTS worker broke off",
                            f"after {length} bytes of its answer",
                            "Read its log, and try again",
                        )
                    parts.append(part)
                    length += len(part)
                    if length > LONGEST_ANSWER:
                        raise EngineError("The Qwen3-TTS worker's answer has no end", f"{length} bytes so far")
        except TimeoutError as error:
            raise ServerHangs(
                "The Qwen3-TTS worker does not answer",
                f"nothing came within {seconds:g} s",
                "It is started afresh for the next line; raise line_seconds in tts_config.yaml if lines are this slow",
            ) from error
        except OSError as error:
            raise ServerGone(
                "The connection to the Qwen3-TTS worker broke off", error.strerror or str(error), "Try again"
            ) from error
        return b"".join(parts)
