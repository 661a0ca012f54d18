"""Measures clips when a planner asks, each once: records, closer looks, music, descriptions of shots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UsageError
from tools.analysis.aspects import Aspect
from tools.editing.arrangement import Bed, Part
from tools.editing.decision.closer import Closer, look_closer
from tools.editing.decision.facts import Facts, Span
from tools.editing.decision.known import known_heads
from tools.editing.decision.music import FEWEST_BEATS, Music
from tools.editing.program import Source
from tools.editing.seen import seen

if TYPE_CHECKING:
    from backends.sound.result import Sound
    from backends.vision.record import FilmRecord
    from memory.records import Asset
    from tools.spec import ToolContext

ASPECTS: tuple[Aspect, ...] = ("shots", "sound", "scenes", "camera")
"""What planners need of a film."""


class Looking:
    """What is known of the clips of one edit."""

    def __init__(
        self, ctx: ToolContext, assets: Mapping[str, Asset], music: tuple[Source, Asset] | None = None
    ) -> None:
        """assets: the clips by id, in their order. music: an attached piece that the cut may follow."""
        self._ctx, self._assets, self._music = ctx, dict(assets), music
        self._facts: dict[tuple[str, bool], Facts] = {}
        self._heard: Music | None = None
        self.lines: dict[str, tuple[Span, ...]] = {}
        """When lines are said in a clip, by its id, where its captions tell."""
        self.spans: list[str] = []
        """Liveliest stretches that were found, in words."""

    def facts(self, part: Part, *, closer: bool = False) -> Facts:
        """What is known of a part's clip; `closer` adds sharpness and the subject's way."""
        key = part.source.asset_id
        known = self._facts.get((key, closer))
        if known is not None:
            return known
        asset = self._assets[key]
        number = list(self._assets).index(key) + 1
        record = self._record(asset)
        look = None
        if closer:
            self._ctx.progress(0, 1, f"looking closer at {asset.name}")
            look = self._look(asset)
        made = Facts(number, asset.name, record, look, self.lines.get(key, ()))
        self._facts[(key, closer)] = made
        return made

    def near(self, part: Part, seconds: Collection[float]) -> Facts:
        """What is known of a part's clip, with where its subject is at these seconds of it."""
        facts, asset = self.facts(part), self._assets[part.source.asset_id]
        self._ctx.progress(0, 1, f"looking closer at the cuts of {asset.name}")
        look = self._look(asset, seconds)
        return replace(facts, closer=look)

    def _look(self, asset: Asset, near: Collection[float] = ()) -> Closer:
        ctx = self._ctx
        heads = known_heads(asset, ctx)
        return look_closer(ctx.path(asset), ctx.workspace.cache / "looks", asset.sha256, ctx.cancel.check, near, heads)

    def close(self, part: Part) -> Facts:
        return self.facts(part, closer=True)

    def _record(self, asset: Asset, *more: Aspect) -> FilmRecord:
        from tools.analysis.captions_measured import measured_text

        record = seen(asset, self._ctx, *ASPECTS, *more)
        told = [shot if shot.text else shot.model_copy(update={"text": measured_text(shot)}) for shot in record.shots]
        return record.model_copy(update={"shots": tuple(told)})

    def described(self, part: Part) -> Facts:
        """The same with what is said in the shots, and what a served vision model says of them where there is one."""
        asset = self._assets[part.source.asset_id]
        facts = self.facts(part)
        record = self._record(asset, "content")
        made = replace(facts, record=record)
        self._facts[(part.source.asset_id, False)] = made
        return made

    @property
    def has_music(self) -> bool:
        """Whether a piece of music was attached."""
        return self._music is not None

    def lively(self, source: Source, seconds: float) -> tuple[float, float]:
        """Start and end of a source's liveliest stretch."""
        from backends.vision.motion import liveliest_span

        self._ctx.progress(0, 1, "looking for the most lively part")
        begin, end = liveliest_span(source.path, seconds, cancel=self._ctx.cancel.check)
        self.spans.append(f"{begin:.2f}-{end:.2f} s")
        return begin, end

    def bed(self) -> Bed:
        """The attached piece, to be laid under a cut. Raises UsageError when none is."""
        if self._music is None:
            raise UsageError("There is no music to lay under the cut", fix="Attach the music, or name it")
        source, asset = self._music
        return Bed(source, asset.path, Path(asset.name).stem)

    def music(self, parts: tuple[Part, ...]) -> tuple[Music, Bed]:
        """What the cut follows: the attached music, else a clip's own sound with a steady beat.

        Raises UsageError when there is neither.
        """
        if self._music is not None:
            _, asset = self._music
            if self._heard is None:
                self._heard = Music(asset.name, _listen(asset, self._ctx))
            return self._heard, self.bed()
        for part in parts:
            facts = self.facts(part)
            if facts.sound is not None and len(facts.beats) >= FEWEST_BEATS:
                return Music(facts.name, facts.sound, own=True), Bed(part.source, part.path, part.name)
        names = ", ".join(asset.name for asset in self._assets.values())
        raise UsageError(
            "There is no music to cut to",
            f"none is attached, and no steady beat is heard in {names[:120]}",
            "Attach the music, or name it",
        )

    def warn(self, text: str) -> None:
        self._ctx.warn(text)


def _listen(asset: Asset, ctx: ToolContext) -> Sound:
    from backends.media.probe import probe
    from backends.sound.meter import SoundMeter
    from backends.vision.watch import listen

    path, meter = ctx.path(asset), SoundMeter()
    info = probe(path)
    if not info.has_audio:
        raise UsageError(f"'{asset.name}' has no sound", "a cut can follow only what is heard")
    listen(
        path,
        [meter],
        info=info,
        cancel=ctx.cancel.check,
        on_progress=lambda at: ctx.progress(min(at, info.seconds), info.seconds, f"listening to {asset.name}"),
    )
    return meter.report()
