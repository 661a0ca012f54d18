"""What the agent itself measures of a finished asset, whatever tool made it."""

from __future__ import annotations

from collections.abc import Iterable

from configs.errors import StudioError
from memory.records import Asset, Score
from tools.spec import Studio

MEDIA = ("image", "audio", "video")
MIN_SECONDS = 0.05


def check_asset(asset: Asset, studio: Studio) -> list[Score]:
    """Scores that the asset lacks: does its file open, and is there anything in it. Empty for what needs no check."""
    if asset.kind not in MEDIA or asset.params.get("stand_in") or any(s.name == "opens" for s in asset.scores):
        return []
    from backends.media.probe import probe

    try:
        info = probe(studio.workspace.inside(asset.path))
    except StudioError as error:
        return [Score("opens", 0.0, "measured", "probe", threshold=1.0, passed=False, note=error.sentence)]
    if asset.kind == "image":
        fine = bool(info.width and info.height)
        return [Score("opens", float(fine), "measured", "probe", threshold=1.0, passed=fine)]
    long_enough = info.seconds >= MIN_SECONDS
    note = "" if long_enough else f"only {info.seconds:.2f} s long"
    return [Score("opens", float(long_enough), "measured", "probe", threshold=1.0, passed=long_enough, note=note)]


def failed_gates(assets: Iterable[Asset]) -> list[tuple[Asset, Score]]:
    """Gates that were measured and not passed."""
    return [(a, s) for a in assets for s in a.scores if s.passed is False]


def in_words(asset: Asset, score: Score) -> str:
    """A failed gate for people."""
    value = "" if score.value is None else f" is {score.value:.2f}"
    wanted = "" if score.threshold is None else f", the mark is {score.threshold:.2f}"
    note = f" ({score.note})" if score.note else ""
    return f"{asset.name}: {score.name}{value}{wanted}{note}"
