"""The report on a trained voice: one page that opens from a file and needs no network."""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends.voice.training.steps import TITLES
from configs.voice_training import load_voice_training
from memory.records import Asset
from tools.spec import ToolContext
from tools.voice.consent import Consent
from tools.voice.train_dataset import Material

TEMPLATE = Path(__file__).with_name("train_report.html.jinja")
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 630.0, 10.0, 170.0
_MOST_POINTS = 600


@dataclass(frozen=True)
class Trial:
    """What came of the test line."""

    asset: Asset | None
    similarity: float | None
    """None = not measured."""
    by: str
    why: str
    """A note; why it was not measured."""

    @property
    def is_ratio(self) -> bool:
        """Whether the pass mark applies."""
        return "/" in self.by


@dataclass(frozen=True)
class Curve:
    """A loss as the page draws it."""

    title: str
    points: str
    """SVG's 'x,y x,y ...'."""
    top: str
    bottom: str
    begin: int
    end: int
    first: str
    last: str
    count: int
    epochs: int


def write_report(
    ctx: ToolContext, name: str, material: Material, trained: Mapping[str, Any], trial: Trial, consent: Consent
) -> Asset:
    """Save the page as an asset."""
    file = ctx.scratch(".html")
    file.write_text(report_html(ctx, name, material, trained, trial, consent), encoding="utf-8")
    parents = (material.asset.id, *((trial.asset.id,) if trial.asset is not None else ()))
    summary = f"training of {name}'s voice: losses, lost clips, similarity, consent"
    return ctx.save(file, "report", f"Training of {name}'s voice.html", parents=parents, summary=summary)


def report_html(
    ctx: ToolContext, name: str, material: Material, trained: Mapping[str, Any], trial: Trial, consent: Consent
) -> str:
    """The page's text; everything in it is escaped."""
    from jinja2 import Environment, StrictUndefined

    sound = ""
    if trial.asset is not None:
        content = base64.b64encode(ctx.path(trial.asset).read_bytes()).decode()
        sound = f"data:audio/wav;base64,{content}"
    curves = [one for step, rows in trained["losses"].items() if (one := curve(TITLES[step], rows)) is not None]
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        name=name,
        version=trained["version"],
        date=datetime.date.today().isoformat(),
        material=material,
        trial=trial,
        wanted=load_voice_training(ctx.settings).cloning.similarity_wanted,
        sound=sound,
        curves=curves,
        counts=trained["counts"],
        titles=TITLES,
        consent=consent,
        weights=trained["weights"],
        epochs=trained["epochs"],
        batch=trained["batch"],
        times=trained["seconds"],
    )


def curve(title: str, rows: Sequence[Sequence[float]]) -> Curve | None:
    """rows: [epoch, step, loss]; None when fewer than two are numbers."""
    good = [(int(epoch), int(step), loss) for epoch, step, loss in rows if math.isfinite(loss)]
    if len(good) < 2:
        return None
    kept = good[:: max(1, len(good) // _MOST_POINTS)]
    low, high = min(loss for *_, loss in good), max(loss for *_, loss in good)
    begin, end = good[0][1], good[-1][1]

    def place(step: int, loss: float) -> str:
        x = _LEFT + (_RIGHT - _LEFT) * (step - begin) / max(1, end - begin)
        y = _BOTTOM - (_BOTTOM - _TOP) * (loss - low) / max(high - low, 1e-9)
        return f"{x:.1f},{y:.1f}"

    points = " ".join(place(step, loss) for _, step, loss in kept)
    first, last = f"{good[0][2]:.4g}", f"{good[-1][2]:.4g}"
    return Curve(title, points, f"{high:.4g}", f"{low:.4g}", begin, end, first, last, len(good), good[-1][0])
