"""What a running tool sees of the studio: the executor's implementation of `ToolContext`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.gpu.engine import Engine
from backends.gpu.lease import Lease
from configs.errors import UsageError
from memory.records import Asset, AssetKind, Score
from tools.events import AssetMade, Progress, Scored
from tools.intake import KINDS_IN_WORDS, import_workspace_file
from tools.publish import publish, sha256_of
from tools.spec import Tool, ToolOutcome

if TYPE_CHECKING:
    from tools.executor import Executor, Run


CLOCK_STEP = 0.05
"""Seconds by which a file's time may lie behind the clock."""
LOOKED_THROUGH = 64 * 2**20
"""Files up to this many bytes are compared whole (0.1 s): their time says nothing where the clock was set back."""


class RunContext:
    """One call's view; see `tools.spec.ToolContext` for what each member promises."""

    def __init__(self, executor: Executor, tool: Tool, run: Run, lease: Lease) -> None:
        self._executor, self._tool, self._run, self._lease = executor, tool, run, lease
        self.settings = executor.studio.settings
        self.workspace = executor.studio.workspace
        self.memory = executor.studio.memory
        self.engines: Mapping[str, Engine] = dict(lease.engines)
        self.cancel, self.thread, self.step = run.cancel, run.thread, run.step
        self.warnings: list[str] = list(lease.notices)
        self._scratch: Path | None = None

    def progress(self, done: float, total: float, note: str = "") -> None:
        self.cancel.check()
        self._lease.heartbeat()
        self._run.emit(Progress(thread=self.thread, step=self.step, done=done, total=total, note=note))

    def engine(self, kind: str) -> Any:
        self._lease.check()
        for engine in self.engines.values():
            if engine.kind == kind:
                return engine
        raise UsageError(f"{self._tool.name} did not lease an engine of kind '{kind}'")

    def asset(self, ref: str, *kinds: AssetKind) -> Asset:
        # a path means the file as it is now, not an older import of the same name
        found = self._from_path(ref) if "/" in ref else None
        try:
            found = found or self._as_it_is_now(ref, self.memory.find_asset(ref, kinds, thread=self.thread))
        except UsageError:
            found = self._from_path(ref)
            if found is None:
                raise
        if kinds and found.kind not in kinds:
            wanted = " or ".join(KINDS_IN_WORDS.get(k, k) for k in kinds)
            raise UsageError(
                f"'{found.name}' is {KINDS_IN_WORDS.get(found.kind, found.kind)}",
                f"{self._tool.name} needs {wanted} here",
            )
        return found

    def _as_it_is_now(self, ref: str, found: Asset) -> Asset:
        """Of a file of the workspace and what the studio made under its name, the newer one; which one is said.

        A file that was taken in by its name and written anew since is taken in again.
        """
        file = self.workspace.home / ref
        if found.name != ref or not file.is_file():
            return found
        changed = file.stat().st_mtime
        if not found.tool:
            anew = changed > found.created_at - CLOCK_STEP or _differs(file, found)
            return (self._from_path(ref) or found) if anew else found
        if changed > found.created_at and (taken := self._from_path(ref)) is not None and taken.id != found.id:
            self.warn(f"The file '{ref}' of the workspace was taken; {found.id}, which the studio made, is older")
            return taken
        if not any(one.name == ref and not one.tool for one in self.memory.lineage(found.id)):
            self.warn(f"{found.id} was taken, which the studio made; the file '{ref}' of the workspace is older")
        return found

    def _from_path(self, ref: str) -> Asset | None:
        return import_workspace_file(ref, self.workspace, self.memory, self.settings, self.thread)

    def path(self, asset: Asset) -> Path:
        path = self.workspace.inside(asset.path)
        if not path.is_file():
            raise UsageError(
                f"The file of '{asset.name}' is gone", f"{asset.path} was removed", "Make or attach it again"
            )
        return path

    def scratch(self, suffix: str) -> Path:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(dir=self.workspace.tmp))
        count = sum(1 for _ in self._scratch.iterdir())
        while (path := self._scratch / f"{count:03d}{suffix}").exists():
            count += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        # reserve the name, so that two calls before the first write differ
        path.touch()
        return path

    def save(
        self,
        file: Path,
        kind: AssetKind,
        name: str,
        *,
        engine: str = "",
        engine_version: str = "",
        params: Mapping[str, Any] | None = None,
        seed: int | None = None,
        parents: tuple[str, ...] = (),
        scores: tuple[Score, ...] = (),
        summary: str = "",
    ) -> Asset:
        asset = publish(
            self.workspace,
            self.memory,
            file,
            kind,
            name,
            engine=engine,
            engine_version=engine_version,
            tool=self._tool.name,
            params=params or {},
            seed=seed,
            parents=parents,
            scores=scores,
            thread=self.thread,
            step=self.step,
            summary=summary,
        )
        self._run.emit(AssetMade(thread=self.thread, step=self.step, asset=asset))
        for score in scores:
            self._run.emit(Scored(thread=self.thread, step=self.step, asset_id=asset.id, score=score))
        return asset

    def call(self, tool: str, args: Mapping[str, Any], *, key: str = "", title: str = "") -> ToolOutcome:
        name = key or tool
        inner = replace(
            self._run,
            step=f"{self.step}/{name}" if self.step else name,
            grant=self._run.grant.for_substep(),
            depth=self._run.depth + 1,
        )
        outcome = self._executor.run(tool, args, inner, key=f"{self._tool.name}/{key}" if key else "", title=title)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def engine_states(self) -> list[dict[str, Any]]:
        return self._executor.arbiter.status()

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def clean(self) -> None:
        """Remove what was not saved."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _differs(file: Path, asset: Asset) -> bool:
    """Whether a file is not what was taken in from it, as far as that can be told fast."""
    if asset.kind == "dataset":
        return False  # what is kept was made of it
    size = file.stat().st_size
    return size != asset.bytes or (size <= LOOKED_THROUGH and sha256_of(file) != asset.sha256)
