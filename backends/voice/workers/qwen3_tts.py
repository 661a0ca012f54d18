"""Qwen3-TTS in an environment of its own: JSON lines over a socket of this machine, one answer per question.

Run by the studio with the Python that has `qwen-tts` (its pins conflict with others'); it imports nothing of the
studio. A question: {"key", "do": "ping"} or {"key", "do": "speak", "text", "language", "reference", "reference_text",
"seed"}. An answer: {"ok": true, "rate", "pcm": base64 of 16 bit mono} or {"ok": false, "error"}.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socketserver
import sys
import threading
import wave
from typing import Any

import numpy as np

KEY = "QWEN3_TTS_KEY"
PADDING_S = 0.5
"""Silence after the reference: without it, its last sound leaks into the line."""
LONGEST_LINE = 1 << 20
MOST_PROMPTS = 32


class Voice:
    """The model and what it worked out of references."""

    def __init__(self, model: str, device: str, dtype: str) -> None:
        import torch
        from qwen_tts import Qwen3TTSModel  # type: ignore[import-not-found]  # is in the other environment alone

        self._torch = torch
        self._model = Qwen3TTSModel.from_pretrained(model, device_map=device, dtype=getattr(torch, dtype))
        self._prompts: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def speak(self, question: dict[str, Any]) -> dict[str, Any]:
        """One line: the answer with its samples."""
        with self._lock:  # one model, one GPU
            prompt = self._prompt(str(question["reference"]), str(question.get("reference_text") or ""))
            self._torch.manual_seed(int(question.get("seed") or 0))
            waves, rate = self._model.generate_voice_clone(
                text=str(question["text"]), language=str(question["language"]), voice_clone_prompt=prompt
            )
        samples = np.asarray(waves[0], dtype=np.float32).reshape(-1)
        if not np.isfinite(samples).all():  # as zeros they would pass for pauses
            print("failed: the model's samples are no numbers (NaN)", file=sys.stderr, flush=True)
            return {"ok": True, "rate": int(rate), "pcm": ""}
        pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2").tobytes()
        return {"ok": True, "rate": int(rate), "pcm": base64.b64encode(pcm).decode()}

    def _prompt(self, path: str, text: str) -> Any:
        """Worked out once per recording; the studio names recordings by their content."""
        if (path, text) not in self._prompts:
            if len(self._prompts) >= MOST_PROMPTS:
                self._prompts.pop(next(iter(self._prompts)))
            self._prompts[path, text] = self._model.create_voice_clone_prompt(
                ref_audio=_padded(path), ref_text=text or None, x_vector_only_mode=not text
            )
        return self._prompts[path, text]


def _padded(path: str) -> tuple[Any, int]:
    with wave.open(path, "rb") as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768
    return np.concatenate([samples, np.zeros(round(PADDING_S * rate), dtype=np.float32)]), rate


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, voice: Voice, key: str) -> None:
        self.voice, self.key = voice, key
        super().__init__(("127.0.0.1", port), Handler)


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        line = self.rfile.readline(LONGEST_LINE)
        if not line:
            return
        try:
            answer = self._answer(json.loads(line))
        except Exception as error:  # whatever the model raises is told, and the worker goes on
            print(f"failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"[:500]}
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if not self.server.key or question.get("key") != self.server.key:
            return {"ok": False, "error": "the key is wrong"}
        if question.get("do") == "ping":
            return {"ok": True}
        if question.get("do") == "speak":
            return self.server.voice.speak(question)
        return {"ok": False, "error": f"there is no such thing to do: {question.get('do')!r}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dtype", default="bfloat16")
    args = parser.parse_args()
    print("loading the model", flush=True)
    voice = Voice(args.model, args.device, args.dtype)
    with Server(args.port, voice, os.environ.get(KEY, "")) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
