"""The making of a batch: what is there already, picture after picture, and what may stop it."""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configs.errors import Cancelled, EngineError, PolicyError, StudioError
from memory.records import Asset
from tools.image.batch_depends import depends_on, recorded, to_fuse
from tools.image.batch_plan import MAKER, Item, Plan
from tools.image.manifest import FORM, Manifest
from tools.image.ranking import failing, total
from tools.notes import without_figures
from tools.spec import ToolContext

SAME_LOOK_BITS = 2
"""Of 64: pictures whose perceptual hashes differ in so few bits look the same."""
SAME_ERRORS = 3
"""After so many equal failures of the engine in a row the rest is not tried: it would fail the same way."""


@dataclass(frozen=True)
class Listed:
    """One picture of the plan, as it turned out."""

    item: Item
    asset: Asset | None = None
    seconds: float = 0.0
    """0 when it was there already."""
    passed: bool = False
    score: float = 0.0
    """0-1, the share of passed gates, failed ones by how near they came."""
    error: StudioError | None = None
    looks_like: int = 0
    """Number of an earlier picture that looks the same though it was asked for differently; 0 = none."""

    def row(self) -> dict[str, Any]:
        """For the report, JSON-ready."""
        asset = self.asset
        return {
            "number": self.item.number, "label": self.item.label, "origin": self.item.origin,
            "asset": asset.id if asset else None, "path": asset.path if asset else None,
            "seed": asset.seed if asset else self.item.args.get("seed"), "score": round(self.score, 4),
            "passed": self.passed, "seconds": round(self.seconds, 3), "twin_of": self.item.twin or None,
            "looks_like": self.looks_like or None, "error": self.error.sentence if self.error else None,
        }  # fmt: skip


def job_id(plan: Plan, making: Mapping[str, Any]) -> str:
    """Names a batch by all that decides its pictures: every argument, the engine, the hashes of its models."""
    text = json.dumps([FORM, [item.key for item in plan.items], making], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


class BatchRun:
    """One run of a batch, the first or one that goes on."""

    def __init__(
        self, plan: Plan, manifest: Manifest, ctx: ToolContext, *, min_score: float = 0.0, expected_s: float = 0.0
    ) -> None:
        """`expected_s`: seconds of a picture until some were made."""
        self._plan, self._manifest, self._ctx = plan, manifest, ctx
        self._min_score, self._expected_s = min_score, expected_s
        self._found: dict[int, Asset] = {}
        self._errors: dict[int, StudioError] = {}
        self._seconds: dict[int, float] = {}
        self._hashes: dict[int, str] = {}
        self._fused: frozenset[int] = frozenset()
        self._warned: dict[str, list[int]] = {}
        self.kept = 0

    @property
    def missing(self) -> int:
        return len(self._plan.single) - len(self._found)

    @property
    def finished(self) -> int:
        """Pictures that are there, twins not counted."""
        return len(self._found)

    @property
    def made(self) -> int:
        return len(self._seconds)

    @property
    def told(self) -> list[str]:
        """What the pictures' own calls warned of, each once with the numbers it holds for.

        Sentences that differ in their figures alone are one: of 200 pictures, nobody reads 200 figures.
        """
        groups: dict[str, list[tuple[str, list[int]]]] = {}
        for text, numbers in self._warned.items():
            groups.setdefault(without_figures(text), []).append((text, numbers))
        whole, told = len(self._plan.single), []
        for rows in groups.values():
            numbers = sorted({number for _, found in rows for number in found})
            example = rows[0][0] if len(rows) == 1 else f"{rows[0][0].rstrip('.')} (the first; the others are alike)"
            told.append(_with_numbers(example, numbers, whole))
        return told

    @property
    def progress_told(self) -> str:
        """'3 of 8 pictures are finished and kept', for a stop."""
        whole = len(self._plan.single)
        verb = "picture is" if whole == 1 else "pictures are"
        return f"{self.finished} of {whole} {verb} finished and kept"

    @property
    def seconds_each(self) -> float:
        """Median of the last ones made; the expectation before any was."""
        return statistics.median(list(self._seconds.values())[-8:]) if self._seconds else self._expected_s

    def begin(self, making: Mapping[str, Any]) -> None:
        """Find what is there already. A record whose characters or LoRAs are others now is set aside."""
        before = recorded(self._manifest)
        now = self.depends()
        if any(value and before.get(key) and before[key] != value for key, value in now.items()):
            changed = [key for key, value in now.items() if value and before.get(key) and before[key] != value]
            self._manifest.set_aside()
            self._ctx.warn(f"Made anew, because {' and '.join(sorted(changed))} changed since the last time")
            before = {}
        begun = self._manifest.last("batch")
        self._fused = frozenset(begun.get("fused", ())) if begun else to_fuse(self._plan, self._ctx)
        self._manifest.append(
            "batch", form=FORM, title=self._plan.title, pictures=len(self._plan.items), fused=sorted(self._fused),
            making=dict(making), depends={**before, **now},
        )  # fmt: skip
        for item in self._plan.single:
            found = self._manifest.finished(item.key, self._ctx.memory, self._ctx.workspace)
            if found is not None:
                self._found[item.number] = found[0]
                self._hashes[item.number] = str(found[1].get("look", ""))
        self.kept = len(self._found)

    def make_all(self) -> None:
        """Make what is missing. Raises Cancelled, and what would stop every further picture, too."""
        in_a_row: list[str] = []
        # those with the same merged LoRAs one after another: merging them again for each would cost more than it saves
        order = sorted(self._plan.single, key=lambda item: (item.number in self._fused, item.number))
        for item in order:
            if item.number in self._found:
                continue
            self._progress(item)
            began = time.perf_counter()
            try:
                outcome = self._ctx.call(MAKER, self._call_args(item), key=f"picture-{item.number}", title=item.label)
                if not outcome.assets:
                    raise StudioError(f"{MAKER} gave no picture", fix="Try again")
            except StudioError as error:
                if self._ends_all(error):
                    raise self._stopped(item, error) from error
                self._errors[item.number] = error
                self._manifest.append("failed", number=item.number, key=item.key, sentence=error.sentence)
                in_a_row = [*in_a_row, error.sentence] if isinstance(error, EngineError) else []
                if len(in_a_row) >= SAME_ERRORS and len(set(in_a_row[-SAME_ERRORS:])) == 1:
                    self._give_up(error)
                    return
                continue
            in_a_row = []
            self._seconds[item.number] = time.perf_counter() - began
            self._keep(item, outcome.assets[0])
            for text in outcome.result.warnings if outcome.result else ():
                self._warned.setdefault(text, []).append(item.number)
        self._ctx.progress(len(self._plan.single), len(self._plan.single), f"{self.finished} pictures")

    def listed(self) -> list[Listed]:
        """Every picture of the plan in its order, twins included."""
        out: list[Listed] = []
        seen: dict[int, str] = {}
        for item in self._plan.items:
            number = item.twin or item.number
            asset = self._found.get(number)
            if asset is None:
                error = self._errors.get(number) or StudioError("It was not tried", "the batch ended before")
                out.append(Listed(item, error=error))
                continue
            score = total(asset.scores)
            passed = not failing(asset.scores) and score >= self._min_score
            # of a varied series: faces that differ in their expression alone have nearly the same hash
            compared = not item.twin and not item.word and bool(self._hashes.get(number))
            like = _alike(self._hashes[number], seen) if compared else 0
            if compared:
                seen[number] = self._hashes[number]
            out.append(Listed(item, asset, self._seconds.get(item.number, 0.0), passed, score, None, like))
        return out

    def depends(self) -> dict[str, str]:
        """What the pictures depend on besides their arguments, as it is now."""
        return depends_on(self._plan, self._ctx)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _call_args(self, item: Item) -> dict[str, Any]:
        """With what the batch decides; said outright, it does not depend on the conversation that it goes on in."""
        words = item.args.get("prompt")
        same = [one for one in self._plan.single if one.number < item.number and one.args.get("prompt") == words]
        unlike = [self._found[one.number].id for one in same if one.number in self._found]
        fuse = {"fuse": True} if item.number in self._fused else {}
        return {**item.args, "unlike": unlike, **fuse}

    def _keep(self, item: Item, asset: Asset) -> None:
        from backends.media.images import load_image
        from backends.vision.hashes import perceptual_hash

        look = perceptual_hash(load_image(self._ctx.path(asset)))
        self._manifest.append(
            "picture", number=item.number, key=item.key, asset=asset.id, path=asset.path, sha256=asset.sha256,
            seed=asset.seed, look=look, seconds=round(self._seconds[item.number], 3),
            passed=not failing(asset.scores), score=round(total(asset.scores), 4),
        )  # fmt: skip
        self._found[item.number], self._hashes[item.number] = asset, look

    def _progress(self, item: Item) -> None:
        whole = len(self._plan.single)
        left = _in_words(self.seconds_each * (whole - self.finished - len(self._errors)))
        about = f", about {left} left" if left else ""
        self._ctx.progress(self.finished + len(self._errors), whole, f"{self.finished} of {whole}{about}")

    def _ends_all(self, error: StudioError) -> bool:
        if isinstance(error, Cancelled):
            return self._ctx.cancel.is_set  # else it is the time limit of this one picture
        return isinstance(error, PolicyError) or is_full_disk(error)

    def _stopped(self, item: Item, error: StudioError) -> StudioError:
        if not is_full_disk(error):
            return error
        return StudioError(
            f"The batch stopped at picture {item.number} of {len(self._plan.items)}", "the disk is full",
            f"Free space and ask again: {self.finished} pictures are finished and kept",
        )  # fmt: skip

    def _give_up(self, error: StudioError) -> None:
        rest = [one for one in self._plan.single if one.number not in self._found and one.number not in self._errors]
        for one in rest:
            self._errors[one.number] = error
        if rest:
            self._ctx.warn(f"{len(rest)} pictures were not tried, because {SAME_ERRORS} in a row failed the same way")


def is_full_disk(error: BaseException | None) -> bool:
    """Whether a full disk is at the bottom of it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
            return True
        error = error.__cause__
    return False


def _alike(look: str, seen: Mapping[int, str]) -> int:
    from backends.vision.hashes import nearest

    found = nearest(look, {str(number): other for number, other in seen.items()}) if look else None
    return int(found[0]) if found is not None and found[1] <= SAME_LOOK_BITS else 0


def _with_numbers(text: str, numbers: Sequence[int], whole: int) -> str:
    if len(numbers) == whole:
        return text
    shown = ", ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")
    return f"Picture {shown}: {text}"


def _in_words(seconds: float) -> str:
    """'40 s', '3 min', '2 h 5 min'; '' for nothing."""
    if seconds < 1:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
