"""A batch that the assistant is asked for in words: one call, one batch, also when every picture falls short."""

from __future__ import annotations

from pathlib import Path

from agent.build import build_agent
from configs.settings import load_settings


def test_a_batch_that_falls_short_is_not_made_three_times(tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path / "home", brain="offline", image={"preview_samples": 1, "width": 96, "height": 64},
        budget={"rounds": 2}, memory={"index": "numpy", "embedder": "letters"},
    )  # fmt: skip
    with build_agent(settings) as agent:
        report = agent.invoke("make a batch of 2 pictures of a red robot on the beach", yes=True)
    calls = [call for call in report["calls"] if call["tool"] == "generate_batch"]
    assert len(calls) == 1 and calls[0]["args"]["count"] == 2, report
    failed = [s for asset in report["assets"] for s in asset["scores"].values() if s.get("passed") is False]
    assert failed, "the pictures of this test are so small that their sharpness falls short"
    assert len(list((tmp_path / "home" / "batches").iterdir())) == 1
    assert {asset["kind"] for asset in report["assets"]} == {"image", "report"}
