"""Why a server did not come up: from its exit code and its last lines to one sentence with what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backends.gpu.engine import EngineOutOfMemory
from configs.errors import EngineError

_PREFIX = re.compile(r"^(\([\w ]+ pid=\d+\) )?((DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+[\d\- :,.]+(\[[^\]]*\] )?)?")
_MILD = re.compile(r"^(\([\w ]+ pid=\d+\) )?(DEBUG|INFO|WARNING)\s+[\d\-]+ ")
"""Records of vLLM's logger that ended nothing, whatever words they hold."""
_ERROR = re.compile(r"^([A-Za-z_.]*(Error|Exception|Exit)\b|error:|fatal|[\w.-]+: error:)", re.IGNORECASE)
_HOLLOW = re.compile(r"Engine core initialization failed|See root cause above|failed to start\.?$", re.IGNORECASE)


@dataclass(frozen=True)
class Failed:
    """A start that failed."""

    name: str
    happened: str
    """e.g. 'it ended with exit code 1'."""
    line: str
    """The telling line of its log."""
    log_file: str
    repair: str
    """How its environment is made anew."""


@dataclass(frozen=True)
class _Cause:
    sign: re.Pattern[str]
    error: type[EngineError]
    fix: Callable[[Failed], str]


def _cause(sign: str, fix: str | Callable[[Failed], str], error: type[EngineError] = EngineError) -> _Cause:
    return _Cause(re.compile(sign, re.IGNORECASE), error, fix if callable(fix) else lambda _: fix)


# Texts of torch, vLLM 0.33.0 (v1/worker/utils.py, v1/core/kv_cache_planning.py, transformers_utils/config.py,
# config/device.py), huggingface_hub, argparse and uvicorn; the first that fits any line decides.
CAUSES = (
    _cause(
        r"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|is less than desired "
        r"GPU memory utilization|is less than the engine's budget",
        "Close other programs that use the GPU, or choose a smaller model",
        EngineOutOfMemory,
    ),
    _cause(r"Cannot allocate memory|std::bad_alloc|^MemoryError", "Free main memory", EngineOutOfMemory),
    _cause(
        r"No available memory for the cache blocks|larger than the available KV cache memory",
        "Raise kv_mib or lower context in configs/llm_services.yaml",
    ),
    _cause(r"address already in use", "Stop the program that holds the port, or set another port"),
    _cause(r"unrecognized arguments|invalid choice|expected one argument", "Correct the flags in the configuration"),
    _cause(r"No module named|ImportError|cannot open shared object file", lambda failed: failed.repair),
    _cause(r"GatedRepo|401 Client Error|403 Client Error", "Accept the model's licence on its page and set HF_TOKEN"),
    _cause(
        r"Invalid repository ID or local directory|does not appear to have a file named|couldn't connect to|"
        r"LocalEntryNotFound|OfflineModeIsEnabled|Cannot find any model weights|No such file or directory",
        "Put the model's folder below the warehouse, whole",
    ),
    _cause(
        r"Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|driver version is insufficient|"
        r"no kernel image is available|could not select device driver",
        "Check the GPU and its driver with nvidia-smi",
    ),
    _cause(r"Cannot connect to the Docker daemon|permission denied.*docker", "Start Docker, or use the venv runtime"),
    _cause(r"Unable to find image|pull access denied|manifest unknown", "Pull the image with 'docker pull'"),
)


def explain(failed: Failed, lines: Sequence[str]) -> EngineError:
    """The error to raise for a start that failed, after the lines of its log."""
    plain = [_PREFIX.sub("", line).strip() for line in lines if not _MILD.match(line)]
    for cause in CAUSES:
        line = next((text for text in reversed(plain) if cause.sign.search(text)), "")
        if line:
            return cause.error(_problem(failed), f"{failed.happened}: {_short(line)}", cause.fix(failed))
    line = failed.line or telling(plain)
    said = f": {_short(line)}" if line else ""
    return EngineError(_problem(failed), f"{failed.happened}{said}", f"Read {failed.log_file}")


def telling(lines: Sequence[str]) -> str:
    """The last line that names an error, else the last line; '' without lines."""
    plain = [_PREFIX.sub("", line).strip() for line in lines]
    errors = [line for line in plain if _ERROR.match(line) and not _HOLLOW.search(line)]
    return errors[-1] if errors else next((line for line in reversed(plain) if line), "")


def exit_text(code: int | None) -> str:
    """'it ended with exit code 1', 'it was killed (signal 9)'."""
    if code is None:
        return "it is gone"
    return f"it was killed (signal {-code})" if code < 0 else f"it ended with exit code {code}"


def _problem(failed: Failed) -> str:
    return f"'{failed.name}' could not be started"


def _short(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
