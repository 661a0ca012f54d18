"""How the fake vLLM starts: its command line, its log lines and the ways in which a start fails."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fake_device import FakeDevice
    from fake_vllm import Traps

OUT_OF_MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.16 GiB. GPU 0 has a total capacity of 15.48 GiB "
    "of which 623.06 MiB is free."
)


def parse(argv: list[str]) -> argparse.Namespace:
    """`vllm serve`'s own flags, as far as anybody uses them; others are refused as argparse does it."""
    parser = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", allow_abbrev=False)
    serve.add_argument("model_tag", nargs="?")
    for flag in ("host", "quantization", "tool-call-parser", "reasoning-parser", "limit-mm-per-prompt", "dtype"):
        serve.add_argument(f"--{flag}", default="" if flag != "host" else None)
    for flag in ("chat-template", "config", "load-format", "download-dir", "revision", "kv-cache-dtype", "runner"):
        serve.add_argument(f"--{flag}")
    for flag in ("max-model-len", "kv-cache-memory-bytes", "max-num-seqs", "max-cudagraph-capture-size", "seed"):
        serve.add_argument(f"--{flag}", type=int)
    serve.add_argument("--max-num-batched-tokens", type=int)
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--gpu-memory-utilization", type=float, default=0.92)
    serve.add_argument("--served-model-name", nargs="+")
    serve.add_argument("--api-key", nargs="*")
    serve.add_argument("--middleware", action="append", default=[])
    for flag in ("enable-sleep-mode", "enable-auto-tool-choice", "enforce-eager", "enable-prefix-caching"):
        serve.add_argument(f"--{flag}", action="store_true")
    for flag in ("disable-uvicorn-access-log", "disable-fastapi-docs", "trust-remote-code"):
        serve.add_argument(f"--{flag}", action="store_true")
    return parser.parse_args(argv)


def run_start_up(args: argparse.Namespace, traps: Traps, core_pid: int, device: FakeDevice | None) -> None:
    """Print what vLLM prints, over `traps.start_s` seconds. Raises SystemExit(1) when the start fails."""
    lines = _lines(args, core_pid)
    pause = traps.start_s / len(lines)
    _refuse_model(args)
    for number, line in enumerate(lines):
        if number == 3:
            _refuse_memory(args, core_pid, device)
            _fail(traps, core_pid)
        if number == 6 and traps.start_hangs:
            time.sleep(3600)
        print(line, flush=True, file=sys.stderr if "it/s" in line else sys.stdout)
        time.sleep(pause)


def _lines(args: argparse.Namespace, core_pid: int) -> list[str]:
    """vllm/v1/worker/gpu_model_runner.py, model_loader/weight_utils.py, compilation/*.py of 0.33.0."""
    api, core = (
        f"(APIServer pid={os.getpid()}) INFO 11-26 16:20:01 ",
        f"(EngineCore pid={core_pid}) INFO 11-26 16:20:02 ",
    )
    bar = "Loading safetensors checkpoint shards: "
    graphs = "\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE): "
    return [
        f"{api}[startup.py:38] vLLM server version 0.33.0, serving model {args.model_tag}",
        f"{core}[core.py:140] Initializing a V1 LLM engine (v0.33.0) with config: model='{args.model_tag}'",
        f"{core}[parallel_state.py:1789] world_size=1 rank=0 local_rank=0 backend=nccl",
        f"{core}[gpu_model_runner.py:4979] Starting to load model {args.model_tag}...",
        f"{bar}  0% Completed | 0/2 [00:00<?, ?it/s]",
        f"{bar} 50% Completed | 1/2 [00:01<00:01,  1.20s/it]",
        f"{bar}100% Completed | 2/2 [00:02<00:00,  1.10s/it]",
        f"{core}[default_loader.py:507] Loading weights took 2.31 seconds",
        f"{core}[gpu_model_runner.py:5089] Model loading took 5.71 GiB memory and 2.912345 seconds",
        f"{core}[backends.py:1126] Using cache directory: ~/.cache/vllm/torch_compile_cache/4/rank_0_0 for vLLM's "
        " torch.compile",
        f"{core}[backends.py:1188] Dynamo bytecode transform time: 5.12 s",
        f"{core}[backends.py:418] Compiling a graph for compile range (1, 2048) takes 8.40 s",
        f"{core}[monitor.py:60] torch.compile took 14.02 s in total",
        f"{core}[gpu_worker.py:773] Available KV cache memory: 2.25 GiB",
        f"{graphs}  0%|          | 0/5 [00:00<?, ?it/s]{graphs} 60%|######    | 3/5 [00:00<00:00, 20.01it/s]",
        f"{graphs}100%|##########| 5/5 [00:00<00:00, 21.31it/s]",
        f"{core}[gpu_model_runner.py:6517] Graph capturing finished in 1 secs, took 0.21 GiB",
        f"{core}[core.py:406] init engine (profile, create kv cache, warmup model) took 19.33 s (compilation: 14.02 s)",
        f"{api}[entry.py:139] Starting vLLM server on http://{args.host}:{args.port}",
    ]


def _refuse_model(args: argparse.Namespace) -> None:
    if os.environ.get("FAKE_VLLM_ANY_MODEL") or (Path(args.model_tag) / "config.json").is_file():
        return
    if os.environ.get("HF_HUB_OFFLINE") != "1" and not args.model_tag.startswith("/"):
        return  # it would be downloaded
    _die(
        f"ValueError: Invalid repository ID or local directory specified: '{args.model_tag}'.\n"
        "Please verify the following requirements:\n1. Provide a valid Hugging Face repository ID."
    )


def _refuse_memory(args: argparse.Namespace, core_pid: int, device: FakeDevice | None) -> None:
    """v1/worker/utils.py:761: free memory must reach utilisation x total whatever the KV cache is set to."""
    if device is None:
        return
    wanted = args.gpu_memory_utilization * device.total_mib
    if device.free_mib >= wanted:
        return
    _core_dies(
        core_pid,
        f"ValueError: Free memory on device cuda:0 ({device.free_mib / 1024:.2f}/{device.total_mib / 1024:.2f} GiB) "
        f"on startup is less than desired GPU memory utilization ({args.gpu_memory_utilization}, "
        f"{wanted / 1024:.2f} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
    )


def _fail(traps: Traps, core_pid: int) -> None:
    match traps.start_error:
        case "oom":
            _core_dies(core_pid, OUT_OF_MEMORY)
        case "module":
            _die("ModuleNotFoundError: No module named 'vllm._C'")
        case "model":
            _die("OSError: /models/x does not appear to have a file named config.json.")
        case "kv":
            _core_dies(
                core_pid,
                "ValueError: To serve at least one request with the model's max seq len (16384), (2.25 GiB KV cache is "
                "needed, which is larger than the available KV cache memory (1.12 GiB). Based on the available memory, "
                "the estimated maximum model length is 8176.",
            )
        case "cuda":
            _die("RuntimeError: Failed to infer device type, please set the environment variable")
        case "crash":
            os.kill(os.getpid(), 9)


def _core_dies(core_pid: int, text: str) -> None:
    prefix = f"(EngineCore pid={core_pid}) ERROR 11-26 16:20:03 [core.py:1586] "
    print(f"{prefix}EngineCore failed to start.\n{prefix}{text}", flush=True)
    _die("RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}")


def _die(text: str) -> None:
    print(
        f'Traceback (most recent call last):\n  File "vllm", line 8, in <module>\n{text}', file=sys.stderr, flush=True
    )
    raise SystemExit(1)
