"""A stand-in for GPT-SoVITS' `api_v2.py`: its true protocol and its traps, with eSpeak in place of the models.

    python fake_gpt_sovits.py -a 127.0.0.1 -p 9880 -c tts_infer.yaml

Shapes and orders of checks follow `api_v2.py` and `TTS.py` of RVC-Boss/GPT-SoVITS. What it speaks depends on the
reference (its pitch is measured) and on the content of the weights, so that a test hears which were used. The file
`faults.json` beside the yaml is read at each request: {"silent": n, "hang": s, "die": n, "ignore_weights": true,
"failure": text of the error behind a silence, "answer": text or "half" in place of the sound, "no_gpu": true}.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import signal
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import uvicorn
import yaml
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse
from numpy.typing import NDArray
from pydantic import BaseModel

sys.path += [str(folder) for folder in Path(__file__).resolve().parents[:2] if str(folder) not in sys.path]

from espeak_stand_in import speak_like

V1 = ("auto", "en", "zh", "ja", "all_zh", "all_ja")
V2 = (*V1, "auto_yue", "yue", "ko", "all_yue", "all_ko")
CUTS = tuple(f"cut{n}" for n in range(6))
RATES = {"v1": 32000, "v2": 32000, "v3": 24000, "v4": 48000, "v2Pro": 32000, "v2ProPlus": 32000}
PRETRAINED = "GPT_SoVITS/pretrained_models"
BASE = {
    "v2": (f"{PRETRAINED}/gsv-v2final-pretrained/s1.ckpt", f"{PRETRAINED}/gsv-v2final-pretrained/s2G2333k.pth"),
    "v2ProPlus": (f"{PRETRAINED}/s1v3.ckpt", f"{PRETRAINED}/v2Pro/s2Gv2ProPlus.pth"),
    "v3": (f"{PRETRAINED}/s1v3.ckpt", f"{PRETRAINED}/s2Gv3.pth"),
}
NOT_IN_RANGE = "参考音频在3~10秒范围外，请更换！"


class Pipeline:
    """`TTS` and `TTS_Config` in one: what is loaded, the caches, and the yaml that is rewritten at every switch."""

    def __init__(self, config: Path) -> None:
        self.config = config
        custom: dict[str, Any] = {}
        if config.exists():
            custom = dict((yaml.safe_load(config.read_text(encoding="utf-8")) or {}).get("custom") or {})
        else:
            print("路径不存在,使用默认配置")
        self.version = str(custom.get("version", "v2"))
        self.custom = custom
        if self.faults().get("no_gpu"):
            print("Warning: CUDA is not available, set device to CPU.", flush=True)
            custom |= {"device": "cpu", "is_half": False}
        base = BASE.get(self.version, BASE["v2ProPlus"])
        for key, fallback in zip(("t2s_weights_path", "vits_weights_path"), base, strict=True):
            if not custom.get(key) or not os.path.exists(custom[key]):
                custom[key] = fallback
                print(f"fall back to default {key}: {fallback}", flush=True)
        self.weights: dict[str, bytes] = {}
        self.cache: dict[str, Any] = {"path": None, "reference": None, "prompt_text": None}
        self.load("t2s_weights_path", custom["t2s_weights_path"])
        self.load("vits_weights_path", custom["vits_weights_path"])

    def load(self, key: str, path: str) -> None:
        """The path is written down before the file is opened, as for the real GPT weights."""
        ignored = bool(self.faults().get("ignore_weights"))
        self.custom[key] = self.custom[key] if ignored else path
        self.save()
        content = Path(path).read_bytes()
        if not content:
            raise RuntimeError("PytorchStreamReader failed reading zip archive: failed finding central directory")
        if not ignored:
            self.weights[key] = hashlib.sha256(content).digest()

    def save(self) -> None:
        self.config.write_text(yaml.safe_dump({"custom": self.custom}), encoding="utf-8")

    def set_reference(self, path: str) -> None:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        if not 3.0 <= len(mono) / rate <= 10.0:
            raise OSError(NOT_IN_RANGE)
        # What is worked out belongs to the weights of this moment, and stays when they are switched.
        self.cache.update(path=path, reference=(mono, rate), made_with=dict(self.weights))

    def faults(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.config.parent / "faults.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def strikes(self, name: str) -> bool:
        """Whether this counted fault happens now; its count goes down."""
        faults = self.faults()
        if not faults.get(name):
            return False
        faults[name] -= 1
        (self.config.parent / "faults.json").write_text(json.dumps(faults), encoding="utf-8")
        return True

    def run(self, request: dict[str, Any]) -> Iterator[tuple[int, NDArray[np.int16]]]:
        languages = V1 if self.version == "v1" else V2
        assert request["text_lang"] in languages
        if request["prompt_text"] not in (None, ""):
            assert request["prompt_lang"] in languages
        elif self.version in ("v3", "v4"):
            raise ValueError("prompt_text cannot be empty when using SoVITS_V3")
        if request["ref_audio_path"] != self.cache["path"]:
            if not os.path.exists(request["ref_audio_path"]):
                raise ValueError(f"{request['ref_audio_path']} not exists")
            self.set_reference(request["ref_audio_path"])
        if not any(sign.isalnum() for sign in request["text"]):
            yield 16000, np.zeros(16000, dtype=np.int16)
            return
        if self.strikes("die"):
            os._exit(13)
        if seconds := self.faults().get("hang"):
            time.sleep(float(seconds))
        if self.strikes("silent"):
            # The real one prints its trace, yields this and raises when it is asked for more, which nobody does.
            failure = self.faults().get("failure", "CUDA error: an illegal memory access was encountered")
            print(f"Traceback (most recent call last):\nRuntimeError: {failure}", file=sys.stderr, flush=True)
            yield 16000, np.zeros(16000, dtype=np.int16)
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        mono, rate = self.cache["reference"]
        marks = hashlib.sha256(b"".join(made for _, made in sorted(self.cache["made_with"].items()))).digest()
        spoken = speak_like(
            request["text"], request["text_lang"], mono, rate, marks, RATES[self.version],
            speed=float(request["speed_factor"]), seed=int(request["seed"]),
        )  # fmt: skip
        padding = np.zeros(int(RATES[self.version] * request["fragment_interval"]), dtype=np.float32)
        audio = np.concatenate([spoken, padding])
        yield RATES[self.version], (audio * 32767).astype(np.int16)


class TtsRequest(BaseModel):
    text: str | None = None
    text_lang: str | None = None
    ref_audio_path: str | None = None
    aux_ref_audio_paths: list[str] | None = None
    prompt_lang: str | None = None
    prompt_text: str = ""
    top_k: int = 15
    top_p: float = 1
    temperature: float = 1
    text_split_method: str = "cut5"
    batch_size: int = 1
    batch_threshold: float = 0.75
    split_bucket: bool = True
    speed_factor: float = 1.0
    fragment_interval: float = 0.3
    seed: int = -1
    media_type: str = "wav"
    streaming_mode: bool | int = False
    parallel_infer: bool = True
    repetition_penalty: float = 1.35
    sample_steps: int = 32
    super_sampling: bool = False
    overlap_length: int = 2
    min_chunk_length: int = 16


def refused(message: str, exception: str | None = None) -> JSONResponse:
    content = {"message": message} if exception is None else {"message": message, "Exception": exception}
    return JSONResponse(status_code=400, content=content)


def check_params(request: dict[str, Any], version: str) -> JSONResponse | None:
    languages = V1 if version == "v1" else V2
    if request["ref_audio_path"] in (None, ""):
        return refused("ref_audio_path is required")
    if request["text"] in (None, ""):
        return refused("text is required")
    for key in ("text_lang", "prompt_lang"):
        if request[key] in (None, ""):
            return refused(f"{key} is required")
        if request[key].lower() not in languages:
            return refused(f"{key}: {request[key]} is not supported in version {version}")
    if request["media_type"] not in ("wav", "raw", "ogg", "aac"):
        return refused(f"media_type: {request['media_type']} is not supported")
    if request["text_split_method"] not in CUTS:
        return refused(f"text_split_method:{request['text_split_method']} is not supported")
    return None


def make_app(pipeline: Pipeline) -> FastAPI:
    app = FastAPI()

    async def handle(request: dict[str, Any]) -> Response:
        if (bad := check_params(request, pipeline.version)) is not None:
            return bad
        if request["streaming_mode"] not in (0, 1, 2, 3):
            return refused("the value of streaming_mode must be 0, 1, 2, 3(int) or true/false(bool)")
        try:
            pieces = pipeline.run(request)
            if request["streaming_mode"]:
                return StreamingResponse(streamed(pieces), media_type="audio/wav")
            rate, samples = next(pieces)  # blocks the whole server, as the real one does
            buffer = io.BytesIO()
            soundfile.write(buffer, samples, rate, format="wav")
            if said := pipeline.faults().get("answer"):
                half = buffer.getvalue()[: len(buffer.getvalue()) // 2]
                return Response(half if said == "half" else str(said), media_type="text/html")
            return Response(buffer.getvalue(), media_type="audio/wav")
        except Exception as error:
            return refused("tts failed", str(error))

    @app.post("/tts")
    async def tts_post(request: TtsRequest) -> Response:
        return await handle(request.model_dump())

    @app.get("/tts")
    async def tts_get(
        text: str | None = None, text_lang: str | None = None, ref_audio_path: str | None = None,
        prompt_lang: str | None = None, prompt_text: str = "", seed: int = -1, media_type: str = "wav",
        streaming_mode: bool | int = False, speed_factor: float = 1.0,
    ) -> Response:  # fmt: skip
        given = TtsRequest(
            text=text, ref_audio_path=ref_audio_path, prompt_text=prompt_text, seed=seed, media_type=media_type,
            streaming_mode=streaming_mode, speed_factor=speed_factor,
            text_lang=text_lang.lower(),  # type: ignore[union-attr]  # without one this ends in a 500, as there
            prompt_lang=prompt_lang.lower(),  # type: ignore[union-attr]
        )  # fmt: skip
        return await handle(given.model_dump())

    @app.get("/set_refer_audio")
    async def set_refer_audio(refer_audio_path: str | None = None) -> Response:
        try:
            pipeline.set_reference(refer_audio_path)  # type: ignore[arg-type]
        except Exception as error:
            return refused("set refer audio failed", str(error))
        return JSONResponse({"message": "success"})

    @app.get("/set_gpt_weights")
    async def set_gpt_weights(weights_path: str | None = None) -> Response:
        return switched("gpt", "t2s_weights_path", weights_path)

    @app.get("/set_sovits_weights")
    async def set_sovits_weights(weights_path: str | None = None) -> Response:
        return switched("sovits", "vits_weights_path", weights_path)

    def switched(kind: str, key: str, path: str | None) -> Response:
        if path in (None, ""):
            return refused(f"{kind} weight path is required")
        try:
            pipeline.load(key, str(path))
        except Exception as error:
            return refused(f"change {kind} weight failed", str(error))
        return JSONResponse({"message": "success"})

    @app.get("/control")
    async def control(command: str | None = None) -> Any:
        if command is None:
            return refused("command is required")
        if command == "restart":
            os.execl(sys.executable, sys.executable, *sys.argv)
        elif command == "exit":
            os.kill(os.getpid(), signal.SIGTERM)
        return None

    return app


def streamed(pieces: Iterator[tuple[int, NDArray[np.int16]]]) -> Iterator[bytes]:
    """A header that says 0 frames, then bare samples."""
    for number, (rate, samples) in enumerate(pieces):
        if number == 0:
            head = io.BytesIO()
            with wave.open(head, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(rate)
                file.writeframes(b"")
            yield head.getvalue()
        yield samples.tobytes()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--tts_config", default="GPT_SoVITS/configs/tts_infer.yaml")
    parser.add_argument("-a", "--bind_addr", default="127.0.0.1")
    parser.add_argument("-p", "--port", type=int, default=9880)
    args = parser.parse_args()
    uvicorn.run(make_app(Pipeline(Path(args.tts_config))), host=args.bind_addr, port=args.port, log_level="warning")


if __name__ == "__main__":
    main()
