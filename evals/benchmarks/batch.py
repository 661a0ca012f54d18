"""What a batch costs beside its pictures: over single calls in the same run, per finished one when it goes on."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

PICTURES = 12
SIZE = {"width": 64, "height": 64}
STEPS = 8


def run() -> dict[str, Any]:
    """A tiny SDXL with random weights: seconds of single calls, of a batch of as many, and of the same batch again.

    Single calls and the batch take turns in both orders, so that a machine that warms up or slows down favours neither.
    'own' is the batch's time outside its calls of generate_image, which other load on the machine changes least.
    """
    from tools.opening import opened_executor

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as folder, opened_executor(_settings(folder)) as executor:
        _single(executor, 1, "warm up")
        single = [_single(executor, PICTURES, "first")]
        batch, inside = [_batch(executor, "first", sheet=False)], _inside(executor)
        batch.append(_batch(executor, "second", sheet=False))
        single.append(_single(executor, PICTURES, "second"))
        again = min(_batch(executor, "first", sheet=False) for _ in range(3))
        sheet = _batch(executor, "first", sheet=True) - again
        bare = min(_bare(executor) for _ in range(3))
    one, each = statistics.mean(single) / PICTURES, statistics.mean(batch) / PICTURES
    return {
        "pictures": PICTURES,
        "steps": STEPS,
        "single_call_ms": _ms(one),
        "batch_ms_per_picture": _ms(each),
        "batch_over_single_share": round(each / one - 1, 4),
        "batch_own_ms_per_picture": _ms((batch[0] - inside) / PICTURES),
        "batch_own_share": round((batch[0] - inside) / batch[0], 4),
        "pictures_per_minute": round(60 / each, 1),
        "resume_ms_per_finished_picture": _ms((again - bare) / (PICTURES - 1)),
        "resume_ms_with_nothing_to_do": _ms(again),
        "sheet_ms": _ms(sheet),
    }


def _settings(folder: str) -> Any:
    import yaml
    from transformers import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    from configs.settings import load_settings
    from evals.benchmarks.swapping.random_sdxl import build_random_sdxl

    home = Path(folder) / "home"
    (home / "configs").mkdir(parents=True)
    qualities = {name: {"steps": STEPS, "guidance": 5.0} for name in ("draft", "standard", "final")}
    (home / "configs" / "sdxl_config.yaml").write_text(yaml.safe_dump({"qualities": qualities}))
    return load_settings(
        home=home, brain="offline", budget={"rounds": 1}, memory={"index": "numpy", "embedder": "letters"},
        image={"engine": "sdxl", "sdxl_path": str(build_random_sdxl(Path(folder) / "model"))},
        vision={"clip": "", "dinov2": "", "arcface": ""},
    )  # fmt: skip


def _single(executor: Any, count: int, words: str) -> float:
    """Seconds of `count` calls of generate_image."""
    from tools.executor import Run

    began = time.perf_counter()
    for number in range(count):
        wish = {"prompt": f"a kite, single {words} {number}", **SIZE}
        outcome = executor.run("generate_image", wish, Run(thread="bench"))
        if outcome.error is not None:
            raise outcome.error
    return time.perf_counter() - began


def _batch(executor: Any, words: str, *, sheet: bool, count: int = PICTURES) -> float:
    from tools.executor import Run

    began = time.perf_counter()
    wish = {"prompts": [f"a kite, batch {words} {number}" for number in range(count)], "sheet": sheet, **SIZE}
    outcome = executor.run("generate_batch", wish, Run(thread="bench"))
    if outcome.error is not None:
        raise outcome.error
    return time.perf_counter() - began


def _inside(executor: Any) -> float:
    """Seconds that the last batch spent inside its calls of generate_image, as its report tells."""
    report = executor.studio.memory.list_assets("report", limit=1)[0]
    rows = json.loads((executor.studio.workspace.home / report.path).read_text(encoding="utf-8"))["pictures"]
    return float(sum(row["seconds"] for row in rows))


def _bare(executor: Any) -> float:
    """A finished batch of one picture: what a batch costs that does nothing."""
    _batch(executor, "bare", sheet=False, count=1)
    return _batch(executor, "bare", sheet=False, count=1)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
